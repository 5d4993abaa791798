"""The ledger of a run: its trials in an Optuna study, one Optuna trial per configuration.

Everything that survives the kernel goes through here. A write that fails (a full disk) stays in a backlog with those
after it, in order, and ``trouble`` says why; ``flush`` tries again. Nothing that was told is lost meanwhile.
"""

from __future__ import annotations

import json
import math
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from workbench.errors import StorageError
from workbench.events import Event, TrialFinished, TrialReported, TrialState, TrialSuggested
from workbench.losses import Direction, Goals, Loss, Sign, has_nan, times
from workbench.optuna_distributions import space_to_distributions
from workbench.space import Config, Space

KEY = "wb"  # user attribute of a trial: what it saw when it was suggested
ERROR = "wb:error"
INTERRUPTED = "wb:interrupted"
STEP = "wb:losses "  # with a step's number: several losses of that step (Optuna's intermediate values hold but one)
SECONDS = "wb:seconds"  # what its steps took
SKIPPED = "wb:skipped"  # never run: the suggestion broke a rule of the space
FIXED = "wb:fixed"  # values that the run holds fixed, as far as they were active in this trial
ORIGIN = "wb:origin"  # of a trial that this run has not run: where its result comes from

_STATES = {"complete": OptunaState.COMPLETE, "pruned": OptunaState.PRUNED, "failed": OptunaState.FAIL,
           "interrupted": OptunaState.FAIL}


@dataclass(frozen=True, slots=True)
class Saw:
    """What an algorithm saw when it suggested a trial: enough to ask it again.

    Attributes
    ----------
    told
        Number of trials that had ended, interrupted ones not counted, whether they fit the space or not.
    pending
        Numbers of the trials that ran.
    space, algorithm
        Which of the run's spaces and algorithms (both may be changed during a run).
    again
        Number of the interrupted trial whose configuration this one repeats.
    drawn
        False if the configuration was given, and no algorithm chose it.
    steps
        Points of the learning curves that the pending trials had, where a scheduler compares them.
    """

    told: int
    pending: tuple[int, ...] = ()
    space: int = 0
    algorithm: int = 0
    again: int | None = None
    drawn: bool = True
    steps: tuple[int, ...] = ()

    def data(self) -> dict[str, Any]:
        """As JSON data; defaults are left out."""
        out: dict[str, Any] = {"told": self.told}
        if self.pending:
            out["pending"] = list(self.pending)
        if self.space:
            out["space"] = self.space
        if self.algorithm:
            out["algorithm"] = self.algorithm
        if self.again is not None:
            out["again"] = self.again
        if not self.drawn:
            out["drawn"] = False
        if self.steps:
            out["steps"] = list(self.steps)
        return out

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Saw:
        """Read JSON data."""
        try:
            again = data.get("again")
            return cls(int(data["told"]), tuple(int(k) for k in data.get("pending", ())), int(data.get("space", 0)),
                       int(data.get("algorithm", 0)), None if again is None else int(again),
                       bool(data.get("drawn", True)), tuple(int(k) for k in data.get("steps", ())))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StorageError(f"a trial's attribute {KEY!r} is malformed: {data!r}.") from error


class _Template(FrozenTrial):
    """A trial about to be stored: nobody else holds it, so the copy that a storage makes need not be deep."""

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenTrial:
        return FrozenTrial(number=self.number, trial_id=self._trial_id, state=self.state, value=None,
                           datetime_start=self.datetime_start, datetime_complete=None, params=self.params,
                           distributions=self.distributions, user_attrs=self.user_attrs, system_attrs={},
                           intermediate_values={})


class Ledger:
    """Writes a run's trials into an Optuna study and reads them back. May be used from several threads.

    Parameters
    ----------
    study
        Where trials are kept; its directions give the signs of the losses.
    repair
        Called before a failed write is tried again (a journal file cuts its torn tail). Given only by the one owner
        of a file: all trials in it are then its own.

    Attributes
    ----------
    trouble
        Why the last write failed; empty while all is well.
    goals
        Directions, and the names of the losses.
    """

    def __init__(self, study: optuna.Study, *, repair: Callable[[], object] | None = None) -> None:
        self.study = study
        self.goals = goals_of(study)
        self.sign: Sign = self.goals.sign
        self.trouble = ""
        self._storage: BaseStorage = study._storage
        self._study_id: int = study._study_id
        self._ids: dict[int, int] = {}
        self._repair = repair
        self._backlog: deque[Callable[[], object]] = deque()
        self._doubtful = False  # a trial may have been created although the write was reported as failed
        self._distributions: tuple[Space, dict[str, BaseDistribution]] | None = None
        self._lock = threading.RLock()

    # ---- writing -----------------------------------------------------------------------------------------------

    def create(self, space: Space, config: Config, saw: Saw, fixed: Mapping[str, Any] | None = None) -> int:
        """Begin a trial with this configuration, in one write; returns its number. StorageError if it fails.

        ``fixed`` are the values that the objective gets besides.
        """
        if self._distributions is None or self._distributions[0] is not space:
            self._distributions = space, space_to_distributions(space)
        known = self._distributions[1]
        template = _Template(
            number=-1, trial_id=-1, state=OptunaState.RUNNING, value=None, values=None, datetime_start=datetime.now(),
            datetime_complete=None, params=dict(config), distributions={name: known[name] for name in config},
            user_attrs={KEY: saw.data(), **({FIXED: dict(fixed)} if fixed else {})}, system_attrs={}, intermediate_values={})
        with self._lock:
            trial_id = self._new(template)
            number = self._storage.get_trial_number_from_id(trial_id)
            self._ids[number] = trial_id
            return number

    def add(self, trial: FrozenTrial) -> int:
        """Add a trial that has ended elsewhere, in one write; returns its number. StorageError if it fails."""
        with self._lock:
            return self._storage.get_trial_number_from_id(self._new(trial))

    def _new(self, template: FrozenTrial) -> int:
        self.flush()
        self._skip_orphans()
        make = self._storage.create_new_trial
        return int(self._now(lambda: make(self._study_id, template_trial=template)))

    def _skip_orphans(self) -> None:
        """End trials that were begun although the storage said they were not (an fsync on a full disk)."""
        if not self._doubtful:
            return
        self._doubtful = False
        for t in self.trials():
            if self.is_ours(t) and t.number not in self._ids:
                self.adopt(t)
                self.tell(t.number, "pruned", None, "not run: the disk was full", skipped=True)

    def ask(self, saw: Saw) -> optuna.Trial:
        """Begin a trial whose parameters the study's own sampler suggests, one by one. StorageError if it fails."""
        with self._lock:
            self.flush()
            trial: optuna.Trial = self._now(self.study.ask)
            self._ids[trial.number] = trial._trial_id
            self._write(lambda: self._storage.set_trial_user_attr(trial._trial_id, KEY, saw.data()))
            return trial

    def fix(self, number: int, fixed: Mapping[str, Any]) -> None:
        """Keep the values that the objective gets besides, of a trial whose parameters were suggested one by one."""
        if fixed:
            trial_id = self._ids[number]
            self._write(lambda: self._storage.set_trial_user_attr(trial_id, FIXED, dict(fixed)))

    def report(self, number: int, step: int, loss: Loss) -> None:
        """Add a point to the learning curve."""
        trial_id, value = self._ids[number], times(self.sign, loss)
        if isinstance(value, tuple):
            self._write(lambda: self._storage.set_trial_user_attr(trial_id, f"{STEP}{step}", list(value)))
        else:
            self._write(lambda: self._storage.set_trial_intermediate_value(trial_id, step, value))

    def name_losses(self, names: tuple[str, ...]) -> None:
        """Keep the names of the losses, as Optuna keeps metric names."""
        self.goals = Goals(self.goals.directions, names)
        self._write(lambda: name_metrics(self.study, names))

    def tell(self, number: int, state: TrialState, loss: Loss | None, error: str | None = None, *,
             skipped: bool = False, seconds: float | None = None) -> None:
        """End a trial. ``skipped`` marks one that was never run; ``seconds`` are kept if given."""
        trial_id = self._ids.pop(number)
        put = self._storage.set_trial_user_attr
        writes: list[Callable[[], object]] = []
        if error is not None:
            text = error if len(error) < 20_000 else error[:4_000] + "\n[…]\n" + error[-16_000:]
            writes.append(lambda: put(trial_id, ERROR, text))
        if seconds is not None:
            writes.append(lambda: put(trial_id, SECONDS, seconds))
        if state == "interrupted":
            writes.append(lambda: put(trial_id, INTERRUPTED, True))
        if skipped:
            writes.append(lambda: put(trial_id, SKIPPED, True))
        values = None
        if loss is not None and not has_nan(loss) and state not in ("failed", "interrupted"):
            value = times(self.sign, loss)
            values = list(value) if isinstance(value, tuple) else [value]
        writes.append(lambda: self._end(trial_id, _STATES[state], values))
        self._write(*writes)

    def _end(self, trial_id: int, state: OptunaState, values: list[float] | None) -> None:
        sampler = self.study.sampler
        stateful = not isinstance(sampler, optuna.samplers.RandomSampler)
        if stateful or self._doubtful:
            frozen = self._storage.get_trial(trial_id)
            if frozen.state.is_finished():  # written although the storage had said it failed
                return
            if stateful:
                sampler.after_trial(self.study, frozen, state, values)
        self._storage.set_trial_state_values(trial_id, state=state, values=values)

    def set_attr(self, key: str, value: Any) -> None:
        """Keep a setting of the run."""
        self._write(lambda: self.study.set_user_attr(key, value))

    def _now(self, write: Callable[[], Any]) -> Any:
        """Write at once; StorageError if it cannot be done."""
        try:
            return write()
        except Exception as error:
            self._fail(error)
            raise StorageError(self.trouble) from error

    def _write(self, *writes: Callable[[], object]) -> None:
        """Write in order: now, or after the trouble is over."""
        with self._lock:
            self._backlog.extend(writes)
            if not self.trouble:
                self._drain()

    def _drain(self) -> None:
        while self._backlog:
            try:
                self._backlog[0]()
            except Exception as error:  # noqa: BLE001 - storages raise what they like; kept in ``trouble``
                self._fail(error)
                return
            self._backlog.popleft()

    def flush(self) -> None:
        """Write what still waits. Raises StorageError if that fails; it then still waits."""
        with self._lock:
            if self.trouble and self._repair is not None:
                try:
                    self._repair()
                except OSError as error:
                    self._fail(error)
                    raise StorageError(self.trouble) from error
            self.trouble = ""
            self._drain()
            if self.trouble:
                raise StorageError(self.trouble)

    def _fail(self, error: Exception) -> None:
        self._doubtful = True
        self.trouble = (f"The run cannot be written: {type(error).__name__}: {error}. Nothing told so far is lost; "
                        "make room or make the folder writable, then resume.")

    # ---- reading -----------------------------------------------------------------------------------------------

    def trials(self) -> list[FrozenTrial]:
        """All trials, by number, not copied: do not change them. StorageError if they cannot be read."""
        try:
            return self._storage.get_all_trials(self._study_id, deepcopy=False)
        except Exception as error:
            raise StorageError(f"The run cannot be read: {type(error).__name__}: {error}.") from error

    def trial(self, number: int) -> FrozenTrial:
        """One trial, not copied: do not change it."""
        return self._storage.get_trial(self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number))

    def is_ours(self, trial: FrozenTrial) -> bool:
        """Whether a running trial was begun by this run, not by another worker on a shared database."""
        return trial.state == OptunaState.RUNNING and (KEY in trial.user_attrs or self._repair is not None)

    def adopt(self, trial: FrozenTrial) -> None:
        """Take over a trial that an earlier session began."""
        self._ids[trial.number] = trial._trial_id

    def saw(self, number: int) -> Saw | None:
        """Return what that trial saw when it was suggested; None if the workbench did not suggest it."""
        data = self.trial(number).user_attrs.get(KEY)
        return None if data is None else Saw.of(data)

    def close(self) -> None:
        """Let go of connections."""
        self._storage.remove_session()


def in_told_order(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the ended trials in the order of their results."""
    ended = [t for t in trials if t.state.is_finished()]
    return sorted(ended, key=lambda t: (time_of(t.datetime_complete), t.number))


def state_of(trial: FrozenTrial) -> TrialState:
    """Our word for an Optuna trial's state. One that waits or runs is "running"."""
    if trial.user_attrs.get(INTERRUPTED):
        return "interrupted"
    names: dict[OptunaState, TrialState] = {OptunaState.COMPLETE: "complete", OptunaState.PRUNED: "pruned",
                                            OptunaState.FAIL: "failed"}
    return names.get(trial.state, "running")


def goals_of(study: optuna.Study) -> Goals:
    """Return a study's directions, and its metric names if it has any."""
    directions: tuple[Direction, ...] = tuple(
        "maximize" if d == StudyDirection.MAXIMIZE else "minimize" for d in study.directions)
    names = getattr(study, "metric_names", None)  # what Optuna's Hyperband shows a sampler in place of the study has none
    return Goals(directions, tuple(names or ()))


def name_metrics(study: optuna.Study, names: Sequence[str]) -> None:
    """Give a study's values names; what Optuna says of its own experimental functions is not for the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(names))


def loss_of(trial: FrozenTrial, sign: Sign) -> Loss | None:
    """Return the loss, or losses, of an ended trial: its values, or a pruned one's last report; None if there is none."""
    if trial.state == OptunaState.FAIL:
        return None
    if isinstance(sign, tuple):
        if trial.values:
            return times(sign, tuple(map(float, trial.values)))
        curve = curve_of(trial, sign)
        return curve[-1][1] if curve else None
    if trial.values:
        return sign * float(trial.values[0])
    step = trial.last_step
    return None if step is None else sign * float(trial.intermediate_values[step])


def curve_of(trial: FrozenTrial, sign: Sign) -> list[tuple[int, Loss]]:
    """Return the learning curve: (step, loss), in order of the steps."""
    if not isinstance(sign, tuple):
        return [(k, sign * trial.intermediate_values[k]) for k in sorted(trial.intermediate_values)]
    steps = {int(key.removeprefix(STEP)): values for key, values in trial.user_attrs.items() if key.startswith(STEP)}
    return [(k, times(sign, tuple(map(float, steps[k])))) for k in sorted(steps)]


def n_steps(trial: FrozenTrial) -> int:
    """Count the steps that a trial was given, at least one."""
    several = 0 if trial.intermediate_values else sum(key.startswith(STEP) for key in trial.user_attrs)
    return max(len(trial.intermediate_values), several, 1)


def origin_of(trial: FrozenTrial) -> str:
    """Say where the result of a trial comes from that the run has not run; empty for one of its own."""
    return str(trial.user_attrs.get(ORIGIN, ""))


def fixed_of(trial: FrozenTrial) -> Config:
    """Return the values that the run held fixed in a trial."""
    return dict(trial.user_attrs.get(FIXED, {}))


def error_of(trial: FrozenTrial) -> str | None:
    """Return the traceback kept with a failed trial."""
    error = trial.user_attrs.get(ERROR)
    return None if error is None else str(error)


def seconds_of(trial: FrozenTrial) -> float:
    """Return the seconds that a trial's steps took; nan if they were not kept."""
    return float(trial.user_attrs.get(SECONDS, math.nan))


def time_of(moment: datetime | None) -> float:
    """Seconds since 1970; 0 if the moment is not known."""
    return moment.timestamp() if moment is not None else 0.0


def finished(trial: FrozenTrial, sign: Sign) -> TrialFinished:
    """Return the event that ended a trial."""
    return TrialFinished.of(trial.number, state_of(trial), loss_of(trial, sign), error_of(trial),
                            time_of(trial.datetime_complete), trial.user_attrs.get(SECONDS))


def began(trial: FrozenTrial, sign: Sign) -> Iterator[Event]:
    """Yield the events of a trial from its beginning to its last report."""
    start = time_of(trial.datetime_start)
    yield TrialSuggested(trial.number, dict(trial.params), time=start, origin=origin_of(trial), fixed=fixed_of(trial))
    for step, loss in curve_of(trial, sign):
        yield TrialReported.of(trial.number, step, loss, start)


def replay(trials: Sequence[FrozenTrial], sign: Sign, *, dead: bool) -> Iterator[Event]:
    """Turn stored trials into the events that made them, each suggestion after exactly the results that it knew.

    With ``dead`` those still running count as interrupted: whoever ran them is gone.
    """
    trials = [t for t in trials if t.state != OptunaState.WAITING and not t.user_attrs.get(SKIPPED)]
    ends = [t for t in in_told_order(trials) if state_of(t) != "interrupted"]
    cut = {t.number: t for t in trials if state_of(t) == "interrupted"}
    told, begun = 0, set[int]()
    for t in trials:
        saw = Saw.of(t.user_attrs[KEY]) if KEY in t.user_attrs else None
        start = time_of(t.datetime_start)
        while told < len(ends) and ends[told].number in begun and (
                told < saw.told if saw is not None else time_of(ends[told].datetime_complete) <= start):
            yield finished(ends[told], sign)
            told += 1
        for number in [k for k in cut if k in begun and (saw is None or k not in saw.pending)]:
            yield finished(cut.pop(number), sign)
        yield from began(t, sign)
        begun.add(t.number)
    for t in [*ends[told:], *cut.values()]:
        yield finished(t, sign)
    if dead:
        for t in trials:
            if t.state == OptunaState.RUNNING:
                yield TrialFinished(t.number, "interrupted", None)


def attrs_json(study: optuna.Study, key: str) -> Any:
    """Read a setting of the run that was kept as JSON data; StorageError if it is missing."""
    value = study.user_attrs.get(key)
    if value is None:
        raise StorageError(f"the study {study.study_name!r} was not written by the workbench: it has no {key!r}. "
                           "Use wb.watch(study) to look at it.")
    return json.loads(value) if isinstance(value, str) else value
