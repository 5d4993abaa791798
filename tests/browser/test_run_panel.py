"""The run panel in real JupyterLab: start, watch it grow, look at every view, pause under a busy kernel, stop, reload."""

import json
import re
from importlib.metadata import version

import pytest
from playwright.sync_api import expect

SETUP = """
import time, math
import workbench as wb
space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd"),
                 momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}))
def objective(c):
    if c["lr"] > 3e-2:
        raise ValueError(f"diverged at lr={c['lr']:.2g}")
    for epoch in range(4):
        time.sleep(0.02)
        yield (math.log10(c["lr"]) + 3) ** 2 + c.get("momentum", 0.5) + 1 / (epoch + 1)
run = wb.optimize(objective, space, algorithm=wb.ALGORITHM, n_trials=300, seed=0)
run
"""
GP, TPE = (SETUP.replace("ALGORITHM", a) for a in ("GPBO(n_startup=6)", "TPE(n_startup=6)"))


def gd(view):
    return f"document.querySelector('.wb-{view} .js-plotly-plot')"


DOTS = f"({gd('progress')}?.data?.filter(t => t.name === 'complete').reduce((n, t) => n + t.y.length, 0) ?? 0)"


def out(page):
    return page.locator(".wb-panel").first


def button(page, name):
    return out(page).get_by_role("button", name=name, exact=True)


def show(page, tab):
    out(page).get_by_role("tab", name=tab, exact=True).click()


def grown(page, n):
    page.wait_for_function(f"{DOTS} >= {n}")


def has_trace(page, view, name):
    page.wait_for_function(f"{gd(view)}?.data?.some(t => t.name === '{name}' && t.y.length)")


def tour(notebook, page, model):
    """Look at every tab, in light and in dark."""
    for theme in (notebook.light, notebook.dark):
        theme(page)
        for tab in ("Progress", "Curves", "Trials", "Log", "Model"):
            show(page, tab)
            page.wait_for_timeout(350)  # a drawing that is under way, and the change of colours
            out(page).screenshot(path=notebook.path(f"-{model}-{tab.lower()}-{theme.__name__}"))
    notebook.light(page)


def test_a_run_is_started_watched_paused_reloaded_and_stopped(notebook):
    page = notebook([GP])
    expect(out(page)).to_contain_text("Ready")
    expect(out(page)).to_contain_text("not saved · give it a name")
    button(page, "Start").click()
    grown(page, 6)
    expect(out(page)).to_contain_text("Running")
    before = page.evaluate(DOTS)
    grown(page, before + 2)
    show(page, "Model")
    has_trace(page, "model", "mean")
    mean = page.evaluate(f"[...{gd('model')}.data.find(t => t.name === 'mean').y]")
    assert len(mean) == 200
    assert max(mean) > min(mean)
    trial = "document.querySelector('.wb-modelhead .wb-hint').textContent"
    page.wait_for_function(f"{trial} !== {json.dumps(page.evaluate(trial))}")  # it follows the newest trial
    button(page, "Pause").click()
    expect(out(page)).to_contain_text("Paused")
    tour(notebook, page, "gp")
    assert page.locator(".modebar-btn[data-title*=hare]").count() == 0  # nothing is uploaded anywhere

    out(page).get_by_label("2-D map").check()
    page.wait_for_function(f"{gd('model')}?.data?.filter(t => t.type === 'heatmap' && t.z.length > 1).length === 2")
    notebook.both(page, "-map")

    notebook.save(page)
    size = page.file.stat().st_size
    assert size < 100_000, "three of these must stay under 300 kB"
    page.reload()
    grown(page, 1)
    expect(out(page)).to_contain_text("Paused")
    button(page, "Resume").click()
    expect(out(page)).to_contain_text("Running")
    last = page.evaluate(DOTS)
    grown(page, last + 1)
    button(page, "Stop").click()
    button(page, "Really stop?").click()
    expect(out(page)).to_contain_text("Stopped")
    n = page.evaluate(DOTS)
    page.wait_for_timeout(500)
    assert page.evaluate(DOTS) == n


def test_tpe_shows_its_two_densities_and_candidates(notebook):
    page = notebook([TPE])
    button(page, "Start").click()
    grown(page, 12)
    show(page, "Model")
    has_trace(page, "model", "candidates")
    for name in ("l: good", "g: bad", "l / g"):
        assert max(page.evaluate(f"[...{gd('model')}.data.find(t => t.name === '{name}').y]")) > 0
    button(page, "Pause").click()
    expect(out(page)).to_contain_text("Paused")
    out(page).get_by_label("Parameter along the x axis", exact=True).select_option("optimizer")
    page.wait_for_function(f"{gd('model')}.data.some(t => t.type === 'bar')")
    notebook.both(page, "-levels")
    out(page).get_by_label("Parameter along the x axis", exact=True).select_option("lr")
    page.wait_for_function(f"!{gd('model')}.data.some(t => t.type === 'bar')")
    tour(notebook, page, "tpe")


BUSY = """
run.configure(algorithm=wb.Random(), n_trials=10**6)
run.start()
end = time.time() + 100
while run.state != "paused" and time.time() < end:
    time.sleep(0.05)
print("heard in time" if run.state == "paused" else "not heard")"""


def test_pause_is_heard_while_a_cell_runs(notebook):
    page = notebook([GP, BUSY])
    grown(page, 2)
    before = page.evaluate(DOTS)
    grown(page, before + 2)  # the curve grows under a busy cell
    button(page, "Pause").click()
    expect(page.locator(".jp-OutputArea").last).to_contain_text("heard in time", timeout=90_000)


@pytest.mark.skipif(tuple(map(int, version("ipykernel").split(".")[:2])) < (7, 4),
                    reason="older kernels answer clicks beside the cell; what the test takes away is not there")
def test_a_click_that_must_wait_says_so(notebook):
    """As in front ends that have no second way to the kernel: there a click waits for the cell."""
    page = notebook([GP, "del run._panel.comm._reply_subshell_for", BUSY.replace("100", "14")])
    grown(page, 1)
    button(page, "Pause").click()
    expect(out(page)).to_contain_text("The kernel is busy; your click is waiting.", timeout=10_000)
    notebook.both(page, "-busy")
    expect(page.locator(".jp-OutputArea").last).to_contain_text("not heard", timeout=60_000)
    expect(out(page)).to_contain_text("Paused")
    expect(out(page)).not_to_contain_text("your click is waiting")


def test_keys_work_while_the_panel_has_the_focus(notebook):
    page = notebook([GP])
    out(page).focus()
    page.keyboard.press("?")
    expect(out(page)).to_contain_text("start or pause")
    page.keyboard.press("s")
    expect(out(page)).to_contain_text("1 / 300 trials")
    expect(out(page)).to_contain_text("Paused")
    notebook.shot(page, "-focus")
    page.keyboard.press(" ")
    expect(out(page)).to_contain_text("Running")
    grown(page, 4)
    page.keyboard.press(" ")
    expect(out(page)).to_contain_text("Paused")
    page.keyboard.press("ArrowLeft")
    expect(out(page).locator(".wb-foot")).to_contain_text("back to the best")
    page.keyboard.press(".")
    expect(button(page, "Really stop?")).to_be_visible()
    page.keyboard.press(".")
    expect(out(page)).to_contain_text("Stopped")
    assert page.locator(".jp-Notebook .jp-Cell").count() == 1  # no key reached the notebook's commands


def test_a_click_on_a_dot_or_a_row_shows_that_trial(notebook):
    page = notebook([GP])
    button(page, "Start").click()
    grown(page, 5)
    page.wait_for_function(f"{gd('progress')}.data.some(t => t.name === 'failed')")
    button(page, "Pause").click()
    expect(out(page)).to_contain_text("Paused")
    page.wait_for_timeout(300)
    x, y, trial = page.evaluate(f"""(() => {{
        const g = {gd('progress')}, t = g.data.find(t => t.name === 'complete'), a = g._fullLayout, b = g.getBoundingClientRect();
        return [b.left + a.xaxis._offset + a.xaxis.d2p(t.x[1]), b.top + a.yaxis._offset + a.yaxis.d2p(t.y[1]), t.customdata[1]];
    }})()""")
    page.mouse.move(x - 30, y - 30)
    page.mouse.move(x, y, steps=4)
    page.wait_for_timeout(200)
    page.mouse.click(x, y)
    foot = out(page).locator(".wb-foot")
    expect(foot).to_contain_text(f"trial {trial}")
    page.wait_for_function(f"{gd('progress')}.data.some(t => t.name === 'picked')")
    foot.get_by_role("button", name=re.compile("why this point")).click()
    expect(foot.locator(".wb-why")).to_be_visible()

    show(page, "Trials")
    failed = out(page).locator("tbody tr", has_text="failed").first
    failed.click()
    expect(foot).to_contain_text("ValueError: diverged")
    foot.locator("summary").click()
    expect(foot.locator("pre")).to_contain_text("in objective")
    notebook.both(page, "-traceback")
    out(page).get_by_role("button", name="value", exact=True).click()
    values = out(page).locator("tbody td:nth-child(3)")
    expect(out(page).locator("th[aria-sort=ascending]")).to_contain_text("value")
    shown = [float(v) for v in values.all_inner_texts() if v]
    assert shown == sorted(shown)
    button(page, "back to the best").click()
    expect(foot).to_contain_text("best: trial")


HOSTILE = """
import workbench as wb
bad = "<img src=x onerror='window.hacked=1'>\\"🙂 & <b>"
def f(c):
    print("<script>window.hacked=1</script>")
    if c[bad] < 0.5:
        raise ValueError(bad)
    return c[bad]
space = wb.Space({bad: wb.Float(0, 1), "k": wb.Choice("<i>a</i>", "<img src=x onerror='window.hacked=1'>")})
run = wb.optimize(f, space, n_trials=12, seed=0, algorithm=wb.GPBO(n_startup=4))
run"""


def test_hostile_names_options_and_errors_are_shown_as_text(notebook):
    page = notebook([HOSTILE])
    button(page, "Start").click()
    expect(out(page)).to_contain_text("Done")
    show(page, "Trials")
    expect(out(page).locator(".wb-trials table.wb-table")).to_contain_text("ValueError: <img src=x")
    show(page, "Log")
    expect(out(page).locator(".wb-lines")).to_contain_text("<script>")
    show(page, "Model")
    for k in range(2):
        out(page).get_by_label("Parameter along the x axis", exact=True).select_option(index=k)
        page.wait_for_timeout(500)
        notebook.shot(page, f"-{k}")
    out(page).get_by_role("button", name=re.compile("Space")).click()
    page.wait_for_timeout(500)
    assert page.evaluate("window.hacked === undefined")
    assert page.locator(".wb-panel img").count() == 0


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
    expect(page.locator(".jp-OutputArea").last).to_contain_text("events 10000")
    expect(out(page)).to_contain_text("5000 / 5000 trials")
    expect(out(page)).to_contain_text("best 1 (trial 4999)")
    last = f"Math.max(...({gd('progress')}?.data?.find(t => t.name === 'complete')?.x ?? [0]))"
    page.wait_for_function(f"{last} === 5000")
    assert "rate exceeded" not in notebook.lab.log.read_text()  # Jupyter dropped nothing


def test_several_panels_draw_the_same_and_only_what_is_seen(notebook):
    page = notebook([GP, "run", "from IPython.display import HTML; HTML('<div style=\"height:3000px\"></div>')", "run"])
    panels = page.locator(".wb-panel")
    expect(panels).to_have_count(3)
    page.evaluate("""() => { globalThis.__drawn = new Map();
        globalThis.__workbenchDrawn = (gd) => __drawn.set(gd, (__drawn.get(gd) ?? 0) + 1); }""")
    panels.first.scroll_into_view_if_needed()
    panels.first.get_by_role("button", name="Step", exact=True).click()
    expect(panels.first).to_contain_text("1 / 300 trials")
    for k in range(3):
        expect(panels.nth(k)).to_contain_text("1 / 300 trials")  # what is written follows everywhere
    page.wait_for_function("globalThis.__drawn.size >= 1")
    drawn = page.evaluate("[...document.querySelectorAll('.wb-panel')].map(p => __drawn.get(p.querySelector('.wb-progress .wb-livefigure')) ?? 0)")
    assert drawn[0] >= 1
    assert drawn[2] == 0  # far below the screen
    panels.nth(2).scroll_into_view_if_needed()
    page.wait_for_function("__drawn.get(document.querySelectorAll('.wb-panel')[2].querySelector('.wb-progress .wb-livefigure')) >= 1")


SEVERAL = """
import workbench as wb
def objective(c):
    if c["x"] > 0.9:
        raise ValueError("too large")
    return {"error": (c["x"] - 0.3) ** 2 + c["y"], "speed": c["y"] + c["x"]}
run = wb.optimize(objective, wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1)), algorithm=wb.Random(), n_trials=60, seed=0,
                  direction={"error": "minimize", "speed": "maximize"})
run
"""


def test_several_losses_show_their_pareto_set_in_head_picture_and_table(notebook):
    page = notebook([SEVERAL])
    button(page, "Start").click()
    expect(out(page)).to_contain_text(re.compile(r"60 / 60 trials.* in the Pareto set"), timeout=60_000)
    has_trace(page, "progress", "Pareto set")
    notebook.both(page, "-progress")
    show(page, "Trials")
    expect(out(page).get_by_role("columnheader", name="error, speed")).to_be_visible()
    expect(out(page).locator("tr.wb-best").first).to_be_visible()
    notebook.both(page, "-trials")
