"""What the gradient through a whole training costs beside the training alone, with and without checkpoints.

A network of 40 - 32 - 10 units with tanh on signals, batches of 64, SGD with momentum; tuned are learning rate, momentum, weight
decay by layer and the strength of noise. The training alone is the same code without graphs; that it is no slow one, the same
training by PyTorch's optimiser tells. Memory is what is held at a time: graphs (``saved_tensors_hooks``; a storage that is saved
twice counts once) and kept states.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.table import Table, median

HORIZONS = (50, 200, 800)


def run(*, full: bool = False) -> list[Table]:
    """Time trainings and gradients in turn; medians of ratios."""
    from workbench.gradient import mlp_on_signals
    from workbench.gradient.through_training import unrolled

    table = Table("hypergradient", "A hypergradient through the whole training beside the training alone",
                  ["inner steps", "training alone, ms", "by torch.optim.SGD, ms",
                   "checkpoints: times as long", "no checkpoints: times as long",
                   "one step a segment: times as long", "checkpoints: MB", "no checkpoints: MB", "one step a segment: MB"])
    repeats = 15 if full else 7
    for T in (*HORIZONS, 3200) if full else HORIZONS:
        training = mlp_on_signals(["lr", "momentum", "weight_decay", "noise"], horizon=T).training(0)
        values = training.values(training.coordinates())
        ways = {"checkpoints": None, "all": T, "each": 1}
        plain, pytorch, times = list[float](), list[float](), {way: list[float]() for way in ways}
        for _ in range(repeats + 1):
            plain.append(_seconds(partial(training.train, values)))
            pytorch.append(_seconds(partial(_by_pytorch, training, values)))
            for way, segment in ways.items():
                times[way].append(_seconds(partial(unrolled, training, values, segment=segment)))
        ratios = [round(median(b / a for a, b in zip(plain[1:], times[way][1:], strict=True)), 2) for way in ways]
        memory = [round(_held(training, values, segment or math.isqrt(T - 1) + 1, T) / 1e6, 2) for segment in ways.values()]
        table.rows.append([T, round(1000 * median(plain[1:]), 1), round(1000 * median(pytorch[1:]), 1), *ratios, *memory])
    table.notes.append(f"CPU times, {repeats} interleaved repetitions, one thread. Goal: under 6 times at 200 inner steps. "
                       "Segments with checkpoints have √T steps.")
    return [table]


def _seconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _by_pytorch(training: Any, values: Any) -> None:
    """Train the same network with PyTorch's optimiser; weight decay by layer as groups of parameters."""
    import torch

    w = [p.clone().requires_grad_() for p in training.parts(training.start().w)]
    decays = values["weight_decay"].repeat_interleave(2).tolist()
    groups = [{"params": [p], "weight_decay": d} for p, d in zip(w, decays, strict=True)]
    descent = torch.optim.SGD(groups, lr=float(values["lr"]), momentum=float(values["momentum"]))
    for t in range(training.problem.horizon):
        descent.zero_grad()
        torch.autograd.backward(training.problem.inner(tuple(w), values, training.batch(t)))
        descent.step()


def _held(training: Any, values: Any, segment: int, T: int) -> int:
    """Largest number of bytes in graphs, and bytes of the states at the beginnings of segments."""
    import torch

    from workbench.gradient.through_training import unrolled

    held: dict[int, tuple[int, int]] = {}
    now = most = 0

    class Held:
        def __init__(self, tensor: Any) -> None:
            nonlocal now, most
            self.tensor, storage = tensor, tensor.untyped_storage()
            self.key, self.size = storage.data_ptr(), storage.nbytes()
            n, _ = held.get(self.key, (0, 0))
            held[self.key] = (n + 1, self.size)
            now += self.size if n == 0 else 0
            most = max(most, now)

        def __del__(self) -> None:
            nonlocal now
            n, size = held[self.key]
            held[self.key] = (n - 1, size)
            now -= size if n == 1 else 0

    with torch.autograd.graph.saved_tensors_hooks(Held, lambda h: h.tensor):
        unrolled(training, values, segment=segment)
    states = -(-T // segment) * sum(t.nbytes for t in training.start())
    return most + states
