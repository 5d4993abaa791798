"""Choosing an algorithm and its hyperparameters at once, with every search."""

import math

import numpy as np
import pytest

import workbench as wb
from workbench.automl.cash import ROOT, CashObjective, cash_space, classifiers, split_config
from workbench.errors import ConfigError, RunError, SpaceError
from workbench.problems import data_set
from workbench.search.catalogue import LABELLED

SPACE = cash_space(classifiers())


def test_the_root_chooses_and_each_algorithm_brings_its_own_parameters():
    assert set(SPACE[ROOT].options) == set(classifiers())
    rng = np.random.default_rng(0)
    for x in SPACE.sample_unit(200, rng):
        config = SPACE.from_unit(x)
        SPACE.validate(config)
        name, own = split_config(config)
        assert all(k == ROOT or k.startswith(f"{name}.") for k in config)
        classifiers()[name].set_params(**own)  # names that it knows
    assert ("gamma" in split_config({ROOT: "svc", "svc.kernel": "rbf", "svc.gamma": 1.0})[1])
    with pytest.raises(ConfigError):
        SPACE.validate({ROOT: "bayes", "svc.C": 1.0})


def test_a_branch_within_a_branch_is_active_only_there():
    for x in SPACE.sample_unit(300, np.random.default_rng(1)):
        config = SPACE.from_unit(x)
        assert ("svc.degree" in config) == (config.get("svc.kernel") == "poly")


@pytest.mark.parametrize("label", list(LABELLED))
def test_every_algorithm_searches_it_with_active_parameters_alone(label):
    seen, space = [], SPACE
    if label == "FABOLAS":  # it chooses a share of the data too
        space = wb.Space({**{name: SPACE[name] for name in SPACE}, "share": wb.Float(1 / 64, 1, log=True)})

    def loss(config):
        space.validate(config)
        seen.append(config[ROOT])
        name, own = split_config({k: v for k, v in config.items() if k != "share"})
        return {"svc": 0.1, "trees": 0.2}.get(name, 0.5) + 0.05 * sum(
            abs(math.log10(v)) if isinstance(v, float) and v > 0 else 0.0 for v in own.values())

    run = wb.optimize(loss, space, algorithm=LABELLED[label], n_trials=16, n_workers=2, seed=3).start().wait(timeout=120)
    assert run.state == "done", run.detail
    assert set(run.frame()["state"]) == {"complete"} and run.n_done == 16
    assert len(set(seen)) >= 3


def test_a_space_that_is_given_is_taken_even_an_empty_one():
    both = {name: classifiers()[name] for name in ("svc", "bayes")}
    space = cash_space(both, spaces={"svc": wb.Space(C=wb.Float(1, 10)), "bayes": wb.Space()})
    assert space.names == (ROOT, "svc.C")


def test_real_classifiers_are_compared_on_the_same_folds_and_the_best_can_be_fitted():
    data = data_set("iris")
    quick = {k: v for k, v in classifiers().items() if k not in ("boosting", "trees")}
    objective = CashObjective(quick, data.X, data.y, cv=3, seed=0)
    run = wb.optimize(objective, objective.space, algorithm=wb.Random(), n_trials=12, seed=0).start().wait(timeout=120)
    assert set(run.frame()["state"]) == {"complete"}
    assert run.best.loss < 0.1
    assert objective.fitted(run.best.config).score(data.X, data.y) > 0.9
    assert list(objective(run.best.config)) == list(objective(run.best.config))


def test_what_cannot_be_a_cash_space_is_refused():
    svc = classifiers()["svc"]
    with pytest.raises(SpaceError, match="at least one"):
        cash_space({})
    with pytest.raises(SpaceError, match="without dots"):
        cash_space({"a.b": svc})
    with pytest.raises(SpaceError, match=r"\['knn'\]"):
        cash_space({"svc": svc}, spaces={"knn": SPACE})
    from sklearn.svm import SVR

    with pytest.raises(RunError, match="one score"):
        CashObjective({"svc": svc, "svr": SVR()}, [[0.0], [1.0]] * 4, [0, 1] * 4, cv=2)
