"""The ablation path as a waterfall: one row a change, from the default at the top to the best configuration at the bottom."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.importance.ablation import Ablation, AblationStep, along
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe

MOST = 24  # rows; of more changes the smallest stand together in one
ROW = 26  # pixels
BETTER, WORSE = m.GREEN, m.RED


def ablation(path: Ablation) -> dict[str, Any]:
    """Draw a bar a change, from the prediction before it to that after it."""
    sign, quantity = path.quantity.sign, path.quantity
    if not path.steps:
        return empty(path.summary())
    rows = _rows(path.steps)
    at = sign * np.array([path.start_loss, *(loss for _, loss in rows)])
    n = len(rows)
    labels = [path.start_name, *(_label(steps) for steps, _ in rows), path.end_name]
    data = [_ends(at, n, path)]
    for name, color, better in (("better", BETTER, True), ("worse", WORSE, False)):
        chosen = [k for k in range(n) if (sign * (at[k + 1] - at[k]) <= 0) == better]
        if chosen:
            data.append(_bars(name, color, [rows[k][0] for k in chosen], chosen, at, sign))
    bridges = [(0, at[0]), *((k + 1, at[k + 1]) for k in range(n))]
    low, high = m.room(at, margin=0.2)
    ends = f"From {m.cut(path.start_name, 26)} to {m.cut(path.end_name, 26)}"
    layout = {"title": m.title(f"{safe(ends)}, one change at a time"),
              "height": 110 + ROW * (n + 2), "barmode": "overlay", "hovermode": "closest", "bargap": 0.3,
              "xaxis": {"title": {"text": f"predicted {safe(quantity.name)} ({quantity.better})"}, "range": [low, high],
                        "zeroline": False},
              "yaxis": {"range": [n + 1.6, -0.6], "tickvals": np.arange(n + 2.0), "showgrid": False, "zeroline": False,
                        "ticktext": [safe(m.cut(text, 30)) for text in labels], "automargin": True},
              "shapes": [{"type": "line", "xref": "x", "yref": "y", "x0": v, "x1": v, "y0": k + 0.35, "y1": k + 0.65,
                          "line": {"color": m.GREY, "width": 1}} for k, v in bridges],
              "showlegend": len(data) > 2, "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 64, "b": 44}}
    return {"data": data, "layout": layout}


def _rows(steps: tuple[AblationStep, ...]) -> list[tuple[tuple[AblationStep, ...], float]]:
    """Pair each row's changes with the loss after them: one change a row, runs of the smallest together where there are many."""
    if len(steps) <= MOST:
        return [((s,), s.loss) for s in steps]
    kept = set(sorted(range(len(steps)), key=lambda k: -abs(steps[k].gain))[:MOST // 2])
    rows: list[tuple[tuple[AblationStep, ...], float]] = []
    open_run = False
    for k, s in enumerate(steps):
        if k not in kept and open_run:
            rows[-1] = ((*rows[-1][0], s), s.loss)
        else:
            rows.append(((s,), s.loss))
        open_run = k not in kept
    return rows


def _label(steps: tuple[AblationStep, ...]) -> str:
    """Name one change and its new value, or count several."""
    if len(steps) > 1:
        return f"{len(steps)} small changes"
    s = steps[0]
    if len(s.names) > 1 or s.names[0] not in s.after:
        return s.label
    value = s.after[s.names[0]]
    return f"{m.cut(s.label, 20)} → {m.three(value) if isinstance(value, float) else m.cut(value, 12)}"


def _ends(at: Any, n: int, path: Ablation) -> m.Dict:
    """Marks of the two ends."""
    ends = m.dots(at[[0, -1]], np.array([0.0, n + 1.0]), "ends", m.BLUE, size=11, symbol="diamond", legend=False)
    names = (path.start_name, path.end_name)
    side = ["middle left" if v > at.mean() else "middle right" for v in at[[0, -1]]]
    return {**ends, "mode": "markers+text", "text": [m.three(v) for v in at[[0, -1]]], "textposition": side, "cliponaxis": False,
            "hovertext": [f"<b>{safe(name)}</b><br>{_config(c)}" for name, c in zip(names, (path.start, path.end), strict=True)],
            "hovertemplate": "%{hovertext}<br>predicted %{x:.4g}<extra></extra>"}


def _config(config: dict[str, Any]) -> str:
    shown = [f"{safe(k)} = {_value(v)}" for k, v in list(config.items())[:14]]
    return "<br>".join([*shown, *([f"… {len(config) - 14} more"] if len(config) > 14 else [])])


def _value(value: Any) -> str:
    return safe(m.three(value) if isinstance(value, float) else m.cut(value))


def _bars(name: str, color: str, steps: list[tuple[AblationStep, ...]], rows: list[int], at: Any, sign: float) -> m.Dict:
    change = np.array([at[k + 1] - at[k] for k in rows])
    return {"type": "bar", "orientation": "h", "name": name, "y": np.array(rows) + 1.0, "x": change,
            "base": np.array([at[k] for k in rows]), "width": 0.7, "marker": {"color": color},
            "text": [("+" if c > 0 else "") + m.three(c) for c in change], "textposition": "outside", "cliponaxis": False,
            "hovertext": [_hover(s, sign) for s in steps], "hovertemplate": "%{hovertext}<extra>" + name + "</extra>"}


def _hover(steps: tuple[AblationStep, ...], sign: float) -> str:
    lines = []
    for s in steps[:12]:
        lines += [f"<b>{safe(n)}</b>: {_value(s.before.get(n, '–'))} → {_value(s.after.get(n, '–'))}" for n in s.names]
        if along(s):
            lines.append(f"with it: {safe(m.cut(along(s), 60))}")
    if len(steps) > 12:
        lines.append(f"… {len(steps) - 12} more")
    if len(steps) == 1:
        s = steps[0]
        lines.append(f"change {m.three(-sign * s.gain)} ± {m.three(s.spread)} between the trees")
        others = [o for o in s.options if o[0] != s.names]
        if others:
            lines.append(f"next best here: {safe(m.cut(' + '.join(others[0][0])))}, to {m.three(sign * others[0][1])}")
    return "<br>".join(lines)
