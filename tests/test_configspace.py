"""ConfigSpace, both ways; and as the oracle of what is active and what is forbidden."""

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import workbench as wb
from tests.space_strategies import spaces
from workbench.errors import SpaceError

CS = pytest.importorskip("ConfigSpace")
QUICK = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


def possible(space):
    try:
        space.default()
    except SpaceError:
        return False
    return True


@QUICK
@given(spaces(max_size=5, tame=True))
def test_there_and_back_loses_nothing_but_the_order_of_forbidden_combinations(space):
    if possible(space):
        back = wb.Space.from_configspace(space.to_configspace())
        assert list(back.params.items()) == list(space.params.items())
        assert {frozenset(c) for c in back.forbidden} == {frozenset(c) for c in space.forbidden}  # in their order


@QUICK
@given(spaces(tame=True))
def test_both_agree_on_what_is_active_and_what_is_forbidden(space):
    if not possible(space):
        return
    cs = space.to_configspace()
    x = space.snap(np.random.default_rng(0).random((10, len(space))))
    for config, row in zip(space.from_unit(x), space.is_forbidden(x), strict=True):
        assert accepted(cs, config) != row  # nothing is missing and nothing too much
    cs.seed(1)
    for theirs in cs.sample_configuration(10):  # its sampler sets parameters under two conditions that it then refuses
        config = {name: _level(space[name], value) for name, value in dict(theirs).items()}
        assert space.contains(config) == accepted(cs, dict(theirs))


def accepted(cs, config):
    errors = CS.exceptions
    try:
        CS.Configuration(cs, values=config).check_valid_configuration()
    except (errors.ForbiddenValueError, errors.InactiveHyperparameterSetError, errors.ActiveHyperparameterNotSetError):
        return False
    return True


def _level(p, value):
    """ConfigSpace draws real numbers up to a rounding error outside of the range."""
    return p.from_unit(p.to_unit(value)) if isinstance(p, wb.Float) else value


def test_a_foreign_space_is_read():
    cs = CS.ConfigurationSpace()
    algo = CS.CategoricalHyperparameter("algo", ["svm", "forest", "knn"])
    C = CS.UniformFloatHyperparameter("C", 1e-3, 1e3, log=True, default_value=1.0)
    depth = CS.UniformIntegerHyperparameter("depth", 1, 9)
    leaf = CS.UniformIntegerHyperparameter("leaf", 1, 5)
    size = CS.OrdinalHyperparameter("size", ["s", "m", "l"])
    seed = CS.Constant("seed", 7)
    extra = CS.UniformFloatHyperparameter("extra", 0, 1)
    cs.add(algo, C, depth, leaf, size, seed, extra)
    cs.add(CS.EqualsCondition(C, algo, "svm"), CS.NotEqualsCondition(depth, algo, "svm"),
           CS.AndConjunction(CS.EqualsCondition(leaf, algo, "forest"), CS.GreaterThanCondition(leaf, depth, 6)),
           CS.OrConjunction(CS.EqualsCondition(extra, size, "s"), CS.GreaterThanCondition(extra, size, "m")))
    cs.add(CS.ForbiddenAndConjunction(CS.ForbiddenEqualsClause(algo, "knn"), CS.ForbiddenInClause(size, ["m", "l"])))
    space = wb.Space.from_configspace(cs)
    assert space["C"] == wb.Float(1e-3, 1e3, log=True, default=1.0, when={"algo": "svm"})
    assert space["depth"].when == (("algo", ("forest", "knn")),)
    assert dict(space["leaf"].when) == {"algo": ("forest",), "depth": (7, 8, 9)}
    assert space["extra"].when == (("size", ("s", "l")),)
    assert space["size"] == wb.Choice("s", "m", "l", ordered=True, default="s")
    assert space["seed"] == wb.Choice(7)
    assert not space.contains({"algo": "knn", "size": "m", "depth": 1, "seed": 7})
    cs.seed(0)
    for config in cs.sample_configuration(200):
        space.validate({n: _level(space[n], v) for n, v in dict(config).items()})


@pytest.mark.parametrize(("params", "more", "text"), [
    ([CS.NormalFloatHyperparameter("x", 0, 1, lower=-1, upper=1)], lambda c: [], "'x': no parameter is like Normal"),
    ([CS.CategoricalHyperparameter("x", ["a", "b"], weights=[1, 3])], lambda c: [], "'x': options have no weights"),
    ([CS.CategoricalHyperparameter("x", [0, 1]), CS.CategoricalHyperparameter("y", [0, 1]),
      CS.CategoricalHyperparameter("z", [0, 1])],
     lambda c: [CS.OrConjunction(CS.EqualsCondition(c["z"], c["x"], 1), CS.EqualsCondition(c["z"], c["y"], 1))],
     "'z': an 'or' over different parents"),
    ([CS.UniformFloatHyperparameter("x", 0, 1), CS.CategoricalHyperparameter("y", [0, 1])],
     lambda c: [CS.GreaterThanCondition(c["y"], c["x"], 0.5)], "'y': a comparison with 'x', which has no levels"),
    ([CS.CategoricalHyperparameter("x", [0, 1]), CS.CategoricalHyperparameter("y", [1, 0])],
     lambda c: [CS.ForbiddenEqualsRelation(c["x"], c["y"])], "no forbidden combination is like ForbiddenEqualsRelation"),
])
def test_what_has_no_counterpart_is_refused_by_name(params, more, text):
    cs = CS.ConfigurationSpace()
    cs.add(*params)
    cs.add(*more(cs))
    with pytest.raises(SpaceError, match=text):
        wb.Space.from_configspace(cs)


def test_a_range_that_configspace_refuses_is_named():
    with pytest.raises(SpaceError, match="'x': ConfigSpace takes no range from 1e-250 to 2e-250"):
        wb.Space(x=wb.Float(1e-250, 2e-250)).to_configspace()


def test_it_is_said_when_steps_are_lost():
    space = wb.Space(n=wb.Int(0, 10_000, step=2))
    with pytest.warns(UserWarning, match="'n' has 5001 levels"):
        cs = space.to_configspace()
    assert wb.Space.from_configspace(cs) == space


def test_without_configspace_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ConfigSpace", None)
    with pytest.raises(ImportError, match=r"pip install 'automl-workbench\[configspace\]'"):
        wb.Space(a=wb.Int(0, 1)).to_configspace()
