"""A network with a memory: it reads what is similar and writes where it read least; it learns within an episode, by reading.

Santoro, Bartunov, Botvinick, Wierstra & Lillicrap 2016, "Meta-learning with memory-augmented neural networks", ICML, sections 2
and 3; a Neural Turing machine (Graves, Wayne & Danihelka 2014) without addressing by place. Examples of an episode come one after
the other, each with the label of the one *before*, so a label can only be known of classes that were met. At step t::

    w_lu ← 1 at the row of the smallest w_u, else 0                                        least recently used
    w_w  ← σ(α) w_r + (1 − σ(α)) w_lu                                                       where to write
    M    ← M without the least used row;  M(i) ← M(i) + w_w(i) · row                        what was just learned
    k    ← controller(x_t, y_{t-1}, r)                                                      key
    w_r  ← softmax over i of  β · cos(k, M(i))                                              where to read
    r    ← Σ_i w_r(i) M(i)                                                                  what is read
    w_u  ← γ w_u + w_r + w_w                                                                usage
    logits of y_t ← linear(controller, r)

Notation
    M            memory, N rows
    w_u, w_r, w_w, w_lu    weights of usage, reading, writing, least used; one number for each row
    α, β         gate between overwriting what was just read and taking an unused row; strength of the key
    γ            decay of usage
    T            examples of an episode

Differences from the paper: a row has two parts, the key of an example and its label; it is written one step late, when the label
is there, and only the key part is compared. In the paper the controller has to keep the key for a step, to mix it with the label
and to compare the mixture; so built, at our size and in the same time, it only learned which labels had come up (cross-entropy
1.59 after 450 iterations; guessing is 1.61). The key also has a linear way past the controller. A strength β, as in the Neural
Turing machine: without one, softmax of cosines is nearly flat. One read head instead of four; Adam; 300 steps of 32 episodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, one_hot

from workbench.events import StepTaken
from workbench.meta.black_box_step import MemoryStep
from workbench.meta.few_shot_tasks import FewShot
from workbench.meta.maml import HELD_OUT
from workbench.meta.outer_loop import OuterLoop, arrays, drawn, restored
from workbench.meta.prototypes import Classifier, with_classes


def read_weights(key: Tensor, keys: Tensor, strength: Tensor | float) -> Tensor:
    """Return softmax(β cos(k, M(i))): of a key (n, W) and the keys of the rows (n, N, W), shape (n, N)."""
    cosine = (normalize(keys, dim=2, eps=1e-6) @ normalize(key, dim=1, eps=1e-6)[:, :, None])[:, :, 0]
    return (strength * cosine).softmax(dim=1)


def least_used(usage: Tensor) -> Tensor:
    """Mark the row of the smallest usage, of several the first: (n, N) -> (n, N) of 0 and 1."""
    return one_hot(usage.argmin(dim=1), usage.shape[1]).to(usage.dtype)


def write(memory: Tensor, row: Tensor, weights: Tensor, least: Tensor) -> Tensor:
    """Forget the least used row and add ``row`` (n, W) by its weights (n, N) to the memory (n, N, W)."""
    return memory * (1 - least)[:, :, None] + weights[:, :, None] * row[:, None]


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept from step to step, of n episodes.

    Attributes
    ----------
    rows
        M, (n, N, width + value).
    read_weights, usage
        w_r and w_u, (n, N).
    key
        Key of the last example, (n, width); None before the first.
    value
        What was read last, (n, value).
    hidden
        State of an LSTM controller, (n, hidden) twice.
    """

    rows: Tensor
    read_weights: Tensor
    usage: Tensor
    key: Tensor | None
    value: Tensor
    hidden: tuple[Tensor, Tensor]

    def repeated(self, times: int) -> Memory:
        """Have each episode several times, so that it can go on in several ways."""
        def more(v: Tensor) -> Tensor:
            return v.repeat_interleave(times, dim=0)

        h, c = self.hidden
        return Memory(more(self.rows), more(self.read_weights), more(self.usage), None if self.key is None else more(self.key),
                      more(self.value), (more(h), more(c)))


@dataclass(frozen=True, slots=True)
class Trace:
    """All steps of n episodes.

    Attributes
    ----------
    logits
        Of the label of each example, (n, T, ways).
    read, write, least
        w_r, w_w and the row that was forgotten, (n, T, N).
    value
        What was read, (n, T, V).
    last
        What is kept after the last step.
    """

    logits: Tensor
    read: Tensor
    write: Tensor
    least: Tensor
    value: Tensor
    last: Memory

    def attention(self) -> Tensor:
        """Return how much of what is read at step t comes from the example at step s, (n, T, T).

        Rows are sums of what was written, and reading is a sum of rows; so what is read is exactly the sum of what was written
        of each example, times these numbers.
        """
        n, T, N = self.read.shape
        share = self.read.new_zeros(n, N, T)  # of each row, what was written of each example
        found = self.read.new_zeros(n, T, T)
        for t in range(T):
            if t > 0:
                told = one_hot(torch.tensor(t - 1), T).to(share.dtype).expand(n, T)
                share = write(share, told, self.write[:, t], self.least[:, t])
            found[:, t] = (self.read[:, t, None] @ share)[:, 0]
        return found


class MemoryReader(nn.Module):
    """Controller and memory.

    Parameters
    ----------
    d, ways
        Numbers of an example, classes of an episode.
    hidden
        Units of the controller.
    rows, width, value
        N, and the two parts of a row: key and label.
    decay
        γ.
    controller
        "mlp": one layer; "lstm": with a state of its own.
    """

    def __init__(self, d: int, ways: int, *, hidden: int = 128, rows: int = 32, width: int = 64, value: int = 16,
                 decay: float = 0.95, controller: Literal["mlp", "lstm"] = "mlp") -> None:
        super().__init__()
        self.ways, self.hidden, self.n_rows, self.width, self.n_value, self.decay = ways, hidden, rows, width, value, decay
        inputs = d + ways + value
        self.controller = nn.LSTMCell(inputs, hidden) if controller == "lstm" else nn.Linear(inputs, hidden)
        self.key = nn.Linear(hidden, width)
        self.past = nn.Linear(d, width, bias=False)  # from the example to its key, past the controller
        self.label = nn.Linear(ways, value)
        self.output = nn.Linear(hidden + value, ways)
        self.gate = nn.Parameter(torch.zeros(()))  # α
        self.log_strength = nn.Parameter(torch.zeros(()))  # log β

    def begin(self, strength: float = 10.0) -> None:
        """Set the strength with which learning begins; a weak one averages all rows, and some seeds never leave that."""
        with torch.no_grad():
            self.log_strength.fill_(math.log(strength))

    def empty(self, n: int) -> Memory:
        """Return the memory before the first example of n episodes."""
        zeros = self.gate.new_zeros
        return Memory(zeros(n, self.n_rows, self.width + self.n_value), zeros(n, self.n_rows), zeros(n, self.n_rows), None,
                      zeros(n, self.n_value), (zeros(n, self.hidden), zeros(n, self.hidden)))

    def step(self, x: Tensor, told: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Tensor, Memory]:
        """Take in an example (n, d) and the label of the one before (n, ways), which is 0 at first.

        Returns logits of the example's own label (n, ways), where was written and what forgotten (n, N), and the memory after.
        """
        rows, usage = memory.rows, memory.usage
        least, wrote = least_used(usage), torch.zeros_like(usage)
        if memory.key is None:
            least = torch.zeros_like(usage)  # nothing to write yet
        else:
            gate = self.gate.sigmoid()
            wrote = gate * memory.read_weights + (1 - gate) * least
            rows = write(rows, torch.cat([memory.key, self.label(told).tanh()], dim=1), wrote, least)
        inputs = torch.cat([x, told, memory.value], dim=1)
        if isinstance(self.controller, nn.LSTMCell):
            hidden = self.controller(inputs, memory.hidden)
        else:
            hidden = (self.controller(inputs).relu(), memory.hidden[1])
        h = hidden[0]
        key = (self.key(h) + self.past(x)).tanh()
        read = read_weights(key, rows[:, :, :self.width], self.log_strength.exp())
        value = (read[:, None] @ rows[:, :, self.width:])[:, 0]
        usage = (self.decay * usage + read + wrote).detach()  # only its order matters
        return self.output(torch.cat([h, value], dim=1)), wrote, least, Memory(rows, read, usage, key, value, hidden)

    def forward(self, x: Tensor, y: Tensor) -> Trace:
        """Go through episodes: examples (n, T, d) and labels (n, T), each told one step late."""
        told = one_hot(y, self.ways).to(x.dtype)
        told = torch.cat([torch.zeros_like(told[:, :1]), told[:, :-1]], dim=1)
        memory = self.empty(len(x))
        found = []
        for t in range(x.shape[1]):
            logits, wrote, least, memory = self.step(x[:, t], told[:, t], memory)
            found.append((logits, memory.read_weights, wrote, least, memory.value))
        logits, read, wrote, least, value = (torch.stack(v, dim=1) for v in zip(*found, strict=True))
        return Trace(logits, read, wrote, least, value, memory)

    def predict(self, support_x: Tensor, support_y: Tensor, query_x: Tensor) -> Tensor:
        """Return logits (n, n_query, ways) of examples that each come, alone, right after the support."""
        n, Q, d = query_x.shape
        memory = self.forward(support_x, support_y).last.repeated(Q)
        told = one_hot(support_y[:, -1], self.ways).to(support_x.dtype).repeat_interleave(Q, dim=0)
        return self.step(query_x.reshape(n * Q, d), told, memory)[0].view(n, Q, self.ways)


def sequences(tasks: FewShot, n: int, length: int, generator: torch.Generator, *,
              held_out: bool = False) -> tuple[Tensor, Tensor]:
    """Draw episodes without support and query: examples (n, length, d) in random order, and labels (n, length).

    Twice as many as needed are drawn of each class, so that how often a class was met tells little of what comes next.
    """
    of_each = max(2, -(-2 * length // tasks.ways))
    sx, sy, qx, qy = replace(tasks, shots=1, queries=of_each - 1).episode(n, generator, held_out)
    order = torch.stack([torch.randperm(of_each * tasks.ways, generator=generator)[:length] for _ in range(n)])
    x, y = torch.cat([sx, qx], dim=1), torch.cat([sy, qy], dim=1)
    return x.take_along_dim(order[:, :, None], dim=1), y.gather(1, order)


def instance_numbers(y: Tensor, ways: int) -> Tensor:
    """Count whether an example is the first, second, … of its class: labels (n, T) -> 1, 2, … (n, T)."""
    mine = one_hot(y, ways)
    return (mine.cumsum(dim=1) * mine).sum(dim=2)


@dataclass(frozen=True, slots=True)
class MemoryNetwork(OuterLoop):
    """Learn to write and read a memory.

    Parameters
    ----------
    presentations
        How often a class is met in an episode, on average; accuracy is told up to that number.
    hidden, rows, width, value, decay, controller
        See ``MemoryReader``.
    """

    iterations: int = 300
    tasks_per_step: int = 32
    outer_rate: float = 3e-3
    clip: float = 10.0
    report_every: int = 30
    presentations: int = 5
    hidden: int = 128
    rows: int = 32
    width: int = 64
    value: int = 16
    decay: float = 0.95
    controller: Literal["mlp", "lstm"] = "mlp"

    def __post_init__(self) -> None:
        OuterLoop.__post_init__(self)
        for name in ("hidden", "rows", "width", "value"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}.")
        if self.presentations < 2:
            raise ValueError(f"presentations must be at least 2, got {self.presentations!r}: at the first nothing can be known.")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie between 0 and 1, got {self.decay!r}.")
        if self.controller not in ("mlp", "lstm"):
            raise ValueError(f'controller is "mlp" or "lstm", got {self.controller!r}.')

    def steps(self, tasks: FewShot | None = None, *, seed: int = 0) -> Iterator[StepTaken]:
        """Learn; yields a step every ``report_every`` outer steps. ``why.weights`` of the last one are the result.

        Without tasks: signals. "cpu_s" are the CPU seconds of learning alone; what is for looking is not counted.
        """
        tasks = with_classes(tasks)
        generator = torch.Generator().manual_seed(seed)
        network = drawn(lambda: self._laid_out(tasks.n_inputs, tasks.ways), generator)
        network.begin()
        T = self.presentations * tasks.ways

        def loss() -> Tensor:
            x, y = sequences(tasks, self.tasks_per_step, T, generator)
            return cross_entropy(network(x, y).logits.flatten(0, 1), y.flatten())

        for step, metrics in self._descend(network, loss):
            why = self._look(network, tasks, n_tasks=200, seed=seed)
            metrics["first_accuracy"], metrics["held_out_accuracy"] = float(why.by_instance[0]), float(why.by_instance[-1])
            yield StepTaken(step, metrics, why)

    def network(self, why: MemoryStep) -> MemoryReader:
        """Return the network of a step."""
        return restored(lambda: self._laid_out(why.n_inputs, why.ways), why.weights)

    def classifier(self, why: MemoryStep) -> Classifier:
        """Return what tells classes with the network of a step: a function of support inputs, labels and query inputs."""
        network = self.network(why)

        def scores(xs: Tensor, ys: Tensor, xq: Tensor) -> Tensor:
            with torch.no_grad():
                return network.predict(xs, ys, xq)

        return scores

    def evaluate(self, why: MemoryStep, tasks: FewShot | None = None, *, n_tasks: int = 600, seed: int = 1) -> MemoryStep:
        """Look at the same network on other held-out episodes: ``by_instance`` is how good it is."""
        return self._look(self.network(why), with_classes(tasks), n_tasks=n_tasks, seed=seed)

    def _laid_out(self, n_inputs: int, ways: int) -> MemoryReader:
        return MemoryReader(n_inputs, ways, hidden=self.hidden, rows=self.rows, width=self.width, value=self.value,
                            decay=self.decay, controller=self.controller)

    def _look(self, network: MemoryReader, tasks: FewShot, *, n_tasks: int, seed: int) -> MemoryStep:
        generator = torch.Generator().manual_seed(HELD_OUT + seed)
        x, y = sequences(tasks, n_tasks, self.presentations * tasks.ways, generator, held_out=True)
        with torch.no_grad():
            trace = network(x, y)
        guesses, number = trace.logits.argmax(dim=2), instance_numbers(y, tasks.ways)
        right = (guesses == y).double()
        by = np.array([float(right[number == k].mean()) for k in range(1, self.presentations + 1)])
        attention = trace.attention()[0].double().numpy()
        return MemoryStep(arrays(network), tasks.n_inputs, tasks.ways, by, attention, y[0].numpy(), guesses[0].numpy())
