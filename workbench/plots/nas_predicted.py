"""What a predictor says of architectures against what became of them, and how well it orders them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.history import History
from workbench.nas.cells import CellSpace
from workbench.nas.predictor_search import architectures_at
from workbench.nas.ranking import spearman
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.search.surrogate_why import SurrogateExplanation
from workbench.space import Array

HEIGHT = 400
MOST = 200  # marks
SHOWN = 0.95  # share of the true errors, from the best, that the axes hold


class Known(Protocol):
    """A table: the truth about all architectures of a cell space."""

    @property
    def cells(self) -> CellSpace:
        """The space."""
        ...

    @property
    def n_distinct(self) -> int:
        """How many entries there are."""
        ...

    def error(self, arch: Any, epochs: int | None = None, seed: int | None = None) -> float:
        """Return the validation error."""
        ...

    def rank(self, arch: Any) -> int:
        """Return the place among all entries: 1 is the best."""
        ...


def predicted_figure(truth: Array, mean: Array, sd: Array | None = None, *, trained: Array | None = None,
                     picked: int | None = None, rank: int | None = None, n_ranks: int | None = None,
                     names: Sequence[str] | None = None, height: int = HEIGHT) -> dict[str, Any]:
    """Draw predicted against true errors, with the rank correlation over what was not trained.

    Parameters
    ----------
    truth, mean
        True and predicted errors, shape (n,).
    sd
        Deviations of the predictions, drawn as a bar at the one that is picked.
    trained
        Which ones the predictor was fitted to, shape (n,); none if left out.
    picked
        Number of the one that is trained next.
    rank, n_ranks
        Its true place, 1 is the best, among so many.
    names
        What each is called, for whoever points at it.
    height
        In pixels.

    Raises
    ------
    WorkbenchError
        If the arrays do not have one length, or ``picked`` is none of them.
    """
    truth, mean = np.asarray(truth, dtype=float), np.asarray(mean, dtype=float)
    n = len(truth)
    known = np.zeros(n, dtype=bool) if trained is None else np.asarray(trained, dtype=bool)
    if len(mean) != n or len(known) != n or (sd is not None and len(sd) != n) or (names is not None and len(names) != n):
        raise WorkbenchError(f"a true and a predicted error are needed for each architecture, got {n} true ones and {len(mean)}, "
                             f"{len(known)} marks of what was trained.")
    if picked is not None and not 0 <= picked < n:
        raise WorkbenchError(f"picked is the number of one of the {n} architectures, got {picked}.")
    if not n:
        return empty("No architecture to compare yet.", height=height)
    new = ~known
    text = np.array([safe(name) for name in names]) if names is not None else np.array([""] * n)
    range_x = m.room(truth[truth <= np.quantile(truth, SHOWN)])
    range_y = m.room(mean[truth <= np.quantile(truth, SHOWN)], np.asarray(range_x))
    low, high = max(range_x[0], range_y[0]), min(range_x[1], range_y[1])
    ends = np.array([low, high])
    data = [{**m.line(ends, ends, "as predicted", m.GREY, dash="dot", width=1.5), "hoverinfo": "skip"}]
    for rows, name, color, symbol, size in ((new, "not trained", m.BLUE, "circle", 5), (known, "trained", m.GREEN, "x", 7)):
        some = _some(np.flatnonzero(rows), truth, MOST if color == m.BLUE else MOST // 2)
        if len(some):
            data.append(_marks(truth[some], mean[some], text[some], name, color, symbol, size))
    if picked is not None:
        data.append(_marks(truth[[picked]], mean[[picked]], text[[picked]], _next(rank, n_ranks), m.ORANGE, "star", 14))
        if sd is not None:
            data[-1]["error_y"] = {"type": "data", "array": [float(np.asarray(sd)[picked])], "color": m.ORANGE, "thickness": 1.5}
    axis = {"fixedrange": True, "zeroline": False, "tickformat": ".3~g"}
    return {"data": data, "layout": {
        "height": height, "title": m.title(_finding(truth[new], mean[new])), "hovermode": "closest",
        "dragmode": False, "margin": {"l": 64, "r": 16, "t": 84, "b": 48},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "xaxis": {**axis, "range": range_x, "title": {"text": f"true error (the worst {1 - SHOWN:.0%} are outside)"}},
        "yaxis": {**axis, "range": range_y, "title": {"text": "predicted error"}}}}


def predicted_now(history: History, why: SurrogateExplanation, table: Known, *, epochs: int | None = None,
                  height: int = HEIGHT) -> dict[str, Any]:
    """Draw what a surrogate believed of all cells of a table when it chose one, and the true rank of that one.

    Parameters
    ----------
    history
        What the surrogate saw: configurations of ``table.cells.space``.
    why
        Its explanation.
    table
        The truth.
    epochs
        Epochs after which the search saw errors; all if left out.
    height
        In pixels.
    """
    cells = table.cells
    known = cells.distinct()
    forms, architectures = list(known), list(known.values())
    place = {form: k for k, form in enumerate(forms)}
    belief = why.belief(history)
    mean, sd = belief.predict(cells.space.to_unit([cells.config(a) for a in architectures]))
    back = belief.transform.inverse
    trained = np.zeros(len(forms), dtype=bool)
    trained[[place[cells.canonical(a)] for a in architectures_at(cells, history.x)]] = True
    chosen = architectures_at(cells, why.x[None])[0]
    truth = np.array([table.error(a, epochs) for a in architectures])
    return predicted_figure(truth, back(mean), (back(mean + sd) - back(mean - sd)) / 2.0, trained=trained,
                            picked=place[cells.canonical(chosen)], rank=table.rank(chosen), n_ranks=table.n_distinct,
                            names=[" ".join(a) for a in architectures], height=height)


def _some(rows: NDArray[np.intp], truth: Array, most: int) -> NDArray[np.intp]:
    """Keep at most so many rows: evenly by rank of the truth, the best and the worst among them."""
    if len(rows) <= most:
        return rows
    order = rows[np.argsort(truth[rows], kind="stable")]
    return order[np.unique(np.linspace(0, len(order) - 1, most).round().astype(np.intp))]


def _marks(x: Array, y: Array, text: Any, name: str, color: str, symbol: str, size: float) -> m.Dict:
    hover = "%{text}<br>true %{x:.4g}, predicted %{y:.4g}" if any(text) else "true %{x:.4g}, predicted %{y:.4g}"
    return {**m.dots(x, y, name, color, symbol=symbol, size=size, hover=hover), "text": list(text),
            "marker": {"color": color, "size": size, "symbol": symbol, "opacity": 0.75 if symbol == "circle" else 1.0}}


def _next(rank: int | None, n_ranks: int | None) -> str:
    if rank is None:
        return "trained next"
    return f"trained next: truly {rank:,}{'' if n_ranks is None else f' of {n_ranks:,}'}"


def _finding(truth: Array, mean: Array) -> str:
    """Say how well what was not trained is ordered: all of it, and the better half alone."""
    if len(truth) < 3:
        return "Fewer than three are left that were not trained"
    better = truth <= np.median(truth)
    parts = [f"{what} {m.three(value)}" for what, value in (
        ("all", spearman(mean, truth)), ("better half", spearman(mean[better], truth[better]))) if np.isfinite(value)]
    return f"Rank correlation on {len(truth):,} not trained: {', '.join(parts) or 'not defined, all are equal'}"
