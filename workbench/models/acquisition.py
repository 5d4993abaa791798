"""Acquisition functions: what a point is worth if the loss there is N(μ, σ²) and the best so far is ``best``.

All are for minimisation, all work on arrays, and for all of them larger is better.

==========  =======================================================================================
EI          E[max(best - f, 0)] = σ h(z), h(z) = z Φ(z) + φ(z), z = (best - μ)/σ   (Jones et al. 1998)
log-EI      log σ + log h(z), finite where EI underflows                           (Ament et al. 2023)
PI          P(f < best) = Φ(z)                                                     (Kushner 1964)
LCB         -(μ - β σ)                                                             (Cox & John 1992)
==========  =======================================================================================

Differences from the papers: log h uses one branch fewer than Ament et al., with a series of two terms beyond z = -100.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from workbench.space import Array

if TYPE_CHECKING:  # for type checkers alone: in typing from Python 3.13 on
    from typing_extensions import TypeIs

AcquisitionName = Literal["log_ei", "ei", "pi", "lcb"]
LABELS: dict[str, str] = {"log_ei": "log-EI", "ei": "EI", "pi": "PI", "lcb": "LCB"}
SampledName = Literal["noisy_ei", "thompson"]  # not functions of μ and σ alone: they need draws of the loss
SAMPLED: dict[str, str] = {"noisy_ei": "noisy log-EI", "thompson": "Thompson draw"}
ALL_LABELS: dict[str, str] = LABELS | SAMPLED
HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


def is_sampled(name: AcquisitionName | SampledName) -> TypeIs[SampledName]:
    """Whether the function needs draws of the loss."""
    return name in SAMPLED


def log_h(z: Array) -> Array:
    """Logarithm of h(z) = z Φ(z) + φ(z), accurate for all z.

    For z ≤ -1 the two terms cancel, so φ is taken out: h = φ · (1 + z Φ/φ), and Φ/φ = √(π/2) erfcx(-z/√2). From
    z = -100 on that cancels as well, and h = φ · (1/z² - 3/z⁴ + 15/z⁶ - …).
    """
    z = np.asarray(z, dtype=float)
    out = np.empty_like(z)
    near = z > -1.0
    a = z[near]
    out[near] = np.log(np.exp(-0.5 * a * a - HALF_LOG_2PI) + a * ndtr(a))
    if near.all():
        return out
    b = z[~near]
    ratio = 1.0 + np.maximum(b, -100.0) * (math.sqrt(math.pi / 2) * erfcx(-np.maximum(b, -100.0) / math.sqrt(2)))
    inverse = 1.0 / (b * b)
    far = np.log(inverse) + np.log1p(inverse * (15.0 * inverse - 3.0))
    out[~near] = -0.5 * b * b - HALF_LOG_2PI + np.where(b > -100.0, np.log(ratio), far)
    return out


def expected_improvement(mu: Array, sigma: Array, best: float | Array) -> Array:
    """Mean of how far the loss falls below ``best``."""
    return np.exp(log_expected_improvement(mu, sigma, best))


def log_expected_improvement(mu: Array, sigma: Array, best: float | Array) -> Array:
    """Logarithm of the expected improvement, finite where that underflows to 0."""
    return np.log(sigma) + log_h((best - mu) / sigma)


def probability_of_improvement(mu: Array, sigma: Array, best: float | Array) -> Array:
    """Probability that the loss falls below ``best``."""
    return np.asarray(ndtr((best - mu) / sigma))


def lower_confidence_bound(mu: Array, sigma: Array, beta: float) -> Array:
    """Lower end of the band μ ± βσ, with its sign changed so that larger is better."""
    return -(mu - beta * sigma)


def acquisition(name: AcquisitionName, mu: Array, sigma: Array, best: float, beta: float) -> Array:
    """Value of the named function."""
    match name:
        case "log_ei":
            return log_expected_improvement(mu, sigma, best)
        case "ei":
            return expected_improvement(mu, sigma, best)
        case "pi":
            return probability_of_improvement(mu, sigma, best)
        case "lcb":
            return lower_confidence_bound(mu, sigma, beta)


def climbable(name: AcquisitionName, mu: Array, sigma: Array, best: float | Array,
              beta: float) -> tuple[Array, Array, Array]:
    """Return the value to climb and its derivatives by μ and by σ.

    The value is the named function, but log PI for PI: the same maximum, without the flat regions.
    """
    if name == "lcb":
        return lower_confidence_bound(mu, sigma, beta), np.full_like(mu, -1.0), np.full_like(mu, beta)
    z = (best - mu) / sigma
    log_phi = -0.5 * z * z - HALF_LOG_2PI
    if name == "pi":
        log_pi = log_ndtr(z)
        slope = np.exp(log_phi - log_pi) / sigma
        return log_pi, -slope, -slope * z
    lh = log_h(z)
    value = np.log(sigma) + lh
    by_mu, by_sigma = -np.exp(log_ndtr(z) - lh) / sigma, np.exp(log_phi - lh) / sigma  # ∂EI/∂μ = -Φ, ∂EI/∂σ = φ
    if name == "log_ei":
        return value, by_mu, by_sigma
    ei = np.exp(value)
    return ei, ei * by_mu, ei * by_sigma
