"""Numbers, values and errors as short texts."""

from __future__ import annotations

from typing import Any

from workbench.plots.marks import three
from workbench.trials import Trial, Trials


def number(value: float | None) -> str:
    """Write a number with three significant digits; whole ones in full."""
    if value is None:
        return ""
    if float(value).is_integer() and abs(value) < 1e6:
        return str(int(value)).replace("-", "−")
    return three(float(value))


def value_of(trials: Trials, trial: Trial) -> str:
    """Write what the objective gave, one number or several; empty if it gave none."""
    if trial.losses:
        return ", ".join(map(number, trials.values(trial.losses)))
    return number(trials.value(trial.loss))


def short(value: Any, width: int = 40) -> str:
    """Write a parameter's value for a narrow place."""
    text = number(value) if isinstance(value, float) else str(value)
    return text if len(text) <= width else text[:width - 1] + "…"


def first_line(error: str | None) -> str:
    """Return the line of a traceback that names the error: the first after its last frame."""
    lines = [line for line in (error or "").splitlines() if line.strip()]
    last_frame = max((i for i, line in enumerate(lines) if line.startswith('  File "')), default=-1)
    after = [line for line in lines[last_frame + 1:] if not line.startswith(" ")]
    return (after or lines or [""])[0].strip()[:200]
