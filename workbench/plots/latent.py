"""The latent space of an autoencoder as a map: predicted loss, trials, and the next point."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import safe
from workbench.search.latent_why import LatentMap

HEIGHT = 480
CIVIDIS = [[0.0, "#00224e"], [0.25, "#434e6c"], [0.5, "#7d7c78"], [0.75, "#bcae6c"], [1.0, "#fee838"]]


def latent(s: LatentMap, *, sign: float = 1.0) -> dict[str, Any]:
    """Draw random configurations in the colour of their predicted loss, trials in that of theirs, and the next point."""
    word = "value" if sign < 0 else "loss"
    scale = _scale(sign * s.mean, sign * s.loss, reverse=sign > 0)
    cloud = m.dots(s.background[:, 0], s.background[:, 1], "random configurations", m.GREY, size=5, legend=False,
                   hover="%{text}<br>predicted %{marker.color:.4g}")
    cloud["marker"] = {"color": sign * s.mean, "size": 5, "opacity": 0.45, **scale, "showscale": True,
                       "colorbar": {"thickness": 10, "title": {"text": f"predicted {word}"}}}
    worked = np.isfinite(s.loss)
    tried = m.dots(s.tried[worked, 0], s.tried[worked, 1], "trials", m.GREY, size=10,
                   hover="%{text}<br>" + word + " %{marker.color:.4g}")
    tried["marker"] = {"color": sign * s.loss[worked], "size": 10, "line": {"color": "#ffffff", "width": 1.5}, **scale}
    tried = {**tried, "text": [safe(t) for t, ok in zip(s.tried_labels, worked, strict=True) if ok]}
    data = [{**cloud, "text": [safe(t) for t in s.background_labels]}, whose.of_rows(tried, np.flatnonzero(worked))]
    if not worked.all():
        failed = m.dots(s.tried[~worked, 0], s.tried[~worked, 1], "failed", m.GREY, size=9, symbol="x-thin", hover="%{text}")
        failed = {**failed, "text": [safe(t) for t, ok in zip(s.tried_labels, worked, strict=True) if not ok]}
        data.append(whose.of_rows(failed, np.flatnonzero(~worked)))
    if len(s.candidates) > 1:
        data.append(m.dots(s.candidates[1:, 0], s.candidates[1:, 1], "other candidates", m.PURPLE, size=8,
                           symbol="circle-open", hover="a candidate of lower log-EI"))
    chosen = m.dots(s.chosen[:1], s.chosen[1:], "next point", m.RED, size=14, symbol="cross", hover="%{text}")
    data.append({**chosen, "text": [safe(s.chosen_label)]})
    axis = {"zeroline": False, "title": {"text": "first direction (deviations)"}}
    layout = {"title": m.title(f"Latent space from above: {s.share:.0%} of what distinguishes configurations"),
              "height": HEIGHT, "xaxis": axis, "yaxis": {**axis, "title": {"text": "second direction"}},
              "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 64, "b": 44}, "hovermode": "closest"}
    return {"data": data, "layout": layout}


def _scale(mean: Any, loss: Any, *, reverse: bool) -> dict[str, Any]:
    """One scale of colours for predictions and losses; what is far worse than most is as dark as the worst shown."""
    finite = np.concatenate([mean[np.isfinite(mean)], loss[np.isfinite(loss)]])
    low, high = (float(v) for v in np.quantile(finite, [0.0, 1.0])) if len(finite) else (0.0, 1.0)
    if len(finite):  # cut the worse end
        middle = float(np.median(finite))
        if reverse:
            high = min(high, middle + 3.0 * (middle - low))
        else:
            low = max(low, middle - 3.0 * (high - middle))
    return {"colorscale": CIVIDIS, "reversescale": reverse, "cmin": low, "cmax": high if high > low else low + 1.0}
