"""The map of tasks: where they lie, which are ringed, and what it says of itself."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from workbench.meta import Tasks, neighbours
from workbench.plots.task_map import MOST, Plane, task_map


def some(n=12, d=4, seed=0):
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.random((n, d)), columns=[f"f{j}" for j in range(d)])
    return Tasks(tuple(f"t{i}" for i in range(n)), ({"C": 0.123456, "kernel": "rbf"}, "<b>"), rng.random((n, 2)), features)


def trace(drawn, name):
    (found,) = (t for t in drawn["data"] if t["name"].startswith(name))
    return found


def test_the_plane_is_that_of_scikit_learn():
    x = np.random.default_rng(1).normal(size=(30, 5)) * [3, 2, 1, 0.5, 0.1]
    flat, theirs = Plane.of(x), PCA(2).fit(x)
    np.testing.assert_allclose(flat.share, theirs.explained_variance_ratio_)
    np.testing.assert_allclose(np.abs(flat.place(x)), np.abs(theirs.transform(x)), atol=1e-10)  # signs are free


@pytest.mark.parametrize("x", [np.zeros((1, 3)), np.ones((4, 3)), np.arange(5.0)[:, None], np.outer(np.arange(4.0), [1.0, 2.0])])
def test_rows_that_differ_in_less_than_two_directions_have_a_place_too(x):
    flat = Plane.of(x)
    assert np.isfinite(flat.place(x)).all() and not np.ptp(flat.place(x)[:, 1])
    assert flat.share.sum() == pytest.approx(1.0 if np.ptp(x) else 0.0)


def test_the_nearest_by_all_features_are_ringed_and_joined_to_the_star():
    t, new = some(), some(seed=5).features.iloc[0]
    drawn = task_map(t, new, 3)
    all_marks, rings, star, lines = (trace(drawn, n) for n in ("earlier", "the 3 nearest", "the new", "to the"))
    near = neighbours(t, new)
    assert len(all_marks["x"]) == 12
    for i, x, says in zip(near.order[:3], rings["x"], rings["hovertext"], strict=True):
        assert all_marks["x"][i] == x and f"<b>t{i}</b>" in says
        assert f"distance {near.distance[0]:.3f}" in rings["hovertext"][0]
    assert lines["x"][0] == lines["x"][3] == star["x"][0] and lines["x"][1] == rings["x"][0] and np.isnan(lines["x"][2])
    assert drawn["layout"]["title"]["text"] == "Most like the new task: " + ", ".join(f"t{i}" for i in near.order[:3])
    low, high = drawn["layout"]["xaxis"]["range"]
    assert low < min(*all_marks["x"], *star["x"]) and high > max(*all_marks["x"], *star["x"])


def test_a_mark_says_which_configuration_was_the_best_and_names_are_no_markup():
    t = Tasks(("a", "<i>"), ({"C": 0.123456, "kernel": "rbf"}, "<b>x"), np.array([[0.1, 0.2], [0.3, 0.25]]),
              pd.DataFrame({"f": [0.0, 1.0]}))
    first, second = trace(task_map(t), "tasks")["hovertext"]
    assert first == "<b>a</b><br>best known loss 0.100<br>C = 0.123<br>kernel = rbf"
    assert second == "<b>&lt;i&gt;</b><br>best known loss 0.250<br>&lt;b&gt;x"


def test_the_same_task_lies_on_its_own_mark():
    t = some()
    drawn = task_map(t, t.features.iloc[7], 1)
    assert trace(drawn, "the new")["x"][0] == pytest.approx(trace(drawn, "earlier")["x"][7])
    assert trace(drawn, "the nearest")["x"][0] == pytest.approx(trace(drawn, "the new")["x"][0])


def test_many_tasks_are_thinned_out_and_the_nearest_stay():
    t = some(n=500)
    drawn = task_map(t, t.features.iloc[251], 5)
    assert MOST <= len(trace(drawn, "earlier")["x"]) <= MOST + 5
    assert set(trace(drawn, "the 5")["x"]) <= set(trace(drawn, "earlier")["x"])
    assert len(trace(task_map(some(3), some(3).features.iloc[0], 10), "the 3")["x"]) == 3


def test_what_a_map_needs():
    assert "no meta-features" in task_map(Tasks(("a",), ("c",), np.ones((1, 1))))["layout"]["annotations"][0]["text"]
    with pytest.raises(ValueError, match="got 0"):
        task_map(some(), k=0)
    with pytest.raises(ValueError, match="shares no meta-feature"):
        task_map(some(), pd.Series({"other": 1.0}))
