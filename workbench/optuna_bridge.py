"""Our algorithms as Optuna samplers: ``optuna.create_study(sampler=wb.Sampler(wb.TPE(), seed=0))``.

With ``space=`` all parameters, conditional ones included, are suggested together. Without, the space is read off the
trials (``inferred.py``): a parameter that some trials lack gets the condition that explains where it is present.
What cannot be explained is suggested on its own, by the same algorithm, from the trials that have it.
"""

from __future__ import annotations

import secrets
import threading
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.exceptions import TrialPruned
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from workbench.errors import SearchExhausted
from workbench.history import Algorithm, Explanation, History, Suggestion, refusal
from workbench.inferred import InferredSpace, is_whole, space_from_study
from workbench.optuna_distributions import (
    distributions,
    space_from_distributions,
    space_to_distributions,
    suggest_from,
)
from workbench.optuna_told import Told
from workbench.optuna_watch import watch_study
from workbench.rows import Rows
from workbench.search import catalogue
from workbench.search.beliefs import check_prior, prior_of, within_space
from workbench.space import Array, Config, Space
from workbench.subspace import with_fixed, without

__all__ = ["Sampler", "distributions", "space_from_distributions", "space_from_study", "space_to_distributions",
           "suggest_from", "watch_study"]

KEPT_REASONS = 64  # the latest; older ones are thought out again when asked for


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is needed to ask again for a suggestion: the first ``n_rows`` results in ``space``, and what ran."""

    space: Space
    n_rows: int
    pending: Array
    pending_at: list[Array]


class Sampler(BaseSampler):
    """Let one of the workbench's algorithms choose the points of an Optuna study.

    Parameters
    ----------
    algorithm
        ``GPBO()``, ``TPE()``, ``Random()``, ``Grid()`` or one of your own.
    space
        The space, if it is known beforehand: conditional parameters are then suggested together with the others from
        the first trial on, and forbidden combinations are avoided. A grid that is finished ends ``study.optimize``.
    seed
        Trial k draws from ``default_rng([seed, k])``, so the same seed gives the same trials in any process.
    budgets
        Steps at which a pruner or a scheduler compares trials, for algorithms that make use of them: ``BOHB()``,
        ``OneScale(TPE())``.

    Raises
    ------
    SpaceError
        If the algorithm's ``prior`` does not fit ``space``. Without a space, what it says of a parameter counts as soon
        as a trial has suggested that; a warning says so once if the first whole trial lacks one.
    """

    def __init__(self, algorithm: Algorithm, *, space: Space | None = None, seed: int | None = None,
                 budgets: Sequence[int] = ()) -> None:
        if not callable(getattr(algorithm, "suggest", None)) or isinstance(algorithm, type):
            raise TypeError(f"an algorithm has a method suggest, got {algorithm!r}. Take wb.GPBO() or wb.TPE().")
        if space is not None and not isinstance(space, Space):
            raise TypeError(f"the space must be a wb.Space, got {type(space).__name__}. wb.Space(x=wb.Float(0, 1)) makes one.")
        if space is not None:
            check_prior(algorithm, space)
        self.algorithm = algorithm
        self.space = space
        self.budgets = tuple(sorted(map(int, budgets)))
        self.seed = secrets.randbelow(2**31) if seed is None else int(seed)
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.RLock()
        self._told: Told | None = None
        self._inferred = InferredSpace()
        self._asked: dict[int, _Asked] = {}
        self._running: dict[int, Config] = {}  # suggested to trials that have not ended
        self._why: dict[int, Explanation] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Keep what was given; the rest is read off the study again."""
        return {"algorithm": self.algorithm, "space": self.space, "seed": self.seed, "budgets": self.budgets}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Restore what was given."""
        self.__dict__.update(state)
        self._forget()

    def __repr__(self) -> str:
        """Python code that makes the sampler."""
        space = "" if self.space is None else f", space={self.space!r}"
        algorithm = catalogue.code(self.algorithm) if catalogue.knows(self.algorithm) else repr(self.algorithm)
        return f"Sampler({algorithm}{space}, seed={self.seed}{f', budgets={self.budgets}' if self.budgets else ''})"

    def reseed_rng(self) -> None:
        """Do nothing: every trial has its own generator already, seeded by its number."""

    def explain(self, number: int) -> Explanation | None:
        """Say why trial ``number`` was suggested.

        None if this object did not suggest it, or suggested its parameters one by one because nothing was known yet.
        """
        with self._lock:
            asked = self._asked.get(number)
            if number in self._why or asked is None:
                return self._why.get(number)
            assert self._told is not None
            history = self._told.rows(asked.space, self.seed).history(asked.pending, n=asked.n_rows,
                                                                           pending_at=asked.pending_at)
            return self._suggest(history, np.random.default_rng([self.seed, number])).why

    # ---- Optuna's interface ------------------------------------------------------------------------------------

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial  # noqa: ARG002
                                    ) -> dict[str, BaseDistribution]:
        """Return the parameters that are suggested together: the given space's, or those read off the trials."""
        if refusal(self.algorithm, len(study.directions)):
            return {}  # said when a value is asked for
        with self._lock:
            self._look(study)
            if self.space is not None:
                known: Mapping[str, BaseDistribution] = space_to_distributions(self.space)
                return {name: d for name, d in known.items() if not d.single()}
            known = self._inferred.distributions
            return {name: known[name] for name in self._inferred.space.names if not known[name].single()}

    def sample_relative(self, study: Study, trial: FrozenTrial,
                        search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """Ask the algorithm for a point."""
        self._check(study)
        if not search_space:
            return {}
        with self._lock:
            self._look(study)
            space = self._open_space(trial, search_space)
            if not len(space):
                return {}
            config = self._ask(study, trial, space)
            config = self._inferred.original(config)
            return {name: within(v, search_space[name]) for name, v in config.items() if name in search_space}

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str,
                           param_distribution: BaseDistribution) -> Any:
        """Suggest one parameter on its own, from the trials that have it."""
        self._check(study)
        with self._lock:
            told = self._look(study)
            space = Space({param_name: self._inferred.parameter(param_name, param_distribution)})
            salt = zlib.crc32(param_name.encode())  # or all parameters would begin at the same point of their ranges
            pending, at = told.pending(space, trial.number, self._running)
            history = told.rows(space, self.seed ^ salt).history(pending, pending_at=at)
            rng = np.random.default_rng([self.seed, trial.number, salt])
            try:
                suggestion = self._suggest(history, rng)
            except SearchExhausted:  # one parameter's grid is soon used up: begin it again
                suggestion = self._suggest(Rows(space, trial.number ^ salt, told.n_losses).history(), rng)
            config: Config = space.from_unit(suggestion.x)
            return within(self._inferred.original(config)[param_name], param_distribution)

    def _check(self, study: Study) -> None:
        no = refusal(self.algorithm, len(study.directions))
        if no:
            raise ValueError(no)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _look(self, study: Study) -> Told:
        """Take in what has happened in the study since the last look."""
        if self._told is None or not self._told.belongs_to(study):
            self._forget_study()
            self._told = Told(study, self._inferred.plain, self.budgets)
        for t in self._told.update():
            self._running.pop(t.number, None)
            if self.space is None and is_whole(t):
                first = not len(self._inferred.space)
                self._inferred.learn(t.params, t.distributions)
                if first:
                    self._warn_of_unknown_names()
        return self._told

    def _warn_of_unknown_names(self) -> None:
        names = self._inferred.space.names
        unknown = [name for name, _ in prior_of(self.algorithm) if name not in names]
        if unknown:
            warnings.warn(f"the prior names {unknown!r}, which the first trial did not suggest; it suggested {list(names)!r}. "
                          "What was said of them counts once a trial suggests them.", stacklevel=2)

    def _forget_study(self) -> None:
        self._inferred, self._asked, self._running, self._why = InferredSpace(), {}, {}, {}

    def _open_space(self, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]) -> Space:
        """Return what is left to choose: a trial may be enqueued with some values, a sampler around ours fix others."""
        space = self.space if self.space is not None else self._inferred.space
        fixed = trial.system_attrs.get("fixed_params")
        if fixed:
            space = with_fixed(space, self._inferred.plain(fixed))
        gone = [name for name in space.names if name not in search_space and space[name].n_levels != 1]
        return without(space, gone) if gone else space

    def _ask(self, study: Study, trial: FrozenTrial, space: Space) -> Config:
        assert self._told is not None
        rows = self._told.rows(space, self.seed)
        pending, at = self._told.pending(space, trial.number, self._running)
        try:
            suggestion = self._suggest(rows.history(pending, pending_at=at), np.random.default_rng([self.seed, trial.number]))
        except SearchExhausted as end:
            return self._exhausted(study, trial, space, str(end))
        self._asked[trial.number] = _Asked(space, len(rows), pending, at)
        self._why[trial.number] = suggestion.why
        if len(self._why) > KEPT_REASONS:
            del self._why[next(iter(self._why))]
        config: Config = space.from_unit(suggestion.x)
        self._running[trial.number] = dict(config)
        return config

    def _exhausted(self, study: Study, trial: FrozenTrial, space: Space, message: str) -> Config:
        """End ``study.optimize`` if the space was given. Otherwise more of it may turn up: repeat a point, and say so."""
        if self.space is not None and study._thread_local.in_optimize_loop:
            study.stop()
            raise TrialPruned(message)
        warnings.warn(f"{message} Trial {trial.number} repeats one. With wb.Sampler(..., space=...) study.optimize ends "
                      "here.", stacklevel=2)
        again = Rows(space, self.seed + trial.number, len(study.directions)).history()
        config: Config = space.from_unit(self._suggest(again, np.random.default_rng(trial.number)).x)
        return config

    def _suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Ask the algorithm. Of a prior only what is about these parameters counts: the others are fixed, or come later."""
        algorithm: Algorithm = within_space(self.algorithm, history.space)
        return algorithm.suggest(history, rng)


def within(value: Any, dist: BaseDistribution) -> Any:
    """Move a real number by the rounding error that may part our ends of a stepped range from Optuna's."""
    return min(max(value, dist.low), dist.high) if isinstance(dist, FloatDistribution) else value
