"""Of the run panel: what its first lines said at a moment that it looks back at."""

from __future__ import annotations

from typing import Any

from workbench.fates import Fates
from workbench.reel import Course
from workbench.timeline import Timeline
from workbench.trials import Trials


def as_it_was(now: dict[str, Any], trials: Trials, fates: Fates, timeline: Timeline, course: Course) -> dict[str, Any]:
    """Return the first lines as they were. What controls need stays as it is ``now``; ``live`` is the present state."""
    waiting = len(fates.waiting)
    running = min(timeline.n_busy, trials.n_running - waiting) if now["scheduler"] else trials.n_running
    several = trials.goals.several
    return {**now, "live": now["state"], "state": course.state, "detail": course.detail, "running": max(running, 0),
            "waiting": waiting, "ready": max(trials.n_running - running - waiting, 0),
            "shelved": sum(f.shelved for f in fates.waiting), "elapsed_s": int(timeline.now), "eta_s": None,
            "pareto": len(trials.pareto) if several else None}
