"""Hypergradients through the whole training: reverse-mode differentiation of every inner step.

Maclaurin, Duvenaud & Adams 2015, algorithm 2, reads each step of SGD with momentum backwards. With s_t = (w_t, v_t) and
s_{t+1} = Φ_t(s_t, λ)::

    p ← ∂L_val / ∂s_T,   d ← ∂L_val / ∂λ
    for t = T − 1, …, 0
        d ← d + p · ∂Φ_t / ∂λ                        a product with second derivatives of L_train
        p ← p · ∂Φ_t / ∂s_t                          likewise

Memory. Chen, Xu, Zhang & Guestrin 2016, "Training deep nets with sublinear memory cost": states are kept at the
beginnings of segments of k steps, and each segment is run once more, with its graph, when its turn comes. So T/k states
and one graph of k steps are held, which grows like √T for k = √T, for one more training.

Truncation. Shaban, Cheng, Hatch & Boots 2019, "Truncated back-propagation for bilevel optimization": only the last K
steps are read backwards.

Notation
    p             adjoint of the state, two vectors of shape (P,)
    d             hypergradient so far
    segment       k

A step contains ∇_w L_train, so the loss is differentiated twice. With kinks (ReLU) the result is still the derivative of
the computation almost everywhere, but a finite difference also meets the jumps of ∇_w L_train at the kinks, and need
not agree with it; with smooth activations both agree.

Differences from the paper: states are kept and recomputed in place of exact reversal with a buffer of bits; Adam takes
the outer steps; all outer steps share the initial weights and the batches, so that they descend one function.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from workbench.errors import WorkbenchError
from workbench.events import StepTaken
from workbench.gradient.bilevel import (
    Bilevel,
    Found,
    State,
    Training,
    Values,
    by_coordinates,
    check_at_least,
    check_number,
    numpy,
)
from workbench.gradient.hyper_step import HyperStep
from workbench.gradient.outer_steps import descend, step_of
from workbench.space import Array


def segments(first: int, last: int, size: int) -> list[tuple[int, int]]:
    """Cut steps into segments of ``size``; the last one may be shorter."""
    return [(a, min(a + size, last)) for a in range(first, last, size)]


def backwards(training: Training, values: Values, start: State, first: int, last: int, size: int) -> tuple[Found, list[Values]]:
    """Differentiate the validation loss after the steps ``first`` … ``last - 1`` through all of them.

    Returns what was found, without the sum, and the share of each segment in the hypergradient, the last segment's first:
    it holds ∂L_val / ∂λ too.
    """
    cuts, kept, losses = segments(first, last, size), [start], list[torch.Tensor]()
    for a, b in cuts[:-1]:
        state, told = training.advance(kept[-1], values, a, b, graph=False)
        kept.append(State(state.w.detach(), state.v))
        losses += told
    names, leaves = list(values), [v.detach().requires_grad_() for v in values.values()]
    given, shares = dict(zip(names, leaves, strict=True)), list[Values]()
    loss, end, p = math.nan, kept[-1], None
    for (a, b), state in zip(reversed(cuts), reversed(kept), strict=True):
        s = state.leaves()
        after, told = training.advance(s, given, a, b, graph=True)
        if p is None:
            value = training.outer(after.w, given)
            loss = check_number(value.detach(), "the validation loss after training")
            end = State(after.w.detach(), after.v.detach())
            losses += told
            grads = torch.autograd.grad(value, [*s, *leaves], materialize_grads=True)
        else:
            grads = torch.autograd.grad(after, [*s, *leaves], p, materialize_grads=True)
        p = grads[:2]
        shares.append(dict(zip(names, grads[2:], strict=True)))
    return Found(loss, {}, end, np.array([float(x) for x in losses])), shares


def unrolled(training: Training, values: Values, *, horizon: int | None = None, segment: int | None = None,
             truncate: int | None = None) -> Found:
    """Return the hypergradient through a training of ``horizon`` steps, or through its last ``truncate`` steps."""
    T = horizon or training.problem.horizon
    first = 0 if truncate is None else max(T - truncate, 0)
    start, losses = training.start(), np.empty(0)
    if first:
        start, losses = training.train(values, first)
    found, shares = backwards(training, values, start, first, T, segment or math.isqrt(T - first - 1) + 1)  # ⌈√(T − first)⌉
    found.losses = np.concatenate([losses, found.losses])
    total = {name: torch.stack([s[name] for s in shares]).sum(dim=0) for name in values}
    found.gradient = by_coordinates(training.problem, values, total)
    return found


@dataclass(frozen=True, slots=True)
class Unrolled:
    """Descend hyperparameters by the gradient through the whole training (Maclaurin and others 2015).

    Parameters
    ----------
    n_steps
        Outer steps: each is a training and its gradient.
    rate
        Learning rate of Adam for the hyperparameters, in their coordinates: 0.1 on a log scale is a change of up to 10 %.
    horizon
        Inner steps; those of the problem if left out.
    segment
        Inner steps between two kept states; √horizon if left out. ``horizon`` keeps the whole graph: somewhat faster,
        with the more memory the longer the training.
    truncate
        Read only that many of the last steps backwards; all if left out.
    """

    n_steps: int = 30
    rate: float = 0.1
    horizon: int | None = None
    segment: int | None = None
    truncate: int | None = None

    def __post_init__(self) -> None:
        check_at_least(1, n_steps=self.n_steps, horizon=self.horizon, segment=self.segment, truncate=self.truncate)
        if self.rate <= 0:
            raise WorkbenchError(f"rate must be above 0, got {self.rate}. 0.1 moves a hyperparameter by up to 10 % a step.")

    @property
    def method(self) -> str:
        """How the gradient is computed, in words."""
        return f"through the {'whole training' if self.truncate is None else f'last {self.truncate} steps of the training'}"

    def gradient(self, problem: Bilevel, *, seed: int = 0) -> HyperStep:
        """Return the hypergradient at the start of the hyperparameters."""
        training = problem.training(seed)
        values = training.values(training.coordinates())
        return step_of(problem, values, self._found(training, values), self.method)

    def steps(self, problem: Bilevel, *, seed: int = 0) -> Iterator[StepTaken]:
        """Descend; a step is a training, judged, with its hypergradient. "cpu_s" are CPU seconds so far."""
        training = problem.training(seed)
        return descend(training, lambda values: self._found(training, values), self.method, n_steps=self.n_steps, rate=self.rate)

    def _found(self, training: Training, values: Values) -> Found:
        return unrolled(training, values, horizon=self.horizon, segment=self.segment, truncate=self.truncate)


def by_horizon(problem: Bilevel, *, horizon: int | None = None, seed: int = 0) -> dict[str, Array]:
    """Return the hypergradient through the last 1, 2, …, T steps of one training, by name: shape (T, …), in coordinates.

    The first row is the gradient of the one-step method at the end of the training, the last that through all of it.
    """
    training, T = problem.training(seed), horizon or problem.horizon
    values = training.values(training.coordinates())
    _, shares = backwards(training, values, training.start(), 0, T, 1)
    rows = [by_coordinates(problem, values, s) for s in shares]
    return {name: numpy(torch.stack([r[name] for r in rows]).cumsum(dim=0)) for name in values}
