"""Network morphisms: change a network, and leave the function that it computes as it is.

Wei, Wang, Rui & Chen 2016, "Network morphism"; Chen, Goodfellow & Shlens 2016, "Net2Net: accelerating learning via
knowledge transfer"; Elsken, Metzen & Hutter 2018, "Simple and efficient architecture search for convolutional neural
networks", section 3.

::

    type I    f̃(x) = A f(x) + b                  A = 1, b = 0       deeper
    type II   f̃(x) = (A Ã) (h(x); h̃(x)) + b      Ã = 0              skip connections, branches, larger kernels
    Net2Net   copy channels; divide what reads them by the number of copies      wider
    type III  f̃ = f ∘ f where f ∘ f = f                             the ReLU that ends a new block

    deeper    W = the identity (a kernel with 1 in its middle), batch norm γ = √(var + ε) and β = mean, then ReLU
    wider     row idx[j] of W becomes row j; column idx[j] of whatever reads it is divided by the number of copies of idx[j]
    concat    new columns of W are 0;   add: ReLU(x + g ⊙ y) with g = 0;   kernel: a rim of zeros

Batch norm has two functions. In evaluation mode it is affine, with the mean and variance that it has collected, and all
morphisms are exact. In training mode it uses the mean and variance of the batch: of the new block of ``deeper`` they
cancel γ and β only if those come from the same batch. So ``deeper`` takes a ``batch`` to measure them on; without one
mean is 0 and variance 1, which preserves the function in evaluation mode alone. All other morphisms preserve it in both
modes.

Notation
--------
=========  ===========================================================================================
``W``      weights of a block: (outputs, inputs, kernel, …);   γ, β: scale and shift of its batch norm
``idx``    for each channel of a widened layer, which old one it copies; the first ones are their own
``count``  for each of them the number of copies of that old channel, itself included
=========  ===========================================================================================

Differences from the papers: the noise that breaks the symmetry of copies stands in the weights that *read* them and sums
to zero over the copies of a channel, so that the function is preserved exactly with it, too (Net2Net adds it to the
copied weights, and changes the function a little). A sum ends with a ReLU, so that every inner layer is never negative,
and ``deeper`` is possible after each; its gate is Elsken's type IV with a weight for each channel, and the old branch's
weight fixed at 1.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.errors import SpaceError
from workbench.nas.net_changes import Merge, Morphism
from workbench.nas.net_plan import Layer, NetPlan

EPS = 1e-5  # of batch norm
MOMENTUM = 0.1  # share of a new batch in the mean and variance that are collected

# The definitions ------------------------------------------------------------------------------------------------------


class TypeI(nn.Module):
    """Network morphism of type I: ``f̃(x) = A f(x) + b``, which is ``f`` as long as A = 1 and b = 0.

    ``f`` is some part of a network, a layer or a subnetwork, with ``width`` numbers along its last axis. A and b can be
    trained, and further functions put behind them.
    """

    def __init__(self, f: nn.Module, width: int) -> None:
        super().__init__()
        self.f = f
        self.A = nn.Parameter(torch.eye(width))
        self.b = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return A f(x) + b."""
        y: Tensor = self.f(x) @ self.A.T + self.b
        return y


class TypeII(nn.Module):
    """Network morphism of type II: ``f̃(x) = (A Ã) (h(x); h̃(x)) + b``, which is ``f`` as long as Ã = 0.

    Parameters
    ----------
    h, A, b
        The part of the network that is replaced, f(x) = A h(x) + b.
    h_new
        The function h̃, an arbitrary one of the same x, with ``n_new`` numbers along its last axis.
    n_new
        Columns of Ã.
    """

    def __init__(self, h: nn.Module, A: Tensor, b: Tensor, h_new: nn.Module, n_new: int) -> None:
        super().__init__()
        self.h, self.h_new = h, h_new
        self.A = nn.Parameter(A.detach().clone())
        self.A_new = nn.Parameter(torch.zeros(len(A), n_new, dtype=A.dtype))  # Ã
        self.b = nn.Parameter(b.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Return (A Ã) (h(x); h̃(x)) + b."""
        both = torch.cat([self.h(x), self.h_new(x)], dim=-1)
        y: Tensor = both @ torch.cat([self.A, self.A_new], dim=1).T + self.b
        return y


def identity(width: int, kernel: int, dims: int) -> Tensor:
    """Give the weights of the convolution that computes the identity, A = 1: (width, width, kernel, …), 1 in the middle."""
    W = torch.zeros(width, width, kernel**dims)
    W[:, :, kernel**dims // 2] = torch.eye(width)
    return W.view(width, width, *(kernel,) * dims)


def with_zeros(A: Tensor, n: int) -> Tensor:
    """Give (A Ã): n further inputs with Ã = 0."""
    return torch.cat([A, A.new_zeros(A.shape[0], n, *A.shape[2:])], dim=1)


# The network ----------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    """Convolution (dims 1 and 2) or matrix (dims 0), batch norm, ReLU. The shift β of the batch norm stands for a bias."""

    mean: Tensor
    var: Tensor

    def __init__(self, shape: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        fan_in = math.prod(shape[1:])
        self.W = nn.Parameter(torch.randn(shape, generator=generator) * math.sqrt(2 / fan_in))  # He et al. 2015, eq. 10
        self.gamma, self.beta = nn.Parameter(torch.ones(shape[0])), nn.Parameter(torch.zeros(shape[0]))
        self.register_buffer("mean", torch.zeros(shape[0]))
        self.register_buffer("var", torch.ones(shape[0]))

    def extra_repr(self) -> str:
        """Say its shape."""
        return f"{' x '.join(map(str, self.W.shape))}: outputs, inputs{', kernel' if self.W.ndim > 2 else ''}"

    def affine(self, x: Tensor) -> Tensor:
        """Return W * x, as many places as before."""
        if self.W.ndim == 2:
            return functional.linear(x, self.W)
        conv = functional.conv1d if self.W.ndim == 3 else functional.conv2d
        return conv(x, self.W, padding=self.W.shape[-1] // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return ReLU(BN(W * x))."""
        z = functional.batch_norm(self.affine(x), self.mean, self.var, self.gamma, self.beta, self.training, MOMENTUM, EPS)
        return functional.relu(z)


class Sum(nn.Module):
    """ReLU(x + g ⊙ y), a gate g for each channel, which begins closed."""

    def __init__(self, width: int, dims: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.zeros(width))
        self._shape = (-1, *(1,) * dims)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Add y through the gate."""
        return functional.relu(x + self.g.view(self._shape) * y)


class Head(nn.Module):
    """Mean over all places, then a linear layer."""

    def __init__(self, shape: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(shape, generator=generator) / math.sqrt(shape[1]))
        self.b = nn.Parameter(torch.zeros(shape[0]))

    def extra_repr(self) -> str:
        """Say its shape."""
        return f"{self.W.shape[0]} x {self.W.shape[1]}: classes, inputs"

    def forward(self, *xs: Tensor) -> Tensor:
        """Return the logits, (n, classes)."""
        return functional.linear(torch.cat([x.flatten(2).mean(2) if x.ndim > 2 else x for x in xs], dim=1), self.W, self.b)


class Pool(nn.Module):
    """The largest of two neighbours along each axis."""

    def forward(self, x: Tensor) -> Tensor:
        """Halve the number of places along each axis."""
        return functional.max_pool1d(x, 2, ceil_mode=True) if x.ndim == 3 else functional.max_pool2d(x, 2, ceil_mode=True)


class MorphNet(nn.Module):
    """A network that follows a plan and can be changed by morphisms.

    Parameters
    ----------
    plan
        Its layers.
    seed
        Of its weights. The global generator of torch is left alone.

    Notes
    -----
    Inputs have their channels last, (n, channels), (n, length, channels) or (n, height, width, channels); outputs are logits
    (n, classes). No morphism changes the network that it is given.
    """

    def __init__(self, plan: NetPlan, *, seed: int = 0) -> None:
        super().__init__()
        self.plan = plan
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleDict({k.name: self._made(k, generator) for k in plan.layers[1:]})

    def _made(self, layer: Layer, generator: torch.Generator) -> nn.Module:
        match layer.kind:
            case "block":
                return Block(self.plan.shape(layer.name), generator)
            case "head":
                return Head(self.plan.shape(layer.name), generator)
            case "add":
                return Sum(layer.width, self.plan.dims)
            case _:
                return Pool()

    def outputs(self, x: Tensor) -> dict[str, Tensor]:
        """Return the output of every layer by name, channels at axis 1."""
        first = self.plan.layers[0]
        if x.ndim != self.plan.dims + 2 or x.shape[-1] != first.width:
            places = {0: "", 1: "length, ", 2: "height, width, "}[self.plan.dims]
            raise SpaceError(f"inputs have shape (n, {places}{first.width}), channels last, got {tuple(x.shape)}.")
        out = {first.name: x.movedim(-1, 1)}
        for layer in self.plan.layers[1:]:
            xs = [out[k] for k in layer.inputs]
            if layer.kind == "block":
                xs = [torch.cat(xs, dim=1) if len(xs) > 1 else xs[0]]
            out[layer.name] = self.layers[layer.name](*xs)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (n, classes)."""
        return self.outputs(x)[self.plan.layers[-1].name]

    @property
    def n_parameters(self) -> int:
        """Count the weights that are trained."""
        return sum(p.numel() for p in self.parameters())

    def block(self, name: str) -> Block:
        """Return a block; SpaceError if that layer is none."""
        self.plan[name]
        found = dict(self.layers.items()).get(name)
        if not isinstance(found, Block):
            blocks = ", ".join(k.name for k in self.plan.layers if k.kind == "block")
            raise SpaceError(f"{name} is no block; blocks are {blocks}.")
        return found


# The morphisms --------------------------------------------------------------------------------------------------------


def deeper(net: MorphNet, at: str, *, kernel: int = 0, batch: Tensor | None = None) -> MorphNet:
    """Put a block that begins as the identity behind a layer: type I with A = 1 and b = 0, batch norm as 1, ReLU by type III.

    Parameters
    ----------
    net, at
        The network, and the layer behind which the block stands; whoever read that layer reads the block.
    kernel
        Of the new block; 3, or 1 for dense layers, if it is 0.
    batch
        Inputs on which mean and variance for its batch norm are measured. With them the function is preserved in training
        mode as well, exactly on this batch and nearly on others; without them in evaluation mode only.
    """
    return apply(net, Morphism("deeper", at, kernel=kernel), batch=batch)


def wider(net: MorphNet, at: str, width: int, *, noise: float = 0.0, seed: int = 0) -> MorphNet:
    """Give a layer more channels by copying some (Net2WiderNet); what reads them is divided by the number of copies.

    Layers that are bound to it by pools and sums are widened alike.

    Parameters
    ----------
    net, at, width
        The network, a layer, and how many channels it shall have.
    noise
        Copies have the same gradients and would stay copies for ever. Noise in the weights that read them breaks the
        symmetry: normal, with this share of those weights' own size (root of the mean square), summing to zero over the
        copies of a channel.
    seed
        Of which channels are copied, and of the noise.
    """
    return apply(net, Morphism("wider", at, width=width), noise=noise, seed=seed)


def skip(net: MorphNet, source: str, at: str, *, merge: Merge = "concat") -> MorphNet:
    """Let an earlier layer's output come to a later one as well: type II with h̃ the way to ``source``, and Ã = 0.

    Parameters
    ----------
    net, source, at
        The network, the earlier and the later layer.
    merge
        "concat": ``at``, a block or the head, reads ``source`` beside what it has read, with weights of zero. "add":
        ``source`` is added to the output of ``at`` through a gate of zeros; both have the same shape.
    """
    return apply(net, Morphism("skip", at, source, merge=merge))


def branch(net: MorphNet, source: str, at: str, *, width: int = 0, kernel: int = 0, merge: Merge = "concat",
           seed: int = 0) -> MorphNet:
    """Let a new block that reads ``source`` come to ``at`` as well: type II with an arbitrary h̃, and Ã = 0.

    Parameters
    ----------
    net, source, at, merge
        As for ``skip``.
    width, kernel
        Of the new block; with merge="add" the width is that of ``at``.
    seed
        Of its weights, which are random.
    """
    return apply(net, Morphism("branch", at, source, width, kernel, merge), seed=seed)


def larger_kernel(net: MorphNet, at: str, kernel: int) -> MorphNet:
    """Give a block a larger kernel, the old one in the middle and zeros around it: type II, h̃ being the further neighbours."""
    return apply(net, Morphism("kernel", at, kernel=kernel))


def apply(net: MorphNet, change: Morphism, *, seed: int = 0, noise: float = 0.0, batch: Tensor | None = None) -> MorphNet:
    """Carry a morphism out; the network itself stays as it is.

    Parameters
    ----------
    net, change
        The network, and what shall be done.
    seed
        Of what is random in it.
    noise
        Breaks the symmetry of copied channels (see ``wider``).
    batch
        Inputs to measure the new batch norm on (see ``deeper``).

    Raises
    ------
    SpaceError
        If the network's plan does not allow it.
    """
    if noise < 0:
        raise SpaceError(f"noise is a share of the weights' size, at least 0, got {noise}. 0 leaves copies equal.")
    plan = change.planned(net.plan)
    new, old = _heir(net, plan, seed), net.state_dict()
    with torch.no_grad():
        match change.kind:
            case "deeper":
                _set_identity(new, change.new_layers(net.plan)[0], net, change.at, batch)
            case "wider":
                _copy_channels(new, old, net.plan, change, noise, torch.Generator().manual_seed(seed))
            case "skip" | "branch" if change.merge == "concat":
                W = old[f"layers.{change.at}.W"]
                _set(new, f"layers.{change.at}.W", with_zeros(W, plan.width_in(change.at) - W.shape[1]))
            case "kernel":
                W = old[f"layers.{change.at}.W"]
                rim = (change.kernel - W.shape[-1]) // 2
                _set(new, f"layers.{change.at}.W", functional.pad(W, (rim, rim) * net.plan.dims))
    return new


def _heir(net: MorphNet, plan: NetPlan, seed: int) -> MorphNet:
    """Make a network of this plan that has the weights of all layers of the same shape."""
    some = next(net.parameters())
    new = MorphNet(plan, seed=seed).to(some.device, some.dtype).train(net.training)
    old = net.state_dict()
    new.load_state_dict({k: old[k] if k in old and old[k].shape == v.shape else v for k, v in new.state_dict().items()})
    return new


def _set(net: MorphNet, name: str, value: Tensor) -> None:
    """Overwrite a parameter or buffer of that name."""
    tensor = net.get_parameter(name) if name in dict(net.named_parameters()) else net.get_buffer(name)
    tensor.copy_(value)


def _set_identity(new: MorphNet, name: str, net: MorphNet, at: str, batch: Tensor | None) -> None:
    """Make a new block the identity, A = 1; its batch norm as well, with the mean and variance of a batch if there is one."""
    block = new.block(name)
    block.W.copy_(identity(len(block.mean), new.plan[name].kernel, new.plan.dims))
    if batch is not None:
        h = copy.deepcopy(net).train().outputs(batch)[at].transpose(0, 1).flatten(1)  # (channels, examples and places)
        block.mean.copy_(h.mean(1))
        block.var.copy_(h.var(1, correction=0))
    block.gamma.copy_((block.var + EPS).sqrt())  # γ = √(var + ε)
    block.beta.copy_(block.mean)


def _copy_channels(new: MorphNet, old: Mapping[str, Tensor], plan: NetPlan, change: Morphism, noise: float,
                   generator: torch.Generator) -> None:
    """Copy random channels of a layer and of all that are bound to it; whoever reads them counts each copy by its share."""
    width, more, group = plan[change.at].width, change.width - plan[change.at].width, plan.tied(change.at)
    idx = torch.cat([torch.arange(width), torch.randint(width, (more,), generator=generator)])  # Net2WiderNet's mapping g
    for layer in plan.layers[1:]:
        weights = {k: old[f"layers.{layer.name}.{k}"] for k in ("W", "gamma", "beta", "mean", "var", "g", "b")
                   if f"layers.{layer.name}.{k}" in old}
        if layer.name in group:
            weights = {k: v[idx] for k, v in weights.items()}
        if layer.kind in ("block", "head") and group & set(layer.inputs):
            parts = torch.split(weights["W"], [plan[k].width for k in layer.inputs], dim=1)
            weights["W"] = torch.cat([_shared(part, idx, noise, generator) if k in group else part
                                      for k, part in zip(layer.inputs, parts, strict=True)], dim=1)
        for k, v in weights.items():
            _set(new, f"layers.{layer.name}.{k}", v)


def _shared(W: Tensor, idx: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    """Copy the columns idx of W, each divided by the number of its copies. Noise sums to zero over them."""
    count = torch.bincount(idx, minlength=W.shape[1])
    count = count.to(W).view(1, -1, *(1,) * (W.ndim - 2))  # along the inputs
    W_new = W[:, idx] / count[:, idx]
    if noise:
        size = W.square().mean().sqrt()
        drawn = noise * size * torch.randn(W_new.shape, generator=generator, dtype=W.dtype)  # ~ N(0, (noise · size)²)
        mean = torch.zeros_like(W).index_add_(1, idx, drawn) / count
        W_new = W_new + drawn - mean[:, idx]
    return W_new


# What became of it ----------------------------------------------------------------------------------------------------


def difference(net: MorphNet, other: MorphNet, x: Tensor, *, mode: Literal["eval", "train"] = "eval") -> float:
    """Return the largest difference of the outputs of two networks on inputs ``x``.

    ``mode`` says what batch norm does: "eval" uses the mean and variance that it has collected, "train" those of ``x``.
    Nothing in the networks changes.
    """
    with torch.no_grad():
        outputs = [copy.deepcopy(n).train(mode == "train")(x) for n in (net, other)]
    return float((outputs[0] - outputs[1]).abs().max())


def copies_apart(net: MorphNet, name: str, pairs: Mapping[int, int]) -> float:
    """Return the largest difference between the incoming weights of copied channels of a block: 0 while copies are copies.

    ``pairs`` says of each copy whose it is, as ``copied`` does.
    """
    W = net.block(name).W.detach()
    return max((float((W[new] - W[old]).abs().max()) for new, old in pairs.items()), default=0.0)


def copied(width: int, wide: int, *, seed: int = 0) -> dict[int, int]:
    """Return which old channel each new one copies when ``wider`` widens with this seed."""
    drawn = torch.randint(width, (wide - width,), generator=torch.Generator().manual_seed(seed))
    return dict(enumerate(drawn.tolist(), start=width))
