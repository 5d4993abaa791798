"""Cross-validated losses that come step by step: equal to ordinary cross-validation at the end, and true parts of it before."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import workbench as wb
from workbench.automl.cross_validation import CrossValidation
from workbench.automl.fidelity import Epochs, Rows, Trees, mixed
from workbench.errors import RunError, SpaceError

X, Y = (a[:400] for a in load_digits(return_X_y=True))
D, T = load_diabetes(return_X_y=True)


def plain(estimator, X, y, config, **options):
    return list(CrossValidation(estimator, X, y, **options)(config))[-1]


def test_all_rows_give_the_ordinary_loss_and_fewer_rows_a_worse_one():
    rows = Rows(DecisionTreeClassifier(), X, Y, max_steps=27, cv=3, seed=1)
    config = {"max_depth": 8}
    losses = [rows(config, budget) for budget in (1, 3, 9, 27)]
    assert losses[-1] == pytest.approx(plain(DecisionTreeClassifier(), X, Y, config, cv=3, seed=1), abs=0.03)
    assert min(losses[:2]) > losses[2] > losses[3]


def test_all_rows_in_an_order_that_does_not_matter_give_exactly_the_ordinary_loss():
    rows = Rows(KNeighborsClassifier(), X, Y, max_steps=9, cv=3, seed=1)
    assert rows({"n_neighbors": 1}, 9) == plain(KNeighborsClassifier(), X, Y, {"n_neighbors": 1}, cv=3, seed=1)


def test_shares_are_nested_and_keep_the_classes():
    classes = np.array([0] * 80 + [1] * 20)
    order = mixed(np.arange(100, 200), classes, np.random.default_rng(0))
    assert sorted(order) == list(range(100, 200))
    of = (order >= 180).astype(int)
    assert set(of[:2]) == {0, 1}
    for n in (10, 30, 50):
        assert of[:n].mean() == pytest.approx(0.2, abs=0.12)
    mask = np.zeros(50, dtype=bool)
    mask[::2] = True
    assert sorted(mixed(mask, None, np.random.default_rng(0))) == list(range(0, 50, 2))


def test_the_smallest_share_has_two_rows_of_each_class():
    rows = Rows(DecisionTreeClassifier(), X, Y, max_steps=10_000, cv=3, seed=0)
    assert rows.n_rows(266, 1) == 20
    assert rows.n_rows(266, 10_000) == 266


def test_all_trees_give_exactly_the_ordinary_loss():
    for estimator, data in ((ExtraTreesClassifier(n_estimators=20, random_state=0), (X, Y)),
                            (HistGradientBoostingRegressor(max_iter=20, random_state=0), (D, T))):
        trees = Trees(estimator, *data, max_steps=5, cv=3, seed=1)
        losses = list(trees({}))
        assert len(losses) == 5
        assert losses[-1] == pytest.approx(plain(estimator, *data, {}, cv=3, seed=1), abs=1e-12)
        few = estimator.set_params(**{trees.size: 4})
        assert losses[0] == pytest.approx(plain(few, *data, {}, cv=3, seed=1), abs=1e-12)


def test_epochs_are_passes_over_the_rows_also_behind_a_scaler():
    cv = ShuffleSplit(1, test_size=0.3, random_state=0)
    losses = list(Epochs(make_pipeline(StandardScaler(), SGDClassifier()), X, Y, max_steps=6, cv=cv, seed=1)(
        {"sgdclassifier__alpha": 1e-3}))
    train, valid = next(cv.split(X, Y))
    scaler, model = StandardScaler().fit(X[train]), SGDClassifier(alpha=1e-3, random_state=1)
    for step in range(1, 7):
        order = np.random.default_rng(step).permutation(len(train))
        model.partial_fit(scaler.transform(X[train])[order], Y[train][order], classes=np.unique(Y))
        assert losses[step - 1] == pytest.approx(1 - model.score(scaler.transform(X[valid]), Y[valid]), abs=1e-12)


@pytest.mark.parametrize(("kind", "estimator", "message"), [
    (Epochs, DecisionTreeClassifier(), "partial_fit"), (Trees, DecisionTreeClassifier(), "warm_start"),
    (Trees, ExtraTreesClassifier(n_estimators=3), "must not exceed"), (Trees, SGDClassifier, "needs a scikit-learn estimator")])
def test_estimators_that_cannot_take_such_steps_are_refused(kind, estimator, message):
    with pytest.raises(RunError, match=message):
        kind(estimator, X, Y, max_steps=9)


def test_clustering_has_no_targets():
    rows = Rows(KMeans(3, n_init=1), X, max_steps=3, cv=3, seed=0)
    assert np.isfinite(rows({}, 1))


@pytest.mark.parametrize(("fidelity", "estimator"), [
    ("rows", DecisionTreeClassifier()), ("trees", ExtraTreesClassifier(n_estimators=27)),
    ("epochs", make_pipeline(StandardScaler(), SGDClassifier()))])
def test_tune_halves_and_the_best_estimator_is_the_whole_training(fidelity, estimator):
    run = wb.tune(estimator, X, Y, fidelity=fidelity, max_steps=9, cv=3, n_trials=9, seed=0).start().wait(120)
    assert run.scheduler == wb.EagerHyperband(9)
    assert run.best.n_steps == 9
    assert run.best_estimator_.score(X, Y) > 0.7
    assert "n_estimators" not in run.space.names
    by_steps = sorted(t.n_steps for t in run.trials.by_number.values())
    assert by_steps[0] == 1
    assert by_steps[-1] == 9


def test_the_number_of_trees_cannot_be_tuned_when_trees_are_the_steps():
    with pytest.raises(SpaceError, match="the steps set 'n_estimators'"):
        wb.tune(ExtraTreesClassifier(), X, Y, space=wb.Space(n_estimators=wb.Int(10, 90)), fidelity="trees")


def test_a_scheduler_without_a_fidelity_is_refused():
    with pytest.raises(RunError, match="fidelity="):
        wb.tune(DecisionTreeClassifier(), X, Y, scheduler=wb.Hyperband(9))


def test_an_unknown_fidelity_is_refused():
    with pytest.raises(RunError, match="must be one of"):
        wb.tune(DecisionTreeClassifier(), X, Y, fidelity="time")


# ---- the share of the rows as a parameter ------------------------------------------------------------------------------


def test_a_share_of_1_gives_the_ordinary_loss_and_a_smaller_one_that_of_as_many_rows():
    config = {"max_depth": 8}
    shared = wb.objectives.sklearn_share(DecisionTreeClassifier(), X, Y, cv=3, seed=1)
    assert shared({**config, "share": 1.0}) == plain(DecisionTreeClassifier(), X, Y, config, cv=3, seed=1)
    rows = Rows(DecisionTreeClassifier(), X, Y, max_steps=8, cv=3, seed=1)
    for budget in (1, 3, 8):
        assert shared({**config, "share": budget / 8}) == rows(config, budget)
    assert shared({**config, "share": 1e-9}) > shared({**config, "share": 1.0})  # two rows of each class, no less
    assert shared.fitted({**config, "share": 0.01}).score(X, Y) > 0.95


def test_the_share_may_have_another_name_but_not_one_of_the_estimators():
    shared = wb.objectives.sklearn_share(KNeighborsClassifier(), X, Y, share="rows", cv=3)
    assert 0 < shared({"n_neighbors": 3, "rows": 0.5}) < 0.5
    with pytest.raises(RunError, match="no parameter of the estimator"):
        wb.objectives.sklearn_share(KNeighborsClassifier(), X, Y, share="p")


@pytest.mark.parametrize("config", [{}, {"share": 0.0}, {"share": 1.5}, {"share": "all"}, {"share": True}])
def test_a_configuration_without_a_proper_share_is_refused(config):
    with pytest.raises(RunError, match="share"):
        wb.objectives.sklearn_share(KNeighborsClassifier(), X, Y, cv=3)(config)
