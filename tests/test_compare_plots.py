"""Pictures of a comparison: lines, bands, ranks, distributions, final values, and marks that are more than colours."""

import math

import numpy as np
import pytest

import workbench as wb
from tests.compare_helpers import log_of, seeds_of, study_of, two_losses
from workbench.over_seeds import critical_difference
from workbench.plots.compare import COLORS, DASHES, SYMBOLS, best_so_far, compare, edf, final, look_of, ranks, steps_of
from workbench.plots.figure import figure


def traces(drawn, **wanted):
    return [t for t in drawn["data"] if all(t.get(k) == v for k, v in wanted.items())]


def lines(drawn):
    return {t["name"]: t for t in drawn["data"] if t.get("mode") == "lines+markers"}


def text_of(drawn):
    return drawn["layout"]["annotations"][0]["text"]


# ---- marks -------------------------------------------------------------------------------------------------------------

def test_groups_differ_in_colour_dash_and_symbol_and_no_two_of_many_are_alike():
    order = [str(k) for k in range(60)]
    looks = [look_of(order, g) for g in order]
    assert len(set(looks)) == 60
    for k in range(4):
        assert all(looks[k][i] != looks[k + 1][i] for i in range(3))
    assert math.lcm(len(COLORS), len(DASHES), len(SYMBOLS)) >= 60


def test_what_is_left_out_leaves_the_others_their_looks():
    c = wb.compare({g: log_of([1.0]) for g in "abc"})
    part = type(c)(c.members[1:], order=c.order)
    whole = lines(best_so_far(c))
    for name, line in lines(best_so_far(part)).items():
        assert (line["line"], line["marker"]) == (whole[name]["line"], whole[name]["marker"])


# ---- best so far -------------------------------------------------------------------------------------------------------

def test_a_group_is_a_line_with_a_band_and_single_runs_on_demand():
    c = wb.compare({"a": [log_of([3.0, v], seed=s) for s, v in enumerate((1.0, 2.0, 2.5))], "b": log_of([4.0, 0.5])})
    drawn = best_so_far(c)
    assert lines(drawn)["a (3)"]["y"].tolist() == [3.0, 2.0]
    assert lines(drawn)["b"]["y"].tolist() == [4.0, 0.5]
    lower, upper = drawn["data"][:2]
    assert (lower["y"].tolist(), upper["y"].tolist()) == ([3.0, 1.0], [3.0, 2.5])
    assert len(drawn["data"]) == 4
    every = best_so_far(c, single=True)
    thin = [t for t in every["data"] if t.get("opacity")]
    assert [t["y"].tolist() for t in thin] == [[3.0, 1.0], [3.0, 2.0], [3.0, 2.5]]
    assert "median and middle half" in drawn["layout"]["title"]["text"]
    assert "mean ± standard error" in best_so_far(c, band="error")["layout"]["title"]["text"]


def test_one_run_has_no_band_and_its_title_speaks_of_none():
    drawn = best_so_far(wb.compare([log_of([2.0, 1.0])], name="digits"))
    assert len(drawn["data"]) == 1
    assert drawn["layout"]["title"]["text"] == "Best so far on digits"


def test_axes_are_fixed_and_hold_all_that_is_drawn():
    c = wb.compare({"a": log_of([30.0, 2.0, 1.0]), "b": log_of([5.0] * 7)})
    layout = best_so_far(c)["layout"]
    assert layout["xaxis"]["range"][0] < 1 < 7 < layout["xaxis"]["range"][1] == pytest.approx(8 * 1.015)
    low, high = layout["yaxis"]["range"]
    assert low < 1 < 30 < high
    assert best_so_far(c, x="seconds")["layout"]["xaxis"]["title"]["text"] == "seconds of search"


def test_the_axis_of_values_is_logarithmic_where_it_helps_or_is_asked_for_and_possible():
    wide, narrow, negative = (wb.compare([log_of(v)]) for v in ([1e4, 1e2, 10.0, 1e-2], [2.0, 1.0], [1.0, -1.0]))
    kinds = [best_so_far(c, log=log)["layout"]["yaxis"]["type"]
             for c, log in ((wide, None), (wide, False), (narrow, None), (narrow, True), (negative, True))]
    assert kinds == ["log", "linear", "linear", "log", "linear"]


def test_several_losses_are_drawn_as_a_hypervolume_that_grows():
    drawn = best_so_far(wb.compare([two_losses(0)]))
    line, = lines(drawn).values()
    known = line["y"][np.isfinite(line["y"])]
    assert (np.diff(known) >= 0).all()
    assert drawn["layout"]["yaxis"]["title"]["text"] == "hypervolume (larger is better)"
    assert "one loss" in text_of(edf(wb.compare([two_losses(0)])))


# ---- ranks -------------------------------------------------------------------------------------------------------------

def test_ranks_end_where_the_table_has_them_with_the_critical_difference_beside_them():
    rng = np.random.default_rng(0)
    base = rng.random(8)
    c = wb.compare([*seeds_of("a", base), *seeds_of("b", base + 1), *seeds_of("c", rng.random(8) + 0.5)])
    drawn = ranks(c)
    ends = {name: float(t["y"][-1]) for name, t in lines(drawn).items()}
    assert ends == c.table()["rank"].to_dict()
    bar, = drawn["layout"]["shapes"]
    assert bar["y0"] == min(ends.values())
    assert bar["y1"] - bar["y0"] == pytest.approx(critical_difference(3, 8))
    assert drawn["layout"]["yaxis"]["range"] == [3.25, 0.75]  # 1 on top
    assert "over 8 seeds" in drawn["layout"]["title"]["text"]


def test_two_groups_have_ranks_without_a_critical_difference_and_one_has_none():
    drawn = ranks(wb.compare({"a": log_of([1.0, 1.0]), "b": log_of([2.0, 0.5])}))
    assert lines(drawn)["a"]["y"].tolist() == [1.0, 2.0]
    assert drawn["layout"]["shapes"] == []
    assert "Ranks need two runs" in text_of(ranks(wb.compare([log_of([1.0])])))


# ---- distributions -----------------------------------------------------------------------------------------------------

def test_the_distribution_steps_at_each_value_and_reaches_one():
    x, share = steps_of(np.array([1.0, 2.0, 2.0, 4.0]), 0.0, 5.0)
    assert (x.tolist(), share.tolist()) == ([0.0, 1.0, 2.0, 2.0, 4.0, 5.0], [0.0, 0.25, 0.75, 0.75, 1.0, 1.0])
    many = np.sort(np.random.default_rng(1).random(5000))
    x, share = steps_of(many, float(many[0]), float(many[-1]))
    assert len(x) <= 302
    assert share == pytest.approx([np.mean(many <= v) for v in x])


def test_the_distribution_of_each_group_says_of_how_many_trials_it_is():
    drawn = edf(wb.compare({"a": [study_of([1.0, 2.0]), study_of([3.0])], "b": log_of([5.0, None, 6.0])}))
    assert set(lines(drawn)) == {"a (3)", "b (2)"}
    assert "smallest losses" in drawn["layout"]["xaxis"]["title"]["text"]
    assert "to the right" in edf(wb.compare([log_of([1.0], direction="maximize")]))["layout"]["xaxis"]["title"]["text"]


# ---- final values ------------------------------------------------------------------------------------------------------

def test_every_run_is_a_dot_and_a_group_of_five_has_a_box_with_the_tables_quartiles():
    c = wb.compare([*seeds_of("a", [5, 4, 3, 2, 1, 0]), *seeds_of("b", [9, 8])])
    drawn = final(c)
    box, = traces(drawn, type="box")
    row = c.table().loc["a"]
    assert [box[k][0] for k in ("q1", "median", "q3")] == [row["lower quartile"], row["median"], row["upper quartile"]]
    dots = traces(drawn, type="scatter")
    assert [sorted(t["y"].tolist()) for t in dots] == [[0, 1, 2, 3, 4, 5], [8, 9]]
    assert dots[1]["text"] == ["b · seed 0", "b · seed 1"]
    assert drawn["layout"]["xaxis"]["ticktext"] == ["a", "b"]
    assert "after 2 trials" in drawn["layout"]["title"]["text"]


def test_a_run_that_found_nothing_is_counted_below_its_group():
    drawn = final(wb.compare({"a": [log_of([1.0]), log_of([None])], "b": log_of([2.0])}))
    assert "a<br>1 without a value" in drawn["layout"]["xaxis"]["ticktext"]


# ---- all ---------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["best_so_far", "ranks", "edf", "final"])
def test_all_pictures_are_figures_escape_names_and_say_something_before_the_first_result(kind):
    c = wb.compare({"<b>a</b>": [log_of([2.0, 1.0], seed=s) for s in range(3)], "b": log_of([3.0, 2.0])}, name="<i>n</i>")
    drawn = compare(c, kind)
    assert "<b>a" not in str(drawn)
    assert "<i>" not in str(drawn)
    assert len(c.figure(kind).data) == len(figure(drawn).data) > 0
    nothing = compare(wb.compare([log_of([])]), kind)
    assert nothing["data"] == []
    assert len(text_of(nothing)) > 20


def test_pictures_of_long_runs_are_light():
    rng = np.random.default_rng(2)
    c = wb.compare([log_of(rng.random(2000).tolist(), algorithm=a, seed=s) for a in "ab" for s in range(2)])
    for kind in ("best_so_far", "ranks", "edf", "final"):
        assert max(len(t["x"]) for t in compare(c, kind)["data"]) <= 302
