"""Hypergradients at the minimum of the training loss, by the implicit function theorem: no training is remembered.

Where ∇_w L_train(w*(λ), λ) = 0, differentiating this equation gives ∂w*/∂λ, and with it

    dL_val / dλ = ∂L_val / ∂λ − ∇_w L_val · H⁻¹ · ∂²L_train / ∂w ∂λ           H = ∂²L_train / ∂w²,  all at w*

H is never formed: products H p are derivatives of ∇_w L_train · p. The system H q = ∇_w L_val is solved in one of two ways:

    cg        conjugate gradients (Pedregosa 2016, "Hyperparameter optimization with approximate gradient", algorithm 1)
    neumann   q = α Σ_{k < K} (I − α H)^k ∇_w L_val  (Lorraine, Vicol & Duvenaud 2020, "Optimizing millions of hyperparameters
              by implicit differentiation", algorithm 3)

K terms of the series are what reading the last K steps of plain gradient descent with learning rate α backwards from w*
gives (theirs, theorem 1): so this is the limit of ``Unrolled`` for long trainings, and one term is ``Interleaved``.

What only says how the minimum is reached, a learning rate or momentum, has no gradient here: w* does not depend on it.

Notation
    q             H⁻¹ ∇_w L_val, shape (P,)
    alpha         step of the series; it converges for α below 2 / (largest eigenvalue of H)
    damping       what is added to H's diagonal

Differences from the papers: L-BFGS runs until ∇_w L_train is below a fixed tolerance (Pedregosa's falls from step to
step), from the last minimum on; Adam takes the outer steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.events import StepTaken
from workbench.gradient.bilevel import (
    OF_TRAINING,
    Bilevel,
    Found,
    State,
    Training,
    Values,
    by_coordinates,
    check_at_least,
    check_number,
)
from workbench.gradient.hyper_step import HyperStep
from workbench.gradient.outer_steps import descend, step_of
from workbench.space import Array

Product = Callable[[Tensor], Tensor]


def conjugate_gradients(product: Product, b: Tensor, *, most: int, tolerance: float) -> tuple[Tensor, int]:
    """Solve H q = b for a positive definite H up to ||H q − b|| ≤ tolerance · ||b||; returns q and the number of products.

    It ends early where H bends downwards along the direction of search (no minimum): the residual then tells.
    """
    q, r = torch.zeros_like(b), b.clone()
    p, rr = r.clone(), float(r @ r)
    goal, k = tolerance**2 * rr, 0
    while k < most and rr > goal:
        Hp = product(p)
        k += 1
        bend = float(p @ Hp)
        if bend <= 0:
            break
        step = rr / bend
        q, r = q + step * p, r - step * Hp
        rr, before = float(r @ r), rr
        p = r + rr / before * p
    return q, k


def neumann(product: Product, b: Tensor, *, terms: int, alpha: float) -> Tensor:
    """Sum α (I − α H)^k b over k < ``terms``."""
    term = total = b
    for _ in range(terms - 1):
        term = term - alpha * product(term)
        total = total + term
    return alpha * total


def minimise(training: Training, values: Values, w: Tensor, *, most: int, tolerance: float) -> tuple[Tensor, Array, float]:
    """Minimise L_train on all data by L-BFGS from w on; returns w*, the losses met, and the gradient's length there."""
    w = w.detach().clone().requires_grad_()
    decay = training.decay(values)
    descent = torch.optim.LBFGS([w], lr=1, max_iter=most, tolerance_grad=tolerance, tolerance_change=0, history_size=20,
                                line_search_fn="strong_wolfe")
    losses = list[float]()

    def closure() -> Tensor:
        loss, w.grad = training.gradient(w, values, training.problem.whole, decay, graph=False)
        if decay is not None:
            loss = loss + 0.5 * (decay * w.detach() ** 2).sum()
        losses.append(float(loss))
        return loss

    descent.step(closure)  # type: ignore[no-untyped-call]
    _, g = training.gradient(w, values, training.problem.whole, decay, graph=False)
    return w.detach(), np.array(losses), float(g.norm())


@dataclass(frozen=True, slots=True)
class Implicit:
    """Descend hyperparameters by the gradient at the minimum of the training loss (Pedregosa 2016).

    Parameters
    ----------
    n_steps
        Outer steps.
    rate
        Learning rate of Adam for the hyperparameters, in their coordinates.
    solver
        "cg": conjugate gradients; "neumann": a series.
    products
        How many products with the Hessian, at most.
    tolerance
        Of conjugate gradients: residual as a share of the right side.
    alpha
        Step of the series.
    damping
        Added to the Hessian's diagonal: for losses that have flat directions.
    inner_steps, inner_tolerance
        Iterations of L-BFGS at most, and the largest entry of ∇_w L_train that counts as 0.
    """

    n_steps: int = 30
    rate: float = 0.1
    solver: Literal["cg", "neumann"] = "cg"
    products: int = 100
    tolerance: float = 1e-8
    alpha: float = 0.1
    damping: float = 0.0
    inner_steps: int = 500
    inner_tolerance: float = 1e-7

    def __post_init__(self) -> None:
        check_at_least(1, n_steps=self.n_steps, products=self.products, inner_steps=self.inner_steps)
        if self.solver not in ("cg", "neumann"):
            raise WorkbenchError(f'solver is "cg" or "neumann", got {self.solver!r}.')
        if self.rate <= 0 or self.alpha <= 0 or self.damping < 0:
            raise WorkbenchError(f"rate and alpha are above 0 and damping at least 0, got rate={self.rate}, alpha={self.alpha}, "
                                 f"damping={self.damping}.")

    @property
    def method(self) -> str:
        """How the gradient is computed, in words."""
        how = "conjugate gradients" if self.solver == "cg" else f"{self.products} terms of a series"
        return f"at the minimum, by {how}"

    def gradient(self, problem: Bilevel, *, seed: int = 0) -> HyperStep:
        """Return the hypergradient at the start of the hyperparameters."""
        training = self._training(problem, seed)
        values = training.values(training.coordinates())
        return step_of(problem, values, self.at(training, values, training.start().w), self.method)

    def steps(self, problem: Bilevel, *, seed: int = 0) -> Iterator[StepTaken]:
        """Descend. The metrics "inner_gradient" and "residual" are near 0 where the theorem holds."""
        training = self._training(problem, seed)
        w = training.start().w

        def found_at(values: Values) -> Found:
            nonlocal w
            found = self.at(training, values, w)
            w = found.state.w
            return found

        return descend(training, found_at, self.method, n_steps=self.n_steps, rate=self.rate)

    def at(self, training: Training, values: Values, w: Tensor) -> Found:
        """Minimise from w on, and return the hypergradient there."""
        w, losses, length = minimise(training, values, w, most=self.inner_steps, tolerance=self.inner_tolerance)
        return self.at_minimum(training, values, w, losses, length)

    def at_minimum(self, training: Training, values: Values, w: Tensor, losses: Array, length: float) -> Found:
        """Return the hypergradient at weights that minimise the training loss."""
        w, names = w.detach().requires_grad_(), list(values)
        leaves = [v.detach().requires_grad_() for v in values.values()]
        given = dict(zip(names, leaves, strict=True))
        value = training.outer(w, given)
        loss = check_number(value.detach(), "the validation loss at the minimum")
        b, *direct = torch.autograd.grad(value, [w, *leaves], materialize_grads=True)
        _, g = training.gradient(w, given, training.problem.whole, training.decay(given), graph=True)

        def product(p: Tensor) -> Tensor:
            (Hp,) = torch.autograd.grad(g, w, p, retain_graph=True)
            return Hp + self.damping * p

        if self.solver == "cg":
            q, n = conjugate_gradients(product, b, most=self.products, tolerance=self.tolerance)
        else:
            q, n = neumann(product, b, terms=self.products, alpha=self.alpha), self.products - 1
        residual = float((product(q) - b).norm()) / max(float(b.norm()), 1e-300)
        check_number(residual, "the residual of H q = ∇L_val")
        through = torch.autograd.grad(g, leaves, -q, materialize_grads=True)
        total = {name: d + m for name, d, m in zip(names, direct, through, strict=True)}
        told = {"inner_gradient": length, "residual": residual, "products": float(n)}
        return Found(loss, by_coordinates(training.problem, values, total), State(w.detach(), torch.zeros_like(b)), losses, told)

    def _training(self, problem: Bilevel, seed: int) -> Training:
        """Complain of what has no gradient here."""
        for name in OF_TRAINING[:2]:
            if name in problem.hypers:
                raise WorkbenchError(f"{name} says how the minimum is reached, not where it lies: its gradient there is 0. Tune "
                                     "it with wb.gradient.Unrolled(), or leave it out of hypers.")
        return problem.training(seed)
