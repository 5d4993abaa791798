"""Lessons in a real browser: click to evaluate, drag the lengthscale, step by keys; seen in light and dark."""

import re

import pytest

GP = "from workbench_widgets.lessons import GaussianProcessLesson\nlesson = GaussianProcessLesson()\nlesson"
BO = "from workbench_widgets.lessons import BayesianOptimisationLesson\nlesson = BayesianOptimisationLesson()\nlesson"
CMA = "from workbench_widgets.lessons import CMAESLesson\nlesson = CMAESLesson()\nlesson"
DARTS = "from workbench_widgets.lessons import DARTSLesson\nlesson = DARTSLesson()\nlesson"
MORPHISM = "from workbench_widgets.lessons import MorphismLesson\nlesson = MorphismLesson()\nlesson"
TPE = "from workbench_widgets.lessons import TPELesson\nlesson = TPELesson()\nlesson"

DRAWN = """([name, key]) => { const gd = document.querySelector('.wb-lesson .js-plotly-plot');
    const t = gd?.data?.find(t => t.name === name); return t ? Array.from(t[key] ?? []) : null; }"""
COUNT = "([name, n]) => (" + DRAWN + ")([name, 'x'])?.length === n"


def open_lesson(notebook, cell):
    page = notebook([cell])
    page.wait_for_selector(".wb-lesson .js-plotly-plot .nsewdrag", state="attached")
    return page


def plot_area(page, i=0):
    return page.locator(".wb-lesson .nsewdrag").nth(i).bounding_box()


def button(page, label):
    return page.locator(".wb-lesson button").filter(has_text=re.compile(rf"^\s*{label}\s*$"))


def click_at(page, fx, fy, i=0):
    box = plot_area(page, i)
    page.mouse.click(box["x"] + fx * box["width"], box["y"] + fy * box["height"])


def both(notebook, page, name=""):
    notebook.both(page, name)
    page.wait_for_timeout(700)  # while the style sheets change the page moves, and a click would miss


def test_a_click_evaluates_and_the_lengthscale_can_be_dragged(notebook):
    page = open_lesson(notebook, GP)
    for n, fx in enumerate((0.2, 0.8, 0.5), start=1):
        click_at(page, fx, 0.4)
        page.wait_for_function(COUNT, arg=["observations", n])
    x = page.evaluate(DRAWN, ["observations", "x"])
    assert x == pytest.approx([0.2, 0.8, 0.5], abs=0.02)
    before = page.evaluate(DRAWN, ["mean μ(x)", "y"])
    handle = page.locator(".wb-lesson .noUi-handle").first
    spot = handle.bounding_box()
    page.mouse.move(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
    page.mouse.down()
    page.mouse.move(spot["x"] + 35, spot["y"] + spot["height"] / 2, steps=6)
    page.mouse.up()
    page.wait_for_function("before => JSON.stringify((" + DRAWN + ")(['mean μ(x)', 'y'])) !== before",
                           arg=str(before).replace(" ", ""))
    page.wait_for_function("(" + DRAWN + ")(['present lengthscale', 'x'])[0] > 0.25")
    page.wait_for_function(COUNT, arg=["observations", 3])
    button(page, "Fit").click()
    page.locator(".wb-lesson select").filter(has_text="posterior").select_option("posterior")
    page.wait_for_function(COUNT, arg=["3 functions drawn from the posterior", 161])
    both(notebook, page)
    click_at(page, 0.7, 0.5, i=1)  # the likelihood's own plot: choose a lengthscale there
    page.wait_for_function("(" + DRAWN + ")(['present lengthscale', 'x'])[0] > 0.3")
    button(page, "Reset").click()
    page.wait_for_function(COUNT, arg=["observations", 0])


def test_a_guess_is_kept_and_keys_step_back_and_reset(notebook):
    page = open_lesson(notebook, BO)
    click_at(page, 0.35, 0.4)
    page.get_by_text("Your guess is kept").wait_for()
    notebook.shot(page, "-guess")
    button(page, "Show what they say").click()
    page.get_by_text("gives your guess").wait_for()
    page.wait_for_function(COUNT, arg=["EI", 301])
    both(notebook, page, "-shown")
    lesson = page.locator(".wb-lesson[tabindex]")
    lesson.press("s")
    page.wait_for_function(COUNT, arg=["observations", 4])
    lesson.press("ArrowRight")
    page.wait_for_function(COUNT, arg=["observations", 5])
    lesson.press("ArrowLeft")
    page.wait_for_function(COUNT, arg=["observations", 4])
    lesson.press("r")
    page.wait_for_function(COUNT, arg=["observations", 3])
    assert page.locator(".jp-Cell").count() == 1  # no key reached the notebook's own commands


def test_bayesian_optimisation_over_a_square(notebook):
    page = open_lesson(notebook, BO)
    page.locator(".wb-lesson select").last.select_option("Branin (2-D)")
    page.wait_for_function(COUNT, arg=["observations", 6])
    click_at(page, 0.5, 0.5)
    page.get_by_text("Your guess is kept").wait_for()
    button(page, "Step").click()
    page.wait_for_function(COUNT, arg=["observations", 7])
    heat = page.evaluate("document.querySelector('.wb-lesson .js-plotly-plot').data.filter(t => t.type === 'heatmap')"
                         ".map(t => [t.z.length, t.z[0].length, Number.isFinite(t.z[20][20])])")
    assert heat == [[41, 41, True], [41, 41, True]]
    both(notebook, page)


def test_tpe_plays_and_pauses_and_terms_light_up(notebook):
    page = open_lesson(notebook, TPE)
    click_at(page, 0.4, 0.4)
    button(page, "Show the ratio").click()
    page.get_by_text("At your guess the ratio").wait_for()
    page.get_by_label("compare with a Gaussian process").check()
    page.locator(".wb-lesson [data-term=l]").hover()
    page.wait_for_function("document.querySelector('.wb-lesson .js-plotly-plot').data"
                           ".find(t => t.name.startsWith('l(x)')).fillcolor.includes('0.5')")
    both(notebook, page)
    page.locator(".wb-lesson select").first.select_option("slow")
    button(page, "Play").click()
    page.locator(".gtitle", has_text=re.compile(r"After (1[5-9]|[2-9]\d) trials")).wait_for()  # a slow page skips pictures
    button(page, "Pause").click()
    button(page, "Play").wait_for()
    status = page.locator(".wb-lesson [role=status]").inner_text()
    page.wait_for_timeout(900)
    assert page.locator(".wb-lesson [role=status]").inner_text() == status


def test_cma_es_guess_step_switch_and_zoom(notebook):
    page = open_lesson(notebook, CMA)
    click_at(page, 0.3, 0.4)
    page.get_by_text("Your guess is kept").wait_for()
    lesson = page.locator(".wb-lesson[tabindex]")
    lesson.press("s")
    page.wait_for_function(COUNT, arg=["selected", 4])
    page.get_by_text("away from the new mean").wait_for()
    lesson.press("s")
    page.locator(".gtitle", has_text="the distribution has moved").wait_for()
    both(notebook, page)
    page.get_by_label("three steps a generation").uncheck()
    for generation in range(2, 6):
        lesson.press("s")
        page.locator(".gtitle", has_text=f"Generation {generation}:").wait_for()
    page.get_by_label("rank-μ (points)").uncheck()
    page.get_by_text("Switched off: rank-μ (points)").wait_for()
    page.get_by_label("zoom in on the distribution").check()
    page.wait_for_function("document.querySelector('.wb-lesson .js-plotly-plot').layout.xaxis.range[1] !== 1")
    both(notebook, page, "-zoomed")


def test_predict_first_by_keys_hides_the_band_until_a_guess(notebook):
    page = open_lesson(notebook, GP)
    lesson = page.locator(".wb-lesson[tabindex]")
    lesson.press("p")
    page.get_by_text("The band is hidden").wait_for()
    lesson.press("s")
    page.get_by_text("Predict first").first.wait_for()
    click_at(page, 0.3, 0.4)
    page.get_by_text("Your guess is kept").wait_for()
    both(notebook, page, "-guess")
    lesson.press("ArrowRight")
    page.get_by_text("of the largest").first.wait_for()
    page.wait_for_function(COUNT, arg=["95 % band", 161])
    lesson.press("ArrowRight")
    page.wait_for_function(COUNT, arg=["observations", 1])
    page.get_by_text("The band is hidden").wait_for()


def test_a_morphism_is_guessed_shown_trained_and_its_copies_parted(notebook):
    page = open_lesson(notebook, MORPHISM)
    lesson = page.locator(".wb-lesson[tabindex]")
    lesson.press("p")
    lesson.press("s")
    page.get_by_text("Predict first").first.wait_for()
    page.get_by_label("how far apart?").select_option("a little: up to 0.3")
    page.get_by_text("Your guess is kept").wait_for()
    lesson.press("s")
    page.get_by_text("not so.").wait_for()
    page.wait_for_function(COUNT, arg=["evaluation mode", 1])
    both(notebook, page, "-deeper")
    page.get_by_label("predict first").uncheck()
    page.get_by_label("morphism", exact=True).select_option("wider (Net2Net)")
    page.wait_for_function(COUNT, arg=["copies", 1])
    for n in range(2, 5):
        button(page, "Step").click()
        page.wait_for_function(COUNT, arg=["copies", n])
    assert max(page.evaluate(DRAWN, ["copies", "y"])) < 1e-12
    page.get_by_label("break the symmetry (wider)").check()
    page.wait_for_function("(" + DRAWN + ")(['copies', 'y'])[3] > 1e-4")
    both(notebook, page, "-wider")


def test_darts_searches_by_steps_takes_a_guess_and_discretises(notebook):
    page = open_lesson(notebook, DARTS)
    lesson = page.locator(".wb-lesson[tabindex]")
    for epoch in (1, 2, 3):
        lesson.press("s")
        page.locator(".gtitle", has_text=f"Epoch {epoch}:").wait_for()
    x, y = page.evaluate("""() => { const gd = document.querySelector('.wb-lesson .js-plotly-plot'), box = gd.getBoundingClientRect(),
        { xaxis: x, yaxis: y } = gd._fullLayout._plots.x3y3;
        return [box.left + x._offset + x._length / 2, box.top + y._offset + y.d2p(40)]; }""")
    page.mouse.click(x, y)
    page.get_by_text(re.compile(r"Your guess: (39|40|41) % will be left")).wait_for()
    button(page, "Discretise").click()
    page.get_by_text(re.compile(r"You said (39|40|41) %, it is \d+ %")).wait_for()
    both(notebook, page)
    page.locator(".wb-lesson select").filter(has_text="0 → 1").select_option("0 → 1")
    page.get_by_text("The mixed operation on edge 0 → 1").wait_for()
    button(page, "Reset").click()
    page.locator(".gtitle", has_text="Epoch 0:").wait_for()
