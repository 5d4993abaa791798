"""PED-ANOVA: the same numbers as Optuna gives for the study itself."""

import logging
import warnings

import numpy as np
import optuna
import pytest
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from workbench.importance.quantity import Quantity
from workbench.optuna_importance import ped_anova
from workbench.space import Choice, Float, Int, Space

SPACE = Space(lr=Float(1e-5, 1e-1, log=True), opt=Choice("adam", "sgd", "lion"), mom=Float(0, 0.9, when={"opt": "sgd"}),
              depth=Int(1, 9), drop=Float(0.1, 0.7, step=0.1))


def objective(trial):
    lr, opt = trial.suggest_float("lr", 1e-5, 1e-1, log=True), trial.suggest_categorical("opt", ("adam", "sgd", "lion"))
    mom = trial.suggest_float("mom", 0, 0.9) if opt == "sgd" else 0.5
    depth, drop = trial.suggest_int("depth", 1, 9), trial.suggest_float("drop", 0.1, 0.7, step=0.1)
    return (np.log10(lr) + 3) ** 2 + mom + 0.01 * depth + drop


def study_of(n=120):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=n)
    return study


def rows_of(study):
    return SPACE.to_unit([t.params for t in study.trials]), np.array([t.value for t in study.trials])


@pytest.mark.parametrize("quantile", [0.1, 0.25])
def test_it_gives_what_optuna_gives_for_the_study(quantile):
    study = study_of()
    found = ped_anova(SPACE, *rows_of(study), quantile=quantile)
    theirs = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=quantile))
    assert dict(zip(found.names, found.single, strict=True)) == pytest.approx(theirs)
    assert found.n_good == np.ceil(quantile * 120)
    assert found.single.sum() == pytest.approx(1)
    assert found.frame()["parameter"].iloc[0] == "lr"
    assert "lr sets the best" in found.summary()


def test_a_region_asks_among_fair_trials_only():
    study = study_of()
    found = ped_anova(SPACE, *rows_of(study), quantile=0.1, region=0.4)
    theirs = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=0.1, region_quantile=0.4))
    assert dict(zip(found.names, found.single, strict=True)) == pytest.approx(theirs)


def test_failed_trials_are_left_out():
    x, y = rows_of(study_of())
    failed = y.copy()
    failed[:20] = np.inf
    found, without = ped_anova(SPACE, x, failed), ped_anova(SPACE, x[20:], y[20:])
    np.testing.assert_array_equal(found.divergence, without.divergence)
    assert found.n_trials == 100


def test_a_parameter_that_no_trial_had_has_no_share_and_equal_losses_set_nothing_apart():
    x = np.tile(SPACE.to_unit([{"lr": 1e-3, "opt": "adam", "depth": 3, "drop": 0.3}]), (12, 1))
    found = ped_anova(SPACE, x, np.ones(12))
    assert np.isnan(found.single[SPACE.column("mom")])
    assert np.nansum(found.single) == 0
    assert "No parameter sets" in found.summary()
    assert "<table" in found._repr_html_()


def test_it_says_nothing_and_leaves_optunas_settings_as_they_were(caplog):
    x, y = rows_of(study_of(30))
    optuna.logging.set_verbosity(optuna.logging.INFO)
    optuna.logging.enable_propagation()
    try:
        with warnings.catch_warnings(), caplog.at_level(logging.INFO):
            warnings.simplefilter("error")
            ped_anova(SPACE, x, y, quantity=Quantity("accuracy", -1.0))
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
    finally:
        optuna.logging.disable_propagation()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
    assert not caplog.records


@pytest.mark.parametrize(("y", "settings", "match"), [
    (np.ones(3), {"quantile": 0.5, "region": 0.4}, "quantile < region"), (np.ones(3), {"quantile": 0.0}, "0 < quantile"),
    (np.array([1.0, np.inf, np.nan]), {}, "two finite losses, got 1")])
def test_what_cannot_be_asked_is_refused(y, settings, match):
    x = np.tile(SPACE.to_unit([SPACE.default()]), (3, 1))
    with pytest.raises(ValueError, match=match):
        ped_anova(SPACE, x, y, **settings)
