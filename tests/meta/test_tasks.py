"""Earlier tasks as a table; portfolios and the configurations of similar tasks; real tasks where the tables are there."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.meta import Tasks, average_rank, greedy_portfolio, meta_features, neighbours, regret_after

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def tasks(losses, features=None):
    losses = np.asarray(losses, dtype=float)
    return Tasks(tuple(f"t{i}" for i in range(len(losses))), tuple(f"c{j}" for j in range(losses.shape[1])), losses, features)


# ---- the table -----------------------------------------------------------------------------------------------------


def test_scaled_losses_regrets_and_ranks():
    t = tasks([[3.0, 1.0, np.nan, 1.0], [10.0, 20.0, 15.0, 12.5]])
    np.testing.assert_allclose(t.scaled(), [[1, 0, 1, 0], [0, 1, 0.5, 0.25]])
    np.testing.assert_allclose(t.regrets(), [[2, 0, 2, 0], [0, 10, 5, 2.5]])
    np.testing.assert_allclose(t.ranks(), [[3, 1.5, np.nan, 1.5], [1, 4, 3, 2]])
    np.testing.assert_allclose(regret_after(t, 1, [1, 3, 0, 2]), [10, 2.5, 0, 0])
    assert repr(t) == "<Tasks: 2 tasks, 4 configurations, 88% of the losses known>"
    assert t.without(0).names == ("t1",)
    assert "t1" in t._repr_html_()


def test_frames_are_matched_by_their_index():
    losses = pd.DataFrame([[1, 2], [3, 4]], index=["a", "b"], columns=["svm", "forest"])
    features = pd.DataFrame({"n": [20.0, 10.0]}, index=["b", "a"])
    assert Tasks.from_frame(losses, features).features["n"].tolist() == [10.0, 20.0]
    with pytest.raises(ValueError, match="task 'b' are missing"):
        Tasks.from_frame(losses, features.loc[["a"]])


def test_tables_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        Tasks(("a", "b"), (1, 2, 3), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="'t1'"):
        tasks([[1.0, 2.0], [np.nan, np.nan]])


# ---- portfolios ----------------------------------------------------------------------------------------------------


def test_a_portfolio_is_not_the_best_alone_but_the_best_together():
    """Two groups of tasks; c0 and c1 are good on the first and middling on the second, which c3 alone can do."""
    t = tasks([[0.0, 0.05, 0.4, 1.0]] * 3 + [[0.5, 0.55, 1.0, 0.0]] * 2)
    assert average_rank(t)[:2] == [0, 1]
    assert greedy_portfolio(t, 2) == [0, 3]


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_greedy_is_as_near_to_the_best_portfolio_as_the_theorem_says(seed):
    rng = np.random.default_rng(seed)
    t = tasks(rng.random((6, 8)))
    scaled, k = t.scaled(), 3

    def gained(chosen):
        return (1 - scaled[:, list(chosen)].min(axis=1)).mean()

    best = max(map(gained, combinations(range(8), k)))
    taken = greedy_portfolio(t, k)
    assert len(set(taken)) == k
    assert gained(taken) >= (1 - 1 / np.e) * best - 1e-12
    assert gained(greedy_portfolio(t, 8)) == pytest.approx(1.0)


def test_weights_and_sizes_of_portfolios():
    t = tasks([[0.0, 1.0, 0.6], [1.0, 0.0, 0.6]])
    assert greedy_portfolio(t, 1, weights=np.array([1.0, 3.0])) == [1]
    assert average_rank(t, weights=np.array([3.0, 1.0]))[0] == 0
    assert sorted(greedy_portfolio(t, 10)) == [0, 1, 2]
    with pytest.raises(ValueError, match="size=0"):
        greedy_portfolio(t, 0)


# ---- similar tasks -------------------------------------------------------------------------------------------------


def similar():
    """Small tasks like c0, large ones c1; one feature spreads over powers of ten, one is not known everywhere."""
    features = pd.DataFrame({"rows": [100, 120, 1e5, 2e5], "odd": [np.nan, 0.2, 0.3, np.nan], "none": [np.nan] * 4})
    return tasks([[0.0, 1.0, 0.5], [0.1, 1.0, 0.4], [1.0, 0.0, 0.5], [0.9, 0.2, 0.1]], features)


def test_the_nearest_tasks_come_first_and_say_what_to_try():
    found = neighbours(similar(), pd.Series({"rows": 150.0, "odd": 0.2, "other": 3.0}))
    assert found.frame()["task"].tolist()[:2] == ["t1", "t0"]
    assert found.distance[0] < found.distance[-1] and (np.diff(found.distance) >= 0).all()
    assert found.suggest(2) == [0, 2, 1]
    large = neighbours(similar(), pd.Series({"rows": 1.5e5, "odd": np.nan}))
    assert large.suggest(2) == [1, 2, 0]
    assert large.suggest(2, "best of each") == [2, 1, 0]  # 2e5 is the nearer one, by powers of ten
    assert neighbours(similar(), pd.Series({"rows": 1.5e5})).suggest(1, "best of each")[0] in (1, 2)


def test_what_neighbours_need():
    with pytest.raises(ValueError, match="no meta-features"):
        neighbours(tasks([[1.0, 2.0]]), pd.Series({"rows": 1.0}))
    with pytest.raises(ValueError, match="shares no meta-feature"):
        neighbours(similar(), pd.Series({"colour": 1.0}))
    found = neighbours(similar(), pd.Series({"rows": 1.0}))
    with pytest.raises(ValueError, match="got 0"):
        found.suggest(0)
    with pytest.raises(ValueError, match="'median'"):
        found.suggest(2, "median")


def test_our_own_meta_features_fit():
    rng = np.random.default_rng(0)
    rows = [meta_features(rng.normal(size=(n, 3)), rng.integers(0, 2, n), groups=["simple"]) for n in (50, 3000, 2500)]
    t = tasks(np.eye(3), pd.DataFrame(rows))
    assert neighbours(t.without(2), t.features.iloc[2]).frame()["task"].tolist() == ["t1", "t0"]


# ---- real tasks ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (SHARED / "lcdb_accuracy_mean.csv.gz").exists(), reason="the table of learning curves is not here")
def test_on_real_tasks_neighbours_beat_the_average_rank():
    """LCDB, 161 tasks with at least 18 of 20 learners, each left out once: mean regret after 1, 3 and 5 tries."""
    curves = pd.read_csv(SHARED / "lcdb_accuracy_mean.csv.gz")
    features = pd.read_csv(SHARED / "lcdb_datasets_metafeatures.csv.gz").set_index("openmlid").select_dtypes("number")
    last = curves.sort_values("size_train").groupby(["openmlid", "learner"]).tail(1)
    accuracy = last.pivot(index="openmlid", columns="learner", values="test")
    accuracy = accuracy[accuracy.index.isin(features.index) & (accuracy.notna().sum(axis=1) >= 18)]
    t = Tasks.from_frame(1 - accuracy, features)
    assert len(t) == 161
    near, rank = [], []
    for i in range(len(t)):
        known = t.without(i)
        near.append(regret_after(t, i, neighbours(known, t.features.iloc[i]).suggest())[[0, 2, 4]])
        rank.append(regret_after(t, i, average_rank(known))[[0, 2, 4]])
    near, rank = np.mean(near, axis=0), np.mean(rank, axis=0)
    assert (near < rank).all()
    assert (near <= [0.0179, 0.0060, 0.0026]).all()
