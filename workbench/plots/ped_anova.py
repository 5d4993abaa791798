"""PED-ANOVA as bars: which parameters set the good trials apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots.figure import empty, safe

if TYPE_CHECKING:
    from workbench.optuna_importance import PedAnova

MOST = 20
ROW = 26  # pixels


def ped_anova(found: PedAnova) -> dict[str, Any]:
    """Draw the shares, the largest at the top."""
    frame = found.frame()
    frame = frame[~frame["share"].isna()].head(MOST)
    if not len(frame):
        return empty("No parameter to compare.")
    share, y = frame["share"].to_numpy(float), np.arange(float(len(frame)))
    bars = {"type": "bar", "orientation": "h", "x": 100 * share, "y": y, "name": "share", "width": 0.7,
            "marker": {"color": m.BLUE},
            "text": [f"{100 * s:.0f} %" if s >= 0.01 or s == 0 else "< 1 %" for s in share], "textposition": "outside",
            "cliponaxis": False, "hovertext": [f"<b>{safe(n)}</b>" for n in frame["parameter"]],
            "hovertemplate": "%{hovertext}: %{x:.1f} % of the divergence<extra></extra>"}
    layout = {"title": m.title(f"What sets the best {found.n_good} of {found.n_trials} trials apart"),
              "height": 110 + ROW * (len(y) + 1),
              "xaxis": {"title": {"text": "share of the divergence (%)"}, "range": [0, 114 * max(float(share.max()), 0.01)],
                        "zeroline": False},
              "yaxis": {"range": [len(y) - 0.4, -0.6], "tickvals": y, "automargin": True, "showgrid": False, "zeroline": False,
                        "ticktext": [safe(m.cut(n, 30)) for n in frame["parameter"]]},
              "showlegend": False, "margin": {"l": 60, "r": 16, "t": 56, "b": 44}}
    return {"data": [bars], "layout": layout}
