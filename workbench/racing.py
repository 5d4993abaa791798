"""A race of algorithms on one problem: same seeds for all, in the background, with progress.

::

    race = wb.race(branin(), {"GP": wb.GPBO(), "TPE": wb.TPE(), "random": wb.Random()}, n_trials=30, seeds=10)
    race                     # a panel: press Start
    race.start().wait()      # in a script

The laps, one algorithm on one seed each, are run seed by seed, so that the comparison is fair at any time.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import optuna
import pandas as pd

from workbench.errors import RunError, SpaceError
from workbench.events import RunFinished, StateChanged, TrialFinished, TrialSuggested
from workbench.history import Algorithm
from workbench.ledger import Ledger
from workbench.notebook import mimebundle
from workbench.problems.problem import Problem
from workbench.propose import Settings
from workbench.race_results import Lap, RaceResults
from workbench.search.beliefs import check_prior
from workbench.space import Config, Space
from workbench.study import run_study

if TYPE_CHECKING:
    import plotly.graph_objects as go

RaceState = Literal["ready", "running", "pausing", "paused", "stopping", "stopped", "done", "failed"]
Objective = Callable[[Config], Any]
Make = Callable[[int], Any]  # the competitor for a seed
ALIVE: tuple[RaceState, ...] = ("running", "pausing", "paused", "stopping")


def race(problem: Problem | Objective, algorithms: Mapping[str, Any], *, space: Space | None = None, n_trials: int = 50,
         seeds: int | Sequence[int] = 10, n_workers: int = 0) -> Race:
    """Make a race that waits for ``start()`` (or for the Start button of its panel).

    Parameters
    ----------
    problem
        One of ``workbench.problems``, or a function of a configuration that is minimised; a function needs ``space``.
    algorithms
        By name: algorithms of the workbench; classes of Optuna samplers, or functions that make one:
        ``{"TPE": wb.TPE(), "CMA-ES": lambda seed: optuna.samplers.CmaEsSampler(seed=seed)}``. A sampler that is made
        already keeps a memory and a seed of its own, so each lap makes a new one.
    n_trials
        Of every lap.
    seeds
        Their number, or the seeds themselves. All algorithms run with all of them.
    n_workers
        Processes that run laps at the same time; 0: in a thread of this process. Objectives defined in a notebook
        can be sent to a process; what they change there is not seen here.

    Raises
    ------
    RunError, SpaceError
        If what is to be raced is not clear, or the ``prior`` of an algorithm does not fit the space.
    """
    if isinstance(problem, Problem):
        objective, known, name, optimum = problem.objective, problem.space, problem.name, problem.optimum
        space = known if space is None else space
    else:
        objective, optimum = problem, None
        name = getattr(problem, "__name__", type(problem).__name__)
    if not callable(objective):
        raise RunError(f"a race needs a problem or a function of a configuration, got {type(problem).__name__}.")
    if not isinstance(space, Space):
        raise SpaceError(f"a function is raced in a space: give space=wb.Space(…), got {space!r}.")
    if not isinstance(algorithms, Mapping) or not algorithms:
        raise RunError(f'the algorithms are given by name, {{"TPE": wb.TPE(), "random": wb.Random()}}, got {algorithms!r}.')
    numbers = tuple(range(seeds)) if isinstance(seeds, int) else tuple(int(s) for s in seeds)
    if not numbers or len(set(numbers)) < len(numbers):
        raise RunError(f"a race needs at least one seed, and each once, got {seeds!r}.")
    for what, value, least in (("n_trials", n_trials, 1), ("n_workers", n_workers, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise RunError(f"{what} must be a whole number of at least {least}, got {value!r}.")
    makers = {str(label): competitor(a, str(label)) for label, a in algorithms.items()}
    for algorithm in algorithms.values():
        check_prior(algorithm, space)
    return Race(Course(objective, space, n_trials), makers, numbers, name=name, optimum=optimum, n_workers=n_workers)


def competitor(algorithm: Any, label: str) -> Make:
    """Turn what was given into a function of the seed."""
    if isinstance(algorithm, optuna.samplers.BaseSampler):
        name = type(algorithm).__name__
        raise RunError(f"{label!r}: a sampler that is made already has a memory and a seed of its own. Give its class, or "
                       f"a function that makes it: lambda seed: optuna.samplers.{name}(seed=seed).")
    if isinstance(algorithm, type) and issubclass(algorithm, optuna.samplers.BaseSampler):
        maker: Any = algorithm
        return lambda seed: maker(seed=seed)
    if isinstance(algorithm, type):
        raise RunError(f"{label!r}: give an algorithm, not its class: {algorithm.__name__}().")
    if callable(getattr(algorithm, "suggest", None)):
        return lambda _: algorithm
    if callable(algorithm):
        return cast("Make", algorithm)
    raise RunError(f"{label!r}: an algorithm has a method suggest, got {algorithm!r}. Take wb.TPE() or wb.GPBO().")


# ---- one lap -----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Course:
    """What every lap runs on."""

    objective: Objective
    space: Space
    n_trials: int


def run_lap(course: Course, make: Make, label: str, seed: int) -> Iterator[Lap | None]:
    """Run one lap, trial by trial: None after each trial, the lap at last. What the caller does in between takes no time."""
    losses: list[float] = []
    seconds: list[float] = []
    errors: list[tuple[int, str]] = []
    thinking, began, since = 0.0, time.time(), time.time()
    ended: Literal["done", "exhausted", "failed"] = "done"
    error = ""
    try:
        algorithm: Algorithm | optuna.samplers.BaseSampler = make(seed)
        study = optuna.create_study(pruner=optuna.pruners.NopPruner())
        if isinstance(algorithm, optuna.samplers.BaseSampler):
            study.sampler = algorithm
        settings = Settings(course.space, algorithm, course.n_trials)
        for event in run_study(Ledger(study), course.objective, settings, seed=seed):
            match event:
                case TrialSuggested():
                    thinking += event.time - since
                case TrialFinished(state="interrupted"):
                    pass
                case TrialFinished():
                    if event.error:
                        errors.append((len(losses), event.error.strip().splitlines()[-1]))
                    losses.append(math.nan if event.loss is None else event.loss)
                    seconds.append(event.time - began)
                    handed_over = time.time()
                    yield None
                    away = time.time() - handed_over  # the race may have been paused meanwhile
                    began, since = began + away, event.time + away
                case RunFinished(reason="failed"):
                    ended, error = "failed", (event.error or "").strip().splitlines()[-1]
                case StateChanged(state="done") if event.detail:
                    ended = "exhausted"
    except Exception as trouble:  # noqa: BLE001 - a competitor that breaks loses its lap, not the race
        ended, error = "failed", f"{type(trouble).__name__}: {trouble}"
    yield Lap(label, seed, tuple(losses), tuple(seconds), thinking, tuple(errors), ended, error)


def whole_lap(course: Course, make: Make, label: str, seed: int) -> Lap:
    """Run one lap to its end: what a process does."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    *_, lap = run_lap(course, make, label, seed)
    assert lap is not None
    return lap


# ---- the race ----------------------------------------------------------------------------------------------------------

class Race:
    """A race under way or over. Made by ``race``.

    Attributes
    ----------
    state
        "ready", "running", "pausing", "paused", "stopping", "stopped", "done" or "failed".
    detail
        What it waits for, or what went wrong.
    """

    def __init__(self, course: Course, makers: Mapping[str, Make], seeds: tuple[int, ...], *, name: str,
                 optimum: float | None, n_workers: int) -> None:
        self.course, self.makers, self.seeds, self.name = course, dict(makers), seeds, name
        self.optimum, self.n_workers = optimum, n_workers
        self.state: RaceState = "ready"
        self.detail = ""
        self._laps: list[Lap] = []
        self._in_lap = 0  # trials of the lap under way
        self._lock = threading.Condition(threading.RLock())
        self._thread: threading.Thread | None = None
        self._used_s, self._since = 0.0, 0.0

    # ---- what it is --------------------------------------------------------------------------------------------

    @property
    def results(self) -> RaceResults:
        """The finished laps."""
        with self._lock:
            laps = tuple(self._laps)
        return RaceResults(self.name, tuple(self.makers), self.course.n_trials, self.seeds, laps, self.optimum)

    @property
    def n_laps(self) -> int:
        """Laps in all."""
        return len(self.makers) * len(self.seeds)

    @property
    def progress(self) -> float:
        """Share of the race that is done."""
        with self._lock:
            return (len(self._laps) + self._in_lap / self.course.n_trials) / self.n_laps

    @property
    def elapsed_s(self) -> float:
        """Seconds that it has run, pauses not counted."""
        since = self._since
        return self._used_s + (time.monotonic() - since if since else 0.0)

    @property
    def eta_s(self) -> float | None:
        """Seconds that are probably left, by the mean time of each algorithm's laps; None while that is unknown."""
        with self._lock:
            laps, running = list(self._laps), self._in_lap / self.course.n_trials
        if not laps or self.state not in ALIVE:
            return None
        spent: dict[str, list[float]] = {}
        for lap in laps:
            spent.setdefault(lap.algorithm, []).append(lap.seconds[-1] if lap.seconds else 0.0)
        overall = sum(map(sum, spent.values())) / len(laps)
        left = self._left()
        per_lap = [sum(s) / len(s) if (s := spent.get(label)) else overall for label, _ in left]
        return max(sum(per_lap) - (running * per_lap[0] if per_lap else 0.0), 0.0) / max(self.n_workers, 1)

    def _left(self) -> list[tuple[str, int]]:
        """Laps that are not finished, seed by seed."""
        with self._lock:
            done = {(lap.algorithm, lap.seed) for lap in self._laps}
        return [(label, s) for s in self.seeds for label in self.makers if (label, s) not in done]

    # ---- controls ----------------------------------------------------------------------------------------------

    def start(self) -> Race:
        """Start in the background, or go on. After a stop, the laps that were under way begin anew. Returns at once."""
        with self._lock:
            if self.state in ("pausing", "paused"):
                self._set("running")
            elif self.state in ("ready", "stopped", "failed"):
                if self._thread is not None and self._thread.is_alive():
                    self._thread.join(5)
                self._set("running")
                self._thread = threading.Thread(target=copy_context().run, args=(self._drive,), daemon=True,
                                                name="workbench race")
                self._thread.start()
        return self

    resume = start

    def pause(self) -> Race:
        """Start no further trial (with processes: no further lap). Returns at once."""
        with self._lock:
            if self.state == "running":
                self._set("pausing", "the laps under way are finished first" if self.n_workers else "")
        return self

    def stop(self) -> Race:
        """End the race; finished laps are kept. Returns at once."""
        with self._lock:
            if self.state in ("running", "pausing", "paused"):
                self._set("stopping", "" if self.n_workers else "the trial under way is finished first")
            elif self.state == "ready":
                self._set("stopped")
        return self

    def wait(self, timeout: float | None = None) -> Race:
        """Wait until the race has ended. An interrupt (the kernel's stop button) stops it.

        Raises
        ------
        RunError
            If it was never started or is paused: it would wait for ever. Also if it failed.
        """
        if self.state in ("ready", "paused"):
            raise RunError(f"the race is {self.state}: waiting for it would never end. Call start() first.")
        end = None if timeout is None else time.monotonic() + timeout
        try:
            with self._lock:
                while self.state in ALIVE and (end is None or time.monotonic() < end):
                    self._lock.wait(0.2)
        except KeyboardInterrupt:
            self.stop()
        if self.state == "failed":
            raise RunError(f"the race failed: {self.detail}")
        return self

    async def finished(self) -> Race:
        """Wait without blocking the kernel: ``await race.finished()``."""
        import asyncio

        while self.state in ALIVE:
            await asyncio.sleep(0.05)
        return self

    def _set(self, state: RaceState, detail: str = "") -> None:
        with self._lock:
            clock = state in ("running", "pausing")
            if self._since and not clock:
                self._used_s += time.monotonic() - self._since
            self._since = (self._since or time.monotonic()) if clock else 0.0
            self.state, self.detail = state, detail
            self._lock.notify_all()

    # ---- the thread --------------------------------------------------------------------------------------------

    def _drive(self) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            whole = self._with_processes() if self.n_workers else self._here()
            self._set("done" if whole else "stopped")
        except Exception as error:  # noqa: BLE001 - the thread's last word
            self._set("failed", f"{type(error).__name__}: {error}")
        finally:
            self._in_lap = 0

    def _may_go_on(self, *, idle: bool = True) -> bool:
        """Wait while paused; False when the race was stopped. ``idle``: nothing is under way any more."""
        with self._lock:
            if self.state == "pausing" and idle:
                self._set("paused")
            while self.state == "paused":
                self._lock.wait(0.5)
            return self.state in ("running", "pausing")

    def _here(self) -> bool:
        """Run the laps in this thread; returns whether all were run."""
        for label, seed in self._left():
            for step in run_lap(self.course, self.makers[label], label, seed):
                with self._lock:
                    self._in_lap += step is None
                    if step is not None:
                        self._laps.append(step)
                        self._in_lap = 0
                if not self._may_go_on():
                    return not self._left()
        return True

    def _with_processes(self) -> bool:
        """Run laps in processes. loky's also take functions that were defined in a notebook."""
        from joblib.externals.loky import ProcessPoolExecutor

        pool = ProcessPoolExecutor(max_workers=self.n_workers)
        under_way: set[Future[Lap]] = set()
        left = self._left()[::-1]
        try:
            while left or under_way:
                if not self._may_go_on(idle=not under_way):
                    return False
                while left and len(under_way) < self.n_workers and self.state == "running":
                    label, seed = left.pop()
                    under_way.add(pool.submit(whole_lap, self.course, self.makers[label], label, seed))
                done, under_way = wait(under_way, timeout=0.1, return_when=FIRST_COMPLETED)
                with self._lock:
                    self._laps += [future.result() for future in done]
            return True
        finally:
            pool.shutdown(wait=False, kill_workers=True)

    # ---- results -----------------------------------------------------------------------------------------------

    def frame(self) -> pd.DataFrame:
        """Return all trials of the finished laps as a DataFrame."""
        return self.results.frame()

    def table(self) -> pd.DataFrame:
        """Return average ranks, final losses and failures, one row per algorithm."""
        return self.results.table()

    def pairs(self) -> pd.DataFrame:
        """Return wins and p-values, one row per pair of algorithms."""
        return self.results.pairs()

    def words(self) -> list[str]:
        """Say the outcome in plain sentences."""
        return self.results.words()

    def figure(self) -> go.Figure:
        """Return the curves as a plotly figure."""
        from workbench.plots.figure import figure
        from workbench.plots.race import race as draw

        return figure(draw(self.results))

    def export(self, path: str | Path | None = None) -> str:
        """Return the finished laps as JSON text, and write them to ``path`` if one is given."""
        text = self.results.to_json()
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def __repr__(self) -> str:
        """One line: problem, state, progress, leader."""
        results = self.results
        lead = f", {results.order[0]} leads" if results.complete_seeds else ""
        return f"<Race on {self.name}: {self.state}, {len(results.laps)} of {self.n_laps} laps{lead}>"

    def _repr_html_(self) -> str:
        return self.results.to_html()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the live panel in a notebook; a table where the notebook side is missing."""
        return mimebundle(self, "race_panel", **kwargs)


__all__ = ["Course", "Race", "competitor", "race", "run_lap"]
