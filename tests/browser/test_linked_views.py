"""Linked views in real JupyterLab: look, pick, pin, brush, and a trial's page, by mouse and by keyboard, in light and dark."""

import re

from playwright.sync_api import expect

SETUP = """
import math
import workbench as wb
space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd"), layers=wb.Int(1, 6),
                 momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}))
def objective(c):
    print("training with", c["optimizer"])
    if c["lr"] > 3e-2:
        raise ValueError(f"diverged at lr={c['lr']:.2g}")
    for epoch in range(1, 10):
        yield (math.log10(c["lr"]) + 3) ** 2 + c["layers"] / 8 + c.get("momentum", 0.5) + 1 / epoch
run = wb.optimize(objective, space, SETTINGS, seed=0)
run.start().wait()
run
"""
PLAIN = SETUP.replace("SETTINGS", "algorithm=wb.GPBO(n_startup=12), n_trials=24")
RACE = SETUP.replace("SETTINGS", "algorithm=wb.Random(), scheduler=wb.Hyperband(9), n_trials=30")


def gd(view):
    return f"document.querySelector('.wb-{view} .js-plotly-plot')"


def out(page):
    return page.locator(".wb-panel").first


def show(page, tab):
    out(page).get_by_role("tab", name=tab, exact=True).click()


def done(page):
    expect(out(page)).to_contain_text("Done", timeout=120_000)  # the kernel starts, and the cell waits for the run


def drawn(page, view):
    page.wait_for_function(f"{gd(view)}?.data?.some(t => t.meta === 'trials')")
    page.wait_for_timeout(300)


def place(page, graph, name, i):
    """Where point i of a trace is on the page, and its trial."""
    return page.evaluate(f"""(() => {{ const g = {graph}, t = g.data.find(t => t.name === '{name}' && t.meta === 'trials'), l = g._fullLayout, b = g.getBoundingClientRect(),
        x = l['xaxis' + (t.xaxis ?? 'x').slice(1)], y = l['yaxis' + (t.yaxis ?? 'y').slice(1)];
        return [b.left + x._offset + x.d2p(t.x[{i}]), b.top + y._offset + y.d2p(t.y[{i}]), t.customdata[{i}]]; }})()""")


def point_at(page, graph, name, i):
    x, y, trial = place(page, graph, name, i)
    page.mouse.move(x - 40, y - 25)
    page.mouse.move(x, y, steps=6)
    return x, y, int(trial)


def marked(graph, kind, trial):
    return f"{graph}?.querySelector('.wb-overlay [data-kind={kind}][data-trial=\"{trial}\"]')"


def both(notebook, page, name):
    for theme in (notebook.dark, notebook.light):
        theme(page)
        page.wait_for_timeout(600)
        out(page).screenshot(path=notebook.path(f"-{name}-{theme.__name__}"))


def test_look_pick_and_pin_are_three_things(notebook):
    page = notebook([PLAIN])
    done(page)
    drawn(page, "progress")
    progress, foot = gd("progress"), out(page).locator(".wb-foot")
    before = page.evaluate("globalThis.__n = 0, globalThis.__workbenchDrawn = () => __n++, 0")
    x, y, one = point_at(page, progress, "complete", 2)
    page.wait_for_function(marked(progress, "hovered", one))
    page.wait_for_function(f"{progress}.querySelector('.hoverlayer')?.textContent.includes('trial {one}')")
    assert "lr = " in page.evaluate(f"{progress}.querySelector('.hoverlayer').textContent")
    assert page.evaluate("__n") == before  # nothing was drawn anew
    expect(foot).to_contain_text("best: trial")
    page.mouse.click(x, y)
    expect(foot).to_contain_text(re.compile(rf"^trial {one}\b"))
    foot.get_by_role("button", name="pin", exact=True).click()
    x, y, two = point_at(page, progress, "complete", 5)
    page.mouse.click(x, y)
    beside = foot.get_by_role("region", name=f"Trial {two} beside the pinned trial {one}")
    expect(beside.locator("tbody tr")).to_have_count(2)
    expect(beside.locator("thead .wb-differs").first).to_contain_text("≠")
    page.wait_for_function(marked(progress, "pinned", one))
    both(notebook, page, "pinned")
    show(page, "Trials")
    expect(out(page).locator(f"tr.wb-pinned[data-trial='{one}']")).to_have_count(1)
    foot.get_by_role("button", name="unpin").click()
    expect(beside).to_have_count(0)
    out(page).focus()
    page.keyboard.press("Escape")
    expect(foot).to_contain_text("best: trial")


def test_a_box_over_the_dots_brushes_in_every_tab_and_escape_lifts_it(notebook):
    page = notebook([PLAIN])
    done(page)
    drawn(page, "progress")
    left, top, width, height = page.evaluate(f"""(() => {{ const g = {gd('progress')}, l = g._fullLayout, b = g.getBoundingClientRect();
        return [b.left + l.xaxis._offset, b.top + l.yaxis._offset, l.xaxis._length, l.yaxis._length]; }})()""")
    page.mouse.move(left + 0.25 * width, top + 0.5 * height)
    page.mouse.down()
    page.mouse.move(left + 0.5 * width, top + 0.5 * height + 3, steps=4)
    page.mouse.move(left + 0.75 * width, top + 0.5 * height + 3, steps=4)  # flat: an interval of results
    page.mouse.up()
    chips = out(page).locator(".wb-chip")
    expect(chips).to_have_text(re.compile(r"results \d+ – \d+ ×"))
    page.wait_for_function(f"(o => o && new Set(o).size === 2)({gd('progress')}.data.find(t => t.name === 'complete')?.marker.opacity)")
    both(notebook, page, "brushed")
    show(page, "Curves")
    page.wait_for_function(f"{gd('curves')}?.data?.some(t => t.name === 'not brushed')")
    expect(chips).to_have_count(1)
    show(page, "Coordinates")
    page.wait_for_function(f"{gd('coordinates')}?.data?.some(t => t.name === 'not brushed')")
    show(page, "Contour")
    page.wait_for_function(f"(o => o && new Set(o).size === 2)({gd('contour')}?.data?.find(t => t.name === 'results')?.marker.opacity)")
    show(page, "Model")
    page.wait_for_function(f"(o => o && new Set(o).size === 2)({gd('model')}?.data?.find(t => t.name === 'observed')?.marker.opacity)")
    show(page, "Trials")
    expect(out(page).locator("tr.wb-faded").first).to_be_visible()
    out(page).locator("tbody tr button").first.focus()
    page.keyboard.press("Escape")
    expect(out(page).locator("tr.wb-faded")).to_have_count(0)
    expect(chips).to_have_count(0)


def test_a_look_marks_the_trial_in_all_pictures_on_screen_and_in_the_table(notebook):
    page = notebook([RACE])
    page.set_viewport_size({"width": 1400, "height": 1500})
    done(page)
    show(page, "Fidelity")
    race = "document.querySelector('.wb-race .js-plotly-plot')"
    page.get_by_label("ranks between budgets").check()
    ranks = "[...document.querySelectorAll('.wb-fidelity > .wb-figure .js-plotly-plot')].find(g => g.data?.some(t => t.name === 'trials'))"
    page.wait_for_function(f"{ranks} !== undefined && {race}?.data?.length > 0")
    page.wait_for_timeout(600)
    shared = page.evaluate(f"""(() => {{ const on = new Set({race}.data.filter(t => t.meta === 'trials' && t.mode === 'markers').flatMap(t => [...t.customdata]));
        return [...{ranks}.data.find(t => t.name === 'trials').customdata].findIndex(k => on.has(k)); }})()""")
    assert shared >= 0
    _, _, trial = point_at(page, ranks, "trials", shared)
    page.wait_for_function(marked(race, "hovered", trial))
    page.wait_for_function(marked(ranks, "hovered", trial))
    both(notebook, page, "two-figures")
    page.mouse.move(5, 5)
    page.wait_for_function(f"!({marked(race, 'hovered', trial)})")
    show(page, "Trials")
    out(page).locator("tbody tr").nth(3).hover()
    expect(out(page).locator("tbody tr.wb-hovered")).to_have_count(1)


def test_a_trials_page_is_opened_and_walked_by_mouse(notebook):
    page = notebook([PLAIN])
    page.set_viewport_size({"width": 1400, "height": 1400})
    done(page)
    drawn(page, "progress")
    x, y, trial = point_at(page, gd("progress"), "complete", 3)
    page.wait_for_function(marked(gd("progress"), "hovered", trial))
    page.mouse.dblclick(x, y)
    sheet = out(page).locator(".wb-trial-page")
    expect(sheet.locator(".wb-trialtitle")).to_contain_text(re.compile(rf"Trial {trial}\b.* of \d+"))
    expect(sheet).to_contain_text("training with")
    expect(sheet.get_by_role("region", name="Configuration", exact=True)).to_contain_text("Beside the best trial")
    sheet.get_by_role("button", name="next ▸").click()
    expect(sheet.locator(".wb-trialtitle")).to_contain_text(f"Trial {trial + 1} ")
    sheet.get_by_label("Order of the trials").select_option("value")
    expect(sheet.locator(".wb-walk")).to_contain_text(re.compile(r"\d+ of 24"))
    nearest = sheet.get_by_role("region", name="Nearest tried configurations").locator("tbody button").first
    name = nearest.inner_text()
    nearest.click()
    expect(sheet.locator(".wb-trialtitle")).to_contain_text(name.replace("trial", "Trial"))

    show(page, "Trials")
    out(page).locator("tbody tr", has_text="complete").first.dblclick()
    expect(out(page).get_by_role("tab", name="Trial", exact=True)).to_have_attribute("aria-selected", "true")
    page.wait_for_function("document.querySelectorAll('.wb-trial-page .js-plotly-plot').length === 2")  # its curve, and the model then
    page.wait_for_timeout(800)
    both(notebook, page, "page")
    show(page, "Progress")
    out(page).locator(".wb-foot").get_by_role("button", name="open ▸").click()
    expect(sheet).to_be_visible()


def test_a_trials_page_is_opened_and_walked_by_keyboard(notebook):
    page = notebook([PLAIN])
    done(page)
    show(page, "Trials")
    row = out(page).locator("tbody tr", has_text="failed").first
    expect(row).to_be_visible()
    trial = int(row.get_attribute("data-trial"))
    assert trial > 0
    row.locator("button").focus()
    page.keyboard.press("Enter")
    sheet = out(page).locator(".wb-trial-page")
    expect(sheet.locator(".wb-trialtitle")).to_contain_text(f"Trial {trial} ")
    expect(sheet).to_contain_text("ValueError: diverged")
    expect(sheet.get_by_role("button", name="copy traceback")).to_be_visible()
    both(notebook, page, "failed")
    out(page).focus()
    page.keyboard.press("ArrowLeft")
    expect(sheet.locator(".wb-trialtitle")).to_contain_text(f"Trial {trial - 1} ")
    page.keyboard.press("ArrowRight")
    expect(sheet.locator(".wb-trialtitle")).to_contain_text(f"Trial {trial} ")
    sheet.get_by_role("button", name="pin", exact=True).focus()
    page.keyboard.press("Enter")
    expect(sheet.get_by_role("button", name="unpin").first).to_be_visible()
    page.keyboard.press("ArrowLeft")  # from a button, too
    expect(sheet.get_by_role("region", name="Configuration", exact=True)).to_contain_text(f"Beside the pinned trial {trial}")
    sheet.get_by_role("button", name="compare with best").focus()
    page.keyboard.press("Enter")
    expect(sheet.get_by_role("region", name="Configuration", exact=True)).not_to_contain_text(f"pinned trial {trial}")
    assert page.locator(".jp-Notebook .jp-Cell").count() == 1  # no key reached the notebook's commands


def test_before_the_first_trial_the_page_says_what_it_will_hold(notebook):
    page = notebook([PLAIN.replace("run.start().wait()\n", "")])
    expect(out(page)).to_contain_text("Ready")
    show(page, "Trial")
    expect(out(page).locator(".wb-trial-page")).to_contain_text("Here one trial is looked at closely")
    both(notebook, page, "empty")
