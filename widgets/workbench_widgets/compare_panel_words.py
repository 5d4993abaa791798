"""Of the panel of a comparison: what its tables and its words say, as plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from workbench.compared import Member, OfStudy
from workbench.comparing import Comparison, X
from workbench.plots.compare import look_of
from workbench_widgets.words import number

NOTHING: dict[str, Any] = {"table": {"heads": [], "rows": []}, "words": [], "code": ""}


def row_of(m: Member, order: Sequence[str], *, on: bool, fixed: bool) -> dict[str, Any]:
    """Return a run's row in the list: its group's marks, how far it is, how good, whether it goes on."""
    p = m.progress
    best: float | None = None
    if len(p) and not m.goals.several and math.isfinite(loss := float(p.best()[-1])):
        best = -loss if m.goals.directions == ("maximize",) else loss
    planned = m.started.n_trials if m.started is not None else None
    color, dash, symbol = look_of(order, m.group)
    kept = isinstance(m.source, OfStudy) and m.source.kept
    return {"run": m.label, "group": m.group, "fixed": fixed, "on": on, "algorithm": m.algorithm, "best": number(best),
            "trials": str(len(p)) if planned is None or planned < len(p) else f"{len(p)} / {planned}",
            "state": m.source.state or ("named run" if kept else "study"), "color": color, "dash": dash, "symbol": symbol}


def outcome_of(comparison: Comparison, x: X) -> dict[str, Any]:
    """Return the table of the groups with what is worth saying of so many, the outcome in words, and code for it."""
    outcome = comparison.outcome(x)
    several = max((len(s.all_final) for s in outcome.samples), default=1) > 1
    needs = f"{outcome.x} to the others' best"
    heads = ["runs", "rank", "best", "median", "lower quartile", "upper quartile"] if several else ["rank", "best"]
    if len(outcome.samples) < 2:
        heads.remove("rank")
    else:
        heads.append(needs)
    rows = [[str(group), *(_cell(row[key]) for key in heads)] for group, row in outcome.table().iterrows()]
    words = outcome.words() if len(comparison.members) > 1 else []
    table = {"heads": ["group", *heads] if rows else [], "rows": rows}
    return {"table": table, "words": words, "code": comparison.export("python")}


def _cell(value: Any) -> str:
    return "–" if math.isnan(value) else number(float(value))
