"""A recipe looked at closely: every default filled in with its reason, and every fault named with its field."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from workbench.automl.cash import ROOT, CashObjective, cash_space
from workbench.automl.default_spaces import default_space
from workbench.automl.fidelity import Epochs, Growing, Rows, Trees, last_of
from workbench.automl.recipe_data import Table, Task, load
from workbench.automl.recipe_models import (
    AUTO,
    ESTIMATORS,
    METRICS,
    Known,
    Metric,
    Wants,
    candidates,
    default_metric,
    known,
    prepared,
)
from workbench.errors import SpaceError, WorkbenchError
from workbench.objective import takes_budget
from workbench.search import catalogue
from workbench.search.beliefs import Beliefs, check_prior, with_prior
from workbench.search.recommend import Recommendation, advise
from workbench.space import Space
from workbench.subspace import without

if TYPE_CHECKING:
    from workbench.automl.recipe import Recipe

Way = Literal["", "function", "steps", "budget", "optuna"]
WAYS: dict[Way, str] = {
    "function": "a function of a configuration: one loss per trial",
    "steps": "a generator: one loss per step",
    "budget": "a function of a configuration and a budget",
    "optuna": "an Optuna objective: it makes its space on the way",
}
MOST_FIRST = 20  # configurations of past tasks
MANY_ROWS = 5000  # from here a configuration can be judged on a share of the rows


def way_of(objective: Any) -> Way:
    """Tell how an objective gives its losses; "" if it does not look like an objective."""
    if isinstance(objective, type) or not callable(objective):
        return ""
    try:
        parameters = list(inspect.signature(objective).parameters.values())
    except (TypeError, ValueError):
        return ""
    if not parameters or parameters[0].kind not in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
        return ""
    if takes_budget(objective):
        return "budget"
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(p.default is p.empty and p.kind in kinds and p.name != "state" for p in parameters[1:]):
        return ""
    if parameters[0].name == "trial":
        return "optuna"
    call = objective if inspect.isroutine(objective) else objective.__call__
    return "steps" if inspect.isgeneratorfunction(call) else "function"


@dataclass(eq=False)
class Plan:
    """What a recipe comes to.

    Attributes
    ----------
    faults
        What is wrong, by the recipe's field, in words; nothing if it can run.
    why
        Reasons for what was chosen, by field.
    columns
        The columns that are learnt from.
    models
        The estimators: one, or those that are chosen among.
    usual_space
        The default space; ``space`` is the one that is searched.
    """

    recipe: Recipe
    faults: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    objective: Any = None
    way: Way = ""
    table: Table | None = None
    target: str | None = None
    left_out: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    task: Task | None = None
    metric: str | None = None
    models: tuple[Known, ...] = ()
    usual_space: Space | None = None
    space: Space | None = None
    recommendation: Recommendation | None = None

    @property
    def algorithm(self) -> Any:
        """What suggests configurations, with what is believed; None leaves the choice to ``recommend``."""
        chosen = self.recipe.algorithm
        if not self.recipe.prior:
            return chosen
        if chosen is None and self.recommendation is not None:
            chosen = self.recommendation.algorithm
        return with_prior(chosen, self.recipe.prior)

    @property
    def settled_algorithm(self) -> Any:
        """The same, or the one that is recommended; None only where neither is known."""
        known = self.algorithm
        return self.recommendation.algorithm if known is None and self.recommendation is not None else known

    @property
    def own(self) -> bool:
        """Whether an objective of the user's own is searched."""
        return self.recipe.objective is not None

    @property
    def auto(self) -> bool:
        """Whether the search chooses the estimator, too."""
        return not self.own and self.recipe.estimator == AUTO

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The scores that fit the task and the target."""
        if self.task is None or self.table is None or self.target is None:
            return ()
        two = len(self.table.as_target(self.target).classes) == 2
        return tuple(m for m in METRICS[self.task] if two or not m.two_classes)

    @property
    def wants(self) -> Wants:
        """What the used columns need."""
        assert self.table is not None
        return Wants.of(self.table, self.columns)

    def estimators(self) -> dict[str, Any]:
        """Make the estimators by their short names, each behind what the table needs."""
        return {k.short: prepared(k, self.wants) for k in self.models}

    def rows(self) -> tuple[Any, Any]:
        """Return what is learnt from, and the targets: rows without a target are left out."""
        assert self.table is not None
        there = self.table.frame.dropna(subset=[self.target])
        return there[list(self.columns)], there[self.target].to_numpy()


def look(recipe: Recipe, namespace: Mapping[str, Any], table: Table | None = None) -> Plan:
    """Look at a recipe; a table that was read already is not read again."""
    plan = Plan(recipe)
    steps: tuple[Callable[[Plan], None], ...]
    if plan.own:
        _see_objective(plan, namespace)
        steps = (_see_numbers, _see_own_space, _see_own_scheduler, _see_algorithm)
    else:
        _see_table(plan, namespace, table)
        steps = (_see_numbers, _see_target, _see_columns, _see_models, _see_metric, _see_folds, _see_fidelity, _see_space,
                 _see_algorithm)
    for step in steps:
        step(plan)
    return plan


# ---- an objective of one's own ---------------------------------------------------------------------------------------

def _see_objective(plan: Plan, namespace: Mapping[str, Any]) -> None:
    name = str(plan.recipe.objective)
    if name not in namespace:
        plan.faults["objective"] = (f"the notebook has no function {name!r}. Run the cell that makes it, or choose another one.")
        return
    plan.objective, plan.way = namespace[name], way_of(namespace[name])
    if not plan.way:
        plan.faults["objective"] = ("an objective is a function of one configuration, got "
                                    f"{type(plan.objective).__name__}. Write def objective(config): …; return loss")
        return
    plan.why["objective"] = f"{name} is {WAYS[plan.way]}."
    if plan.recipe.direction not in ("minimize", "maximize"):
        plan.faults["direction"] = f"direction must be 'minimize' or 'maximize', got {plan.recipe.direction!r}."


def _see_own_space(plan: Plan) -> None:
    recipe = plan.recipe
    if plan.way == "optuna":
        plan.why["space"] = "The objective makes its space on the way, with trial.suggest_…"
        return
    brought = getattr(plan.objective, "space", None)
    plan.usual_space = brought if isinstance(brought, Space) else None
    plan.space = recipe.space if recipe.space is not None else plan.usual_space
    if plan.space is None or not len(plan.space):
        plan.faults["space"] = "the space is empty. Draw it: add the parameters that the objective reads from its configuration."
    if plan.usual_space is not None:
        plan.why["space"] = f"{recipe.objective} brings its space along."


def _see_own_scheduler(plan: Plan) -> None:
    recipe = plan.recipe
    if recipe.fidelity is not None:
        plan.faults["fidelity"] = "a fidelity is for estimators. An objective of your own gives its losses step by step itself."
    match plan.way:
        case "function":
            plan.why["scheduler"] = "The objective gives one loss per trial: there is nothing to cut short."
            if recipe.scheduler is not None:
                plan.faults["scheduler"] = ("the objective gives one loss per trial, so there are no steps to decide on. Make it "
                                            "a generator that yields a loss per step, or take none.")
        case "budget":
            plan.why["scheduler"] = "The objective takes a budget, which only a scheduler can give."
            if recipe.scheduler is None:
                plan.faults["scheduler"] = "the objective takes a budget, which only a scheduler can give. Take Hyperband."
            elif not recipe.scheduler.schedule().budgets:
                plan.faults["scheduler"] = "this scheduler has no budgets to give: it stops trials at any step. Take Hyperband."
        case _:
            plan.why["scheduler"] = "The loss comes step by step, so a scheduler can stop bad trials early."


# ---- a table and an estimator ----------------------------------------------------------------------------------------

def _see_table(plan: Plan, namespace: Mapping[str, Any], table: Table | None) -> None:
    data = plan.recipe.data
    if data is None:
        plan.faults["data"] = "choose a table, or an objective of your own."
        return
    if table is not None and table.data == data:
        plan.table = table
        return
    try:
        plan.table = load(data, namespace)
    except WorkbenchError as error:
        plan.faults["data"] = str(error)


def _see_target(plan: Plan) -> None:
    recipe, table = plan.recipe, plan.table
    if table is None:
        return
    plan.target = recipe.target if recipe.target is not None else table.likely_target()
    if plan.target not in table.names:
        plan.faults["target"] = f"the table has no column {plan.target!r}. It has {', '.join(table.names[:12])}."
        plan.target = None
        return
    column = table[plan.target]
    if column.n_distinct < 2 or not column.usable:
        why = column.why or "All its values are the same."
        plan.faults["target"] = f"{plan.target} cannot be a target. {why}"
        plan.target = None
        return
    seen = table.as_target(plan.target)
    plan.task = recipe.task or seen.task
    plan.why["task"] = seen.why
    if plan.task not in ESTIMATORS:
        plan.faults["task"] = f"task must be 'classification' or 'regression', got {plan.task!r}."
        plan.task = None
    elif plan.task == "regression" and column.kind != "number":
        plan.faults["task"] = f"regression needs numbers, and {plan.target} holds none. Take classification."
    if column.n_missing:
        plan.why["target"] = f"{column.n_missing} rows without a target are left out."


def _see_columns(plan: Plan) -> None:
    table, target = plan.table, plan.target
    if table is None or target is None:
        return
    chosen = plan.recipe.leave_out
    plan.left_out = table.advised_out(target) if chosen is None else tuple(c for c in chosen if c != target)
    if unknown := sorted(set(plan.left_out) - set(table.names)):
        plan.faults["leave_out"] = f"the table has no column {unknown[0]!r} that could be left out."
    plan.columns = tuple(n for n in table.names if n != target and n not in plan.left_out)
    if bad := [n for n in plan.columns if not table[n].usable]:
        plan.faults["leave_out"] = f"{bad[0]} cannot be used. {table[bad[0]].why}"
        plan.columns = tuple(n for n in plan.columns if n not in bad)
    if not plan.columns:
        plan.faults["leave_out"] = "nothing is left to learn from. Use at least one column."


def _see_models(plan: Plan) -> None:
    if plan.task is None or plan.table is None or plan.target is None:
        return
    name = plan.recipe.estimator
    if name == AUTO:
        n = plan.table.as_target(plan.target).n
        plan.models = tuple(candidates(plan.task, n))
        slow = [k.label for k in candidates(plan.task, 0) if k not in plan.models]
        without = f" With {n} rows {' and '.join(slow)} would take too long." if slow else ""
        plan.why["estimator"] = ("Which one suits the table is a question of the search: it chooses among "
                                 f"{len(plan.models)} and tunes each.{without}")
        return
    found = known(plan.task, name)
    if found is None:
        plan.faults["estimator"] = (f"{name!r} is none for {plan.task}. There are "
                                    f"{', '.join(k.name for k in ESTIMATORS[plan.task])}, and 'auto'.")
        return
    plan.models = (found,)
    plan.why["estimator"] = found.about


def _see_metric(plan: Plan) -> None:
    if plan.task is None or plan.table is None or plan.target is None:
        return
    counts = tuple(n for _, n in plan.table.as_target(plan.target).classes)
    usual, why = default_metric(plan.task, counts if plan.task == "classification" else ())
    plan.metric = plan.recipe.metric or usual
    metric = next((m for m in METRICS[plan.task] if m.name == plan.metric), None)
    if metric is None:
        plan.faults["metric"] = (f"{plan.metric!r} is no score for {plan.task}. There are "
                                 f"{', '.join(m.name for m in METRICS[plan.task])}.")
        return
    plan.why["metric"] = metric.about if plan.recipe.metric else f"{metric.about} {why}"
    if metric not in plan.metrics:
        plan.faults["metric"] = f"{metric.label} is for two classes, and {plan.target} has {len(counts)}. Take another one."
    elif metric.probabilities and not all(k.probabilities for k in plan.models):
        if not plan.auto:
            plan.faults["metric"] = (f"{metric.label} needs probabilities, which {plan.models[0].name} does not give. Take "
                                     "another score, or another estimator.")
        plan.models = tuple(k for k in plan.models if k.probabilities) or plan.models


def _see_folds(plan: Plan) -> None:
    folds, table, target = plan.recipe.folds, plan.table, plan.target
    if not _whole(folds, 2):
        plan.faults["folds"] = f"folds must be a whole number of at least 2, got {folds!r}."
        return
    if table is None or target is None or plan.task is None:
        return
    seen = table.as_target(target)
    if folds > seen.n:
        plan.faults["folds"] = f"each fold needs a row, got {folds} folds of {seen.n} rows."
    elif plan.task == "classification":
        (_, most), (rare, least) = seen.classes[0], seen.classes[-1]
        if folds > most:
            plan.faults["folds"] = (f"no class has {folds} rows, one for each fold; the largest has {most}. Take fewer "
                                    f"folds, or is {target} rather a number to estimate?")
        elif folds > least:
            plan.why["folds"] = f"The class {rare} has {least} rows only: some folds are without it."


def _see_fidelity(plan: Plan) -> None:
    recipe, table = plan.recipe, plan.table
    if plan.auto:
        plan.why["fidelity"] = "Not offered while the search chooses the estimator: its losses come fold by fold."
        if table is not None and len(table.frame) >= MANY_ROWS:
            plan.why["fidelity"] += f" For {len(table.frame)} rows one estimator, judged on a share of them first, is quicker."
        if recipe.fidelity is not None or recipe.scheduler is not None:
            plan.faults["fidelity"] = "while the search chooses the estimator, each is judged in full. Take none."
        return
    if not plan.models:
        return
    model = plan.models[0]
    if table is not None:
        n = len(table.frame)
        plan.why["fidelity"] = (f"{n} rows are few: each configuration can be judged in full." if n < MANY_ROWS else
                                f"With {n} rows many configurations can be judged on a share of them: rows, with Hyperband.")
    if recipe.fidelity is None:
        if recipe.scheduler is not None:
            plan.faults["scheduler"] = "a scheduler needs something to give little or much of: choose a fidelity too."
        return
    if recipe.fidelity not in model.fidelities:
        plan.faults["fidelity"] = f"{model.name} can be trained on {' or '.join(model.fidelities)}, got {recipe.fidelity!r}."
        return
    kind = {"rows": Rows, "epochs": Epochs, "trees": Trees}[recipe.fidelity]
    plan.why["fidelity"] = {"rows": "A configuration is judged on a share of the rows first; the best go on with more.",
                            "epochs": "A configuration is trained for few passes first; the best go on.",
                            "trees": "A configuration gets few trees first; the best grow on."}[recipe.fidelity]
    most = plan.recipe.n_steps
    if kind is Trees and _whole(most, 1):
        size = _size(model.make())
        if size is not None and most > size[1]:
            plan.faults["max_steps"] = f"steps are shares of {size[1]} trees, so there can be no more, got {most}."
    if recipe.scheduler is not None and kind is Rows and not recipe.scheduler.schedule().budgets:
        plan.faults["scheduler"] = "a share of the rows is a budget, and this scheduler has none to give. Take Hyperband."


def _size(estimator: Any) -> tuple[str, int] | None:
    params = last_of(estimator).get_params(deep=False)
    return next(((name, int(params[name])) for name in ("n_estimators", "max_iter") if name in params), None)


def _see_space(plan: Plan) -> None:
    if not plan.models or not plan.columns or plan.table is None:
        return
    estimators = plan.estimators()
    if plan.auto:
        plan.usual_space = cash_space(estimators)
        allowed = {f"{name}.{p}" for name, e in estimators.items() for p in e.get_params(deep=True)} | {ROOT}
    else:
        (estimator,) = estimators.values()
        plan.usual_space = default_space(estimator)
        allowed = set(estimator.get_params(deep=True))
        size = _size(estimator) if plan.recipe.fidelity == "trees" else None
        if size is not None:
            prefix = "" if last_of(estimator) is estimator else f"{estimator.steps[-1][0]}__"
            plan.usual_space = without(plan.usual_space, [prefix + size[0]])
            allowed.discard(prefix + size[0])
    plan.why["space"] = "What is worth tuning, in the ranges of common practice."
    plan.space = plan.usual_space if plan.recipe.space is None else plan.recipe.space
    if not len(plan.space):
        plan.faults["space"] = "the space is empty: add what shall be tuned, or take the default space."
    elif unknown := [n for n in plan.space.names if n not in allowed]:
        what = "the estimators have" if plan.auto else f"{plan.models[0].name} has"
        plan.faults["space"] = f"{what} no parameter {unknown[0]!r} to tune. Take it out, or take the default space."
    elif plan.auto and not set(getattr(plan.space.params.get(ROOT), "options", [None])) <= set(estimators):
        plan.faults["space"] = (f"the search chooses by the parameter {ROOT!r}, whose options are of {', '.join(estimators)}. "
                                "Take the default space and narrow it.")


# ---- numbers, and the algorithm --------------------------------------------------------------------------------------

def _see_numbers(plan: Plan) -> None:
    recipe = plan.recipe
    if recipe.n_trials is not None and not _whole(recipe.n_trials, 1):
        plan.faults["n_trials"] = f"trials must be a whole number of at least 1, or nothing, got {recipe.n_trials!r}."
    if recipe.timeout is not None and not _positive(recipe.timeout):
        plan.faults["timeout"] = f"a time limit must be above 0, or nothing for none, got {recipe.timeout!r}."
    if not _whole(recipe.workers, 1):
        plan.faults["workers"] = f"workers must be a whole number of at least 1, got {recipe.workers!r}."
    if not _whole(recipe.warm_start, 0) or recipe.warm_start > MOST_FIRST:
        plan.faults["warm_start"] = (f"between 0 and {MOST_FIRST} configurations of past tasks can be tried first, got "
                                     f"{recipe.warm_start!r}.")
    elif recipe.warm_start and plan.own:
        plan.faults["warm_start"] = "past tasks are compared by their tables, and an objective has none. Take 0."
    if not _whole(recipe.similar, 1):
        plan.faults["warm_start"] = f"at least one past task must be asked, got similar={recipe.similar!r}."
    if recipe.seed is not None and not _whole(recipe.seed, 0):
        plan.faults["seed"] = f"a seed is a whole number of at least 0, or nothing for any, got {recipe.seed!r}."
    if not _whole(recipe.n_steps, 1):
        plan.faults["max_steps"] = f"steps must be a whole number of at least 1, got {recipe.n_steps!r}."
    if recipe.name is not None and (not isinstance(recipe.name, str) or not recipe.name.strip()):
        plan.faults["name"] = f"a run's name is a text that is not empty, or nothing, got {recipe.name!r}."
    if recipe.n_trials is None and recipe.timeout is None:
        plan.why["n_trials"] = "No limit: the run goes on until you stop it."


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _see_algorithm(plan: Plan) -> None:
    recipe = plan.recipe
    if plan.space is None and plan.way != "optuna":
        return
    if plan.space is not None and not len(plan.space):
        return
    if "n_trials" not in plan.faults and "max_steps" not in plan.faults and "scheduler" not in plan.faults:
        plan.recommendation = advise(_like(plan), plan.space, recipe.n_trials, n_losses=1, scheduler=recipe.effective_scheduler)
        plan.why["algorithm"] = " ".join(plan.recommendation.reasons)
        if recipe.algorithm is not None and recipe.algorithm != plan.recommendation.algorithm:
            plan.why["algorithm"] = f"Recommended here: {plan.recommendation.label}. {plan.why['algorithm']}"
    chosen = recipe.algorithm
    if plan.space is not None and recipe.prior:
        try:
            Beliefs.of(plan.space, recipe.prior)
        except SpaceError as error:
            plan.faults["space"] = f"what is believed does not fit the space: {error}"
    if chosen is None or plan.space is None:
        return
    label = catalogue.label(chosen)
    offered = catalogue.offered(plan.space, scheduled=recipe.effective_scheduler is not None)
    if label in catalogue.LABELLED and label not in offered:
        plan.faults["algorithm"] = f"{label} does not fit this space, or this kind of run. There are {', '.join(offered)}."
    try:
        check_prior(chosen, plan.space)
    except SpaceError as error:
        plan.faults["algorithm"] = str(error)


def _like(plan: Plan) -> Any:
    """Return something that gives its losses as the run's objective will; folds alone are nothing for a scheduler."""
    if plan.own:
        return plan.objective
    kinds: dict[str | None, Any] = {"rows": Rows, "epochs": Growing, "trees": Growing}
    return kinds.get(plan.recipe.fidelity, CashObjective).__call__


def first_fault(faults: Mapping[str, str]) -> str:
    """Say what is wrong in one line."""
    field_, text = next(iter(faults.items()))
    more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{field_.replace('_', ' ')}: {text}{more}"

