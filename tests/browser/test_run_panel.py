"""The run panel in real JupyterLab: start, watch it grow, pause under a busy kernel, stop, reload."""

import re

from playwright.sync_api import expect

SETUP = """
import time, math, threading
import workbench as wb
space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd"),
                 momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}))
def objective(c):
    for epoch in range(3):
        time.sleep(0.03)
        yield (math.log10(c["lr"]) + 3) ** 2 + c.get("momentum", 0.5) + 1 / (epoch + 1)
run = wb.optimize(objective, space, algorithm=wb.GPBO(), n_trials=200, seed=0)
run
"""
FIGURE = "document.querySelector('.wb-progress .js-plotly-plot')"
DOTS = FIGURE + "?.data?.filter(t => t.name === 'complete').reduce((n, t) => n + t.y.length, 0) ?? 0"


def out(page):
    return page.locator(".wb-panel").first


def button(page, name):
    return out(page).get_by_role("button", name=name, exact=True)


def test_start_grows_pauses_stops_and_survives_a_reload(notebook):
    page = notebook([SETUP])
    expect(out(page)).to_contain_text("Ready")
    button(page, "Start").click()
    page.wait_for_function(f"({DOTS}) >= 8")
    expect(out(page)).to_contain_text("Running")
    before = page.evaluate(DOTS)
    page.wait_for_function(f"({DOTS}) > {before}")
    out(page).get_by_role("tab", name="Model").click()
    page.wait_for_function("document.querySelector('.wb-model .js-plotly-plot')?.data?.some(t => t.name === 'mean')")
    mean = page.evaluate("[...document.querySelector('.wb-model .js-plotly-plot').data.find(t => t.name === 'mean').y]")
    assert len(mean) == 200 and max(mean) > min(mean)
    notebook.both(page, "-model")
    out(page).get_by_label("2-D map").check()
    page.wait_for_function("document.querySelector('.wb-model .js-plotly-plot')?.data?.some(t => t.type === 'heatmap')")
    notebook.both(page, "-map")
    for tab in ("Curves", "Trials", "Log", "Progress"):
        out(page).get_by_role("tab", name=tab).click()
        page.wait_for_timeout(900)
        notebook.both(page, f"-{tab.lower()}")
    button(page, "Pause").click()
    expect(out(page)).to_contain_text("Paused")
    notebook.save(page)
    page.reload()
    page.wait_for_function(f"({DOTS}) > 0")
    expect(out(page)).to_contain_text("Paused")
    button(page, "Resume").click()
    expect(out(page)).to_contain_text("Running")
    button(page, "Stop").click()
    button(page, "Really stop?").click()
    expect(out(page)).to_contain_text("Stopped")
    n = page.evaluate(DOTS)
    page.wait_for_timeout(800)
    assert page.evaluate(DOTS) == n


def test_the_kernel_stays_free_and_clicks_wait_visibly_for_a_busy_cell(notebook):
    page = notebook([SETUP, "run.start(); time.sleep(25); print('cell', 'over')"])
    expect(out(page)).to_contain_text("Running")
    grown = page.evaluate(DOTS)
    page.wait_for_function(f"({DOTS}) > {grown + 3}")  # the curve grows under a busy cell
    assert "cell over" not in page.locator(".jp-OutputArea").last.inner_text()
    button(page, "Pause").click()
    expect(out(page)).to_contain_text(re.compile("Paused|Pausing|click is waiting"), timeout=2500)
    expect(out(page)).to_contain_text("Paused", timeout=60_000)


def test_keys_work_while_the_panel_has_the_focus(notebook):
    page = notebook([SETUP])
    out(page).focus()
    page.keyboard.press("s")
    expect(out(page)).to_contain_text("1 / 200 trials")
    expect(out(page)).to_contain_text("Paused")
    page.keyboard.press(" ")
    expect(out(page)).to_contain_text("Running")
    page.wait_for_function(f"({DOTS}) >= 4")
    page.keyboard.press(" ")
    expect(out(page)).to_contain_text("Paused")
    page.keyboard.press("ArrowLeft")
    expect(out(page).locator(".wb-foot")).to_contain_text("back to the best")
    page.keyboard.press(".")
    page.keyboard.press(".")
    expect(out(page)).to_contain_text("Stopped")
    assert page.locator(".jp-Notebook .jp-Cell").count() == 1  # no key reached the notebook's commands


def test_hostile_names_and_errors_are_shown_as_text(notebook):
    page = notebook(["""
import workbench as wb
bad = "<img src=x onerror='window.hacked=1'>\\"🙂 & <b>"
def f(c):
    print("<script>window.hacked=1</script>")
    raise ValueError(bad)
run = wb.optimize(f, wb.Space({bad: wb.Float(0, 1), "k": wb.Choice("<i>a</i>", "b")}), n_trials=3, seed=0, algorithm=wb.TPE())
run"""])
    button(page, "Start").click()
    expect(out(page)).to_contain_text("3 failed")
    out(page).get_by_role("tab", name="Trials").click()
    expect(out(page).locator("table.wb-table")).to_contain_text("ValueError: <img src=x")
    out(page).get_by_role("tab", name="Log").click()
    expect(out(page).locator(".wb-lines")).to_contain_text("<script>")
    out(page).get_by_role("tab", name="Model").click()
    page.wait_for_timeout(800)
    assert page.evaluate("window.hacked === undefined")


def test_five_thousand_events_a_second_from_eight_threads_end_with_the_right_values(notebook):
    page = notebook(["""
import threading, time
import workbench as wb
from workbench.events import TrialSuggested, TrialFinished
run = wb.optimize(lambda c: 0.0, wb.Space(x=wb.Float(0, 1)), n_trials=5000, seed=0)
run""", """
n = iter(range(10**9)); lock = threading.Lock()
def work():
    for _ in range(625):
        with lock:
            k = next(n)
            run.log.append(TrialSuggested(k, {"x": 0.5})); run.log.append(TrialFinished(k, "complete", 5000.0 - k))
        time.sleep(0.0016)
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print("events", len(run.log))"""])
    expect(page.locator(".jp-OutputArea").last).to_contain_text("events 1")
    expect(out(page)).to_contain_text("5000 / 5000 trials")
    expect(out(page)).to_contain_text("(trial 4999)")


def test_several_panels_of_one_run_show_the_same(notebook):
    page = notebook([SETUP, "run", "run.step(); run.step(); None"])
    panels = page.locator(".wb-panel")
    expect(panels).to_have_count(2)
    for i in range(2):
        expect(panels.nth(i)).to_contain_text("2 / 200 trials")
