"""A map of earlier tasks: which are like each other, where a new one lies, and which are most like it.

Meta-features are scaled as for distances (``workbench.meta.similar_tasks``) and drawn along their two principal directions. A
plane holds a part of what tells tasks apart, and the axes say how much. So a task that looks near need not be: the rings are the
nearest by all features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.meta.similar_tasks import neighbours, scaled_features
from workbench.meta.tasks import Tasks
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.space import Array

MOST = 180  # earlier tasks that are drawn
NAMED = 3  # of the nearest, in the title
NO_FEATURES = "These tasks have no meta-features, so there is nothing to tell which are alike. Give Tasks(..., features=...)."
SETTINGS = 8  # of a configuration, in a hover label


def task_map(tasks: Tasks, features: pd.Series | None = None, k: int = 5, *, height: int = 380) -> dict[str, Any]:
    """Draw earlier tasks, the new one as a star, and lines to its k nearest.

    Of more than 180 tasks an even choice is drawn, the nearest among them.

    Parameters
    ----------
    tasks
        Earlier ones, with meta-features.
    features
        Meta-features of the new task; without them only the earlier ones are drawn.
    k
        How many of the nearest are ringed; at most as many as there are tasks.
    height
        In pixels.

    Raises
    ------
    ValueError
        If ``k`` is not at least 1, or the new task shares no meta-feature with the earlier ones.
    """
    if k < 1:
        raise ValueError(f"k counts neighbours, at least 1, got {k}.")
    if tasks.features is None:
        return empty(NO_FEATURES, height=height)
    if features is not None:
        near, away = _nearest(tasks, features)
        shared = [c for c in tasks.features.columns if c in features.index]
    else:
        near, away, shared = np.empty(0, dtype=np.intp), None, list(tasks.features.columns)
    known = tasks.features[shared].to_numpy(dtype=float)
    flat = Plane.of(scaled_features(known, known))
    at = flat.place(scaled_features(known, known))
    near = near[:k]
    drawn = _some(len(tasks), near)
    says = np.array([_says(tasks, i, away) for i in range(len(tasks))])
    data = [_marks(at[drawn], says[drawn], "earlier tasks" if features is not None else "tasks", m.BLUE, "circle", 8)]
    ends = at
    if features is not None:
        star = flat.place(scaled_features(known, features[shared].to_numpy(dtype=float)[None]))
        ends = np.vstack([at, star])
        data = [_lines(star[0], at[near]), *data, _marks(at[near], says[near], _ringed(len(near)), m.ORANGE, "circle-open", 15),
                _marks(star, np.array(["<b>the new task</b>"]), "the new task", m.RED, "star", 15)]
    axis = {"fixedrange": True, "zeroline": False, "showticklabels": False, "ticks": ""}
    return {"data": data, "layout": {
        "height": height, "title": m.title(_title(tasks, near, features is not None)), "hovermode": "closest", "dragmode": False,
        "margin": {"l": 36, "r": 16, "t": 78, "b": 40}, "legend": {**m.LEGEND, "x": 0, "xanchor": "left"},
        "xaxis": {**axis, "range": m.room(ends[:, 0]), "title": {"text": _axis(flat, 0, shared, 2), "standoff": 8}},
        "yaxis": {**axis, "range": m.room(ends[:, 1]), "title": {"text": _axis(flat, 1, shared, 1), "standoff": 8}}}}


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The plane along which rows differ most.

    Attributes
    ----------
    mean
        Of the rows, shape (d,).
    directions
        Two of length 1, shape (d, 2); 0 where the rows differ in fewer. The largest weight is positive, so that the same rows
        always give the same map.
    share
        Of the variance along each, shape (2,).
    """

    mean: Array
    directions: Array
    share: Array

    @classmethod
    def of(cls, x: Array) -> Plane:
        """Find it for rows (n, d)."""
        mean = x.mean(axis=0)
        _, s, Vt = np.linalg.svd(x - mean, full_matrices=False)
        kept = s[:2] > 1e-12 * max(s[0], 1e-300)
        W, share = np.zeros((x.shape[1], 2)), np.zeros(2)
        W[:, :len(kept)] = Vt[:2].T * kept
        W *= np.where(W[np.abs(W).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
        share[:len(kept)] = s[:2] ** 2 / max(float(s @ s), 1e-300)
        return cls(mean, W, share)

    def place(self, x: Array) -> Array:
        """Return where rows (m, d) lie, shape (m, 2)."""
        return np.asarray((x - self.mean) @ self.directions)


def _nearest(tasks: Tasks, features: pd.Series) -> tuple[NDArray[np.intp], Array]:
    """Return rows of the tasks, the nearest first, and the distance of each row."""
    found = neighbours(tasks, features)
    away = np.empty(len(tasks))
    away[found.order] = found.distance
    return found.order, away


def _some(n: int, near: NDArray[np.intp]) -> NDArray[np.intp]:
    """Choose rows to draw."""
    if n <= MOST:
        return np.arange(n)
    return np.union1d(np.linspace(0, n - 1, MOST).round().astype(np.intp), near[:20])


def _says(tasks: Tasks, i: int, away: Array | None) -> str:
    row = tasks.losses[i]
    best = int(np.nanargmin(row))
    far = [] if away is None else [f"distance {m.three(float(away[i]))}"]
    return "<br>".join([f"<b>{safe(m.cut(tasks.names[i], 40))}</b>", *far, f"best known loss {m.three(float(row[best]))}",
                        *_config(tasks.configs[best])])


def _config(config: Any) -> list[str]:
    if not isinstance(config, dict):
        return [safe(m.cut(config, 40))]
    return [f"{safe(m.cut(name, 24))} = {safe(m.three(v) if isinstance(v, float) else m.cut(v))}"
            for name, v in list(config.items())[:SETTINGS]]


def _marks(at: Array, says: NDArray[np.str_], name: str, color: str, symbol: str, size: float) -> m.Dict:
    return {**m.dots(at[:, 0], at[:, 1], name, color, symbol=symbol, size=size), "hovertext": list(says),
            "hovertemplate": "%{hovertext}<extra></extra>",
            "marker": {"color": color, "size": size, "symbol": symbol, "opacity": 0.75 if symbol == "circle" else 1.0,
                       "line": {"color": color, "width": 2 if symbol == "circle-open" else 0}}}


def _lines(star: Array, at: Array) -> m.Dict:
    """Join the new task and its neighbours, with gaps between the lines."""
    ends = np.full((len(at), 3, 2), np.nan)
    ends[:, 0], ends[:, 1] = star, at
    flat = ends.reshape(-1, 2)
    return {**m.line(flat[:, 0], flat[:, 1], "to the nearest", m.ORANGE, width=1.2, legend=False), "hoverinfo": "skip"}


def _ringed(n: int) -> str:
    return "the nearest" if n == 1 else f"the {n} nearest, by all features"


def _axis(flat: Plane, i: int, names: list[Any], n: int) -> str:
    """Say how much of the variance lies along an axis, and the n meta-features that weigh most in it."""
    most = np.argsort(-np.abs(flat.directions[:, i]), kind="stable")[:n]
    return f"{flat.share[i]:.0%} of variance, mostly {', '.join(safe(m.cut(names[j], 22)) for j in most)}"


def _title(tasks: Tasks, near: NDArray[np.intp], is_new: bool) -> str:
    if not is_new:
        return f"{len(tasks)} tasks: near each other if their data sets are alike"
    names = [safe(m.cut(tasks.names[i])) for i in near[:NAMED]]
    return f"Most like the new task: {', '.join(names)}"
