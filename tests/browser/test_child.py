"""In real JupyterLab: a configuration by hand, and a child run that stands in the place of its parent."""

from playwright.sync_api import expect

SETUP = """
import math
import workbench as wb
space = wb.Space({"lr": wb.Float(1e-5, 1e-1, log=True), "optimizer": wb.Choice("adam", "sgd"),
                  "momentum": wb.Float(0.0, 0.99, when={"optimizer": "sgd"}), "a rather long name of a parameter": wb.Int(1, 8)})
def objective(c):
    return (math.log10(c["lr"]) + 3) ** 2 + c.get("momentum", 0.5) + c["a rather long name of a parameter"]
run = wb.optimize(objective, space, algorithm=wb.Random(), n_trials=12, seed=0)
run
"""
CHILD = 'run._panel.command({"cmd": "child", "fixed": {"optimizer": "sgd"}})'


def panel(page):
    return page.locator(".wb-panel").first


def started(notebook):
    page = notebook([SETUP])
    panel(page).get_by_role("button", name="Start", exact=True).click()
    expect(panel(page)).to_contain_text("Done")
    return page


def test_a_configuration_is_filled_in_by_hand_with_errors_at_the_fields(notebook):
    page = started(notebook)
    out = panel(page)
    out.get_by_role("button", name="Try a configuration").click()
    expect(out.get_by_label("lr", exact=True)).to_be_focused()
    out.get_by_role("button", name="best (trial").click()
    out.get_by_label("optimizer").select_option("adam")
    expect(out.get_by_label("momentum", exact=True)).to_be_hidden()
    out.get_by_label("optimizer").select_option("sgd")
    expect(out.get_by_label("momentum", exact=True)).to_be_visible()
    out.get_by_label("lr", exact=True).fill("fast")
    out.get_by_label("momentum", exact=True).fill("2")
    out.get_by_label("momentum", exact=True).press("Enter")
    expect(out).to_contain_text("'fast' is no number")
    expect(out).to_contain_text("must lie between 0.0 and 0.99")
    expect(out.get_by_label("lr", exact=True)).to_be_focused()
    assert out.get_by_label("lr", exact=True).get_attribute("aria-invalid") == "true"
    notebook.both(page, "-errors")
    out.get_by_label("lr", exact=True).fill("1e-3")
    out.get_by_label("momentum", exact=True).fill("0.2")
    out.get_by_label("result").fill("0.1")
    out.get_by_label("result").press("Enter")
    expect(out).to_contain_text("Its result is added")
    expect(out).to_contain_text("1 imported")
    expect(out).to_contain_text("best 0.100 (trial 12)")
    out.get_by_role("button", name="Try it next").click()
    expect(out).to_contain_text("It is tried next, as soon as the run goes on.")


def test_a_child_stands_in_the_place_of_its_parent_and_gives_it_back(notebook):
    page = started(notebook)
    out = panel(page)
    page.evaluate("jupyterapp.commands.execute('notebook:insert-cell-below')")
    page.wait_for_function("jupyterapp.shell.currentWidget.content.widgets.length === 2")
    page.evaluate("code => jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.setSource(code)", CHILD)
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-cell'); }")
    expect(out).to_contain_text("Child run made: child 1")
    out.get_by_role("button", name="Show child 1").click()
    child = page.locator(".wb-inplace .wb-panel").nth(1)
    expect(child).to_contain_text("Held fixed: optimizer sgd")
    expect(out).to_be_hidden()
    child.get_by_role("button", name="Start", exact=True).click()
    expect(child).to_contain_text("12 / 12 trials")
    page.wait_for_function("document.querySelector('.wb-inplace .wb-progress .js-plotly-plot')?.data?.some(t => t.y.length > 12)")
    notebook.both(page, "-in-place")
    notebook.save(page)
    page.reload()
    expect(child).to_contain_text("Held fixed: optimizer sgd")  # the page shows what it showed
    page.get_by_role("button", name="◂ back to the parent").click()
    expect(out).to_be_visible()
    expect(child).to_be_hidden()
    expect(out).to_contain_text("Child run: child 1 · done")
