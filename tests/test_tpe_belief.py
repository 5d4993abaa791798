"""TPE with beliefs: the density it makes of them, and that a right one helps and a wrong one is forgotten."""

import numpy as np
import pytest
from scipy.integrate import quad

import workbench as wb
from workbench.history import History
from workbench.models.parzen import Axis, ParzenEstimator
from workbench.search import catalogue
from workbench.search.beliefs import Beliefs
from workbench.search.tpe import TPE, densities
from workbench.search.tpe_belief import BETA, BelievedGood

SPACE = wb.Space(x=wb.Float(0, 1), n=wb.Int(1, 6), c=wb.Choice("a", "b", "c"))
PRIOR = {"x": 0.8, "c": {"a": 3, "b": 1}}


def rng(*key):
    return np.random.default_rng(key)


def believed(n_good, n, prior=PRIOR):
    axes = tuple(Axis.of(p) for p in SPACE.params.values())
    good = ParzenEstimator.fit(SPACE.sample_unit(n_good, rng(1)), axes)
    beliefs = Beliefs.of(SPACE, prior)
    return good, BelievedGood.of(good, dict(beliefs.by_column), n)


@pytest.mark.parametrize(("n_good", "n"), [(0, 0), (3, 3), (4, 30)])
def test_l_is_the_mixture_of_kernels_belief_and_flat_kernel(n_good, n):
    good, l = believed(n_good, n)
    u = SPACE.sample_unit(50, rng(2))
    kernels = sum((good.weights[k] * np.exp(sum(good.log_kernels(j, u[:, j])[:, k] for j in range(3)))
                   for k in range(n_good)), np.zeros(50))
    flat = [np.exp(good.log_kernels(j, u[:, j])[:, -1]) for j in range(3)]
    b = Beliefs.of(SPACE, PRIOR).by_column
    pi = np.exp(b[0].log_density(u[:, 0])) * flat[1] * b[2].mass[b[2].axis.index(u[:, 2])]
    e = BETA / max(n, BETA)
    by_hand = kernels + good.weights[-1] * (e * pi + (1 - e) * np.prod(flat, axis=0))
    np.testing.assert_allclose(l.logpdf(u), np.log(by_hand), rtol=1e-10)


@pytest.mark.parametrize(("n_good", "n"), [(0, 0), (4, 30)])
def test_l_and_its_marginals_have_the_mass_one(n_good, n):
    _, l = believed(n_good, n)
    levels = [(a, b) for a in SPACE["n"].levels() for b in SPACE["c"].levels()]
    total = quad(lambda x: sum(np.exp(l.logpdf(np.array([[x, a, b]])))[0] for a, b in levels), 0, 1, limit=200)[0]
    assert total == pytest.approx(1, abs=1e-6)
    assert l.marginal(2, SPACE["c"].levels()).sum() == pytest.approx(1)
    assert quad(lambda x: l.marginal(0, np.array([x]))[0], 0, 1, limit=200)[0] == pytest.approx(1, abs=1e-6)


def test_draws_follow_l():
    _, l = believed(4, 6)
    u = l.sample(20_000, rng(3))
    share = np.bincount(Axis.of(SPACE["c"]).index(u[:, 2])) / len(u)
    np.testing.assert_allclose(share, l.marginal(2, SPACE["c"].levels()), atol=0.018)  # five standard errors
    for a, b in ((0, 0.25), (0.25, 0.7), (0.7, 1)):
        mass = quad(lambda x: l.marginal(0, np.array([x]))[0], a, b, limit=200)[0]
        assert np.mean((u[:, 0] >= a) & (u[:, 0] < b)) == pytest.approx(mass, abs=0.018)


def test_without_a_prior_nothing_changes():
    x = SPACE.sample_unit(30, rng(4))
    h = History.of(SPACE, x, x[:, 0])
    np.testing.assert_array_equal(TPE().suggest(h, rng(0)).x, TPE(prior={}).suggest(h, rng(0)).x)
    assert TPE() == TPE(prior=None)


def test_every_second_trial_of_the_start_follows_the_belief():
    x = np.array([TPE(prior=PRIOR).suggest(History.of(SPACE, np.empty((0, 3)), np.empty(0)), rng(k)).x[0] for k in range(200)])
    assert np.mean(abs(x - 0.8) < 0.25) > 0.8
    one = History.of(SPACE, SPACE.sample_unit(1, rng(0)), np.zeros(1))
    assert TPE(prior=PRIOR).suggest(one, rng(0)).why.how == "random start 2 of 10"


def test_a_prior_that_does_not_fit_is_refused_at_the_first_trial():
    with pytest.raises(wb.SpaceError, match="names 'lr'"):
        TPE(prior={"lr": 1e-3}).suggest(History.of(SPACE, np.empty((0, 3)), np.empty(0)), rng(0))


def test_the_prior_is_kept_with_a_run_and_told_in_the_reason():
    import json

    algorithm = TPE(prior=PRIOR)
    hash(algorithm)
    assert catalogue.from_json(json.loads(json.dumps(catalogue.to_json(algorithm)))) == algorithm
    x = SPACE.sample_unit(30, rng(5))
    h = History.of(SPACE, x, x[:, 0])
    why = algorithm.suggest(h, rng(0)).why
    assert why.summary().endswith(", your belief counted in.")
    d = densities(h, why, "x")
    assert np.trapezoid(d.good, d.u) == pytest.approx(1, abs=2e-3)  # as for TPE's own slices
    plain = densities(h, TPE().suggest(h, rng(0)).why, "x")
    assert d.good[160] > plain.good[160]


def nested_loss(c):
    return (c["x"] - 0.8) ** 2 + (c["c"] != "a") * 0.2 + ((c.get("m", 0.3) - 0.3) ** 2)


NESTED = wb.Space(c=wb.Choice("a", "b"), x=wb.Float(0, 1), m=wb.Float(0, 1, when={"c": "a"}))


def best(prior, n, seed):
    x, y = np.empty((0, 3)), np.empty(0)
    for k in range(n):
        s = TPE(prior=prior).suggest(History.of(NESTED, x, y, seed=seed), rng(seed, k))
        x, y = np.vstack([x, s.x]), np.append(y, nested_loss(NESTED.from_unit(s.x)))
    return y.min()


def test_a_right_belief_helps_early_and_a_wrong_one_is_forgotten():
    right, wrong = {"c": "a", "x": 0.82, "m": (0.2, 0.4)}, {"c": "b", "x": 0.1, "m": 0.9}
    early = {name: np.mean([best(p, 12, s) for s in range(10)]) for name, p in (("none", {}), ("right", right))}
    assert early["right"] < 0.6 * early["none"]
    late = np.mean([best(wrong, 80, s) for s in range(6)])
    assert late < 0.01  # random search reaches 0.01 in about 80 trials; the wrong option alone costs 0.2
