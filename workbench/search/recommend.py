"""Which algorithm for which problem, and why: the lecture's rules of thumb, with thresholds by judgement.

::

    no more configurations than trials?      try them all
    fewer trials than a model needs?         quasi-random points
    thousands of trials?                     CMA-ES: it goes on getting better where models of all trials come to rest
    space made on the way, or very large?    TPE
    otherwise                                GP-BO: low-dimensional, conditional and mixed spaces alike

Losses that come step by step, with a number of steps of a whole training::

    EagerHyperband decides who goes on; TPE, which sees all trials on one scale, what is tried

Several losses::

    fewer trials than a model needs?         quasi-random points
    at most 300 trials and 3 losses?         expected hypervolume improvement, in spaces that a Gaussian process can learn
    otherwise                                NSGA-II

Difference from the lecture: its slide sends categorical and conditional spaces to SMAC or TPE, since a plain Gaussian
process does not know such parameters. Ours does (options at Hamming distance, inactive parameters set aside). Over all 15
problems that were measured it is ahead of both; on the conditional ones alone it is level with our forest, each ahead on some
(``benchmarks/RESULTS.md``).
"""

from __future__ import annotations

import html
import inspect
from dataclasses import dataclass
from typing import Any, Literal, get_args

from workbench.errors import WorkbenchError
from workbench.fidelity import catalogue as schedulers
from workbench.fidelity.hyperband import EagerHyperband
from workbench.history import Algorithm
from workbench.objective import takes_budget
from workbench.schedule import Scheduler
from workbench.search import catalogue
from workbench.search.cma_es import CMAES
from workbench.search.ehvi import EHVI
from workbench.search.gp_bo import GPBO
from workbench.search.gp_candidates import all_configs
from workbench.search.grid import Grid
from workbench.search.nsga2 import NSGA2
from workbench.search.one_scale import OneScale
from workbench.search.quasi_random import QuasiRandom
from workbench.search.tpe import TPE
from workbench.space import Space

ObjectiveKind = Literal["function", "steps", "optuna"]

FEW_TRIALS = 10  # a model begins after so many
MANY_TRIALS = 1000  # beyond, a Gaussian process no longer knows all trials; CMA-ES was ahead of TPE (benchmarks/RESULTS.md)
MANY_PARAMETERS = 40  # beyond, a Gaussian process has too little to go by
MANY_TRIALS_OF_SEVERAL = 300  # beyond, generations have learnt enough, and a process for each loss costs more and more
MOST_STEPS_RATIO = 27  # of the most to the fewest steps: three halvings by three
MANY_LOSSES = 3  # beyond, nearly every trial is in the front, and what it dominates is cut into very many boxes


@dataclass(frozen=True, slots=True)
class Recommendation:
    """An algorithm, and the reasons for it.

    Attributes
    ----------
    algorithm
        Ready to be given to ``optimize(algorithm=…)``.
    reasons
        Plain sentences: what was seen, and what follows.
    scheduler
        Ready to be given to ``optimize(scheduler=…)``; None if every trial shall run to its end.
    """

    algorithm: Algorithm
    reasons: tuple[str, ...]
    scheduler: Scheduler | None = None

    @property
    def label(self) -> str:
        """The algorithm's name, as the panel shows it."""
        return catalogue.label(self.algorithm)

    @property
    def scheduler_label(self) -> str:
        """The scheduler's name; empty if there is none."""
        return schedulers.label(self.scheduler)

    def __str__(self) -> str:
        """Name and reasons, as one line."""
        names = self.label if self.scheduler is None else f"{self.label} under {self.scheduler_label}"
        return f"{names}: {' '.join(self.reasons)}"

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(reason)}</li>" for reason in self.reasons)
        shown = f"<b>{html.escape(self.label)}</b> <code>{html.escape(catalogue.code(self.algorithm, 'wb.'))}</code>"
        if self.scheduler is not None:
            shown += f" under <code>wb.{html.escape(schedulers.code(self.scheduler))}</code>"
        return f"<p>{shown}</p><ul>{items}</ul>"


def recommend(space: Space | None, objective_kind: ObjectiveKind = "function", budget: int | None = 50, *,
              n_losses: int = 1, max_steps: int | None = None) -> Recommendation:
    """Choose an algorithm for a problem, and a scheduler, and say why. It is the default of ``optimize`` and ``tune``.

    Parameters
    ----------
    space
        The search space; None for an Optuna objective that makes it on the way.
    objective_kind
        ``"function"``: one loss per configuration. ``"steps"``: one loss per step (a generator), or per budget. ``"optuna"``:
        an Optuna objective.
    budget
        Number of trials; None for no limit.
    n_losses
        How many losses the objective returns.
    max_steps
        Steps of a whole training, if trials shall be stopped early.

    Raises
    ------
    WorkbenchError
        If an argument is none of these.
    """
    if objective_kind not in get_args(ObjectiveKind):
        raise WorkbenchError(f"objective_kind must be one of {list(get_args(ObjectiveKind))}, got {objective_kind!r}.")
    if budget is not None and (isinstance(budget, bool) or budget < 1):
        raise WorkbenchError(f"budget is a number of trials, at least 1, or None for no limit; got {budget!r}.")
    if max_steps is not None:
        return _for_steps(space, objective_kind, max_steps, n_losses)
    algorithm, reasons = _choose(space, budget) if n_losses == 1 else _for_several(space, budget, n_losses)
    if objective_kind == "steps":
        reasons.append("The loss comes step by step, so a scheduler could stop bad trials early.")
    return Recommendation(algorithm, tuple(reasons))


def _for_steps(space: Space | None, kind: ObjectiveKind, max_steps: int, n_losses: int) -> Recommendation:
    if n_losses > 1:
        raise WorkbenchError(f"a scheduler compares one loss, got {n_losses}. Leave max_steps= out.")
    if kind == "function":
        raise WorkbenchError("max_steps is for an objective that gives a loss per step or per budget: make it a generator "
                             "function, or give it a parameter budget.")
    scheduler = EagerHyperband(max_steps, min_steps=max(1, max_steps // MOST_STEPS_RATIO))
    seen = "A space made on the way" if space is None else describe(space)
    return Recommendation(OneScale(TPE()), (
        f"{seen}; {max_steps} steps in a whole training.",
        f"Most configurations get {scheduler.min_steps} step{'s' * (scheduler.min_steps != 1)} only, the best of them more and "
        "more, from where they stopped: EagerHyperband repeats its aggressive brackets.",
        "TPE learns from all of them, brought to one scale, and costs next to nothing."), scheduler)


def advise(objective: Any, space: Space | None, budget: int | None, *, n_losses: int,
           scheduler: Scheduler | None) -> Recommendation:
    """Choose an algorithm for a run whose scheduler, or having none, is settled."""
    kind = objective_kind(objective, space)
    if scheduler is None or kind == "function":
        return recommend(space, kind, budget, n_losses=n_losses)
    chosen = recommend(space, kind, budget, max_steps=getattr(scheduler, "max_steps", 1))
    reasons = (chosen.reasons[0], chosen.reasons[-1]) if chosen.scheduler != scheduler else chosen.reasons
    return Recommendation(chosen.algorithm, reasons, scheduler)


def objective_kind(objective: Any, space: Space | None) -> ObjectiveKind:
    """Tell which kind an objective is.

    Without a space it makes its own; a generator function yields a loss per step, a function of a budget returns one for each.
    """
    if space is None:
        return "optuna"
    if takes_budget(objective):
        return "steps"
    call = objective if inspect.isroutine(objective) else getattr(objective, "__call__", objective)  # noqa: B004
    return "steps" if inspect.isgeneratorfunction(call) else "function"


def _choose(space: Space | None, budget: int | None) -> tuple[Algorithm, list[str]]:
    if space is None:
        return TPE(), ["The space is made on the way, so only what trials have shown is known; TPE models one parameter "
                       "or group at a time and copes with that."]
    seen = describe(space)
    n = count(space)
    if n is not None and budget is not None and n <= budget:
        most = max((c.n_levels for c in space.columns), default=1)
        return Grid(k=most), [f"{seen}: {n} configuration{'s' * (n != 1)} in all, and {budget} trials.",
                              "All of them can be tried."]
    trials = "no limit on trials" if budget is None else f"{budget} trials"
    if budget is not None and budget <= FEW_TRIALS:
        return QuasiRandom(), [f"{seen}; only {trials}.", "A model has nothing to learn from yet: evenly spread points are "
                               "the safest."]
    if budget is not None and budget > MANY_TRIALS:
        return CMAES(), [f"{seen}; {trials}.", "With so many trials they must be cheap, and so must be the algorithm: CMA-ES "
                         "costs next to nothing, gets better to the end, and ours knows choices and conditions."]
    if len(space) > MANY_PARAMETERS:
        return TPE(), [f"{seen}; {trials}.", f"With more than {MANY_PARAMETERS} parameters a Gaussian process has too little to "
                       "go by; TPE models few at a time."]
    why = ("A Gaussian process learns most from each trial in low-dimensional, continuous spaces." if is_continuous(space) else
           "A Gaussian process learns most from each trial; ours compares categories and branches properly.")
    return GPBO(), [f"{seen}; {trials}.", why]


def _for_several(space: Space | None, budget: int | None, n_losses: int) -> tuple[Algorithm, list[str]]:
    trials = "no limit on trials" if budget is None else f"{budget} trials"
    seen = f"{n_losses} losses; {'a space made on the way' if space is None else describe(space)}; {trials}."
    if budget is not None and budget <= FEW_TRIALS:
        return QuasiRandom(), [seen, "A model has nothing to learn from yet: evenly spread points show the whole Pareto front."]
    if space is None:
        return NSGA2(), [seen, "Only what trials have shown of the space is known; NSGA-II breeds from the trials themselves, "
                         "front by front."]
    if budget is None or budget > MANY_TRIALS_OF_SEVERAL:
        return NSGA2(), [seen, "With so many trials generations can follow the whole Pareto front, and a suggestion costs next "
                         "to nothing."]
    if n_losses > MANY_LOSSES:
        return NSGA2(), [seen, f"With more than {MANY_LOSSES} losses nearly every trial is in the Pareto front; NSGA-II spreads "
                         "its trials along it."]
    if len(space) > MANY_PARAMETERS:
        return NSGA2(), [seen, f"With more than {MANY_PARAMETERS} parameters a Gaussian process has too little to go by."]
    return EHVI(), [seen, "A Gaussian process for each loss learns most from few trials, and every trial goes where the Pareto "
                    "front is expected to gain most."]


def describe(space: Space) -> str:
    """Say in a few words what a space is made of: "6 parameters (4 continuous, 1 whole number, 1 choice), 2 conditional"."""
    kinds = [c.kind for c in space.columns]
    words = [("float", "continuous", "continuous"), ("int", "with levels", "with levels"), ("choice", "choice", "choices")]
    parts = [f"{kinds.count(kind)} {one if kinds.count(kind) == 1 else many}" for kind, one, many in words if kind in kinds]
    conditional = sum(bool(c.parents) for c in space.columns)
    n = len(space)
    text = f"{n} parameter{'s' * (n != 1)}" + (f" ({', '.join(parts)})" if parts else "")
    return text + (f", {conditional} conditional" if conditional else "")


def is_continuous(space: Space) -> bool:
    """Whether all parameters are real numbers, or whole ones of many levels, and always active."""
    return all(c.kind != "choice" and not c.parents and (c.kind == "float" or c.n_levels > 16) for c in space.columns)


def count(space: Space) -> int | None:
    """Count the allowed configurations; None if there are more than can be listed."""
    configs: Any = all_configs(space)
    return None if configs is None else len(configs)
