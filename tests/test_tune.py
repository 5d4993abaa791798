"""Tuning scikit-learn estimators."""

import json
import pickle
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import workbench as wb
from workbench.automl.cross_validation import CrossValidation, with_seed
from workbench.automl.estimator_code import estimator_code
from workbench.automl.tune import TuneRun
from workbench.errors import RunError, SpaceError, StorageError

X, y = load_iris(return_X_y=True)
XR, yR = load_diabetes(return_X_y=True)
ALPHA = wb.Space(alpha=wb.Float(1e-3, 1e3, log=True))


def tuned(estimator, *data, n_trials=4, **options):
    options = {"algorithm": wb.Random(), "seed": 0, "cv": 3} | options
    return wb.tune(estimator, *data, n_trials=n_trials, **options).start().wait(120)


# ---- the loss ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scoring", [None, "accuracy", "balanced_accuracy", "neg_log_loss"])
def test_the_loss_of_a_classifier_agrees_with_scikit_learns_cross_val_score(scoring):
    model, config = LogisticRegression(max_iter=500), {"C": 0.3}
    cross = CrossValidation(model, X, y, scoring=scoring, cv=4, seed=1)
    losses = list(cross(config))
    folds = StratifiedKFold(4, shuffle=True, random_state=1)
    scores = cross_val_score(clone(model).set_params(**config), X, y, scoring=scoring, cv=folds)
    theirs = (0 if scoring == "neg_log_loss" else 1) - scores
    assert np.allclose(losses, np.cumsum(theirs) / np.arange(1, 5), atol=1e-12)
    assert cross.score(losses[-1]) == pytest.approx(scores.mean())


@pytest.mark.parametrize("scoring", [None, "r2", "neg_root_mean_squared_error", make_scorer(mean_absolute_error, greater_is_better=False)])
def test_the_loss_of_a_regressor_agrees_with_scikit_learns_cross_val_score(scoring):
    cross = CrossValidation(Ridge(), XR, yR, scoring=scoring, cv=5, seed=2)
    scores = cross_val_score(Ridge(alpha=0.1), XR, yR, scoring=scoring, cv=KFold(5, shuffle=True, random_state=2))
    assert list(cross({"alpha": 0.1}))[-1] == pytest.approx((1 if scoring in (None, "r2") else 0) - scores.mean())


def test_the_loss_is_named_in_words():
    def name(estimator, scoring=None):
        return CrossValidation(estimator, XR, yR, scoring=scoring).loss

    assert name(Ridge()) == "1 - R²"
    assert name(Ridge(), "neg_mean_absolute_error") == "mean_absolute_error"
    assert name(Ridge(), "explained_variance") == "1 - explained_variance"
    assert name(Ridge(), "mutual_info_score") == "-mutual_info_score"
    assert CrossValidation(SVC(), X, y).loss == "1 - accuracy"
    assert CrossValidation(KMeans(), X).loss == "-score"


def test_an_estimator_without_a_target_is_scored_by_itself():
    losses = list(CrossValidation(KMeans(n_init=1), X, cv=3, seed=0)({"n_clusters": 3}))
    assert len(losses) == 3
    assert losses[-1] > 0  # minus the (negative) score: the mean squared distance


def test_a_target_of_several_labels_is_not_stratified():
    A, B = make_multilabel_classification(60, n_classes=3, random_state=0)
    assert 0 <= list(CrossValidation(KNeighborsClassifier(), A, B, cv=3)({}))[-1] <= 1


def test_tables_with_names_keep_them():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    run = tuned(make_pipeline(StandardScaler(), KNeighborsClassifier()), frame, pd.Series(y), n_trials=2)
    assert list(run.best_estimator_.feature_names_in_) == ["a", "b", "c", "d"]


def test_splitters_lists_of_folds_and_groups_are_taken():
    groups = np.repeat(np.arange(5), 30)
    assert len(CrossValidation(SVC(), X, y, cv=GroupKFold(5), groups=groups).folds) == 5
    assert len(CrossValidation(SVC(), X, y, cv=[(np.arange(75), np.arange(75, 150))]).folds) == 1


@pytest.mark.parametrize(("options", "message"), [
    ({"scoring": "acuracy"}, "got 'acuracy'"), ({"scoring": ["accuracy", "f1"]}, "one score"),
    ({"cv": 1}, "at least 2 folds"), ({"cv": True}, "at least 2 folds"), ({"cv": []}, "at least one fold")])
def test_wrong_options_are_refused_at_once(options, message):
    with pytest.raises(RunError, match=message):
        wb.tune(SVC(), X, y, **options)


def test_what_is_no_estimator_is_refused_with_a_hint():
    with pytest.raises(RunError, match=r"Give an object such as SVC\(\)"):
        wb.tune(SVC, X, y)
    with pytest.raises(RunError, match="needs a scikit-learn estimator, got 3"):
        wb.tune(3, X, y)
    with pytest.raises(RunError, match="no score of its own"):
        wb.tune(StandardScaler(), X, y, space=wb.Space(with_mean=wb.Choice(True, False)))


def test_parameters_that_the_estimator_lacks_are_named():
    with pytest.raises(SpaceError, match="SVC has no parameter 'gama'. Did you mean 'gamma'"):
        wb.tune(SVC(), X, y, space=wb.Space(gama=wb.Float(0, 1)))
    with pytest.raises(SpaceError, match="It has C, break_ties"):
        wb.tune(SVC(), X, y, space=wb.Space(zzzz=wb.Float(0, 1)))
    with pytest.raises(SpaceError, match="LinearRegression is not known"):
        wb.tune(LinearRegression(), XR, yR)


def test_folds_fitted_at_once_share_the_cores_and_give_them_back():
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as n_threads

    class Counting(KNeighborsClassifier):
        def fit(self, X, y):
            seen.append(n_threads())
            return super().fit(X, y)

    seen = []
    cross = CrossValidation(Counting(), X, y, cv=3)
    alone = n_threads()
    list(cross({}))
    assert seen == [alone] * 3
    with cross._share_of_cores():  # as if another worker were fitting
        list(cross({}))
    assert seen[3:] == [max(alone // 2, 1)] * 3
    assert n_threads() == alone


def test_the_loss_travels_to_another_process():
    cross = pickle.loads(pickle.dumps(CrossValidation(KNeighborsClassifier(), X, y, cv=3)))
    assert list(cross({})) == list(CrossValidation(KNeighborsClassifier(), X, y, cv=3)({}))


def test_seeds_are_put_where_there_are_none():
    made = with_seed(make_pipeline(PCA(), RandomForestClassifier(random_state=7), ), 3)
    assert made.get_params()["pca__random_state"] == 3
    assert made.get_params()["randomforestclassifier__random_state"] == 7


# ---- the run -----------------------------------------------------------------------------------------------------------


def test_a_default_run_finds_a_good_classifier():
    run = wb.tune(SVC(), X, y, n_trials=15, seed=0, algorithm=wb.TPE(n_startup=8)).start().wait(120)
    assert isinstance(run, TuneRun)
    assert run.n_done == 15
    assert run.best.loss <= 0.04  # scikit-learn's default has 0.03 here, the median at random 0.1
    assert run.best_score_ == pytest.approx(1 - run.best.loss)
    assert run.best_estimator_.score(X, y) > 0.95
    for name, value in run.best_params_.items():
        assert run.best_estimator_.get_params()[name] == value


def test_each_fold_is_a_point_of_the_learning_curve():
    run = tuned(KNeighborsClassifier(), X, y, cv=4)
    for trial in run.trials.by_number.values():
        assert [k for k, _ in trial.curve] == [1, 2, 3, 4]
        assert trial.loss == trial.curve[-1][1]


def test_a_run_can_be_paused_between_folds():
    class Slow(KNeighborsClassifier):
        def fit(self, X, y):
            time.sleep(0.15)
            return super().fit(X, y)

    run = wb.tune(Slow(), X, y, cv=20, n_trials=3, seed=0, algorithm=wb.Random()).start()
    while not run.trials.by_number or not run.trials.by_number[0].curve:
        time.sleep(0.01)
    run.pause()
    deadline = time.monotonic() + 20
    while run.state != "paused":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    n = len(run.trials.by_number[0].curve)
    assert n < 20
    time.sleep(0.4)
    assert len(run.trials.by_number[0].curve) == n
    run.stop()


def test_the_same_seed_gives_the_same_run_and_none_draws_one():
    runs = [tuned(RandomForestClassifier(n_estimators=5), X, y) for _ in range(2)]
    assert [t.loss for t in runs[0].trials.by_number.values()] == [t.loss for t in runs[1].trials.by_number.values()]
    assert wb.tune(SVC(), X, y).seed != wb.tune(SVC(), X, y).seed


def test_the_users_estimator_and_data_are_left_alone():
    model, before = DecisionTreeClassifier(), X.copy()
    tuned(model, X, y).best_estimator_.predict(X)
    assert not hasattr(model, "tree_")
    assert model.random_state is None
    assert np.array_equal(X, before)


def test_the_best_estimator_is_fitted_once_for_each_best():
    run = tuned(KNeighborsClassifier(), X, y)
    first = run.best_estimator_
    assert run.best_estimator_ is first
    assert first.n_samples_fit_ == len(X)  # on all rows
    run.enqueue({"n_neighbors": 12, "weights": "uniform", "metric": "minkowski", "p": 2})
    run.configure(n_trials=8).start().wait(60)
    assert (run.best_estimator_ is first) == (run.best.config == {k: first.get_params()[k] for k in run.best.config})


def test_before_a_trial_is_complete_there_is_no_best_estimator():
    run = wb.tune(SVC(), X, y)
    for name in ("best_estimator_", "best_params_", "best_score_"):
        with pytest.raises(RunError, match="no trial is complete yet"):
            getattr(run, name)


class Failing(ClassifierMixin, BaseEstimator):
    def __init__(self, a=0.0):
        self.a = a

    def fit(self, X, y):
        raise ValueError("these data are not for me")

    def predict(self, X):
        raise AssertionError


def test_an_estimator_that_fails_fails_its_trials_with_its_own_words():
    run = tuned(Failing(), X, y, space=wb.Space(a=wb.Float(0, 1)))
    assert run.trials.n_by_state == {"failed": 4}
    assert "these data are not for me" in run.trials.by_number[0].error
    with pytest.raises(RunError, match="all trials so far failed"):
        _ = run.best_estimator_


def test_several_workers_give_the_results_of_the_same_configurations():
    run = tuned(make_pipeline(StandardScaler(), SVC()), X, y, n_trials=8, n_workers=3)
    for t in run.trials.by_number.values():
        assert list(run.cross_validation(t.config))[-1] == t.loss


def test_a_named_run_goes_on_in_another_kernel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tuned(Ridge(), XR, yR, n_trials=3, name="ridge", seed=11)
    run.close()
    again = wb.tune(Ridge(), XR, yR, name="ridge", cv=3, resume=True)
    assert isinstance(again, TuneRun)
    assert again.seed == 11
    assert again.best_estimator_.alpha == run.best.config["alpha"]
    again.configure(n_trials=6).start().wait(60)
    straight = tuned(Ridge(), XR, yR, n_trials=6, seed=11)
    assert [t.loss for t in again.trials.by_number.values()] == [t.loss for t in straight.trials.by_number.values()]


def test_going_on_needs_a_name_that_exists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="needs the name"):
        wb.tune(Ridge(), XR, yR, resume=True)
    with pytest.raises(StorageError, match="no run 'nothing'"):
        wb.tune(Ridge(), XR, yR, name="nothing", resume=True)


# ---- exports -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [
    SVC(), make_pipeline(StandardScaler(with_mean=False), PCA(), KNeighborsClassifier()),
    Pipeline([("log", FunctionTransformer(np.log1p)), ("forest", RandomForestClassifier(class_weight={0: 1.0, 1: 2.0, 2: 1.0}))])])
def test_exported_code_rebuilds_the_best_estimator(estimator):
    run = tuned(estimator, X, y, n_trials=2)
    code = run.export("python")
    scope = {"X": X, "y": y}
    exec(compile(code, "export", "exec"), scope)
    assert repr(scope["model"]) == repr(run.best_estimator_)
    assert np.array_equal(scope["model"].predict(X), run.best_estimator_.predict(X))
    assert scope["space"] == run.space


def test_code_before_the_first_trial_has_the_space_and_the_search():
    code = wb.tune(SVC(), X, y, seed=4).export("python")
    scope = {}
    exec(compile(code, "export", "exec"), scope)
    assert "model" not in scope
    assert "wb.tune(SVC(random_state=4), X, y, space=space, algorithm=wb.GPBO(), n_trials=50, seed=4)" in code


def test_what_cannot_be_written_as_code_is_said():
    run = tuned(make_pipeline(FunctionTransformer(lambda x: x), KNeighborsClassifier()), X, y, n_trials=1)
    code = run.export("python")
    assert "# '<lambda>'" in code
    assert f"model = estimator.set_params(**{run.best.config!r})" in code
    with pytest.raises(RunError, match="ndarray cannot be written as code"):
        estimator_code(KMeans(init=np.zeros((2, 2))))


def test_values_of_every_plain_kind_are_written_as_code():
    imports, code = estimator_code(FunctionTransformer(np.sqrt, kw_args={"a": (1,), "b": [None, float("inf")], "c": "x'y"}))
    assert imports == ["from numpy import sqrt", "from sklearn.preprocessing import FunctionTransformer"]
    assert eval(code, {"FunctionTransformer": FunctionTransformer, "sqrt": np.sqrt}).kw_args == {
        "a": (1,), "b": [None, float("inf")], "c": "x'y"}


def test_json_and_csv_work_as_for_any_run():
    run = tuned(Ridge(), XR, yR, space=ALPHA)
    assert json.loads(run.export("json"))["best"]["config"] == run.best.config
    assert len(run.export("csv").splitlines()) == 5
