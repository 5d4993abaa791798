"""What NSGA-II sees: its results by their losses, front behind front, who breeds, and whose genes the child has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from plotly.colors import sample_colorscale

from workbench.history import History
from workbench.losses import Goals
from workbench.models.pareto import ranks
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.evolution import gene_bars, gene_layout
from workbench.plots.figure import safe
from workbench.plots.history import use_log
from workbench.plots.swarm import ring
from workbench.search.nsga2 import NSGA2Explanation
from workbench.space import Array

HEIGHT = 500
MAX_FRONTS = 8  # more are not told apart
SCALE = [[0.0, m.GREEN], [0.5, m.GREY], [1.0, m.PURPLE]]  # the Pareto set is green everywhere


def fronts(history: History, why: NSGA2Explanation, goals: Goals) -> dict[str, Any]:
    """Draw all results by their first two losses, coloured by front, and how the child was bred.

    With a single loss the results stand in the order told. Results without two finite losses have no place.
    """
    losses = history.y.reshape(len(history), -1)  # (n, m)
    n, n_losses = losses.shape
    values = np.asarray(goals.sign) * losses
    at = values[:, :2] if n_losses > 1 else np.stack([np.arange(1, n + 1), values[:, 0]], axis=1)
    at = np.where(np.isfinite(at), at, np.nan)
    rank = ranks(losses)
    last = min(int(why.ranks.max()), MAX_FRONTS - 1)
    lines = [] if n_losses != 2 else [_line(at, rank, k, last) for k in range(last + 1) if (rank == k).sum() > 1]
    data = [*lines, _results(at, rank, why, last), *_tournaments(at, why), *gene_bars(history.space, why.origins)]
    behind = int(why.ranks.max()) + 1
    title = (f"The {len(why.population)} best of {n} results breed: {f'fronts 1 to {behind}' if behind > 1 else 'front 1'}"
             + f", by the first two of {n_losses} losses" * (n_losses > 2))
    x, y = _axes(at, goals) if n_losses > 1 else ({"title": {"text": "result"}}, _axis(at[:, 1], goals, 0))
    return {"data": data, "layout": {
        "title": m.title(title), "height": HEIGHT, "xaxis": {**x, "anchor": "y"}, "yaxis": {**y, "domain": [0.36, 1.0]},
        "legend": m.LEGEND, "margin": {"l": 70, "r": 70, "t": 96, "b": 44}, "hovermode": "closest", **gene_layout(history.space)}}


def _axes(at: Array, goals: Goals) -> tuple[m.Dict, m.Dict]:
    return _axis(at[:, 0], goals, 0), _axis(at[:, 1], goals, 1)


def _axis(values: Array, goals: Goals, k: int) -> m.Dict:
    end = "larger" if goals.directions[k] == "maximize" else "smaller"
    label = goals.labels[k] if goals.several else "value" if end == "larger" else "loss"
    return {"title": {"text": f"{safe(m.cut(label))} ({end} is better)", "standoff": 4}, "zeroline": False,
            "type": "log" if use_log(values[np.isfinite(values)]) else "linear"}


def _shade(rank: Any, last: int) -> Any:
    """Place of a front on the scale of colours; all that are behind the population's share the last."""
    return np.minimum(rank, last + 1) / (last + 1)


def _line(at: Array, rank: NDArray[np.intp], k: int, last: int) -> m.Dict:
    """Connect the results of one front, from left to right."""
    x, y = at[(rank == k) & np.isfinite(at).all(axis=1)].T
    order = np.argsort(x, kind="stable")
    color = sample_colorscale(SCALE, [float(_shade(k, last))])[0]
    line = m.line(x[order], y[order], f"front {k + 1}", color, width=2 if k == 0 else 1.2, legend=k == 0)
    return {**line, "opacity": 0.9 if k == 0 else 0.55, "hoverinfo": "skip", "hovertemplate": None}


def _results(at: Array, rank: NDArray[np.intp], why: NSGA2Explanation, last: int) -> m.Dict:
    """Draw every result; those that breed are larger."""
    breeds = np.isin(np.arange(len(at)), why.population)
    dots = m.dots(at[:, 0], at[:, 1], "results; the large ones breed", m.GREEN, hover="%{text}")
    dots["marker"] |= {"color": _shade(rank, last), "colorscale": SCALE, "cmin": 0, "cmax": 1, "line": {"width": 0},
                       "size": np.where(breeds, 10, 5), "opacity": np.where(breeds, 1.0, 0.5)}
    distance = dict(zip(why.population, why.distances.tolist(), strict=True))
    room = [f"<br>crowding distance {m.three(distance[i])}" if i in distance else "" for i in range(len(at))]
    texts = [f"result {i + 1}, front {r + 1}{room[i]}" for i, r in enumerate(rank.tolist())]
    return whose.of_rows({**dots, "text": texts}, np.arange(len(at)), keep=True)


def _tournaments(at: Array, why: NSGA2Explanation) -> list[m.Dict]:
    """Ring the parents, and lead a line from each to the member that it beat."""
    data = []
    for k, (name, color) in enumerate((("first parent", m.BLUE), ("second parent", m.ORANGE))):
        parent, other = why.parents[k], why.beaten[k]
        if k and parent == why.parents[0]:
            continue
        if other != parent:
            x, y = at[[parent, other]].T
            line = m.line(x, y, f"beaten by the {name}", color, width=1.5, dash="dot", legend=False)
            data.append({**line, "hoverinfo": "skip", "hovertemplate": None})
        data.append(ring(at[parent], name, color, size=18))
    return data
