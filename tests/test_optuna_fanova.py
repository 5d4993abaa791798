"""Functional ANOVA as an Optuna evaluator: Optuna's own suites, scales, conditions and parameters that come and go."""

import warnings

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.testing.pytest_importance import (
    BasicImportanceEvaluatorTestCase,
    ConditionalImportanceEvaluatorTestCase,
)

import workbench as wb

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


class Ours:
    @pytest.fixture
    def evaluator(self):
        return wb.FanovaEvaluator

    @pytest.fixture(autouse=True)
    def _quiet(self):
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        yield
        optuna.logging.set_verbosity(before)


class TestBasic(Ours, BasicImportanceEvaluatorTestCase):
    pass


class TestConditional(Ours, ConditionalImportanceEvaluatorTestCase):
    pass


# ---- what Optuna's suites do not ask ---------------------------------------------------------------------------------


def study_of(rows, distributions, values, direction="minimize"):
    study = optuna.create_study(direction=direction)
    for row, value in zip(rows, values, strict=True):
        used = {name: distributions[name] for name in row}
        study.add_trial(optuna.create_trial(params=row, distributions=used, value=float(value)))
    return study


def log_study(n=300):
    """Half of the variance is lr's, on its logarithmic scale, and half is x's."""
    rng = np.random.default_rng(0)
    rows = [{"lr": float(10 ** rng.uniform(-5, -1)), "x": float(rng.uniform(-1, 1))} for _ in range(n)]
    dists = {"lr": FloatDistribution(1e-5, 1e-1, log=True), "x": FloatDistribution(-1, 1)}
    return study_of(rows, dists, [2.0 * (r["lr"] < 1e-3) + 2.0 * (r["x"] < 0) for r in rows])


def test_a_logarithmic_range_counts_on_its_scale_where_optuna_counts_it_on_a_linear_one():
    got = get_param_importances(log_study(), evaluator=wb.FanovaEvaluator())
    assert got["lr"] == pytest.approx(0.5, abs=0.05)
    theirs = FanovaImportanceEvaluator(n_trees=4, seed=0).evaluate(log_study(100))
    assert theirs["lr"] < 0.2  # lr < 1e-3 is 1 % of the linear range


def test_the_same_seed_gives_the_same_importances_and_shares_are_not_normalised():
    study = log_study(60)
    one, two = (wb.FanovaEvaluator(n_trees=16, seed=3).evaluate(study) for _ in range(2))
    assert one == two
    assert one != wb.FanovaEvaluator(n_trees=16, seed=4).evaluate(study)
    assert 0.8 < sum(one.values()) < 1
    assert list(one.values()) == sorted(one.values(), reverse=True)


def test_params_name_some_of_the_same_shares():
    study = log_study(60)
    everything = wb.FanovaEvaluator().evaluate(study)
    assert wb.FanovaEvaluator().evaluate(study, params=["x"]) == {"x": everything["x"]}
    with pytest.raises(ValueError, match="no complete trial has a parameter 'z'"):
        wb.FanovaEvaluator().evaluate(study, params=["x", "z"])
    with pytest.raises(TypeError, match="list of names"):
        wb.FanovaEvaluator().evaluate(study, params="x")


def test_a_target_takes_the_place_of_the_value_and_several_values_need_one():
    study = optuna.create_study(directions=["minimize", "maximize"])
    rng = np.random.default_rng(0)
    dists = {"a": FloatDistribution(0, 1), "b": FloatDistribution(0, 1)}
    for _ in range(60):
        p = {"a": float(rng.random()), "b": float(rng.random())}
        study.add_trial(optuna.create_trial(params=p, distributions=dists, values=[p["a"], p["b"]]))
    for k, name in enumerate("ab"):
        got = get_param_importances(study, evaluator=wb.FanovaEvaluator(), target=lambda t, k=k: t.values[k])
        assert got[name] > 0.9
    with pytest.raises(ValueError, match="needs a target"):
        get_param_importances(study, evaluator=wb.FanovaEvaluator())


def test_conditions_are_found_and_what_a_parent_switches_is_the_parents():
    def objective(trial):
        kind = trial.suggest_categorical("kind", ["tree", "svm"])
        if kind == "tree":
            return trial.suggest_int("depth", 1, 10) / 10
        trial.suggest_float("C", 1e-3, 1e3, log=True)
        return 3.0

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=150)
    got = wb.FanovaEvaluator().evaluate(study)
    # kind: means 3 and 0.55, so V = 2.45² / 4 = 1.5006; depth: half of 0.55 + (depth - 5.5) / 10, V_depth = (1/2)² 0.0825 = 0.0206
    whole = 1.5006 + 0.5 * 0.0825
    assert set(got) == {"kind", "depth", "C"}
    assert got["kind"] == pytest.approx(1.5006 / whole, abs=0.02)
    assert got["depth"] == pytest.approx(0.0206 / whole, abs=0.01)
    assert got["C"] < 0.01


def test_an_absence_that_nothing_explains_is_one_more_value():
    """y = 1 where x is missing, else x: present or not decides, and x's share holds both."""
    rng = np.random.default_rng(0)
    rows = [{"a": float(rng.random())} | ({"x": float(rng.random())} if rng.random() < 0.5 else {}) for _ in range(150)]
    study = study_of(rows, {"a": FloatDistribution(0, 1), "x": FloatDistribution(0, 1)}, [r.get("x", 2.0) for r in rows])
    got = wb.FanovaEvaluator().evaluate(study)
    assert set(got) == {"a", "x"}
    assert got["x"] > 0.97


def test_a_range_that_changes_from_trial_to_trial_has_no_share():
    study = optuna.create_study()
    for k in range(12):
        dists = {"a": FloatDistribution(0, 1), "n": IntDistribution(1, 2 + k)}
        study.add_trial(optuna.create_trial(params={"a": k / 12, "n": 1}, distributions=dists, value=k / 12))
    assert set(wb.FanovaEvaluator().evaluate(study)) == {"a"}
    with pytest.raises(ValueError, match="its range changes"):
        wb.FanovaEvaluator().evaluate(study, params=["n"])


def test_choices_that_are_no_plain_values_are_taken_by_their_labels():
    options = [[1, 2], [3], None]
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna advises against lists
        dists = {"layers": CategoricalDistribution(options), "a": FloatDistribution(0, 1)}
        rows = [{"layers": options[int(rng.integers(3))], "a": float(rng.random())} for _ in range(60)]
        study = study_of(rows, dists, [3.0 * (r["layers"] == [3]) + r["a"] for r in rows])
    got = wb.FanovaEvaluator().evaluate(study)
    truth = 9 * 2 / 9 / (9 * 2 / 9 + 1 / 12)
    assert got["layers"] == pytest.approx(truth, abs=0.03)


def test_constant_values_have_no_importance():
    study = study_of([{"a": k / 9} for k in range(10)], {"a": FloatDistribution(0, 1)}, [1.0] * 10)
    assert wb.FanovaEvaluator().evaluate(study) == {"a": 0.0}


def test_the_evaluator_says_what_makes_it_and_refuses_no_trees():
    assert repr(wb.FanovaEvaluator(n_trees=8, seed=1)) == "FanovaEvaluator(n_trees=8, seed=1)"
    with pytest.raises(ValueError, match="at least 1, got 0"):
        wb.FanovaEvaluator(n_trees=0)
