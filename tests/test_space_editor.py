"""The Python side of the space editor: it answers to drafts, keeps the last valid space, and falls back to a table."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.space_formats import to_json
from workbench_widgets.space_editor import SpaceEditor, faults, read

HOSTILE = "<img src=x onerror=alert(1)> \"'🙂"


def make():
    return wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd"),
                    momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}), depth=wb.Int(1, 3))


def edit(editor, change):
    """Send a draft as the browser does: through JSON that does not tell 1.0 from 1, with the next revision."""
    draft = copy.deepcopy(editor.draft)
    change({p["name"]: p for p in draft["params"]}, draft)
    text = json.dumps(draft).replace(".0,", ",").replace(".0}", "}").replace(".0]", "]")
    editor.set_state({"draft": json.loads(text), "revision": editor.revision + 1})


def test_a_new_editor_shows_its_space():
    editor = SpaceEditor(make())
    assert editor.draft == to_json(make())
    assert editor.space == make()
    assert editor.errors == {}
    assert editor.code == repr(make())


def test_without_a_space_it_begins_empty():
    assert SpaceEditor().space == wb.Space()
    assert SpaceEditor().draft["params"] == []


def test_a_valid_edit_becomes_the_space_and_is_heard_of_once():
    editor, heard = SpaceEditor(make()), []
    editor.observe(lambda c: heard.append(c["new"]), "space")
    edit(editor, lambda p, _: p["lr"].update(low=1e-4))
    assert [s["lr"].low for s in heard] == [1e-4]
    assert editor.space["lr"].low == 1e-4
    assert "0.0001" in editor.code
    assert editor.checked == editor.revision == 1


def test_an_invalid_edit_keeps_the_old_space_and_says_why_beside_the_field():
    editor, heard = SpaceEditor(make()), []
    editor.observe(heard.append, "space")
    edit(editor, lambda p, _: p["lr"].update(low=5))
    assert editor.errors == {"lr": {"range": "low must not exceed high, got low=5.0 and high=0.1. Swap them."}}
    assert editor.space == make()
    assert editor.draft["params"][0]["low"] == 5  # what was typed stays
    assert not heard
    edit(editor, lambda p, _: p["lr"].update(low=1e-5))
    assert editor.errors == {}


@pytest.mark.parametrize(("change", "where"), [
    (lambda p, _: p["lr"].update(low="ten"), ("lr", "low")),
    (lambda p, _: p["lr"].update(high=""), ("lr", "high")),
    (lambda p, _: p["lr"].update(low=0), ("lr", "log")),
    (lambda p, _: p["lr"].update(step=-1), ("lr", "step")),
    (lambda p, _: p["lr"].update(default=7), ("lr", "default")),
    (lambda p, _: p["depth"].update(low=1.5), ("depth", "low")),
    (lambda p, _: p["depth"].update(step=0.5), ("depth", "step")),
    (lambda p, _: p["depth"].update(low=9), ("depth", "range")),
    (lambda p, _: p["optimizer"].update(options=[]), ("optimizer", "options")),
    (lambda p, _: p["optimizer"].update(options=["a", "a"]), ("optimizer", "options")),
    (lambda p, _: p["optimizer"].update(default="adagrad"), ("optimizer", "default")),
    (lambda p, _: p["optimizer"].update(options=["adam"]), ("momentum", "when")),
    (lambda p, _: p["momentum"].update(when={"optimizer": []}), ("momentum", "when")),
    (lambda p, _: p["momentum"].update(when={"nothing": ["sgd"]}), ("momentum", "when")),
    (lambda p, _: p["momentum"].update(when={"lr": [0.1]}), ("momentum", "when")),
    (lambda p, _: p["lr"].update(surprise=1), ("lr", "name")),
    (lambda p, d: d["params"].append({"name": "lr", "type": "int", "low": 1, "high": 2}), ("lr", "name")),
    (lambda p, d: d.update(forbidden=[{"optimizer": ["sgd"]}, {"depth": [9]}]), ("", "forbidden.1")),
    (lambda p, d: d["params"].append(None), ("", "space")),
    (lambda p, d: d.update(params=7), ("", "space")),
])
def test_each_fault_is_placed_beside_its_field(change, where):
    editor = SpaceEditor(make())
    edit(editor, change)
    assert [(name, field) for name, fields in editor.errors.items() for field in fields] == [where]
    assert editor.space == make()


def test_several_faults_are_told_at_once():
    editor = SpaceEditor(make())

    def change(p, _):
        p["lr"].update(low=5)
        p["depth"].update(low="x")
        p["optimizer"].update(options=["adam"])

    edit(editor, change)
    assert {name: list(fields) for name, fields in editor.errors.items()} == {
        "lr": ["range"], "depth": ["low"], "momentum": ["when"]}


def test_a_circle_of_conditions_is_told_of_on_one_of_its_cards():
    space = wb.Space(a=wb.Choice(1, 2), b=wb.Choice(1, 2, when={"a": 1}))
    draft = to_json(space)
    draft["params"][0]["when"] = {"b": [1]}
    found = faults(draft)
    assert list(found) == ["b"]
    assert "circle" in found["b"]["when"]


def test_options_that_are_floats_stay_floats_although_the_browser_sends_whole_numbers():
    editor = SpaceEditor(wb.Space(scale=wb.Choice(0.5, 1.0, 2), flag=wb.Choice(True, False)))
    edit(editor, lambda p, _: p["scale"]["options"].append("auto"))
    assert [type(o) for o in editor.space["scale"].options] == [float, float, int, str]
    assert editor.space["flag"].options == (True, False)


def test_setting_the_space_from_python_shows_it():
    editor = SpaceEditor(make())
    edit(editor, lambda p, _: p["lr"].update(low=5))
    other = wb.Space(x=wb.Float(0, 1))
    editor.space = other
    assert editor.draft == to_json(other)
    assert editor.errors == {}
    editor.show(make())
    assert editor.space == make()


def test_an_edit_of_the_browser_is_not_sent_back_changed():
    """A Float whose last step lies below high: the space lowers high, the box keeps what was typed."""
    editor = SpaceEditor(wb.Space(x=wb.Float(0, 1)))
    edit(editor, lambda p, _: p["x"].update(step=0.3))
    assert editor.draft["params"][0]["high"] == 1
    assert editor.space["x"].high == pytest.approx(0.9, abs=1e-12)  # three steps of 0.3, up to rounding


def test_where_no_widget_can_live_a_table_and_the_code_are_shown_escaped():
    editor = SpaceEditor(wb.Space({HOSTILE: wb.Choice(HOSTILE, "b")}))
    data, _ = editor._repr_mimebundle_()
    assert data["text/html"] == editor.space._repr_html_()
    assert "<img" not in data["text/html"]
    assert data["text/plain"] == repr(editor.space)
    assert "application/vnd.jupyter.widget-view+json" in data


PLAIN = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, width=16) | st.text(max_size=4)
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
                   max_leaves=6)
ENTRY = st.fixed_dictionaries({}, optional={
    "name": st.sampled_from(["a", "b", "", 3]), "type": st.sampled_from(["float", "int", "choice", "evil"]),
    **dict.fromkeys(["low", "high", "step", "log", "default", "options", "when"], ANY)})
DRAFT = st.fixed_dictionaries({}, optional={"params": st.lists(ENTRY, max_size=4) | ANY, "forbidden": ANY}) | ANY


@settings(max_examples=200, deadline=None)
@given(DRAFT)
def test_whatever_arrives_is_a_space_or_has_errors(draft):
    space, errors = read(draft, wb.Space())
    assert (space is None) == bool(errors)
    assert all(isinstance(m, str) for fields in errors.values() for m in fields.values())


def test_the_editor_is_one_module_of_javascript_with_both_parts():
    module = str(SpaceEditor()._esm)
    assert module.count("export default") == 1
    assert "function check(" in module
    assert "innerHTML" not in module  # what users name is never read as markup
