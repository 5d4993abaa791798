"""What a screen reader, a keyboard and weak eyes need, checked by axe-core in light and dark: no serious finding."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

RULES = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
# findings about the whole page, of which an output is only a part: JupyterLab's own
WHOLE_PAGE = {"region", "page-has-heading-one", "landmark-one-main", "heading-order", "bypass"}

PANEL = """import time, workbench as wb
def objective(config):
    for epoch in range(9):
        time.sleep(0.005)
        yield (config["lr"] - 0.01) ** 2 + (config["kind"] == "b") + 1 / (1 + epoch)
    if config["lr"] > 0.09:
        raise ValueError("lr is too large")
space = wb.Space(lr=wb.Float(1e-4, 1e-1, log=True), kind=wb.Choice("a", "b"), n=wb.Int(1, 9, when={"kind": "a"}))
run = wb.optimize(objective, space, scheduler=wb.Hyperband(max_steps=9), n_trials=25, seed=0)
run"""
START = "run.start(); _ = await run.finished()"
EDITOR = """from workbench_widgets.space_editor import SpaceEditor
editor = SpaceEditor(space, prior={"lr": 1e-3, "kind": {"a": 2, "b": 1}}, locked=True, make_child=print)
editor"""
LESSONS = ["GaussianProcessLesson", "BayesianOptimisationLesson", "TPELesson", "GridRandomLesson", "CMAESLesson",
           "CurveExtrapolationLesson", "CurveFamiliesLesson", "HyperbandTableLesson", "YouAreTheOptimiser", "MorphismLesson",
           "DARTSLesson", "MAMLLesson"]


def findings(page, root):
    """Serious and critical findings within the elements of that selector, as readable lines."""
    result = Axe().run(page, context=root, options=RULES).response
    serious = [v for v in result["violations"] if v["impact"] in ("serious", "critical") and v["id"] not in WHOLE_PAGE]
    return [f"{v['id']}: {v['help']}: {n['html'][:160]} {n['failureSummary'][:300]}" for v in serious for n in v["nodes"][:4]]


def check(notebook, page, root, show=(lambda: None,)):
    """No finding in light and none in dark, whatever is shown."""
    found = []
    for theme in (notebook.light, notebook.dark):
        theme(page)
        page.wait_for_timeout(400)
        for act in show:
            act()
            found += [f"{theme.__name__}: {line}" for line in findings(page, root)]
    assert not found, "\n".join(found)


def test_the_panel_and_every_tab_of_it(notebook):
    page = notebook([PANEL, START])
    page.locator(".wb-word", has_text="Done").wait_for()
    tabs = page.locator(".wb-panel > .wb-tabs [role=tab]")

    def open_tab(k):
        tabs.nth(k).click()
        page.wait_for_timeout(1200)

    check(notebook, page, ".wb-panel", [lambda k=k: open_tab(k) for k in range(tabs.count())])
    folds = page.locator(".wb-folds .wb-fold")
    for k in range(folds.count()):
        folds.nth(k).click()
    page.wait_for_timeout(1500)
    check(notebook, page, ".wb-panel")


def test_the_application(notebook):
    page = notebook(["import workbench as wb\napp = wb.Workbench()\napp"])
    page.locator(".wb-app").get_by_role("button", name=re.compile("^wine")).click()
    page.locator(".wb-app .wb-classes").wait_for()
    heads = page.locator(".wb-app .wb-step-head")

    def step(k):
        heads.nth(k).click()
        page.wait_for_timeout(1500)

    def code():
        page.locator(".wb-app").get_by_role("button", name=re.compile("(Show|Hide) code")).click()
        page.wait_for_timeout(500)

    check(notebook, page, ".wb-app", [lambda: None, lambda: step(1), lambda: step(2), code])


def test_the_space_editor(notebook):
    page = notebook([PANEL, EDITOR])
    page.locator(".wbs-card").first.wait_for()
    check(notebook, page, ".wbs")
    for name in ("Code", "Paste", "Help: keys", "Details of lr"):
        page.locator(".wbs").get_by_role("button", name=name, exact=True).click()
    page.get_by_label("New option of kind").fill("c")
    page.get_by_label("New option of kind").press("Enter")  # needs a new run
    page.get_by_role("textbox", name="likely value of lr", exact=True).fill("9")
    page.get_by_role("textbox", name="likely value of lr", exact=True).press("Enter")  # beyond the range
    page.get_by_role("group", name="A new run").wait_for()
    page.get_by_role("button", name="The next configuration").click()
    check(notebook, page, ".wbs")


@pytest.mark.parametrize("name", LESSONS)
def test_lessons(notebook, name):
    page = notebook([f"from workbench_widgets.lessons import {name}\nlesson = {name}()\nlesson"])
    page.wait_for_selector(".wb-lesson .js-plotly-plot .nsewdrag", state="attached")
    page.wait_for_timeout(300)
    check(notebook, page, ".wb-lesson")
