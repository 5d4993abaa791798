"""Architectures ranked by a score that costs little, and how well that agrees with the truth. Numbers only, no torch.

The score is the validation accuracy with shared or generated weights; the truth is the test accuracy of the same architecture
trained on its own, from a table. What counts is the order, so agreement is Spearman's rank correlation: of all, and within the
better half by truth. Sciuto et al. 2020, "Evaluating the search phase of neural architecture search", and Zela et al. 2020,
"NAS-Bench-1Shot1", report that the first may be fair where the second is near zero: a score that tells the broken from the sound
need not tell the good from the best.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from workbench.events import StepTaken
from workbench.nas.cells import NOTHING, Architecture, CellSpace
from workbench.nas.relaxation import Relaxation
from workbench.space import Array

TOP_SHARE = 0.1  # of the ranked architectures whose operations are counted
LEAST_TOP = 4
LEAST_COMPARED = 20  # the rank correlation of fewer is mostly noise


class Truth(Protocol):
    """A table that knows each architecture's test error."""

    def test_error(self, arch: Any) -> float:
        """Return the test error, the mean over seeds."""
        ...


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well scores order architectures as the truth does.

    Attributes
    ----------
    overall
        Spearman's rank correlation over all; nan for fewer than three, or if all are equal.
    better_half
        The same over those whose truth is not below the median.
    n
        How many architectures.
    """

    overall: float
    better_half: float
    n: int


def spearman(a: Array, b: Array) -> float:
    """Return Spearman's rank correlation, ties in the middle; nan where it is not defined."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def agreement(scores: Array, truth: Array) -> Agreement:
    """Compare scores with the truth, both (n,), larger is better; pairs without a truth are left out."""
    scores, truth = np.asarray(scores, dtype=float), np.asarray(truth, dtype=float)
    known = np.isfinite(scores) & np.isfinite(truth)
    s, t = scores[known], truth[known]
    better = t >= np.median(t) if len(t) else np.zeros(0, dtype=bool)
    return Agreement(spearman(s, t), spearman(s[better], t[better]), len(t))


def nothing() -> Array:
    """Return an array of no numbers."""
    return np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class Ranking(Relaxation):
    """What a search with shared weights believes: architectures, best first, with their scores.

    ``weights`` are the shares of the operations among the best tenth, unless the search has probabilities of its own.

    Attributes
    ----------
    ranked
        Architectures, best first.
    scores
        Their validation accuracies with shared weights, (n,).
    truth
        Their test accuracies when trained on their own, (n,); empty where no table is known.
    retrained
        Validation accuracies of those that the search itself trained from scratch, (n,), nan for others; empty if none was.
    """

    ranked: tuple[Architecture, ...] = ()
    scores: Array = field(default_factory=nothing)
    truth: Array = field(default_factory=nothing)
    retrained: Array = field(default_factory=nothing)

    @property
    def agreement(self) -> Agreement | None:
        """How well the scores order them as the truth does; None where no table is known."""
        return agreement(self.scores, self.truth) if len(self.truth) else None

    def with_truth(self, table: Truth) -> Ranking:
        """Return the same with each architecture's test accuracy from a table."""
        return replace(self, truth=np.array([1.0 - table.test_error(a) for a in self.ranked]))

    def frame(self) -> pd.DataFrame:
        """Return the ranking as a DataFrame: architecture, one-shot accuracy and, where known, what it is worth on its own."""
        columns: dict[str, Any] = {"architecture": [", ".join(a) for a in self.ranked], "one-shot accuracy": self.scores}
        if len(self.retrained):
            columns["retrained"] = self.retrained
        if len(self.truth):
            columns["true accuracy"] = self.truth
        return pd.DataFrame(columns, index=pd.RangeIndex(1, len(self.ranked) + 1, name="place"))

    def summary(self) -> str:
        """Say in plain sentences what was ranked and how far the order can be trusted."""
        if not self.ranked:
            return "No architecture has been ranked yet."
        said = (f"{len(self.ranked)} architectures, ranked by their accuracy with shared weights: from "
                f"{100 * float(np.max(self.scores)):.0f} % down to {100 * float(np.min(self.scores)):.0f} %.")
        found = self.agreement
        if found is None:
            return said
        if found.n < LEAST_COMPARED or np.isnan(found.overall):
            return f"{said} Too few different scores to compare their order with the truth."
        half = "not defined" if np.isnan(found.better_half) else f"{round(found.better_half, 2) + 0.0:.2f}"
        return f"{said} Rank correlation with the truth {found.overall:.2f}, within the better half {half}."


def shares(architectures: Sequence[Architecture], cells: CellSpace) -> Array:
    """Return how often each operation stands on each edge, (n_edges, n_operations); rows sum to 1."""
    count = np.zeros((len(cells.edges), len(cells.operations)))
    for a in architectures:
        for e, operation in enumerate(a):
            count[e, cells.operations.index(operation)] += 1
    return count / max(len(architectures), 1)


def ranking(cells: CellSpace, architectures: Sequence[Architecture], scores: Array, *, weights: Array | None = None,
            chosen: Architecture | None = None) -> Ranking:
    """Sort architectures by their scores, best first; the best one is chosen unless another is given."""
    order = np.argsort(-np.asarray(scores), kind="stable")
    best = tuple(architectures[i] for i in order)
    top = max(LEAST_TOP, round(TOP_SHARE * len(best)))
    return Ranking(shares(best[:top], cells) if weights is None else weights, cells.edges, cells.operations,
                   best[0] if chosen is None else chosen, best, np.asarray(scores, dtype=float)[order])


def draw(cells: CellSpace, rng: np.random.Generator) -> Architecture:
    """Draw an architecture uniformly from those whose output hears of the input."""
    while True:
        architecture = tuple(cells.operations[k] for k in rng.integers(len(cells.operations), size=len(cells.edges)))
        if cells.canonical(architecture) != NOTHING:
            return architecture


def draw_distinct(cells: CellSpace, rng: np.random.Generator, n: int) -> list[Architecture]:
    """Draw ``n`` architectures that compute different things, or as many as a hundred draws for each of them find."""
    found: dict[str, Architecture] = {}
    for _ in range(100 * n):
        if len(found) == n:
            break
        architecture = draw(cells, rng)
        found.setdefault(cells.canonical(architecture), architecture)
    return list(found.values())


def beside_truth(steps: Iterable[StepTaken], table: Truth) -> Iterator[StepTaken]:
    """Add to each step with a ranking what its architectures are worth, and the rank correlations if they are many."""
    for step in steps:
        if not isinstance(step.why, Ranking) or not step.why.ranked:
            yield step
            continue
        why = step.why.with_truth(table)
        found = agreement(why.scores, why.truth)
        told = {"rank_correlation": found.overall, "rank_correlation_better_half": found.better_half}
        if found.n < LEAST_COMPARED:
            told = {}
        yield replace(step, why=why, metrics={**step.metrics, **{k: v for k, v in told.items() if np.isfinite(v)}})
