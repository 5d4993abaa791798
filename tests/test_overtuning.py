"""What tuning promises and what new data keep: incumbents against a test set, luck, nested cross-validation."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

import workbench as wb
from workbench.automl.nested import NestedFolds
from workbench.automl.overtuning import incumbents, luck, of_losses
from workbench.event_file import dumps, loads
from workbench.events import StepTaken
from workbench.plots import overtuning as pictures
from workbench.plots.figure import figure

SPACE = wb.Space(n_neighbors=wb.Int(1, 40))


def test_incumbents_are_those_that_beat_all_before():
    assert incumbents([3, 2, 2, np.nan, 1, 5]).tolist() == [0, 1, 4]
    assert incumbents([np.nan, np.nan]).tolist() == []
    assert incumbents([0.21, 0.21 - 1e-16, 0.2]).tolist() == [0, 2]
    rng = np.random.default_rng(0)
    for _ in range(20):
        v = rng.integers(0, 10, 30)
        brute = [t for t in range(30) if all(v[t] < v[s] for s in range(t))]
        assert incumbents(v).tolist() == brute


def test_overtuning_is_the_loss_above_the_best_earlier_incumbent():
    """By hand, after Schneider et al. 2025: the second incumbent was best on the test."""
    o = of_losses([0.5, 0.4, 0.45, 0.3, 0.2], [0.6, 0.35, 0.1, 0.5, 0.4])
    assert o.after.tolist() == [1, 2, 4, 5] and o.n_trials == 5
    np.testing.assert_allclose(o.lost, [0, 0, 0.15, 0.05])
    np.testing.assert_allclose(o.optimism, [0.1, -0.05, 0.2, 0.2])
    assert o.relative == pytest.approx(0.05 / 0.25)
    assert "searching on has cost 0.05" in o.summary()


def test_no_overtuning_where_validation_is_the_test():
    v = np.random.default_rng(0).random(50)
    o = of_losses(v, v)
    assert not o.lost.any() and not o.optimism.any() and "no overtuning" in o.summary()


def test_relative_overtuning_is_no_number_where_the_first_incumbent_was_best():
    assert np.isnan(of_losses([2, 1], [1, 2]).relative)


def test_luck_is_the_expected_smallest_of_binomial_shares():
    rng = np.random.default_rng(0)
    drawn = rng.binomial(60, 0.2, (40_000, 25)) / 60
    expected = luck(0.2, 60, [1, 5, 25])
    for n, e in zip((1, 5, 25), expected, strict=True):
        sample = drawn[:, :n].min(axis=1)
        assert e == pytest.approx(sample.mean(), abs=5 * sample.std() / np.sqrt(len(sample)))
    assert luck(0.2, 60, 1) == pytest.approx(0.2, abs=1e-12)
    assert luck(0.0, 10, 3) == 0


@pytest.mark.parametrize(("error", "rows", "n"), [(1.2, 10, 1), (0.1, 0, 1), (0.1, 10, 0)])
def test_luck_refuses_what_is_no_share_or_count(error, rows, n):
    with pytest.raises(ValueError, match="got"):
        luck(error, rows, n)


@pytest.fixture(scope="module")
def tuned():
    X, y = make_classification(240, 6, n_informative=3, flip_y=0.2, random_state=0)
    run = wb.tune(KNeighborsClassifier(), X[:120], y[:120], space=SPACE, algorithm=wb.Random(), n_trials=12, seed=0)
    run.start().wait()
    return run, X[:120], y[:120], X[120:], y[120:]


def test_a_runs_incumbents_are_fitted_on_all_its_rows_and_judged_on_the_test(tuned):
    run, X, y, X_test, y_test = tuned
    o = run.overtuning(X_test, y_test)
    by_hand = [1 - KNeighborsClassifier(**run.trials.by_number[t].config).fit(X, y).score(X_test, y_test) for t in o.trials]
    np.testing.assert_allclose(o.test, by_hand)
    losses = [run.trials.by_number[n].loss for n in run.trials.told]
    np.testing.assert_allclose(o.valid, [losses[k] for k in incumbents(losses)])
    assert o.loss == "1 - accuracy" and o.valid[-1] == run.best.loss
    assert "validation says" in o._repr_html_() and list(o.frame()["trial"]) == o.trials.tolist()


def test_a_run_without_trials_has_no_overtuning(tuned):
    _, X, y, X_test, y_test = tuned
    with pytest.raises(wb.RunError, match="no trial is complete"):
        wb.tune(KNeighborsClassifier(), X, y, space=SPACE, n_trials=2, seed=0).overtuning(X_test, y_test)


def test_nested_folds_are_those_of_tuning_each_part_by_hand():
    X, y = load_iris(return_X_y=True)
    options = {"space": SPACE, "algorithm": wb.Random(), "cv": 3}
    run = wb.nested(KNeighborsClassifier(), X, y, outer=3, n_trials=4, seed=1, **options)
    run.start().wait()
    assert run.state == "done" and run.n_done == run.n_steps == 12
    for k, (train, test) in enumerate(StratifiedKFold(3, shuffle=True, random_state=1).split(X, y)):
        inner = wb.tune(KNeighborsClassifier(), X[train], y[train], n_trials=4, seed=1, **options)
        inner.start().wait()
        assert run.result.inner[k] == inner.best.loss and run.result.configs[k] == inner.best_params_
        assert run.result.outer[k] == pytest.approx(1 - inner.best_estimator_.score(X[test], y[test]))
    assert "new data may expect" in run.result.summary()
    assert list(run.result.frame()["n_neighbors"]) == [c["n_neighbors"] for c in run.result.configs]


def test_nested_tuning_chooses_among_several_estimators_too():
    X, y = load_iris(return_X_y=True)
    run = wb.nested({"knn": KNeighborsClassifier(), "svc": SVC()}, X, y, outer=2, n_trials=3, seed=0, cv=2)
    run.start().wait()
    assert run.state == "done" and len(run.result.outer) == 2


def test_a_nested_run_can_be_stopped_and_leaves_no_search_behind():
    X, y = load_iris(return_X_y=True)
    run = wb.nested(KNeighborsClassifier(), X, y, outer=3, n_trials=5, space=SPACE)
    run.step()
    run.step()
    assert run.n_done == 2 and run.result.outer == ()
    run.stop()
    assert run.state == "stopped"


def test_a_log_of_nested_folds_comes_back_as_it_was():
    folds = NestedFolds((0.1, 0.2), (0.15, 0.3), ({"C": 1.0, "kernel": "rbf"}, {"C": 2.0, "kernel": "linear"}), "1 - accuracy")
    assert loads(dumps(StepTaken(1, {"cpu_s": 1.0}, folds))).why == folds


@pytest.mark.parametrize(("wrong", "match"), [({"outer": 1}, "outer folds"), ({"n_trials": 0}, "number of trials"),
                                              ({"name": "x"}, "no place"), ({"groups": [1]}, "groups")])
def test_nested_refuses_at_once_what_it_cannot_do(wrong, match):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(wb.RunError, match=match):
        wb.nested(LogisticRegression(), X, y, **wrong)


def test_the_pictures_show_the_numbers():
    o = of_losses([0.5, 0.4, 0.45, 0.3, 0.2], [0.6, 0.35, 0.1, 0.5, 0.4])
    fig = figure(pictures.overtuning(o))
    assert "cost 0.0500" in fig.layout.title.text
    ring = next(t for t in fig.data if t.name == "best on the test")
    assert (ring.x[0], ring.y[0]) == (2, 0.35)
    runs = [of_losses(*np.random.default_rng(k).random((2, 30))) for k in range(5)]
    mean = next(t for t in figure(pictures.mean_gap(runs)).data if t.name == "validation" and t.fill is None and t.line.width > 1)
    assert mean.y[-1] == pytest.approx(np.mean([r.valid[-1] for r in runs]))
    folds = NestedFolds((0.1, 0.2), (0.15, 0.3), ({"a": 1}, {"a": 2}))
    assert "0.225" in figure(pictures.nested(folds)).layout.title.text
    assert pictures.nested(NestedFolds())["layout"]
    lines = figure(pictures.by_luck(0.2, (30, 300), n_trials=100)).data
    assert lines[0].y[-1] == pytest.approx(float(luck(0.2, 30, 100))) and lines[0].y[-1] < lines[1].y[-1] < 0.2


def test_step_lines_end_with_the_last_result():
    o = of_losses([3, 2, 2.5, 1, 4], [3, 2, 2.5, 1, 4])
    line = next(d for d in pictures.overtuning(o)["data"] if d["mode"] == "lines" and d["line"].get("color"))
    assert list(itertools.pairwise(line["x"]))[-1] == (4.0, 5.0) and line["y"][-1] == 1
