"""Runs with a scheduler in real JupyterLab: the race, its table, what stands below, curves, and the lesson; in light and dark."""

import re

from playwright.sync_api import expect

SETUP = """
import math, time
import workbench as wb
from workbench.fidelity.hyperband import Hyperband
space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), momentum=wb.Float(0, 1), optimizer=wb.Choice("adam", "sgd"))
def objective(c):
    final = 0.05 + 0.1 * (math.log10(c["lr"]) + 3) ** 2 + 0.2 * (c["momentum"] - 0.8) ** 2
    for step in range(1, 1000):
        time.sleep(0.2)
        yield final + 0.6 * (1 + c["momentum"]) / step ** 0.7
run = wb.optimize(objective, space, algorithm=wb.Random(), scheduler=Hyperband(81), n_workers=3, seed=1)
run
"""
RACE = "document.querySelector('.wb-race .js-plotly-plot')"


def out(page):
    return page.locator(".wb-panel").first


def show(page, tab):
    out(page).get_by_role("tab", name=tab, exact=True).click()


def button(page, name):
    return out(page).get_by_role("button", name=name, exact=True)


def both(notebook, page, name):
    for theme in (notebook.dark, notebook.light):
        theme(page)
        page.wait_for_timeout(600)
        out(page).screenshot(path=notebook.path(f"-{name}-{theme.__name__}"))


def test_the_race_is_run_watched_and_looked_into(notebook):
    page = notebook([SETUP])
    show(page, "Fidelity")
    expect(out(page)).to_contain_text("Hyperband · 81 steps · trials wait in memory")
    expect(out(page).locator(".wb-brackets")).to_contain_text("81 × 1")
    button(page, "Start").click()
    page.wait_for_function(f"{RACE}?.data?.some(t => t.name === 'waiting' && t.mode === 'markers' && t.y.length > 3)")
    expect(out(page).locator(".wb-cell-now").first).to_contain_text(re.compile("81 × 1|27 × 3"))
    expect(out(page)).to_contain_text(re.compile(r"3 running .* waiting"))
    both(notebook, page, "waiting")
    page.wait_for_function(f"{RACE}.data.some(t => t.name === 'promoted' && Math.max(...[...t.x].filter(Number.isFinite)) > 2)")
    both(notebook, page, "promoted")

    page.get_by_label("workers over time").check()
    gantt = "document.querySelectorAll('.wb-fidelity > .wb-figure .js-plotly-plot')[0]"
    page.wait_for_function(f"{gantt}?.data?.some(t => t.name === 'to 3 steps' && t.x.length)")
    assert page.evaluate(f"{gantt}.layout.yaxis.ticktext").__len__() == 3
    button(page, "Pause").click()
    expect(out(page)).to_contain_text("Paused")
    both(notebook, page, "workers")
    page.get_by_label("ranks between budgets").check()
    page.wait_for_function("[...document.querySelectorAll('.wb-fidelity > .wb-figure .js-plotly-plot')].some(g => g.data?.some(t => t.type === 'heatmap'))")
    page.get_by_label("Budgets to compare").select_option("1,3")
    page.wait_for_function("[...document.querySelectorAll('.wb-fidelity > .wb-figure .js-plotly-plot')].some(g => g.layout?.yaxis2?.title?.text === 'loss after 3 steps')")
    both(notebook, page, "ranks")

    out(page).locator(".wb-brackets thead button", has_text="s = 0").click()
    page.wait_for_function(f"{RACE}.layout.annotations?.[0]?.text.includes('has not begun')")
    expect(page.get_by_label("Bracket to show")).to_have_value("4")
    page.get_by_label("Bracket to show").select_option("0")
    page.wait_for_function(f"{RACE}.layout.title?.text.startsWith('Bracket 1 of 5')")
    x, y, trial = page.evaluate(f"""(() => {{ const g = {RACE}, t = g.data.find(t => t.name === 'stopped' && t.mode === 'markers'),
        b = g.getBoundingClientRect(), l = g._fullLayout, i = Math.floor(t.y.length / 2);
        return [b.left + l.xaxis._offset + l.xaxis.d2p(0.4), b.top + l.yaxis._offset + l.yaxis.d2p(t.y[i]), t.customdata[i]]; }})()""")
    page.mouse.move(x, y, steps=3)
    page.mouse.click(x, y)  # in the middle of a bar, away from its head
    expect(out(page).locator(".wb-foot")).to_contain_text(re.compile(rf"trial {trial}\b"))

    show(page, "Curves")
    page.wait_for_function("document.querySelector('.wb-curves .js-plotly-plot')?.layout?.xaxis?.type === 'log'")
    both(notebook, page, "curves")
    page.get_by_label("Log scale of steps").uncheck()
    page.wait_for_function("document.querySelector('.wb-curves .js-plotly-plot').layout.xaxis.type === 'linear'")


def test_a_run_without_a_scheduler_has_no_such_tab(notebook):
    page = notebook([SETUP.replace("scheduler=Hyperband(81), ", "n_trials=3, ")])
    expect(out(page).get_by_role("tab", name="Curves")).to_be_visible()
    expect(out(page).get_by_role("tab", name="Fidelity")).to_have_count(0)


LESSON = "from workbench_widgets.lessons import HyperbandTableLesson\nlesson = HyperbandTableLesson()\nlesson"


def test_the_lesson_on_the_table_explains_a_cell_and_refuses_what_is_none(notebook):
    page = notebook([LESSON])
    page.wait_for_selector(".wb-lesson .js-plotly-plot .nsewdrag", state="attached")
    status = page.locator(".wb-lesson-status")
    page.locator("[data-term='cell-1-0-0']").hover()
    expect(status).to_contain_text("⌈5 · 3^3 / 4⌉ = 34")
    page.locator("[data-term='cell-1-0-1']").hover()
    expect(status).to_contain_text("⌊5 / 4⌋ · 3^3 = 27")
    page.locator(".wb-lesson button").filter(has_text=re.compile(r"^\s*Show\s*$")).click()
    expect(page.locator(".wb-lesson-formula")).to_contain_text("Σ 1581")
    notebook.both(page)
    field = page.locator(".wb-lesson input[type=number]").first
    field.fill("0")
    field.press("Enter")
    expect(status).to_contain_text("R must be a whole number, at least 1, got 0")
    field.fill("27")
    field.press("Enter")
    expect(page.locator(".wb-lesson-formula")).to_contain_text("27 × 1")
