"""The axes of the space editor: handles that snap to steps, the default as a handle, by pointer, touch and keys."""

import pytest
from playwright.sync_api import expect

import workbench as wb

STEPPED = wb.Space(p=wb.Float(0, 0.5, step=0.05), n=wb.Int(10, 50, step=10), k=wb.Int(1, 8), batch=wb.Int(8, 256, log=True))


def test_handles_snap_to_the_steps(bench):
    b = bench(STEPPED)  # the axis of p goes from 0 to 0.7
    b.pull(b.slider("p, highest value"), 0.333 / 0.7)
    assert b.param("p")["high"] == 0.35
    b.pull(b.slider("p, lowest value"), 0.12 / 0.7)
    assert b.param("p")["low"] == 0.1
    b.slider("n, highest value").press("ArrowLeft")
    assert b.param("n")["high"] == 40
    b.slider("k, lowest value").press("ArrowRight")
    assert b.param("k")["low"] == 2
    expect(b.body("p").locator(".wbs-err:visible")).to_have_count(0)


def test_the_default_is_a_handle_that_snaps_and_is_taken_away_by_delete(bench):
    b = bench(STEPPED)
    knob = b.slider("p, default value")
    expect(knob).to_have_attribute("aria-valuetext", "0.25, the middle")
    b.pull(knob, 0.42 / 0.7)
    assert b.param("p")["default"] == 0.4
    expect(b.label("default of p")).to_have_value("0.4")
    expect(b.slider("p, default value")).to_have_class("wbs-knob wbs-default wbs-given")
    b.slider("p, default value").press("End")
    assert b.param("p")["default"] == 0.5
    b.page.keyboard.press("Delete")
    assert "default" not in b.param("p")
    expect(b.slider("p, default value")).to_be_focused()
    b.button("Undo (Ctrl+Z)").click()
    assert b.param("p")["default"] == 0.5


def test_the_default_of_a_log_axis_begins_in_its_middle(bench):
    b = bench()
    knob = b.slider("lr, default value")
    expect(knob).to_have_attribute("aria-valuetext", "0.001, the middle")
    knob.press("ArrowLeft")
    assert b.param("lr")["default"] == pytest.approx(10 ** -3.05, rel=1e-2)
    knob.press("Home")
    assert b.param("lr")["default"] == 1e-5


def test_the_default_option_is_marked_on_its_chip(bench):
    b = bench()
    b.button("Details of optimizer").click()
    b.label("Default of optimizer").select_option("sgd")
    assert b.param("optimizer")["default"] == "sgd"
    expect(b.card("optimizer").locator(".wbs-chip", has=b.page.locator(".wbs-defaultmark"))).to_have_attribute("data-k", "1")


def test_escape_ends_a_pull_where_it_began(bench):
    b = bench()
    knob = b.slider("lr, highest value")
    a = knob.bounding_box()
    b.page.mouse.move(a["x"] + 8, a["y"] + 8)
    b.page.mouse.down()
    b.page.mouse.move(a["x"] - 60, a["y"] + 8, steps=4)
    assert b.box("lr, highest value").input_value() != "0.1"
    b.page.keyboard.press("Escape")
    b.page.mouse.up()
    expect(b.box("lr, highest value")).to_have_value("0.1")
    assert b.page.evaluate("model.sent") == 0


def test_a_finger_pulls_handles_and_cards(browser):
    from tests.browser.space_bench import Bench, make

    context = browser.new_context(has_touch=True, viewport={"width": 420, "height": 1600})
    b = Bench(context.new_page(), make().to_json())
    cdp = context.new_cdp_session(b.page)

    def swipe(start, end):
        x, y = start
        cdp.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for k in range(1, 6):
            at = {"x": x + (end[0] - x) * k / 5, "y": y + (end[1] - y) * k / 5}
            cdp.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
        cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def middle(locator):
        a = locator.bounding_box()
        return a["x"] + a["width"] / 2, a["y"] + a["height"] / 2

    knob, track = middle(b.slider("lr, highest value")), b.card("lr").locator(".wbs-track").bounding_box()
    swipe(knob, (knob[0] - track["width"] / 6, knob[1]))
    assert b.param("lr")["high"] == pytest.approx(0.01, rel=0.1)
    swipe(middle(b.button("Move depth")), middle(b.card("optimizer").locator(".wbs-chip").nth(1)))
    assert b.param("depth")["when"] == {"optimizer": ["sgd"]}
    assert b.page.evaluate("scrollY") == 0  # the page did not scroll instead
    context.close()
