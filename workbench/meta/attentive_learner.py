"""SNAIL: a few-shot task read as a sequence, by causal convolutions that pass on and causal attention that looks up.

Mishra, Rohaninejad, Chen & Abbeel 2018, "A simple neural attentive meta-learner", ICLR, section 3 and figure 2. A task is the
sequence (x_1, y_1), …, (x_K, y_K), (x, ?), and the answer is the output at its end::

    DenseBlock(X, dilation R, D filters)                          kernel 2: positions t − R and t
        return [X, tanh(conv_f(X)) ⊙ σ(conv_g(X))]
    TCBlock(X, D)
        for R = 1, 2, 4, … < T:  X ← DenseBlock(X, R, D)          then the last position has seen all
    AttentionBlock(X, key size d_k, value size d_v)
        q, k, v ← linear maps of X
        return [X, softmax(q kᵀ / √d_k, no look ahead) v]
    SNAIL: attention, TC, attention, TC, attention, linear

Notation
    T            length of the sequence, K + 1
    C            channels; each block adds some
    (n, T, C)    shape of all that passes from block to block

Differences from the paper: two small layers instead of a deep convolutional network before the sequence; 16 filters, keys and
values of 32, instead of 16 to 512; a channel says whether the label is known; several query points of a task, each in a sequence
of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, one_hot, pad

from workbench.events import StepTaken
from workbench.meta.black_box_step import AttentiveStep
from workbench.meta.few_shot_tasks import FewShot
from workbench.meta.maml import HELD_OUT
from workbench.meta.outer_loop import OuterLoop, arrays, drawn, restored
from workbench.meta.prototypes import Classifier
from workbench.meta.sinusoids import Sinusoids

N_JUDGED, N_SHOWN = 5, 5  # points of a sinusoid to judge on, each in a sequence of its own; query points that a report tells


def earlier(x: Tensor, by: int) -> Tensor:
    """Shift (n, T, C) so that position t has what was at t − ``by``; 0 where nothing was."""
    return pad(x, (0, 0, by, 0))[:, :x.shape[1]]


class DenseBlock(nn.Module):
    """A gated causal convolution of kernel 2, beside its input: C -> C + filters channels."""

    def __init__(self, channels: int, dilation: int, filters: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.f, self.g = nn.Linear(2 * channels, filters), nn.Linear(2 * channels, filters)

    def forward(self, x: Tensor) -> Tensor:
        """Compute (n, T, C + filters)."""
        both = torch.cat([earlier(x, self.dilation), x], dim=2)
        gated: Tensor = self.f(both).tanh() * self.g(both).sigmoid()
        return torch.cat([x, gated], dim=2)


class TCBlock(nn.Sequential):
    """Dense blocks of dilations 1, 2, 4, …, after which position T − 1 has seen all T positions."""

    def __init__(self, channels: int, length: int, filters: int) -> None:
        n = math.ceil(math.log2(length))
        super().__init__(*(DenseBlock(channels + i * filters, 2**i, filters) for i in range(n)))
        self.channels = channels + n * filters


class AttentionBlock(nn.Module):
    """Attention of each position on itself and those before, beside its input: C -> C + value channels."""

    def __init__(self, channels: int, key: int, value: int) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(channels, key), nn.Linear(channels, key), nn.Linear(channels, value)
        self.channels = channels + value

    def weights(self, x: Tensor) -> Tensor:
        """Return how much each position looks at each, (n, T, T): rows sum to 1, no look ahead."""
        q, k = self.query(x), self.key(x)
        logits = q @ k.transpose(1, 2) / math.sqrt(k.shape[2])
        ahead = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        seen: Tensor = logits.masked_fill(ahead, -math.inf).softmax(dim=2)
        return seen

    def forward(self, x: Tensor) -> Tensor:
        """Compute (n, T, C + value)."""
        return torch.cat([x, self.weights(x) @ self.value(x)], dim=2)


class Snail(nn.Module):
    """The network.

    Parameters
    ----------
    d, outputs
        Numbers of an example; classes, or 1.
    length
        T, for which the convolutions reach far enough.
    width, filters, key
        Units of the layers before the sequence; filters of a convolution; size of keys and values.
    """

    def __init__(self, d: int, outputs: int, length: int, *, width: int = 64, filters: int = 16, key: int = 32) -> None:
        super().__init__()
        self.outputs = outputs
        self.embed = nn.Sequential(nn.Linear(d, width), nn.ReLU(), nn.Linear(width, width))
        first = AttentionBlock(width + outputs + 1, key, key)
        near = TCBlock(first.channels, length, filters)
        second = AttentionBlock(near.channels, key, key)
        far = TCBlock(second.channels, length, filters)
        self.before = nn.Sequential(first, near, second, far)
        self.last = AttentionBlock(far.channels, key, key)
        self.output = nn.Linear(self.last.channels, outputs)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Answer at each position, (n, T, outputs): examples (n, T, d), labels and a channel "known" (n, T, outputs + 1)."""
        return self.look(x, told)[0]

    def look(self, x: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        """Return the answers, and the weights of the last attention, (n, T, T)."""
        X = self.before(torch.cat([self.embed(x), told], dim=2))
        return self.output(self.last(X)), self.last.weights(X)

    def sequence(self, support_x: Tensor, support_y: Tensor, query_x: Tensor) -> tuple[Tensor, Tensor]:
        """Lay out a sequence for each query point: x (n · Q, K + 1, d), and labels with the channel "known"."""
        n, Q, d = query_x.shape
        if support_y.is_floating_point():
            labels = support_y
        else:
            labels = one_hot(support_y, self.outputs).to(support_x.dtype)
        told = pad(torch.cat([labels, torch.ones_like(labels[:, :, :1])], dim=2), (0, 0, 0, 1))  # nothing is told at the end
        x = torch.cat([support_x.repeat_interleave(Q, dim=0), query_x.reshape(n * Q, 1, d)], dim=1)
        return x, told.repeat_interleave(Q, dim=0)

    def predict(self, support_x: Tensor, support_y: Tensor, query_x: Tensor) -> Tensor:
        """Return logits or values (n, Q, outputs) of the query points."""
        answers: Tensor = self(*self.sequence(support_x, support_y, query_x))[:, -1]
        return answers.view(*query_x.shape[:2], self.outputs)


@dataclass(frozen=True, slots=True)
class AttentiveLearner(OuterLoop):
    """Learn to read the support points of a task and to answer for a query point (SNAIL).

    Parameters
    ----------
    width, filters, key
        See ``Snail``.
    shots
        Points to learn from of a sinusoid; few-shot tasks bring their own.
    """

    iterations: int = 600
    tasks_per_step: int = 32
    outer_rate: float = 2e-3
    report_every: int = 60
    width: int = 64
    filters: int = 16
    key: int = 32
    shots: int = 10

    def __post_init__(self) -> None:
        OuterLoop.__post_init__(self)
        for name in ("width", "filters", "key", "shots"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}.")

    def steps(self, tasks: FewShot | Sinusoids | None = None, *, seed: int = 0) -> Iterator[StepTaken]:
        """Learn; yields a step every ``report_every`` outer steps. ``why.weights`` of the last one are the result.

        Without tasks: sinusoids. "cpu_s" are the CPU seconds of learning alone; what is for looking is not counted.
        """
        tasks = tasks or Sinusoids()
        generator = torch.Generator().manual_seed(seed)
        network = drawn(lambda: self._laid_out(*self._sizes(tasks)), generator)
        learned = tasks if isinstance(tasks, Sinusoids) else replace(tasks, queries=1)  # each query point costs a whole sequence

        def loss() -> Tensor:
            sx, sy, qx, qy = self._episode(learned, self.tasks_per_step, generator)
            out = network.predict(sx, sy, qx)
            return mse_loss(out, qy) if isinstance(tasks, Sinusoids) else cross_entropy(out.flatten(0, 1), qy.flatten())

        for step, metrics in self._descend(network, loss):
            why = self._look(network, tasks, n_tasks=100, seed=seed)
            metrics["held_out_accuracy" if why.classes else "held_out_error"] = why.score
            yield StepTaken(step, metrics, why)

    def network(self, why: AttentiveStep) -> Snail:
        """Return the network of a step."""
        return restored(lambda: self._laid_out(why.n_inputs, why.n_outputs, why.length), why.weights)

    def classifier(self, why: AttentiveStep) -> Classifier:
        """Return what answers with the network of a step: a function of support inputs, labels and query inputs."""
        network = self.network(why)

        def scores(xs: Tensor, ys: Tensor, xq: Tensor) -> Tensor:
            with torch.no_grad():
                return network.predict(xs, ys, xq)

        return scores

    def evaluate(self, why: AttentiveStep, tasks: FewShot | Sinusoids | None = None, *, n_tasks: int = 600,
                 seed: int = 1) -> AttentiveStep:
        """Look at the same network on other held-out tasks: ``score`` is how good it is."""
        return self._look(self.network(why), tasks or Sinusoids(), n_tasks=n_tasks, seed=seed)

    def _laid_out(self, n_inputs: int, n_outputs: int, length: int) -> Snail:
        return Snail(n_inputs, n_outputs, length, width=self.width, filters=self.filters, key=self.key)

    def _sizes(self, tasks: FewShot | Sinusoids) -> tuple[int, int, int]:
        """Return numbers of an example and of an answer, and the length of a sequence."""
        if isinstance(tasks, Sinusoids):
            return 1, 1, self.shots + 1
        return tasks.n_inputs, tasks.ways, tasks.ways * tasks.shots + 1

    def _episode(self, tasks: FewShot | Sinusoids, n: int, generator: torch.Generator, *,
                 held_out: bool = False) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        if not isinstance(tasks, Sinusoids):
            return tasks.episode(n, generator, held_out)
        K = self.shots
        x, y = tasks.sample(n, K + (2 * N_JUDGED if held_out else N_JUDGED), generator)
        return x[:, :K], y[:, :K], x[:, K:], y[:, K:]

    def _look(self, network: Snail, tasks: FewShot | Sinusoids, *, n_tasks: int, seed: int) -> AttentiveStep:
        sx, sy, qx, qy = self._episode(tasks, n_tasks, torch.Generator().manual_seed(HELD_OUT + seed), held_out=True)
        classes = not isinstance(tasks, Sinusoids)
        with torch.no_grad():
            out = network.predict(sx, sy, qx)
            seen = network.look(*network.sequence(sx[:1], sy[:1], qx[:1, :N_SHOWN]))[1][:, -1]
        guesses = out.argmax(dim=2) if classes else out[..., 0]
        right = qy if classes else qy[..., 0]
        score = (guesses == right).double().mean() if classes else ((guesses - right) ** 2).double().mean()
        support = sy[0] if classes else sy[0, :, 0]
        return AttentiveStep(arrays(network), *self._sizes(tasks), classes, float(score), seen.double().numpy(), support.numpy(),
                             right[0, :N_SHOWN].numpy(), guesses[0, :N_SHOWN].numpy())
