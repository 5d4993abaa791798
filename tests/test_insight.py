"""What a run says about its parameters."""

import numpy as np
import pytest

import workbench as wb
from workbench.errors import ConfigError, RunError
from workbench.importance.ablation import Ablation, ablation
from workbench.importance.fanova import Fanova
from workbench.importance.local import LocalImportance
from workbench.importance.tunability import Tunability
from workbench.optuna_importance import PedAnova

SPACE = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), opt=wb.Choice("adam", "sgd"), mom=wb.Float(0, 0.9, when={"opt": "sgd"}))


def loss(config):
    return (np.log10(config["lr"]) + 2) ** 2 + (0.5 if config["opt"] == "adam" else 1 - config["mom"])


def ended(objective=loss, n=40, space=SPACE, **settings):
    run = wb.optimize(objective, space, **{"algorithm": wb.Random(), "n_trials": n, "seed": 0, **settings})
    return run.start().wait(60)


@pytest.fixture(scope="module")
def run():
    return ended()


def test_a_run_answers_all_questions_about_its_parameters(run):
    assert isinstance(run.importance(), Fanova)
    assert isinstance(run.importance("ped_anova"), PedAnova)
    assert isinstance(run.tunability(), Tunability)
    assert isinstance(run.local_importance(), LocalImportance)
    found = run.ablation()
    assert isinstance(found, Ablation)
    for answer in (run.importance("ped_anova"), run.tunability(), run.local_importance(), found):
        assert answer.space is run.space
        assert run.tunability().n_trials == (40,)
        assert answer.summary() in repr(answer)
    assert run.importance("ped_anova").frame()["parameter"].iloc[0] == "lr"
    assert run.local_importance().order[0] == "lr"


def test_the_path_leads_from_the_spaces_default_to_the_best_trial(run):
    found = run.ablation()
    assert found.start == run.space.default()
    assert found.end == run.best.config
    assert (found.start_name, found.end_name) == ("the default", f"trial {run.best.number} (best)")
    history = run.history()
    same = ablation(run.space, history.x, history.y)
    np.testing.assert_array_equal(found.losses, same.losses)


def test_ends_may_be_trials_or_configurations(run):
    found = run.ablation(3, {"lr": 0.01, "opt": "adam"}, backwards=True)
    assert (found.start_name, found.end_name) == ("the given configuration", "trial 3")
    assert found.end == run.trials.by_number[3].config
    assert run.local_importance(5).config_name == "trial 5"
    assert run.tunability(5, pairs=False).default == run.trials.by_number[5].config
    with pytest.raises(RunError, match="no trial 99"):
        run.local_importance(99)
    with pytest.raises(ConfigError):
        run.tunability({"lr": 5.0, "opt": "adam"})


def test_whoever_maximises_gets_gains_all_the_same():
    a, b = ended().ablation(), ended(lambda c: -loss(c), direction="maximize").ablation()
    np.testing.assert_array_equal(a.losses, b.losses)
    assert (b.quantity.name, b.quantity.sign) == ("value", -1.0)
    assert b.frame()["value"].tolist() == pytest.approx([-s.loss for s in a.steps])


def test_under_a_scheduler_losses_of_one_budget_are_taken():
    def curve(config):
        for step in range(1, 10):
            yield loss(config) + 1 / step

    run = ended(curve, n=60, scheduler=wb.Hyperband(9))
    found = run.ablation()
    assert found.quantity.name == "loss after 3 steps"
    assert run.ablation(budget=1).n_trials > found.n_trials
    assert run.importance("ped_anova", budget=9).quantity.name == "loss after 9 steps"
    with pytest.raises(RunError, match="at most 9, got 10"):
        run.importance(budget=10)


def test_of_several_losses_one_is_asked_about():
    run = ended(lambda c: (loss(c), c["lr"]), algorithm=wb.NSGA2(), direction={"error": "minimize", "size": "maximize"})
    assert run.importance("ped_anova", loss="size").frame()["parameter"].iloc[0] == "lr"
    assert isinstance(run.importance(loss=0), Fanova)
    with pytest.raises(RunError, match="loss='error'"):
        run.ablation()


def test_what_cannot_be_answered_is_said(run):
    with pytest.raises(RunError, match="'fanova' or 'ped_anova', got 'shap'"):
        run.importance("shap")
    with pytest.raises(RunError, match="at least 10 trials"):
        ended(n=4).tunability()
    with pytest.raises(RunError, match="at least 10 trials"):
        wb.optimize(loss, SPACE).importance()
    with pytest.raises(RunError, match="0 < quantile"):
        run.importance("ped_anova", quantile=2.0)
    with pytest.raises(RunError, match="n_trees must be at least 1"):
        run.ablation(n_trees=0)


def test_an_optuna_objective_is_asked_in_the_space_that_its_trials_show():
    def objective(trial):
        opt = trial.suggest_categorical("opt", ["adam", "sgd"])
        return loss({"opt": opt, "lr": trial.suggest_float("lr", 1e-5, 1e-1, log=True),
                     "mom": trial.suggest_float("mom", 0, 0.9) if opt == "sgd" else None})

    run = wb.optimize(objective, algorithm=wb.Random(), n_trials=30, seed=0)
    with pytest.raises(RunError, match="no space yet"):
        run.tunability()
    run.start().wait(60)
    assert run.tunability().notes == {"mom": "inactive at the default: active only when opt is 'sgd'"}
