"""Our parameters as Optuna's distributions, and back."""

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

import workbench as wb
from workbench.errors import ConfigError, SpaceError
from workbench.optuna_distributions import (
    distribution,
    distributions,
    parameter,
    space_from_distributions,
    space_to_distributions,
    suggest_from,
)

optuna.logging.set_verbosity(optuna.logging.ERROR)
# Optuna warns of choices that are no plain values, and of ranges that are no whole number of steps
pytestmark = pytest.mark.filterwarnings("ignore:Choices for a categorical", "ignore:The distribution is specified")

finite = st.floats(-1e6, 1e6, allow_nan=False)
positive = st.floats(1e-9, 1e9)
plain = st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5)


@st.composite
def optuna_distributions(draw):
    kind = draw(st.sampled_from(["float", "log", "stepped", "int", "int log", "categorical"]))
    if kind == "categorical":
        # unique under ==: Python holds 1 and True equal, and so does our Choice
        return CategoricalDistribution(tuple(draw(st.lists(plain, min_size=1, max_size=6, unique_by=lambda v: v))))
    if kind in ("float", "log"):
        a, b = sorted(draw(st.tuples(*[positive if kind == "log" else finite] * 2)))
        return FloatDistribution(a, b, log=kind == "log")
    if kind == "stepped":
        step = draw(st.sampled_from([0.1, 0.25, 0.3, 1.0, 7.5]))
        low = draw(st.integers(-50, 50)) * step  # 3 * 0.1 is not 0.3: Optuna, which counts in decimals, would lose a level
        low, high = round(low, 9), round(low + step * draw(st.integers(0, 40)), 9)
        return FloatDistribution(low, high, step=step)
    low = draw(st.integers(1 if kind == "int log" else -1000, 1000))
    high = low + draw(st.integers(0, 1000))
    return IntDistribution(low, high, log=True) if kind == "int log" else IntDistribution(
        low, high, step=draw(st.integers(1, 9)))


@given(optuna_distributions())
def test_from_optuna_and_back_is_the_identity(dist):
    assert distribution(parameter(dist)) == dist


@given(optuna_distributions(), st.floats(0, 1))
def test_every_point_of_the_unit_interval_is_a_value_that_optuna_accepts(dist, u):
    value = parameter(dist).from_unit(u)
    assert dist._contains(dist.to_internal_repr(value))


@given(st.dictionaries(st.text(min_size=1, max_size=4), optuna_distributions(), max_size=4))
def test_a_flat_space_is_the_same_in_both_languages(known):
    space = space_from_distributions(known)
    assert space_to_distributions(space) == known
    assert space_from_distributions(space_to_distributions(space)) == space


@pytest.mark.parametrize("choices", [((1, 2), (3,)), (True, 1), ([1], "a"), (float("nan"), 1.0)])
def test_choices_that_are_no_distinct_plain_values_are_refused(choices):
    with pytest.raises(SpaceError):
        parameter(CategoricalDistribution(choices))


SPACE = wb.Space(
    {"kernel": wb.Choice("rbf", "linear"), "gamma": wb.Float(1e-3, 1.0, log=True, step=1e-3, when={"kernel": "rbf"}),
     "width": wb.Int(8, 64, log=True, step=8), "one": wb.Int(3, 3), "k": wb.Float(0.0, 1.0, step=0.25),
     "deep": wb.Choice("a", "b", when={"one": 3})})


def test_distributions_are_asked_for_layer_by_layer():
    first = distributions(SPACE, {})
    assert list(first) == ["kernel", "width", "one", "k"]
    assert list(distributions(SPACE, {"kernel": "rbf", "width": 8, "one": 3, "k": 0.5})) == ["gamma", "deep"]
    assert list(distributions(SPACE, {"kernel": "linear", "width": 8, "one": 3, "k": 0.5, "deep": "a"})) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_walking_a_space_with_a_trial_gives_valid_configurations(seed):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    SPACE.validate(suggest_from(SPACE, study.ask()))  # snapped to levels of log scales with steps, too


def test_optunas_own_samplers_run_over_a_conditional_space():
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=3))
    study.optimize(lambda t: suggest_from(SPACE, t)["width"], n_trials=20)
    seen = {tuple(sorted(t.params)) for t in study.trials}
    assert len(seen) == 2  # with gamma, and without


def test_a_forbidden_combination_is_reported_not_returned():
    space = wb.Space({"a": wb.Choice(0, 1), "b": wb.Choice(0, 1)}, forbidden=[{"a": 1, "b": 1}])
    study = optuna.create_study()
    study.enqueue_trial({"a": 1, "b": 1})
    with pytest.raises(ConfigError, match="forbidden"):
        suggest_from(space, study.ask())


def test_a_parameter_with_log_and_step_loses_only_its_step():
    assert distribution(wb.Int(8, 64, log=True, step=8)) == IntDistribution(8, 64, log=True)
    assert distribution(wb.Float(0.1, 1.0, log=True, step=0.1)) == FloatDistribution(0.1, 1.0, log=True)
    assert np.isclose(parameter(FloatDistribution(0, 1, step=0.3)).high, 0.9)


@pytest.mark.parametrize("p", [wb.Float(0.1 + 0.2, 2.4, step=0.1), wb.Float(0, 1, step=1 / 3)])
def test_no_level_is_lost_to_rounding(p):
    dist = distribution(p)
    assert parameter(dist).n_levels == p.n_levels
    study = optuna.create_study(sampler=wb.Sampler(wb.Grid(k=50), space=wb.Space(x=p), seed=0))
    study.optimize(lambda t: suggest_from(wb.Space(x=p), t)["x"], n_trials=100)
    complete = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    assert len(complete) == p.n_levels  # each level once, then the grid ended the study
    assert np.allclose(sorted(t.params["x"] for t in complete), p.values())
