"""Runs side by side in real JupyterLab: the panel of a comparison, and the tab of a run that goes on."""

import re

from playwright.sync_api import expect

SETUP = """
import time
import workbench as wb
from workbench.problems import branin
p = branin()
def slow(c):
    time.sleep(0.1)
    return p.objective(c)
runs = [wb.optimize(p.objective, p.space, algorithm=a, n_trials=20, seed=s).start().wait()
        for s in range(6) for a in (wb.TPE(), wb.Random())]
wb.compare(runs)
"""
KEPT = """
kept = wb.optimize(p.objective, p.space, algorithm=wb.Random(), n_trials=8, seed=7, name="branin again").start().wait()
"""
LIVE = "run = wb.optimize(slow, p.space, algorithm=wb.TPE(), n_trials=600, seed=1).start()\nrun"
TRACES = "[...document.querySelectorAll('.wb-compare .js-plotly-plot')].at({})?.data?.map(t => t.name) ?? []"


def test_runs_are_compared_grouped_left_out_and_looked_at_in_four_ways(notebook):
    page = notebook([SETUP])
    panel = page.locator(".wb-compare").first
    page.wait_for_function(f"{TRACES.format(0)}.includes('TPE (6)')")
    expect(panel.locator(".wb-runs tbody tr")).to_have_count(12)
    expect(panel.locator(".wb-verdict")).to_contain_text("TPE was better than Random in")
    for view, name in (("Ranks", "TPE"), ("Distribution", "TPE (120)"), ("Final values", "TPE"), ("Best so far", "TPE (6)")):
        panel.get_by_role("button", name=view, exact=True).click()
        page.wait_for_function(f"{TRACES.format(0)}.includes('{name}')")
        expect(panel.get_by_role("button", name=view, exact=True)).to_have_attribute("aria-pressed", "true")
        page.wait_for_timeout(400)
        notebook.both(page, f"-{view.split()[0]}")
    panel.get_by_label("Show TPE · seed 0", exact=True).uncheck()
    page.wait_for_function(f"{TRACES.format(0)}.includes('TPE (5)')")
    group = panel.get_by_label("Group of Random · seed 0", exact=True)
    group.fill("mine")
    group.press("Enter")
    page.wait_for_function(f"{TRACES.format(0)}.includes('mine')")


def test_the_tab_of_a_run_follows_it_and_takes_a_named_run(notebook):
    page = notebook([SETUP.replace("wb.compare(runs)", ""), KEPT, LIVE])
    page.get_by_role("tab", name="Compare", exact=True).click()
    panel = page.locator(".wb-compare").first
    expect(panel).to_contain_text("This run is alone. Add a named run or an Optuna study to compare with.")
    page.wait_for_function(f"{TRACES.format(0)}.includes('TPE · seed 1')")
    trials = panel.locator(".wb-runs tbody tr").first.locator("td").nth(5)
    before = trials.inner_text()
    panel.get_by_label("Named run to add", exact=True).select_option("branin again")
    page.wait_for_function(f"{TRACES.format(0)}.includes('branin again')")
    expect(panel.locator(".wb-verdict")).to_contain_text("one run each cannot tell skill from luck")
    expect(trials).not_to_have_text(before)
    panel.get_by_label("Storage of an Optuna study", exact=True).fill("sqlite:///nothing.db")
    panel.get_by_role("button", name="Add study", exact=True).click()
    expect(panel.get_by_role("alert")).to_have_text(re.compile("there is no file nothing.db"))
    notebook.both(page)
