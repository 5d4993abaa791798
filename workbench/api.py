"""The public way in: ``optimize``, ``open`` and ``watch``."""

from __future__ import annotations

import json
import secrets
import threading
from contextvars import copy_context
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage

from workbench import store
from workbench.errors import RunError, SpaceError, StorageError
from workbench.events import StateChanged
from workbench.ledger import Ledger, attrs_json, replay
from workbench.objective import Objective
from workbench.optuna_bridge import Sampler
from workbench.optuna_watch import resolve_study, watch_study
from workbench.run import ATTR_ALGORITHMS, ATTR_SETTINGS, ATTR_SPACES, Run
from workbench.search import catalogue
from workbench.search.gp_bo import GPBO
from workbench.search.tpe import TPE
from workbench.space import Space
from workbench.propose import Settings

Direction = Literal["minimize", "maximize"]


def default_algorithm(space: Space | None) -> Any:
    """GP-BO where its model fits: up to 20 parameters and no space that is made on the way; TPE otherwise."""
    return TPE() if space is None or len(space) > 20 else GPBO()


def optimize(objective: Objective, space: Space | None = None, *, algorithm: Any = None, n_trials: int | None = 50,
             n_workers: int = 1, seed: int | None = None, name: str | None = None, direction: Direction = "minimize",
             storage: str | BaseStorage | None = None, trial_timeout: float | None = None,
             timeout: float | None = None, scheduler: Any = None, executor: Any = None) -> Run:
    """Make a run that waits for ``start()`` (or for the Start button of its panel).

    Parameters
    ----------
    objective
        A function ``config -> loss``; or a generator function that yields one loss per epoch; or, with ``space`` left
        out, an Optuna objective ``f(trial)``, unchanged.
    space
        The search space.
    algorithm
        ``GPBO()``, ``TPE()``, ``Random()``, ``Grid()`` or one of Optuna's samplers. Default: GP-BO for up to 20
        parameters, TPE otherwise.
    n_trials
        Ends the run; None for no limit.
    n_workers
        Trials that run at once, each in a thread.
    seed
        Same seed, one worker: same run. Drawn if not given, and kept in ``run.seed``.
    name
        Keeps the run in ``runs/<name>.journal`` from its first trial. Without a name it lives in memory.
    direction
        "minimize" or "maximize".
    storage
        Any Optuna storage or its URL, instead of the journal file; needs a name.
    trial_timeout, timeout
        Seconds that a trial, or the run, may run; pauses not counted.
    scheduler
        Judges a trial after each step; None lets every trial run to its end.
    executor
        Any ``concurrent.futures.Executor`` that runs the steps, instead of threads.

    Raises
    ------
    StorageError
        If a run of that name exists.
    """
    if not callable(objective):
        raise RunError(f"the objective must be a function, got {type(objective).__name__}.")
    if space is not None and not isinstance(space, Space):
        raise SpaceError(f"the space must be a wb.Space, got {type(space).__name__}. "
                         "wb.Space(lr=wb.Float(1e-5, 1e-1, log=True)) makes one.")
    if direction not in ("minimize", "maximize"):
        raise RunError(f"direction must be 'minimize' or 'maximize', got {direction!r}.")
    _positive(n_trials=n_trials, n_workers=n_workers, trial_timeout=trial_timeout, timeout=timeout)
    if storage is not None and name is None:
        raise RunError("storage= needs a name, under which the run is found again. Give name=.")
    seed = secrets.randbelow(2**31) if seed is None else int(seed)
    algorithm = default_algorithm(space) if algorithm is None else algorithm
    settings = Settings(space, algorithm, n_trials, n_workers, scheduler, trial_timeout, timeout)
    study, where, owner = _create(name, direction, storage)
    study.sampler = _sampler(algorithm, space, seed)
    run = Run(_ledger(study, owner), objective, settings, seed=seed, name=name, where=where, executor=executor,
              owner=owner)
    if run.saved:
        for key, value in run.settings_json().items():
            study.set_user_attr(key, value)
    return run


def _positive(**numbers: float | None) -> None:
    for what, n in numbers.items():
        if n is not None and (isinstance(n, bool) or not n > 0):
            raise RunError(f"{what} must be positive, got {n!r}.")
        if what.startswith("n_") and n is not None and n != int(n):
            raise RunError(f"{what} must be a whole number, got {n!r}.")


def _sampler(algorithm: Any, space: Space | None, seed: int) -> optuna.samplers.BaseSampler:
    """What Optuna asks: only for Optuna's own samplers, and for objectives that suggest as they go."""
    if isinstance(algorithm, optuna.samplers.BaseSampler):
        return algorithm
    if space is None:
        return Sampler(algorithm, seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _create(name: str | None, direction: str, storage: str | BaseStorage | None) -> tuple[optuna.Study, str,
                                                                                             store.Owner | None]:
    _quiet()
    nop = optuna.pruners.NopPruner()
    if name is None:
        return optuna.create_study(direction=direction, pruner=nop), "memory", None
    if storage is not None:
        try:
            study = optuna.create_study(study_name=name, storage=storage, direction=direction, pruner=nop)
        except optuna.exceptions.DuplicatedStudyError as error:
            raise StorageError(_exists(name, str(storage))) from error
        return study, str(storage), None
    path = store.journal_path(name)
    if path.exists() and path.stat().st_size:
        raise StorageError(_exists(name, str(path)))
    lock = _folder_and_lock(path)
    if not lock.acquire():
        raise StorageError(_exists(name, str(path)))
    study = optuna.create_study(study_name=name, storage=store.journal_storage(path), direction=direction, pruner=nop)
    return study, str(path), lock


def _ledger(study: optuna.Study, owner: store.Owner | None) -> Ledger:
    return Ledger(study, repair=None if owner is None else lambda: store.mend(owner.journal))


def _exists(name: str, where: str) -> str:
    return (f"a run {name!r} exists already in {where}. wb.open({name!r}) shows it, wb.open({name!r}, objective=f) goes "
            "on with it; or take another name.")


def _folder_and_lock(path: Path) -> store.Owner:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"the folder {path.parent} cannot be made: {error}. Choose another with storage=, or leave "
                           "the name out to keep the run in memory.") from error
    return store.Owner(path)


def open(name: str, objective: Objective | None = None, *, algorithm: Any = None,  # noqa: A001
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
    storage
        Where the run is kept, if not in its journal file.
    """
    _quiet()
    if storage is not None:
        study = store.load_study(optuna.storages.get_storage(storage), name, str(storage))
        return _reopen(study, name, str(storage), objective, algorithm, n_trials, n_workers, None)
    path = store.journal_path(name)
    if not path.exists():
        raise StorageError(f"there is no run {name!r}: {path} does not exist. wb.optimize(..., name={name!r}) makes it.")
    lock = store.Owner(path)
    owner = objective is not None and lock.acquire()
    study = store.load_study(store.journal_storage(path), name, str(path))
    if objective is not None and not owner:
        return _watch_file(study, name, str(path), "another process writes this run; here it can be watched")
    if objective is None and not _is_free(path):
        return _watch_file(study, name, str(path), "another process writes this run; here it can be watched")
    return _reopen(study, name, str(path), objective, algorithm, n_trials, n_workers, lock if owner else None)


def _is_free(path: Path) -> bool:
    lock = store.Owner(path)
    try:
        free = lock.acquire()
    except StorageError:
        return True  # a read-only folder has no writer
    lock.release()
    return free


def _reopen(study: optuna.Study, name: str, where: str, objective: Objective | None, algorithm: Any,
            n_trials: int | None, n_workers: int | None, owner: store.Owner | None) -> Run:
    ledger = _ledger(study, owner)
    try:
        kept = attrs_json(study, ATTR_SETTINGS)
        spaces = [None if s is None else Space.from_json(s) for s in attrs_json(study, ATTR_SPACES)]
        algorithms = [catalogue.from_json(a) for a in attrs_json(study, ATTR_ALGORITHMS)]
        seed, space, chosen = int(kept["seed"]), spaces[int(kept["space"])], algorithms[int(kept["algorithm"])]
        settings = Settings(space, chosen, kept["n_trials"], int(kept["n_workers"]), None, kept["trial_timeout"],
                            kept["timeout"], int(kept["space"]), int(kept["algorithm"]))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, SpaceError):
            raise StorageError(f"{where}: the space kept with the run is malformed: {error}") from error
        raise StorageError(f"{where}: the settings kept with the run are malformed: {error!r}.") from error
    if chosen is None and algorithm is None and objective is not None:
        raise RunError("this run used one of Optuna's samplers, which cannot be kept in a file. Give algorithm= again.")
    _refuse_pickles(study, algorithm)
    run = Run(ledger, objective, settings, seed=seed, name=name, where=where, owner=owner)
    run._spaces, run._algorithms = spaces, list(algorithms)
    if objective is None:
        run.detail = "opened to look at"
    run.log.append(run._started())
    for event in replay(ledger.trials(), ledger.sign, dead=True):
        run.log.append(event)
    study.sampler = _sampler(chosen if algorithm is None else algorithm, space, seed)
    if objective is not None and (algorithm, n_trials, n_workers) != (None, None, None):
        run.configure(algorithm=algorithm, n_trials=n_trials, n_workers=n_workers)
    return run


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
    stop = threading.Event()
    run = Run(Ledger(study), None, Settings(None, None, None), seed=0, name=name, where=where, on_close=stop.set)
    run._set("watching", detail)

    def follow() -> None:
        try:
            for event in watch_study(study, stop=stop, interval_s=interval_s):
                run._append(event)
        except Exception as error:  # noqa: BLE001 - shown in the panel
            run._set("failed", f"the study can no longer be read: {type(error).__name__}: {error}")

    thread = threading.Thread(target=copy_context().run, args=(follow,), daemon=True, name="workbench-watch")
    thread.start()
    return run
