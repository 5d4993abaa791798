"""In real JupyterLab: a change of structure while a run has trials becomes a child run; priors reach the algorithm."""

from playwright.sync_api import expect

from tests.browser.test_space_editor import KERNEL, ask

SETUP = """
import math
import time
import workbench as wb
space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd"),
                 momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}), depth=wb.Int(1, 3))
def objective(c):
    return (math.log10(c["lr"]) + 3) ** 2 + c.get("momentum", 0.5) + c["depth"]
run = wb.optimize(objective, space, algorithm=wb.TPE(), n_trials=12, seed=0)
run
"""


def started(notebook):
    page = notebook([SETUP])
    panel = page.locator(".wb-panel").first
    panel.get_by_role("button", name="Start", exact=True).click()
    expect(panel).to_contain_text("Done")
    panel.get_by_role("button", name="Space ·").click()
    expect(panel.locator(".wbs-card")).to_have_count(4)
    return page, panel


def until(page, code, text):
    for _ in range(80):
        if (last := ask(page, f"print({code})")) == text:
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"{code} is {last}, not {text}")


def test_an_option_added_after_trials_becomes_a_child_run_that_imports_them(notebook):
    page, panel = started(notebook)
    box = panel.get_by_label("New option of optimizer")
    box.fill("lion")
    box.press("Enter")
    bar = panel.get_by_role("group", name="A new run")
    expect(bar).to_contain_text("This needs a new run, which imports the trials that still fit: the options of optimizer.")
    expect(panel.locator(".wb-wish")).to_be_hidden()  # not said twice
    notebook.both(page, "-bar")
    bar.get_by_role("button", name="Make child run").click()
    expect(panel).to_contain_text("Child run made: child 1 · ready · 12 trials imported")
    expect(bar).to_be_hidden()
    expect(panel.get_by_label("Option 3 of optimizer")).to_have_count(0)  # the run's own space again
    panel.get_by_role("button", name="Show child 1").click()
    child = page.locator(".wb-inplace .wb-panel").nth(1)
    expect(child).to_contain_text("12 imported")
    assert ask(page, "print(run.children[0].space['optimizer'].options, run.space['optimizer'].options)") == \
        "('adam', 'sgd', 'lion') ('adam', 'sgd')"
    child.get_by_role("button", name="Start", exact=True).click()
    expect(child).to_contain_text("Done")
    notebook.both(page, "-child")


def test_a_range_still_changes_the_run_and_a_wish_is_taken_back(notebook):
    page, panel = started(notebook)
    panel.get_by_role("slider", name="lr, lowest value").press("PageUp")
    until(page, "run.space['lr'].low", "0.0001")
    panel.get_by_role("button", name="Delete depth", exact=True).click()
    bar = panel.get_by_role("group", name="A new run")
    expect(bar).to_contain_text("depth is gone")
    bar.get_by_role("button", name="Take back").click()
    expect(bar).to_be_hidden()
    expect(panel.locator(".wbs-card")).to_have_count(4)
    assert ask(page, "print(run.space['lr'].low, len(run.space), run._panel.editor.wish)") == "0.0001 4 None"


def test_a_prior_reaches_the_algorithm_and_waits_where_there_is_none(notebook):
    page, panel = started(notebook)
    panel.get_by_role("button", name="Add a prior of lr").click()
    until(page, "run.algorithm.prior", "(('lr', ((0.001, 1.0),)),)")
    panel.get_by_role("slider", name="lr, likely value").press("PageUp")
    until(page, "run.algorithm.prior", "(('lr', ((0.01, 1.0),)),)")
    expect(panel.locator(".wbs-priornote")).to_contain_text("TPE takes it into account, from the next trial on.")
    expect(panel.get_by_label("Algorithm", exact=True)).to_have_value("TPE")
    notebook.both(page, "-prior")
    panel.get_by_label("Algorithm", exact=True).select_option("CMA-ES")
    expect(panel.locator(".wbs-priornote")).to_contain_text("CMA-ES knows no prior. It is kept here")
    panel.get_by_label("Algorithm", exact=True).select_option("GP-BO · log-EI")
    until(page, "run.algorithm.prior", "(('lr', ((0.01, 1.0),)),)")


def test_pasted_code_waits_for_a_busy_kernel_while_drawing_goes_on(notebook):
    page, panel = started(notebook)
    page.evaluate(f"{{ {KERNEL}.requestExecute({{ code: 'time.sleep(5)' }}); }}")
    page.wait_for_function(f"{KERNEL}.status === 'busy'")
    panel.get_by_role("button", name="Paste", exact=True).click()
    panel.get_by_label("Space as JSON or Python code").fill("wb.Space(\n  x=wb.Float(0, 1),\n  y=wb.Float(0, 2**3))")
    panel.get_by_role("button", name="Show this space").click()
    panel.get_by_role("button", name="Draw again").click()
    expect(panel.locator(".wbs-line")).to_have_count(20)
    expect(panel.locator(".wbs-paste .wbs-err")).to_have_text(
        "line 3: only literal values can be read, got 2 ** 3. Write the value itself.")
    panel.get_by_label("Space as JSON or Python code").fill("wb.Space(\n  x=wb.Float(0, 1),\n  y=wb.Float(0, 8))")
    panel.get_by_role("button", name="Show this space").click()
    expect(panel.locator(".wbs-card")).to_have_count(2)
    expect(panel.get_by_role("group", name="A new run")).to_contain_text("lr is gone")


def test_keys_paste_from_the_real_clipboard_and_reach_no_cell(notebook):
    page, panel = started(notebook)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=notebook.lab.url)
    panel.get_by_role("slider", name="lr, lowest value").focus()
    page.keyboard.press("Control+c")
    panel.get_by_role("button", name="Delete depth", exact=True).click()
    expect(panel.locator(".wbs-card")).to_have_count(3)
    panel.get_by_role("slider", name="lr, lowest value").focus()
    page.keyboard.press("Control+v")
    expect(panel.locator(".wbs-card")).to_have_count(4)
    assert page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length") == 1
    panel.get_by_role("slider", name="lr, lowest value").focus()
    page.keyboard.press("Control+z")
    expect(panel.locator(".wbs-card")).to_have_count(3)
