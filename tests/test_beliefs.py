"""What users say, the density made of it, and that a wrong belief excludes nothing."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import kstest, truncnorm

import workbench as wb
from tests.space_strategies import spaces
from workbench.errors import SpaceError
from workbench.search.beliefs import (
    FLOOR,
    Beliefs,
    as_prior,
    check_prior,
    takes_prior,
    whole_prior,
    with_prior,
    within_space,
)

SPACE = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), x=wb.Float(-1, 3), n=wb.Int(1, 300, log=True), few=wb.Int(0, 3),
                 optimizer=wb.Choice("sgd", "adam", "lamb"), size=wb.Choice("s", "m", "l", ordered=True),
                 momentum=wb.Float(0, 1, when={"optimizer": "sgd"}))
SAID = {"lr": 1e-3, "x": {(0.0, 1.0): 3, 2.5: 1}, "n": (10, 100), "few": 2, "optimizer": {"sgd": 0.7, "adam": 0.3},
        "size": "m", "momentum": 0.9}


def rng(*key):
    return np.random.default_rng(key)


def alone(name, what):
    """Beliefs on one parameter, without conditions, and what it says at unit values."""
    p = SPACE[name]
    space = wb.Space({name: wb.Float(p.low, p.high, log=p.log) if isinstance(p, wb.Float) else p})
    beliefs = Beliefs.of(space, {name: what})
    return lambda u: beliefs.log_density(np.atleast_1d(np.asarray(u, dtype=float))[:, None]), beliefs


# ---- what is said ------------------------------------------------------------------------------------------------


def test_what_is_said_becomes_nested_tuples():
    assert as_prior({"lr": np.float64(1e-3), "n": [10, 100], "optimizer": {"sgd": 7, "adam": 3}}) == (
        ("lr", ((1e-3, 1.0),)), ("n", (((10, 100), 1.0),)), ("optimizer", (("sgd", 7.0), ("adam", 3.0))))
    assert as_prior(None) == as_prior({}) == ()


def test_the_tuples_survive_json_and_reading_again():
    prior = as_prior(SAID)
    hash(prior)
    assert as_prior(prior) == prior
    assert as_prior(json.loads(json.dumps(prior))) == prior


@pytest.mark.parametrize(("said", "says"), [
    ({"learning_rate": 1e-3}, r"names 'learning_rate', which is no parameter of this space. There are \['lr', 'x'"),
    ({"lr": 1.0}, r"prior of 'lr' does not fit: it must lie between 1e-05 and 0.1, got 1.0"),
    ({"lr": (1e-3, 1.0)}, "must lie between 1e-05 and 0.1, got 1.0"),
    ({"n": (10, 1000)}, "must lie between 1 and 300, got 1000"),
    ({"n": (0.5, 10)}, "must lie between 1 and 300, got 0.5"),
    ({"lr": (1e-2, 1e-3)}, "lower and an upper end, in this order"),
    ({"lr": (1e-4, 1e-3, 1e-2)}, "lower and an upper end, in this order"),
    ({"lr": "small"}, "must be a finite number, got 'small'"),
    ({"lr": (1e-3, "big")}, "must be a finite number, got 'big'"),
    ({"n": 10.5}, "must be a whole number"),
    ({"optimizer": "rmsprop"}, r"must be one of \['sgd', 'adam', 'lamb'\], got 'rmsprop'"),
    ({"optimizer": ("sgd", "adam")}, "has options; give them weights"),
    ({"size": ("s", "xl")}, "must be one of"),
    ({"optimizer": {"sgd": 0}}, "weights of a prior must be positive numbers, got 0 for 'optimizer'"),
    ({"optimizer": {}}, "the prior of 'optimizer' is empty"),
    ({1: 2}, "must name parameters, got 1"),
    ("lr", "must be a mapping of names to likely values"),
    (7, "must be a mapping of names to likely values"),
    ({"lr": {1e-3}}, "must be a mapping of names to likely values"),
    ([["lr", [[1e-3, 1.0]]], ["lr", [[1e-2, 1.0]]]], "names 'lr' twice"),
])
def test_what_does_not_fit_is_refused_with_the_way_out(said, says):
    with pytest.raises(SpaceError, match=says):
        Beliefs.of(SPACE, said)


# ---- the density -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "what"), SAID.items())
def test_the_density_of_every_parameter_integrates_to_one(name, what):
    log_density, beliefs = alone(name, what) if name != "momentum" else alone("x", 0.5)
    (belief,) = beliefs.by_column.values()
    breaks = belief.axis.edges if len(belief.axis.edges) else np.linspace(0, 1, 21)
    total = sum(quad(lambda u: np.exp(log_density(u))[0], a, b, epsabs=1e-12)[0]
                for a, b in zip(breaks[:-1], breaks[1:], strict=True))
    assert total == pytest.approx(1, abs=1e-8)


def test_a_likely_value_is_a_truncated_normal_on_the_parameters_own_scale_over_a_floor():
    log_density, _ = alone("lr", 1e-3)
    u = np.linspace(0, 1, 50)
    normal = truncnorm(-0.5 / 0.1, 0.5 / 0.1, loc=0.5, scale=0.1)  # 1e-3 is the middle of 1e-5 … 1e-1 on a log scale
    np.testing.assert_allclose(log_density(u), np.log(0.1 + 0.9 * normal.pdf(u)), rtol=1e-12)


def test_a_likely_interval_holds_ninety_per_cent_of_its_normal():
    log_density, _ = alone("lr", (1e-4, 1e-2))
    inside = quad(lambda u: np.exp(log_density(u))[0], 0.25, 0.75)[0]
    assert inside == pytest.approx(0.1 * 0.5 + 0.9 * 0.9, abs=0.003)  # 0.3 % of the normal lie beyond [0, 1]


def test_levels_have_the_mass_of_their_cells_and_options_their_weights():
    _, beliefs = alone("few", 2)
    edges, (belief,) = np.linspace(0, 1, 5), beliefs.by_column.values()
    normal = truncnorm(-0.625 / 0.1, 0.375 / 0.1, loc=0.625, scale=0.1)
    np.testing.assert_allclose(belief.mass, 0.1 / 4 + 0.9 * np.diff(normal.cdf(edges)), rtol=1e-10)
    _, beliefs = alone("optimizer", {"sgd": 7, "adam": 3})
    np.testing.assert_allclose(beliefs.by_column[0].mass, [0.1 / 3 + 0.63, 0.1 / 3 + 0.27, 0.1 / 3])


def test_ordered_options_share_belief_with_their_neighbours():
    mass = Beliefs.of(SPACE, {"size": "s"}).by_column[SPACE.column("size")].mass
    assert mass[0] > mass[1] > mass[2]


def test_inactive_parameters_and_those_of_which_nothing_was_said_contribute_nothing():
    x = SPACE.sample_unit(50, rng(0))
    np.testing.assert_array_equal(Beliefs.of(SPACE, {}).log_density(x), np.zeros(50))
    assert not Beliefs.of(SPACE, None)
    momentum = Beliefs.of(SPACE, {"momentum": 0.9}).log_density(x)
    np.testing.assert_array_equal(momentum == 0, np.isnan(x[:, SPACE.column("momentum")]))


def test_the_belief_on_several_parameters_is_the_product():
    x = SPACE.sample_unit(20, rng(1))
    parts = sum(Beliefs.of(SPACE, {name: what}).log_density(x) for name, what in SAID.items())
    np.testing.assert_allclose(Beliefs.of(SPACE, SAID).log_density(x), parts, atol=1e-12)


@pytest.mark.parametrize("said", [
    {"lr": 1e-5, "x": (-1.0, -0.999), "n": 1, "few": 0, "optimizer": "sgd", "size": "s", "momentum": 0.0},
    {"lr": {1e-5: 1e308, 1e-1: 1e308, 1e-3: 1e-308}}])
def test_a_wrong_belief_excludes_nothing(said):
    beliefs = Beliefs.of(SPACE, said)
    x = SPACE.snap(rng(2).random((2000, len(SPACE))))
    log_density = beliefs.log_density(x)
    assert np.isfinite(log_density).all()
    assert (log_density >= len(said) * np.log(FLOOR) - 1e-9).all()


def test_a_range_with_one_value_and_one_with_a_million_levels_can_be_believed():
    space = wb.Space(one=wb.Float(2, 2), many=wb.Int(0, 10**6), only=wb.Choice("a"))
    beliefs = Beliefs.of(space, {"one": 2.0, "many": (10, 1000), "only": "a"})
    x = beliefs.sample(200, rng(0))
    np.testing.assert_array_equal(space.snap(x), x)
    assert np.isfinite(beliefs.log_density(x)).all()
    assert np.mean(x[:, 1] < 0.05) > 0.8


# ---- draws -------------------------------------------------------------------------------------------------------


def test_draws_follow_the_density():
    x = Beliefs.of(SPACE, SAID).sample(20_000, rng(3))
    for name, belief in ((SPACE.names[j], b) for j, b in Beliefs.of(SPACE, SAID).by_column.items()):
        u = x[:, SPACE.column(name)]
        u = u[~np.isnan(u)]
        if belief.axis.kind == "float":
            grid = np.linspace(0, 1, 20_001)
            mid = (grid[1:] + grid[:-1]) / 2
            cdf = np.concatenate([[0], np.cumsum(np.exp(belief.log_density(mid))) / 20_000])
            assert kstest(u, lambda v, grid=grid, cdf=cdf: np.interp(v, grid, cdf)).pvalue > 0.001
        else:
            share = np.bincount(belief.axis.index(u), minlength=len(belief.mass)) / len(u)
            np.testing.assert_allclose(share, belief.mass, atol=5 * np.sqrt(0.25 / len(u)))  # five standard errors


def test_draws_without_beliefs_are_uniform():
    x = Beliefs.of(SPACE, {}).sample(2000, rng(4))
    assert kstest(x[:, 0], "uniform").pvalue > 0.01


def test_forbidden_combinations_are_never_drawn_however_firmly_they_are_believed():
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Int(0, 9), forbidden=[{"a": "x", "b": list(range(1, 10))}])
    x = Beliefs.of(space, {"a": "x", "b": 5}).sample(500, rng(5))
    assert len(x) == 500
    assert not space.is_forbidden(x).any()
    empty = wb.Space(a=wb.Choice("x", "y"), forbidden=[{"a": ["x", "y"]}])
    with pytest.raises(SpaceError, match="leave \\(almost\\) nothing"):
        Beliefs.of(empty, {"a": "x"}).sample(1, rng(0))


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 2**32), st.data())
def test_any_configuration_of_any_space_can_be_a_belief(space, seed, data):
    try:
        configs = space.sample(2, rng(seed))
    except SpaceError:  # everything is forbidden
        return
    prior = data.draw(st.sampled_from([configs[0], {n: {v: 1.5} for n, v in configs[1].items()}]))
    beliefs = Beliefs.of(space, json.loads(json.dumps(as_prior(prior))))
    x = beliefs.sample(20, rng(seed, 1))
    np.testing.assert_allclose(space.snap(x), x, atol=1e-12)
    assert np.isfinite(beliefs.log_density(x)).all()
    best = beliefs.log_density(space.to_unit([configs[0]]))
    if prior is configs[0]:
        assert (best >= -1e-9).all(), "a likely value is at least as likely as by chance"


# ---- algorithms that carry a prior -------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [wb.GPBO, wb.TPE, lambda prior: wb.OneScale(wb.TPE(prior=prior))],
                         ids=["GPBO", "TPE", "TPE asked by another"])
def test_a_prior_that_does_not_fit_the_space_is_refused_when_a_run_is_made_or_changed(algorithm):
    space = wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1))
    for prior, says in (({"lr": 0.1}, r"names 'lr'.*There are \['x', 'y'\]"), ({"x": 2.0}, "the prior of 'x' does not fit")):
        wrong = algorithm(prior=prior)
        with pytest.raises(SpaceError, match=says):
            wb.optimize(lambda c: c["x"], space, algorithm=wrong)
        with pytest.raises(SpaceError, match=says):
            wb.Sampler(wrong, space=space)
        run = wb.optimize(lambda c: c["x"], space, algorithm=algorithm(prior={"x": 0.2}))
        with pytest.raises(SpaceError, match=says):
            run.configure(algorithm=wrong)
        assert run.algorithm == algorithm(prior={"x": 0.2})
    with pytest.raises(SpaceError, match=r"There are \['z'\]"):
        run.configure(space=wb.Space(z=wb.Float(0, 1)))
    assert run.space == space


def test_an_estimator_is_not_tuned_with_a_prior_about_what_its_space_lacks():
    from sklearn.svm import SVC

    X, y = rng(0).standard_normal((20, 2)), np.arange(20) % 2
    with pytest.raises(SpaceError, match="names 'c', which is no parameter of this space"):
        wb.tune(SVC(), X, y, algorithm=wb.GPBO(prior={"c": 1.0}))


def test_within_a_part_of_the_space_only_what_is_about_it_counts():
    part = wb.Space(x=wb.Float(-1, 3))
    assert within_space(wb.TPE(prior=SAID), part) == wb.TPE(prior={"x": SAID["x"]})
    assert within_space(wb.TPE(prior={"x": 1.0}), part) == wb.TPE(prior={"x": 1.0})
    assert within_space(wb.Random(), part) == wb.Random()
    assert within_space(wb.OneScale(wb.TPE(prior=SAID)), part) == wb.OneScale(wb.TPE(prior={"x": SAID["x"]}))
    check_prior(wb.Random(), part)


@pytest.mark.parametrize("algorithm", [wb.GPBO(), wb.TPE(), wb.OneScale(wb.TPE())])
def test_an_algorithm_that_takes_a_prior_is_given_another_one_and_none(algorithm):
    assert takes_prior(algorithm)
    told = with_prior(algorithm, {"x": 0.5})
    assert whole_prior(told) == as_prior({"x": 0.5})
    assert with_prior(told, None) == algorithm
    assert with_prior(told, {"x": 0.5}) == told


def test_an_algorithm_that_takes_no_prior_stays_as_it_is():
    algorithm = wb.OneScale(wb.CMAES())
    assert not takes_prior(algorithm)
    assert with_prior(algorithm, {"x": 0.5}) is algorithm
    assert whole_prior(algorithm) == ()
