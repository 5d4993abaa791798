"""What the Importance tab costs a run of short trials while it is seen: with and without it, interleaved.

Trials take about 20 ms of four sorts: Python's own loops and small arrays of numpy, which hold the interpreter; scikit-learn's
trees, which let it go; waiting, which needs it back each time. The panel is always there; the tab's pictures are on screen or
not. A third run computes one answer after the other without any rest: what it loses, divided by 21, is what the rest leaves.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

import workbench as wb
from benchmarks.table import Table
from workbench_widgets import beside
from workbench_widgets.run_panel import RunPanel

TRIALS = 400
ROUNDS = 6
SPACE = wb.Space({**{f"x{k}": wb.Float(0.0, 1.0) for k in range(5)}, "kind": wb.Choice("a", "b", "c"), "depth": wb.Int(1, 9),
                  "rate": wb.Float(1e-5, 1e-1, log=True)})
DIGITS, LABELS = (a[:300] for a in load_digits(return_X_y=True))


def _value(c: dict[str, Any]) -> float:
    return float((c["x0"] - 0.3) ** 2 + c["x1"] * c["x2"] + (c["kind"] == "a") * 0.2 + abs(np.log10(c["rate"]) + 3) / 9)


def loops(c: dict[str, Any]) -> float:
    total = 0.0
    for k in range(260_000):
        total += k * 1e-9
    return _value(c) + 0 * total


def arrays(c: dict[str, Any]) -> float:
    rng = np.random.default_rng(0)
    for _ in range(150):
        np.linalg.norm(np.sort(rng.random(4000)))
    return _value(c)


def trees(c: dict[str, Any]) -> float:
    RandomForestClassifier(10, max_depth=6, random_state=0).fit(DIGITS, LABELS)
    return _value(c)


def waiting(c: dict[str, Any]) -> float:
    for _ in range(4):
        time.sleep(0.005)
    return _value(c)


class Counted(beside.Pace):
    """A pace that adds up what it is told."""

    total = 0.0

    def spent(self, cost_s: float) -> None:
        self.total += cost_s
        super().spent(cost_s)

    def also(self, cost_s: float) -> None:
        self.total += cost_s
        super().also(cost_s)


def seconds(objective: Callable[[dict[str, Any]], float], *, seen: bool, seed: int,
            rest: float = beside.REST) -> tuple[float, int, float]:
    """Run it once; returns seconds, how many answers there were meanwhile, and the share of the time that they took."""
    beside.REST = rest
    run = wb.optimize(objective, SPACE, algorithm=wb.Random(), n_trials=TRIALS, seed=seed)
    panel = RunPanel(run)
    tab: Any = panel.pages["importance"]
    tab.beside.pace = pace = Counted()
    panel.bring_to_front("importance")
    if seen:
        tab.bars.live.shown = tab.detail.live.shown = True
    answers = set()
    tab.observe(lambda change: answers.add(change["new"]), "csv")
    began = time.perf_counter()
    run.start().wait()
    took = time.perf_counter() - began
    n, busy = len(answers - {""}), pace.total
    panel.close()
    return took, n, busy / took


def warm_up() -> None:
    """Import and compile what both cases need."""
    for seen in (False, True):
        seconds(waiting, seen=seen, seed=99)


WAYS = {"not seen": {"seen": False}, "seen": {"seen": True}, "without rest": {"seen": True, "rest": 0.0}}


def run(*, full: bool = False) -> list[Table]:
    """Measure; ``full`` takes more rounds."""
    rest, ways = beside.REST, list(WAYS)
    table = Table("live_importance", f"{TRIALS} trials of about 20 ms, 8 parameters, while the Importance tab is seen",
                  ["trial", "ms, tab not seen", "seen: times as long", "quartiles", "answers a run", "% of the time they took",
                   "without rest: times as long", "of which the rest leaves"])
    warm_up()
    for objective in (loops, arrays, trees, waiting):
        took: dict[str, list[float]] = {way: [] for way in WAYS}
        answers, shares = [], []
        for k in range(ROUNDS * (4 if full else 1)):
            for way in ways[k % 3:] + ways[:k % 3]:
                s, n, share = seconds(objective, seed=k, **WAYS[way])
                took[way].append(s)
                if way == "seen":
                    answers.append(n)
                    shares.append(100 * share)
        paced, unpaced = ([b / a for a, b in zip(took["not seen"], took[way], strict=True)] for way in ways[1:])
        low, _, high = statistics.quantiles(paced, n=4)
        worst = statistics.median(unpaced)
        table.rows.append([objective.__name__, 1e3 * statistics.median(took["not seen"]) / TRIALS,
                           f"{statistics.median(paced):.3f}", f"{low:.3f} - {high:.3f}",
                           f"{statistics.mean(answers):.1f}", f"{statistics.median(shares):.1f}", f"{worst:.2f}",
                           f"{1 + (worst - 1) / (1 + rest):.3f}"])
    beside.REST = rest
    table.notes = ["Answers, gathering and drawing them included, are counted by the clock. After one the next waits "
                   f"{rest:g} times as long as it took: at worst {1 + 1 / rest:.2f}; the first one does not wait. Wall times, "
                   "medians of interleaved rounds. Goal: at most 1.05."]
    return [table]


if __name__ == "__main__":
    start = time.perf_counter()
    for measured in run():
        print(measured.markdown())
    print(f"{time.perf_counter() - start:.0f} s")
