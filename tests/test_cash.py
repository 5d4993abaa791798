"""Choosing an algorithm and its hyperparameters at once, with every search."""

import math

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

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


@pytest.mark.parametrize("label", [text for text in LABELLED if text not in ("NASBOT", "PNAS")])  # they serve cells alone
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


def test_tune_chooses_among_estimators_and_gives_the_chosen_one():
    data = data_set("iris")
    quick = {name: classifiers()[name] for name in ("svc", "bayes", "tree")}
    run = wb.tune(quick, data.X, data.y, algorithm=wb.Random(), cv=3, n_trials=9, seed=0).start().wait(timeout=120)
    objective = CashObjective(quick, data.X, data.y, cv=3, seed=0)
    assert run.space == objective.space
    assert run.best.loss == list(objective(run.best.config))[-1]
    assert run.best_score_ == 1 - run.best.loss
    name, own = split_config(run.best_params_)
    assert type(run.best_estimator_) is type(quick[name])
    assert {k: run.best_estimator_.get_params()[k] for k in own} == own
    assert run.best_estimator_.score(data.X, data.y) > 0.9
    assert ("Judged by", "1 - accuracy, the mean over 3 folds") in run.facts()
    assert run.facts()[0][0] == "Estimators"


def test_a_child_that_holds_the_choice_tunes_the_chosen_one_alone():
    data = data_set("iris")
    quick = {name: classifiers()[name] for name in ("svc", "bayes")}
    run = wb.tune(quick, data.X, data.y, algorithm=wb.Random(), cv=3, n_trials=6, seed=0).start().wait(timeout=120)
    child = run.child(fixed={ROOT: "bayes"}, n_trials=3).start().wait(timeout=120)
    assert child.space.names == ("bayes.var_smoothing",)
    assert type(child.best_estimator_).__name__ == "GaussianNB"
    assert child.best_estimator_.var_smoothing == child.best.config["bayes.var_smoothing"]


def test_code_of_a_run_that_chooses_makes_the_chosen_one_and_the_search_again():
    data = data_set("wine")
    quick = {name: classifiers()[name] for name in ("svc", "bayes", "tree")}
    run = wb.tune(quick, data.X, data.y, algorithm=wb.Random(), cv=3, n_trials=6, seed=1).start().wait(timeout=120)
    text = run.export("python")
    scope = {}
    exec(text.replace("# from ", "from ").replace("# run = ", "run = "), scope)
    assert repr(scope["model"]) == repr(run.best_estimator_)
    assert (scope["model"].predict(data.X) == run.best_estimator_.predict(data.X)).all()
    again = scope["run"].start().wait(timeout=120)
    assert list(again.frame()["value"]) == list(run.frame()["value"])


def test_a_run_that_chooses_goes_on_in_another_kernel_with_a_space_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = data_set("iris")
    both = {"bayes": classifiers()["bayes"], "own": Own()}  # no default space of it is known
    space = wb.Space({ROOT: wb.Choice("bayes", "own"), "own.strategy": wb.Choice("prior", "stratified", when={ROOT: "own"})})
    run = wb.tune(both, data.X, data.y, space=space, cv=3, n_trials=2, seed=0, name="chosen").start().wait(timeout=60)
    run.close()
    again = wb.tune(both, data.X, data.y, cv=3, name="chosen", resume=True)
    again.configure(n_trials=3)
    again.start().wait(timeout=60)
    assert again.n_done == 3
    assert again.best_estimator_.predict(data.X).shape == (150,)
    again.close()


class Own(DummyClassifier):
    """An estimator that the workbench does not know."""


@pytest.mark.parametrize(("options", "kind", "message"), [
    ({"fidelity": "rows"}, RunError, "a fidelity is for one estimator, got 'rows' and 2"),
    ({"space": wb.Space({ROOT: wb.Choice("svc", "bayes"), "svc.c": wb.Float(1, 2)})}, SpaceError, "no parameter 'svc.c'.*'svc.C'"),
    ({"space": wb.Space({ROOT: wb.Choice("svc", "tree")})}, SpaceError, r"options among \['svc', 'bayes'\]"),
    ({"space": wb.Space({"svc.C": wb.Float(1, 2)})}, SpaceError, r"needs algorithm=wb.Choice\(...\).*got None"),
])
def test_wrong_choices_are_refused_by_tune(options, kind, message):
    data = data_set("iris")
    both = {name: classifiers()[name] for name in ("svc", "bayes")}
    with pytest.raises(kind, match=message):
        wb.tune(both, data.X, data.y, **options)


def test_tune_refuses_names_and_things_that_are_no_estimators():
    data = data_set("iris")
    svc = classifiers()["svc"]
    with pytest.raises(SpaceError, match="without dots, got 1"):
        wb.tune({1: svc}, data.X, data.y)
    with pytest.raises(SpaceError, match="at least one"):
        wb.tune({}, data.X, data.y)
    with pytest.raises(RunError, match="Give an object such as SVC()"):
        wb.tune({"svc": type(svc)}, data.X, data.y)
