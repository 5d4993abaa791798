"""A recipe: what shall be run, as plain data. It can be looked at, kept as JSON, written as a script, and run.

>>> recipe = Recipe(Data("example", "wine"), estimator="SVC", n_trials=20)
>>> recipe.faults()
{}
>>> run = recipe.run().start()
>>> text = recipe.code()
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench import api, store
from workbench.automl.fidelity import Fidelity
from workbench.automl.recipe_code import script
from workbench.automl.recipe_data import Data, Table, Task
from workbench.automl.recipe_models import AUTO
from workbench.automl.recipe_plan import Plan, first_fault, look
from workbench.automl.tune import tune
from workbench.errors import RunError, StorageError, WorkbenchError
from workbench.fidelity import catalogue as schedulers
from workbench.fidelity.hyperband import EagerHyperband
from workbench.history import Algorithm
from workbench.run import Run
from workbench.schedule import Scheduler
from workbench.search import catalogue
from workbench.search.beliefs import Prior, as_prior
from workbench.search.warm_start import WarmStart
from workbench.space import Space
from workbench.task_store import past_tasks

VERSION = 1
ATTR_RECIPE = "wb:recipe"  # where a kept run says how it was made


@dataclass(frozen=True)
class Recipe:
    """What shall be run. It may be at fault: ``faults`` says where.

    Attributes
    ----------
    data
        The table to learn from.
    target
        The column to predict; None takes the likely one.
    leave_out
        Columns that are not learnt from; None leaves out what is better left out.
    task
        "classification" or "regression"; None tells it from the target.
    metric
        Name of a scikit-learn score; None takes a fitting one.
    estimator
        Class name of a scikit-learn estimator, or "auto": the search chooses it, too.
    objective
        Name of an objective in the notebook, instead of table and estimator; ``direction`` is for it alone.
    folds
        Of the cross-validation.
    space
        What is searched; None is the default space.
    algorithm
        What suggests configurations; None takes the recommended one.
    prior
        What is believed of good values, as ``workbench.search.beliefs.as_prior`` makes it; for an algorithm that takes one.
    fidelity
        What a trial gets little or much of: "rows", "epochs" or "trees"; None trains all in full.
    scheduler
        Which trials go on; None with a fidelity takes ``EagerHyperband``.
    max_steps
        Steps of a whole training, for a scheduler that does not say.
    warm_start
        How many configurations of past tasks are tried first, where a table is learnt from; 0 for none.
    similar
        How many of the past tasks most like the table they come from.
    n_trials, timeout
        When the run ends: a number of trials, or of seconds. None: no limit.
    workers
        Trials that run at once.
    seed
        Same seed, same run (with one worker). None draws one.
    name
        Keeps the run in a file. None keeps it in memory.
    """

    data: Data | None = None
    target: str | None = None
    leave_out: tuple[str, ...] | None = None
    task: Task | None = None
    metric: str | None = None
    estimator: str = AUTO
    objective: str | None = None
    direction: str = "minimize"
    folds: int = 5
    space: Space | None = None
    algorithm: Algorithm | None = None
    prior: Prior = ()
    fidelity: Fidelity | None = None
    scheduler: Scheduler | None = None
    max_steps: int = 27
    warm_start: int = 0
    similar: int = 5
    n_trials: int | None = 50
    timeout: float | None = None
    workers: int = 1
    seed: int | None = 0
    name: str | None = None

    @property
    def n_steps(self) -> int:
        """Steps of a whole training: the scheduler's word, if it has one."""
        return getattr(self.scheduler, "max_steps", self.max_steps)

    @property
    def effective_scheduler(self) -> Scheduler | None:
        """The scheduler that the run will have."""
        sound = isinstance(self.n_steps, int) and not isinstance(self.n_steps, bool) and self.n_steps > 0
        if self.scheduler is not None or self.fidelity is None or not sound:  # wrong steps are a fault of their own
            return self.scheduler
        return EagerHyperband(self.n_steps)

    # ---- looking ---------------------------------------------------------------------------------------------------

    def plan(self, namespace: Mapping[str, Any] | None = None, table: Table | None = None) -> Plan:
        """Fill in the defaults, with reasons, and find the faults.

        Parameters
        ----------
        namespace
            The notebook's variables, for tables and objectives that are there: ``globals()``.
        table
            The table, if it was read already.
        """
        return look(self, namespace or {}, table)

    def faults(self, namespace: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Say what is wrong, by field; empty if it can run."""
        return dict(self.plan(namespace).faults)

    def code(self, namespace: Mapping[str, Any] | None = None) -> str:
        """Write a Python script that does the same."""
        return script(self.plan(namespace))

    # ---- running ---------------------------------------------------------------------------------------------------

    def run(self, namespace: Mapping[str, Any] | None = None, table: Table | None = None) -> Run:
        """Make the run; it waits for ``start()``.

        Raises
        ------
        RunError
            If the recipe is at fault.
        StorageError
            If a run of that name exists.
        """
        settled = replace(self, seed=secrets.randbelow(2**31)) if self.seed is None else self
        plan = settled.plan(namespace, table)
        if plan.faults:
            raise RunError(f"the recipe cannot run. {first_fault(plan.faults)}")
        run = _made(plan, resume=False)
        if run.saved:
            run._ledger.set_attr(ATTR_RECIPE, json.dumps(settled.to_json()))
        return run

    def resume(self, namespace: Mapping[str, Any] | None = None, table: Table | None = None) -> Run:
        """Open the kept run of that name, to go on with it: same table, same objective."""
        plan = self.plan(namespace, table)
        if self.name is None:
            raise RunError("only a run with a name is kept. Give the recipe's name.")
        if plan.faults:
            raise RunError(f"the recipe cannot run. {first_fault(plan.faults)}")
        return _made(plan, resume=True)

    # ---- as JSON ---------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain JSON data."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {"version": VERSION, **plain,
                "data": None if self.data is None else dataclasses.asdict(self.data),
                "leave_out": None if self.leave_out is None else list(self.leave_out),
                "space": None if self.space is None else self.space.to_json(),
                "algorithm": None if self.algorithm is None else catalogue.to_json(self.algorithm),
                "scheduler": schedulers.to_json(self.scheduler)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> Recipe:
        """Read a recipe from JSON data or text.

        Raises
        ------
        WorkbenchError
            If it is none. What a field holds is for ``faults`` to judge.
        """
        try:
            given = dict(json.loads(data) if isinstance(data, str) else data)
        except (TypeError, ValueError) as error:
            raise WorkbenchError(f"a recipe is a JSON object, got {data!r:.80}.") from error
        if given.pop("version", VERSION) != VERSION:
            raise WorkbenchError("this recipe was written by another version of the workbench.")
        names = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(given.keys() - names):
            raise WorkbenchError(f"a recipe has no field {unknown[0]!r}. It has {', '.join(sorted(names))}.")
        try:
            if given.get("data") is not None:
                given["data"] = Data(**given["data"])
            if given.get("leave_out") is not None:
                given["leave_out"] = tuple(map(str, given["leave_out"]))
            if given.get("space") is not None:
                given["space"] = Space.from_json(given["space"])
            if given.get("algorithm") is not None:
                given["algorithm"] = catalogue.from_json(given["algorithm"])
            given["prior"] = as_prior(given.get("prior"))
            given["scheduler"] = schedulers.from_json(given.get("scheduler"))
        except TypeError as error:
            raise WorkbenchError(f"this is no recipe: {error}.") from error
        return cls(**given)


def _made(plan: Plan, *, resume: bool) -> Run:
    r = plan.recipe
    common: dict[str, Any] = {"algorithm": plan.algorithm, "n_trials": r.n_trials, "n_workers": r.workers, "seed": r.seed,
                              "name": r.name, "timeout": r.timeout}
    if plan.own:
        if resume:
            return api.open(str(r.name), plan.objective)
        direction: Any = r.direction
        return api.optimize(plan.objective, plan.space, direction=direction, scheduler=r.scheduler, **common)
    X, y = plan.rows()
    some = plan.estimators()
    estimator = some if plan.auto else next(iter(some.values()))
    shared: dict[str, Any] = {"scoring": plan.metric, "cv": r.folds, "fidelity": r.fidelity, "max_steps": r.n_steps}
    if resume:
        return tune(estimator, X, y, name=r.name, resume=True, **shared)
    if r.warm_start:
        common["algorithm"] = _warm(plan, X, y)
    return tune(estimator, X, y, space=plan.space, scheduler=r.effective_scheduler, **shared, **common)


def _warm(plan: Plan, X: Any, y: Any) -> WarmStart:
    """Put what past tasks suggest in front of the search. RunError if none of them fits."""
    firsts = past_tasks(store.FOLDER).similar(X, y, k=plan.recipe.similar, space=plan.space).first(plan.recipe.warm_start)
    assert plan.settled_algorithm is not None
    return WarmStart(plan.settled_algorithm, [f.config for f in firsts], [f.why for f in firsts])


# ---- kept runs -------------------------------------------------------------------------------------------------------

def kept_runs(folder: Path = store.FOLDER) -> list[str]:
    """Return the names of the runs that are kept here, the newest first."""
    found: list[tuple[float, str]] = []
    for path in folder.glob("*.journal") if folder.is_dir() else ():
        try:
            with path.open(encoding="utf-8") as file:
                name = json.loads(file.readline())["study_name"]
            found.append((path.stat().st_mtime, str(name)))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no journal of a run, whatever its name says
    return [name for _, name in sorted(found, reverse=True)]


def free_name(name: str) -> str:
    """Return the name, or with -2, -3, … behind it the first that no kept run has."""
    k, free = 1, name
    while not store.is_empty(store.journal_path(free), free):
        k += 1
        free = f"{name}-{k}"
    return free


def reopen(name: str, namespace: Mapping[str, Any] | None = None) -> tuple[Run, Recipe | None, str]:
    """Open a kept run: to go on with it if its recipe is kept with it and can be followed, else to look at it.

    Returns
    -------
    run, recipe, why
        The recipe is None where none was kept; ``why`` says why the run can only be looked at.
    """
    seen = api.open(name)
    try:
        text = seen._ledger.study.user_attrs.get(ATTR_RECIPE)
        recipe = None if text is None else Recipe.from_json(str(text))
    except WorkbenchError as error:
        return seen, None, f"Its recipe cannot be read: {error}"
    if recipe is None:
        return seen, None, f"It was not made here. To go on with it: wb.open({name!r}, objective=f)."
    if not seen.read_only or seen.state == "watching":
        return seen, recipe, ""
    try:
        return recipe.resume(namespace), recipe, ""
    except (RunError, StorageError) as error:
        return seen, recipe, f"It can only be looked at: {error}"
