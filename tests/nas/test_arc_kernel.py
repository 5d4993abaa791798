"""The arc kernel: positive semidefinite, blind to what is inactive, gradients, and better than a constant where layers come and go."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import workbench as wb
from tests import search_helpers
from workbench.history import Drawn, History
from workbench.models import gaussian_process
from workbench.models.mixed_features import features_of
from workbench.models.output_transform import OutputTransform
from workbench.nas.arc_kernel import ArcFeatures, ArcGP, ArcHyperparameters, ArcPosterior, arc_features, believe
from workbench.search.gp_posterior import TREND
from workbench.search.surrogate_why import slice_1d

DEPTHS = 5


def from_depth(i):
    return {"depth": list(range(i, DEPTHS + 1))} if i > 1 else None


CHAIN = wb.Space({"depth": wb.Int(1, DEPTHS), **{f"w{i}": wb.Float(0, 1, when=from_depth(i)) for i in range(1, DEPTHS + 1)}})
NAMED = wb.Space({"depth": wb.Int(1, 3), "width": wb.Int(8, 64, log=True),
                  **{f"act{i}": wb.Choice("relu", "tanh", "gelu", when={"depth": list(range(i, 4))}) for i in (2, 3)},
                  "drop": wb.Float(0, 0.5, when={"depth": 3})})


def chain_loss(config):
    """A layer takes off the more, the nearer its width is to the layer's own best one; layers 4 and 5 cost most of what they bring."""
    return sum(0.3 - np.exp(-((config[f"w{i}"] - 0.15 * i) / 0.2) ** 2) + (0.4 if i > 3 else 0.0)
               for i in range(1, config["depth"] + 1))


def some(space, n, seed=0):
    return space.sample_unit(n, np.random.default_rng(seed))


def rho_of(space, value=0.7):
    return np.full(len(arc_features(space).arcs), value)


# ---- the embedding ---------------------------------------------------------------------------------------------


def test_distances_are_those_of_the_paper():
    rho = np.array([0.3, 0.5, 0.7, 0.9])
    x = some(CHAIN, 40)
    Z = arc_features(CHAIN)(x, rho)
    for a, za in zip(x, Z, strict=True):
        for b, zb in zip(x, Z, strict=True):
            expected = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2  # depth and the first width are always there
            for j, r in zip(range(2, 6), rho, strict=True):
                if np.isnan(a[j]) != np.isnan(b[j]):
                    expected += 1.0
                elif not np.isnan(a[j]):
                    expected += 2.0 * (1.0 - np.cos(np.pi * r * (a[j] - b[j])))  # Swersky et al. 2013, eq. 2, squared
            assert ((za - zb) ** 2).sum() == pytest.approx(expected, abs=1e-12)


def test_an_option_is_at_one_distance_from_all_others_and_at_another_from_inactive():
    features = ArcFeatures.of(NAMED)
    rho = np.array([0.6, 0.6, 0.6])
    rows = NAMED.to_unit([{"depth": 2, "width": 8, "act2": name} for name in ("relu", "tanh", "gelu")] + [{"depth": 1, "width": 8}])
    rows[:, 0] = 0.5  # leave out what the depth itself adds
    Z = features(rows, rho)
    squared = ((Z[:, None] - Z[None]) ** 2).sum(-1)
    np.testing.assert_allclose(squared[:3, 3], 1.0)
    np.testing.assert_allclose(squared[:3, :3], 2 * 0.6**2 * (1 - np.eye(3)), atol=1e-12)


@pytest.mark.parametrize("space", [CHAIN, NAMED, search_helpers.NESTED], ids=["chain", "named", "nested"])
@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
def test_the_kernel_is_positive_semidefinite(space, kernel):
    h = ArcHyperparameters(np.full(len(space), 0.4), rho_of(space), 1.0, 1e-8)
    belief = believe(History.of(space, some(space, 60), np.arange(60.0)), h, kernel)
    K = belief.model.covariance(belief.model.Z, belief.model.Z)
    assert np.linalg.eigvalsh(K).min() > -1e-9  # rounding of eigenvalues up to about 60
    np.testing.assert_allclose(K, K.T)


def test_what_an_inactive_parameter_would_be_does_not_matter():
    """The unit cube knows no value of an inactive parameter, and what stands in its column before it is snapped is lost."""
    raw = np.random.default_rng(0).random((30, len(CHAIN)))
    other = np.where(np.isnan(CHAIN.snap(raw)), np.random.default_rng(1).random(raw.shape), raw)
    assert (other != raw).any()
    Z, same = (arc_features(CHAIN)(CHAIN.snap(x), rho_of(CHAIN)) for x in (raw, other))
    np.testing.assert_array_equal(Z, same)
    off = np.isnan(CHAIN.snap(raw))[:, arc_features(CHAIN).columns]
    assert (Z[off] == 0.0).all()


def test_a_space_without_conditions_has_no_arcs():
    features = arc_features(search_helpers.MIXED)
    assert not len(features.arcs)
    x = some(search_helpers.MIXED, 20)
    np.testing.assert_allclose(features(x, np.empty(0)), features_of(search_helpers.MIXED)(x))


# ---- fit and belief --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
@pytest.mark.parametrize("space", [CHAIN, NAMED], ids=["chain", "named"])
def test_gradients_of_the_posterior_of_hyperparameters_are_those_of_differences(space, kernel):
    rng = np.random.default_rng(3)
    objective = ArcPosterior(arc_features(space), some(space, 30), rng.standard_normal(30), kernel=kernel)
    phi = objective.start + 0.2 * rng.uniform(-1, 1, len(objective.start))
    _, gradient = objective(phi)
    steps = 1e-5 * np.eye(len(phi))
    differences = np.array([(objective(phi + e)[0] - objective(phi - e)[0]) / 2e-5 for e in steps])
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-4)


def test_the_evidence_is_that_of_a_normal_distribution():
    rng = np.random.default_rng(5)
    x, y = some(CHAIN, 25), rng.standard_normal(25)
    objective = ArcPosterior(arc_features(CHAIN), x, y)
    values = []
    for rho in (0.2, 0.9):
        phi = objective.start.copy()
        phi[len(CHAIN):-2] = rho
        h = ArcHyperparameters.of(phi, len(CHAIN))
        belief = believe(History.of(CHAIN, x, y), h, "matern52")
        K = belief.model.covariance(belief.model.Z, belief.model.Z) + h.noise * np.eye(25)
        values.append((objective(phi)[0], multivariate_normal(np.zeros(25), K).logpdf(y)))
    # the prior is the same for both, so differences are those of the log evidence
    assert values[0][0] - values[1][0] == pytest.approx(values[1][1] - values[0][1], abs=1e-6)


def test_gradients_of_the_belief_by_the_point_are_those_of_differences():
    x = some(CHAIN, 30)
    h = ArcHyperparameters(np.full(len(CHAIN), 0.6), rho_of(CHAIN), 1.0, 1e-4)
    belief = believe(History.of(CHAIN, x, np.array([chain_loss(c) for c in CHAIN.from_unit(x)])), h, "matern52")
    points = some(CHAIN, 8, seed=9)
    _, _, d_mean, d_sd = belief.predict_with_gradient(points)
    for j in belief.features.floats:
        on = ~np.isnan(points[:, j])
        step = 1e-6 * np.eye(len(CHAIN))[j]
        (up, up_sd), (down, down_sd) = belief.predict(points + step), belief.predict(points - step)
        np.testing.assert_allclose(d_mean[on, j], (up - down)[on] / 2e-6, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(d_sd[on, j], (up_sd - down_sd)[on] / 2e-6, rtol=1e-3, atol=1e-5)
        assert (d_mean[~on, j] == 0).all()
    assert (d_mean[:, 0] != 0).any()  # the depth has a slope too; only floats are climbed





def test_with_enough_trials_it_predicts_better_than_inactive_as_a_constant():
    """Root mean square error and evidence over four samples of 60 trials; both models have the same trend and priors."""
    errors, evidence = [], []
    for seed in range(4):
        x, more = some(CHAIN, 60, seed), some(CHAIN, 400, seed + 100)
        y, truth = (np.array([chain_loss(c) for c in CHAIN.from_unit(rows)]) for rows in (x, more))
        transform = OutputTransform.of(y)
        z, target = transform.forward(y), transform.forward(truth)
        arc = believe(History.of(CHAIN, x, y), ArcPosterior(arc_features(CHAIN), x, z).fit(), "matern52")
        features = features_of(CHAIN)
        usual = gaussian_process.fit(features(x), z, groups=features.groups, trend=TREND)
        errors.append([np.sqrt(np.mean((m - target) ** 2)) for m in (arc.predict(more)[0], usual.predict(features(more))[0])])
        evidence.append([multivariate_normal(np.zeros(60), g.covariance(g.Z, g.Z) + g.noise * np.eye(60)).logpdf(z)
                         for g in (arc.model, usual)])
    arc, usual = np.mean(errors, axis=0)
    assert arc < 0.85 * usual  # measured: 0.46 against 0.60
    arc, usual = np.mean(evidence, axis=0)
    assert arc > usual


# ---- the search ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chain_run():
    return search_helpers.drive(ArcGP(n_startup=8), CHAIN, chain_loss, 30)


def test_it_gets_far_below_what_random_points_find(chain_run):
    history, _ = chain_run
    drawn = [chain_loss(c) for c in CHAIN.sample(30, np.random.default_rng(0))]
    assert history.y.min() < min(drawn)
    assert history.y.min() < -1.5  # three perfect layers: -2.1, five: -2.7


def test_an_empty_memo_gives_the_same_answer(chain_run):
    history, out = chain_run
    for n in (9, 13, 29):
        s = ArcGP(n_startup=8).suggest(replace(history[:n], memo={}), np.random.default_rng([0, n]))
        assert s.x.tobytes() == out[n].x.tobytes()


def test_the_explanation_rebuilds_the_process_and_can_be_cut(chain_run):
    history, out = chain_run
    why = out[20].why
    seen = replace(history[:20], memo={})
    mean, sd = why.belief(seen).predict(why.x[None])
    assert float(why.belief(seen).transform.inverse(mean)[0]) == pytest.approx(why.predicted)
    assert sd[0] > 0
    assert np.isnan(why.rho[:2]).all()
    assert ((why.rho[2:] >= 0.02) & (why.rho[2:] <= 1)).all()
    assert np.isfinite(slice_1d(seen, why, "w3").mean).all()
    assert why.summary().startswith("log-EI was highest here")


def test_running_trials_take_the_uncertainty_away():
    x = some(CHAIN, 20)
    y = np.array([chain_loss(c) for c in CHAIN.from_unit(x)])
    alone, beside = (ArcGP().suggest(h, np.random.default_rng(0)) for h in (
        History.of(CHAIN, x, y), History.of(CHAIN, x, y, pending=ArcGP().suggest(History.of(CHAIN, x, y), np.random.default_rng(0)).x[None])))
    assert not np.allclose(np.nan_to_num(alone.x), np.nan_to_num(beside.x))
    assert beside.why.n_pending == 1


def test_it_begins_at_random_and_says_so():
    s = ArcGP().suggest(History.of(CHAIN, np.empty((0, len(CHAIN))), np.empty(0)), np.random.default_rng(0))
    assert isinstance(s.why, Drawn)


@pytest.mark.parametrize(("settings", "message"), [({"kernel": "cubic"}, "kernel must be"), ({"n_startup": -1}, "n_startup")])
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ArcGP(**settings)
