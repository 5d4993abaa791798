"""What a drawing of the bracket race with 81 live trials costs, in Python and in the page, beside the view of all results.

Times are CPU times of the pump's work and of the page's main thread, so that a busy machine counts for little. The page
rests half as long as it has drawn, after at least one frame; so it can draw 1 / (1/60 s + 1.5 times its cost) pictures a second.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from benchmarks.browser_latency import RUN_CELL, idle, notebooks
from benchmarks.table import Table

LIVE = 81
REDRAWS = 40

RACE = f"""
import time
import ipywidgets as w
import workbench as wb
from workbench.events import RunStarted, TrialJudged, TrialSuggested
from workbench.fidelity.hyperband import Hyperband
from workbench_widgets.views import BracketsView, HistoryView
space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), kind=wb.Choice("a", "b"), momentum=wb.Float(0, 1))
def objective(c):
    for step in range(1, 1000):
        yield c["lr"] + c["momentum"] / step
run = wb.optimize(objective, space, algorithm=wb.Random(), scheduler=Hyperband(81), n_workers={LIVE}, seed=0)
log = list(run.start().wait().log)
begun = [e for e in log if isinstance(e, (RunStarted, TrialSuggested)) or isinstance(e, TrialJudged) and not e.step]
race, results = BracketsView(), HistoryView()
race.fold(begun[:1 + 2 * {LIVE}])
results.fold(log)
for view in (race, results):
    view.show()
race.live.push_once()
"""

COST = """
def cpu(view, n=50):
    began = time.thread_time()
    for _ in range(n):
        view.show()
    return 1e3 * (time.thread_time() - began) / n
print(len([f for f in race.fates.by_number.values() if f.live]), cpu(race), cpu(results))"""

DRAW = """async (n) => {
  const gd = document.querySelector('.js-plotly-plot'), plotly = await globalThis.__workbenchLive.library;
  for (let i = 0; i < n; i++) {
    const data = gd.data.map((t) => ({ ...t, x: t.x.slice(), y: t.y.slice() })), layout = structuredClone(gd.layout);
    layout.title.text = `redraw ${i}`;
    await plotly.react(gd, data, layout, gd._context);
    await new Promise(requestAnimationFrame);
  }
}"""


def page_cpu(page: Any, n: int) -> float:
    """Milliseconds of the page's main thread per redraw: scripts, styles, layout."""
    client = page.context.browser.new_browser_cdp_session()
    renderers = [p["id"] for p in client.send("SystemInfo.getProcessInfo")["processInfo"] if p["type"] == "renderer"]

    def spent() -> float:
        """Return CPU seconds of the renderers' main threads, of which only one has something to do."""
        ticks = 0
        for pid in renderers:
            stat = Path(f"/proc/{pid}/task/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += int(stat[11]) + int(stat[12])  # user and system
        return ticks / os.sysconf("SC_CLK_TCK")

    page.evaluate(DRAW, 3)
    before = spent()
    page.evaluate(DRAW, n)
    client.detach()
    return 1e3 * (spent() - before) / n


def run(*, full: bool = False) -> list[Table]:
    """Measure; ``full`` redraws more often."""
    n = REDRAWS * (5 if full else 1)
    table = Table("race_view", f"One drawing of the bracket race, {LIVE} live trials",
                  ["picture", "Python ms", "page ms", "drawings a second that the page could do"])
    with notebooks() as make:
        for k, name in enumerate(("bracket race", "all results, 143 trials")):
            books = make()
            page = books([RACE, ("race", "results")[k] + ".live", COST], run=False)
            for cell in (0, 1):
                page.evaluate(RUN_CELL, cell)
                idle(page)
            page.wait_for_function("document.querySelector('.js-plotly-plot .main-svg')")
            page.wait_for_timeout(500)
            drawn = page_cpu(page, n)
            page.evaluate(RUN_CELL, 2)
            idle(page)
            live, *python = map(float, page.locator(".jp-OutputArea").last.inner_text().split())
            assert live == LIVE, f"{live:g} trials were live"
            table.rows.append([name, python[k], drawn, 1e3 / (1e3 / 60 + 1.5 * drawn)])
            books.close()
    table.notes = ["CPU times. The pump looks ten times a second: that is the most there is. Goal: 8 drawings a second."]
    return [table]


if __name__ == "__main__":
    start = time.perf_counter()
    for measured in run():
        print(measured.markdown())
    print(f"{time.perf_counter() - start:.0f} s")
