"""Pictures of distances, of completed matrices, and of what is believed of a new task."""

import numpy as np
import pytest

from workbench.meta import Factorisation, Tasks, hidden_error
from workbench.plots.matrix_completion import completed_matrix, new_task_figure, rank_figure, singular_values_figure
from workbench.plots.task_distances import distances_figure


def some_tasks(T=12, N=30, seed=0):
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(T, 2)) @ rng.normal(size=(2, N)) + 0.1 * rng.normal(size=(T, N))
    configs = tuple({"C": 0.5 * j, "kernel": "<b>"} for j in range(N))
    return Tasks(tuple(f"t{i}" for i in range(T)), configs, Y)


def title(drawn):
    return drawn["layout"]["title"]["text"]


def trace(drawn, name):
    (found,) = (t for t in drawn["data"] if t["name"] == name)
    return found


def test_distances_have_a_panel_each_and_the_title_tells_of_new_tasks():
    rng = np.random.default_rng(0)
    true, new = rng.random(1000), rng.random(1000) < 0.3
    good = true + 0.05 * rng.normal(size=1000)
    drawn = distances_figure(true, {"plain": rng.random(1000), "the <net>": good}, new)
    r = np.corrcoef(good[new], true[new])[0, 1]
    assert title(drawn).startswith("Correlation with true distances of new tasks: plain ")
    assert title(drawn).endswith(f"the &lt;net&gt; {r:.3f}")
    assert [t["xaxis"] for t in drawn["data"]] == ["x", "x", "x2", "x2"]
    assert sum(len(t["x"]) for t in drawn["data"]) <= 200
    last = drawn["data"][-1]
    assert last["name"] == "pairs with a new task"
    assert set(zip(last["x"], last["y"], strict=True)) <= set(zip(good[new], true[new], strict=True))
    assert drawn["layout"]["yaxis"]["range"] == drawn["layout"]["yaxis2"]["range"]
    everything = distances_figure(true[:50], {"plain": good[:50]})
    assert len(everything["data"]) == 1 and len(everything["data"][0]["x"]) == 50
    assert "annotations" in distances_figure(np.zeros(0), {"plain": np.zeros(0)})["layout"]
    with pytest.raises(ValueError, match="3 true ones, 2 of 'plain'"):
        distances_figure(np.zeros(3), {"plain": np.zeros(2)})
    with pytest.raises(ValueError, match="got 0"):
        distances_figure(np.zeros(3), {})


def test_the_three_matrices_are_in_one_order_and_on_one_scale():
    t = some_tasks()
    shown = np.random.default_rng(1).random(t.losses.shape) < 0.5
    predicted = t.losses + 0.25
    drawn = completed_matrix(t.losses, shown, predicted, names=t.names)
    a, b, c = (np.asarray(p["z"], dtype=float) for p in drawn["data"])
    np.testing.assert_allclose(c - a, 0.25, atol=1e-3)
    np.testing.assert_array_equal(b[np.isfinite(b)], a[np.isfinite(b)])
    assert np.isfinite(b).sum() == shown.sum()
    assert (np.diff(a.mean(axis=0)) > -1e-3).all() and (np.diff(a.mean(axis=1)) > -1e-3).all()
    assert len({(p["zmin"], p["zmax"]) for p in drawn["data"]}) == 1
    assert drawn["data"][0]["hovertext"][0][0] == t.names[int(np.argmin(t.losses.mean(axis=1)))]
    assert title(drawn).startswith("Hidden losses are missed by 0.250")
    assert title(completed_matrix(t.losses, np.ones_like(shown), predicted)) == "All losses were shown"
    large = completed_matrix(np.random.default_rng(2).random((300, 500)), np.ones((300, 500), dtype=bool), np.zeros((300, 500)))
    assert np.shape(large["data"][0]["z"]) == (60, 100)
    with pytest.raises(ValueError, match="same shape"):
        completed_matrix(t.losses, shown, predicted[:3])


def test_singular_values_say_how_many_factors_there_are():
    drawn = singular_values_figure(np.array([4.0, 3.0, 1.0, 0.5]))  # 16, 25, 26 of 26.25
    assert title(drawn) == "2 of 4 factors hold nine tenths of what the biases leave"
    np.testing.assert_allclose(drawn["data"][0]["y"], [1, 0.75, 0.25, 0.125])
    assert drawn["data"][0]["customdata"][-1] == pytest.approx(1.0)
    assert "nothing is left of the matrix" in singular_values_figure(np.zeros(3))["layout"]["annotations"][0]["text"]


def test_the_rank_with_the_least_error_is_named():
    errors = hidden_error(some_tasks(T=40), range(5))
    drawn = rank_figure(errors)
    assert title(drawn) == "Two factors are enough to predict hidden losses"
    assert list(trace(drawn, "hidden losses")["y"]) == errors["hidden"].tolist()


def test_a_new_task_shows_what_was_tried_what_is_true_and_what_comes_next():
    t = some_tasks(T=30)
    f = Factorisation.fit(t.without(0), 2)
    observed = {i: t.losses[0, i] for i in (3, 9)}
    found, chosen = f.predict(observed), f.suggest(observed)[0]
    drawn = new_task_figure(found, t.losses[0], chosen)
    order = np.argsort(found.mean, kind="stable")
    tried, nxt = trace(drawn, "tried"), trace(drawn, "tried next")
    assert [order[int(x) - 1] for x in tried["x"]] == [3, 9] and list(tried["y"]) == list(observed.values())
    assert order[int(nxt["x"][0]) - 1] == chosen and nxt["y"][0] == found.mean[chosen]
    assert "C = 1.50, kernel = &lt;b&gt;" in tried["hovertext"][0]
    assert len(trace(drawn, "true, not tried")["x"]) == 28
    left = ~found.observed
    rms = np.sqrt(np.mean((found.mean - t.losses[0])[left] ** 2))
    assert title(drawn) == f"After 2 tries the others' losses are missed by {rms:.3g} (root mean square)"
    low, high = drawn["layout"]["yaxis"]["range"]
    assert low < (found.mean - 2 * found.sd).min() and high > (found.mean + 2 * found.sd).max()
    assert title(new_task_figure(f.predict())) == "Before the first try: what is believed of all 30 configurations"
    assert title(new_task_figure(f.predict(t.losses[0]), t.losses[0])) == "After 30 tries: all is known"
    with pytest.raises(ValueError, match=r"got shape \(3,\)"):
        new_task_figure(found, np.zeros(3))
    with pytest.raises(ValueError, match="got 30"):
        new_task_figure(found, chosen=30)
