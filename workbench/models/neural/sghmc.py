"""Draw from exp(-U(θ)) by stochastic gradient Hamiltonian Monte Carlo that finds its own step sizes.

Chen, Fox & Guestrin 2014, "Stochastic gradient Hamiltonian Monte Carlo"; Springenberg, Klein, Falkner & Hutter 2016,
"Bayesian optimization with robust Bayesian neural networks", section 4 and equation 10.

::

    in burn-in, with r = 1 / (τ + 1):                        (all running means, per coordinate)
        τ ← 1 + τ (1 - g² / v̂)
        g ← g + r (∇U - g)
        v̂ ← v̂ + r ((∇U)² - v̂)
    always:
        p ← p - ε² v̂^-½ ∇U - a p + N(0, 2 a ε² v̂^-½ - ε⁴)
        θ ← θ + p

Notation
--------
========  ====================================================================================
``theta`` positions, shape (C, P): C chains side by side, each for itself
``p``     momenta, shape (C, P)
``v_hat`` running mean of the squared gradient: 1 / √v̂ is the scale of a coordinate
``tau``   over how many steps the means run
``eps``   step size, ε; for a sum over n data it is ``step_size / √n``, as in the authors' code
``a``     friction, ε v̂^-½ C in the paper: how much momentum a step takes away
========  ====================================================================================

Differences from the paper: several chains at once. The term ε⁴ stands for the noise of minibatches in the gradient; it is
left out where the gradient is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.space import Array

if TYPE_CHECKING:
    import torch

    Potential = Callable[["torch.Tensor"], "torch.Tensor"]

Floats = NDArray[np.float32] | NDArray[np.float64]

TINY = 1e-16


@dataclass(frozen=True, slots=True, eq=False)
class Chains:
    """Where chains stand and what they have learnt about scales, shapes (C, P)."""

    theta: Floats
    p: Floats
    tau: Floats
    g: Floats
    v_hat: Floats

    @classmethod
    def start(cls, theta: Floats) -> Chains:
        """Stand at ``theta``, at rest, with nothing learnt."""
        one = np.ones_like(theta)
        return cls(theta, np.zeros_like(theta), one, one, one)


def run(potential: Potential, chains: Chains, *, burn_in: int, steps: int, every: int, eps: float, seed: int,
        friction: float = 0.05, exact: bool = True) -> tuple[Chains, Array]:
    """Let chains run on; return them and the draws.

    Parameters
    ----------
    potential
        θ of shape (C, P) ↦ U of each chain, shape (C,), on the data or on a minibatch of them. Called once a step.
    burn_in, steps
        Steps in which the scales adapt, and steps after them.
    every
        Of the steps after burn-in, each so-many-th gives a draw.
    exact
        Whether the potential is over all data.

    Returns
    -------
    chains, draws
        Draws have shape (steps // every, C, P).
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    theta, p, tau, g, v_hat = (torch.tensor(a) for a in (chains.theta, chains.p, chains.tau, chains.g, chains.v_hat))
    draws = np.empty((steps // every, *theta.shape))
    noise = torch.empty_like(theta)
    step_size, deviation = _scales(v_hat, eps, friction, exact)
    for t in range(burn_in + steps):
        theta.requires_grad_(True)
        (grad,) = torch.autograd.grad(potential(theta).sum(), theta)
        theta.requires_grad_(False)
        if t < burn_in:
            r = 1.0 / (tau + 1.0)
            tau.mul_(1.0 - g * g / v_hat).add_(1.0)
            g.add_(r * (grad - g))
            v_hat.add_(r * (grad * grad - v_hat))
            step_size, deviation = _scales(v_hat, eps, friction, exact)
        noise.normal_(generator=generator)
        p.mul_(1.0 - friction).addcmul_(step_size, grad, value=-1.0).addcmul_(deviation, noise)
        theta.add_(p)
        k = t - burn_in + 1
        if k > 0 and k % every == 0:
            draws[k // every - 1] = theta.numpy()
    return Chains(*(a.numpy() for a in (theta, p, tau, g, v_hat))), draws


def _scales(v_hat: torch.Tensor, eps: float, friction: float, exact: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ε² v̂^-½ and the deviation of the noise."""
    scale = v_hat.clamp_min(TINY).rsqrt()
    variance = 2.0 * friction * eps**2 * scale - (0.0 if exact else eps**4)
    return eps**2 * scale, variance.clamp_min(TINY).sqrt()
