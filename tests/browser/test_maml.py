"""MAML in a real browser: the lesson by mouse and keyboard, and the panel of what learns step by step."""

from playwright.sync_api import expect

from tests.browser.test_accessibility import check
from tests.browser.test_lessons import COUNT, DRAWN, both, button, open_lesson

LESSON = "from workbench_widgets.lessons import MAMLLesson\nlesson = MAMLLesson()\nlesson"
LEARNS = """import workbench as wb
run = wb.learn(wb.meta.MAML(iterations={}, report_every=20, tasks_per_step=10), name="waves")
run"""
CENTRE = """(place) => { const gd = document.querySelector('.wb-lesson .js-plotly-plot'), box = gd.getBoundingClientRect(),
    { xaxis: x, yaxis: y } = gd._fullLayout._plots[place];
    return [box.left + x._offset + x._length / 2, box.top + y._offset + y._length / 2]; }"""


def test_a_network_is_guessed_shown_and_dragged(notebook):
    page = open_lesson(notebook, LESSON)
    lesson = page.locator(".wb-lesson[tabindex]")
    page.get_by_text("Click its picture").wait_for()
    page.mouse.click(*page.evaluate(CENTRE, "x3y3"))
    page.get_by_text("Your guess: pretrained. Now press Show.").wait_for()
    both(notebook, page, "-guess")
    button(page, "Show").click()
    page.get_by_text("You said pretrained. It is MAML.").wait_for()
    page.wait_for_function(COUNT, arg=["MAML, after", 121])
    first = page.evaluate(DRAWN, ["MAML, after", "y"])
    both(notebook, page, "-shown")
    lesson.press("s")
    page.locator(".gtitle", has_text="After 2 gradient steps").wait_for()
    assert page.evaluate(DRAWN, ["MAML, after", "y"]) != first
    page.mouse.click(*page.evaluate(CENTRE, "x5y5"))
    page.locator(".gtitle", has_text="After 5 gradient steps").wait_for()

    handle = page.locator(".wb-lesson .noUi-handle").first  # K
    spot = handle.bounding_box()
    page.mouse.move(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
    page.mouse.down()
    page.mouse.move(spot["x"] - 200, spot["y"] + spot["height"] / 2, steps=6)
    page.mouse.up()
    page.wait_for_function(COUNT, arg=["the 1 point", 1])
    page.get_by_text("With 1 point").wait_for()
    where = page.evaluate(DRAWN, ["the 1 point", "x"])
    button(page, "New points").click()
    page.wait_for_function("before => (" + DRAWN + ")(['the 1 point', 'x'])[0] !== before", arg=where[0])
    lesson.press("r")
    page.get_by_text("Click its picture").wait_for()


def tabs(page):
    return page.locator(".wb-nas > .wb-tabs [role=tab]:visible")


def test_what_is_learned_is_seen_step_by_step(notebook):
    page = notebook([LEARNS.format(200)])
    panel = page.locator(".wb-nas")
    panel.wait_for()
    expect(tabs(page)).to_have_text(["Learned", "Progress", "Log", "Export"])
    expect(panel.get_by_text("No step yet. Press Start")).to_be_visible()
    panel.get_by_role("button", name="Start", exact=True).click()
    expect(panel.locator(".wb-word")).to_have_text("Done", timeout=120_000)
    expect(tabs(page)).to_have_text(["Adaptation", "Progress", "Log", "Export"])
    expect(panel.locator(".wb-facts")).to_contain_text("after one gradient step")
    panel.locator(".gtitle", has_text="After step 10, on new tasks").wait_for()
    notebook.both(page, "-adaptation")
    panel.get_by_role("slider").fill("1")
    panel.locator(".gtitle", has_text="After step 1, on new tasks").wait_for()
    panel.get_by_role("button", name="back to now").click()
    panel.get_by_role("tab", name="Progress").click()
    panel.locator(".gtitle", has_text="after the first").wait_for()
    notebook.both(page, "-progress")
    panel.focus()
    page.keyboard.press("?")
    expect(panel.locator(".wb-keys")).to_be_visible()
    assert "rchitecture" not in panel.inner_text()
    assert "iscretise" not in panel.inner_text()


def test_everybody_can_use_the_panel(notebook):
    page = notebook([LEARNS.format(40)])
    page.locator(".wb-nas").get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(".wb-nas .wb-word")).to_have_text("Done", timeout=120_000)
    expect(tabs(page)).to_have_count(4)

    def open_tab(k):
        tabs(page).nth(k).click()
        page.wait_for_timeout(900)

    check(notebook, page, ".wb-nas", [lambda k=k: open_tab(k) for k in range(4)])
