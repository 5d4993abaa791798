"""Hyperparameters by gradient in a real browser: the panel of a run that takes steps."""

from playwright.sync_api import expect

RUN = """import workbench as wb
problem = wb.gradient.mlp_on_signals(["lr by step", "momentum", "weight_decay"], n_classes=4, horizon=60)
run = wb.learn(wb.gradient.Unrolled(n_steps=8), problem, name="descent")
run"""


def test_hyperparameters_are_seen_to_move_step_by_step(notebook):
    page = notebook([RUN])
    panel = page.locator(".wb-nas")
    panel.wait_for()
    panel.get_by_role("button", name="Start", exact=True).click()
    expect(panel.locator(".wb-word")).to_have_text("Done", timeout=120_000)
    expect(panel.get_by_role("tab", name="Hyperparameters")).to_be_visible()
    expect(panel.locator(".wb-facts")).to_contain_text("step 8 / 8")
    panel.locator(".gtitle", has_text="63 hyperparameters, through the whole training").wait_for()
    notebook.both(page, "-moves")
    panel.get_by_role("tab", name="Progress").click()
    panel.locator(".gtitle", has_text="after the first").wait_for()
    notebook.both(page, "-progress")
