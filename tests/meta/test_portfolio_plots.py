"""Pictures of portfolios: regret by the number of tries, and which pick serves which task."""

import numpy as np
import pytest

from workbench.meta import Tasks
from workbench.plots.figure import figure
from workbench.plots.portfolio import MOST, coverage, regret_by_size


def some(losses):
    losses = np.asarray(losses, dtype=float)
    return Tasks(tuple(f"t{i}" for i in range(len(losses))), tuple({"C": float(j)} for j in range(losses.shape[1])), losses)


def lines(drawn):
    return {t["name"]: t for t in drawn["data"] if t["mode"] == "lines+markers"}


def test_lines_are_means_and_bands_hold_the_middle_half():
    r = np.random.default_rng(0).random((9, 4)) + 1
    drawn = regret_by_size({"greedy": r, "random": 2 * r})
    np.testing.assert_allclose(lines(drawn)["greedy"]["y"], r.mean(axis=0))
    np.testing.assert_allclose(lines(drawn)["random"]["y"], 2 * r.mean(axis=0))
    np.testing.assert_allclose([t["y"] for t in drawn["data"][:2]], np.quantile(r, [0.25, 0.75], axis=0))
    assert "type" not in drawn["layout"]["yaxis"]  # within a factor of five: a plain axis, from 0
    figure(drawn)


def test_regrets_that_lie_far_apart_get_a_log_axis_on_which_zeros_have_a_place():
    r = np.array([[1.0, 0.1], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    drawn = regret_by_size({"a": r})
    axis = drawn["layout"]["yaxis"]
    assert axis["type"] == "log" and axis["range"][0] < np.log10(0.025) < np.log10(1) < axis["range"][1]
    assert all(axis["range"][0] <= np.log10(v) <= axis["range"][1] for v in axis["tickvals"])
    assert drawn["data"][0]["y"].min() == pytest.approx(0.0025)  # the lower edge, which is 0
    assert "type" not in regret_by_size({"a": np.zeros((3, 2))})["layout"]["yaxis"]


def test_the_title_names_who_leaves_least_where_all_can_be_compared():
    short, long = np.full((2, 2), 0.3), np.array([[0.9, 0.4, 0.1]] * 2)
    assert regret_by_size({"<b>": short, "long": long})["layout"]["title"]["text"] == (
        "After 2 tries &lt;b&gt; leaves 0.300, long 0.400")


@pytest.mark.parametrize(("r", "says"), [(np.zeros(3), "row for each task"), (np.zeros((0, 3)), "row for each task"),
                                         (np.array([[1.0, np.nan]]), "finite, got nan")])
def test_regrets_that_are_no_table_of_numbers_are_refused(r, says):
    with pytest.raises(ValueError, match=says):
        regret_by_size({"a": r})


def test_tasks_stand_by_the_pick_that_serves_them_and_the_best_pick_is_marked():
    t = some([[0, 9, 5, 10], [4, 0, 9, 10], [3, 9, 0, 10], [9, 1, 9, 0], [2, 2, 7, 10]])
    drawn = coverage(t, [1, 2, 0])
    heat, marks = drawn["data"]
    scaled = t.scaled()[:, [1, 2, 0]]
    assert drawn["layout"]["yaxis"]["ticktext"] == ["t1", "t4", "t3", "t2", "t0"]  # t4: a tie, the first pick counts
    np.testing.assert_allclose(heat["z"], scaled[[1, 4, 3, 2, 0]], atol=1e-4)
    np.testing.assert_array_equal(marks["x"], [0, 0, 0, 1, 2])
    assert (np.diff(marks["x"]) >= 0).all()
    assert [text.split("<br>")[1] for text in drawn["layout"]["xaxis"]["ticktext"]] == ["best on 3", "best on 1", "best on 1"]
    assert "best on 3 of 5 tasks" in drawn["layout"]["title"]["text"]
    figure(drawn)


def test_of_many_tasks_an_even_choice_is_drawn():
    drawn = coverage(some(np.random.default_rng(0).random((500, 6))), [0, 1, 2])
    assert len(drawn["data"][0]["z"]) == len(drawn["data"][1]["x"]) == MOST
    assert set(drawn["data"][1]["x"]) == {0, 1, 2}


def test_a_pick_that_is_no_configuration_is_refused_and_none_say_so():
    with pytest.raises(ValueError, match="0 to 2, got 3"):
        coverage(some(np.ones((2, 3))), [1, 3])
    assert not coverage(some(np.ones((2, 3))), [])["data"] and not regret_by_size({})["data"]
