"""Spaces as JSON, as Python code and as HTML."""

import json
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.space_strategies import spaces
from workbench.errors import SpaceError
from workbench.space_formats import MAX_CHARACTERS, MAX_PARAMS, from_json, to_json

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
NASTY = "<img src=x onerror=alert(1)>\"'&🙂</td>"


@QUICK
@given(spaces())
def test_json_gives_the_space_back(space):
    data = space.to_json()
    assert wb.Space.from_json(data) == space
    text = json.dumps(data, allow_nan=False)
    assert wb.Space.from_json(text) == space
    assert json.dumps(wb.Space.from_json(text).to_json()) == text


@QUICK
@given(spaces())
def test_the_code_of_a_space_makes_the_space(space):
    assert eval(repr(space), {"wb": wb}) == space
    for p in space.params.values():
        assert eval(repr(p), {"wb": wb}) == p


def test_the_code_is_as_one_would_write_it():
    space = wb.Space(lr=wb.Float(1e-5, 0.1, log=True), opt=wb.Choice("adam", "sgd"),
                     m=wb.Float(0.0, 0.99, when={"opt": "sgd"}), n=wb.Int(0, 8, step=2, default=4),
                     forbidden=[{"opt": "adam", "n": [0, 2]}])
    assert repr(space) == """wb.Space(
    lr=wb.Float(1e-05, 0.1, log=True),
    opt=wb.Choice('adam', 'sgd'),
    m=wb.Float(0.0, 0.99, when={'opt': 'sgd'}),
    n=wb.Int(0, 8, step=2, default=4),
    forbidden=[{'opt': 'adam', 'n': [0, 2]}],
)"""
    assert repr(wb.Space({"svm.C": wb.Int(0, 1)})) == """wb.Space(
    {
        'svm.C': wb.Int(0, 1),
    },
)"""
    assert repr(wb.Space()) == "wb.Space()"


@pytest.mark.parametrize("name", ["class", "forbidden", "__debug__", "None", "a-b", "ﬁ", NASTY, "self", "params"])
def test_any_name_survives_code_and_json(name):
    space = wb.Space({name: wb.Choice(NASTY, name + "x"), "child": wb.Int(0, 1, when={name: NASTY})},
                     forbidden=[{name: NASTY, "child": 1}])
    assert eval(repr(space), {"wb": wb}) == space
    assert from_json(to_json(space)) == space


def test_absent_and_null_keys_have_their_defaults():
    space = from_json({"params": [
        {"name": "a", "type": "float", "low": 0, "high": 1, "log": None, "step": None, "default": None, "when": None},
        {"name": "b", "type": "int", "low": 1, "high": 3},
        {"name": "c", "type": "choice", "options": ["x", None], "ordered": None, "when": {}}]})
    assert space == wb.Space(a=wb.Float(0, 1), b=wb.Int(1, 3), c=wb.Choice("x", None))
    assert from_json("{}") == wb.Space()


def entry(**change):
    return {"params": [{"name": "a", "type": "float", "low": 0, "high": 1} | change]}


@pytest.mark.parametrize(("data", "text"), [
    ("", "no JSON"), ("{", "no JSON"), ("[" * 100_000, "no JSON"), ("1" * 10_000, "no JSON"), ("[1]", "JSON object, got"),
    (b"{}", "JSON object"), (None, "JSON object, got None"), ({"version": 2}, "got version 2"),
    ({"version": True}, "got version True"), ({"version": "1"}, "got version '1'"), ({"extra": 1}, "got 'extra'. Remove"),
    ({"params": {}}, "'params' must be a list"), ({"forbidden": "x"}, "'forbidden' must be a list, got 'x'"),
    ({"params": [3]}, "a parameter is a JSON object, got 3"), (entry(name=None), "needs a name"),
    (entry(name=""), "needs a name"), (entry(name=["a"]), "needs a name"), (entry(type="complex"), "'a' must be of type"),
    (entry(type=["float"]), "'a' must be of type"), (entry(options=[1]), "got 'options'. Remove"),
    (entry(low="0"), "'a': Float needs two finite numbers, got low='0'"), (entry(high=[1]), "'a': .*finite"),
    (entry(high=None), "'a': 'high' is missing"), (entry(high={"x": 1}), "'a': .*finite"), (entry(low=True), "'a': .*finite"),
    (entry(low=2), "'a': low must not exceed high"), (entry(log="true"), "'a': log must be True or False"),
    (entry(log=1), "'a': log must be True"), (entry(step=0), "'a': step must be"), (entry(step="0.1"), "'a': step must be"),
    (entry(default="x"), "'a': the default must be a finite"), (entry(high=10**400), "'a': .*finite"),
    (entry(when=3), "condition of 'a' is an object"), (entry(when=[["b", 1]]), "condition of 'a' is an object"),
    (entry(when={"b": {"x": 1}}), "lists plain values"), (entry(when={"b": [[1]]}), "lists plain values"),
    (entry(when={"b": 1}), "'b', which is no parameter"), (entry(type="int", low=0.5), "whole numbers"),
    ({"params": [{"name": "c", "type": "choice"}]}, "'c': options must be a list, got None"),
    ({"params": [{"name": "c", "type": "choice", "options": "abc"}]}, "'c': options must be a list"),
    ({"params": [{"name": "c", "type": "choice", "options": []}]}, "'c': .*at least one option"),
    ({"params": [{"name": "c", "type": "choice", "options": [["a", "b"]]}]}, "plain values"),
    ({"params": [{"name": "c", "type": "choice", "options": ["a", {}]}]}, "'c': options must be None, bool"),
    ({"params": [{"name": "c", "type": "choice", "options": ["a"], "ordered": "no"}]}, "ordered must be True"),
    ({"params": 2 * [{"name": "c", "type": "choice", "options": ["a"]}]}, "unique, got 'c' twice"),
    ('{"params": [{"name": "a", "type": "float", "low": 0, "high": NaN}]}', "finite, got NaN"),
    ('{"params": [{"name": "a", "type": "float", "low": -Infinity, "high": 0}]}', "finite, got -Infinity"),
    ('{"params": [{"name": "a", "type": "float", "low": 0, "high": 1e999}]}', "'a': .*finite"),
    ('{"params": [{"name": "a", "name": "b", "type": "float", "low": 0, "high": 1}]}', "once, got 'name' twice"),
    ({"params": [{}] * (MAX_PARAMS + 1)}, "at most 5000 entries"), (" " * (MAX_CHARACTERS + 1), "at most"),
    ({"forbidden": [3]}, "forbidden combination is an object"), ({"forbidden": [{}]}, "at least one parameter"),
])
def test_malformed_json_is_refused_with_a_reason(data, text):
    with pytest.raises(SpaceError, match=text) as error:
        from_json(data)
    assert len(str(error.value)) < 2000  # a hostile file does not fill the screen


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
                        st.sampled_from(["name", "type", "low", "high", "options", "when", "a"]), inner, max_size=5),
                    max_leaves=20)
ENTRY = st.fixed_dictionaries({"name": st.just("a") | JSON, "type": st.sampled_from(["float", "int", "choice"])},
                              optional={k: JSON | st.integers(0, 9) for k in
                                        ("low", "high", "log", "step", "default", "when", "options", "ordered", "x")})


@settings(max_examples=150, deadline=None)
@given(JSON | st.fixed_dictionaries({"params": st.lists(ENTRY | JSON, max_size=3)}, optional={
    "version": JSON, "forbidden": st.lists(JSON, max_size=2) | JSON}))
def test_hostile_json_gives_a_space_or_a_space_error(data):
    try:
        space = from_json(data)
    except SpaceError:
        return
    assert from_json(space.to_json()) == space


def test_text_in_json_is_never_run():
    boom = "__import__('pathlib').Path('boom').touch()"
    space = from_json({"params": [{"name": boom, "type": "choice", "options": [boom, "');" + boom + "#"]}]})
    assert eval(repr(space), {"wb": wb, "__builtins__": {}}) == space


def test_html_shows_what_was_named_and_runs_none_of_it():
    space = wb.Space({NASTY: wb.Choice(NASTY, "b", ordered=True), "n": wb.Int(0, 8, step=2, default=4, when={NASTY: "b"}),
                      "lr": wb.Float(1e-5, 0.1, log=True)}, forbidden=[{NASTY: NASTY, "n": 4}])
    seen = _Seen()
    seen.feed(space._repr_html_())
    assert seen.tags == {"table", "thead", "tbody", "tr", "th", "td", "p"}
    assert seen.cells[0] == NASTY
    assert repr(NASTY) in seen.cells[2]
    assert seen.cells[1] == "ordered choice"
    assert seen.cells[5:10] == ["n", "int", "0 … 8, step 2", "4", f"{NASTY} is 'b'"]
    assert seen.cells[10:] == ["lr", "float", "1e-05 … 0.1, log", "", "always"]
    assert "forbidden" in seen.paragraph
    assert NASTY in seen.paragraph


def test_many_options_are_shortened_in_html():
    html = wb.Space(c=wb.Choice(*range(100)))._repr_html_()
    assert "… (100 options)" in html
    assert "99" not in html


class _Seen(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.cells, self.paragraph, self._open = set(), [], "", ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._open = tag
        assert {name for name, _ in attrs} <= {"style"}
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        if self._open == "td":
            self.cells[-1] += data
        elif self._open == "p":
            self.paragraph += data
