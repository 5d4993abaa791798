"""Few-shot learning and transfer in a real browser: the panels of what is learned."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_accessibility import check

PROTOTYPES = """import workbench as wb
run = wb.learn(wb.meta.Prototypes(iterations=60, report_every=20), wb.meta.few_shot_signals(shots=5), name="characters")
run"""
MAML = """import workbench as wb
run = wb.learn(wb.meta.FewShotMAML(iterations=20, report_every=10), wb.meta.few_shot_digits(), name="turned digits")
run"""
TRANSFER = """import workbench as wb
run = wb.learn(wb.meta.Transfer(target_sizes=(10, 30), repetitions=2, source_steps=100, target_steps=50), name="used again")
run"""


@pytest.mark.parametrize(("cell", "tab", "facts", "title"), [
    (PROTOTYPES, "Embedding", "guessing gets 20%", "here is one"), (MAML, "Adaptation", "after 3 gradient steps", "On new tasks"),
    (TRANSFER, "Transfer", "With 10 rows reuse has", "Reuse beats learning from scratch")])
def test_what_was_learned_has_its_picture(notebook, cell, tab, facts, title):
    page = notebook([cell])
    panel = page.locator(".wb-nas")
    panel.wait_for()
    panel.get_by_role("button", name="Start", exact=True).click()
    expect(panel.locator(".wb-word")).to_have_text("Done", timeout=120_000)
    expect(panel.get_by_role("tab", name=tab)).to_be_visible()
    expect(panel.get_by_text(facts).first).to_be_visible()
    panel.locator(".gtitle", has_text=title).wait_for()
    notebook.both(page, "-now")
    panel.get_by_role("slider").fill("1")
    expect(panel.get_by_role("button", name="back to now")).to_be_visible()
    panel.locator(".gtitle", has_text=title).wait_for()
    check(notebook, page, ".wb-nas")
