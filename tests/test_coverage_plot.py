"""The picture of grid against random search."""

import numpy as np
import pytest

from workbench.plots.coverage import BEST_X1, BEST_X2, coverage, important, loss, n_distinct, unimportant
from workbench.plots.figure import figure

GRID = np.array([[a, b] for a in (0.0, 0.5, 1.0) for b in (0.0, 0.5, 1.0)])
RANDOM = np.random.default_rng(0).random((9, 2))


def test_the_loss_is_zero_at_both_minima_and_a_weighted_sum():
    assert loss(np.array([[BEST_X1, BEST_X2]]), 0.8) == pytest.approx([0.0])
    x = RANDOM
    np.testing.assert_allclose(loss(x, 0.8), 0.8 * important(x[:, 0]) + 0.2 * unimportant(x[:, 1]))
    u = np.linspace(0, 1, 1001)
    assert u[np.argmin(important(u))] == pytest.approx(BEST_X1)
    assert u[np.argmin(unimportant(u))] == pytest.approx(BEST_X2)


def test_values_are_counted_up_to_rounding():
    assert n_distinct(GRID[:, 0]) == 3
    assert n_distinct(np.array([0.3, 0.1 + 0.2, 0.4])) == 2


def test_each_search_has_its_points_projections_curves_and_best():
    drawn = coverage({"Grid": GRID, "Random": RANDOM}, 0.9)
    named = {t["name"]: t for t in drawn["data"]}
    np.testing.assert_array_equal(named["Grid"]["x"], GRID[:, 0])
    np.testing.assert_array_equal(named["Random"]["customdata"], loss(RANDOM, 0.9))
    ticks = [t for t in drawn["data"] if t["name"] == "Grid: 3 values"]
    np.testing.assert_array_equal(ticks[0]["x"], GRID[:, 0])  # on x1 …
    np.testing.assert_array_equal(ticks[1]["y"], GRID[:, 1])  # … and on x2
    best = next(t for t in drawn["data"] if t["name"].startswith("Random: best"))
    i = np.argmin(loss(RANDOM, 0.9))
    assert (best["x"][0], best["y"][0]) == tuple(RANDOM[i])
    curve = next(t for t in drawn["data"] if t["name"].startswith("a (1"))
    np.testing.assert_allclose(curve["y"], 0.9 * (1 - important(curve["x"])))
    texts = [a["text"] for a in drawn["layout"]["annotations"]]
    assert texts == ["Grid: 3 values of x₁ in 9 trials", "Random: 9 values of x₁ in 9 trials"]


def test_without_curves_nothing_is_given_away_and_a_guess_is_marked_in_every_square():
    drawn = coverage({"Grid": GRID, "Random": RANDOM}, 0.9, curves=False, guess=0.2)
    assert not [t for t in drawn["data"] if "best" in t["name"] or "f(" in t["name"]]
    assert [s["x0"] for s in drawn["layout"]["shapes"]] == [0.2, 0.2]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_every_axis_is_inside_the_picture_and_none_overlap(n):
    drawn = coverage({str(i): RANDOM for i in range(n)}, 0.7, lit="f")
    layout = figure(drawn).layout
    rooms = []
    for k in range(1, 3 * n + 1):
        s = "" if k == 1 else str(k)
        x, y = layout[f"xaxis{s}"].domain, layout[f"yaxis{s}"].domain
        assert 0 <= x[0] < x[1] <= 1
        assert 0 <= y[0] < y[1] <= 1
        rooms.append((x, y))
    for i, (x, y) in enumerate(rooms):
        for v, w in rooms[:i]:
            assert x[0] >= v[1] or v[0] >= x[1] or y[0] >= w[1] or w[0] >= y[1]


def test_a_fifth_search_is_refused():
    with pytest.raises(ValueError, match="room for 4 searches side by side, got 5"):
        coverage({str(i): RANDOM for i in range(5)}, 0.5)
