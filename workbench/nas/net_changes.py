"""Network morphisms as plain data: what is done where, which plan comes out, and which are possible.

Wei et al. 2016, "Network morphism"; Chen, Goodfellow & Shlens 2016, "Net2Net"; Elsken, Metzen & Hutter 2018, "Simple and
efficient architecture search for convolutional neural networks". ``workbench.nas.morphism`` carries them out on weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from workbench.errors import SpaceError
from workbench.nas.net_plan import Layer, NetPlan

MorphismKind = Literal["deeper", "wider", "skip", "branch", "kernel"]
KINDS: tuple[MorphismKind, ...] = ("deeper", "wider", "skip", "branch", "kernel")
Merge = Literal["", "concat", "add"]
LARGEST_KERNEL = 9


@dataclass(frozen=True, slots=True)
class Morphism:
    """A change of a network that leaves its function as it is.

    Attributes
    ----------
    kind
        "deeper": a block that begins as the identity, after the layer ``at``. "wider": ``at`` gets ``width`` channels by
        copying some. "skip": the output of ``source`` comes to ``at`` as well. "branch": so does a new block that reads
        ``source``. "kernel": the block ``at`` gets the kernel ``kernel``, with zeros around the old one.
    at
        The layer that is changed.
    source
        Where a skip connection or a branch begins.
    width, kernel
        Of what is new; 0 where they say nothing.
    merge
        How a skip connection or a branch ends: "concat" side by side with what the block or head ``at`` reads, with zero
        weights; "add" to the output of ``at``, through a gate of zeros.
    """

    kind: MorphismKind
    at: str
    source: str = ""
    width: int = 0
    kernel: int = 0
    merge: Merge = ""

    def words(self) -> str:
        """Say in a few words what it does."""
        end = f"side by side with what {self.at} reads" if self.merge == "concat" else f"added to {self.at}"
        return {"deeper": f"deeper: a block after {self.at}" + (f", kernel {self.kernel}" if self.kernel > 1 else ""),
                "wider": f"wider: {self.at} to {self.width}",
                "skip": f"skip: {self.source} {end}",
                "branch": f"branch: a block of {self.width} on {self.source}, {end}",
                "kernel": f"kernel: {self.at} to {self.kernel}"}[self.kind]

    def planned(self, plan: NetPlan) -> NetPlan:
        """Return the plan after the change.

        Raises
        ------
        SpaceError
            If it is not possible there.
        """
        plan[self.at]
        return {"deeper": _deeper, "wider": _wider, "skip": _skip, "branch": _branch, "kernel": _kernel}[self.kind](self, plan)

    def new_layers(self, plan: NetPlan) -> tuple[str, ...]:
        """Return the names of the layers that it adds to this plan."""
        return tuple(layer.name for layer in self.planned(plan).layers if layer.name not in plan)


def _deeper(change: Morphism, plan: NetPlan) -> NetPlan:
    layer = plan[change.at]
    if layer.kind not in ("block", "pool", "add"):
        raise SpaceError("a block that begins as the identity ends with a ReLU, so it can only follow what is never negative: a "
                         f"block, a pool or a sum; {layer.name} is of kind {layer.kind!r}.")
    kernel = change.kernel or (3 if plan.dims else 1)
    return plan.inserted(Layer(plan.fresh("b"), "block", (layer.name,), layer.width, kernel), after=layer.name, instead=True)


def _wider(change: Morphism, plan: NetPlan) -> NetPlan:
    group = plan.tied(change.at)
    if any(plan[k].kind in ("input", "head") for k in group):
        blocks = ", ".join(k.name for k in plan.layers if k.kind == "block")
        raise SpaceError(f"the widths of the data and of the classes are given, and {change.at} is bound to them. Widen another "
                         f"layer: {blocks}.")
    if change.width <= plan[change.at].width:
        raise SpaceError(f"{change.at} has {plan[change.at].width} channels; wider means more, got {change.width}.")
    return plan.changed(*(replace(plan[k], width=change.width) for k in group))


def _merged(change: Morphism, plan: NetPlan, source: str) -> NetPlan:
    """Let the output of ``source``, which stands before it, come to ``at`` as well."""
    at = plan[change.at]
    if change.merge == "concat":
        if at.kind not in ("block", "head"):
            raise SpaceError(f"only blocks and the head can read layers side by side, {at.name} is of kind {at.kind!r}. "
                             "Use merge='add'.")
        return plan.changed(replace(at, inputs=(*at.inputs, source)))
    if change.merge == "add":
        if at.kind not in ("block", "pool", "add"):
            raise SpaceError(f"a sum can follow a block, a pool or a sum, {at.name} is of kind {at.kind!r}. "
                             "Use merge='concat'.")
        return plan.inserted(Layer(plan.fresh("add"), "add", (at.name, source), at.width), after=at.name, instead=True)
    raise SpaceError(f"merge is 'concat' or 'add', got {change.merge!r}.")


def _skip(change: Morphism, plan: NetPlan) -> NetPlan:
    source, at = plan[change.source], plan[change.at]
    if plan.place(source.name) >= plan.place(at.name):
        raise SpaceError(f"a skip connection leads from an earlier layer to a later one, got {source.name} to {at.name}.")
    if source.name in at.inputs and change.merge == "concat":
        raise SpaceError(f"{at.name} reads {source.name} already. Choose another source.")
    return _merged(change, plan, source.name)


def _branch(change: Morphism, plan: NetPlan) -> NetPlan:
    source, at = plan[change.source], plan[change.at]
    if plan.place(source.name) >= plan.place(at.name):
        raise SpaceError(f"a branch leads from an earlier layer to a later one, got {source.name} to {at.name}.")
    width = at.width if change.merge == "add" else change.width
    new = Layer(plan.fresh("b"), "block", (source.name,), width, change.kernel or (3 if plan.dims else 1))
    return _merged(change, plan.inserted(new, after=plan.layers[plan.place(at.name) - 1].name), new.name)


def _kernel(change: Morphism, plan: NetPlan) -> NetPlan:
    layer = plan[change.at]
    if layer.kind != "block" or plan.dims == 0:
        raise SpaceError(f"only blocks of signals and images have a kernel that can grow; {layer.name} is of kind {layer.kind!r} "
                         f"in a network with dims={plan.dims}.")
    if change.kernel <= layer.kernel:
        raise SpaceError(f"{layer.name} has a kernel of {layer.kernel}; a larger one is odd and above that, got {change.kernel}.")
    return plan.changed(replace(layer, kernel=change.kernel))


def possible(plan: NetPlan, kind: MorphismKind, *, max_width: int = 64) -> tuple[Morphism, ...]:
    """List the morphisms of one kind that a plan allows: kernels of 3, twice the width, branches as wide as what they join."""
    inner = [k for k in plan.layers if k.kind not in ("input", "head")]
    small = 3 if plan.dims else 1
    pairs = [(s, t) for j, t in enumerate(plan.layers) for s in plan.layers[:j]]
    merges: tuple[Merge, ...] = ("concat", "add")
    tried: list[Morphism] = []
    match kind:
        case "deeper":
            tried = [Morphism("deeper", k.name, kernel=small) for k in inner]
        case "wider":
            tied = {plan.tied(k.name): k for k in reversed(inner)}  # those of one group are one change
            tried = [Morphism("wider", k.name, width=2 * k.width) for k in reversed(tied.values()) if 2 * k.width <= max_width]
        case "kernel":
            tried = [Morphism("kernel", k.name, kernel=k.kernel + 2) for k in inner if k.kernel + 2 <= LARGEST_KERNEL]
        case "skip":
            summed = {k.inputs for k in plan.layers if k.kind == "add"}
            tried = [Morphism("skip", t.name, s.name, merge=merge) for s, t in pairs for merge in merges
                     if merge == "concat" or (t.name, s.name) not in summed]
        case "branch":
            wide = {t.name: min(t.width if t.kind != "head" else plan[t.inputs[0]].width, max_width) for t in plan.layers[1:]}
            tried = [Morphism("branch", t.name, s.name, wide[t.name], small, merge) for s, t in pairs for merge in merges]
    return tuple(change for change in tried if _fits(change, plan))


def _fits(change: Morphism, plan: NetPlan) -> bool:
    try:
        change.planned(plan)
    except SpaceError:
        return False
    return True


def random_morphism(plan: NetPlan, rng: np.random.Generator, *, kinds: Sequence[MorphismKind] = KINDS,
                    max_width: int = 64) -> Morphism:
    """Draw a kind among those that are possible, then one of its places; all with equal probability.

    Raises
    ------
    SpaceError
        If the plan allows none of these kinds.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise SpaceError(f"kinds of morphisms are {', '.join(KINDS)}; got {unknown or 'none'}.")
    for k in rng.permutation(len(kinds)):  # the first possible one of a random order: each possible kind with equal probability
        if places := possible(plan, kinds[k], max_width=max_width):
            return places[rng.integers(len(places))]
    raise SpaceError(f"none of {', '.join(kinds)} is possible in this plan with widths up to {max_width}. Raise max_width or "
                     "allow other kinds.")
