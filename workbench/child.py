"""Child runs: a run in a changed or reduced space, which begins with those trials of its parent that still fit.

Optuna refuses other options, and other parameters, in one study; so such an edit makes a new study. What fits is decided in
``imported``, what is held fixed in ``fixed``.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from workbench import api, store
from workbench.errors import RunError, SpaceError, StorageError
from workbench.fixed import SAME, Fixed
from workbench.imported import Descent, Import
from workbench.ledger import replay
from workbench.objective import Objective
from workbench.propose import told_trials
from workbench.run import Run
from workbench.schedule import Scheduler
from workbench.search.beliefs import within_space
from workbench.space import Space

# How far a fixed number may have been from its value, on the unit interval, in a trial that is imported. Two or three parameters
# of Hartmann 6, Rosenbrock 5 (its log) and Ackley 6 were fixed at random after 25 trials; least loss of 12 more, mean of 8 seeds:
#              exact                0.05                 0.1                  0.2                  all
#     GP-BO    -2.57  3.36  3.75    -2.63  2.67  3.54    -2.67  2.64  3.46    -2.71  2.77  3.27    -2.68  2.61  3.35
#     TPE, 20  -2.42  2.80  4.74                                              -2.44  2.68  4.26    -2.43  2.68  4.18
# Of what does not matter all trials tell: eight parameters, five of them with next to no effect and fixed after 40 random trials;
# least loss of 12 more by GP-BO, 4 seeds:  near 0.0195 0.0429 0.0141 0.0187,  all 0.0052 0.0095 0.0114 0.0127
WITHIN = {"near": 0.2, "exact": SAME, "all": math.inf}


def make_child(parent: Run, space: Space | None = None, *, fixed: Mapping[str, Any] | None = None, name: str | None = None,
               n_trials: int | None = None, n_workers: int | None = None, algorithm: Any = None,
               scheduler: Scheduler | None = None, objective: Objective | None = None,
               storage: str | BaseStorage | None = None, import_trials: Literal["near", "exact", "all"] = "near") -> Run:
    """Make a child; ``Run.child`` says what is what."""
    if import_trials not in WITHIN:
        raise RunError(f"import_trials must be one of {list(WITHIN)!r}, got {import_trials!r}.")
    if fixed is not None and not isinstance(fixed, Mapping):
        raise SpaceError(f'fixed values are a mapping of names to values, got {fixed!r}. Write fixed={{"depth": 3}}.')
    whole, held = spaces_of(parent, space, fixed, objective)
    searched = whole if held is None else held.searched
    known, left_out = _imports(parent, whole, held, WITHIN[import_trials])
    settings = parent._settings
    if algorithm is None:
        algorithm = _algorithm(settings.algorithm, searched)
    several = parent.direction
    child = api.optimize(
        objective or _objective_of(parent), searched, algorithm=algorithm, n_trials=_n_trials(parent, n_trials),
        n_workers=parent.n_workers if n_workers is None else n_workers, seed=_seed(parent, searched, held, left_out), name=name,
        direction=several, storage=storage or _storage(parent, name), trial_timeout=settings.trial_timeout,
        timeout=settings.timeout, scheduler=scheduler or settings.scheduler, max_waiting=settings.max_waiting,
        executor=parent._executor)
    first_seed = parent.seed if parent.descent is None else parent.descent.first_seed
    child.descent = Descent(parent.name, parent.where, first_seed, len(known), left_out)
    child._settings.fixed, child._parent = held, parent
    try:
        _keep(child, known)
    except Exception:
        _undo(child)
        raise
    child._append(child._started())
    for event in replay(child._ledger.trials(), child._ledger.sign, dead=False):
        child._append(event)
    child._set("ready", child.descent.summary())
    parent.children.append(child)
    return child


def foresee(parent: Run, space: Space | None = None, *, fixed: Mapping[str, Any] | None = None,
            import_trials: Literal["near", "exact", "all"] = "near") -> tuple[Space | None, Descent]:
    """Say what a child would search, and how many trials it would begin with, without making it; see ``Run.child``."""
    whole, held = spaces_of(parent, space, fixed)
    known, left_out = _imports(parent, whole, held, WITHIN[import_trials])
    return whole if held is None else held.searched, Descent(parent.name, parent.where, parent.seed, len(known), left_out)


# ---- spaces --------------------------------------------------------------------------------------------------------------


def spaces_of(parent: Run, space: Space | None, fixed: Mapping[str, Any] | None,
              objective: Objective | None = None) -> tuple[Space | None, Fixed | None]:
    """Return the child's whole space, and what it holds fixed.

    The whole space is None for an Optuna objective, which makes it as it goes.
    """
    if space is not None and not isinstance(space, Space):
        raise SpaceError(f"the space must be a wb.Space, got {type(space).__name__}. Change run.space, or make one.")
    if space is not None and not len(space):
        raise SpaceError("a child's space needs at least one parameter, got none.")
    before, held = parent._settings.space, parent._settings.fixed
    if before is None and (space is not None or fixed) and objective is None:
        raise RunError("an Optuna objective makes its space as it goes, so a child cannot be given another one. Edit the "
                       "objective and give it: run.child(objective=f); or give a function of the configuration and space=.")
    if before is None and space is None:
        if fixed:
            raise RunError("fixed values need a space: run.child(space, fixed=..., objective=f).")
        return None, None
    known = before if held is None else held.space
    whole = known if space is None else space
    values = {**({} if held is None else held.values), **(fixed or {})}
    if space is not None:  # what it has again is no longer fixed, unless it is said so
        values = {name: value for name, value in values.items() if name not in space.params or name in (fixed or {})}
        whole = _with_held(space, values, known)
    assert whole is not None
    return whole, Fixed.of(whole, values) if values else None


def _with_held(space: Space, values: Mapping[str, Any], known: Space | None) -> Space:
    """Add the parameters that stay fixed, and that the given space leaves out."""
    more = {} if known is None else {name: known[name] for name in values if name not in space.params and name in known.params}
    try:
        return Space({**space.params, **more}, forbidden=space.forbidden) if more else space
    except SpaceError as error:
        raise SpaceError(f"{list(more)!r} stay fixed, but do not go with the new space: {error} Put them into the space "
                         "too.") from error


# ---- trials --------------------------------------------------------------------------------------------------------------


def _imports(parent: Run, space: Space | None, fixed: Fixed | None, within: float) -> tuple[list[FrozenTrial], dict[str, int]]:
    """Return the trials of the parent that fit, in the order in which they began, and why the others do not."""
    held = parent._settings.fixed
    before = (parent.space or Space()) if held is None else held.space
    importer, now = Import(parent.name, before, space, fixed, within), datetime.now()
    told = sorted(told_trials(parent._ledger.trials()), key=lambda t: t.number)
    fit = [made for t in told if (made := importer.take(t, now)) is not None]
    return fit, dict(importer.left_out)


def _keep(child: Run, trials: list[FrozenTrial]) -> None:
    """Write down the imported trials, and where they come from."""
    if child.saved:
        for key, value in child.settings_json().items():
            child._ledger.set_attr(key, value)
    for t in trials:
        child._ledger.add(t)
    child._ledger.flush()


def _undo(child: Run) -> None:
    """Leave nothing of a child that could not be made."""
    child.close()
    if child._owner is not None:
        child._owner.journal.unlink(missing_ok=True)
    elif child.saved:
        study = child._ledger.study
        optuna.delete_study(study_name=study.study_name, storage=study._storage)


# ---- settings ------------------------------------------------------------------------------------------------------------


def _objective_of(parent: Run) -> Objective:
    if parent._objective is None:
        raise RunError(f"this run is only looked at ({parent.detail or 'it belongs to another process'}), so its child needs an "
                       "objective: run.child(..., objective=f).")
    return parent._objective


def _algorithm(algorithm: Any, space: Space | None) -> Any:
    """Return the parent's algorithm for the child: its prior may speak of parameters that are gone."""
    if isinstance(algorithm, optuna.samplers.BaseSampler):
        return copy.deepcopy(algorithm)  # some keep a state
    return algorithm if space is None else within_space(algorithm, space)


def _n_trials(parent: Run, n_trials: int | None) -> Any:
    if n_trials is not None:
        return n_trials
    return "auto" if parent._settings.algorithm is None else parent.n_trials  # a study that was watched has no number


def _seed(parent: Run, space: Space | None, fixed: Fixed | None, left_out: Mapping[str, int]) -> int:
    """Return the child's seed: the parent's if the child goes on just like it, else one that follows from what is changed.

    Trials are numbered anew, and a trial's generator is seeded by seed and number: with the parent's seed and fewer trials
    the child would draw again what the parent has drawn.
    """
    values = {} if fixed is None else dict(fixed.values)
    if space == parent._settings.space and values == parent.fixed and not left_out:
        return parent.seed
    text = json.dumps([parent.seed, None if space is None else space.to_json(), values])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def _storage(parent: Run, name: str | None) -> str | None:
    """Return the parent's database for a child with a name, if it is in one."""
    return parent.where if name is not None and "://" in parent.where else None


# ---- the parent ----------------------------------------------------------------------------------------------------------


def find_parent(descent: Descent) -> Run | None:
    """Open the parent to look at; None if it had no name or is no longer there."""
    if descent.parent is None:
        return None
    ours = descent.where == str(store.journal_path(descent.parent))
    try:
        return api.open(descent.parent, storage=None if ours else descent.where)
    except StorageError:
        return None
