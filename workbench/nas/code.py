"""An architecture that a search has found, as code that builds and trains it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.nas.cells import NANO, NASBENCH201, CellSpace

DATA = {"MNIST-1D": "wb.nas.mnist1d()", "digits": "wb.nas.digits()"}


def cells_code(cells: CellSpace) -> str:
    """Write a cell space as code: a name of the package, or the call that makes it."""
    for name, known in (("NANO", NANO), ("NASBENCH201", NASBENCH201)):
        if (known.n_nodes, known.operations) == (cells.n_nodes, cells.operations):
            return f"wb.nas.{name}"
    return f"wb.nas.CellSpace({cells.name!r}, {cells.n_nodes}, {cells.operations!r})"


def architecture_code(cells: CellSpace, architecture: Sequence[str], about: Mapping[str, Any], *, step: int) -> str:
    """Write an architecture as a script that builds, trains and tests it.

    Parameters
    ----------
    cells
        The space.
    architecture
        The operations, edge by edge.
    about
        What the search worked on: ``{"data": "MNIST-1D"}``.
    step
        After how many steps it would be chosen.
    """
    name = str(about.get("data", "data"))
    data = DATA.get(name, f"wb.nas.of_arrays(x, y)  # {name}: your own arrays")
    operations = [json.dumps(op) + "," for op in cells.check(architecture)]
    edges = "".join(f"    {op:<{max(map(len, operations))}}  # {i} -> {j}\n"
                    for (i, j), op in zip(cells.edges, operations, strict=True))
    return (f"# chosen after {step} step{'' if step == 1 else 's'}\n"
            "import workbench as wb\n"
            "from workbench.nas.training import test_accuracy\n\n"
            f"cells = {cells_code(cells)}\n"
            f"architecture = (\n{edges})\n"
            f"data = {data}\n"
            "network = wb.nas.build(cells, architecture, data)\n"
            "for epoch in wb.nas.train(network, data, epochs=15, seed=0):\n"
            '    print(epoch.epoch, f"{epoch.valid_accuracy:.3f}")\n'
            "print(test_accuracy(network, data))\n")
