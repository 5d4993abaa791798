"""What every algorithm promises."""

import copy
import warnings
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

import workbench as wb
from workbench.errors import SearchExhausted
from workbench.history import Explanation, History

ALGORITHMS = {"random": wb.Random(), "grid": wb.Grid(k=5), "gp": wb.GPBO(n_startup=5),
              "noisy ei": wb.GPBO("noisy_ei", n_startup=5, noise=0.1), "thompson": wb.GPBO("thompson", n_startup=5),
              "forest": wb.RFBO(n_startup=5), "arc": wb.nas.ArcGP(n_startup=5),
              "predictor": wb.nas.PredictorSearch(n_startup=5, every=3), "predicting gp": wb.nas.PredictorSearch("gp", acquisition="ei", n_startup=5),
              "lstms": wb.nas.PredictorSearch("rnn", n_startup=5),
              "nao": wb.nas.NAO(n_startup=5, every=4, hidden=6, fit_steps=5, most_steps=4),
              "tpe": wb.TPE(n_startup=5), "cma": wb.CMAES(), "cma with margin": wb.CMAES(population=4, margin=True, restart="bipop"),
              "genetic": wb.Genetic(population_size=4), "nsga2": wb.NSGA2(population_size=4), "ehvi": wb.EHVI(n_startup=5),
              "ageing": wb.Genetic(population_size=4, update="age", crossover="sbx"),
              "de": wb.DifferentialEvolution(population_size=4), "swarm": wb.ParticleSwarm(swarm_size=4, topology="ring"),
              "dngo": wb.DNGO(n_startup=5, n_networks=2, steps=10), "latent": wb.LatentBO(n_startup=5, steps=10),
              "bohamiann": wb.BOHAMIANN(n_startup=5, n_steps=20, n_chains=2),
              "warm start": wb.WarmStart(wb.GPBO(n_startup=5), [{"x": 0.5, "lr": 0.1}, {"x": 2.0, "c": "only", "n": 7}]),
              "bohb": wb.BOHB(rho=0.1), "one scale": wb.OneScale(wb.TPE(n_startup=5)),
              "fabolas": wb.Fabolas(n_startup=2), "entropy search": wb.Fabolas(share=None),
              "fine grid": wb.Grid(k=2, refine=True), "sobol": wb.QuasiRandom(), "halton": wb.QuasiRandom("halton"),
              "regularised evolution": wb.nas.RegularizedEvolution(population=4),
              "the worst dies": wb.nas.RegularizedEvolution(population=4, ageing=False),
              "random cells": wb.nas.RandomCells(), "reinforce": wb.nas.Reinforce(), "controller": wb.nas.Controller(hidden=6, layers=1)}
SPACES = {
    "floats": wb.Space(x=wb.Float(0, 1), lr=wb.Float(1e-5, 1, log=True)),
    "mixed": wb.Space(x=wb.Float(0, 1, step=0.05), n=wb.Int(1, 300, log=True), c=wb.Choice("a", None, True, 3),
                      o=wb.Choice("s", "m", "l", ordered=True)),
    "nested": wb.Space(kernel=wb.Choice("linear", "rbf", when={"algo": "svm"}), algo=wb.Choice("svm", "forest", "knn"),
                       C=wb.Float(1e-2, 1e2, log=True, when={"algo": "svm"}),
                       gamma=wb.Float(1e-4, 1, log=True, when={"algo": "svm", "kernel": "rbf"}),
                       depth=wb.Int(1, 12, when={"algo": ["forest"]}), leaf=wb.Int(1, 9, when={"depth": [10, 11, 12]}),
                       forbidden=[{"algo": "svm", "kernel": "linear"}, {"depth": [1, 2, 3, 4]}]),
    "one value": wb.Space(x=wb.Float(2, 2), c=wb.Choice("only"), n=wb.Int(0, 99)),
}


def served(algorithm, space):
    """The space, with a share of the data for an algorithm that needs one."""
    if getattr(algorithm, "share", None) is None:
        return space
    return wb.Space({**{name: space[name] for name in space}, algorithm.share: wb.Float(1 / 64, 1, log=True)},
                    forbidden=space.forbidden)


CASES = [pytest.param(a, served(a, s), id=f"{n}-{m}") for n, a in ALGORITHMS.items() for m, s in SPACES.items()]
every_case = pytest.mark.parametrize(("algorithm", "space"), CASES)


def history_of(space, n, *, loss=None, pending=0, seed=7):
    x = space.sample_unit(n + pending, np.random.default_rng(n))
    y = np.nan_to_num(x[:n], nan=0.3).sum(axis=1) if loss is None else np.asarray(loss, dtype=float)
    return History.of(space, x[:n], y, pending=x[n:], seed=seed)


def ask(algorithm, history, seed=0):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return algorithm.suggest(history, np.random.default_rng([seed, len(history)]))


def check(space, suggestion):
    """A suggestion is one point, of active parameters alone, allowed, with a reason."""
    assert suggestion.x.shape == (len(space),)
    config = space.from_unit(suggestion.x)
    space.validate(config)
    np.testing.assert_array_equal(np.isnan(suggestion.x), ~space.active(suggestion.x[None])[0])
    assert isinstance(suggestion.why, Explanation)
    assert suggestion.why.summary()
    return config


@every_case
@pytest.mark.parametrize("n", [0, 1, 4, 5, 6, 25])
def test_a_suggestion_is_an_allowed_point_with_a_reason(algorithm, space, n):
    check(space, ask(algorithm, history_of(space, n)))


@every_case
def test_the_same_history_and_rng_give_the_same_answer_again(algorithm, space):
    for n in (0, 3, 12):
        first, again = (ask(algorithm, history_of(space, n, pending=2)).x for _ in range(2))
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(first, ask(copy.deepcopy(algorithm), history_of(space, n, pending=2)).x)


@every_case
def test_a_memo_does_not_change_an_answer(algorithm, space):
    whole = history_of(space, 16)
    memo = {}
    for k in (3, 8, 6, 16, 10):  # grown, cut, grown
        fresh = replace(whole[:k], memo={})
        np.testing.assert_array_equal(ask(algorithm, replace(whole[:k], memo=memo)).x, ask(algorithm, fresh).x)


@every_case
def test_the_past_can_be_asked(algorithm, space):
    whole = history_of(space, 14)
    np.testing.assert_array_equal(ask(algorithm, whole[:9]).x,
                                  ask(algorithm, History.of(space, whole.x[:9], whole.y[:9], seed=whole.seed)).x)


@every_case
@pytest.mark.parametrize("loss", [
    pytest.param([1.0] * 9, id="constant"), pytest.param([np.inf] * 9, id="all failed"),
    pytest.param([np.inf] * 8 + [0.5], id="one worked"), pytest.param([1.0, 2.0, np.inf] * 3, id="some failed"),
    pytest.param([1e300, -1e300, 0.0] * 3, id="huge"), pytest.param([1e-300, 0.0, 3e-310] * 3, id="tiny"),
    pytest.param([0.0] * 8 + [1e12], id="outlier"),
])
def test_strange_losses_are_no_reason_to_fail(algorithm, space, loss):
    check(space, ask(algorithm, history_of(space, 9, loss=loss)))


@every_case
def test_many_equal_points_are_no_reason_to_fail(algorithm, space):
    x = np.repeat(space.sample_unit(1, np.random.default_rng(0)), 12, axis=0)
    check(space, ask(algorithm, History.of(space, x, np.arange(12.0))))


@pytest.mark.parametrize("name", ["grid", "gp", "forest", "tpe", "cma"])
def test_running_points_are_respected(name):
    """In a discrete space of twelve points none comes twice, running ones included."""
    space = wb.Space(a=wb.Int(0, 2), b=wb.Choice(*"wxyz"))
    x, seen = np.empty((0, 2)), set()
    for i in range(12):
        done = i // 2  # half of them still run
        history = History.of(space, x[:done], np.arange(float(done)), pending=x[done:])
        config = check(space, ask(ALGORITHMS[name], history, seed=i))
        seen.add(tuple(config.values()))
        x = np.vstack([x, space.to_unit(config)])
    assert len(seen) == 12


@every_case
def test_nothing_is_kept_or_changed(algorithm, space):
    history = history_of(space, 12, pending=2)
    before = [part.copy() for part in (history.x, history.y, history.pending, history.steps)]
    settings = [getattr(algorithm, f.name) for f in fields(algorithm)]
    ask(algorithm, history).x[:] = -1.0  # not a view of anything
    for a, b in zip(before, (history.x, history.y, history.pending, history.steps), strict=True):
        np.testing.assert_array_equal(a, b)
    assert settings == [getattr(algorithm, f.name) for f in fields(algorithm)]
    for f in fields(algorithm):
        with pytest.raises(FrozenInstanceError):
            setattr(algorithm, f.name, 1)
    check(space, ask(algorithm, history))


@pytest.mark.parametrize("algorithm", [pytest.param(a, id=n) for n, a in ALGORITHMS.items()])
def test_a_used_up_space_ends_or_goes_on_but_does_not_break(algorithm):
    space = served(algorithm, wb.Space(a=wb.Choice("x", "y"), b=wb.Int(0, 1)))
    full = {"share": 1.0} if "share" in space else {}
    x = space.to_unit([{"a": a, "b": b, **full} for a in "xy" for b in (0, 1)])
    history = History.of(space, np.repeat(x, 3, axis=0), np.arange(12.0))
    try:
        check(space, ask(algorithm, history))
    except SearchExhausted:
        assert isinstance(algorithm, wb.Grid)
