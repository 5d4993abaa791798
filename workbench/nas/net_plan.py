"""The plan of a network that can be changed: its layers and where each has its inputs from, as plain data.

A network is a directed graph of five kinds of layers, in the order in which they are computed::

    input   the data
    block   convolution (or dense) → batch norm → ReLU, of its inputs side by side (concatenated)
    pool    the largest of 2 (or 2 x 2) neighbours
    add     ReLU(x + g ⊙ y): its second input through a gate g, one number for each channel
    head    mean over all places of its inputs, side by side → linear

All but input and head are never negative, since each ends with a ReLU or the largest of such; so a further ReLU changes
nothing.

This module knows no torch: pictures and events hold plans. ``workbench.nas.morphism`` gives them weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Literal

from workbench.errors import SpaceError
from workbench.nas.graph import Graph, GraphEdge, GraphNode

Kind = Literal["input", "block", "pool", "add", "head"]
N_INPUTS = {"input": (0, 0), "block": (1, 99), "pool": (1, 1), "add": (2, 2), "head": (1, 99)}  # fewest and most


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer.

    Attributes
    ----------
    name
        Its name in the plan.
    kind
        "input", "block", "pool", "add" or "head".
    inputs
        Names of the layers that it reads.
    width
        How many channels (or units) it gives.
    kernel
        Neighbours along each axis that a block reads; odd, and 1 for a dense one.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    width: int
    kernel: int = 1


@dataclass(frozen=True)
class NetPlan:
    """Layers in the order in which they are computed.

    Parameters
    ----------
    dims
        0 for points (dense layers), 1 for signals, 2 for images.
    layers
        The first is the only input, the last the only head.

    Raises
    ------
    SpaceError
        If the layers do not fit together.
    """

    dims: int
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if self.dims not in (0, 1, 2):
            raise SpaceError(f"dims is 0 (points), 1 (signals) or 2 (images), got {self.dims!r}.")
        kinds = [layer.kind for layer in self.layers]
        if len(kinds) < 2 or kinds[0] != "input" or kinds[-1] != "head" or kinds.count("input") + kinds.count("head") != 2:
            raise SpaceError(f"a plan begins with its one input and ends with its one head, got {kinds}.")
        known: dict[str, int] = {}  # how often each has been halved
        for layer in self.layers:
            known[layer.name] = self._checked(layer, known)

    def _checked(self, layer: Layer, known: Mapping[str, int]) -> int:
        """Return how often a layer's places have been halved; SpaceError if it does not fit the layers before it."""
        name, kind = layer.name, layer.kind
        if not name.isidentifier() or name in known:
            raise SpaceError(f"layers have different names, each like b1 or pool, got {name!r} among {[*known]}.")
        strangers = [k for k in layer.inputs if k not in known]
        if strangers:
            raise SpaceError(f"{name} reads {strangers}, which does not stand before it. Order layers as they are computed.")
        low, high = N_INPUTS[kind]
        if not low <= len(layer.inputs) <= high or len(set(layer.inputs)) < len(layer.inputs):
            raise SpaceError(f"a layer of kind {kind!r} has {low} to {high} different inputs, got {layer.inputs!r} for {name}.")
        most = 99 if kind == "block" and self.dims else 1
        if layer.width < 1 or layer.kernel % 2 == 0 or not 1 <= layer.kernel <= most:
            raise SpaceError("a width is at least 1 and a kernel odd; only blocks of signals and images have kernels above 1. "
                             f"Got width {layer.width} and kernel {layer.kernel} for {name}.")
        halved = {known[k] for k in layer.inputs}
        if kind in ("block", "add") and len(halved) > 1:
            raise SpaceError(f"{name} reads {' and '.join(layer.inputs)}, which have different numbers of places: a pool lies "
                             "between them. Join layers of equal size.")
        if kind in ("pool", "add") and {self[k].width for k in layer.inputs} != {layer.width}:
            raise SpaceError(f"{name} has {layer.width} channels, so its inputs need as many; {' and '.join(layer.inputs)} have "
                             f"{', '.join(str(self[k].width) for k in layer.inputs)}.")
        if kind == "pool" and self.dims == 0:
            raise SpaceError("points have no neighbours to pool: leave pool layers out of a plan with dims=0.")
        return max(halved, default=0) + (kind == "pool")

    @classmethod
    def chain(cls, dims: int, n_in: int, n_classes: int, widths: Sequence[int], *, kernel: int = 3, pool: bool = True) -> NetPlan:
        """Plan one block after the other.

        Parameters
        ----------
        dims, n_in, n_classes
            0 for points, 1 for signals, 2 for images; channels of the data; classes.
        widths
            Channels of each block.
        kernel
            Of every block; points have none.
        pool
            Whether a pool stands between blocks; points have none.
        """
        layers = [Layer("input", "input", (), n_in)]
        for k, width in enumerate(widths, start=1):
            layers.append(Layer(f"b{k}", "block", (layers[-1].name,), width, kernel if dims else 1))
            if pool and dims and k < len(widths):
                layers.append(Layer(f"pool{k}", "pool", (f"b{k}",), width))
        return cls(dims, (*layers, Layer("head", "head", (layers[-1].name,), n_classes)))

    # Looking things up ------------------------------------------------------------------------------------------------

    @cached_property
    def _place(self) -> dict[str, int]:
        return {layer.name: i for i, layer in enumerate(self.layers)}

    def __getitem__(self, name: str) -> Layer:
        """Return the layer of that name; SpaceError if there is none."""
        if name not in self._place:
            raise SpaceError(f"there is no layer {name!r}; there are {', '.join(self._place)}.")
        return self.layers[self._place[name]]

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a layer of that name."""
        return name in self._place

    def place(self, name: str) -> int:
        """Return the number of a layer in the order of computing."""
        return self.layers.index(self[name])

    def halved(self, name: str) -> int:
        """Count the pools on the way to a layer."""
        layer = self[name]
        return max((self.halved(k) for k in layer.inputs), default=0) + (layer.kind == "pool")

    def readers(self, name: str) -> tuple[Layer, ...]:
        """Return the layers that read this one."""
        return tuple(layer for layer in self.layers if name in layer.inputs)

    def width_in(self, name: str) -> int:
        """Count the channels that a layer reads."""
        return sum(self[k].width for k in self[name].inputs)

    def tied(self, name: str) -> frozenset[str]:
        """Return the layers whose channels are the same ones: pools and sums tie their inputs to themselves."""
        group, todo = set[str](), [self[name].name]
        while todo:
            k = todo.pop()
            if k in group:
                continue
            group.add(k)
            mine = self[k].inputs if self[k].kind in ("pool", "add") else ()
            todo += [*mine, *(r.name for r in self.readers(k) if r.kind in ("pool", "add"))]
        return frozenset(group)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a block's or head's weights: outputs, inputs, kernel along each axis."""
        layer = self[name]
        return (layer.width, self.width_in(name), *((layer.kernel,) * self.dims if layer.kind == "block" else ()))

    @property
    def n_parameters(self) -> int:
        """Count the weights: of blocks their matrix, γ and β, of sums the gate, of the head its matrix and bias."""
        per_channel = {"block": 2, "head": 1, "add": 1}
        matrices = sum(prod(self.shape(k.name)) for k in self.layers if k.kind in ("block", "head"))
        return matrices + sum(per_channel.get(k.kind, 0) * k.width for k in self.layers)

    # Changing -----------------------------------------------------------------------------------------------------------

    def fresh(self, stem: str) -> str:
        """Return a name that is not taken: the stem with the lowest free number."""
        return next(name for k in range(1, len(self.layers) + 2) if (name := f"{stem}{k}") not in self)

    def changed(self, *layers: Layer) -> NetPlan:
        """Return the plan with these layers in the place of those of the same names."""
        new = {layer.name: layer for layer in layers}
        return NetPlan(self.dims, tuple(new.get(layer.name, layer) for layer in self.layers))

    def inserted(self, layer: Layer, *, after: str, instead: bool = False) -> NetPlan:
        """Return the plan with one more layer; with ``instead`` whoever read ``after`` reads the new one."""
        at = self.place(after) + 1
        rest = [replace(k, inputs=tuple(layer.name if i == after else i for i in k.inputs)) if instead else k
                for k in self.layers[at:]]
        return NetPlan(self.dims, (*self.layers[:at], layer, *rest))

    # As data and as a drawing -------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"dims": self.dims, "layers": [[k.name, k.kind, list(k.inputs), k.width, k.kernel] for k in self.layers]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NetPlan:
        """Read JSON data; SpaceError if it is malformed."""
        try:
            rows = [(str(name), kind, tuple(map(str, inputs)), int(width), int(kernel))
                    for name, kind, inputs, width, kernel in data["layers"]]
            unknown = [row[1] for row in rows if row[1] not in N_INPUTS]
            if unknown:
                raise SpaceError(f"a layer is one of {', '.join(N_INPUTS)}, got {unknown[0]!r}.")
            return cls(int(data["dims"]), tuple(Layer(*row) for row in rows))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, SpaceError):
                raise
            raise SpaceError(f"a plan is JSON data with dims and layers, as NetPlan.to_json writes it: {error!r}.") from error

    def graph(self, name: str = "network") -> Graph:
        """Return what a drawing needs; blocks have their width beside their name."""
        nodes = [GraphNode(f"{k.name} · {k.width}" if k.kind == "block" else k.name, self._operation(k), self.says(k.name))
                 for k in self.layers]
        edges = [GraphEdge(self._place[i], self._place[k.name]) for k in self.layers for i in k.inputs]
        return Graph(name, tuple(nodes), tuple(edges))

    def _operation(self, layer: Layer) -> str:
        if layer.kind == "block":
            return f"conv{layer.kernel}" if self.dims else "dense"
        return {"pool": "pool2", "head": "linear"}.get(layer.kind, "")

    def says(self, name: str) -> str:
        """Say in a few words what a layer is."""
        layer = self[name]
        unit = "channels" if self.dims else "units"
        several = layer.kind in ("block", "head") and len(layer.inputs) > 1
        joined = f" of {' and '.join(layer.inputs)} side by side" if several else ""
        return {"input": f"{layer.width} {'channels' if self.dims else 'numbers'}",
                "block": f"{layer.width} {unit}{f', kernel {layer.kernel}' if self.dims else ''}{joined}",
                "pool": "the largest of neighbours", "head": f"{layer.width} classes{joined}",
                "add": f"ReLU({layer.inputs[0]} + g ⊙ {layer.inputs[-1]})" if layer.kind == "add" else ""}[layer.kind]
