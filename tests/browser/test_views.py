"""Parallel coordinates and the map over two parameters in real JupyterLab: brush by pointer and by keys, in light and dark."""

from playwright.sync_api import expect

SETUP = """
import math
import workbench as wb
space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd", "rmsprop"), layers=wb.Int(1, 6),
                 momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}), width=wb.Int(8, 512, log=True),
                 forbidden=[{"optimizer": "adam", "layers": [5, 6]}])
def objective(c):
    if c["lr"] > 5e-2:
        raise ValueError(f"diverged at lr={c['lr']:.2g}")
    return 0.1 + (math.log10(c["lr"]) + 3) ** 2 + c["layers"] / 8 + c.get("momentum", 0.5) + (c["optimizer"] == "adam") * 0.2
run = wb.optimize(objective, space, algorithm=wb.TPE(n_startup=20), n_trials=90, seed=0)
run.start().wait()
run
"""


def gd(view):
    return f"document.querySelector('.wb-{view} .js-plotly-plot')"


def trace(view, name):
    return f"{gd(view)}?.data?.find(t => t.name === '{name}')"


def out(page):
    return page.locator(".wb-panel").first


def show(page, tab):
    out(page).get_by_role("tab", name=tab, exact=True).click()


def both(notebook, page, name):
    for theme in (notebook.dark, notebook.light):
        theme(page)
        page.wait_for_timeout(500)
        out(page).screenshot(path=notebook.path(f"-{name}-{theme.__name__}"))


def drag(page, axis, low, high, *, keys=()):
    """Drag along an axis between two places of [0, 1]."""
    at = page.evaluate(f"""(() => {{ const g = {gd('coordinates')}, b = g.getBoundingClientRect(), x = g._fullLayout.xaxis,
        y = g._fullLayout.yaxis; return [{axis}, {low}, {high}].map((v, i) => i ? b.top + y._offset + y.d2p(v)
        : b.left + x._offset + x.d2p(v)); }})()""")
    for key in keys:
        page.keyboard.down(key)
    page.mouse.move(at[0] + 3, at[1])
    page.mouse.down()
    page.mouse.move(at[0] + 2, (at[1] + at[2]) / 2)
    page.mouse.move(at[0], at[2])
    page.mouse.up()
    for key in keys:
        page.keyboard.up(key)


def test_a_brush_on_an_axis_fades_the_other_trials_in_all_tabs(notebook):
    page = notebook([SETUP])
    expect(out(page)).to_contain_text("Done")
    show(page, "Coordinates")
    page.wait_for_function(f"{trace('coordinates', 'best')}?.y.length === 7")  # five parameters, the loss, and a break
    both(notebook, page, "plain")
    drag(page, 0, 0.3, 0.7)
    expect(out(page).locator(".wb-chip")).to_have_count(1)
    page.wait_for_function(f"{trace('coordinates', 'not brushed')}?.y.length > 10")
    first = out(page).locator(".wb-brushes [role=status]").inner_text()
    drag(page, 1, 0.0, 0.25)  # over adam
    expect(out(page).locator(".wb-chip")).to_contain_text(["lr: ", "optimizer: adam"])
    drag(page, 1, 0.8, 1.0, keys=["Shift"])
    expect(out(page).locator(".wb-chip").nth(1)).to_contain_text("adam or rmsprop")
    assert int(out(page).locator(".wb-brushes [role=status]").inner_text().split()[0]) < int(first.split()[0])
    both(notebook, page, "brushed")
    show(page, "Progress")
    page.wait_for_function(f"(o => o && new Set(o).size === 2)({trace('progress', 'complete')}?.marker.opacity)")
    both(notebook, page, "progress")
    show(page, "Trials")
    expect(out(page).locator("tr.wb-faded").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(out(page).locator("tr.wb-faded")).to_have_count(0)
    show(page, "Coordinates")
    expect(out(page).locator(".wb-chip")).to_have_count(0)

    out(page).get_by_label("Axis to brush").select_option("width")  # the same without a pointer
    out(page).get_by_label("Brush to").fill("100")
    out(page).get_by_label("Brush to").press("Enter")
    expect(out(page).locator(".wb-chip")).to_contain_text("width: ")
    out(page).locator(".wb-chip").click()
    expect(out(page).locator(".wb-chip")).to_have_count(0)

    x = page.evaluate(f"(() => {{ const g = {gd('coordinates')}, t = {trace('coordinates', 'best')}, b = g.getBoundingClientRect(), "
                      "l = g._fullLayout; return [b.left + l.xaxis._offset + l.xaxis.d2p(4), b.top + l.yaxis._offset + l.yaxis.d2p(t.y[4])]; })()")
    page.mouse.move(x[0], x[1], steps=4)
    page.mouse.click(x[0], x[1])
    page.wait_for_function(f"{trace('coordinates', 'picked')} !== undefined")


def test_the_map_over_two_parameters_says_what_it_is_and_leaves_the_forbidden_out(notebook):
    page = notebook([SETUP])
    show(page, "Contour")
    page.wait_for_function(f"{trace('contour', 'map')}?.type === 'contour'")
    expect(out(page)).to_contain_text("a Gaussian process fitted to the results")
    both(notebook, page, "numbers")
    out(page).get_by_label("Parameter along the x axis of the map").select_option("optimizer")
    page.wait_for_function(f"{trace('contour', 'map')}?.type === 'heatmap'")
    out(page).get_by_label("Parameter along the y axis of the map").select_option("layers")
    page.wait_for_function(f"{trace('contour', 'forbidden or inactive')}?.x.length > 10")
    both(notebook, page, "forbidden")
    out(page).get_by_label("Parameter along the y axis of the map").select_option("momentum")
    expect(out(page)).to_contain_text("results have both parameters")
    page.wait_for_timeout(600)
    both(notebook, page, "inactive")
