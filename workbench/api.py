"""The public way in: ``optimize``, ``open`` and ``watch``."""

from __future__ import annotations

import secrets
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage

from workbench import store
from workbench.errors import RunError, SpaceError, StorageError
from workbench.events import RunStarted, RunState
from workbench.fidelity import catalogue as schedulers
from workbench.fixed import Fixed
from workbench.imported import Descent
from workbench.ledger import Ledger, attrs_json, name_metrics, replay
from workbench.losses import Direction, Goals
from workbench.objective import Objective, takes_budget
from workbench.optuna_bridge import Sampler
from workbench.optuna_watch import resolve_study, watch_study
from workbench.propose import MAX_WAITING, Settings
from workbench.run import ATTR_ALGORITHMS, ATTR_SETTINGS, ATTR_SPACES, Run, check_algorithm, for_scheduler
from workbench.schedule import Scheduler
from workbench.search import catalogue
from workbench.search.beliefs import check_prior
from workbench.search.recommend import advise, objective_kind, recommend
from workbench.space import Space
from workbench.store import Owner
from workbench.task_record import About, TaskRecord, keep, record_path
from workbench.task_similar import SimilarTasks
from workbench.task_start import warm_started

Auto = Literal["auto"]
FOREIGN = object()  # a scheduler that is not ours: a file cannot keep it
N_TRIALS = 50  # by default, without rounds of a scheduler

UNDER_WAY: tuple[RunState, ...] = ("running", "pausing", "paused", "stopping")
_HERE: weakref.WeakValueDictionary[str, Run] = weakref.WeakValueDictionary()  # writers of this process, by their file


def optimize(objective: Objective, space: Space | None = None, *, algorithm: Any = None, n_trials: int | Auto | None = "auto",
             n_workers: int = 1, seed: int | None = None, name: str | None = None,
             direction: Direction | Sequence[Direction] | Mapping[str, Direction] = "minimize",
             storage: str | BaseStorage | None = None, trial_timeout: float | None = None,
             timeout: float | None = None, scheduler: Scheduler | None = None, max_steps: int | None = None,
             max_waiting: int = MAX_WAITING, executor: Any = None, data: Any = None,
             warm_start: int | SimilarTasks | Sequence[Mapping[str, Any]] | None = None) -> Run:
    """Make a run that waits for ``start()`` (or for the Start button of its panel).

    Parameters
    ----------
    objective
        A function ``config -> loss``; or a generator function that yields one loss per epoch; or, for a scheduler, a function
        ``(config, budget) -> loss``; or, with ``space`` left out, an Optuna objective ``f(trial)``, unchanged.
    space
        The search space.
    algorithm
        ``GPBO()``, ``TPE()``, another of ``workbench.search`` or one of Optuna's samplers. Default: what ``recommend``
        chooses for the space and the number of trials. With a scheduler, one that knows a single budget is given the
        trials on one scale: ``OneScale(algorithm)``.
    n_trials
        Ends the run; None for no limit. "auto": 50, or one round of the scheduler.
    n_workers
        Trials that run at once, each in a thread.
    seed
        Same seed, one worker: same run. Drawn if not given, and kept in ``run.seed``.
    name
        Keeps the run in ``runs/<name>.journal`` from its first trial. Without a name it lives in memory.
    direction
        "minimize" or "maximize". For several losses a list, one for each number of the tuple that the objective returns; or
        a dict by their names, for an objective that returns a dict (or a tuple in that order). A dict of one entry names the
        one loss.
    storage
        Any Optuna storage or its URL, instead of the journal file; needs a name.
    trial_timeout, timeout
        Seconds that a trial, or the run, may run; pauses not counted.
    scheduler
        ``Hyperband(max_steps=81)``, ``ASHA(...)`` or another of ``workbench.fidelity``: how many steps each trial gets. Trials
        wait where they stand for others, and go on from there. None lets every trial run to its end.
    max_steps
        Steps of a whole training (epochs, say): lets ``recommend`` choose a scheduler. Instead of ``scheduler``.
    max_waiting
        Trials that wait in memory. Of more, those with the greatest losses are shelved: if one is promoted after all, its
        steps run again, or it goes on from the ``state`` of its last ``wb.Checkpoint``.
    executor
        Any ``concurrent.futures.Executor`` that runs the steps, instead of threads.
    data
        What the objective learns from: a pair (X, y), or meta-features as a Series or a dict. With a name the run becomes a past
        task, ``wb.past_tasks()``, from which later ones can learn: numbers about the data are kept beside it, never a row.
    warm_start
        What is tried first: a list of configurations; what ``wb.past_tasks().similar(X, y)`` has found; or how many, such as 5,
        from the past tasks that are most like ``data`` (from all in this space, if there are no data). The search sees them as
        its own trials.

    Raises
    ------
    StorageError
        If a run of that name exists.
    RunError, SpaceError
        If an argument is not what it should be, or the algorithm's ``prior`` names a parameter that the space lacks.
    """
    if not callable(objective):
        raise RunError(f"the objective must be a function, got {type(objective).__name__}.")
    if space is not None and not isinstance(space, Space):
        raise SpaceError(f"the space must be a wb.Space, got {type(space).__name__}. "
                         "wb.Space(lr=wb.Float(1e-5, 1e-1, log=True)) makes one.")
    goals = Goals.of(direction)
    if goals.several and scheduler is not None:
        raise RunError(f"a scheduler judges one loss, got a run of {len(goals)}. Leave scheduler= out.")
    advice = None
    if max_steps is not None:
        if scheduler is not None:
            raise RunError("max_steps lets a scheduler be chosen, but scheduler= is given too. Leave one of them out.")
        advice = recommend(space, objective_kind(objective, space), n_losses=len(goals), max_steps=max_steps)
        scheduler = advice.scheduler
    check_scheduler(scheduler, objective)
    if n_trials == "auto":
        n_trials = (None if scheduler is None else scheduler.n_trials) or N_TRIALS
    _positive(n_trials=n_trials, n_workers=n_workers, trial_timeout=trial_timeout, timeout=timeout)
    if isinstance(max_waiting, bool) or not isinstance(max_waiting, int) or max_waiting < 0:
        raise RunError(f"max_waiting must be a whole number, at least 0, got {max_waiting!r}.")
    if storage is not None and name is None:
        raise RunError("storage= needs a name, under which the run is found again. Give name=.")
    seed = secrets.randbelow(2**31) if seed is None else int(seed)
    if algorithm is None:
        advice = advice or advise(objective, space, n_trials, n_losses=len(goals), scheduler=scheduler)
        algorithm = advice.algorithm
    check_algorithm(algorithm, len(goals))
    if space is not None:
        check_prior(algorithm, space)
    about = None if data is None else About.of(data)
    if warm_start is not None:
        algorithm, about = warm_started(algorithm, warm_start, space, about, name)
    algorithm = for_scheduler(algorithm, scheduler)
    settings = Settings(space, algorithm, n_trials, n_workers, scheduler, trial_timeout, timeout, max_waiting)
    study, where, owner = _create(name, goals, storage)
    study.sampler = _sampler(algorithm, space, seed, settings.budgets)
    run = Run(_ledger(study, owner), objective, settings, seed=seed, name=name, where=where, executor=executor,
              owner=owner)
    if run.saved:
        for key, value in run.settings_json().items():
            study.set_user_attr(key, value)
    if about is not None and owner is not None:
        direction = goals.directions[0]
        keep(record_path(owner.journal), TaskRecord(name or "", direction=direction, space=space), about)
    return _remember(run, owner)


def _ledger(study: optuna.Study, owner: Owner | None) -> Ledger:
    return Ledger(study, repair=None if owner is None else owner.repair)


def _remember(run: Run, owner: Owner | None) -> Run:
    if owner is not None:
        _HERE[str(owner.journal.resolve())] = run
    return run


def _here(path: Path) -> Run | None:
    """Return the run of this process that writes that file, if it is under way."""
    run = _HERE.get(str(path.resolve()))
    return run if run is not None and run.state in UNDER_WAY else None


def _take_over(path: Path, owner: Owner) -> bool:
    """Become the writer; a run of this process that holds the file and does nothing must let go."""
    if owner.acquire():
        return True
    old = _HERE.get(str(path.resolve()))
    if old is None or old.state in UNDER_WAY:
        return False
    old.hand_over()
    return owner.acquire()


def check_scheduler(scheduler: Any, objective: Objective | None) -> None:
    """Raise RunError unless it is a scheduler, or None, and the objective can do with it."""
    wants = objective is not None and takes_budget(objective)
    if scheduler is None:
        if wants:
            raise RunError("the objective takes a budget, which only a scheduler can give. Pass "
                           "scheduler=wb.Hyperband(max_steps=81), with the largest budget, or leave the parameter budget out.")
    elif isinstance(scheduler, type) or not callable(getattr(scheduler, "schedule", None)):
        raise RunError(f"a scheduler is an object with a method schedule, got {scheduler!r}. Take wb.Hyperband(max_steps=81).")
    elif wants and not scheduler.schedule().budgets:
        raise RunError(f"the objective takes a budget, but {type(scheduler).__name__} has none to give: it stops trials at any "
                       "step. Take wb.Hyperband(max_steps=81), or a generator that yields one loss per step.")


def _positive(**numbers: float | None) -> None:
    for what, n in numbers.items():
        if n is not None and (isinstance(n, bool) or not n > 0):
            raise RunError(f"{what} must be positive, got {n!r}.")
        if what.startswith("n_") and n is not None and n != int(n):
            raise RunError(f"{what} must be a whole number, got {n!r}.")


def _sampler(algorithm: Any, space: Space | None, seed: int, budgets: tuple[int, ...]) -> optuna.samplers.BaseSampler:
    """Return what Optuna asks: only for Optuna's own samplers, and for objectives that suggest as they go."""
    if isinstance(algorithm, optuna.samplers.BaseSampler):
        return algorithm
    if space is None:
        return Sampler(algorithm, seed=seed, budgets=budgets)
    return optuna.samplers.RandomSampler(seed=seed)


def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _create(name: str | None, goals: Goals,
            storage: str | BaseStorage | None) -> tuple[optuna.Study, str, Owner | None]:
    study, where, owner = _new_study(name, goals, storage)
    if goals.names:
        name_metrics(study, goals.names)
    return study, where, owner


def _new_study(name: str | None, goals: Goals,
               storage: str | BaseStorage | None) -> tuple[optuna.Study, str, Owner | None]:
    _quiet()
    nop, directions = optuna.pruners.NopPruner(), list(goals.directions)
    if name is None:
        return optuna.create_study(directions=directions, pruner=nop), "memory", None
    if storage is not None:
        try:
            study = optuna.create_study(study_name=name, storage=storage, directions=directions, pruner=nop)
        except optuna.exceptions.DuplicatedStudyError as error:
            raise StorageError(_exists(name, str(storage))) from error
        except Exception as error:
            raise StorageError(f"the storage {storage} cannot be used: {type(error).__name__}: {error}.") from error
        return study, str(storage), None
    path = store.journal_path(name)
    owner = Owner(path)
    if not (store.is_empty(path, name) and _take_over(path, owner)):
        raise StorageError(_exists(name, str(path)))
    try:
        path.unlink(missing_ok=True)  # nothing was ever tried in it
        journal = store.journal_storage(path)
        made = optuna.create_study(study_name=name, storage=journal, directions=directions, pruner=nop)
    except OSError as error:
        owner.release()
        raise StorageError(f"{path} cannot be written: {error}. Choose another place with storage=, or leave the name "
                           "out to keep the run in memory.") from error
    return made, str(path), owner


def _exists(name: str, where: str) -> str:
    return (f"a run {name!r} exists already in {where}. wb.open({name!r}) shows it, wb.open({name!r}, objective=f) "
            "goes on with it; or take another name.")


def open(name: str, objective: Objective | None = None, *, algorithm: Any = None, scheduler: Scheduler | None = None,
         n_trials: int | None = None, n_workers: int | None = None, storage: str | BaseStorage | None = None) -> Run:
    """Open a named run: to look at it, or with ``objective`` to go on with it.

    Everything that ended is there. What was running when its process died is marked interrupted and, when the run goes
    on, tried again with its configuration. If another process has the run open for writing, this one watches it.

    Parameters
    ----------
    name
        The run's name.
    objective
        Goes on with the run: the same function as before.
    algorithm, n_trials, n_workers
        Change these settings. An algorithm of Optuna's must be given again.
    scheduler
        Only for one of your own, which must be given again.
    storage
        Where the run is kept, if not in its journal file.
    """
    _quiet()
    changes = {"algorithm": algorithm, "scheduler": scheduler, "n_trials": n_trials, "n_workers": n_workers}
    if storage is not None:
        study = store.load_study(store.any_storage(storage), name, str(storage))
        return _reopen(study, name, str(storage), objective, changes, None)
    path = store.journal_path(name)
    if not path.exists():
        raise StorageError(f"there is no run {name!r}: {path} does not exist. wb.optimize(..., name={name!r}) makes "
                           "it.")
    here = _here(path)
    if here is not None:
        if objective is not None and objective is not here._objective:
            raise RunError(f"the run {name!r} is {here.state} in this kernel. Stop it first, or use wb.open({name!r}).")
        return here
    owner = Owner(path)
    writes = objective is not None and _take_over(path, owner)
    study = store.load_study(store.journal_storage(path), name, str(path))
    if not writes and not owner.is_free():
        return _watch_file(study, name, str(path), "another process writes this run; here it can be watched")
    run = _reopen(study, name, str(path), objective, changes, owner if writes else None)
    return _remember(run, owner if writes else None)


def _reopen(study: optuna.Study, name: str, where: str, objective: Objective | None, changes: dict[str, Any],
            owner: Owner | None) -> Run:
    settings, seed, spaces, algorithms, descent = _kept(study, where)
    _take_scheduler(settings, changes.pop("scheduler"), needed=objective is not None)
    check_scheduler(settings.scheduler, objective)
    algorithm = changes["algorithm"]
    if settings.algorithm is None and algorithm is None and objective is not None:
        raise RunError("this run used one of Optuna's samplers, which cannot be kept in a file. Give algorithm= again.")
    _refuse_pickles(study, algorithm)
    run = Run(_ledger(study, owner), objective, settings, seed=seed, name=name, where=where, owner=owner)
    run._spaces, run._algorithms, run.descent = spaces, algorithms, descent
    if objective is None:
        run.detail = "opened to look at"
    run._append(run._started())
    for event in replay(run._ledger.trials(), run._ledger.sign, dead=True):
        run._append(event)
    study.sampler = _sampler(settings.algorithm if algorithm is None else algorithm, settings.space, seed,
                             settings.budgets)
    if objective is not None and any(v is not None for v in changes.values()):
        run.configure(**changes)
    if run.n_trials is not None and run.n_done >= run.n_trials:
        run._set("done", run.detail)
    return run


def _take_scheduler(settings: Settings, given: Scheduler | None, *, needed: bool) -> None:
    """Put a scheduler of the user's own where the file says that there was one."""
    if settings.scheduler is not FOREIGN:
        if given is not None and given != settings.scheduler:
            raise RunError(f"the run has been made with {schedulers.label(settings.scheduler) or 'no scheduler'}; it cannot be "
                           "changed afterwards. Leave scheduler= out.")
    elif given is None and needed:
        raise RunError("this run used a scheduler of your own, which cannot be kept in a file. Give scheduler= again.")
    else:
        settings.scheduler = given


def _kept(study: optuna.Study, where: str) -> tuple[Settings, int, list[Space | None], list[Any], Descent | None]:
    """Read the settings kept with a run; StorageError if they are missing or malformed."""
    try:
        kept = attrs_json(study, ATTR_SETTINGS)
        spaces = [None if s is None else Space.from_json(s) for s in attrs_json(study, ATTR_SPACES)]
        algorithms: list[Any] = [catalogue.from_json(a) for a in attrs_json(study, ATTR_ALGORITHMS)]
        i, j = int(kept["space"]), int(kept["algorithm"])
        if min(i, j) < 0:
            raise IndexError(f"space {i}, algorithm {j}")
        n_trials = None if kept["n_trials"] is None else int(kept["n_trials"])
        scheduler: Any = FOREIGN if (kept.get("scheduler") or {}).get("foreign") else schedulers.from_json(kept.get("scheduler"))
        trial_limit, limit = (None if kept[k] is None else float(kept[k]) for k in ("trial_timeout", "timeout"))
        settings = Settings(spaces[i], algorithms[j], n_trials, int(kept["n_workers"]), scheduler, trial_limit, limit,
                            int(kept.get("max_waiting", MAX_WAITING)), i, j,
                            Fixed.from_json(kept["fixed"]) if "fixed" in kept else None)
        descent = Descent.from_json(kept["descent"]) if "descent" in kept else None
        return settings, int(kept["seed"]), spaces, algorithms, descent
    except SpaceError as error:
        raise StorageError(f"{where}: the space kept with the run is malformed: {error}") from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise StorageError(f"{where}: the settings kept with the run are malformed: {error!r}.") from error


def _refuse_pickles(study: optuna.Study, algorithm: Any) -> None:
    """Optuna's CMA-ES keeps its state as a pickle among the trials' attributes; a file's pickle is never loaded."""
    if not isinstance(algorithm, optuna.samplers.CmaEsSampler):
        return
    for t in study.get_trials(deepcopy=False):
        if any("cma" in key for key in t.system_attrs):
            raise StorageError("Optuna's CmaEsSampler would unpickle its state from this file, which could run foreign "
                               "code. Go on with another algorithm, or start a new run.")


def watch(study: optuna.Study | str | BaseStorage, name: str | None = None, *, interval_s: float = 0.5) -> Run:
    """Show any Optuna study live, in the panel of a run, without touching it.

    Parameters
    ----------
    study
        A study of this process; or a storage or its URL, which other processes may feed.
    name
        Which study, where the storage holds several.
    interval_s
        Seconds between two looks.
    """
    _quiet()
    found = resolve_study(study, name)
    where = study if isinstance(study, str) else "an Optuna study"
    return _watch_file(found, found.study_name, str(where), "watching an Optuna study", interval_s)


def _watch_file(study: optuna.Study, name: str, where: str, detail: str, interval_s: float = 0.5) -> Run:
    ours = study.user_attrs.get(ATTR_SETTINGS) is not None
    settings, seed, spaces, algorithms, descent = _kept(study, where) if ours else (Settings(None, None, None), 0, [], [], None)
    stop = threading.Event()
    run = Run(Ledger(study), None, settings, seed=seed, name=name, where=where, on_close=stop.set)
    if ours:
        run._spaces, run._algorithms, run.descent = spaces, algorithms, descent
    run._set("watching", detail)

    def follow() -> None:
        try:
            for event in watch_study(study, stop=stop, interval_s=interval_s):
                run._append(run._started() if isinstance(event, RunStarted) and ours else event)
        except Exception as error:  # noqa: BLE001 - shown in the panel
            run._set("failed", f"the study can no longer be read: {type(error).__name__}: {error}")

    thread = threading.Thread(target=copy_context().run, args=(follow,), daemon=True, name="workbench-watch")
    thread.start()
    return run
