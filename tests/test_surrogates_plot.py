"""Surrogates side by side."""

import numpy as np
import pytest

import workbench as wb
from workbench.history import History
from workbench.models.log_transform import LogTransform
from workbench.plots.figure import figure
from workbench.plots.surrogates import compare, cost
from workbench.problems.functions import forrester_values
from workbench.search.surrogate_why import slice_1d

SPACE = wb.Space({"x": wb.Float(0, 1)})


@pytest.fixture(scope="module")
def seen():
    x = np.sort(np.random.default_rng(3).random((14, 1)), axis=0)
    history = History.of(SPACE, x, forrester_values(x))
    rng = np.random.default_rng
    return history, {"GP": wb.GPBO().suggest(history, rng(0)).why, "Forest": wb.RFBO(p_random=0).suggest(history, rng(0)).why}


def test_each_panel_has_the_slice_of_its_model_and_the_same_axes(seen):
    history, whys = seen
    drawn = compare(history, whys, "x", n=50)
    for axis, (name, why) in zip(("y", "y3"), whys.items(), strict=True):
        cut = slice_1d(history, why, "x", n=50, at=whys["GP"].incumbent)
        mean = next(t for t in drawn["data"] if t["name"] == f"mean, {cut.model}")
        np.testing.assert_array_equal(mean["y"], cut.mean)
        assert mean["yaxis"] == axis
        assert name in [a["text"] for a in drawn["layout"]["annotations"]]
    layout = drawn["layout"]
    assert layout["yaxis"]["range"] == layout["yaxis3"]["range"]
    assert layout["xaxis"]["range"] == layout["xaxis3"]["range"] == layout["xaxis4"]["range"]
    observed = [t for t in drawn["data"] if t["name"] == "observed"]
    assert len(observed) == 2
    np.testing.assert_array_equal(observed[0]["y"], observed[1]["y"])
    figure(drawn)


def test_acquisitions_have_their_top_at_zero_and_the_next_points_are_marked(seen):
    history, whys = seen
    drawn = compare(history, whys, "x")
    for t in drawn["data"]:
        if t["name"].endswith(": acquisition"):
            assert np.nanmax(t["y"]) == 0
            assert np.nanmin(t["y"]) >= -8
    assert [s["x0"] for s in drawn["layout"]["shapes"]] == [float(w.x[0]) for w in whys.values()]


def test_the_title_says_where_each_is_least_sure(seen):
    history, whys = seen
    title = compare(history, whys, "x")["layout"]["title"]["text"]
    cut = slice_1d(history, whys["Forest"], "x", at=whys["GP"].incumbent)
    at = cut.values[int(np.argmax(cut.upper - cut.lower))]
    assert f"Forest at {at:.3f}" in title


def test_without_surrogates_there_is_a_sentence_and_five_are_too_many(seen):
    history, whys = seen
    assert compare(history, {}, "x")["data"] == []
    with pytest.raises(ValueError, match="room for 4"):
        compare(history, dict.fromkeys("abcde", whys["GP"]), "x")


def test_costs_are_drawn_with_their_exponents():
    drawn = cost([10, 100, 1000], {"GP": [1.0, 10.0, 10_000.0], "Forest": [5.0, 5.0, None]})
    assert "GP ∝ n^3.0" in drawn["layout"]["title"]["text"]
    assert "Forest ∝ n^0.0" in drawn["layout"]["title"]["text"]
    assert np.isnan(drawn["data"][1]["y"][2])
    figure(drawn)
    with pytest.raises(ValueError, match="2 times for 3"):
        cost([1, 2, 3], {"GP": [1.0, 2.0]})


def test_the_forests_band_in_the_users_units_stays_within_what_the_transform_can_give(seen):
    history, whys = seen
    transform = whys["Forest"].belief(history).transform
    assert isinstance(transform, LogTransform)
    cut = slice_1d(history, whys["Forest"], "x")
    assert cut.lower.min() >= transform.best - transform.gap  # nothing lies below y_0
