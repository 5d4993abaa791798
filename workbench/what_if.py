"""What would another algorithm have suggested here? Several are asked on the same history, with the same generator.

Algorithms keep no state, so any of them can be asked about any moment of any run: the history that was known when trial k was
chosen is rebuilt, and each answers as if it had been the run's own. Nothing of the run changes.

Two suggestions are compared by Gower's distance (1971): the mean over the parameters that either has of |u - v| in the unit
cube, for a choice 0 or 1, and 1 where only one of the two has the parameter. So 0 is the same configuration, and 1 differs in
every parameter as far as can be.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import RunError, WorkbenchError
from workbench.history import Explanation, History, refusal
from workbench.losses import Goals
from workbench.pictures import picture
from workbench.rows import fits
from workbench.search import catalogue
from workbench.search.beliefs import check_prior
from workbench.space import Array, Config, Space
from workbench.trials import Trial, free_names

PRESET = ("GP-BO · log-EI", "TPE", "CMA-ES", "RF-BO (SMAC)", "Random")
FOR_LOSSES = ("GP · expected hypervolume", "NSGA-II")
TRIED = "really tried"
OURS = ("algorithm", "suggestion", "why", "distance", "seconds", "error")  # columns of ``frame`` that keep their names


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one algorithm says. Either it has an ``error``, or points.

    Attributes
    ----------
    algorithm
        Its name, as people call it.
    x
        Its suggestions in the unit cube, shape (n, d).
    configs
        The same as configurations.
    why
        Its reason for each.
    seconds
        That each took.
    distance
        Of each from what was really tried; nan where that is not known.
    error
        Why there is no suggestion; empty if there are.
    left_out
        Whether it was not even asked, since it cannot serve such a run.
    """

    algorithm: str
    x: Array
    configs: tuple[Config, ...] = ()
    why: tuple[Explanation, ...] = ()
    seconds: tuple[float, ...] = ()
    distance: tuple[float, ...] = ()
    error: str = ""
    left_out: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A moment of a run at which algorithms are asked.

    Attributes
    ----------
    history
        What was known.
    number
        Number of the trial that is to be chosen; it seeds the generator, with the run's seed.
    trial
        What was really tried then; None for the present, where nothing has been yet.
    goals
        Directions and names of the losses.
    scheduled
        Whether trials are compared at budgets: algorithms that know one budget then see them on one scale.
    """

    history: History
    number: int
    trial: Trial | None
    goals: Goals
    scheduled: bool = False

    @property
    def tried(self) -> Array | None:
        """What was really tried, in the unit cube; None where nothing was, or what lies outside of the space by now."""
        space = self.history.space
        if self.trial is None or not fits(space, self.trial.config):
            return None
        return np.asarray(space.to_unit(self.trial.config), dtype=float)

    def ask(self, algorithms: Sequence[Any], n: int = 1) -> Iterator[Answer]:
        """Ask one after the other. What goes wrong with one stands in its answer."""
        for algorithm in algorithms:
            yield self._ask(algorithm, n)

    def _ask(self, algorithm: Any, n: int) -> Answer:
        name, space = catalogue.label(algorithm), self.history.space
        none = np.empty((0, len(space)))
        if not callable(getattr(algorithm, "suggest", None)):
            return Answer(name, none, error="Optuna's samplers look at a study of their own: they cannot be asked about a "
                          "history. The workbench's algorithms can.", left_out=True)
        no = refusal(algorithm, len(self.goals))
        if no:
            return Answer(name, none, error=no, left_out=True)
        points: list[Array] = []
        whys: list[Explanation] = []
        seconds: list[float] = []
        try:
            check_prior(algorithm, space)
            asked = catalogue.for_budgets(algorithm) if self.scheduled else algorithm
            for i in range(n):
                began = time.perf_counter()
                suggestion = asked.suggest(self.history, self._rng(i))
                seconds.append(time.perf_counter() - began)
                points.append(np.asarray(suggestion.x, dtype=float))
                whys.append(suggestion.why)
        except WorkbenchError as error:
            return Answer(name, none, error=str(error))
        except Exception as error:  # noqa: BLE001 - the others are asked all the same
            return Answer(name, none, error=f"{type(error).__name__}: {error}")
        x, tried = np.array(points), self.tried
        apart = tuple(math.nan if tried is None else distance(space, u, tried) for u in x)
        return Answer(name, x, tuple(space.from_unit(u) for u in x), tuple(whys), tuple(seconds), apart)

    def _rng(self, i: int) -> np.random.Generator:
        """Return the trial's own generator; for a second suggestion and further ones, one of theirs."""
        return np.random.default_rng([self.history.seed, self.number, *([i] if i else [])])

    @property
    def words(self) -> str:
        """Say what is asked, and from what."""
        n, k = len(self.history), len(self.history.pending)
        known = f"{n} result{'' if n == 1 else 's'}" + (f" and {k} running trial{'' if k == 1 else 's'}" if k else "")
        return f"instead of trial {self.number}, from {known}" if self.trial is not None else f"next, from {known}"


def distance(space: Space, a: Array, b: Array) -> float:
    """Gower's distance of two points of the unit cube, (d,) each; nan if neither has any parameter."""
    apart = []
    for j, column in enumerate(space.columns):
        if np.isnan(a[j]) and np.isnan(b[j]):
            continue
        if np.isnan(a[j]) or np.isnan(b[j]):
            apart.append(1.0)
        elif column.kind == "choice":
            param = space[column.name]
            apart.append(float(param.from_unit(float(a[j])) != param.from_unit(float(b[j]))))
        else:
            apart.append(abs(float(a[j] - b[j])))
    return float(np.round(np.mean(apart), 12)) if apart else math.nan  # less is the rounding of a way to the cube and back


@dataclass(frozen=True, slots=True, eq=False)
class WhatIf:
    """What algorithms would have suggested at one moment. Shown in a notebook as a table; ``figure()`` draws it."""

    question: Question
    answers: tuple[Answer, ...]

    @property
    def left_out(self) -> dict[str, str]:
        """Algorithms that were not asked, and why."""
        return {a.algorithm: a.error for a in self.answers if a.left_out}

    def frame(self) -> pd.DataFrame:
        """Return one row a suggestion: algorithm, its parameters, the reason, distance to what was tried, seconds, error.

        The first row is what was really tried, if something was. A parameter that is called like one of the other columns
        gets "param " before its name.
        """
        names = free_names(self.question.history.space.names, OURS, "param ")
        rows: list[dict[str, Any]] = []
        trial = self.question.trial
        if trial is not None:
            rows.append({"algorithm": f"{TRIED}: trial {trial.number}", "suggestion": 1,
                         "why": "" if trial.why is None else trial.why.summary(), "distance": 0.0, "seconds": math.nan,
                         "error": "", **{names[k]: v for k, v in trial.config.items() if k in names}})
        for a in self.answers:
            rows += [{"algorithm": a.algorithm, "suggestion": i + 1, "why": why.summary(), "distance": apart, "seconds": s,
                      "error": "", **{names[k]: v for k, v in config.items()}}
                     for i, (config, why, apart, s) in enumerate(zip(a.configs, a.why, a.distance, a.seconds, strict=True))]
            if a.error:
                rows.append({"algorithm": a.algorithm, "suggestion": 0, "why": "", "distance": math.nan, "seconds": math.nan,
                             "error": a.error})
        columns = ["algorithm", "suggestion", *names.values(), "why", "distance", "seconds", "error"]
        return pd.DataFrame(rows, columns=columns).set_index(["algorithm", "suggestion"])

    def figure(self, x: str | None = None, y: str | None = None) -> Any:
        """Draw the suggestions among what was known: a line each across all parameters, or marks over ``x`` and ``y``.

        With ``x`` alone, what the algorithms that have slices believe along that parameter, side by side.
        """
        return picture("what_if", self, x, y)

    def __repr__(self) -> str:
        """One line: who was asked about what."""
        asked = ", ".join(a.algorithm for a in self.answers if not a.left_out)
        return f"<WhatIf {self.question.words}: {asked}>"

    def _repr_html_(self) -> str:
        frame = self.frame().reset_index()
        if frame["suggestion"].max() <= 1:
            frame = frame.drop(columns="suggestion")
        if not frame["error"].any():
            frame = frame.drop(columns="error")
        with pd.option_context("display.max_colwidth", None):  # reasons are sentences
            table = frame.to_html(escape=True, index=False, max_cols=20, float_format=lambda v: f"{v:.3g}", na_rep="")
        return f"<p><b>What would they have suggested {escape(self.question.words)}?</b></p>{table}"


def chosen(algorithms: Sequence[Any] | None, n_losses: int = 1) -> list[Any]:
    """Return the algorithms that are meant: objects as they are, names from the catalogue, by default a preset.

    Raises
    ------
    RunError
        If a name is not known.
    """
    if algorithms is None:
        algorithms = (*(FOR_LOSSES if n_losses > 1 else ()), *PRESET)
    if isinstance(algorithms, str) or not isinstance(algorithms, Sequence):
        algorithms = [algorithms]
    return [_one(a) for a in algorithms]


def _one(algorithm: Any) -> Any:
    if isinstance(algorithm, str):
        if algorithm in catalogue.LABELLED:
            return catalogue.LABELLED[algorithm]
        by_default = {name: cls for name, cls in catalogue.ALGORITHMS.items() if not catalogue.needs_another(cls)}
        if algorithm in by_default:
            return by_default[algorithm]()
        raise RunError(f"there is no algorithm {algorithm!r}. Names are {', '.join(map(repr, catalogue.LABELLED))}; or give "
                       "an object such as wb.TPE(gamma=0.2).")
    if isinstance(algorithm, type):
        where = "wb.nas." if algorithm.__module__.startswith("workbench.nas.") else "wb."
        raise RunError(f"an algorithm is an object, got the class {algorithm.__name__}. Write {where}{algorithm.__name__}().")
    return algorithm
