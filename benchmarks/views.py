"""What each live view costs after 2,000 trials with curves: picture, packing and JSON, in CPU time of the pump's thread.

A view is drawn when something new is known and nobody has drawn it since, so each drawing is timed after one more result; with a
picked trial and half of the trials brushed, which costs more than without. First: the first drawing, which computes what later
ones keep.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from benchmarks.table import Table, measure, median, report

N_TRIALS = 2000
N_STEPS = 9
FEWER = {"GPBO": 400}  # trials: the first suggestions of GP-BO after 2,000 random ones take minutes
REPEATS = 7
LIMIT_MS = 250.0
PICKED = 321


def objective(config: dict[str, Any]) -> Iterator[float]:
    """Yield a curve, and say so."""
    print("width", config["width"])
    final = (config["lr"] * 10 - 0.3) ** 2 + config.get("momentum", 0.5) * 0.1 + config["n"] / 50
    for step in range(1, N_STEPS + 1):
        yield final + 1 / step


def log_of(kind: str, n: int) -> list[Any]:
    """Return the events of a run: under a scheduler, with looks at curves, or with a few suggestions of a model at the end."""
    import workbench as wb

    space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd", "rmsprop"), n=wb.Int(1, 10),
                     momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}), width=wb.Int(8, 512, log=True),
                     decay=wb.Float(1e-6, 1e-2, log=True), dropout=wb.Float(0, 0.6), augment=wb.Choice(True, False))
    if kind == "looks":
        return _looks(n)
    if kind == "losses":
        run = wb.optimize(lambda c: {"error": c["lr"] + c["dropout"], "seconds": c["width"] / 512 + 1 - c["lr"]}, space,
                          algorithm=wb.Random(), n_trials=n, seed=0, direction={"error": "minimize", "seconds": "minimize"})
        return list(run.start().wait().log)
    scheduler = wb.ASHA(N_STEPS) if kind == "race" else None
    run = wb.optimize(objective, space, algorithm=wb.Random(), n_trials=n, n_workers=4, seed=0, scheduler=scheduler)
    run.start().wait()
    if kind in ("TPE", "RFBO", "GPBO"):
        run.configure(algorithm=getattr(wb, kind)(), n_trials=n + REPEATS + 2)
        run.start().wait()
    return list(run.log)


def _looks(n: int) -> list[Any]:
    """Give every trial of a run the looks of one trial that was really looked at: extrapolating 2,000 curves would take long."""
    import workbench as wb
    from workbench.events import RunStarted, TrialFinished, TrialJudged, TrialReported, TrialSuggested

    space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), n=wb.Int(1, 10), width=wb.Int(8, 512))
    run = wb.optimize(objective, space, algorithm=wb.Random(), n_trials=5, seed=0, scheduler=wb.CurveStop(N_STEPS))
    log = list(run.start().wait().log)
    looked = next(e.trial for e in log if isinstance(e, TrialJudged) and getattr(e.why, "looked", False))
    own = [e for e in log if isinstance(e, (TrialSuggested, TrialReported, TrialJudged, TrialFinished)) and e.trial == looked]
    started = next(e for e in log if isinstance(e, RunStarted))
    return [started, *(replace(e, trial=k) for k in range(n) for e in own)]


VIEWS = {  # view and the run that it is drawn of
    "HistoryView": "race", "CurvesView": "race", "CoordinatesView": "race", "ContourView": "race", "TrialsView": "race",
    "LogView": "race", "BracketsView": "race", "GanttView": "race", "FidelityRanksView": "race",
    "HistoryView, two losses": "losses", "ModelView, TPE": "TPE", "ModelView, forest": "RFBO",
    "ModelView, Gaussian process": "GPBO",
    "CurveForecastView": "looks", "LooksView": "looks", "TrialPage": "race"}


def point(name: str, n: int) -> None:
    """Time one view in this process."""
    from workbench.events import TrialFinished

    view, events = name.partition(",")[0], log_of(VIEWS[name], n)
    ends = [i for i, e in enumerate(events) if isinstance(e, TrialFinished)][-REPEATS - 1:]  # the last results come one by one
    shown = _Page() if view == "TrialPage" else _view(view)
    if not hasattr(shown, "selection"):
        raise TypeError(f"{name} has no selection: it cannot be brushed.")
    shown.fold(events[:ends[0]])
    shown.selection.brush(range(0, n, 2))
    shown.selection.pick(None if view == "ModelView" else PICKED)
    first, _ = _draw(shown)
    later = []
    for k, (begin, end) in enumerate(itertools.pairwise(ends)):
        shown.fold(events[begin:end])
        shown.selection.brush(range(k % 2, n, 2))
        took, size = _draw(shown)
        later.append(took)
    report(first=first, ms=median(later), kilobytes=size / 1e3)


def _view(name: str) -> Any:
    from workbench_widgets import views

    return getattr(views, name)()


class _Page:
    """The page of a trial without its panel."""

    def __init__(self) -> None:
        from workbench.fates import Fates
        from workbench.timeline import Timeline
        from workbench.trials import Trials
        from workbench_widgets.trial_page import TrialPage
        from workbench_widgets.view import Selection

        class _Run:
            read_only, name = False, "benchmark"

        self.states = self.trials, self.fates, self.timeline = Trials(), Fates(), Timeline()
        self.selection = Selection()
        self.page = TrialPage(_Run(), self.trials, self.selection, self.fates, self.timeline)  # type: ignore[arg-type]

    def fold(self, events: list[Any]) -> None:
        for state in self.states:
            state.fold(events)
        self.page.fold(events)

    def content(self) -> Any:
        return self.page.content()


def _draw(view: Any) -> tuple[float, int]:
    """Time of what is sent, in milliseconds, and its size in bytes."""
    began = time.thread_time()
    if hasattr(view, "live"):
        new = view.live._changes(view.picture())
        beside = view._content() if hasattr(view, "_content") else {}
        size = len(json.dumps([new["spec"], beside])) + sum(len(p["data"]) for p in new["patch"].values())
    else:
        size = len(json.dumps(view.lines if hasattr(view, "lines") else view.content()))
    return 1e3 * (time.thread_time() - began), size


def run(*, full: bool) -> list[Table]:  # noqa: ARG001 - it is all or nothing
    """Measure every view."""
    table = Table("views", f"Drawing a view of {N_TRIALS} trials with curves of {N_STEPS} steps: CPU milliseconds",
                  ["view", "run", "trials", "first drawing", "later ones (median)", "kilobytes"])
    for name, kind in VIEWS.items():
        n = FEWER.get(kind, N_TRIALS)
        m = measure("benchmarks.views", name, n)
        table.rows.append([name, kind, n, m["first"], m["ms"], m["kilobytes"]])
    slow = [row[0] for row in table.rows if row[4] > LIMIT_MS]
    table.notes.append(f"Above {LIMIT_MS:.0f} ms: {', '.join(slow) or 'none'}.")
    return [table]


if __name__ == "__main__":
    point(sys.argv[1], int(sys.argv[2]))
