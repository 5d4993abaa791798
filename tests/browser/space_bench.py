"""The space editor alone on a page, with a model of our own in the place of a kernel: for tests of its script."""

from __future__ import annotations

import json

import pytest

import workbench as wb
from workbench_widgets.space_editor import SpaceEditor, draft_of

MODEL = """(state) => { const heard = {}, fire = (k) => (heard["change:" + k] ?? []).slice().forEach((f) => f());
  return { state, sent: 0, get: (k) => state[k], set(k, v) { if (state[k] !== v) { state[k] = v; fire(k); } },
    save_changes() { this.sent++; if (!state.busy) this.answer(); }, answer() { this.set("checked", state.revision); },
    said: [], send(m) { this.said.push(m); }, hear(m) { (heard["msg:custom"] ?? []).forEach((f) => f(m)); },
    on(k, f) { (heard[k] ??= []).push(f); }, off(k, f) { heard[k] = (heard[k] ?? []).filter((g) => g !== f); } }; }"""
START = """async ([js, model, state]) => {
  const module = await import(URL.createObjectURL(new Blob([js], { type: "text/javascript" })));
  globalThis.model = eval(model)(state);
  globalThis.keys = 0; document.addEventListener("keydown", () => keys++);
  globalThis.close = module.default.render({ model: globalThis.model, el: document.getElementById("root") }); }"""


def make():
    return wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd", "rmsprop"),
                    momentum=wb.Float(0.0, 0.99, when={"optimizer": ["sgd", "rmsprop"]}), depth=wb.Int(1, 3))


class Bench:
    """The editor alone on a page. Its model obeys at once, as an idle kernel that finds nothing wrong."""

    def __init__(self, page, draft, **state):
        self.page = page
        page.set_content(f"<style>{SpaceEditor._css}</style><div id=root></div>")
        state = {"draft": draft, "errors": {}, "code": "", "revision": 0, "checked": 0, "editable": True, "locked": False, "doubts": {},
                 "base": {}, "offers_child": True, "prior_note": "TPE takes it into account."} | state
        page.evaluate(START, [str(SpaceEditor._esm), MODEL, state])

    @property
    def draft(self):
        return self.page.evaluate("model.state.draft")

    def param(self, name):
        return next(p for p in self.draft["params"] if p.get("name") == name)

    def names(self):
        return [p["name"] for p in self.draft["params"]]

    def card(self, name):
        return self.page.locator(f".wbs-card[data-name={json.dumps(name)}]")

    def body(self, name):
        return self.card(name).locator("> .wbs-body")

    def label(self, text):
        return self.page.get_by_label(text, exact=True)

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def box(self, name):
        return self.page.get_by_role("textbox", name=name, exact=True)

    def slider(self, name):
        return self.page.get_by_role("slider", name=name, exact=True)

    def type(self, label, text, end="Enter"):
        self.box(label).fill(text)
        self.page.keyboard.press(end)
        self.page.wait_for_timeout(20)

    @property
    def prior(self):
        return dict(self.draft.get("prior", []))

    def pull(self, knob, share):
        """Pull a knob to a share of the width of its track."""
        a, track = knob.bounding_box(), knob.locator("..").bounding_box()
        y = a["y"] + a["height"] / 2
        self.page.mouse.move(a["x"] + a["width"] / 2, y)
        self.page.mouse.down()
        self.page.mouse.move(track["x"] + share * track["width"], y, steps=5)
        self.page.mouse.up()

    def drag(self, source, target):
        a, b = source.bounding_box(), target.bounding_box()
        self.page.mouse.move(a["x"] + a["width"] / 2, a["y"] + a["height"] / 2)
        self.page.mouse.down()
        self.page.mouse.move(a["x"] + 20, a["y"] + 10, steps=3)
        self.page.mouse.move(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2, steps=6)
        self.page.mouse.up()


@pytest.fixture
def bench(browser):
    page, errors = browser.new_page(viewport={"width": 900, "height": 1000}), []
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.on("dialog", lambda d: errors.append(f"dialog {d.message}"))

    def open_(space=None, **state):
        prior = state.pop("prior", None)
        draft = space if isinstance(space, dict) else json.loads(json.dumps(draft_of(space or make(), prior)))
        return Bench(page, draft, **state)

    yield open_
    page.close()
    assert not errors
