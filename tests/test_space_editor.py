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


# ---- beliefs -------------------------------------------------------------------------------------------------------


def test_a_prior_stands_in_the_draft_and_beside_the_space():
    editor = SpaceEditor(make(), prior={"lr": 1e-3, "optimizer": {"sgd": 7, "adam": 3}, "depth": (1, 2)})
    assert editor.draft["prior"] == [["lr", [[1e-3, 1.0]]], ["optimizer", [["sgd", 7.0], ["adam", 3.0]]], ["depth", [[[1, 2], 1.0]]]]
    assert editor.code == f"space = {make()!r}\nprior = {editor.prior!r}"
    assert wb.TPE(prior=editor.prior) == wb.TPE(prior=editor.draft["prior"])
    with pytest.raises(wb.SpaceError, match="the prior names 'x'"):
        SpaceEditor(make(), prior={"x": 1})


def test_what_is_drawn_as_a_prior_is_heard_of_and_needs_no_change_of_the_space():
    editor, heard = SpaceEditor(make()), []
    editor.observe(lambda c: heard.append(c["name"]), ["space", "prior"])
    edit(editor, lambda _, d: d.update(prior=[["lr", [[0.01, 1], [[1e-4, 1e-3], 2]]]]))
    assert heard == ["prior"]
    assert editor.prior == {"lr": {0.01: 1.0, (1e-4, 1e-3): 2.0}}
    assert "prior = " in editor.code


@pytest.mark.parametrize(("entry", "why"), [
    (["lr", [[5, 1]]], "must lie between 1e-05 and 0.1, got 5."),
    (["lr", [["ten", 1]]], "must be a finite number, got 'ten'."),
    (["lr", [[[0.1, 0.01], 1]]], "a likely interval of 'lr' needs a lower and an upper end"),
    (["lr", [[0.01, 0]]], "weights of a prior must be positive numbers"),
    (["lr", [[[[]], 1]]], ""),
    (["lr", 3], ""),
    (["nothing", [[1, 1]]], "the prior names 'nothing'"),
])
def test_a_belief_that_does_not_fit_is_left_out_and_said_beside_its_parameter(entry, why):
    editor = SpaceEditor(make())
    edit(editor, lambda _, d: d.update(prior=[["depth", [[2, 1]]], entry]))
    assert editor.space == make()
    assert editor.errors == {}
    assert editor.prior == {"depth": 2}
    assert list(editor.doubts) == [entry[0]]
    assert why in editor.doubts[entry[0]]


def test_a_range_that_leaves_a_belief_outside_is_heard_of_together_with_what_is_left_of_the_prior():
    editor, heard = SpaceEditor(make(), prior={"lr": 1e-3, "depth": 2}), []
    editor.observe(lambda _: heard.append((editor.space["lr"].low, editor.prior)), ["space", "prior"])
    edit(editor, lambda p, _: p["lr"].update(low=1e-2))
    assert set(map(str, heard)) == {str((1e-2, {"depth": 2}))}


def test_a_prior_set_from_python_is_shown_and_a_new_space_keeps_what_it_can():
    editor = SpaceEditor(make())
    editor.prior = {"lr": 1e-2, "depth": {1: 2, 3: 1}}
    assert editor.draft["prior"] == [["lr", [[1e-2, 1.0]]], ["depth", [[1, 2.0], [3, 1.0]]]]
    editor.space = wb.Space(lr=wb.Float(1e-3, 1))
    assert editor.prior == {"lr": 1e-2}
    editor.prior = {}
    assert "prior" not in editor.draft


# ---- pasted code ---------------------------------------------------------------------------------------------------


def ask(editor, text):
    said = []
    editor.send = said.append
    editor._hear({"cmd": "read", "id": 3, "text": text})
    return said[0]


def test_pasted_code_is_answered_with_a_draft_that_keeps_floats():
    editor = SpaceEditor()
    answer = ask(editor, "space = wb.Space(x=wb.Choice(1.0, 2))\nprior = {'x': {1.0: 3, 2: 1}}")
    assert answer == {"cmd": "read", "id": 3, "draft": {"version": 1, "prior": [["x", [[1.0, 3.0], [2, 1.0]]]],
                                                        "params": [{"name": "x", "type": "choice", "options": [1.0, 2]}]}}
    edit(editor, lambda _, d: d.update(json.loads(json.dumps(answer["draft"]).replace("1.0", "1"))))  # as the browser shows it
    assert [type(o) for o in editor.space["x"].options] == [float, int]


def test_pasted_code_that_is_no_space_is_answered_with_the_reason_and_its_line():
    editor = SpaceEditor(make())
    assert ask(editor, "wb.Space(\n  lr=wb.Float(0, 10**3))")["error"].startswith("line 2: only literal values can be read")
    assert editor.space == make()


# ---- wishes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [
    lambda p, _: p["lr"].update(low=1e-4),
    lambda p, _: p["lr"].update(default=1e-2),
    lambda p, d: d.update(forbidden=[{"optimizer": ["sgd"], "depth": [3]}]),
])
def test_with_trials_told_ranges_defaults_and_combinations_become_the_space(change):
    editor = SpaceEditor(make(), locked=True)
    edit(editor, change)
    assert editor.wish is None
    assert editor.space != make()
    assert editor.base == to_json(editor.space)


@pytest.mark.parametrize("change", [
    lambda p, _: p["optimizer"]["options"].append("lion"),
    lambda p, _: p["optimizer"].update(ordered=True),
    lambda p, _: p["lr"].update(log=False),
    lambda p, _: p["momentum"].update(step=0.33),
    lambda p, _: p["depth"].update(type="float"),
    lambda p, _: p["depth"].update(name="layers"),
    lambda p, _: p["momentum"].pop("when"),
    lambda p, d: d["params"].pop(),
    lambda p, d: d["params"].append({"name": "dropout", "type": "float", "low": 0, "high": 1}),
    lambda p, d: d["params"].reverse(),
])
def test_with_trials_told_a_change_of_structure_becomes_the_wish_and_the_space_stays(change):
    made = []
    editor = SpaceEditor(make(), locked=True, make_child=lambda: made.append(editor.wish))
    edit(editor, change)
    drawn = editor.wish
    assert editor.space == make()
    assert drawn not in (None, make())
    assert editor.errors == {}
    editor._hear({"cmd": "child"})
    assert made == [drawn]
    editor.show(make())
    assert editor.wish is None
    editor._hear({"cmd": "child"})
    assert made == [drawn]


def test_a_wish_has_a_prior_of_its_own_and_the_run_gets_what_fits_it():
    editor = SpaceEditor(make(), locked=True, prior={"depth": 2})
    edit(editor, lambda p, d: (p["optimizer"]["options"].append("lion"), d["prior"].append(["optimizer", [["lion", 1]]])))
    assert editor.prior == {"depth": 2}
    assert editor.wished_prior == {"depth": 2, "optimizer": "lion"}


def test_what_was_drawn_just_before_the_first_trial_becomes_a_wish():
    editor = SpaceEditor(make())
    edit(editor, lambda p, _: p["optimizer"]["options"].append("lion"))
    drawn = editor.space
    editor.locked = True
    editor.rebase(make())  # the run could not take it
    assert (editor.space, editor.wish) == (make(), drawn)
    assert editor.draft["params"][1]["options"][-1] == "lion"


def test_a_run_that_changes_its_space_leaves_the_wish_on_screen():
    editor = SpaceEditor(make(), locked=True)
    edit(editor, lambda p, _: p["optimizer"]["options"].append("lion"))
    drawn = editor.wish
    editor.space = wb.Space({**make().params, "depth": wb.Int(1, 9)})
    assert editor.wish == drawn
    assert editor.base["params"][3]["high"] == 9


def test_who_asks_for_a_child_run_is_told_that_python_has_heard_even_where_there_is_no_wish():
    editor, said = SpaceEditor(make(), locked=True), []
    editor.send = said.append
    editor._hear({"cmd": "child"})
    assert said == [{"cmd": "child"}]
