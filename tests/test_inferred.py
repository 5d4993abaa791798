"""The space of a define-by-run script, read off its trials."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

import workbench as wb
from workbench.inferred import InferredSpace, labels, space_from_study
from workbench.optuna_distributions import distribution, suggest_from

optuna.logging.set_verbosity(optuna.logging.ERROR)
pytestmark = pytest.mark.filterwarnings("ignore:Choices for a categorical")


def read(objective, n=40, seed=0):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    study.optimize(objective, n_trials=n, catch=(RuntimeError,))
    return space_from_study(study)


def followed(space, n=60, seed=0):
    """The inferred space of a script that walks a known one."""
    inferred = InferredSpace()
    for config in space.sample(n, np.random.default_rng(seed)):
        ordered = {name: config[name] for name in space.parents_first() if name in config}
        inferred.learn(ordered, {name: distribution(space[name]) for name in ordered})
    return inferred.space


CASH = wb.Space(
    algo=wb.Choice("svm", "boost", "knn"), kernel=wb.Choice("rbf", "linear", when={"algo": "svm"}),
    C=wb.Float(1e-3, 1e3, log=True, when={"algo": "svm"}), gamma=wb.Float(1e-5, 10.0, log=True, when={"kernel": "rbf"}),
    eta=wb.Float(1e-3, 1.0, log=True, when={"algo": ["boost", "knn"]}), k=wb.Int(1, 50, when={"algo": "knn"}),
    free=wb.Float(0.0, 1.0))


def test_nested_conditions_are_found_exactly():
    found = followed(CASH)
    assert set(found.names) == set(CASH.names)
    for name in CASH.names:
        theirs = {parent: set(values) for parent, values in CASH[name].when}
        assert {parent: set(values) for parent, values in found[name].when} == theirs, name


@pytest.mark.parametrize("seed", range(5))
def test_from_any_prefix_the_space_agrees_with_all_trials_seen(seed):
    inferred = InferredSpace()
    configs = CASH.sample(40, np.random.default_rng(seed))
    for n, config in enumerate(configs):
        ordered = {name: config[name] for name in CASH.parents_first() if name in config}
        inferred.learn(ordered, {name: distribution(CASH[name]) for name in ordered})
        for earlier in configs[:n + 1]:
            for name in inferred.space.names:
                assert inferred.space.is_active(name, earlier) == (name in earlier)


def test_layers_counted_by_an_int_are_found_also_for_counts_not_seen_yet():
    def objective(trial):
        n = trial.suggest_int("n_layers", 1, 9)
        return sum(trial.suggest_int(f"width{i}", 1, 9) for i in range(n))

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for n in (1, 3, 5):
        study.enqueue_trial({"n_layers": n})
    study.optimize(objective, n_trials=3)
    space = space_from_study(study)
    assert space["width3"].when == (("n_layers", (4, 5, 6, 7, 8, 9)),) or \
        space["width3"].when == (("n_layers", (5, 6, 7, 8, 9)),)
    assert not space["width0"].when


def test_two_parents_that_decide_together_are_found():
    def objective(trial):
        a, b = trial.suggest_categorical("a", [0, 1]), trial.suggest_categorical("b", ["u", "v", "w"])
        return trial.suggest_float("c", 0, 1) if a == 1 and b in ("u", "w") else 0.0

    space = read(objective)
    assert {p: set(v) for p, v in space["c"].when} == {"a": {1}, "b": {"u", "w"}}


def test_a_parameter_that_depends_on_a_real_number_is_left_out():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        return trial.suggest_float("y", 0, 1) if x > 0.5 else trial.suggest_categorical("z", [x > 2, True, None]) or 0

    assert read(objective).names == ("x",)


def test_of_several_possible_parents_the_best_tested_one_is_taken():
    inferred = InferredSpace()
    seed, kernel = IntDistribution(0, 60), CategoricalDistribution(("rbf", "linear"))
    for i in range(8):  # "seed" is another number each time and so could explain anything
        params = {"seed": i, "kernel": ("rbf", "linear")[i % 2]} | ({} if i % 2 else {"gamma": 0.5})
        known = {"seed": seed, "kernel": kernel, "gamma": FloatDistribution(0, 1)}
        inferred.learn(params, {name: known[name] for name in params})
    assert inferred.space["gamma"].when == (("kernel", ("rbf",)),)


def test_an_edited_range_is_taken_over_and_a_dynamic_one_left_out():
    inferred = InferredSpace()
    for i in range(30):
        inferred.learn({"x": 0.1, "n": 1}, {"x": FloatDistribution(0, 1 if i < 20 else 5), "n": IntDistribution(0, i + 1)})
    assert inferred.space == wb.Space(x=wb.Float(0, 5))


def test_trials_that_failed_or_gave_up_early_do_not_deceive():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if x < 0.3:
            raise optuna.TrialPruned
        if x < 0.5:
            raise RuntimeError("no luck")
        return trial.suggest_float("y", 0, 1)

    assert read(objective) == wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1))


def test_choices_that_are_no_plain_values_travel_as_labels():
    choices = ((16,), (32, 32), [1, 2], 3)
    inferred = InferredSpace()
    dist = CategoricalDistribution(choices)
    for c in choices:
        inferred.learn({"layers": c}, {"layers": dist})
    assert inferred.space["layers"].options == ("(16,)", "(32, 32)", "[1, 2]", "3")
    for c in choices:
        assert inferred.original(inferred.plain({"layers": c, "other": 1})) == {"layers": c, "other": 1}


def test_labels_differ():
    assert labels((1, True)) == ("1", "True")
    assert labels((float("nan"), float("nan"))) == ("0: nan", "1: nan")


@pytest.mark.parametrize("seed", range(3))
def test_a_study_fed_by_a_declared_space_gives_that_space_back(seed):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    study.optimize(lambda t: len(suggest_from(CASH, t)), n_trials=60)
    found = space_from_study(study)
    assert {n: (type(found[n]), set(dict(found[n].when))) for n in found.names} == {
        n: (type(CASH[n]), set(dict(CASH[n].when))) for n in CASH.names}
