"""The eleven parametric families of learning curves, and their least-squares fits.

Domhan, Springenberg & Hutter 2015, "Speeding up automatic hyperparameter optimization of deep neural networks by
extrapolation of learning curves" (IJCAI), table 1. Every f(x; θ) rises and flattens, for steps x >= 1:

===================  ==============================================  ==================================
log power            a / (1 + (x / e^b)^c)                           c < 0
Hill3                y_max x^η / (κ^η + x^η)
pow3                 c - a x^-α
pow4                 c - (a x + b)^-α
exp4                 c - exp(-a x^α + b)
Janoschek            α - (α - β) exp(-κ x^δ)
Weibull              α - (α - β) exp(-(κ x)^δ)
MMF                  α - (α - β) / (1 + (κ x)^δ)                     Morgan, Mercer & Flodin
ilog2                c - a / log(x + 1)
vapor pressure       exp(a + b / x + c log x)
log log linear       log(a log x + b)
===================  ==============================================  ==================================

Two of them are often printed with a slip. The log power has e^b below the x (with c^b, as on some slides, it has two parameters
that do the same); and ilog2 takes the logarithm of x + 1 (that of x is zero at the first step). Both are written here as in the
authors' program. Log power and Hill3 are then the same curves by other names (c = -η, e^b = κ, a = y_max), and so are Janoschek
and Weibull (κ_J = κ_W^δ): what differs is where a prior that is flat in the parameters puts its mass.

The curve to be fitted has been brought to the *common form* by the caller: it rises, its first point is near 0.1 and its best
near 0.7, and its first step is 1. The default starts are the authors', who wrote them for accuracies of that range.

Notation
--------
========  =====================================================================================
``x``     steps, (m,)
``theta`` parameters of one family, natural units, (..., k)
``u``     the same in coordinates: the logarithm where ``logarithmic`` says so, (..., k)
``J``     ∂f/∂u, (..., m, k)
``lam``   damping of Levenberg and Marquardt
========  =====================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from workbench.space import Array

Curve = Callable[[Array, Array], Array]  # steps (m,), parameters (..., k) -> values (..., m)

ASYMPTOTE = 5.0  # the highest a curve may go: its observed part spans 0.1 to 0.7
EXPONENT = (0.02, 5.0)
N_ITERATIONS = 30  # of Levenberg and Marquardt
HUGE = 1e6  # a curve beyond is not finite for our purposes


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One family of curves.

    Attributes
    ----------
    name
        As in the paper.
    parameters
        Their names, k of them.
    curve
        f, of steps (m,) and parameters (..., k); shape (..., m).
    start
        Where a fit starts, natural units.
    low, high
        Bounds of the parameters, natural units. They are the prior's: flat inside, nothing outside.
    logarithmic
        Parameters whose logarithm is the coordinate that is fitted and sampled.
    """

    name: str
    parameters: tuple[str, ...]
    curve: Curve
    start: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    logarithmic: tuple[bool, ...]

    @property
    def k(self) -> int:
        """Number of parameters."""
        return len(self.parameters)

    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper bounds of the coordinates, (k,) each."""
        return self.coordinates(np.array(self.low)), self.coordinates(np.array(self.high))

    def coordinates(self, theta: Array) -> Array:
        """Turn parameters (..., k) into coordinates."""
        return np.where(self.logarithmic, np.log(np.where(self.logarithmic, theta, 1.0)), theta)

    def natural(self, u: Array) -> Array:
        """Turn coordinates (..., k) into parameters."""
        return np.where(self.logarithmic, np.exp(np.where(self.logarithmic, u, 0.0)), u)

    def at(self, x: Array, u: Array) -> Array:
        """Return the curve at steps (m,) for coordinates (..., k); (..., m), within ±1e6."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return bounded(self.curve(x, self.natural(u)))


def bounded(f: Array) -> Array:
    """Bring values into ±1e6, and what is not a number to the lower end: no fit goes there."""
    return np.clip(np.nan_to_num(f, nan=-HUGE), -HUGE, HUGE)


# ---- the formulas ------------------------------------------------------------------------------------------------------


def _split(theta: Array) -> tuple[Array, ...]:
    """Parameters as arrays (..., 1) each, to stand beside steps (m,)."""
    return tuple(theta[..., j, None] for j in range(theta.shape[-1]))


def log_power(x: Array, theta: Array) -> Array:
    """A / (1 + (x / e^b)^c)."""
    a, b, c = _split(theta)
    return np.asarray(a * expit(-c * (np.log(x) - b)))


def hill3(x: Array, theta: Array) -> Array:
    """y_max x^η / (κ^η + x^η)."""
    y_max, eta, kappa = _split(theta)
    return np.asarray(y_max * expit(eta * np.log(x / kappa)))


def pow3(x: Array, theta: Array) -> Array:
    """C - a x^-α."""
    c, a, alpha = _split(theta)
    return np.asarray(c - a * np.exp(-alpha * np.log(x)))


def pow4(x: Array, theta: Array) -> Array:
    """C - (a x + b)^-α."""
    c, a, b, alpha = _split(theta)
    return np.asarray(c - np.exp(-alpha * np.log(a * x + b)))


def exp4(x: Array, theta: Array) -> Array:
    """C - exp(-a x^α + b)."""
    c, a, b, alpha = _split(theta)
    return np.asarray(c - np.exp(b - a * np.exp(alpha * np.log(x))))


def janoschek(x: Array, theta: Array) -> Array:
    """α - (α - β) exp(-κ x^δ)."""
    alpha, beta, kappa, delta = _split(theta)
    return np.asarray(alpha - (alpha - beta) * np.exp(-kappa * np.exp(delta * np.log(x))))


def weibull(x: Array, theta: Array) -> Array:
    """α - (α - β) exp(-(κ x)^δ)."""
    alpha, beta, kappa, delta = _split(theta)
    return np.asarray(alpha - (alpha - beta) * np.exp(-np.exp(delta * np.log(kappa * x))))


def mmf(x: Array, theta: Array) -> Array:
    """α - (α - β) / (1 + (κ x)^δ)."""
    alpha, beta, kappa, delta = _split(theta)
    return np.asarray(alpha - (alpha - beta) * expit(-delta * np.log(kappa * x)))


def ilog2(x: Array, theta: Array) -> Array:
    """C - a / log(x + 1)."""
    c, a = _split(theta)
    return np.asarray(c - a / np.log1p(x))


def vapor_pressure(x: Array, theta: Array) -> Array:
    """exp(a + b / x + c log x)."""
    a, b, c = _split(theta)
    return np.asarray(np.exp(a + b / x + c * np.log(x)))


def log_log_linear(x: Array, theta: Array) -> Array:
    """log(a log x + b)."""
    a, b = _split(theta)
    return np.asarray(np.log(a * np.log(x) + b))


_LOW, _HIGH = EXPONENT
_START = (-3.0, 1.0)  # of β, the value at the far left

FAMILIES = (
    Family("log power", ("a", "b", "c"), log_power, (0.77, 2.98, -0.51), (0.0, -5.0, -_HIGH), (ASYMPTOTE, 14.0, -_LOW),
           (False, False, False)),
    Family("Hill3", ("y_max", "eta", "kappa"), hill3, (0.77232, 0.586449, 2.460843), (0.0, _LOW, 1e-2),
           (ASYMPTOTE, _HIGH, 1e6), (False, True, True)),
    Family("pow3", ("c", "a", "alpha"), pow3, (0.84, 0.52, 0.1), (0.0, 0.0, _LOW), (ASYMPTOTE, ASYMPTOTE, _HIGH),
           (False, False, True)),
    Family("pow4", ("c", "a", "b", "alpha"), pow4, (0.8, 2.0, 0.1, 0.5), (0.0, 1e-4, 0.0, _LOW), (ASYMPTOTE, 1e4, 10.0, _HIGH),
           (False, True, False, True)),
    Family("exp4", ("c", "a", "b", "alpha"), exp4, (0.7, 0.8, -0.8, 0.3), (0.0, 1e-4, -5.0, _LOW), (ASYMPTOTE, 10.0, 5.0, 2.0),
           (False, True, False, True)),
    Family("Janoschek", ("alpha", "beta", "kappa", "delta"), janoschek, (0.73, 0.07, 0.355, 0.46),
           (0.0, _START[0], 1e-6, _LOW), (ASYMPTOTE, _START[1], 10.0, 2.0), (False, False, True, True)),
    Family("Weibull", ("alpha", "beta", "kappa", "delta"), weibull, (0.7, 0.1, 0.01, 1.0),
           (0.0, _START[0], 1e-6, _LOW), (ASYMPTOTE, _START[1], 10.0, 2.0), (False, False, True, True)),
    Family("MMF", ("alpha", "beta", "kappa", "delta"), mmf, (0.7, 0.1, 0.1, 1.0),
           (0.0, _START[0], 1e-6, _LOW), (ASYMPTOTE, _START[1], 10.0, _HIGH), (False, False, True, True)),
    Family("ilog2", ("c", "a"), ilog2, (0.78, 0.43), (0.0, 0.0), (ASYMPTOTE, ASYMPTOTE), (False, False)),
    Family("vapor pressure", ("a", "b", "c"), vapor_pressure, (-0.622028, -0.47005, 0.042322), (-6.0, -10.0, 0.0),
           (math.log(ASYMPTOTE), 3.0, 1.0), (False, False, False)),
    Family("log log linear", ("a", "b"), log_log_linear, (1.0, 1.0), (0.0, 0.1), (20.0, 20.0), (False, False)),
)


# ---- least squares -----------------------------------------------------------------------------------------------------


def jacobian(family: Family, x: Array, u: Array) -> tuple[Array, Array]:
    """Return f (S, m) and ∂f/∂u (S, m, k) at coordinates u (S, k), by central differences in one evaluation."""
    low, high = family.bounds()
    h = 1e-5 * (high - low)  # (k,)
    shifted = u[:, None, None, :] + np.array([1.0, -1.0])[:, None, None] * np.diag(h)  # (S, 2, k, k)
    f = family.at(x, np.concatenate([u[:, None], shifted.reshape(len(u), -1, family.k)], axis=1))  # (S, 1 + 2k, m)
    J = (f[:, 1:family.k + 1] - f[:, family.k + 1:]) / (2 * h[:, None])
    return f[:, 0], np.swapaxes(J, 1, 2)


def least_squares(family: Family, x: Array, y: Array, starts: Array, weights: Array,
                  n_iterations: int = N_ITERATIONS) -> tuple[Array, Array]:
    """Fit one family from several starts at once, by Levenberg and Marquardt with a box (Nocedal & Wright 2006, section 10.3).

    Parameters
    ----------
    x, y
        The curve in common form, (m,) each.
    starts
        Coordinates, (S, k).
    weights
        Of the squares, (m,).

    Returns
    -------
    u, cost
        Where each start ended, (S, k), and its weighted sum of squares, (S,).
    """
    low, high = family.bounds()
    width, root = high - low, np.sqrt(weights)
    u, lam = np.clip(starts, low, high), np.full(len(starts), 1e-2)
    f, J = jacobian(family, x, u)
    cost = (weights * (y - f) ** 2).sum(axis=1)
    for _ in range(n_iterations):
        A = J * root[:, None] * width  # in units of the box, (S, m, k)
        g = np.einsum("smk,sm->sk", A, root * (y - f))
        blocked = ((u <= low) & (g < 0)) | ((u >= high) & (g > 0))  # at a wall, pushed outwards: stays there
        A = np.where(blocked[:, None, :], 0.0, A)
        H = np.einsum("smj,smk->sjk", A, A)
        damped = H + (lam[:, None] * (np.einsum("sjj->sj", H) + 1e-6))[:, :, None] * np.eye(family.k)
        step = np.linalg.solve(damped, np.where(blocked, 0.0, g)[:, :, None])[:, :, 0]
        trial = np.clip(u + width * np.clip(step, -0.5, 0.5), low, high)
        f_trial, J_trial = jacobian(family, x, trial)
        new = (weights * (y - f_trial) ** 2).sum(axis=1)
        better = new < cost
        u, f, J = (np.where(better.reshape(-1, *[1] * (a.ndim - 1)), b, a)
                   for a, b in ((u, trial), (f, f_trial), (J, J_trial)))
        cost, lam = np.where(better, new, cost), np.clip(np.where(better, lam / 5, lam * 4), 1e-9, 1e9)
    return u, cost
