"""Python code that somebody pasted: spaces and beliefs are read back as they were, everything else is refused with its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.space_strategies import spaces
from workbench.errors import SpaceError
from workbench.search.beliefs import as_prior, as_said
from workbench.space_code import read_code, to_script


@st.composite
def beliefs(draw, space):
    """What somebody may believe of some parameters of a space: a value, several with weights, or an interval."""
    said = {}
    for name in draw(st.lists(st.sampled_from(space.names), unique=True, max_size=3)):
        p = space[name]
        values = draw(st.lists(st.floats(0, 1).map(p.from_unit), min_size=1, max_size=3, unique_by=lambda v: v))
        if not isinstance(p, wb.Choice) and p.to_unit(p.low) < p.to_unit(p.high) and draw(st.booleans()):
            said[name] = (p.low, p.high)
        elif len(values) == 1:
            said[name] = values[0]
        else:
            said[name] = {v: draw(st.sampled_from([1.0, 0.5, 3.0])) for v in values}
    return said


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_code_of_a_space_and_its_prior_is_read_back_as_it_was(data):
    space = data.draw(spaces())
    prior = data.draw(beliefs(space))
    text = to_script(space, prior)
    assert read_code(text) == (space, prior)
    assert to_script(*read_code(text)) == text


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_prior_is_said_as_it_was_said(data):
    said = data.draw(beliefs(data.draw(spaces())))
    assert as_said(as_prior(said)) == said
    assert as_prior(as_said(as_prior(said))) == as_prior(said)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60) | st.text("wb.SpaceFloatInt()=*{}[]:,'\"1e-\n #x_", max_size=60))
def test_whatever_is_pasted_is_a_space_or_is_refused(text):
    try:
        space, prior = read_code(text)
    except SpaceError as error:
        assert str(error)
    else:
        assert isinstance(space, wb.Space)
        assert isinstance(prior, dict)


@pytest.mark.parametrize("text", [
    "import workbench as wb\n\nspace = wb.Space(x=wb.Float(-1, 1))",
    "from workbench import Float, Space\nSpace(x=Float(-1, 1))",
    "wb.Space({'x': wb.Float(-1.0, 1)})  # the same",
    "    wb.Space([('x', wb.Float(low=-1, high=1))])\n",
    "space: wb.Space = workbench.Space(x=wb.Float(-1, 1), forbidden=[])",
])
def test_a_space_may_be_written_in_several_ways(text):
    assert read_code(text) == (wb.Space(x=wb.Float(-1, 1)), {})


def test_options_may_stand_in_a_list_behind_a_star():
    assert read_code("wb.Space(x=wb.Choice(*['a', None, 1.0]))")[0]["x"].options == ("a", None, 1.0)


def test_whole_numbers_and_floats_stay_apart():
    options = read_code("wb.Space(x=wb.Choice(1.0, 2))")[0]["x"].options
    assert [type(o) for o in options] == [float, int]


@pytest.mark.parametrize(("text", "why"), [
    ("wb.Space(\n    x=wb.Float(0, 2**10),\n)", "line 2: only literal values can be read, got 2 \\*\\* 10"),
    ("wb.Space(x=wb.Float(0, high))", "line 1: only literal values can be read, got high"),
    ("wb.Space(\n\n    x=__import__('os').system('true'))", "line 3: 'x' must be wb.Float"),
    ("wb.Space(x=wb.Choice(open('secret').read()))", "line 1: only literal values can be read, got open"),
    ("wb.Space(x=wb.Choice(f'{1}'))", "line 1: only literal values can be read"),
    ("wb.Space(\nx=wb.Float(3, 1))", "line 2: 'x': low must not exceed high"),
    ("wb.Space(\nx=wb.Float(0))", r"line 2: 'x': Float\(\) missing 1 required positional argument: 'high'"),
    ("wb.Space(\nx=wb.Int(0, 1, logg=True))", r"line 2: 'x': Int\(\) got an unexpected keyword argument 'logg'"),
    ("wb.Space(**params)", "line 1: what \\*\\* stands for is not known here"),
    ("wb.Space(x=wb.Float(*ends))", "line 1: only literal values can be read, got ends"),
    ("wb.Space(params)", "line 1: Space takes a mapping of names to parameters, got params"),
    ("wb.Space({'x': wb.Float(0, 1)}, x=wb.Int(1, 2))", "line 1: names must be unique"),
    ("wb.Space({3: wb.Float(0, 1)})", "line 1: a parameter's name must be a text, got 3"),
    ("wb.Space(x=wb.Int(1, 2),\n  forbidden=3)", "line 1: forbidden combinations are a list"),
    ("low = 3\nwb.Space(x=wb.Float(low, 4))", "line 1: only wb.Space"),
    ("for i in range(3): pass", "line 1: only a space, a prior and imports can be read"),
    ("wb.Space()\nwb.Space()", "line 2: one space can be read at a time"),
    ("\n\nwb.Space(", "line 3: this is no Python"),
    ("wb.Space(x=wb.Float(0, 1))\nprior = {'x': 3}", "line 2: the prior of 'x' does not fit"),
    ("wb.Space(x=wb.Float(0, 1))\nprior = {'y': 3}", "line 2: the prior names 'y'"),
    ("prior = {'y': 3}", "there is no wb.Space"),
    ("", "there is no wb.Space"),
    ("\0", "this is no Python"),
    ("(" * 5_000, "this is no Python"),
    ("wb.Space(x=wb.Float(0, " + "1+" * 5_000 + "1))", "only literal values can be read|this is no Python"),
    ("#" * 1_000_001, "at most 1000000 characters"),
])
def test_what_cannot_be_read_is_refused_with_its_line(text, why):
    with pytest.raises(SpaceError, match=why):
        read_code(text)
