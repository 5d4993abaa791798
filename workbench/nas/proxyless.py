"""ProxylessNAS: two paths are drawn on each edge, and one of them becomes more probable at the cost of the other.

Cai, Zhu & Han 2019, "ProxylessNAS: direct neural architecture search on target task and hardware", ICLR, sections 3.1 to 3.3.

::

    p = softmax(α) per edge;  a gate g is one-hot, drawn by p, so only one operation is in memory
    weights   draw gates, step of w on a training batch
    alpha     draw two operations of each edge by p, without replacement; p̃ = p of these two, scaled to sum 1
              draw the gate g by p̃;  ∂L/∂g_j = ⟨∂L/∂x, o_j⟩ for both, on a batch of the other half
              ∂L/∂α_i ≈ Σ_j ∂L/∂g_j p̃_j (δ_ij − p̃_i)                                             (eq. 4)
              step of Adam, then one number added to both α, so that all other probabilities are what they were
    latency   E[latency] = Σ_edges Σ_j p_j F(o_j),   ∂/∂p_j = F(o_j): it joins ∂L/∂g_j               (eq. 5, 6)

Notation
    alpha, p     architecture parameters and probabilities, (n_edges, n_operations)
    gates        1 for the operation that is used, 0 for the others
    F            latency of an operation

The gradient is that of the expected loss where the loss is linear in the gates; else it is an approximation, as in BinaryConnect.

Differences from the paper: small cells, networks and learning rates as in ``darts``. Latencies are scaled by that of a cell whose
edges all have the slowest operation, so that ``latency_weight`` has no unit. The paper predicts that of each layer; here it is
given, or measured, once for each operation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from time import process_time

import torch
from torch import Tensor

from workbench.events import StepTaken
from workbench.nas.alpha_gradient import gradients
from workbench.nas.bilevel import Batch, Bilevel, BilevelSettings, array, check_epochs
from workbench.nas.cells import NANO, CellSpace
from workbench.nas.data import Data
from workbench.nas.derivation import strongest
from workbench.nas.gdas import N_JUDGED, active_of, drawn_loss
from workbench.nas.relaxed_steps import PathStep
from workbench.nas.supernet import Supernet

SETTINGS = BilevelSettings(alpha_lr=5e-2, alpha_betas=(0.0, 0.999), alpha_decay=0.0)


def drawn_gates(p: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one operation of each edge by its probability, as one-hot rows."""
    return torch.zeros_like(p).scatter(-1, torch.multinomial(p, 1, generator=generator), 1.0)


def two_paths(p: Tensor, generator: torch.Generator) -> Tensor:
    """Draw two operations of each edge by their probabilities, without replacement; columns, (n_edges, 2)."""
    return torch.multinomial(p, 2, generator=generator)


def path_gradient(p: Tensor, by_gates: Tensor) -> Tensor:
    """∂L/∂α_i ≈ Σ_j ∂L/∂g_j p_j (δ_ij − p_i) for each row (eq. 4).

    Parameters
    ----------
    p
        Probabilities of the paths that take part, (…, k); rows sum to 1.
    by_gates
        ∂L/∂g of the same paths, (…, k).
    """
    return p * (by_gates - (p * by_gates).sum(dim=-1, keepdim=True))


def rescaled(old: Tensor, new: Tensor) -> Tensor:
    """Add one number to each row of ``new``, so that the paths together are as probable as with ``old``."""
    return new + old.logsumexp(dim=-1, keepdim=True) - new.logsumexp(dim=-1, keepdim=True)


@dataclass(frozen=True, slots=True)
class ProxylessNAS:
    """Path-level search with binary gates, and with latency in the loss.

    Parameters
    ----------
    epochs
        Passes over the half of the training part that trains the weights.
    latency
        Latency of each operation, such as ``{"conv3": 2.0, "pool3": 1.0, …}`` in any unit, or "measured" to time them on this
        machine (milliseconds of CPU for a batch; so the same seed need not give the same search). None leaves latency out.
    latency_weight
        λ₂: what a cell of the slowest operations alone would add to the loss.
    none
        Whether "none" may be kept on an edge.
    settings
        Numbers of both optimisers. ``alpha_betas`` begins with 0, or Adam's momentum would move paths that were not drawn.
    """

    epochs: int = 20
    latency: Mapping[str, float] | str | None = None
    latency_weight: float = 0.1
    none: bool = False
    settings: BilevelSettings = field(default_factory=lambda: SETTINGS)

    def __post_init__(self) -> None:
        check_epochs(self.epochs)
        if isinstance(self.latency, str) and self.latency != "measured":
            raise ValueError(f"latency is a number for each operation, 'measured' or None, got {self.latency!r}.")
        if self.latency_weight < 0:
            raise ValueError(f"latency_weight must not be negative, got {self.latency_weight}. Slow cells would be rewarded.")
        if self.settings.alpha_betas[0] != 0 or self.settings.alpha_decay != 0:
            raise ValueError("ProxylessNAS moves only the two paths that were drawn, so alpha_betas begins with 0 and "
                             f"alpha_decay is 0; got {self.settings.alpha_betas} and {self.settings.alpha_decay}.")

    @property
    def n_steps(self) -> int:
        """How many steps it takes: one for each epoch."""
        return self.epochs

    def steps(self, data: Data, *, cells: CellSpace = NANO, seed: int = 0) -> Iterator[StepTaken]:
        """Search; yields a step after each epoch. ``why`` of the last one is the result."""
        search = Bilevel(data, cells, self.settings, seed)
        return self._steps(search, self._latencies(search))

    def _latencies(self, search: Bilevel) -> Tensor:
        """F of each operation, (n_operations,); zeros without a latency."""
        operations = search.cells.operations
        if self.latency is None:
            return torch.zeros(len(operations))
        told: Mapping[str, float] = (measured_latencies(search.net, self.settings.batch_size) if isinstance(self.latency, str)
                                     else self.latency)
        missing = [o for o in operations if o not in told]
        if missing or any(told[o] < 0 for o in operations):
            raise ValueError(f"latency holds a number of at least 0 for each of {', '.join(operations)}; got {dict(told)!r}.")
        return torch.tensor([float(told[o]) for o in operations])

    def _steps(self, search: Bilevel, F: Tensor) -> Iterator[StepTaken]:
        cpu_s = 0.0
        for epoch in range(self.epochs):
            began = process_time()
            search.set_rate(epoch / self.epochs)
            drawn = torch.zeros_like(search.alpha.detach())
            losses = []
            for train, valid in search.pairs():
                gates = drawn_gates(search.alpha.detach().softmax(dim=-1), search.generator)
                losses.append(search.step_weights(drawn_loss(search, train, gates)))
                drawn += gates + self.move_paths(search, valid, F)
            cpu_s += process_time() - began
            yield self._step(epoch + 1, search, F, drawn, {"cpu_s": cpu_s, "train_loss": sum(losses) / len(losses)})

    def move_paths(self, search: Bilevel, batch: Batch, F: Tensor) -> Tensor:
        """Draw two paths of each edge and take a step of Adam on their alphas; returns the gates that were drawn."""
        old = search.alpha.detach().clone()
        paths = two_paths(old.softmax(dim=-1), search.generator)                                  # (n_edges, 2)
        p = old.gather(-1, paths).softmax(dim=-1)                                                 # p̃
        active = drawn_gates(p, search.generator)
        gates = torch.zeros_like(old).scatter(-1, paths, active).requires_grad_()
        both = active_of(search.cells, torch.zeros_like(old).scatter(-1, paths, 1.0))
        (by_gates,) = gradients(search.loss_of(search.w, batch, gates, both), [gates])
        slowest = float(F.max()) * len(old)
        if slowest > 0:
            by_gates = by_gates + self.latency_weight * F / slowest                               # eq. 6
        search.step_alpha(torch.zeros_like(old).scatter(-1, paths, path_gradient(p, by_gates.gather(-1, paths))))
        with torch.no_grad():
            new = rescaled(old.gather(-1, paths), search.alpha.gather(-1, paths))
            search.alpha.scatter_(-1, paths, new)
        return gates.detach()

    def _step(self, step: int, search: Bilevel, F: Tensor, drawn: Tensor, metrics: dict[str, float]) -> StepTaken:
        p = search.alpha.detach().softmax(dim=-1)
        chosen = strongest(array(p), search.cells, none=self.none)
        draws = [search.accuracy(drawn_gates(p, search.generator)) for _ in range(N_JUDGED)]
        accuracy, valid_loss = (sum(d[k] for d in draws) / N_JUDGED for k in (0, 1))
        discrete, latency = search.accuracy_of(chosen), float((p * F).sum())
        why = PathStep(array(p), search.cells.edges, search.cells.operations, chosen, array(search.alpha), 1.0, accuracy,
                       discrete, array(drawn), latency, tuple(F.tolist()))
        more = {"latency": latency} if self.latency is not None else {}
        return StepTaken(step, {**metrics, "valid_loss": valid_loss, "valid_accuracy": accuracy, "discrete_accuracy": discrete,
                                **more}, why)


def measured_latencies(net: Supernet, batch_size: int = 64, *, repeats: int = 7) -> dict[str, float]:
    """Time each operation: CPU milliseconds of a batch through a network with it on the first edge, above one with "skip" there.

    Medians of several passes, at least 0. The other edges into later nodes carry "skip", so that only one operation differs.
    """
    cells = net.cells
    plain = "skip" if "skip" in cells.operations else cells.operations[0]
    x = torch.zeros((batch_size, *net.data_shape), dtype=net.bias.dtype)

    def milliseconds(operation: str) -> float:
        architecture = (operation, *[plain] * (len(cells.edges) - 1))
        times = []
        with torch.no_grad():
            for _ in range(repeats):
                began = process_time()
                net.forward_one(x, architecture)
                times.append(1000 * (process_time() - began))
        return median(times)

    milliseconds(plain)  # the first pass is slower
    base = milliseconds(plain)
    return {o: 0.0 if o in {"none", "skip"} else max(milliseconds(o) - base, 0.0) for o in cells.operations}
