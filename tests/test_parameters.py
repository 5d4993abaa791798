"""Float, Int and Choice: levels, scales, and what they refuse."""

import enum
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.space_strategies import floats, ints
from workbench.errors import SpaceError
from workbench.models.parzen import Axis


def test_steps_of_a_tenth_give_the_numbers_one_writes():
    assert wb.Float(0, 1, step=0.1).values() == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert wb.Float(0.05, 0.4, step=0.1).values() == [0.05, 0.15, 0.25, 0.35]


def test_a_high_end_off_the_lattice_is_lowered_to_the_last_level():
    assert wb.Float(0, 1, step=0.3).high == 0.9
    assert wb.Int(0, 10, step=3).high == 9
    assert wb.Float(0, 0.1 + 0.2, step=0.1).high == 0.1 + 0.2  # a rounding error beside a level: left as it was written
    assert wb.Float(0, 1, step=5).values() == [0.0]


@pytest.mark.parametrize("param", [wb.Int(1, 9), wb.Int(1, 300, log=True), wb.Float(0, 1, step=0.1),
                                   wb.Float(0.5, 8, step=0.5, log=True), wb.Choice("a", "b", "c")])
def test_edges_lie_between_levels_and_cells_hold_their_points(param):
    edges, points = param.edges(), param.levels()
    assert (edges[0], edges[-1]) == (0.0, 1.0)
    assert (np.diff(edges) > 0).all()
    assert ((edges[:-1] < points) & (points < edges[1:])).all()
    inside = np.concatenate([edges[:-1] + 1e-9, edges[1:] - 1e-9])
    assert param.level(inside).tolist() == 2 * list(range(param.n_levels))
    np.testing.assert_array_equal(param.points(np.arange(param.n_levels)), points)
    assert [param.find(v) for v in param.values()] == list(range(param.n_levels))


@settings(max_examples=100, deadline=None)
@given(st.one_of(floats(), ints()), st.floats(0, 1))
def test_one_value_and_many_values_are_mapped_alike(param, u):
    value = param.from_unit(u)
    assert param.decode(np.array([u])) == [value]
    assert type(param.decode(np.array([u]))[0]) is type(value)
    assert param.encode([value]).tolist() == [param.to_unit(value)]
    assert param.snap(np.array([u, np.nan]))[0] == param.snap_one(u)
    assert param.fault(value) is None
    if param.step is not None:
        assert param.from_unit(param.to_unit(value)) == value
        assert param.level(np.array([u]))[0] == param.level_of(u) == param.find(value)


def test_fields_can_be_replaced_and_checks_run_again():
    p = wb.Float(1e-3, 1.0, log=True, default=0.1)
    assert replace(p, high=10.0) == wb.Float(1e-3, 10.0, log=True, default=0.1)
    with pytest.raises(SpaceError, match="low > 0"):
        replace(p, low=0.0)
    with pytest.raises(AttributeError):
        p.low = 3.0


def test_numpy_scalars_and_enums_become_plain_values():
    class Colour(enum.StrEnum):
        RED = "red"

    class Size(enum.IntEnum):
        BIG = 3

    p = wb.Choice(Colour.RED, Size.BIG, np.float64(0.5), np.bool_(True), np.str_("x"))
    assert [type(o) for o in p.options] == [str, int, float, bool, str]
    assert repr(p) == "wb.Choice('red', 3, 0.5, True, 'x')"
    assert p.find(np.int8(3)) == 1
    assert type(wb.Int(np.int64(1), np.float64(4.0)).high) is int


def test_true_and_one_make_different_choices():
    assert wb.Choice(True, 5) != wb.Choice(1, 5)
    assert wb.Choice(1, 5) == wb.Choice(1, 5)
    assert hash(wb.Choice(1, 5)) == hash(wb.Choice(1, 5))
    assert wb.Choice(True, 5).find(1) is None


def test_a_set_of_values_is_read_in_the_same_order_everywhere():
    assert wb.Int(0, 1, when={"a": {"z", "y", "x"}}).when == (("a", ("x", "y", "z")),)


@pytest.mark.parametrize(("make", "text"), [
    (lambda: wb.Float(1, 0), "low must not exceed high, got low=1.0 and high=0.0. Swap"),
    (lambda: wb.Float(0, math.inf), "finite numbers, got low=0.0 and high=inf"),
    (lambda: wb.Float(math.nan, 1), "finite numbers"),
    (lambda: wb.Float("0", 1), "finite numbers, got low='0'"),
    (lambda: wb.Float(True, 2), "finite numbers"),
    (lambda: wb.Float(0, 10**400), "finite numbers"),
    (lambda: wb.Float(0, 1, log=True), "log scale needs low > 0, got low=0.0. Raise low"),
    (lambda: wb.Float(0, 1, log="yes"), "log must be True or False, got 'yes'"),
    (lambda: wb.Float(0, 1, step=0), "step must be a positive number"),
    (lambda: wb.Float(0, 1, step=-0.1), "step must be a positive number .* got -0.1"),
    (lambda: wb.Float(0, 1, step=math.nan), "step must be a positive number"),
    (lambda: wb.Float(0, 1, step=1e-20), "at most .* levels"),
    (lambda: wb.Float(-1e308, 1e308, step=1e300), "at most .* levels"),
    (lambda: wb.Float(1e16, 1e16 + 10, step=1), "lost in rounding"),
    (lambda: wb.Float(0.1, 1, step=0.2, log=True), "step < 2 \\* low, got step=0.2 and low=0.1"),
    (lambda: wb.Float(0, 1, default=2), "the default must lie between 0.0 and 1.0, got 2.0"),
    (lambda: wb.Float(0, 1, step=0.5, default=0.3), "the default must be 0.0 plus a multiple of 0.5, got 0.3"),
    (lambda: wb.Int(0.5, 3), "whole numbers, got low=0.5. Use Float"),
    (lambda: wb.Int(0, 3, step=0), "step must be a positive"),
    (lambda: wb.Int(0, 2**60), "counts exactly up to"),
    (lambda: wb.Int(0, 3, default=True), "the default must be a whole number, got True"),
    (wb.Choice, "at least one option"),
    (lambda: wb.Choice(["a", "b"]), r"one by one, got a list. Write Choice\(\*\['a', 'b'\]\)"),
    (lambda: wb.Choice("a", "a"), "must differ, got 'a' and 'a'"),
    (lambda: wb.Choice(0, False), "must differ, got 0 and False, which Python holds equal"),
    (lambda: wb.Choice("a", math.nan), "finite int or float, or str, got nan"),
    (lambda: wb.Choice("a", math.inf), "finite int or float, or str, got inf"),
    (lambda: wb.Choice("a", object), "Use a name"),
    (lambda: wb.Choice("a", "\udfff"), "valid Unicode"),
    (lambda: wb.Choice("a", "b", default="c"), r"the default must be one of \['a', 'b'\], got 'c'"),
    (lambda: wb.Choice("a", ordered=1), "ordered must be True or False, got 1"),
    (lambda: wb.Int(0, 1, when="optimizer"), "mapping of names to values, got 'optimizer'"),
    (lambda: wb.Int(0, 1, when={3: 1}), "must name parameters, got 3"),
    (lambda: wb.Int(0, 1, when=(("a", (1,)), ("a", (2,)))), "names 'a' twice"),
])
def test_a_malformed_parameter_is_refused_with_rule_value_and_way_out(make, text):
    with pytest.raises(SpaceError, match=text):
        make()


def test_what_has_no_levels_says_so():
    p = wb.Float(0, 1)
    assert p.n_levels is None
    assert p.find(0.5) is None
    for ask in (p.values, p.levels, p.edges, lambda: p.level(np.array([0.5])), lambda: p.points(np.array([0]))):
        with pytest.raises(SpaceError, match="has no levels. Give it a step"):
            ask()


def test_a_thousand_options_are_looked_up_quickly():
    p = wb.Choice(*range(50_000))
    assert p.encode([49_999] * 50_000)[0] == p.to_unit(49_999)
    with pytest.raises(ValueError, match="not among"):
        wb.Choice("a").index("b")


@pytest.mark.parametrize("param", [wb.Float(2, 2), wb.Float(2, 2, log=True), wb.Int(1, 1), wb.Int(1, 1, log=True), wb.Int(3, 4, step=5)])
def test_a_range_of_a_single_number_has_a_single_point(param):
    space = wb.Space(a=param, b=wb.Choice("x", "y"))
    u = np.array([0.0, 0.2, 0.7, 1.0, np.nan])
    point = param.to_unit(param.low)
    assert param.snap(u).tolist()[:4] == [param.snap_one(v) for v in u[:4]] == [point] * 4
    assert np.isnan(param.snap(u)[4])
    assert Axis.of(param).points.tolist() == [point]
    assert np.array_equal(space.sample_unit(5, np.random.default_rng(0))[:, 0], [point] * 5)


@pytest.mark.parametrize("algorithm", [wb.GPBO(n_startup=2), wb.TPE(n_startup=2), wb.RFBO(n_startup=2), wb.QuasiRandom()],
                         ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("lone", [wb.Float(2, 2), wb.Int(1, 1, log=True)], ids=["float", "int"])
def test_a_parameter_of_one_value_does_not_hide_that_a_configuration_was_tried(algorithm, lone):
    space = wb.Space(a=lone, b=wb.Choice(*"uvwxyz"))
    run = wb.optimize(lambda c: ord(c["b"]), space, algorithm=algorithm, n_trials=6, seed=0).start().wait(60)
    assert {t.config["b"] for t in run.trials.by_number.values()} == set("uvwxyz")
