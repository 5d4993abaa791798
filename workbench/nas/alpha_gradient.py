"""How the validation loss after a step of training depends on the architecture: the gradients of DARTS.

Liu, Simonyan & Yang 2019, "DARTS: differentiable architecture search", section 2.3. The search wants the gradient with respect to
α of L_val(w*(α), α), where w*(α) are fully trained weights; it stands for them with the weights after one step of training:

    w' = w − ξ ∇_w L_train(w, α)                                                   (eq. 5, 6)
    ∇_α L_val(w'(α), α) = ∇_α L_val(w', α) − ξ ∇²_{α,w} L_train(w, α) ∇_w' L_val(w', α)       (eq. 7)

First order: ξ = 0, so that w' = w and the second term is gone. Second order, in one of two ways:

    finite    ∇²_{α,w} L_train · v ≈ (∇_α L_train(w + R v, α) − ∇_α L_train(w − R v, α)) / 2R,    R = r / ||v||     (eq. 8)
    exact     ∇_α ⟨∇_w L_train(w, α), v⟩ by a second backward pass

Notation
    w, alpha          weights (a list of tensors) and architecture parameters
    w_prime           weights after the unrolled step
    xi, momentum, decay   learning rate of the weights, momentum and weight decay, which the unrolled step has as well
    v                 ∇_w' L_val(w', α)
    r                 0.01

The loss is any function ``loss(w, alpha, batch)`` that returns a scalar. The perturbed weights are w ± R v, not w' ± R v, as
equation 8 says; there is code about that has it otherwise.

A loss with kinks (ReLU) bends only there. A second backward pass sees none of them, a finite difference those within its reach;
so the two differ by what bends at the kinks, and a smaller r is no help. With smooth activations they agree up to r².

Differences from the paper: the exact way; the paper has the finite one alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

Loss = Callable[[Sequence[Tensor], Tensor, Any], Tensor]
Hessian = Literal["finite", "exact"]
R_SCALE = 0.01  # r of the paper, footnote 2


@dataclass(frozen=True, slots=True, eq=False)
class SGDState:
    """What a step of training needs to be taken in thought: learning rate, momentum, weight decay and momentum's buffers.

    ``buffers`` is None before the first step, when momentum has none.
    """

    xi: float
    momentum: float = 0.0
    decay: float = 0.0
    buffers: tuple[Tensor, ...] | None = None

    def step(self, w: Sequence[Tensor], grads: Sequence[Tensor]) -> list[Tensor]:
        """Return w' = w − ξ (momentum · buffer + gradient + decay · w)."""
        pulls = [g + self.decay * p for p, g in zip(w, grads, strict=True)]
        if self.buffers is not None:
            pulls = [q + self.momentum * b for q, b in zip(pulls, self.buffers, strict=True)]
        return [p - self.xi * q for p, q in zip(w, pulls, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class AlphaGradient:
    """The gradient with respect to alpha, and its two terms; ``implicit`` is 0 in first order."""

    direct: Tensor  # ∇_α L_val(w', α), w' held
    implicit: Tensor  # −ξ ∇²_{α,w} L_train(w, α) v: what α does to w'

    @property
    def total(self) -> Tensor:
        """Sum of both terms (eq. 7)."""
        return self.direct + self.implicit


def first_order(loss: Loss, w: Sequence[Tensor], alpha: Tensor, valid: Any) -> AlphaGradient:
    """Take the weights as given: ∇_α L_val(w, α)."""
    (alpha,) = leaves([alpha])
    (direct,) = gradients(loss(detached(w), alpha, valid), [alpha])
    return AlphaGradient(direct, torch.zeros_like(direct))


def second_order(loss: Loss, w: Sequence[Tensor], alpha: Tensor, train: Any, valid: Any, sgd: SGDState, *,
                 hessian: Hessian = "finite", r: float = R_SCALE) -> AlphaGradient:
    """Let alpha also move the weights, by one step of training (eq. 7); ``hessian`` says how the second term is computed.

    ``r`` is the size of the finite difference, which the paper sets to 0.01.
    """
    (alpha,), w = leaves([alpha]), leaves(w)
    grads = gradients(loss(w, alpha, train), w, keep=hessian == "exact")  # exact: the graph is differentiated once more
    w_prime = leaves(sgd.step(detached(w), detached(grads)))
    direct, *v = gradients(loss(w_prime, alpha, valid), [alpha, *w_prime])
    if hessian == "exact":
        (product,) = gradients(torch.stack([(g * u).sum() for g, u in zip(grads, v, strict=True)]).sum(), [alpha])
    else:
        product = finite_product(loss, w, alpha, train, v, r=r)
    return AlphaGradient(direct, -sgd.xi * product)


def finite_product(loss: Loss, w: Sequence[Tensor], alpha: Tensor, train: Any, v: Sequence[Tensor], *,
                   r: float = R_SCALE) -> Tensor:
    """∇²_{α,w} L_train(w, α) v by a central difference along v (eq. 8); the weights w are perturbed, not w'."""
    (alpha,), base, length = leaves([alpha]), detached(w), norm(v)
    if float(length) == 0.0:
        return torch.zeros_like(alpha)  # a loss that does not depend on the weights: nothing moves
    R = r / length
    (above,) = gradients(loss([p + R * u for p, u in zip(base, v, strict=True)], alpha, train), [alpha])
    (below,) = gradients(loss([p - R * u for p, u in zip(base, v, strict=True)], alpha, train), [alpha])
    return (above - below) / (2 * R)  # brackets around 2 R: without them R would multiply


def unrolled_loss(loss: Loss, w: Sequence[Tensor], alpha: Tensor, train: Any, valid: Any, sgd: SGDState) -> Tensor:
    """L_val(w'(α), α) as a function of alpha, with the graph of the step: what ``second_order`` differentiates."""
    w = leaves(w)
    return loss(sgd.step(w, gradients(loss(w, alpha, train), w, keep=True)), alpha, valid)


def cosine(a: Tensor, b: Tensor) -> float:
    """Cosine of the angle between two gradients; nan if one of them is 0."""
    lengths = float(a.norm()) * float(b.norm())
    return float((a * b).sum()) / lengths if lengths > 0 else float("nan")


def norm(tensors: Sequence[Tensor]) -> Tensor:
    """Euclidean length of a list of tensors taken as one vector."""
    return torch.stack([t.pow(2).sum() for t in tensors]).sum().sqrt()


def gradients(value: Tensor, of: Sequence[Tensor], *, keep: bool = False) -> list[Tensor]:
    """Differentiate; 0 for what the value does not depend on."""
    return list(torch.autograd.grad(value, of, create_graph=keep, materialize_grads=True))


def detached(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Give the same numbers without their history."""
    return [t.detach() for t in tensors]


def leaves(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Give the same numbers without their history, to be differentiated from here on."""
    return [t.detach().requires_grad_() for t in tensors]
