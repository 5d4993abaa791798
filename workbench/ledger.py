"""The ledger of a run: its trials in an Optuna study, one Optuna trial per configuration.

Everything that survives the kernel goes through here. Writes that fail (a full disk) stay in a backlog, in order, and
are tried again by ``flush``; nothing that was told is lost meanwhile.
"""

from __future__ import annotations

import json
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState

from workbench.errors import StorageError
from workbench.events import Event, TrialFinished, TrialReported, TrialState, TrialSuggested
from workbench.optuna_distributions import space_to_distributions
from workbench.space import Config, Space

KEY = "wb"  # user attribute of a trial: what it saw when it was suggested
ERROR = "wb:error"
INTERRUPTED = "wb:interrupted"

_STATES = {"complete": OptunaState.COMPLETE, "pruned": OptunaState.PRUNED, "failed": OptunaState.FAIL,
           "interrupted": OptunaState.FAIL}


@dataclass(frozen=True, slots=True)
class Saw:
    """What an algorithm saw when it suggested a trial: enough to ask it again.

    Attributes
    ----------
    told
        Number of results known, in told order.
    pending
        Numbers of the trials that ran.
    space, algorithm
        Which of the run's spaces and algorithms (both may be changed during a run).
    again
        Number of the interrupted trial whose configuration this one repeats.
    """

    told: int
    pending: tuple[int, ...] = ()
    space: int = 0
    algorithm: int = 0
    again: int | None = None
    drawn: bool = True  # False: the configuration was given, no algorithm chose it

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
        return out

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Saw:
        """Read JSON data."""
        try:
            again = data.get("again")
            return cls(int(data["told"]), tuple(int(k) for k in data.get("pending", ())), int(data.get("space", 0)),
                       int(data.get("algorithm", 0)), None if again is None else int(again),
                       bool(data.get("drawn", True)))
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(f"a trial's attribute {KEY!r} is malformed: {data!r}.") from error


class Ledger:
    """Writes a run's trials into an Optuna study and reads them back.

    Parameters
    ----------
    study
        Where trials are kept; its direction gives the sign of the losses.
    repair
        Called before a failed write is tried again (a journal file cuts its torn tail).
    """

    def __init__(self, study: optuna.Study, *, repair: Callable[[], object] | None = None) -> None:
        self.study = study
        self.sign = -1.0 if study.direction == optuna.study.StudyDirection.MAXIMIZE else 1.0
        self._storage: BaseStorage = study._storage
        self._study_id: int = study._study_id
        self._ids: dict[int, int] = {}
        self._repair = repair
        self._backlog: deque[Callable[[], object]] = deque()
        self._failed = False
        self._lock = threading.RLock()  # settings are written from the user's thread
        self._distributions: tuple[Space, dict[str, BaseDistribution]] | None = None

    # ---- writing -----------------------------------------------------------------------------------------------

    def create(self, space: Space, config: Config, saw: Saw) -> int:
        """Begin a trial with this configuration, in one write; returns its number."""
        if self._distributions is None or self._distributions[0] is not space:
            self._distributions = space, space_to_distributions(space)
        known = self._distributions[1]
        template = create_trial(state=OptunaState.RUNNING, params=config,
                                distributions={name: known[name] for name in config}, user_attrs={KEY: saw.data()})
        trial_id: int = self._now(lambda: self._storage.create_new_trial(self._study_id, template_trial=template))
        number = self._storage.get_trial_number_from_id(trial_id)
        self._ids[number] = trial_id
        return number

    def ask(self, saw: Saw) -> optuna.Trial:
        """Begin a trial whose parameters the study's own sampler suggests, one by one."""
        trial: optuna.Trial = self._now(self.study.ask)
        self._ids[trial.number] = trial._trial_id
        self._write(lambda: self._storage.set_trial_user_attr(trial._trial_id, KEY, saw.data()))
        return trial

    def report(self, number: int, step: int, loss: float) -> None:
        """Add a point to the learning curve."""
        trial_id = self._ids[number]
        self._write(lambda: self._storage.set_trial_intermediate_value(trial_id, step, self.sign * loss))

    def tell(self, number: int, state: TrialState, loss: float | None, error: str | None = None) -> None:
        """End a trial."""
        trial_id = self._ids.pop(number)
        if error is not None:
            text = error if len(error) < 20_000 else error[:4_000] + "\n[…]\n" + error[-16_000:]
            self._write(lambda: self._storage.set_trial_user_attr(trial_id, ERROR, text))
        if state == "interrupted":
            self._write(lambda: self._storage.set_trial_user_attr(trial_id, INTERRUPTED, True))
        values = None if loss is None or math.isnan(loss) or state in ("failed", "interrupted") else [self.sign * loss]
        self._write(lambda: self._end(number, trial_id, _STATES[state], values))

    def _end(self, number: int, trial_id: int, state: OptunaState, values: list[float] | None) -> None:
        sampler = self.study.sampler
        if not isinstance(sampler, optuna.samplers.RandomSampler):  # a stateful sampler wants to hear of it
            frozen = self._storage.get_trial(trial_id)
            sampler.after_trial(self.study, frozen, state, values)
        self._storage.set_trial_state_values(trial_id, state=state, values=values)

    def set_attr(self, key: str, value: Any) -> None:
        """Keep a setting of the run."""
        self._write(lambda: self.study.set_user_attr(key, value))

    def _now(self, write: Callable[[], Any]) -> Any:
        """Write at once, after the backlog; StorageError if it cannot be done."""
        with self._lock:
            self.flush()
            try:
                return write()
            except Exception as error:  # storages raise what they like; told to the user as one kind
                self._failed = True
                raise StorageError(self._sorry(error)) from error

    def _write(self, write: Callable[[], object]) -> None:
        """Write in order, now or later; StorageError if it must wait."""
        with self._lock:
            self._backlog.append(write)
            self.flush()

    def flush(self) -> None:
        """Write what still waits. Raises StorageError at the first write that fails; that one and the rest stay."""
        with self._lock:
            if self._failed and self._repair is not None:
                try:
                    self._repair()
                except OSError as error:
                    raise StorageError(self._sorry(error)) from error
            while self._backlog:
                try:
                    self._backlog[0]()
                except Exception as error:
                    self._failed = True
                    raise StorageError(self._sorry(error)) from error
                self._backlog.popleft()
            self._failed = False

    def _sorry(self, error: Exception) -> str:
        return (f"the run cannot be written: {type(error).__name__}: {error}. Nothing told so far is lost; "
                "make room or make the folder writable, then resume.")

    # ---- reading -----------------------------------------------------------------------------------------------

    def trials(self) -> list[FrozenTrial]:
        """All trials, by number, not copied: do not change them."""
        return self.study.get_trials(deepcopy=False)

    def adopt(self, trial: FrozenTrial) -> None:
        """Take over a trial that an earlier session began."""
        self._ids[trial.number] = trial._trial_id

    def close(self) -> None:
        """Let go of connections."""
        self._storage.remove_session()


def in_told_order(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """The ended trials in the order of their results."""
    ended = [t for t in trials if t.state.is_finished()]
    return sorted(ended, key=lambda t: (t.datetime_complete.timestamp() if t.datetime_complete else 0.0, t.number))


def state_of(trial: FrozenTrial) -> TrialState:
    """Our word for an Optuna trial's state. One that waits or runs is "running"."""
    if trial.user_attrs.get(INTERRUPTED):
        return "interrupted"
    names: dict[OptunaState, TrialState] = {OptunaState.COMPLETE: "complete", OptunaState.PRUNED: "pruned",
                                            OptunaState.FAIL: "failed"}
    return names.get(trial.state, "running")


def loss_of(trial: FrozenTrial, sign: float) -> float | None:
    """The loss of an ended trial: its value, or a pruned one's last intermediate value; None if there is none."""
    if trial.state == OptunaState.FAIL:
        return None
    if trial.values:
        return sign * trial.values[0]
    step = trial.last_step
    return None if step is None else sign * trial.intermediate_values[step]


def error_of(trial: FrozenTrial) -> str | None:
    """The traceback kept with a failed trial."""
    error = trial.user_attrs.get(ERROR)
    return None if error is None else str(error)


def replay(trials: list[FrozenTrial], sign: float, *, dead: bool) -> Iterator[Event]:
    """Stored trials as the events that made them: beginnings by number, ends in told order.

    With ``dead`` those still running count as interrupted: whoever ran them is gone.
    """
    for t in trials:
        if t.state == OptunaState.WAITING:
            continue
        yield TrialSuggested(t.number, dict(t.params), time=t.datetime_start.timestamp() if t.datetime_start else 0.0)
        for step in sorted(t.intermediate_values):
            yield TrialReported(t.number, step, sign * t.intermediate_values[step])
    for t in in_told_order(trials):
        time = t.datetime_complete.timestamp() if t.datetime_complete else 0.0
        yield TrialFinished(t.number, state_of(t), loss_of(t, sign), error_of(t), time=time)
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
