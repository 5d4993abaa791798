"""The game and the race in real JupyterLab: played by clicks and by keys, in light and dark."""

import re

from playwright.sync_api import expect

GAME = "from workbench_widgets.lessons import YouAreTheOptimiser\ngame = YouAreTheOptimiser()\ngame"
PLOT = "document.querySelector('.wb-lesson .js-plotly-plot')"
COUNT = f"n => ({PLOT}?.data?.find(t => t.name === 'your evaluations')?.x ?? []).length === n"


def button(page, label, root=".wb-lesson"):
    return page.locator(f"{root} button").filter(has_text=re.compile(rf"^\s*{label}\s*$"))


def click_at(page, fx, fy):
    box = page.locator(".wb-lesson .nsewdrag").first.bounding_box()
    page.mouse.click(box["x"] + fx * box["width"], box["y"] + fy * box["height"])


def both(notebook, page, name):
    notebook.both(page, name)
    page.wait_for_timeout(700)  # while the style sheets change the page moves, and a click would miss


def test_ten_evaluations_by_clicks_and_keys_then_the_reveal_and_another_game(notebook):
    page = notebook([GAME])
    page.wait_for_selector(".wb-lesson .js-plotly-plot .nsewdrag", state="attached")
    both(notebook, page, "-start")
    for n, fx in enumerate((0.2, 0.5, 0.8), start=1):
        click_at(page, fx, 0.5)
        page.wait_for_function(COUNT, arg=n)
    lesson = page.locator(".wb-lesson[tabindex]")
    names = page.evaluate(f"{PLOT}.data.map(t => t.name)")
    assert not {"GP-BO", "TPE", "random", "hidden function"} & set(names)  # nobody sees the others before the end
    lesson.press("h")
    expect(page.locator(".wb-lesson [role=status]")).to_contain_text("Hint: expected improvement")
    both(notebook, page, "-hint")
    for n in range(4, 11):
        lesson.press("Shift+ArrowLeft")
        lesson.press("ArrowRight")
        lesson.press("Enter")
        if n < 10:
            page.wait_for_function(COUNT, arg=n)
    page.wait_for_function(f"{PLOT}.data.some(t => t.name === 'hidden function')")
    assert {"you", "GP-BO", "TPE", "random"} <= set(page.evaluate(f"{PLOT}.data.map(t => t.name)"))
    expect(page.locator(".wb-lesson-question")).to_contain_text(re.compile("win|share"))
    expect(page.locator(".wb-lesson-formula")).to_contain_text("Score after 1 game")
    both(notebook, page, "-reveal")
    button(page, "Play again").click()
    page.wait_for_function(COUNT, arg=0)
    expect(page.locator(".wb-lesson-formula")).to_contain_text("Score after 1 game")
    assert page.locator(".jp-Cell").count() == 1  # no key reached the notebook's own commands


def test_the_game_over_a_square(notebook):
    page = notebook([GAME])
    page.wait_for_selector(".wb-lesson .js-plotly-plot .nsewdrag", state="attached")
    page.locator(".wb-lesson select").first.select_option("a square (2-D)")
    page.get_by_text("Click anywhere in the square").wait_for()
    for n, (fx, fy) in enumerate(((0.2, 0.2), (0.8, 0.3), (0.5, 0.5), (0.3, 0.8), (0.7, 0.75)), start=1):
        click_at(page, fx, fy)
        page.wait_for_function(COUNT, arg=n)
    button(page, "Hint").click()
    expect(page.locator(".wb-lesson [role=status]")).to_contain_text("Hint: expected improvement")
    both(notebook, page, "-hint")
    for n, (fx, fy) in enumerate(((0.1, 0.5), (0.9, 0.5), (0.5, 0.1), (0.5, 0.9), (0.45, 0.4)), start=6):
        click_at(page, fx, fy)
        if n < 10:
            page.wait_for_function(COUNT, arg=n)
    page.wait_for_function(f"{PLOT}.data.some(t => t.type === 'heatmap')")
    both(notebook, page, "-reveal")


RACE = """
import workbench as wb
from workbench.problems import branin
race = wb.race(branin(), {"GP-BO": wb.GPBO(), "TPE": wb.TPE(), "random": wb.Random()}, n_trials=25, seeds=8)
race
"""


def test_a_race_is_started_paused_and_run_to_its_end(notebook):
    page = notebook([RACE])
    race = page.locator(".wb-race")
    expect(race).to_contain_text("Ready")
    both(notebook, page, "-ready")
    button(page, "Start", ".wb-race").click()
    page.wait_for_function("document.querySelector('.wb-race .js-plotly-plot')?.data?.length >= 3")
    button(page, "Pause", ".wb-race").click()
    expect(race).to_contain_text("Paused")
    button(page, "Go on", ".wb-race").click()
    expect(race).to_contain_text("Done", timeout=60_000)
    expect(race).to_contain_text("is first: average rank")
    page.wait_for_timeout(500)
    both(notebook, page, "-done")
