"""Descent in a genetic algorithm: generations as columns, lines from parents to children, and whose genes a child has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.history import History
from workbench.plots import marks as m
from workbench.plots.figure import safe
from workbench.plots.swarm import coloured, ring
from workbench.rows import fits
from workbench.search.genes import BOTH, FIRST, MUTATED, NEW, ORIGINS, SECOND, SILENT
from workbench.search.genetic import GeneticExplanation
from workbench.space import Space
from workbench.trials import Trials

HEIGHT = 500
WIDTH = 0.7  # of a generation's column, whose members stand side by side
MAX_LINES = 400
COLORS = {FIRST: m.BLUE, SECOND: m.ORANGE, BOTH: m.GREEN, MUTATED: m.PURPLE, NEW: m.GREY, SILENT: m.fade(m.GREY, 0.12)}

Descent = Sequence[tuple[int, int]]  # pairs (row of the parent, row of the child)


def descent(trials: Trials, space: Space) -> Descent:
    """Return who descends from whom, as rows of the history of this space."""
    rows: dict[int, int] = {}
    for number in trials.told:
        t = trials.by_number[number]
        if t.state != "interrupted" and fits(space, t.config):
            rows[number] = len(rows)
    return [(parent, row) for number, row in rows.items()
            if isinstance(why := trials.by_number[number].why, GeneticExplanation)
            for parent in sorted(set(why.parents))]


def family(history: History, why: GeneticExplanation, name: str, axis: m.Dict, *, lines: Descent = (),
           sign: float = 1.0) -> dict[str, Any]:
    """Draw all results by generation and by one parameter, and how the child was bred.

    Parameters
    ----------
    history, why
        What the algorithm saw, and its explanation.
    name, axis
        The parameter that is shown from bottom to top, and its axis.
    lines
        Family lines of earlier children; those of the future are left out.
    sign
        -1 shows the values of somebody who maximises.
    """
    n, size = len(history), len(why.population)
    u = history.x[:, history.space.column(name)]
    rows = np.arange(n)
    at = np.stack([_column(rows, size), u], axis=1)
    child = np.array([_column(np.array([n]), size)[0], why.x[history.space.column(name)]])
    known = [(p, c) for p, c in lines if c < n and p < n][-MAX_LINES:]
    alive = np.isin(rows, why.population)
    data = [_lines([(at[p], at[c]) for p, c in known], "family lines", m.fade(m.GREY, 0.35), 1.0)] if known else []
    p, q = why.parents
    data.append(_lines([(at[p], child)], "first parent", m.BLUE, 2.5))
    if q != p:
        data.append(_lines([(at[q], child)], "second parent", m.ORANGE, 2.5))
    dots = coloured(at, history.y, "results", sign=sign, rows=rows)
    dots["marker"] |= {"opacity": np.where(alive, 1.0, 0.3), "size": np.where(alive, 10, 7)}
    if "colorbar" in dots["marker"]:
        dots["marker"]["colorbar"] |= {"y": 0.64, "len": 0.7}
    data += [dots, ring(at[int(np.argmin(history.y))], "incumbent", m.GREEN),
             m.dots(child[:1], child[1:], "next point", m.RED, size=13, symbol="cross", hover="next point"),
             *gene_bars(history.space, why.origins)]
    last = int(_column(np.array([n]), size)[0] + 0.5)
    text = f"Generation {why.generation}: {'the best' if why.update == 'elitism' else 'the newest'} {size} breed"
    x = {"title": {"text": "generation (results / population)", "standoff": 4}, "range": [-0.6, last + 0.6],
         "tickmode": "auto", "nticks": 12, "anchor": "y", "zeroline": False}
    layout = {"title": m.title(text), "height": HEIGHT, "xaxis": x, "yaxis": {**axis, "domain": [0.32, 1.0]},
              "legend": m.LEGEND, "margin": {"l": 70, "r": 70, "t": 96, "b": 44}, "hovermode": "closest",
              **gene_layout(history.space)}
    return {"data": data, "layout": layout}


def _column(rows: Any, size: int) -> Any:
    """Place of rows along the axis of generations: the k-th of a generation a little to the right of the one before."""
    return rows // size + WIDTH * ((rows % size + 0.5) / size - 0.5)


def _lines(pairs: Sequence[tuple[Any, Any]], name: str, color: str, width: float) -> m.Dict:
    """Draw many straight lines as one trace."""
    x = np.array([[a[0], b[0], np.nan] for a, b in pairs]).ravel()
    y = np.array([[a[1], b[1], np.nan] for a, b in pairs]).ravel()
    return {**m.line(x, y, name, color, width=width), "hoverinfo": "skip", "hovertemplate": None}


def gene_layout(space: Space) -> m.Dict:
    """Lay out the bars of genes at the foot of a picture; all else stands above 0.32 of its height."""
    names = [safe(m.cut(k, 12)) for k in space.names]
    return {"xaxis2": {"tickvals": np.arange(len(names)), "ticktext": names, "anchor": "y2", "zeroline": False,
                       "showgrid": False, "range": [-0.6, len(names) - 0.4]},
            "yaxis2": {"domain": [0.0, 0.12], "range": [0, 1], "visible": False, "anchor": "x2"},
            "barmode": "overlay", "annotations": [
                {"xref": "paper", "yref": "paper", "x": 0, "y": 0.125, "text": "where the child's genes come from",
                 "showarrow": False, "xanchor": "left", "yanchor": "bottom", "font": {"size": 12}}]}


def gene_bars(space: Space, origins: NDArray[np.intp]) -> list[m.Dict]:
    """Draw one bar a gene, coloured by where it comes from."""
    data = []
    for origin, color in COLORS.items():
        at = np.flatnonzero(origins == origin)
        if len(at):
            shown = [safe(m.cut(space.names[j])) for j in at]
            data.append({"type": "bar", "x": at, "y": np.ones(len(at)), "width": 0.9, "marker": {"color": color},
                         "xaxis": "x2", "yaxis": "y2", "name": ORIGINS[origin], "text": shown, "textposition": "none",
                         "showlegend": origin in (BOTH, MUTATED, NEW),  # the parents' colours are those of their lines
                         "hovertemplate": "%{text}<extra>" + ORIGINS[origin] + "</extra>"})
    return data
