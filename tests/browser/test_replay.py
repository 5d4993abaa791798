"""Replaying a run, and asking what others would have suggested, in real JupyterLab."""

import json
import re

from playwright.sync_api import expect

from tests.browser.test_accessibility import check

RUN = """
import math, time
import workbench as wb
space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd"),
                 momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}))
def objective(c):
    if c["lr"] > 5e-2:
        raise ValueError("diverged")
    for epoch in range(3):
        time.sleep(0.005)
        yield (math.log10(c["lr"]) + 3) ** 2 + c.get("momentum", 0.5) + 1 / (epoch + 1)
run = wb.optimize(objective, space, algorithm=wb.TPE(n_startup=6), n_trials=24, seed=0).start().wait()
"""


def out(page):
    return page.locator(".wb-panel").first


def button(page, name):
    return out(page).get_by_role("button", name=name, exact=True)


def slider(page):
    return out(page).get_by_role("slider", name="Moment of the run, by its events")


def dots(page, n):
    """Wait until the progress picture shows so many complete or failed trials."""
    page.wait_for_function(f"""() => {{ const g = document.querySelector('.wb-progress .js-plotly-plot');
        return g?.data?.filter(t => ['complete', 'failed'].includes(t.name)).reduce((k, t) => k + t.y.length, 0) === {n}; }}""")


def test_any_moment_is_looked_at_as_it_was_and_now_is_one_click_away(notebook):
    page = notebook([RUN, "run"])
    dots(page, 24)
    button(page, "▸ Replay").click()
    expect(slider(page)).to_be_visible()
    slider(page).focus()
    page.keyboard.press("Home")
    expect(out(page)).to_contain_text("before the first result")
    expect(out(page)).to_contain_text("Ready")
    expect(out(page)).to_contain_text("0 / 24 trials")
    for _ in range(12):
        page.keyboard.press("PageUp")
    expect(out(page)).to_contain_text("after 12 results (trial 11 was the last)")
    expect(out(page)).to_contain_text("12 / 24 trials")
    dots(page, 12)
    expect(out(page).get_by_role("button", name="Go on")).to_be_disabled()  # the controls are those of the present
    notebook.both(page, "-progress")
    for tab in ("Model", "Trials", "Log", "Coordinates", "Curves"):
        out(page).get_by_role("tab", name=tab, exact=True).click()
    out(page).get_by_role("tab", name="Trials", exact=True).click()
    expect(out(page).locator(".wb-trials table.wb-table tbody tr")).to_have_count(12)
    slider(page).focus()
    page.keyboard.press("ArrowLeft")
    expect(out(page)).to_contain_text("trial 11, step 3")
    page.keyboard.press("PageDown")
    expect(out(page)).to_contain_text("after 11 results")
    expect(out(page).locator(".wb-trials table.wb-table tbody tr")).to_have_count(11)
    assert page.locator(".jp-Notebook .jp-Cell").count() == 2  # no key reached the notebook's commands
    button(page, "back to now").click()
    expect(out(page)).to_contain_text("Done")
    expect(out(page).locator(".wb-trials table.wb-table tbody tr")).to_have_count(24)
    expect(button(page, "back to now")).not_to_be_visible()


def test_it_plays_to_the_end_and_can_be_held(notebook):
    page = notebook([RUN, "run"])
    button(page, "▸ Replay").click()
    out(page).get_by_label("Speed", exact=True).select_option("4")
    button(page, "▶ Play").click()
    expect(out(page)).to_contain_text(re.compile(r"after [3-9] results"))
    button(page, "❚❚ Pause").click()
    expect(button(page, "▶ Play")).to_be_visible()
    at = slider(page).input_value()
    page.wait_for_timeout(700)
    assert slider(page).input_value() == at
    out(page).get_by_label("Speed", exact=True).select_option("20")
    button(page, "▶ Play").click()
    expect(out(page)).to_contain_text(re.compile(r"24 results .* · now"))
    expect(out(page)).to_contain_text("Done")


def test_where_less_motion_is_asked_for_it_does_not_play(notebook):
    page = notebook([RUN, "run"])
    page.emulate_media(reduced_motion="reduce")
    button(page, "▸ Replay").click()
    button(page, "▶ Play").click()
    expect(out(page)).to_contain_text("Your system asks for less motion")
    button(page, "◂ trial").click()
    expect(out(page)).to_contain_text("after 24 results")


def test_others_are_asked_at_an_old_moment_and_what_they_say_can_be_tried(notebook):
    page = notebook([RUN, "run.configure(n_trials=30)", "run"])
    panel = out(page)
    button(page, "▸ Replay").click()
    for _ in range(8):
        button(page, "◂ trial").click()
    expect(panel).to_contain_text("after 17 results")
    button(page, "▸ What would another algorithm have suggested here?").click()
    expect(panel).to_contain_text("instead of trial 17")
    button(page, "Ask").click()
    table = panel.locator("table.wb-answers")
    expect(table.locator("tbody tr")).to_have_count(6, timeout=60_000)
    expect(table).to_contain_text("trial 17, really tried")
    expect(table.locator("tbody tr", has_text="TPE")).to_contain_text("0")
    picture = "document.querySelector('.wb-whatif .js-plotly-plot')"
    page.wait_for_function(f"{picture}?.data?.some(t => t.name === 'CMA-ES')")
    notebook.both(page, "-lines")
    for kind, trace in (("map", "TPE"), ("beliefs", "mean")):
        panel.get_by_label("Picture of the suggestions").select_option(kind)
        page.wait_for_function(f"{picture}?.data?.some(t => t.name === {json.dumps(trace)})")
        page.wait_for_timeout(400)
        notebook.both(page, f"-{kind}")
    table.get_by_role("button", name="CMA-ES", exact=True).click()
    panel.get_by_role("button", name="try it next", exact=True).click()
    expect(panel).to_contain_text("It is tried next, as soon as the run goes on.")
    notebook.both(page, "-chosen")
    button(page, "back to now").click()
    button(page, "Step").click()
    expect(panel).to_contain_text("25 / 30 trials")


def test_a_saved_log_is_replayed_without_its_run(notebook):
    page = notebook([RUN, "run.log.save('log.jsonl')", "wb.replay('log.jsonl')"])
    expect(out(page)).to_contain_text("24 / 24 trials")
    expect(slider(page)).to_be_visible()
    expect(button(page, "Start")).not_to_be_visible()
    slider(page).focus()
    page.keyboard.press("Home")
    expect(out(page)).to_contain_text("0 / 24 trials")
    notebook.both(page, "-start")
    button(page, "to the end").click()
    dots(page, 24)
    notebook.both(page, "-end")


def test_bar_and_answers_have_names_roles_and_contrast(notebook):
    page = notebook([RUN, "run"])
    button(page, "▸ Replay").click()
    for _ in range(3):
        button(page, "◂ trial").click()
    button(page, "▸ What would another algorithm have suggested here?").click()
    button(page, "Ask").click()
    expect(out(page).locator("table.wb-answers tbody tr")).to_have_count(6, timeout=60_000)
    page.wait_for_timeout(800)
    check(notebook, page, ".wb-panel")
