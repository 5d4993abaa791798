"""The pictures of a run by name, drawn from its events: the same plain dicts that live views draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from workbench.errors import RunError, WorkbenchError
from workbench.events import Event
from workbench.evidence import Evidence, config_of, evidence
from workbench.fates import Fates
from workbench.history import Drawn
from workbench.importance.ablation import ablation as find_ablation
from workbench.importance.fanova import fanova as find_fanova
from workbench.importance.local import local_importance as find_local
from workbench.importance.tunability import Task
from workbench.importance.tunability import tunability as find_tunability
from workbench.looks import Looks
from workbench.optuna_importance import ped_anova as find_ped_anova
from workbench.plots.ablation import ablation
from workbench.plots.brackets import race
from workbench.plots.contour import contour, map_of
from workbench.plots.coordinates import coordinates
from workbench.plots.curve_forecast import all_looks, of_trial
from workbench.plots.curves import curves
from workbench.plots.fanova import fanova
from workbench.plots.fidelity_ranks import fidelity_ranks
from workbench.plots.front import front
from workbench.plots.gantt import gantt
from workbench.plots.history import history
from workbench.plots.local_importance import local_importance
from workbench.plots.model import model, without
from workbench.plots.ped_anova import ped_anova
from workbench.plots.tunability import tunability
from workbench.plots.whose import named
from workbench.search.surrogate_why import SurrogateExplanation
from workbench.seen import Replay
from workbench.space import Space
from workbench.timeline import Timeline
from workbench.trials import Trial, Trials

T = TypeVar("T")
OF_LOSS = ("loss", "budget")
NEWEST = 50  # trials among which the model of the newest is looked for


class Told:
    """All that pictures need, folded from a run's events."""

    def __init__(self, events: Iterable[Event]) -> None:
        events = list(events)
        self.trials, self.fates, self.timeline, self.looks = Trials(events), Fates(events), Timeline(events), Looks(events)
        self.replay = Replay(self.trials)

    @property
    def newest(self) -> Trial | None:
        """The newest trial."""
        return next(reversed(self.trials.by_number.values()), None)

    @property
    def space(self) -> Space | None:
        """The space of the newest trial; None without one, or if the objective makes it as it goes."""
        return None if self.newest is None else self.replay.space_of(self.newest.number)

    def explained(self, trial: int | None) -> Trial | None:
        """Return that trial, or the newest one that a model chose, or the newest."""
        trials = list(self.trials.by_number.values())
        if trial is not None:
            return self.trials.by_number[trial]
        chosen = (t for t in reversed(trials[-NEWEST:]) if t.why is not None and not isinstance(t.why, Drawn))
        return next(chosen, trials[-1] if trials else None)


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen of a picture; each kind takes some of these."""

    trial: int | None = None
    x: str | None = None
    y: str | None = None
    bracket: int | None = None
    budgets: tuple[int, int] | None = None
    delta: float | None = None
    log_steps: bool | None = None
    loss: int | str | None = None
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of picture.

    Attributes
    ----------
    title, says
        Its name for a menu, and what it shows, in one line.
    draw
        Makes the plain dict.
    missing
        Says why a run has no such picture; "" if it has one.
    takes
        Which settings it takes.
    about
        "trials": what happened; "importance": what it tells of the parameters.
    """

    title: str
    says: str
    draw: Callable[[Told, Settings], dict[str, Any]]
    missing: Callable[[Told], str]
    takes: tuple[str, ...] = ("trial",)
    about: str = "trials"


# ---- how each is drawn -------------------------------------------------------------------------------------------------


def _progress(told: Told, s: Settings) -> dict[str, Any]:
    return (front if told.trials.goals.several else history)(told.trials, s.trial)


def _model(told: Told, s: Settings) -> dict[str, Any]:
    trial = told.explained(s.trial)
    assert trial is not None
    space = told.replay.space_of(trial.number)
    if space is None or trial.why is None or isinstance(trial.why, Drawn) or not len(space):
        return without(trial.why)
    _known(space, s.x, s.y)
    numbers = [c.name for c in space.columns if c.kind != "choice"]
    x = s.x or (numbers or list(space.names))[0]
    return model(told.replay.history_before(trial.number), trial.why, x, s.y, maximize=told.trials.maximize, trials=told.trials)


def _curves(told: Told, s: Settings) -> dict[str, Any]:
    log = bool(told.fates.scheduler) if s.log_steps is None else s.log_steps
    return curves(told.trials, s.trial, None, told.fates, log_steps=log)


def _coordinates(told: Told, s: Settings) -> dict[str, Any]:
    return coordinates(told.trials, selected=s.trial)


def _contour(told: Told, s: Settings) -> dict[str, Any]:
    space, newest = told.space, told.newest
    assert space is not None
    assert newest is not None
    _known(space, s.x, s.y)
    always = [c for c in space.columns if not c.parents]
    order = [c.name for c in sorted(always, key=lambda c: c.kind == "choice")] + list(space.names)
    x = s.x or next(name for name in order if name != s.y)
    y = s.y or next(name for name in order if name != x)
    found = None
    if not told.trials.goals.several:
        guided, results = _guided(told, newest), told.replay.results(newest.number)
        why = None if guided is None else guided.why
        own = why if isinstance(why, SurrogateExplanation) else None
        seen = results if guided is None or own is None else told.replay.history_before(guided.number)
        found = map_of(seen, own, results, x, y)
    return contour(told.trials, space, x, y, found, selected=s.trial)


def _guided(told: Told, newest: Trial) -> Trial | None:
    """Return the newest trial that a model chose, if it was in the present space."""
    guided = told.explained(None)
    same = guided is not None and guided.run is not None and newest.run is not None and guided.run.space == newest.run.space
    return guided if same else None


def _race(told: Told, s: Settings) -> dict[str, Any]:
    return race(told.trials, told.fates, s.bracket, s.trial)


def _gantt(told: Told, s: Settings) -> dict[str, Any]:
    return gantt(told.timeline, s.trial)


def _ranks(told: Told, s: Settings) -> dict[str, Any]:
    known, pair = told.fates.budgets, None
    if s.budgets is not None:
        if len(s.budgets) != 2 or s.budgets[0] == s.budgets[1] or not set(s.budgets) <= set(known):
            raise RunError(f"budgets must be two different ones of {list(known)}, got {s.budgets!r}.")
        low, high = sorted(s.budgets)
        pair = known.index(low), known.index(high)
    return fidelity_ranks(told.trials, known, pair, s.trial)


def _forecast(told: Told, s: Settings) -> dict[str, Any]:
    return of_trial(told.trials, told.looks, s.trial)


def _looks(told: Told, s: Settings) -> dict[str, Any]:
    delta = s.delta or told.looks.delta or 0.05
    if not 0 < delta < 1:
        raise RunError(f"delta must lie between 0 and 1, got {delta}. It is the probability below which a trial is stopped.")
    return all_looks(told.looks, delta, s.trial)


# ---- what the parameters matter ------------------------------------------------------------------------------------------


def _seen(told: Told, s: Settings) -> Evidence:
    assert told.space is not None
    loss = 0 if s.loss is None and told.trials.goals.several else s.loss
    return evidence(told.trials, told.space, loss=loss, budget=s.budget)


def _importance(told: Told, s: Settings) -> dict[str, Any]:
    seen = _seen(told, s)
    _known(seen.space, s.x, s.y)
    found = _asked(lambda: find_fanova(seen.space, seen.x, seen.y, quantity=seen.quantity))
    pair = None if s.x is None or s.y is None else (s.x, s.y)
    rows = [k for k, loss in zip(seen.numbers, seen.y, strict=True) if math.isfinite(loss)]
    return named(fanova(found, s.x or s.y, pair=pair), told.trials, rows)


def _ped_anova(told: Told, s: Settings) -> dict[str, Any]:
    seen = _seen(told, s)
    return ped_anova(_asked(lambda: find_ped_anova(seen.space, seen.x, seen.y, quantity=seen.quantity)))


def _tunability(told: Told, s: Settings) -> dict[str, Any]:
    seen = _seen(told, s)
    return tunability(_asked(lambda: find_tunability(Task(seen.space, seen.x, seen.y), quantity=seen.quantity)))


def _local(told: Told, s: Settings) -> dict[str, Any]:
    seen = _seen(told, s)
    config, name = config_of(told.trials, seen.space, seen.best if s.trial is None else s.trial)
    return local_importance(_asked(lambda: find_local(seen.space, seen.x, seen.y, config=config, name=name,
                                                      quantity=seen.quantity)))


def _ablation(told: Told, s: Settings) -> dict[str, Any]:
    seen = _seen(told, s)
    config, name = config_of(told.trials, seen.space, seen.best if s.trial is None else s.trial)
    ends = "the default", f"{name} (best)" if s.trial is None else name
    return ablation(_asked(lambda: find_ablation(seen.space, seen.x, seen.y, end=config, names=ends, quantity=seen.quantity)))


def _asked(ask: Callable[[], T]) -> T:
    """Say as a run's error what the numbers do not allow."""
    try:
        return ask()
    except WorkbenchError:
        raise
    except ValueError as error:
        raise RunError(str(error)) from error


# ---- who has one -------------------------------------------------------------------------------------------------------


def _needs_trial(told: Told) -> str:
    return "" if len(told.trials) else "there is no trial yet"


def _needs_curves(told: Told) -> str:
    if any(len(t.curve) > 1 for t in told.trials.by_number.values()):
        return ""
    return _needs_trial(told) or "no trial has a learning curve: the objective gives one loss, not one for each step"


def _needs_pair(told: Told) -> str:
    if told.newest is None or told.space is None:
        return _needs_trial(told) or "the space is not declared: an Optuna objective makes it as it goes"
    return "" if len(told.space) > 1 else "it needs two parameters, and the space has one"


def _needs_model(told: Told) -> str:
    trial = told.explained(None)
    if trial is None or trial.why is None or isinstance(trial.why, Drawn):
        return _needs_trial(told) or "no trial was chosen by a model"
    return "" if told.space is not None else "the space is not declared: an Optuna objective makes it as it goes"


def _needs_scheduler(told: Told) -> str:
    return "" if told.fates.scheduler else "the run has no scheduler: every trial runs to its end"


def _needs_evidence(told: Told) -> str:
    if told.newest is None or told.space is None:
        return _needs_trial(told) or "the space is not known yet: an Optuna objective makes it as it goes"
    try:
        _seen(told, Settings())
    except RunError as error:
        return str(error)[:1].lower() + str(error)[1:].removesuffix(".")
    return ""


def _needs_looks(told: Told) -> str:
    return "" if len(told.looks) else "no learning curve was extrapolated; wb.CurveStop does it"


KINDS: dict[str, Kind] = {
    "progress": Kind("Progress", "Every trial, and the best so far.", _progress, _needs_trial),
    "model": Kind("Model", "What the search's model believed when it chose a trial.", _model, _needs_model, ("trial", "x", "y")),
    "curves": Kind("Learning curves", "The loss step by step.", _curves, _needs_curves, ("trial", "log_steps")),
    "coordinates": Kind("Parallel coordinates", "Every trial a line across its parameters, to its loss.", _coordinates,
                        _needs_trial),
    "contour": Kind("Contour", "The loss over two parameters, and the map of a model of it.", _contour, _needs_pair,
                    ("trial", "x", "y")),
    "brackets": Kind("Race", "How far each trial of a bracket came, and where it was stopped.", _race, _needs_scheduler,
                     ("trial", "bracket")),
    "gantt": Kind("Workers", "Which worker had which trial, and when.", _gantt, _needs_scheduler),
    "ranks": Kind("Ranks of budgets", "Whether few steps rank trials as many do.", _ranks, _needs_scheduler,
                  ("trial", "budgets")),
    "forecast": Kind("Forecast", "How a learning curve was expected to go on.", _forecast, _needs_looks),
    "looks": Kind("All looks", "The probability at every look, and whom another δ would have stopped.", _looks, _needs_looks,
                  ("trial", "delta")),
    "importance": Kind("Importance", "fANOVA: which share of the variance of the loss over the whole space each parameter, and "
                       "each pair, explains.", _importance, _needs_evidence, ("x", "y", *OF_LOSS), "importance"),
    "ped_anova": Kind("PED-ANOVA", "Which parameters set the best tenth of the trials apart from all.", _ped_anova,
                      _needs_evidence, OF_LOSS, "importance"),
    "local_importance": Kind("Local importance", "What a change of one parameter does around the best trial.", _local,
                             _needs_evidence, ("trial", *OF_LOSS), "importance"),
    "tunability": Kind("Tunability", "What tuning gains over the default: one parameter, two, all.", _tunability,
                       _needs_evidence, OF_LOSS, "importance"),
    "ablation": Kind("Ablation", "Which changes lead from the default to the best trial.", _ablation, _needs_evidence,
                     ("trial", *OF_LOSS), "importance"),
}


def kinds(told: Told) -> list[str]:
    """Name the pictures that there are of these events."""
    return [name for name, kind in KINDS.items() if not kind.missing(told)]


def drawn(told: Told, kind: str, **settings: Any) -> dict[str, Any]:
    """Return a picture as a plain plotly dict.

    Raises
    ------
    RunError
        If there is no such kind, or none of this run; or if a setting does not belong to it or to the run.
    """
    if kind not in KINDS:
        raise RunError(f"the pictures of a run are {list(KINDS)}, got {kind!r}.")
    chosen = KINDS[kind]
    given = {k: v for k, v in settings.items() if v is not None}
    if wrong := [k for k in given if k not in chosen.takes]:
        known = [f.name for f in fields(Settings)]
        raise RunError(f"the picture {kind!r} takes {' and '.join(chosen.takes)}, not {wrong[0]!r}. "
                       + (f"{[n for n, k in KINDS.items() if wrong[0] in k.takes]} take it." if wrong[0] in known else ""))
    if why := chosen.missing(told):
        have = kinds(told)
        rest = f"There are {have}." if have else "Start the run."
        raise RunError(f"there is no picture {kind!r} of this run: {why}. {rest}")
    if (number := given.get("trial")) is not None and number not in told.trials.by_number:
        raise RunError(f"there is no trial {number}; there are {len(told.trials)}.")
    return chosen.draw(told, Settings(**given))


def _known(space: Space, *names: str | None) -> None:
    for name in names:
        if name is not None and name not in space.params:
            raise RunError(f"there is no parameter {name!r} in the space. There are {list(space.names)}.")
    if names[0] is not None and names[0] == names[-1]:
        raise RunError(f"x and y must be two parameters, got {names[0]!r} twice.")
