"""A learned update rule: an LSTM whose cell state is the weights of another network.

Ravi & Larochelle 2017, "Optimization as a model for few-shot learning", ICLR, section 3. A step of gradient descent (eq. 1) has
the form of the update of an LSTM's cell (eq. 2)::

    θ_t = θ_{t-1} − α_t ∇L_t                                  gradient descent                                          (eq. 1)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t                           an LSTM: the same, if c = θ, f = 1, i = α, c̃ = −∇L         (eq. 2)
    i_t = σ(W_I [a_t, θ_{t-1}, i_{t-1}] + b_I)                learned: a rate for each weight and each step
    f_t = σ(W_F [a_t, θ_{t-1}, f_{t-1}] + b_F)                learned: how much of the weight to keep
    a_t = LSTM([∇L_t, L_t])                                   first of the two layers; ∇L_t and L_t preprocessed:
    v  → (log |v| / p, sign v)  if |v| ≥ e⁻ᵖ,  else (−1, eᵖ v),  p = 10                    (Andrychowicz et al. 2016, appendix A)

and W, b, the LSTM and the initial weights θ_0 are learned from the loss of θ_T on other points of the same task::

    repeat   draw tasks; for each: θ_1 … θ_T on the points to adapt on (support)                        (algorithm 1, lines 4-9)
             a step of Adam on the mean loss of θ_T on the points to judge on (query)                   (line 12)

All weights of the base-learner share one meta-learner (its parameters, not its state), so it can be small.

Notation
    θ, P         weights of the base-learner in one row, and their number
    T            inner steps
    f, i         forget gate and input gate, one number for each weight of each task at each step
    order        1 takes the gradients and losses that it reads as constants, as in the paper (section 3.4);
                 2 differentiates through them

Differences from the paper: a small fully connected base-learner without batch norm instead of four convolutions; all support
points in each step; input gates start at σ(b_I) = ``initial_rate`` (published code: 0.007 … 0.018, for more steps), forget gates
at σ(b_F) = 0.993 (published code: 0.982 … 0.998); 10 units in the first layer instead of 20; many tasks in an outer
step, not one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from workbench.events import StepTaken
from workbench.meta.black_box_step import UpdateRule
from workbench.meta.few_shot_tasks import FewShot
from workbench.meta.maml import HELD_OUT
from workbench.meta.outer_loop import OuterLoop, arrays, drawn, restored
from workbench.meta.prototypes import Classifier
from workbench.meta.sinusoids import Sinusoids
from workbench.meta.small_network import SmallNetwork

Losses = Callable[[Tensor, Tensor, Tensor], Tensor]  # θ (n_tasks, P), x and y of each task -> losses (n_tasks,)
KEPT = 5.0  # b_F at first


@dataclass(frozen=True, slots=True)
class Path:
    """What the meta-learner did to the weights of some tasks: θ_0 … θ_T, gates of each step, support losses before each step."""

    theta: list[Tensor]
    forget: list[Tensor]
    rate: list[Tensor]
    loss: list[Tensor]


def preprocess(v: Tensor, p: float = 10.0) -> Tensor:
    """Turn numbers of any size into two of moderate size each (Andrychowicz et al. 2016, appendix A): (...,) -> (..., 2)."""
    size = v.abs()
    big = size >= math.exp(-p)
    log = size.clamp(min=math.exp(-p)).log() / p  # never of 0, whose derivative would be nan even where it is not used
    return torch.stack([torch.where(big, log, -1.0), torch.where(big, v.sign(), math.exp(p) * v)], dim=-1)


def cell(theta: Tensor, gradient: Tensor, forget: Tensor, rate: Tensor) -> Tensor:
    """Update the cell state: f ⊙ θ + i ⊙ (−∇L)  (eq. 2)."""
    return forget * theta - rate * gradient


class MetaLSTM(nn.Module):
    """The meta-learner of base-learners with P weights.

    Parameters
    ----------
    n_weights
        P.
    hidden
        Units of the first layer.
    """

    def __init__(self, n_weights: int, hidden: int = 20) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(n_weights))  # θ_0
        self.lstm = nn.LSTMCell(4, hidden)
        self.forget = nn.Linear(hidden + 2, 1)
        self.rate = nn.Linear(hidden + 2, 1)

    def begin(self, start: Tensor, initial_rate: float) -> None:
        """Make it gradient descent from ``start`` at first, nearly."""
        with torch.no_grad():
            self.start.copy_(start)
            for gate, bias in ((self.forget, KEPT), (self.rate, math.log(initial_rate / (1 - initial_rate)))):
                gate.weight.mul_(0.01)
                gate.bias.fill_(bias)

    def adapt(self, losses: Losses, x: Tensor, y: Tensor, *, steps: int, order: Literal[1, 2] = 1) -> Path:
        """Learn n tasks from x and y, shape (n, points, …), in some steps."""
        n, P = len(x), len(self.start)
        theta = self.start.expand(n, P)
        h = c = self.start.new_zeros(n * P, self.lstm.hidden_size)
        f, i = self.start.new_ones(n, P), self.start.new_zeros(n, P)
        path = Path([theta], [], [], [])
        for _ in range(steps):
            loss, gradient = _gradient(losses, theta, x, y, order)
            read = torch.cat([preprocess(gradient), preprocess(loss)[:, None].expand(n, P, 2)], dim=2)  # (n, P, 4)
            h, c = self.lstm(read.view(n * P, 4), (h, c))
            a = h.view(n, P, -1)
            i = self.rate(torch.cat([a, theta[..., None], i[..., None]], dim=2)).sigmoid()[..., 0]
            f = self.forget(torch.cat([a, theta[..., None], f[..., None]], dim=2)).sigmoid()[..., 0]
            theta = cell(theta, gradient, f, i)
            for kept, new in ((path.theta, theta), (path.forget, f), (path.rate, i), (path.loss, loss)):
                kept.append(new)
        return path


def _gradient(losses: Losses, theta: Tensor, x: Tensor, y: Tensor, order: Literal[1, 2]) -> tuple[Tensor, Tensor]:
    """Return the loss of each task, (n,), and its gradient, (n, P); constants if order is 1 or nobody asks for derivatives."""
    constant = order == 1 or not torch.is_grad_enabled()
    with torch.enable_grad():
        at = theta.detach().requires_grad_() if constant else theta
        loss = losses(at, x, y)
        gradient, = torch.autograd.grad(loss.sum(), at, create_graph=not constant)
    return (loss.detach(), gradient) if constant else (loss, gradient)


@dataclass(frozen=True, slots=True)
class BaseLearner:
    """A small network for each of many tasks, with all weights of a task in a row θ of P numbers."""

    network: SmallNetwork
    classes: bool

    @property
    def n_weights(self) -> int:
        """P."""
        return sum((n + 1) * m for n, m in zip(self.network.sizes, self.network.sizes[1:], strict=False))

    def start(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw θ."""
        return torch.cat([w.flatten() for w in self.network.start(generator, dtype)])

    def outputs(self, theta: Tensor, x: Tensor) -> Tensor:
        """Compute the outputs (n_tasks, points, outputs) of inputs (n_tasks, points, inputs)."""
        weights, at = [], 0
        for n, m in zip(self.network.sizes, self.network.sizes[1:], strict=False):
            weights += [theta[:, at:at + n * m].view(-1, n, m), theta[:, None, at + n * m:at + (n + 1) * m]]
            at += (n + 1) * m
        return self.network(weights, x)

    def losses(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean cross-entropy or squared error of each task, (n_tasks,)."""
        out = self.outputs(theta, x)
        if self.classes:
            return cross_entropy(out.transpose(1, 2), y, reduction="none").mean(dim=1)
        return ((out - y) ** 2).mean(dim=(1, 2))


@dataclass(frozen=True, slots=True)
class LSTMLearner(OuterLoop):
    """Learn an update rule and initial weights for a small network.

    Parameters
    ----------
    inner_steps
        T.
    hidden
        Units of the first layer of the meta-learner.
    base
        Units between inputs and outputs of the base-learner.
    initial_rate
        Where the input gates start.
    order
        1 takes what the meta-learner reads for constants, as in the paper; 2 differentiates through it.
    shots
        Points to adapt on of a sinusoid, and as many to judge on; few-shot tasks bring their own.
    """

    iterations: int = 600
    tasks_per_step: int = 8
    outer_rate: float = 3e-3
    inner_steps: int = 5
    hidden: int = 10
    base: tuple[int, ...] = (16,)
    initial_rate: float = 0.1
    order: Literal[1, 2] = 1
    shots: int = 10

    def __post_init__(self) -> None:
        OuterLoop.__post_init__(self)
        for name in ("inner_steps", "hidden", "shots"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}.")
        if not 0 < self.initial_rate < 1:
            raise ValueError(f"initial_rate must lie between 0 and 1, got {self.initial_rate!r}: an input gate is a sigmoid.")
        if self.order not in (1, 2):
            raise ValueError(f"order is 1 or 2, got {self.order!r}. 2 differentiates through what is read, 1 does not.")

    def steps(self, tasks: FewShot | Sinusoids | None = None, *, seed: int = 0) -> Iterator[StepTaken]:
        """Learn; yields a step every ``report_every`` outer steps. Without tasks: sinusoids.

        "cpu_s" are the CPU seconds of learning alone; what is for looking is not counted.
        """
        tasks = tasks or Sinusoids()
        generator = torch.Generator().manual_seed(seed)
        base = (self._base(1, 1, classes=False) if isinstance(tasks, Sinusoids) else
                self._base(tasks.n_inputs, tasks.ways, classes=True))
        meta = drawn(lambda: MetaLSTM(base.n_weights, self.hidden), generator)
        meta.begin(base.start(generator), self.initial_rate)

        def loss() -> Tensor:
            xs, ys, xq, yq = self._episode(tasks, self.tasks_per_step, generator)
            path = meta.adapt(base.losses, xs, ys, steps=self.inner_steps, order=self.order)
            return base.losses(path.theta[-1], xq, yq).mean()

        for step, metrics in self._descend(meta, loss):
            why = self._look(meta, base, tasks, n_tasks=100, seed=seed)
            metrics |= {"before": float(why.loss[0]), "after": float(why.loss[-1])}
            if base.classes:
                metrics["held_out_accuracy"] = float(why.accuracy[-1])
            yield StepTaken(step, metrics, why)

    def classifier(self, why: UpdateRule) -> Classifier:
        """Return what learns with the rule of a step: a function of support inputs, labels and query inputs."""
        meta, base = self._restored(why)

        def scores(xs: Tensor, ys: Tensor, xq: Tensor) -> Tensor:
            with torch.no_grad():
                return base.outputs(meta.adapt(base.losses, xs, ys, steps=self.inner_steps).theta[-1], xq)

        return scores

    def evaluate(self, why: UpdateRule, tasks: FewShot | Sinusoids | None = None, *, n_tasks: int = 600,
                 seed: int = 1) -> UpdateRule:
        """Look at the same rule on other held-out tasks: ``accuracy[-1]`` or ``loss[-1]`` is how good it is."""
        return self._look(*self._restored(why), tasks or Sinusoids(), n_tasks=n_tasks, seed=seed)

    def _restored(self, why: UpdateRule) -> tuple[MetaLSTM, BaseLearner]:
        base = self._base(why.n_inputs, why.n_outputs, classes=len(why.accuracy) > 0)
        return restored(lambda: MetaLSTM(base.n_weights, self.hidden), why.weights), base

    def _base(self, n_inputs: int, n_outputs: int, *, classes: bool) -> BaseLearner:
        """Lay out the base-learner: tanh for waves, which are smooth."""
        return BaseLearner(SmallNetwork((n_inputs, *self.base, n_outputs), "relu" if classes else "tanh"), classes)

    def _episode(self, tasks: FewShot | Sinusoids, n: int, generator: torch.Generator, *,
                 held_out: bool = False) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        if not isinstance(tasks, Sinusoids):
            return tasks.episode(n, generator, held_out)
        K = self.shots
        x, y = tasks.sample(n, K + (100 if held_out else K), generator)
        return x[:, :K], y[:, :K], x[:, K:], y[:, K:]

    def _look(self, meta: MetaLSTM, base: BaseLearner, tasks: FewShot | Sinusoids, *, n_tasks: int, seed: int) -> UpdateRule:
        generator = torch.Generator().manual_seed(HELD_OUT + seed)
        xs, ys, xq, yq = self._episode(tasks, n_tasks, generator, held_out=True)
        with torch.no_grad():
            path = meta.adapt(base.losses, xs, ys, steps=self.inner_steps)
            loss = [float(base.losses(theta, xq, yq).mean()) for theta in path.theta]
            guesses = [base.outputs(theta, xq).argmax(dim=2) for theta in path.theta] if base.classes else []
        right = [float((guess == yq).double().mean()) for guess in guesses]
        forget, rate = (np.stack([np.quantile(g.numpy(), (0.1, 0.5, 0.9)) for g in gates]) for gates in (path.forget, path.rate))
        sizes = base.network.sizes
        return UpdateRule(arrays(meta), sizes[0], sizes[-1], np.array(loss), np.array(right), forget, rate)
