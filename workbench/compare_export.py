"""A comparison as text: all results as CSV, all of it as JSON, and code that makes it again."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.comparing import Comparison

FORMAT = "workbench comparison 1"


def to_csv(comparison: Comparison) -> str:
    """Write all results, one a line."""
    return str(comparison.frame().to_csv(index=False))


def to_json(comparison: Comparison) -> str:
    """Write groups, runs with all their results, the tables, and the outcome in words."""
    frame = comparison.frame()
    outcome = comparison.outcome()
    runs = [{"group": m.group, "run": m.label, "seed": m.seed, "algorithm": m.algorithm, "again": m.source.again,
             "results": _records(frame[frame["run"] == m.label].drop(columns=["group", "run", "seed"]))}
            for m in comparison.members]
    goals = comparison.goals
    data = {"format": FORMAT, "name": comparison.name, "direction": goals.as_given, "quantity": comparison.quantity,
            "compared after": {outcome.x: outcome.at}, "runs": runs, "table": _records(outcome.table().reset_index()),
            "pairs": _records(outcome.pairs()), "words": outcome.words()}
    return json.dumps(data, indent=1, allow_nan=False)


def _records(frame: Any) -> list[dict[str, Any]]:
    """Rows of a frame; what is not a finite number becomes None."""
    return [{str(k): None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
            for row in frame.to_dict("records")]


def to_python(comparison: Comparison) -> str:
    """Write code that makes the comparison again, of what is kept in files."""
    lines = ["import workbench as wb", "", "comparison = wb.compare({"]
    for group, members in comparison.groups.items():
        kept = [m.source.again for m in members if m.source.again]
        gone = len(members) - len(kept)
        if gone:
            lines.append(f"    # {gone} of the {len(members)} runs of {group!r} are in the memory of a kernel only")
        lines.append(f"    {group!r}: [{', '.join(kept)}]," if kept else f"    # {group!r}: [...],")
    settings = [f"name={comparison.name!r}"] if comparison.name else []
    settings += [] if comparison.paired is None else [f"paired={comparison.paired}"]
    settings += [] if comparison.reference is None else [f"reference={comparison.reference!r}"]
    lines += ["}" + "".join(f", {s}" for s in settings) + ")", "comparison.table()", 'comparison.figure("best_so_far")']
    return "\n".join(lines) + "\n"
