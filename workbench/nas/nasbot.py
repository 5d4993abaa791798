r"""NASBOT: Bayesian optimisation of architectures with a Gaussian process on OTMANN distances.

Kandasamy, Neiswanger, Schneider, Póczos & Xing 2018, "Neural architecture search with Bayesian optimisation and optimal
transport" (NeurIPS), sections 3.2 and 4::

    k(a, b) = α exp(-Σ_i β_i d_i(a, b))  +  ᾱ exp(-Σ_i β̄_i d̄_i(a, b)²)        d, d̄: otmann_distance.py, for several ν_i

    for trial = 1, 2, …
        if trial <= n_startup: a random architecture
        fit α, β, ᾱ, β̄ and the noise to all results
        pool = what was trained
        until clip(5² √trial, 50, 500) candidates were looked at:               (the released code's number)
            parents: drawn from the pool ∝ exp(EI / its deviation over the pool)
            children: 1, 2, 3, 4 or 5 edits with probability .5, .25, .125, .075, .05
            the children join the pool
        train the one of the highest EI that is no cell trained before

An architecture needs no code: all that the model knows of it are its distances to others.

Notation
--------
==========  ==================================================================================
``D``       distances, shape (2 q, n, n): d for each of q ν, then d̄ for each
``phi``     (log α, log ᾱ, log β_1, …, log β_q, log β̄_1, …, log β̄_q, log τ²)
``c``       what is added to the diagonal where k is not positive semidefinite: twice its least eigenvalue
==========  ==================================================================================

Differences from the paper: hyperparameters by maximum a posteriori, at some numbers of trials; the best is chosen by log-EI (the
same order as EI); an edit changes the operation of one edge, since that is what a cell space can do; running trials are believed
to end as predicted. The second part of k is not positive semidefinite in general; so each architecture has a variance c of its
own besides, which no other shares, in the fit as well, so that the fit pays for it. Twice the eigenvalue, not once: a matrix
lifted just to the border has a direction without variance, which a fit would make the most of.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, lapack
from scipy.optimize import fmin_l_bfgs_b

from workbench.errors import SpaceError
from workbench.history import History, Suggestion
from workbench.models.acquisition import expected_improvement, log_expected_improvement
from workbench.models.gaussian_process import VARIANCE_FLOOR, cholesky
from workbench.models.map_fit import BOUNDS_LOG_NOISE, BOUNDS_LOG_SIGNAL, FAILED, JITTER, NegativeLogPosterior
from workbench.models.output_transform import OutputTransform
from workbench.nas.cells import Architecture, CellSpace
from workbench.nas.encodings import cells_of
from workbench.nas.otmann_distance import NU, distances_of
from workbench.nas.predictor_search import architectures_at, start
from workbench.search.gp_posterior import N_FIT, NOISY, best_and_others, milestones
from workbench.search.surrogate_why import SurrogateExplanation, decided
from workbench.search.untried import at_random
from workbench.space import Array, Space

EDITS = (0.5, 0.25, 0.125, 0.075, 0.05)  # probability of 1, 2, … edits
GENERATION = 25  # children between two draws of parents
LEAST_MEAN = 1e-6  # of distances, as a scale for β


# ---- the kernel ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class KernelParameters:
    """α, ᾱ, and β and β̄ for each ν, then the noise τ²."""

    alpha: Array
    beta: Array
    noise: float

    @classmethod
    def of(cls, phi: Array) -> KernelParameters:
        """Read them from φ."""
        return cls(np.exp(phi[:2]), np.exp(phi[2:-1]), math.exp(phi[-1]) + JITTER)

    @property
    def prior_variance(self) -> float:
        """k(a, a)."""
        return float(self.alpha.sum())

    def parts(self, D: Array) -> tuple[Array, Array]:
        """Return the two parts of k at distances (2 q, n, m), without α and ᾱ."""
        q = len(D) // 2
        return (np.exp(-np.einsum("i,i...->...", self.beta[:q], D[:q])),
                np.exp(-np.einsum("i,i...->...", self.beta[q:], D[q:] ** 2)))

    def __call__(self, D: Array) -> Array:
        """Return k at distances (2 q, n, m), shape (n, m)."""
        first, second = self.parts(D)
        return np.asarray(self.alpha[0] * first + self.alpha[1] * second)


def lift(K: Array) -> tuple[float, Array]:
    """Return c, which makes the least eigenvalue of K as positive as it was negative, and its eigenvector; 0 if it was not."""
    value, vector = eigh(K, subset_by_index=[0, 0])
    return max(0.0, -2.0 * float(value[0])), vector[:, 0]


class KernelPosterior:
    """Value and gradient by φ of -log p(y | D, φ) - log p(φ) + constant, for distances D (2 q, n, n) and targets y (n,).

    log β ~ N(-log(q · mean distance), 1), so that typical architectures are at a correlation of 1/e; α and ᾱ ~ Gamma(2, 2);
    τ² ~ Gamma(1.1, 30).
    """

    def __init__(self, D: Array, y: Array) -> None:
        """Take the data."""
        self.D, self.y = D, y
        q = len(D) // 2
        pairs = np.concatenate([D[:q], D[q:] ** 2])
        self._scale = -np.log(q * np.maximum(pairs.reshape(2 * q, -1).mean(1), LEAST_MEAN))
        self._by_beta = pairs

    @property
    def start(self) -> Array:
        """φ to start from: the prior's."""
        return np.concatenate([[math.log(0.7), math.log(0.3)], self._scale, [math.log(1e-2)]])

    def __call__(self, phi: Array) -> tuple[float, Array]:
        """Return value and gradient; a huge value where K is not positive definite."""
        n, q = len(self.y), len(self.D) // 2
        h = KernelParameters.of(phi)
        first, second = h.parts(self.D)
        first, second = h.alpha[0] * first, h.alpha[1] * second
        K = first + second
        c, v = lift(K)
        K.flat[:: n + 1] += c + h.noise
        L, info = lapack.dpotrf(K, lower=1, clean=1)  # R&W Alg. 2.1, line 2
        if info:
            return FAILED, np.zeros_like(phi)
        a, _ = lapack.dpotrs(L, self.y, lower=1)  # line 3
        value = 0.5 * float(self.y @ a) + float(np.log(L.flat[:: n + 1]).sum())  # line 7
        W = NegativeLogPosterior.inverse(L) - a[:, None] * a  # R&W eq. 5.9
        trace = float(W.flat[:: n + 1].sum())
        if c > 0.0:  # ∂c/∂φ = -2 v' (∂K/∂φ) v
            W = W - 2.0 * trace * v[:, None] * v
        grad = np.empty_like(phi)
        grad[0], grad[1] = 0.5 * np.vdot(W, first), 0.5 * np.vdot(W, second)
        for i in range(2 * q):
            part = first if i < q else second
            grad[2 + i] = -0.5 * h.beta[i] * float(np.einsum("ij,ij,ij->", W, part, self._by_beta[i]))
        grad[-1] = 0.5 * trace * (h.noise - JITTER)
        off = phi[2:-1] - self._scale
        value += 0.5 * float(off @ off)
        grad[2:-1] += off
        value -= float((2.0 * phi[:2] - 2.0 * h.alpha).sum())  # Gamma(2, 2), as densities in log α
        grad[:2] -= 2.0 - 2.0 * h.alpha
        tau2 = math.exp(phi[-1])
        value -= 0.1 * phi[-1] - 30.0 * tau2
        grad[-1] -= 0.1 - 30.0 * tau2
        return (value, grad) if math.isfinite(value) else (FAILED, np.zeros_like(phi))

    def fit(self) -> KernelParameters:
        """Maximise the posterior by L-BFGS-B; the start itself should that lead nowhere."""
        bounds = [BOUNDS_LOG_SIGNAL] * 2 + [(b - 5.0, b + 5.0) for b in self._scale] + [BOUNDS_LOG_NOISE]
        phi, value, _ = fmin_l_bfgs_b(self, self.start, bounds=bounds, maxiter=40, pgtol=1e-2, factr=1e9)
        return KernelParameters.of(phi if value < FAILED else self.start)


# ---- the belief ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class NasbotBelief:
    """A Gaussian process on distances, conditioned on a history.

    Attributes
    ----------
    architectures
        What it was conditioned on: the finished trials, then the running ones, as believed.
    L, weights
        Cholesky factor of K + (c + τ²) I, and its inverse times the targets.
    lifted
        c.
    targets
        Of the finished trials.
    fitted
        Posterior means there.
    """

    cells: CellSpace
    nu: tuple[float, ...]
    transform: OutputTransform
    h: KernelParameters
    architectures: tuple[Architecture, ...]
    L: Array
    weights: Array
    lifted: float
    targets: Array
    fitted: Array

    def at(self, architectures: list[Architecture]) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target for architectures."""
        k = self.h(distances_of(self.cells, self.nu)(architectures, self.architectures))  # (m, n)
        v, _ = lapack.dtrtrs(self.L, k.T, lower=1)
        variance = self.h.prior_variance + self.lifted - np.einsum("ij,ij->j", v, v)
        return k @ self.weights, np.sqrt(np.maximum(variance, VARIANCE_FLOOR))

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target at rows of the unit cube."""
        return self.at(architectures_at(self.cells, x)) if len(x) else (np.empty(0), np.empty(0))

    def scores(self) -> Array:
        """Return what finished trials are compared by: targets, or posterior means if losses are noisy."""
        return self.fitted if self.h.noise > NOISY * self.h.prior_variance else self.targets

    @property
    def best(self) -> float:
        """Target to improve on."""
        return float(self.scores().min())

    def best_rows(self, k: int) -> NDArray[np.intp]:
        """Numbers of the ``k`` best finished trials, the best first."""
        return np.argsort(self.scores(), kind="stable")[:k]


def cells_or_error(space: Space) -> CellSpace:
    """Return the cells that a space is the space of.

    Raises
    ------
    SpaceError
        If it is no space of cells.
    """
    cells = cells_of(space)
    if cells is None:
        names = ", ".join(space.names[:6]) or "no parameters"
        raise SpaceError("NASBOT compares architectures, so it needs the space of a CellSpace (such as wb.nas.NANO.space), got "
                         f"one of {names}. Take wb.nas.ArcGP() or wb.GPBO() for other spaces.")
    return cells


def hyperparameters(history: History, cells: CellSpace, nu: tuple[float, ...]) -> KernelParameters:
    """Fit to the finished trials up to the last milestone; the memo keeps that fit."""
    n = len(history)
    m = (milestones(n) or [n])[-1]
    key: Hashable = ("nasbot", nu, history.space, history.seed, m, history.content(m))
    if key not in history.memo:
        y = OutputTransform.of(history.y[:m]).forward(history.y[:m])
        rows = best_and_others(history.y[:m], N_FIT, np.random.default_rng([history.seed, m]))
        a = architectures_at(cells, history.x[rows])
        history.memo[key] = KernelPosterior(distances_of(cells, nu)(a, a), y[rows]).fit()
    found: KernelParameters = history.memo[key]
    return found


def believe(history: History, h: KernelParameters, nu: tuple[float, ...]) -> NasbotBelief:
    """Condition on a history with given hyperparameters; running trials are believed to end as predicted."""
    cells = cells_or_error(history.space)
    transform = OutputTransform.of(history.y)
    y = transform.forward(history.y)
    a = architectures_at(cells, history.x)
    c, _ = lift(h(distances_of(cells, nu)(a, a)))
    belief = _conditioned(cells, nu, transform, h, c, a, y, y)
    if not len(history.pending):
        return belief
    believed, _ = belief.predict(history.pending)
    a += architectures_at(cells, history.pending)
    return _conditioned(cells, nu, transform, h, c, a, np.concatenate([y, believed]), y)


def _conditioned(cells: CellSpace, nu: tuple[float, ...], transform: OutputTransform, h: KernelParameters, c: float,
                 a: list[Architecture], y: Array, targets: Array) -> NasbotBelief:
    L, noise = cholesky(h(distances_of(cells, nu)(a, a)), c + h.noise)
    weights, _ = lapack.dpotrs(L, y, lower=1)
    fitted = (y - noise * weights)[:len(targets)]
    return NasbotBelief(cells, nu, transform, h, tuple(a), L, weights, c, targets, fitted)


# ---- the acquisition function's maximum ------------------------------------------------------------------------


def n_candidates(n: int) -> int:
    """Return how many candidates are looked at after ``n`` results."""
    return int(np.clip(5.0**2 * math.sqrt(max(n, 1)), 50, 500))


def edited(cells: CellSpace, architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Make one to five edits: each gives one edge, drawn at random, another operation."""
    for _ in range(1 + int(rng.choice(len(EDITS), p=EDITS))):
        architecture = cells.mutate(architecture, rng)
    return architecture


def evolve(belief: NasbotBelief, pool: list[Architecture], seen: set[str], n: int,
           rng: np.random.Generator) -> tuple[list[Architecture], Array]:
    """Return at most ``n`` candidates that are new cells, and their log-EI: edits of the pool, edits of these, and so on."""
    cells, best = belief.cells, belief.best
    known, found, scores = set(seen), list[Architecture](), np.empty(0)
    pool = list(pool)
    worth = expected_improvement(*belief.at(pool), best)
    for _ in range(8 * n // GENERATION):  # a small space may have fewer than n that are new
        spread = float(worth.std())
        p = np.exp((worth - worth.max()) / spread) if spread > 0 else np.ones(len(pool))
        children: list[Architecture] = []
        for parent in rng.choice(len(pool), size=GENERATION, p=p / p.sum()).tolist():
            child = edited(cells, pool[parent], rng)
            form = cells.canonical(child)
            if form not in known:
                known.add(form)
                children.append(cells.representative(child))
        if children:
            mean, sd = belief.at(children)
            found += children
            pool += children
            scores = np.concatenate([scores, log_expected_improvement(mean, sd, best)])
            worth = np.concatenate([worth, expected_improvement(mean, sd, best)])
        if len(found) >= n:
            break
    return found, scores


# ---- the algorithm ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class NasbotExplanation(SurrogateExplanation):
    """Why NASBOT chose an architecture.

    Attributes
    ----------
    nu
        Weights of the structural term.
    alpha, kernel_beta
        α and ᾱ, (2,); β for each ν, then β̄ for each.
    noise
        τ².
    n_looked
        Candidates whose acquisition was computed.
    """

    MODEL: ClassVar[str] = "Gaussian process on transport distances"

    nu: tuple[float, ...]
    alpha: Array
    kernel_beta: Array
    noise: float
    n_looked: int

    def belief(self, history: History) -> NasbotBelief:
        """Rebuild the process from the history that was seen, without another fit."""
        return believe(history, KernelParameters(self.alpha, self.kernel_beta, self.noise), self.nu)


@dataclass(frozen=True, slots=True)
class NASBOT:
    """Bayesian optimisation of cells with the OTMANN distance.

    Attributes
    ----------
    nu
        Weights of the structural term of the distance; the kernel adds up over them.
    n_startup
        Random architectures before the model takes over; with fewer than two results they go on.
    """

    nu: tuple[float, ...] = NU
    n_startup: int = 10

    def __post_init__(self) -> None:
        """Check the settings."""
        object.__setattr__(self, "nu", tuple(float(v) for v in self.nu))
        if not self.nu or min(self.nu) < 0:
            raise ValueError(f"nu must be one or several numbers that are not negative, got {self.nu}. The default is {NU}.")
        if self.n_startup < 0:
            raise ValueError(f"n_startup must not be negative, got {self.n_startup}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next architecture. Same history, same rng: same answer, whatever the memo holds."""
        cells = cells_or_error(history.space)
        if len(history) + len(history.pending) < self.n_startup or len(history) < 2:
            return start(history, rng, self.n_startup)
        belief = believe(history, hyperparameters(history, cells, self.nu), self.nu)
        tried = architectures_at(cells, np.vstack([history.x, history.pending]))
        found, scores = evolve(belief, list(dict.fromkeys(tried)), {cells.canonical(a) for a in tried},
                               n_candidates(len(history)), rng)
        if not found:
            return at_random(history, rng, "no edit led to a cell that was not trained")
        top = np.argsort(-scores, kind="stable")
        x = history.space.to_unit([cells.config(found[i]) for i in top[:10]])
        h = belief.h
        why = NasbotExplanation(**decided(history, belief, x, scores[top]), acquisition="log_ei", beta=0.0, nu=self.nu,
                                alpha=h.alpha, kernel_beta=h.beta, noise=h.noise, n_looked=len(found))
        return Suggestion(x[0].copy(), why)
