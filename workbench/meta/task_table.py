"""A small table of tasks that comes with the package: 200 configurations of a support vector machine on 47 small data sets.

The data sets are real ones of scikit-learn and parts of them, the signals of MNIST-1D, and made-up ones of several families, so
some are close relatives and some are not. Losses are the mean shares of wrong answers over four random halves of 600 rows at
most. Made by ``workbench.problems.make_task_table``.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.meta.tasks import Tasks
from workbench.space import Choice, Float, Int, Space

SPACE = Space(
    scale=Choice("none", "standard", "quantile"),
    kernel=Choice("rbf", "poly", "linear"),
    C=Float(1e-2, 1e3, log=True),
    gamma=Float(1e-4, 10.0, log=True, when={"kernel": ["rbf", "poly"]}),
    degree=Int(2, 5, when={"kernel": "poly"}),
)


@cache
def small_tasks() -> Tasks:
    """Return the table, with meta-features of the data sets and the space of the configurations."""
    with as_file(files("workbench.meta") / "task_table.npz") as path:
        return read_tasks(path)


def read_tasks(path: str | Path) -> Tasks:
    """Read a file that ``workbench.problems.make_task_table`` has written."""
    with np.load(path) as held:
        a = {name: held[name] for name in held.files}
    names = tuple(str(n) for n in a["names"])
    features = pd.DataFrame(a["features"], index=list(names), columns=[str(n) for n in a["feature_names"]])
    return Tasks(names, tuple(SPACE.from_unit(u) for u in a["unit"]), a["errors"].astype(float), features, SPACE)
