"""What a step of DARTS costs at the size of the paper: 8 cells, 16 channels, 8 operations, batches of 64 images of 32 x 32.

A step of the search is one of alpha, of first or second order, and one of the weights; beside it stands a plain training step of
the same super network. Images are random numbers. On a GPU the batch has the paper's 64 images; without one 4, so that a step
takes seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.darts_network import N_EDGES, OPERATIONS, DARTSNetwork
from benchmarks.table import Table, median, ratio

XI, MOMENTUM, DECAY, CLIP = 0.025, 0.9, 3e-4, 5.0


def run(*, full: bool = False) -> list[Table]:
    """Time the steps; medians."""
    import torch
    from torch.func import functional_call
    from torch.nn.functional import cross_entropy

    from workbench.nas.alpha_gradient import SGDState, first_order, gradients, second_order

    device = "cuda" if torch.cuda.is_available() else "cpu"
    batch, repeats = (64, 20) if device == "cuda" else (4, 3 if full else 1)
    torch.manual_seed(0)
    net = DARTSNetwork().to(device)
    names, w = [n for n, _ in net.named_parameters()], [p for _, p in net.named_parameters()]
    alpha = (1e-3 * torch.randn(2, N_EDGES, len(OPERATIONS), device=device)).requires_grad_()
    descent = torch.optim.SGD(w, XI, momentum=MOMENTUM, weight_decay=DECAY)
    adam = torch.optim.Adam([alpha], 3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    train, valid = ((torch.randn(batch, 3, 32, 32, device=device), torch.randint(0, 10, (batch,), device=device)) for _ in "wα")

    def loss(w: Any, alpha: Any, part: Any) -> Any:
        return cross_entropy(functional_call(net, dict(zip(names, w, strict=True)), (part[0], alpha)), part[1])

    def weights() -> None:
        for p, g in zip(w, gradients(loss(w, alpha.detach(), train), w), strict=True):
            p.grad = g
        torch.nn.utils.clip_grad_norm_(w, CLIP)
        descent.step()

    def searched(order: int, hessian: Any = "finite") -> None:
        if order == 1:
            found = first_order(loss, w, alpha, valid)
        else:
            buffers = tuple(descent.state[p]["momentum_buffer"] for p in w)
            found = second_order(loss, w, alpha, train, valid, SGDState(XI, MOMENTUM, DECAY, buffers), hessian=hessian)
        alpha.grad = found.total
        adam.step()
        weights()

    steps: dict[str, Callable[[], None]] = {
        "training step of the super network": weights, "search step, first order": lambda: searched(1),
        "search step, second order (finite)": lambda: searched(2),
        "search step, second order (exact)": lambda: searched(2, "exact")}
    name = torch.cuda.get_device_name() if device == "cuda" else "one CPU process"
    table = Table("darts_step", f"A step of DARTS at the paper's size, {batch} images, {name}",
                  ["step", "milliseconds", "of a training step", "most memory, MB"])
    plain = None
    for label, step in steps.items():
        step()  # what is done once
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        times = []
        for _ in range(repeats):
            began = _now(device)
            step()
            times.append(1000 * (_now(device) - began))
        plain = median(times) if plain is None else plain
        memory = round(torch.cuda.max_memory_allocated() / 1e6) if device == "cuda" else None
        table.rows.append([label, round(median(times)), ratio(median(times), plain), memory])
    table.notes.append(f"{sum(p.numel() for p in w):,} weights, {alpha.numel()} numbers alpha. An epoch of the paper has 390 "
                       "search steps.")
    return [table]


def _now(device: str) -> float:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()
