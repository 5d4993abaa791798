"""What was published: errors on CIFAR-10, parameters and GPU days of searches, as two tables of a lecture have them.

The tables are those of Wistuba, Rawat & Pedapati 2019, "A survey on neural architecture search", shortened. A row is a number
that some authors reported about a network that they trained themselves: with their own cells, channels, epochs, schedules and
augmentation. So differences between rows are differences between papers, not between search strategies.

``group`` is the section of the table, with one exception: methods that pass weights on by network morphisms are a group of their
own, "morphisms" (Cai et al. 2018a and 2018b, Elsken et al. 2018, Wistuba 2018a; by their papers). ``section`` has the table's.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import WorkbenchError

Which = Literal["all", "first", "second"]
GROUPS = ("RL", "EA", "morphisms", "one-shot", "random")
COLUMNS = ("reference", "method", "section", "group", "cutout", "error", "params", "gpu_days", "first", "second")
NONE = float("nan")

# reference, method, section, cutout, error in %, parameters in millions, GPU days, in which of the two tables
_ROWS: tuple[tuple[str, str, str, bool, float, float, float, str], ...] = (
    ("Baker et al. (2017)", "MetaQNN", "RL", False, 6.92, 11.18, 100, "1"),
    ("Zoph and Le (2017)", "NAS", "RL", False, 3.65, 37.4, 22_400, "12"),
    ("Cai et al. (2018a)", "EAS", "RL", False, 4.23, 23.4, 10, "12"),
    ("Zoph et al. (2018)", "NASNet-A", "RL", False, 3.41, 3.3, 2_000, "12"),
    ("Zoph et al. (2018)", "NASNet-A", "RL", True, 2.65, 3.3, 2_000, "12"),
    ("Zhong et al. (2018)", "BlockQNN", "RL", False, 3.54, 39.8, 96, "1"),
    ("Cai et al. (2018b)", "path-level EAS", "RL", False, 2.99, 5.7, 200, "12"),
    ("Cai et al. (2018b)", "path-level EAS", "RL", True, 2.49, 5.7, 200, "12"),
    ("Real et al. (2017)", "large-scale evolution", "EA", False, 5.40, 5.4, 2_600, "12"),
    ("Xie and Yuille (2017)", "genetic CNN", "EA", False, 5.39, NONE, 17, "1"),
    ("Suganuma et al. (2017)", "CGP-CNN", "EA", False, 5.98, 1.7, 14.9, "1"),
    ("Liu et al. (2018b)", "hierarchical evolution", "EA", False, 3.75, 15.7, 300, "12"),
    ("Real et al. (2019)", "AmoebaNet-A", "EA", False, 3.34, 3.2, 3_150, "12"),
    ("Elsken et al. (2018)", "NASH", "EA", False, 5.2, 19.7, 1, "12"),
    ("Wistuba (2018a)", "neuro-cell evolution", "EA", True, 3.57, 5.8, 0.5, "12"),
    ("Pham et al. (2018)", "ENAS", "one-shot", False, 3.54, 4.6, 0.5, "2"),
    ("Pham et al. (2018)", "ENAS", "one-shot", True, 2.89, 4.6, 0.5, "2"),
    ("Bender et al. (2018)", "path dropout", "one-shot", False, 4.00, 5.0, NONE, "2"),
    ("Casale et al. (2019)", "PARSEC", "one-shot", True, 2.81, 3.7, 1, "2"),
    ("Liu et al. (2019b)", "DARTS", "one-shot", True, 2.76, 3.3, 4, "2"),
    ("Xie et al. (2019b)", "SNAS", "one-shot", True, 2.85, 2.8, 1.5, "2"),
    ("Cai et al. (2019)", "ProxylessNAS", "one-shot", True, 2.08, 5.7, 8.33, "2"),
    ("Brock et al. (2018)", "SMASH", "one-shot", False, 4.03, 16.0, 3, "2"),
    ("Zhang et al. (2019)", "graph hypernetwork", "one-shot", False, 2.84, 5.7, 0.84, "2"),
    ("Liu et al. (2018b)", "random, hierarchical space", "random", False, 3.91, NONE, 300, "2"),
    ("Luo et al. (2018)", "random, NAO's space", "random", False, 3.92, 3.9, 0.3, "2"),
    ("Liu et al. (2019b)", "random, DARTS' space", "random", True, 3.29, 3.2, 4, "2"),
    ("Li and Talwalkar (2019)", "random with shared weights", "random", True, 2.85, 4.3, 2.7, "2"),
)
MORPHISMS = ("EAS", "path-level EAS", "NASH", "neuro-cell evolution")


def published_results(which: Which = "all") -> pd.DataFrame:
    """Return the rows of the tables.

    Parameters
    ----------
    which
        "first" (searches with whole trainings, and morphisms), "second" (with one-shot models and random search), or "all".

    Returns
    -------
    DataFrame
        reference, method, section, group, cutout (whether networks were trained with it), error (%, on the test images of
        CIFAR-10), params (millions), gpu_days, and in which table it stands; nan where a number is not told.

    Raises
    ------
    WorkbenchError
        If there is no such table.
    """
    if which not in ("all", "first", "second"):
        raise WorkbenchError(f"the tables are 'first' and 'second', or 'all' for both, got {which!r}.")
    rows: list[tuple[Any, ...]] = [
        (reference, method, section, "morphisms" if method in MORPHISMS else section, cutout, error, params, days, "1" in where,
         "2" in where) for reference, method, section, cutout, error, params, days, where in _ROWS]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame if which == "all" else frame[frame[which]].reset_index(drop=True)


def pareto_rows(frame: pd.DataFrame, *columns: str) -> NDArray[np.bool_]:
    """Say for each row whether no other is at least as good in all columns and better in one; smaller is better.

    A row that does not tell one of the numbers is not on the front.
    """
    values = frame[list(columns)].to_numpy(float)
    told = np.isfinite(values).all(axis=1)
    front: NDArray[np.bool_] = told.copy()
    for k in np.flatnonzero(told):
        as_good = (values[told] <= values[k]).all(axis=1)
        better = (values[told] < values[k]).any(axis=1)
        front[k] = not (as_good & better).any()
    return front
