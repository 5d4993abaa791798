"""Default spaces of scikit-learn estimators."""

import inspect
import warnings

import numpy as np
import pytest
from sklearn.base import clone, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import all_estimators

from workbench.automl.default_spaces import changed_params, default_space, known_estimators
from workbench.errors import SpaceError
from workbench.space import Space

SKLEARN = dict(all_estimators())
SMALL = {"n_estimators": 5, "max_iter": 5, "hidden_layer_sizes": 4}  # keeps the tests quick


def test_every_known_estimator_is_one_of_scikit_learns():
    assert set(known_estimators()) <= set(SKLEARN)


@pytest.mark.parametrize("name", known_estimators())
def test_every_configuration_is_accepted_by_its_estimator_without_a_warning(name):
    kind = SKLEARN[name]
    space = default_space(kind())
    if is_regressor(kind()):
        X, y = make_regression(60, 6, random_state=0)
    else:
        X, y = make_classification(60, 6, n_informative=6, n_redundant=0, random_state=0)
    X = MinMaxScaler().fit_transform(X) if name == "MultinomialNB" else X
    for config in [space.default(), *space.sample(8, np.random.default_rng(0))]:
        model = kind().set_params(**config | {k: v for k, v in SMALL.items() if k in config})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # a few steps of training are not meant to converge, and the table is small
            warnings.filterwarnings("ignore", category=ConvergenceWarning)
            warnings.filterwarnings("ignore", message="Got `batch_size` less than 1 or larger than sample size")
            model.fit(X, y)


@pytest.mark.parametrize("name", known_estimators())
def test_defaults_are_the_estimators_own_where_it_has_a_number_there(name):
    space, own = default_space(SKLEARN[name]()), inspect.signature(SKLEARN[name].__init__).parameters
    for parameter, value in space.default().items():
        theirs = own[parameter].default
        if isinstance(theirs, (int, float, str)) and not isinstance(theirs, bool) and space[parameter].fault(theirs) is None:
            if space[parameter].default is not None:
                assert value == theirs, parameter


def test_a_pipeline_has_the_spaces_of_its_steps_under_their_names():
    pipeline = Pipeline([("scale", StandardScaler()), ("pca", PCA()), ("svm", SVC())])
    space = default_space(pipeline)
    assert space.names == ("pca__n_components", "svm__C", "svm__kernel", "svm__gamma", "svm__degree", "svm__coef0")
    assert space["svm__degree"].when == (("svm__kernel", ("poly",)),)
    for config in space.sample(20, np.random.default_rng(0)):
        clone(pipeline).set_params(**config)


def test_pipelines_within_pipelines_and_forbidden_combinations_keep_their_place():
    space = default_space(make_pipeline(StandardScaler(), Pipeline([("reduce", PCA()), ("fit", LinearSVC())])))
    assert space.names[0] == "pipeline__reduce__n_components"
    assert space.forbidden == ((("pipeline__fit__penalty", ("l1",)), ("pipeline__fit__loss", ("hinge",))),)


@pytest.mark.parametrize(("outer", "names"), [
    (OneVsRestClassifier(Ridge()), ("estimator__alpha",)), (TransformedTargetRegressor(Ridge()), ("regressor__alpha",))])
def test_what_wraps_an_estimator_has_its_space(outer, names):
    assert default_space(outer).names == names


def test_what_the_user_has_set_is_not_tuned():
    assert default_space(SVC(kernel="linear")).names == ("C",)
    assert default_space(SVC(kernel="poly")).names == ("C", "gamma", "degree", "coef0")
    assert "n_estimators" not in default_space(RandomForestClassifier(n_estimators=500)).names
    assert default_space(LinearSVC(penalty="l1")).names == ("C", "loss")
    assert default_space(LinearSVC(penalty="l1")).forbidden == ((("loss", ("hinge",)),),)
    assert default_space(SVC(random_state=3)) == default_space(SVC())


def test_changed_parameters_are_those_that_differ_from_the_defaults():
    assert changed_params(SVC(C=2.0, kernel="rbf", probability=False)) == {"C": 2.0} | (
        {"probability": False} if repr(inspect.signature(SVC.__init__).parameters["probability"].default) != "False" else {})
    assert changed_params(PCA()) == {}


class Odd(SVC):
    """A user's own kind of a known estimator."""


class Lasso:
    """No relative of scikit-learn's."""

    def get_params(self, deep=True):
        return {}


def test_an_heir_of_a_known_estimator_is_known_a_namesake_is_not():
    assert default_space(Odd()) == default_space(SVC())
    with pytest.raises(SpaceError, match="Lasso is not known"):
        default_space(Lasso())


@pytest.mark.parametrize("estimator", [LinearRegression(), make_pipeline(StandardScaler(), LinearRegression())])
def test_without_a_default_space_the_error_shows_the_way_out(estimator):
    with pytest.raises(SpaceError, match=r"Give one: wb.tune\(\.\.\., space=wb.Space\(alpha.*RandomForestClassifier"):
        default_space(estimator)


def test_an_estimator_set_throughout_leaves_nothing_to_tune():
    with pytest.raises(SpaceError, match="nothing is left to tune"):
        default_space(Ridge(alpha=3.0))


def test_spaces_travel_as_json():
    for name in known_estimators():
        space = default_space(SKLEARN[name]())
        assert Space.from_json(space.to_json()) == space
