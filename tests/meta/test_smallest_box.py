"""Smaller spaces that hold the best of earlier tasks, against closed forms, all choices, and real tables."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.meta import Tasks, check_design, design_space, small_tasks
from workbench.meta.space_design import Box, expected_least, size_of
from workbench.space import Choice, Float, Int, Space

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
LINE = Space(v=Float(0.0, 1.0))
MIXED = Space(kind=Choice("a", "b", "c"), lr=Float(1e-4, 1.0, log=True, default=1e-4), depth=Int(1, 6),
              size=Choice("s", "m", "l", "xl", ordered=True), width=Float(0.0, 1.0, when={"kind": ["b", "c"]}))


def on_a_line(at, losses):
    return Tasks(tuple(f"t{i}" for i in range(len(losses))), tuple({"v": float(v)} for v in at), np.asarray(losses, dtype=float),
                 space=LINE)


def of(configs, losses, space=MIXED):
    return Tasks(tuple(f"t{i}" for i in range(len(losses))), tuple(configs), np.asarray(losses, dtype=float), space=space)


def _parts(box):
    return box.low, box.high, box.options


def random_tasks(seed, n_tasks=4, n=12):
    rng = np.random.default_rng(seed)
    configs = MIXED.sample(n, rng)
    return of(configs, rng.integers(0, 4, (n_tasks, n)))  # many equals


# ---- the smallest box ------------------------------------------------------------------------------------------------


def test_the_box_runs_from_the_least_to_the_largest_of_the_best():
    configs = [{"kind": "a", "lr": 1e-2, "depth": 2, "size": "m"}, {"kind": "b", "lr": 1e-1, "depth": 4, "size": "xl", "width": 0.3},
               {"kind": "c", "lr": 1.0, "depth": 6, "size": "s", "width": 0.9}]
    design = design_space(of(configs, [[0, 1, 2], [1, 0, 2]]))
    assert design.space == Space(kind=Choice("a", "b"), lr=Float(1e-2, 1e-1, log=True), depth=Int(2, 4),
                                 size=Choice("m", "l", "xl", ordered=True), width=Float(0.3, 0.3, when={"kind": ["b"]}))
    assert design.holds(MIXED.to_unit(configs)).tolist() == [True, True, False]
    np.testing.assert_allclose(design.shares, [2 / 3, 0.25, 0.5, 0.75, 0.0], atol=1e-12)
    assert design.frame()["tasks"].tolist() == [2, 2, 2, 2, 1]


def test_what_is_never_active_among_the_best_goes_with_its_parent():
    configs = [{"kind": "a", "lr": 1e-2, "depth": 2, "size": "m"}, {"kind": "b", "lr": 1e-1, "depth": 4, "size": "xl", "width": 0.3}]
    design = design_space(of(configs, [[0, 1], [0, 1]]))
    assert design.space.names == ("kind", "lr", "depth", "size")
    assert design.frame().set_index("parameter").loc["width", "after"] == "gone"
    assert np.isnan(design.shares[-1])


def test_a_margin_widens_numbers_inside_their_ranges_only():
    configs = [{"kind": "a", "lr": 1e-2, "depth": 3, "size": "m"}, {"kind": "a", "lr": 0.9, "depth": 3, "size": "m"}]
    space = design_space(of(configs, [[0, 1], [1, 0]]), margin=0.2).space
    assert space["lr"].low == pytest.approx(1e-2 * 10**-0.8)
    assert space["lr"].high == 1.0
    assert (space["depth"].low, space["depth"].high) == (2, 4)
    assert space["kind"].options == ("a",)


def test_forbidden_combinations_stay_where_they_can_still_occur():
    full = Space({"a": Choice("x", "y", "z"), "b": Int(0, 5)}, forbidden=[{"a": "x", "b": [0, 1]}, {"a": "z", "b": 4}])
    design = design_space(of([{"a": "x", "b": 2}, {"a": "y", "b": 1}, {"a": "z", "b": 5}], [[0, 1, 1], [1, 0, 1]], full))
    assert design.space == Space({"a": Choice("x", "y"), "b": Int(1, 2)}, forbidden=[{"a": "x", "b": 1}])


@pytest.mark.parametrize("seed", range(12))
def test_among_equals_the_box_is_that_of_brute_force(seed):
    tasks = random_tasks(seed)
    x, losses = tasks.x(), tasks.scaled()
    best = min(float(size_of(MIXED, *_parts(Box.around(MIXED, x[list(some)]))))
               for some in product(*(np.flatnonzero(row == 0) for row in losses)))
    design = design_space(tasks)
    found = Box.around(MIXED, design.x)
    assert float(size_of(MIXED, found.low, found.high, found.options)) == pytest.approx(best, abs=1e-9)
    assert (design.cost == 0).all()


@pytest.mark.parametrize("seed", range(6))
def test_with_a_tolerance_on_a_line_it_is_the_narrowest_window_with_something_good_for_each(seed):
    rng = np.random.default_rng(seed)
    at = np.sort(rng.random(30))
    tasks = on_a_line(at, rng.random((5, 30)))
    good = tasks.scaled() <= 0.2
    width = min(at[j] - at[i] for i in range(30) for j in range(i, 30) if good[:, i:j + 1].any(axis=1).all())
    design = design_space(tasks, tolerance=0.2)
    assert design.shares[0] == pytest.approx(width, abs=1e-9)
    assert (design.cost <= 0.2).all()
    assert design.shares[0] <= design_space(tasks).shares[0]


def test_tasks_that_hold_the_same_end_leave_together():
    """Two tasks at 0, seven between 0.4 and 0.5: one of the two alone would change nothing."""
    places = np.array([0.0, 0.0, *np.linspace(0.4, 0.5, 7)])
    tasks = on_a_line(places, np.abs(places - places[:, None]))
    design = design_space(tasks, keep=7 / 9)
    assert design.space["v"] == Float(0.4, 0.5)
    assert design.kept.tolist() == [False] * 2 + [True] * 7
    assert design_space(tasks).space["v"] == Float(0.0, 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_the_one_task_that_leaves_is_the_best_one_to_leave(seed):
    at = np.sort(np.random.default_rng(seed).random(8))
    tasks = on_a_line(at, np.abs(at - at[:, None]))
    assert design_space(tasks, keep=7 / 8).shares[0] == pytest.approx(min(at[-1] - at[1], at[-2] - at[0]))


@pytest.mark.parametrize("settings", [{}, {"tolerance": 0.1}, {"keep": 0.7}, {"tolerance": 0.05, "keep": 0.8, "margin": 0.03}])
def test_the_space_and_the_box_say_the_same_of_every_configuration(settings):
    tasks = small_tasks()
    design = design_space(tasks, **settings)
    assert [design.space.contains(c) for c in tasks.configs] == design.holds(tasks.x()).tolist()
    assert all(design.space.contains(tasks.configs[i]) for i, inside in zip(design.chosen, design.kept, strict=True) if inside)
    assert design.kept.mean() >= settings.get("keep", 1.0) - 1e-9
    assert (design.cost <= settings.get("tolerance", 0.0) + 1e-9).all()
    for config in design.space.sample(20, np.random.default_rng(0)):
        assert tasks.space.contains(config)


def test_what_is_not_known_is_not_the_best():
    tasks = on_a_line([0.1, 0.5, 0.9], [[np.nan, 1.0, 2.0], [np.nan, 2.0, 1.0]])
    assert design_space(tasks, tolerance=1.0).space["v"].low >= 0.5
    constant = on_a_line([0.1, 0.5, 0.9], [[1.0, 1.0, 1.0], [3.0, 2.0, 1.0]])
    assert design_space(constant).space["v"] == Float(0.9, 0.9)


# ---- words and settings ----------------------------------------------------------------------------------------------


def test_it_says_how_small_it_is():
    tasks = small_tasks()
    assert "of each task lies in 0.358" in design_space(tasks).summary()
    design = design_space(tasks, keep=0.9)
    assert f"of {design.kept.sum()} of 47 tasks" in design.summary()
    assert "wb.Space(" in design._repr_html_()
    frame = design.task_frame()
    assert list(frame.columns) == ["scale", "kernel", "C", "gamma", "degree", "cost", "inside"]
    hostile = Space({"<b>": Float(0, 1)})
    html = design_space(Tasks(("a",), ({"<b>": 0.5},), np.zeros((1, 1)), space=hostile))._repr_html_()
    assert "<td><b>" not in html


def test_names_alone_have_no_space_to_shrink():
    with pytest.raises(ValueError, match="no space that is known"):
        design_space(Tasks(("a",), ("svm", "forest"), np.array([[0.0, 1.0]])))


# ---- is it worth it? -------------------------------------------------------------------------------------------------


def test_the_expected_least_is_that_of_all_draws():
    y = np.array([3.0, 1.0, 2.0, 1.0])
    drawn = [min(some) for some in product(y, repeat=3)]
    np.testing.assert_allclose(expected_least(y, 3), [y.mean(), np.mean([min(s) for s in product(y, repeat=2)]), np.mean(drawn)])


def test_leaving_tasks_out_shows_what_is_kept_and_how_much_quicker_it_is():
    """Three tasks in the middle and one far off: only that one loses its best."""
    at = np.linspace(0, 1, 101)
    tasks = on_a_line(at, np.abs(at - np.array([0.4, 0.45, 0.5, 0.95])[:, None]))
    checked = check_design(tasks, 5)
    assert checked["best inside"].tolist() == [False, True, True, False]
    assert (checked["regret inside"] > 0).tolist() == [True, False, False, True]
    middle = checked.iloc[1]
    assert middle["random, inside"] < middle["random, full"]
    assert middle["as good after"] <= 5
    with pytest.raises(ValueError, match="n_trials"):
        check_design(tasks, 0)


def test_on_the_small_tasks_most_keep_their_best_and_random_search_is_quicker():
    checked = check_design(small_tasks(), 20)
    assert checked["best inside"].mean() >= 0.9
    assert checked["regret inside"].mean() < 0.001
    assert (checked["random, inside"] < checked["random, full"]).mean() > 0.75
    assert checked["as good after"].median() <= 15


@pytest.mark.skipif(not (SHARED / "hpobench_mlp_8tasks_valacc.npz").exists(), reason="the tables of neural networks are not here")
def test_on_eight_tables_of_networks_the_left_out_task_gains_too():
    """All 30,000 configurations of each are known. The tables agree: mean Spearman correlation 0.908 between two tasks."""
    with np.load(SHARED / "hpobench_mlp_8tasks_valacc.npz") as held:
        losses, names = 1 - held["val_acc"].astype(float), tuple(map(str, held["tasks"]))
    agree = pd.DataFrame(losses.T).corr("spearman").to_numpy()
    assert agree[np.triu_indices(8, 1)].mean() == pytest.approx(0.908, abs=0.001)
    space = Space(alpha=Int(0, 9), batch=Int(0, 9), depth=Int(0, 2), lr=Int(0, 9), width=Int(0, 9))
    some = np.random.default_rng(0).choice(30_000, 3000, replace=False)
    configs = tuple(dict(zip(space.names, map(int, c), strict=True)) for c in np.array(list(np.ndindex(10, 10, 3, 10, 10)))[some])
    checked = check_design(Tasks(names, configs, losses[:, some], space=space), 20, tolerance=0.01)
    assert checked["regret inside"].mean() < 0.02
    assert (checked["random, inside"] < checked["random, full"]).sum() >= 6
