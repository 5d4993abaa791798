"""The panel of an architecture search that takes steps, in a real browser: by mouse, by keyboard, and for everybody."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_accessibility import check

TOY = """import time
from dataclasses import dataclass
import numpy as np
import workbench as wb
from workbench.events import StepTaken

@dataclass(frozen=True)
class Toy:
    n_steps: int = 400
    seconds: float = 0.05

    def steps(self, data, *, cells=wb.nas.NANO, seed=0):
        goal = np.random.default_rng(seed).normal(size=(len(cells.edges), len(cells.operations)))
        for k in range(1, self.n_steps + 1):
            time.sleep(self.seconds)
            w = np.exp(goal * k / 4)
            w /= w.sum(axis=1, keepdims=True)
            chosen = tuple(cells.operations[i] for i in w.argmax(axis=1))
            yield StepTaken(k, {"cpu_s": k / 10, "train_loss": 1 / k, "valid_accuracy": 0.9 - 0.5 / k, "discrete_accuracy": 0.7},
                            wb.nas.Relaxation(w, cells.edges, cells.operations, chosen))

data = wb.nas.mnist1d(60)
run = wb.nas.search(Toy({n_steps}), data, name="toy")
run"""
SHORT, LONG = TOY.replace("{n_steps}", "6"), TOY.replace("{n_steps}", "")
WIDTHS = """() => [...document.querySelectorAll('.wb-nas-cell .shapelayer path')].map((p) => getComputedStyle(p).strokeWidth)"""
DRAWN = "() => document.querySelectorAll('.wb-nas-cell .shapelayer path').length === 24"


def state(page, word):
    expect(page.locator(".wb-nas .wb-word")).to_have_text(word, timeout=60_000)


def button(page, name):
    return page.locator(".wb-nas").get_by_role("button", name=name, exact=True)


def opened(notebook, code):
    page = notebook([code])
    page.locator(".wb-nas").wait_for()
    page.wait_for_function(DRAWN)
    return page


def test_a_search_by_mouse(notebook):
    page = opened(notebook, LONG)
    state(page, "Ready")
    before = page.evaluate(WIDTHS)
    assert len(set(before)) == 1  # all operations weigh the same before the first step
    button(page, "Start").click()
    state(page, "Running")
    page.wait_for_function(f"(before) => String(({WIDTHS})()) !== before", arg=",".join(before))
    button(page, "Pause").click()
    state(page, "Paused")
    n = page.locator(".wb-nas .wb-facts").text_content().split(" · ")[0]
    button(page, "Step").click()
    expect(page.locator(".wb-nas .wb-facts")).not_to_contain_text(f"{n} ·")
    state(page, "Paused")

    button(page, "Discretise").click()
    expect(button(page, "Show all operations")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("() => [...document.querySelectorAll('.wb-nas-cell .shapelayer path')]"
                           ".filter((p) => Number(p.style.opacity || p.getAttribute('opacity') || 1) === 1).length === 6")
    expect(page.locator(".wb-cellside")).to_contain_text("the cell that is kept, with the shared weights70.0 %")
    notebook.both(page, "-discretised")

    button(page, "The step before").click()
    expect(page.locator(".wb-nas .wb-where")).to_contain_text("as it was after step")
    button(page, "back to now").click()
    expect(page.locator(".wb-nas .wb-where")).to_contain_text("now, after step")

    button(page, "Stop").click()
    button(page, "Really stop?").click()
    state(page, "Stopped")
    expect(button(page, "Go on")).to_be_enabled()


def test_a_search_by_keyboard(notebook):
    page = opened(notebook, LONG)
    page.locator(".wb-nas").focus()
    page.keyboard.press("s")
    state(page, "Paused")
    expect(page.locator(".wb-nas .wb-facts")).to_contain_text("step 1 / 400")
    page.keyboard.press("d")
    expect(button(page, "Show all operations")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".wb-nas .wb-where")).to_have_text("as it was after step 0 of 1")
    page.keyboard.press("End")
    expect(page.locator(".wb-nas .wb-where")).to_have_text("now, after step 1")
    page.keyboard.press("Space")
    state(page, "Running")
    page.keyboard.press("Space")
    state(page, "Paused")
    page.keyboard.press(".")
    page.keyboard.press(".")
    state(page, "Stopped")
    page.keyboard.press("?")
    expect(page.locator(".wb-nas .wb-keys")).to_be_visible()


@pytest.mark.parametrize("running", [False, True])
def test_everybody_can_use_it(notebook, running):
    page = opened(notebook, SHORT)
    if running:
        button(page, "Start").click()
        state(page, "Done")
    tabs = page.locator(".wb-nas > .wb-tabs [role=tab]:visible")

    def open_tab(k):
        tabs.nth(k).click()
        page.wait_for_timeout(900)

    check(notebook, page, ".wb-nas", [lambda k=k: open_tab(k) for k in range(tabs.count())])


LAB = "import workbench as wb\nlab = wb.nas.lab(strategy='Random', data='digits', length=2)\nlab"


def test_a_lab_makes_what_is_chosen(notebook):
    page = notebook([LAB])
    lab = page.locator(".wb-naslab")
    lab.locator(".wb-lab .wb-go").first.wait_for()
    lab.get_by_label("Seed").fill("3")
    lab.get_by_label("Seed").press("Enter")
    expect(lab.locator(".wb-codeline code")).to_have_text("run = wb.nas.search(wb.Random(), wb.nas.digits(), n_trials=2, seed=3)")
    lab.get_by_label("Strategy").select_option("DARTS · first order")
    lab.get_by_label("Number of epochs").fill("2")
    lab.get_by_label("Number of epochs").press("Enter")
    expect(lab.locator(".wb-nas .wb-facts")).to_have_text("step 0 / 2")  # and no longer of 20
    expect(lab.locator(".wb-lab")).to_have_count(1)
    lab.locator(".wb-nas").get_by_role("button", name="Step", exact=True).click()
    expect(lab.locator(".wb-nas .wb-word")).to_have_text("Paused", timeout=60_000)
    lab.get_by_role("button", name="New search").click()
    expect(lab.locator(".wb-labchip")).to_have_count(2)
    check(notebook, page, ".wb-naslab")


def test_the_tab_on_architectures_is_for_everybody(notebook):
    page = notebook(["""import workbench as wb
cells = wb.nas.NANO
run = wb.optimize(lambda c: sum(v != "conv3" for v in c.values()), cells.space, algorithm=wb.nas.RegularizedEvolution(),
                  n_trials=20, seed=0)
run.start().wait()
run"""])
    page.locator(".wb-pane.wb-progress .nsewdrag").wait_for(state="attached")
    page.get_by_role("tab", name="Architecture", exact=True).click()
    figures = page.locator(".wb-architecture .wb-figure:visible")
    expect(figures).to_have_count(2)
    for k in (1, 0):
        figures.nth(k).scroll_into_view_if_needed()
        figures.nth(k).locator(".nsewdrag").wait_for(state="attached")
    expect(page.locator(".wb-architecture .wb-facts-table:visible tr")).to_have_count(6)
    check(notebook, page, ".wb-architecture")


def test_a_saved_log_is_played_again(notebook):
    page = notebook([SHORT, "run.start(); await run.finished(); run.log.save('toy.jsonl')", "wb.replay('toy.jsonl')"])
    played = page.locator(".wb-nas").nth(1)
    played.wait_for()
    expect(played.locator(".wb-word")).to_have_text("Done")
    expect(played.get_by_role("button", name="Start", exact=True)).to_have_count(0)
    played.get_by_role("slider").fill("2")
    expect(played.locator(".wb-where")).to_have_text("as it was after step 2 of 6")
    played.get_by_role("tab", name="Export").click()
    with page.expect_download() as download:
        played.get_by_role("button", name="Download: Architecture").click()
    assert "# chosen after 2 steps" in download.value.path().read_text()


def test_a_saved_notebook_shows_the_last_state(notebook):
    page = notebook([SHORT, "run.start(); _ = await run.finished()"])
    state(page, "Done")
    page.locator("[data-wb-last]", has_text="done, 6 / 6 steps").wait_for(state="attached")  # hidden while there is the panel
    expect(page.locator("[data-wb-last]")).to_be_hidden()
    notebook.save(page)
    assert "6 / 6 steps" in page.file.read_text()
