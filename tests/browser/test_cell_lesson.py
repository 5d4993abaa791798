"""The lesson that edits a cell in a real browser: click an edge, take a menu, predict first; seen in light and dark."""

import re

CELL = "from workbench_widgets.lessons import CellLesson\nlesson = CellLesson()\nlesson"
OPERATIONS = """() => { const gd = document.querySelector('.wb-lesson .js-plotly-plot');
    return gd?.data?.find(t => t.name === 'edges')?.hovertext.map(t => t.replace(/^.*: /, '').replace(/,.*$/, '')); }"""
SPOT = """k => { const gd = document.querySelector('.wb-lesson .js-plotly-plot'), t = gd.data.find(t => t.name === 'edges'),
    box = gd.getBoundingClientRect(), {xaxis, yaxis} = gd._fullLayout;
    return [box.x + xaxis._offset + xaxis.d2p(t.x[k]), box.y + yaxis._offset + yaxis.d2p(t.y[k])]; }"""


def test_edges_change_by_clicks_menus_and_keys(notebook):
    page = notebook([CELL])
    page.wait_for_selector(".wb-lesson .js-plotly-plot .nsewdrag", state="attached")
    page.get_by_text("output = conv3(conv3(x)) + pool3(conv3(x)) + x").first.wait_for()
    assert page.evaluate(OPERATIONS) == ["conv3", "skip", "pool3", "none", "conv3", "skip"]
    page.mouse.click(*page.evaluate(SPOT, 1))  # 0→2: skip becomes conv3
    page.wait_for_function(f"({OPERATIONS})()[1] === 'conv3'")
    page.locator(".wb-lesson select").filter(has=page.locator("option", has_text="pool3")).nth(5).select_option("none")  # 2→3
    page.get_by_text("is dead").first.wait_for()
    notebook.both(page, "-dead")
    lesson = page.locator(".wb-lesson[tabindex]")
    lesson.press("ArrowLeft")
    page.wait_for_function(f"({OPERATIONS})()[5] === 'skip'")
    lesson.press("r")
    page.wait_for_function(f"({OPERATIONS})()[1] === 'skip'")
    lesson.press("p")
    page.get_by_text("Look for dead edges and for skips").first.wait_for()
    page.locator(".gtitle", has_text=re.compile(r"edges count$")).wait_for()  # the picture follows the words
    assert page.get_by_text("7 of 4096 strings").count() == 0
    page.locator(".wb-lesson select").filter(has=page.locator("option", has_text="10 to 99")).select_option("2 to 9")
    page.locator(".wb-lesson button").filter(has_text=re.compile(r"^\s*Show\s*$")).click()
    page.get_by_text("right, it is 7").first.wait_for()
    assert page.locator(".jp-Cell").count() == 1  # no key reached the notebook's own commands
