"""Search with a predictor: an ensemble learns errors from architectures, and what it expects most of is trained next.

White, Neiswanger & Savani 2021, "BANANAS: Bayesian optimization with neural architectures for neural architecture search"
(AAAI), Algorithm 1::

    train n_startup random architectures
    repeat
        fit M networks to (code of an architecture, error), all so far                       encodings.py, predictors.py
        candidates: changes of the best architectures, and random ones
        each candidate's mean and deviation over the networks
        train the one (or the few) of the best acquisition

    independent Thompson sampling    draw f(a) ~ N(mean, sd²) for every candidate on its own, take the least      (eq. 5)

Two architectures that are the same cell have the same error but for luck, so only one of them is ever trained, and they have one
code: that of the cell's representative.

Notation
--------
=========  =====================================================================
``m``      results that the predictor was fitted to: the last multiple of ``every``
``form``   canonical form of a cell, the same for all ways to write it
=========  =====================================================================

Differences from the paper: where a space has at most 100,000 architectures, all its distinct cells are candidates; errors are
learnt as logarithms of their distance to just below the best (log_transform.py), where the paper has a loss of relative errors;
the predictor is fitted for every fifth suggestion (``every``), where the paper fits once for ten and trains ten. It serves any
space of parameters: what is no cell space is coded as trees see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.history import Drawn, History, Suggestion
from workbench.models.acquisition import AcquisitionName, SampledName, log_expected_improvement
from workbench.models.forest import tree_features
from workbench.models.log_transform import LogTransform
from workbench.nas.cells import Architecture, CellSpace
from workbench.nas.decisions import decisions_of
from workbench.nas.encodings import ENCODINGS, MOST_CELLS, EncodingName, cells_of, distinct_encoded, encode
from workbench.nas.predictors import Fitted, ForestPredictor, GPPredictor, MLPEnsemble, Predictor
from workbench.nas.rnn_predictor import RNNEnsemble
from workbench.search.gp_candidates import all_configs, keys, mutations
from workbench.search.surrogate_why import Belief, SurrogateExplanation, decided
from workbench.search.untried import at_random
from workbench.space import Array, Space

PredictorName = Literal["mlp", "rnn", "forest", "gp"]
PREDICTORS: dict[PredictorName, Predictor] = {"mlp": MLPEnsemble(), "rnn": RNNEnsemble(), "forest": ForestPredictor(),
                                              "gp": GPPredictor()}
MODELS: dict[PredictorName, str] = {"mlp": "ensemble of networks", "rnn": "ensemble of LSTMs", "forest": "random forest",
                                    "gp": "Gaussian process on codes"}
ENCODING_OF: dict[PredictorName, EncodingName] = {"rnn": "sequence"}  # of those that read one alone
Choosing = Literal["its", "ei", "mean"]
SHOWN_AS: dict[Choosing, AcquisitionName | SampledName] = {"its": "thompson", "ei": "log_ei", "mean": "lcb"}
N_BASE = 10  # best trials that are changed, in spaces too large to list
N_NEAR, N_RANDOM = 1000, 1000
DRAWS = 200  # random architectures among which one that is new is looked for


# ---- what is the same, and how it is coded -----------------------------------------------------------------------


def architectures_at(cells: CellSpace, x: Array) -> list[Architecture]:
    """Return the architectures at rows of the unit cube of ``cells.space``."""
    q = len(cells.operations)
    numbers = np.clip(np.floor(x * q), 0, q - 1).astype(int)
    return [tuple(cells.operations[k] for k in row) for row in numbers.tolist()]


@lru_cache(maxsize=200_000)
def form_of(cells: CellSpace, architecture: Architecture) -> str:
    """Return the canonical form of a cell; found once."""
    return cells.canonical(architecture)


def identities(space: Space, x: Array) -> list[str | bytes]:
    """Return a key for each row, equal where there is nothing to be learnt by trying both: for cells their canonical form."""
    cells = cells_of(space)
    if cells is None:
        return list(keys(x))
    return [form_of(cells, a) for a in architectures_at(cells, x)]


def coded(space: Space, encoding: EncodingName, x: Array) -> Array:
    """Encode rows of the unit cube: cells as asked, points of other spaces as trees see them, or as sequences of decisions."""
    cells = cells_of(space)
    if cells is None and encoding == "sequence":
        decisions = decisions_of(space)
        return np.array([decisions.indices(row) for row in x], dtype=float).reshape(len(x), len(decisions.names)) + 1.0
    if cells is None:
        return tree_features(space)(x).astype(float)
    return coded_cells(cells, encoding, architectures_at(cells, x))


def coded_cells(cells: CellSpace, encoding: EncodingName, architectures: Sequence[Sequence[str]]) -> Array:
    """Encode architectures, each as the representative of its cell where all cells are listed: equal cells, equal codes."""
    if is_listed(cells):
        architectures = [cells.representative(a) for a in architectures]
    return encode(encoding, cells, architectures)


def is_listed(cells: CellSpace | None) -> bool:
    """Whether all distinct cells are looked at."""
    return cells is not None and cells.n_architectures <= MOST_CELLS


@lru_cache(maxsize=8)
def _listed(cells: CellSpace) -> tuple[tuple[str, ...], Array]:
    """Return form and point of the representatives of all distinct cells."""
    known = cells.distinct()
    return tuple(known), cells.space.to_unit([cells.config(a) for a in known.values()])


# ---- the belief ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class PredictorBelief:
    """What a predictor believes about a history.

    Attributes
    ----------
    transform
        Between losses and targets; its constants are those of the first ``m`` results.
    fitted
        Knows these alone.
    targets
        Of all finished trials, shape (n,).
    """

    space: Space
    encoding: EncodingName
    transform: LogTransform
    fitted: Fitted
    m: int
    targets: Array

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target at rows of the unit cube."""
        return self.fitted.predict(coded(self.space, self.encoding, x)) if len(x) else (np.empty(0), np.empty(0))

    @property
    def best(self) -> float:
        """Target to improve on."""
        return float(self.targets.min())

    def best_rows(self, k: int) -> NDArray[np.intp]:
        """Numbers of the ``k`` best finished trials, the best first."""
        return np.argsort(self.targets, kind="stable")[:k]


def believe(history: History, *, predictor: PredictorName, encoding: EncodingName, m: int, seed: int) -> PredictorBelief:
    """Fit to the first ``m`` results, or take that fit from the memo, which keeps the last one."""
    transform = LogTransform.of(history.y[:m])
    what = ("predictor", predictor, encoding)
    key = (history.space, seed, m, history.content(m))
    kept = history.memo.get(what)
    if kept is None or kept[0] != key:
        x, y = coded(history.space, encoding, history.x[:m]), transform.forward(history.y[:m])
        kept = history.memo[what] = (key, PREDICTORS[predictor].fit(x, y, seed=seed + m), {})
    return PredictorBelief(history.space, encoding, transform, kept[1], m, transform.forward(history.y))


def candidates(history: History, belief: PredictorBelief, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return points that are new, shape (k, d), with the mean and the deviation predicted there; possibly none."""
    space, cells = history.space, cells_of(history.space)
    seen = set(identities(space, np.vstack([history.x, history.pending])))
    if cells is not None and is_listed(cells):
        forms, x = _listed(cells)
        new = np.array([form not in seen for form in forms])
        mean, sd = belief.fitted.predict(distinct_encoded(cells, belief.encoding)[1][new])
        return x[new], mean, sd
    listed = all_configs(space)
    x = np.vstack([mutations(space, history.x[belief.best_rows(N_BASE)], N_NEAR, rng),
                   space.sample_unit(N_RANDOM, rng)]) if listed is None else listed
    x = first_of_each(space, x[~space.is_forbidden(x)], seen)
    return x, *belief.predict(x)


def first_of_each(space: Space, x: Array, seen: set[str | bytes]) -> Array:
    """Return the rows that are none of ``seen`` (see ``identities``), of equal ones the first."""
    known, rows = set(seen), []
    for i, name in enumerate(identities(space, x)):
        if name not in known:
            known.add(name)
            rows.append(i)
    return x[rows]


# ---- the algorithm ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class PredictorExplanation(SurrogateExplanation):
    """Why a predictor chose an architecture.

    Attributes
    ----------
    predictor, encoding
        What was fitted, and to what.
    fitted_to
        How many results it knew.
    seed
        Of the fit.
    draw
        Seed of the draws of independent Thompson sampling.
    """

    MODEL: ClassVar[str] = "predictor"

    predictor: PredictorName
    encoding: EncodingName
    fitted_to: int
    seed: int
    draw: int

    def belief(self, history: History) -> PredictorBelief:
        """Fit the same predictor again to the results that it knew."""
        return believe(history, predictor=self.predictor, encoding=self.encoding, m=self.fitted_to, seed=self.seed)

    def acquisition_at(self, history: History, model: Belief, x: Array, mean: Array, sd: Array) -> Array:
        """Acquisition at rows (m, d); for Thompson sampling fresh draws, which are independent anyway."""
        if self.acquisition == "thompson":
            return _drawn(mean, sd, self.draw)
        return SurrogateExplanation.acquisition_at(self, history, model, x, mean, sd)

    def summary(self) -> str:
        """Say in one plain sentence why this architecture was chosen."""
        how = {"thompson": "had the lowest draw of its prediction", "log_ei": "had the highest expected improvement",
               "lcb": "had the lowest prediction"}[self.acquisition]
        return (f"Of all candidates it {how}: predicted {self.predicted:.3g} ± {self.predicted_sd:.2g} by the "
                f"{MODELS[self.predictor]}, which knew {self.fitted_to} results; best so far {self.best_loss:.3g}.")


@dataclass(frozen=True, slots=True)
class PredictorSearch:
    """Search with an ensemble that predicts errors from architectures (BANANAS).

    Attributes
    ----------
    predictor
        ``"mlp"``: five small networks; ``"rnn"``: five LSTMs that read the operations one after the other; ``"forest"``;
        ``"gp"``: a Gaussian process on codes.
    encoding
        ``"path"`` (the default), ``"one_hot"`` or ``"adjacency"``, for cells. LSTMs read the ``"sequence"``.
    acquisition
        ``"its"``: independent Thompson sampling; ``"ei"``: expected improvement; ``"mean"``: the lowest prediction, without
        exploring.
    n_startup
        Random architectures before the predictor takes over; with fewer than two results they go on.
    every
        Results between two fits; 1 fits for each suggestion.
    """

    predictor: PredictorName = "mlp"
    encoding: EncodingName | None = None
    acquisition: Choosing = "its"
    n_startup: int = 10
    every: int = 5

    def __post_init__(self) -> None:
        """Check the settings."""
        for what, value, allowed in (("predictor", self.predictor, tuple(PREDICTORS)),
                                     ("acquisition", self.acquisition, get_args(Choosing))):
            if value not in allowed:
                raise ValueError(f"{what} must be one of {', '.join(allowed)}, got {value!r}.")
        reads = (ENCODING_OF[self.predictor],) if self.predictor in ENCODING_OF else ENCODINGS
        if self.encoding is not None and self.encoding not in reads:
            raise ValueError(f"encoding must be one of {', '.join(reads)} for the predictor {self.predictor!r}, got "
                             f"{self.encoding!r}. Leave it out for the usual one.")
        if self.n_startup < 0 or self.every < 1:
            raise ValueError("n_startup must not be negative and every must be at least 1, got "
                             f"{self.n_startup} and {self.every}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next architecture. Same history, same rng: same answer, whatever the memo holds."""
        if not len(history.space):
            return Suggestion(np.empty(0), Drawn("the space has no parameters"))
        n = len(history)
        if n + len(history.pending) < self.n_startup or n < 2:
            return start(history, rng, self.n_startup)
        m = max(2, min(n, self.n_startup), n - n % self.every)
        encoding = self.encoding or ENCODING_OF.get(self.predictor, "path")
        belief = believe(history, predictor=self.predictor, encoding=encoding, m=m, seed=history.seed)
        x, mean, sd = candidates(history, belief, rng)
        if not len(x):
            return at_random(history, rng, "every distinct architecture has been tried")
        draw = int(rng.integers(2**31))
        scores = self._scores(mean, sd, belief.best, draw)
        top = np.argsort(-scores, kind="stable")[:20]
        why = PredictorExplanation(**decided(history, belief, x[top], scores[top]), acquisition=SHOWN_AS[self.acquisition],
                                   beta=0.0, predictor=self.predictor, encoding=encoding, fitted_to=m, seed=history.seed,
                                   draw=draw)
        return Suggestion(x[top[0]].copy(), why)

    def _scores(self, mean: Array, sd: Array, best: float, draw: int) -> Array:
        match self.acquisition:
            case "its":
                return _drawn(mean, sd, draw)
            case "ei":
                return log_expected_improvement(mean, sd, best)
            case "mean":
                return -mean


def _drawn(mean: Array, sd: Array, seed: int) -> Array:
    """Draw f ~ N(mean, sd²) at each row on its own, with its sign changed so that larger is better."""
    return -(mean + sd * np.random.default_rng(seed).standard_normal(len(mean)))


def start(history: History, rng: np.random.Generator, n_startup: int) -> Suggestion:
    """Draw a random architecture that is not the same as one that was tried or is running."""
    number = len(history) + len(history.pending) + 1
    place = f"{number} of {n_startup} to start with" if number <= n_startup else "until there are two results"
    return new_at_random(history, rng, f"random architecture {place}", "no start point is left that is new")


def new_at_random(history: History, rng: np.random.Generator, how: str, because: str) -> Suggestion:
    """Draw an architecture that is not the same as one that was tried or is running, and say how; where none is found, why."""
    space = history.space
    seen = set(identities(space, np.vstack([history.x, history.pending])))
    x = first_of_each(space, space.sample_unit(DRAWS, rng), seen)
    return Suggestion(x[0], Drawn(how)) if len(x) else at_random(history, rng, because)


def predictions(history: History, why: PredictorExplanation, architectures: Sequence[Sequence[str]]) -> tuple[Array, Array]:
    """Return the loss predicted for architectures, and half the width of a deviation around it, in the user's units."""
    belief = why.belief(history)
    cells = cells_of(history.space)
    if cells is None:
        raise ValueError("predictions of architectures need the space of a CellSpace. Use why.belief(history).predict for "
                         f"points of other spaces, such as this one of {', '.join(history.space.names[:6])}.")
    mean, sd = belief.fitted.predict(coded_cells(cells, why.encoding, architectures))
    back = belief.transform.inverse
    return back(mean), (back(mean + sd) - back(mean - sd)) / 2.0
