r"""Bayesian optimisation with the arc kernel, for spaces in which parameters come and go, such as chains of varying depth.

Swersky, Duvenaud, Snoek, Hutter & Osborne 2013, "Raiders of the lost architecture: kernels for Bayesian optimization in
conditional parameter spaces". Whether a parameter is there matters, what it would be if it were there does not. So each
parameter is laid on an arc, and its absence is the arc's centre::

    g_i(x) = (0, 0)                                       where parameter i is inactive          (eq. 3)
             ω_i (sin πρ_i u_i, cos πρ_i u_i)             where it is active; u_i = (x_i - low) / (high - low)

    d_i(x, x') = 0                                        inactive in both                       (eq. 2)
                 ω_i                                      active in one of them
                 ω_i √2 √(1 - cos πρ_i (u_i - u'_i))      active in both

    k(x, x') = s² κ(Σ_i d_i²)                             κ: Matérn 5/2 or RBF

Two chains without a fourth layer agree about it, whatever stands in its columns; a chain that has one differs from both by the
same ω. Distances are those of an embedding in Euclidean space, so any stationary kernel stays positive semidefinite.

Notation
--------
==========  =====================================================================================
``omega``   radius of the arc of a parameter, 1 / its length-scale: what it matters that it is there
``rho``     share of a half circle that its range takes: what it matters which value it has
``Z``       embedded points with radius 1, shape (n, F); radii stand in the length-scales
``phi``     (log ω_1², …, log ω_d², ρ_1, …, ρ_C, log s², log τ²): what is fitted
``S``       ∂L/∂K ∘ ∂K/∂r², of which the gradients by ω and by ρ are matrix products
==========  =====================================================================================

Differences from the paper: hyperparameters by maximum a posteriori instead of slice sampling, at some numbers of trials; an
option of a choice that can be inactive is (√(1 - ρ²), ρ e_k), at distance ω from inactive and ω ρ √2 from another option;
parameters that are always active have no arc, they are a number or, for choices, at Hamming distance; the Bayesian quadratic
trend of the other Gaussian processes here, in the embedded coordinates (so it knows no inactive value either).
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import fmin_l_bfgs_b

from workbench.history import Drawn, History, Suggestion
from workbench.models.gaussian_process import GaussianProcess
from workbench.models.kernels import KernelName, correlation_and_slope, squared_distances, trend_features, trend_slope
from workbench.models.map_fit import (
    BOUNDS_LOG_NOISE,
    BOUNDS_LOG_SIGNAL,
    BOUNDS_LOG_THETA,
    FAILED,
    JITTER,
    NegativeLogPosterior,
    Prior,
)
from workbench.models.mixed_features import SPIKE, features_of
from workbench.models.output_transform import OutputTransform
from workbench.search.gp_candidates import keys
from workbench.search.gp_posterior import N_FIT, N_POSTERIOR, NOISY, TREND, best_and_others, milestones
from workbench.search.gp_start import start_point
from workbench.search.nn_maximise import maximise
from workbench.search.surrogate_why import SurrogateExplanation, decided
from workbench.search.untried import at_random
from workbench.space import Array, Space

BOUNDS_RHO = (0.02, 1.0)
START_RHO = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class ArcFeatures:
    """The embedding of a space, with radius 1.

    Attributes
    ----------
    columns
        Column of the space that each feature comes from, shape (F,).
    first
        First feature of each column, shape (d,).
    arcs
        Columns that can be inactive, shape (C,): each has a ρ.
    """

    space: Space
    columns: NDArray[np.intp]
    first: NDArray[np.intp]
    arcs: NDArray[np.intp]

    @classmethod
    def of(cls, space: Space) -> ArcFeatures:
        """Lay out the features of a space."""
        widths = [(c.n_levels if c.kind == "choice" else 1) + bool(c.parents) for c in space.columns]
        return cls(space, np.repeat(np.arange(len(space)), widths), np.cumsum([0, *widths])[:-1].astype(np.intp),
                   np.array([j for j, c in enumerate(space.columns) if c.parents], dtype=np.intp))

    def __call__(self, x: Array, rho: Array) -> Array:
        """Embed rows of the unit cube, nan = inactive, shape (n, d), with one ρ for each of ``arcs``: shape (n, F)."""
        Z = np.zeros((len(x), len(self.columns)))
        share = dict(zip(self.arcs.tolist(), rho.tolist(), strict=True))
        for j, column in enumerate(self.space.columns):
            f, on = self.first[j], ~np.isnan(x[:, j])
            u = x[on, j]
            if column.kind == "choice":
                option = f + bool(column.parents) + self._level(j, u)
                Z[np.flatnonzero(on), option] = share.get(j, SPIKE)
                if column.parents:
                    Z[on, f] = math.sqrt(1.0 - share[j] ** 2)
            elif column.parents:
                angle = math.pi * share[j] * u
                Z[on, f], Z[on, f + 1] = np.sin(angle), np.cos(angle)
            else:
                Z[:, f] = x[:, j]
        return Z

    def by_rho(self, x: Array, rho: Array) -> Array:
        """Derivative of each feature by the ρ of its column, shape (n, F)."""
        D = np.zeros((len(x), len(self.columns)))
        for j, r in zip(self.arcs.tolist(), rho.tolist(), strict=True):
            f, on = self.first[j], ~np.isnan(x[:, j])
            u = x[on, j]
            if self.space.columns[j].kind == "choice":
                D[np.flatnonzero(on), f + 1 + self._level(j, u)] = 1.0
                D[on, f] = -r / math.sqrt(max(1.0 - r * r, JITTER))
            else:
                D[on, f], D[on, f + 1] = math.pi * u * np.cos(math.pi * r * u), -math.pi * u * np.sin(math.pi * r * u)
        return D

    def by_x(self, x: Array, rho: Array) -> Array:
        """Derivative of each feature by the unit value of its column, shape (n, F); 0 for choices and where inactive."""
        D = np.zeros((len(x), len(self.columns)))
        share = dict(zip(self.arcs.tolist(), rho.tolist(), strict=True))
        for j, column in enumerate(self.space.columns):
            f, on = self.first[j], ~np.isnan(x[:, j])
            if column.kind == "choice":
                continue
            if column.parents:
                turn = math.pi * share[j]
                D[on, f], D[on, f + 1] = turn * np.cos(turn * x[on, j]), -turn * np.sin(turn * x[on, j])
            else:
                D[:, f] = 1.0
        return D

    def _level(self, j: int, u: Array) -> NDArray[np.intp]:
        return np.asarray(self.space[self.space.names[j]].level(u), dtype=np.intp)


@lru_cache(maxsize=16)
def arc_features(space: Space) -> ArcFeatures:
    """Return the embedding of a space, laid out once."""
    return ArcFeatures.of(space)


# ---- hyperparameters -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class ArcHyperparameters:
    """Length-scales 1/ω (d,), ρ of the columns that can be inactive (C,), variance of the function and of the noise."""

    lengthscale: Array
    rho: Array
    signal_variance: float
    noise: float

    @classmethod
    def of(cls, phi: Array, d: int) -> ArcHyperparameters:
        """Read them from φ."""
        return cls(np.exp(-0.5 * phi[:d]), phi[d:-2].copy(), math.exp(phi[-2]), math.exp(phi[-1]) + JITTER)


class ArcPosterior:
    """Value and gradient by φ of -log p(y | x, φ) - log p(φ) + constant, for rows x (n, d) and targets y (n,).

    The prior of ω, s² and τ² is that of ``map_fit``; ρ is uniform.
    """

    def __init__(self, features: ArcFeatures, x: Array, y: Array, *, kernel: KernelName = "matern52") -> None:
        """Take the data."""
        self.features, self.x, self.y, self.kernel = features, x, y, kernel
        self.d = len(features.space)
        self.prior = Prior(self.d)

    @property
    def start(self) -> Array:
        """φ to start from: the prior's, and a quarter of a circle for every range."""
        usual = self.prior.start(self.d)
        return np.concatenate([usual[:-2], np.full(len(self.features.arcs), START_RHO), usual[-2:]])

    def __call__(self, phi: Array) -> tuple[float, Array]:
        """Return value and gradient; a huge value where K is not positive definite."""
        n, d, columns = len(self.y), self.d, self.features.columns
        rho = phi[d:-2]
        theta = np.exp(phi[:d])[columns]
        s2, noise = math.exp(phi[-2]), math.exp(phi[-1]) + JITTER
        Z = self.features(self.x, rho)
        A = Z * np.sqrt(theta)
        C, S = correlation_and_slope(squared_distances(A, A), self.kernel)
        T = trend_features(Z)
        K = s2 * C + TREND * (T @ T.T)
        K.flat[:: n + 1] += noise
        L, info = lapack.dpotrf(K, lower=1, clean=1, overwrite_a=1)  # R&W Alg. 2.1, line 2
        if info:
            return FAILED, np.zeros_like(phi)
        alpha, _ = lapack.dpotrs(L, self.y, lower=1)  # line 3
        value = 0.5 * float(self.y @ alpha) + float(np.log(L.flat[:: n + 1]).sum())  # line 7
        W = NegativeLogPosterior.inverse(L) - alpha[:, None] * alpha  # R&W eq. 5.9
        grad = np.zeros_like(phi)
        grad[-1] = 0.5 * W.flat[:: n + 1].sum() * (noise - JITTER)
        grad[-2] = 0.5 * s2 * np.vdot(W, C)
        S *= 0.5 * s2 * W
        w, SZ = S.sum(1), S @ Z
        # Σ_ij S_ij (z_if - z_jf)² = 2 (Σ_i w_i z_if² - z_f' S z_f); its derivative by ρ likewise, with one z' for a z
        by_theta = 2.0 * theta * (w @ (Z * Z) - np.einsum("if,if->f", Z, SZ))
        grad[:d] = np.bincount(columns, by_theta, minlength=d)
        if len(rho):
            D = self.features.by_rho(self.x, rho)
            by_rho = 4.0 * theta * (w @ (Z * D) - np.einsum("if,if->f", D, SZ))
            by_rho += TREND * (D * trend_slope(Z, W @ T)).sum(0)  # ½ ΣΣ W ∂(T T')
            grad[d:-2] = np.bincount(columns, by_rho, minlength=d)[self.features.arcs]
        log_prior, slope = self.prior.log_density(np.concatenate([phi[:d], phi[-2:]]))
        grad[:d] -= slope[:-2]
        grad[-2:] -= slope[-2:]
        value -= log_prior
        return (value, grad) if math.isfinite(value) else (FAILED, np.zeros_like(phi))

    def fit(self) -> ArcHyperparameters:
        """Maximise the posterior by L-BFGS-B; the start itself should that lead nowhere."""
        bounds = ([BOUNDS_LOG_THETA] * self.d + [BOUNDS_RHO] * len(self.features.arcs) + [BOUNDS_LOG_SIGNAL, BOUNDS_LOG_NOISE])
        phi, value, _ = fmin_l_bfgs_b(self, self.start, bounds=bounds, maxiter=60, pgtol=1e-2, factr=1e9)
        return ArcHyperparameters.of(phi if value < FAILED else self.start, self.d)


# ---- the belief ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class UnitCube:
    """Points as they are: what is climbed on are the continuous parameters themselves."""

    floats: NDArray[np.intp]

    @property
    def float_features(self) -> NDArray[np.intp]:
        """The continuous parameters among the features: the same columns."""
        return self.floats

    def __call__(self, x: Array) -> Array:
        """Copy rows of the unit cube."""
        return x.copy()


@dataclass(frozen=True, slots=True, eq=False)
class ArcBelief:
    """What a Gaussian process with the arc kernel believes about a history.

    Attributes
    ----------
    embedding, transform
        Between points and features, and between losses and targets.
    hyper, model
        Fitted, and conditioned on the finished trials ``rows``, then on the running ones at their predicted mean.
    targets
        Of those rows.
    """

    embedding: ArcFeatures
    transform: OutputTransform
    hyper: ArcHyperparameters
    model: GaussianProcess
    rows: NDArray[np.intp]
    targets: Array

    @property
    def features(self) -> UnitCube:
        """Coordinates in which it can be climbed."""
        return UnitCube(features_of(self.embedding.space).floats)

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target at rows of the unit cube."""
        mean, variance = self.model.predict(self.embedding(x, self.hyper.rho))
        return mean, np.sqrt(variance)

    def predict_with_gradient(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean and deviation at rows of the unit cube, and their gradients by them, (m, d); 0 where inactive."""
        mean, variance, d_mean, d_variance = self.model.predict_with_gradient(self.embedding(x, self.hyper.rho))
        by_x = self.embedding.by_x(x, self.hyper.rho)
        of_column = self.embedding.columns[:, None] == np.arange(x.shape[1])  # (F, d)
        sd = np.sqrt(variance)
        return mean, sd, (d_mean * by_x) @ of_column, (d_variance * by_x) @ of_column / (2.0 * sd)[:, None]

    def scores(self) -> Array:
        """Return what finished trials are compared by: targets, or posterior means if losses are noisy."""
        noisy = self.model.noise > NOISY * self.model.signal_variance
        return self.model.fitted_mean()[:len(self.rows)] if noisy else self.targets

    @property
    def best(self) -> float:
        """Target to improve on."""
        return float(self.scores().min())

    def best_rows(self, k: int) -> NDArray[np.intp]:
        """Numbers of the ``k`` best finished trials, the best first."""
        return self.rows[np.argsort(self.scores(), kind="stable")[:k]]


def hyperparameters(history: History, kernel: KernelName) -> ArcHyperparameters:
    """Fit to the finished trials up to the last milestone; the memo keeps that fit."""
    n = len(history)
    m = (milestones(n) or [n])[-1]
    key: Hashable = ("arc", kernel, history.space, history.seed, m, history.content(m))
    if key not in history.memo:
        y = OutputTransform.of(history.y[:m]).forward(history.y[:m])
        rows = best_and_others(history.y[:m], N_FIT, np.random.default_rng([history.seed, m]))
        history.memo[key] = ArcPosterior(arc_features(history.space), history.x[rows], y[rows], kernel=kernel).fit()
    found: ArcHyperparameters = history.memo[key]
    return found


def believe(history: History, h: ArcHyperparameters, kernel: KernelName) -> ArcBelief:
    """Condition on a history with given hyperparameters; running trials are believed to end as predicted."""
    embedding = arc_features(history.space)
    transform = OutputTransform.of(history.y)
    y = transform.forward(history.y)
    rows = best_and_others(history.y, N_POSTERIOR, np.random.default_rng([history.seed, len(y)]))
    Z = embedding(history.x[rows], h.rho)
    model = GaussianProcess.condition(Z, y[rows], lengthscale=h.lengthscale[embedding.columns], noise=h.noise,
                                      signal_variance=h.signal_variance, trend=TREND, kernel=kernel)
    if len(history.pending):
        more = embedding(history.pending, h.rho)
        model = model.extend(more, np.concatenate([y[rows], model.predict(more)[0]]))
    return ArcBelief(embedding, transform, h, model, rows, y[rows])


# ---- the algorithm ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class ArcExplanation(SurrogateExplanation):
    """Why a Gaussian process with the arc kernel chose a point.

    Attributes
    ----------
    lengthscale
        1/ω, one per parameter, (d,): a long one means that it matters little, whether it is there included.
    rho
        Share of a half circle, one per parameter, (d,); nan for parameters that are always active.
    signal_variance, noise
        In units of the standardised losses.
    kernel
        ``"matern52"`` or ``"rbf"``.
    """

    MODEL: ClassVar[str] = "Gaussian process with the arc kernel"

    lengthscale: Array
    rho: Array
    signal_variance: float
    noise: float
    kernel: KernelName

    def belief(self, history: History) -> ArcBelief:
        """Rebuild the process that chose ``x`` from the history that it saw, without another fit."""
        rho = self.rho[arc_features(history.space).arcs]
        return believe(history, ArcHyperparameters(self.lengthscale, rho, self.signal_variance, self.noise), self.kernel)


@dataclass(frozen=True, slots=True)
class ArcGP:
    """Bayesian optimisation by a Gaussian process with the arc kernel, for conditional spaces.

    Attributes
    ----------
    kernel
        ``"matern52"`` or ``"rbf"``, of the embedded points.
    n_startup
        Random points before the model takes over; with fewer than two results they go on.
    """

    kernel: KernelName = "matern52"
    n_startup: int = 10

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.kernel not in ("matern52", "rbf"):
            raise ValueError(f'kernel must be "matern52" or "rbf", got {self.kernel!r}.')
        if self.n_startup < 0:
            raise ValueError(f"n_startup must not be negative, got {self.n_startup}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point. Same history, same rng: same answer, whatever the memo holds."""
        space = history.space
        if not len(space):
            return Suggestion(np.empty(0), Drawn("the space has no parameters"))
        if len(history) + len(history.pending) < self.n_startup or len(history) < 2:
            return start_point(history, set(keys(np.vstack([history.x, history.pending]))), rng, self.n_startup)
        h = hyperparameters(history, self.kernel)
        belief = believe(history, h, self.kernel)
        x, scores = maximise(belief, history, rng)
        if not len(x):
            return at_random(history, rng, "no untried candidate was found")
        rho = np.full(len(space), np.nan)
        rho[belief.embedding.arcs] = h.rho
        why = ArcExplanation(**decided(history, belief, x, scores), acquisition="log_ei", beta=0.0, lengthscale=h.lengthscale,
                             rho=rho, signal_variance=h.signal_variance, noise=belief.model.noise, kernel=self.kernel)
        return Suggestion(x[0], why)
