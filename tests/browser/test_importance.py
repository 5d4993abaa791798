"""Importance in the run panel, in real JupyterLab: pictures, clicks, and a run without what does not matter."""

import re

from playwright.sync_api import expect

RUN = """
import math, time
import workbench as wb
space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd"),
                 momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}), depth=wb.Int(1, 9), dust=wb.Float(0.0, 1.0),
                 grain=wb.Float(0.0, 1.0))
def objective(c):
    time.sleep(PAUSE)
    return (math.log10(c["lr"]) + 3) ** 2 + 2 * (c["optimizer"] == "adam") * (math.log10(c["lr"]) + 3) + c["depth"] / 9
run = wb.optimize(objective, space, algorithm=wb.Random(), n_trials=TRIALS, seed=0)
_ = run.start()
"""


def cells(pause=0.0, trials=60, wait=True):
    return [RUN.replace("PAUSE", str(pause)).replace("TRIALS", str(trials)) + ("\n_ = run.wait()" if wait else ""), "run"]


def panel(page):
    return page.locator(".wb-panel").first


def tab(page):
    page.set_viewport_size({"width": 1280, "height": 1700})  # all of it at once
    panel(page).get_by_role("tab", name="Importance", exact=True).click()
    return page.locator(".wb-imp")


def click(page, which, dx):
    """Click on the first bar whose name is so, beside the left edge of the plot area."""
    page.wait_for_timeout(700)  # until the picture has the colours of the theme
    page.mouse.click(*page.evaluate(f"""() => {{
        const gd = document.querySelector('.wb-imp-bars .js-plotly-plot'), box = gd.getBoundingClientRect(), {{ xaxis: x, yaxis: y }} = gd._fullLayout._plots.xy;
        const k = gd.layout.yaxis.ticktext.findIndex((t) => {which});
        return [box.left + x._offset + {dx}, box.top + y._offset + y.d2p(gd.layout.yaxis.tickvals[k])]; }}"""))


def drawn(page, place, title):
    """Wait until a picture has such a title."""
    page.wait_for_function("""([place, title]) => document.querySelector(`${place} .js-plotly-plot`)?.layout?.title?.text?.includes(title)""",
                           arg=[place, title])


def test_bars_come_a_click_shows_a_curve_or_a_map_and_what_is_ticked_becomes_a_child_that_runs(notebook):
    page = notebook(cells())
    importance = tab(page)
    drawn(page, ".wb-imp-bars", "Alone they explain")
    drawn(page, ".wb-imp-detail", "lr alone explains")
    expect(importance).to_contain_text("As of trial 59. From all 60 trials · final loss · 64 trees.")
    page.locator(".wb-imp-pictures").scroll_into_view_if_needed()
    notebook.both(page, "-curve")
    click(page, "t === 'depth'", 20)
    drawn(page, ".wb-imp-detail", "depth alone explains")
    click(page, "t.includes(' × ')", -20)  # on the name of the strongest pair
    drawn(page, ".wb-imp-detail", "beyond each alone")
    expect(importance.get_by_label("Parameter of the curve")).to_have_value("lr")
    notebook.both(page, "-map")
    importance.get_by_role("button", name="optimizer", exact=True).click()
    drawn(page, ".wb-imp-detail", "optimizer alone explains")

    expect(importance.get_by_role("checkbox", name="Hold lr fixed")).not_to_be_checked()
    importance.get_by_role("slider", name="Tick what explains less than this, in per cent").fill("12")
    expect(importance.locator(".wb-imp-below")).to_have_text("12 %")
    for name in ("dust", "grain", "depth"):
        expect(importance.get_by_role("checkbox", name=f"Hold {name} fixed")).to_be_checked()
    expect(importance).to_contain_text("All 60 trials can be used.")
    expect(importance.locator("pre")).to_contain_text("child = run.child(fixed={")
    importance.locator(".wb-imp-freeze").scroll_into_view_if_needed()
    notebook.both(page, "-freeze")
    importance.get_by_role("button", name="Freeze these and run again").click()
    expect(importance).to_contain_text("Child run made and started: child 1.")
    importance.get_by_role("button", name="Show it").click()
    child = page.locator(".wb-inplace .wb-panel:not(.wb-backrow)").first
    expect(child).to_contain_text("60 / 60 trials", timeout=60_000)
    expect(child).to_contain_text("60 imported")
    notebook.both(page, "-child")


def test_it_follows_a_run_and_says_of_which_trial_it_is(notebook):
    page = notebook(cells(pause=0.15, trials=120, wait=False))
    importance = tab(page)
    expect(importance).to_contain_text(re.compile("trials are needed|As of trial"))
    expect(importance).to_contain_text(re.compile(r"As of trial \d+; newer (soon|in about \d+ s)\. From all \d+ trials · final loss · 16 "
                                                  "trees while the run goes on, 64 at its end"))
    notebook.both(page, "-live")
    panel(page).get_by_role("button", name="Pause", exact=True).click()
    expect(importance).to_contain_text(re.compile(r"As of trial \d+\. From all \d+ trials · final loss · 64 trees\."))


def test_other_questions_have_pictures_of_their_own_and_so_has_any_moment_of_the_run(notebook):
    page = notebook(cells())
    importance = tab(page)
    drawn(page, ".wb-imp-bars", "Alone they explain")
    for kind, title in (("PED-ANOVA", "What sets the best 6 of 60 trials apart"), ("Local", "Each parameter alone around trial"),
                        ("Tunability", "What tuning gains over the default"), ("Ablation", "one change at a time")):
        importance.get_by_role("button", name=kind, exact=True).click()
        drawn(page, ".wb-imp-bars", title)
        page.wait_for_timeout(300)
        notebook.both(page, f"-{kind}")
    importance.get_by_role("button", name="fANOVA", exact=True).click()
    drawn(page, ".wb-imp-bars", "Alone they explain")
    panel(page).get_by_role("button", name="▸ Replay", exact=True).click()
    slider = panel(page).get_by_role("slider", name="Moment of the run, by its events")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator(".wb-imp-bars")).to_contain_text("means something from about 20 on")
    for _ in range(6):
        page.keyboard.press("PageUp")
    expect(page.locator(".wb-imp-bars")).to_contain_text("6. A first answer comes with 10")
    notebook.both(page, "-few")
    for _ in range(24):
        page.keyboard.press("PageUp")
    expect(importance).to_contain_text("The moment that is replayed. As of trial 29. From all 30 trials")
    notebook.both(page, "-replayed")
