"""Spaces from elsewhere: JSON and Python that is pasted, files that are dropped; and the way out, by copying."""

import json

import pytest
from playwright.sync_api import expect

import workbench as wb
from tests.browser.space_bench import make
from workbench_widgets.space_editor import SpaceEditor, draft_of

OTHER = wb.Space(C=wb.Float(0.01, 100, log=True), kernel=wb.Choice("rbf", "poly"), degree=wb.Int(2, 5, when={"kernel": "poly"}))


def paste(b, text):
    """Ctrl+V while the editor, but no text box, has the focus."""
    b.page.evaluate("""(text) => { const data = new DataTransfer(); data.setData("text/plain", text);
        document.querySelector(".wbs-more").focus();
        document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })); }""", text)


def drop(b, name, text):
    b.page.evaluate("""([name, text]) => { const data = new DataTransfer(); data.items.add(new File([text], name));
        for (const what of ["dragenter", "dragover", "drop"]) document.querySelector(".wbs-card, .wbs-root").dispatchEvent(
            new DragEvent(what, { dataTransfer: data, bubbles: true, cancelable: true })); }""", [name, text])


def test_json_is_pasted_by_key_without_python_and_undone(bench):
    b = bench(busy=True)
    paste(b, json.dumps(OTHER.to_json()))
    assert b.names() == ["C", "kernel", "degree"]
    expect(b.page.locator(".wbs-notice")).to_contain_text("Pasted a space of 3 parameters.")
    assert b.page.evaluate("model.said") == []
    b.button("Undo (Ctrl+Z)").click()
    assert b.draft == json.loads(json.dumps(make().to_json()))


def test_json_is_pasted_into_the_pane_with_its_prior_as_people_write_it(bench):
    b = bench()
    b.button("Paste").click()
    area = b.label("Space as JSON or Python code")
    expect(area).to_be_focused()
    area.fill(json.dumps(OTHER.to_json() | {"prior": {"C": 1, "degree": [2, 3], "kernel": {"rbf": 3, "poly": 1}}}))
    area.press("Control+Enter")
    assert b.prior == {"C": [[1, 1]], "degree": [[[2, 3], 1]], "kernel": [["rbf", 3], ["poly", 1]]}
    expect(area).to_be_hidden()


@pytest.mark.parametrize(("text", "why"), [
    ('{"params": [', "this is no JSON: "),
    ("[1, 2]", "this JSON is no space: it needs to be an object"),
    ('{"parameters": []}', 'a list called "params" is missing'),
    ('{"params": [], "extra": 1}', 'got "extra". Remove it.'),
    ("   ", "Paste JSON or Python code first."),
])
def test_what_is_no_space_is_said_and_nothing_is_lost(bench, text, why):
    b = bench()
    b.button("Paste").click()
    b.label("Space as JSON or Python code").fill(text)
    b.button("Show this space").click()
    expect(b.page.locator(".wbs-paste .wbs-err")).to_contain_text(why)
    expect(b.label("Space as JSON or Python code")).to_have_value(text)
    assert b.page.evaluate("model.sent") == 0
    b.label("Space as JSON or Python code").press("Escape")
    expect(b.button("Paste")).to_be_focused()


def test_json_of_a_broken_space_is_shown_with_its_errors(bench):
    b = bench()
    paste(b, '{"params": [{"name": "a", "type": "float", "low": 3, "high": 1}]}')
    expect(b.body("a").locator(".wbs-err:visible")).to_contain_text("low must not exceed high")


def test_code_is_read_by_python(bench):
    b = bench()
    paste(b, repr(OTHER))
    (message,) = b.page.evaluate("model.said")
    assert message == {"cmd": "read", "text": repr(OTHER), "id": message["id"]}
    answer = {"cmd": "read", "id": message["id"], "draft": draft_of(OTHER)}
    b.page.evaluate("(m) => model.hear(m)", answer)
    assert b.names() == ["C", "kernel", "degree"]


def test_code_that_cannot_be_read_opens_the_pane_with_the_line(bench):
    b = bench()
    paste(b, "wb.Space(x=3)")
    answer = SpaceEditor()
    said = []
    answer.send = said.append
    answer._hear(b.page.evaluate("model.said")[0])
    b.page.evaluate("(m) => model.hear(m)", said[0])
    expect(b.page.locator(".wbs-paste .wbs-err")).to_have_text("line 1: 'x' must be wb.Float(...), wb.Int(...) or wb.Choice(...), got 3.")
    expect(b.label("Space as JSON or Python code")).to_have_value("wb.Space(x=3)")


def test_a_busy_kernel_is_said_to_keep_code_waiting_and_an_answer_after_cancel_is_not_shown(bench):
    b = bench()
    paste(b, repr(OTHER))
    expect(b.page.locator(".wbs-paste")).to_contain_text("The kernel is busy; your code waits to be read.")
    message = b.page.evaluate("model.said")[0]
    b.page.locator(".wbs-paste").get_by_role("button", name="Cancel").click()
    b.page.evaluate("(m) => model.hear(m)", {"cmd": "read", "id": message["id"], "draft": draft_of(OTHER)})
    assert b.names() == list(make())


def test_text_pasted_into_a_box_stays_there(bench):
    b = bench()
    b.box("lr, lowest value").focus()
    b.page.evaluate("""() => { const data = new DataTransfer(); data.setData("text/plain", "{}");
        document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })); }""")
    assert b.draft == json.loads(json.dumps(make().to_json()))
    expect(b.page.locator(".wbs-paste")).to_be_hidden()


@pytest.mark.parametrize("name", ["space.json", "space.py"])
def test_a_file_is_dropped(bench, name):
    b = bench()
    drop(b, name, json.dumps(OTHER.to_json()) if name.endswith("json") else repr(OTHER))
    if name.endswith("py"):
        b.page.wait_for_function("model.said.length")
        b.page.evaluate("(d) => model.hear({ cmd: 'read', id: model.said[0].id, draft: d })", draft_of(OTHER))
    expect(b.label("Name of kernel")).to_be_visible()
    assert b.names() == ["C", "kernel", "degree"]


def test_copy_gives_json_that_paste_takes_and_so_does_the_code_pane(bench):
    b = bench(prior={"lr": 1e-3})
    text = b.page.evaluate("""() => { const data = new DataTransfer(); document.querySelector(".wbs-more").focus();
        document.activeElement.dispatchEvent(new ClipboardEvent("copy", { clipboardData: data, bubbles: true, cancelable: true }));
        return data.getData("text/plain"); }""")
    b.button("Code").click()
    assert b.label("JSON").input_value() == text
    assert json.loads(text) == b.draft
    before = b.draft
    b.button("Delete depth").click()
    paste(b, text)
    assert b.draft == before


def test_a_read_only_editor_takes_nothing(bench):
    b = bench(editable=False)
    expect(b.button("Paste")).to_be_hidden()
    paste(b, json.dumps(OTHER.to_json()))
    drop(b, "space.json", json.dumps(OTHER.to_json()))
    b.page.wait_for_timeout(100)
    assert b.names() == list(make())


def test_help_lists_the_keys(bench):
    b = bench()
    b.slider("lr, lowest value").focus()
    b.page.keyboard.press("?")
    keys = b.page.get_by_role("note", name="Keys")
    expect(keys).to_contain_text("undo; Ctrl+Shift+Z or Ctrl+Y redo")
    b.page.keyboard.press("?")
    expect(keys).to_be_hidden()
