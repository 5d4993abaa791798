"""The picture of warm against cold says what the numbers say."""

import json

import numpy as np
import pytest

from workbench.plots.figure import figure
from workbench.plots.warm_start import best_so_far, reached, warm_start

COLD = [np.array([5.0, 4.0, np.nan, 2.0, 1.0]), np.array([6.0, np.inf, 4.0, 3.0, 2.0])]
WARM = [np.array([3.0, 1.0, 0.5, 0.5, 0.4]), np.array([3.0, 2.0, 2.5, 0.7, 0.7])]


def test_when_the_warm_search_is_as_good_is_counted_from_mean_curves():
    np.testing.assert_array_equal(best_so_far(COLD)[0], [5, 4, 4, 2, 1])
    np.testing.assert_allclose(best_so_far(COLD, 0.5)[1], [5.5, 5.5, 3.5, 2.5, 1.5])
    assert reached(COLD, WARM) == 2  # means 3, 1.5; the cold one ends at 1.5
    assert reached(WARM, COLD) is None


def test_the_title_says_the_finding_and_the_given_ones_are_shaded():
    drawn = warm_start(COLD, WARM, 2, name="<car>")
    assert drawn["layout"]["title"]["text"].replace("<br>", " ") .startswith("Warm started, 2 trials reach what 5 did without on &lt;car&gt;")
    box = drawn["layout"]["shapes"][1]
    assert (box["x0"], box["x1"]) == (0.5, 2.5)
    cross = drawn["data"][-1]
    assert list(cross["x"]) == [2.0] and list(cross["y"]) == [1.5]
    names = [t["name"] for t in drawn["data"] if t.get("showlegend", True)]
    assert names == ["cold", "warm, after 2 from past tasks"]
    low, high = drawn["layout"]["yaxis"]["range"]
    assert low < high
    figure(drawn)
    json.dumps(drawn, default=lambda a: a.tolist())
    assert "do not reach" in warm_start(WARM, COLD)["layout"]["title"]["text"]
    assert "one seed" in warm_start(COLD[:1], WARM[:1])["layout"]["title"]["text"]


def test_without_results_it_says_so():
    assert "appear when both" in warm_start([], [])["layout"]["annotations"][0]["text"].replace("<br>", " ")
    assert warm_start([[np.inf]], [[1.0]])["data"] == []
    with pytest.raises(ValueError, match="got -1"):
        warm_start(COLD, WARM, -1)
