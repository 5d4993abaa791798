"""The autoencoder, the Gaussian process on its latent space, and the search and the map made of them."""

import numpy as np
import pytest
import torch

import workbench as wb
from workbench.history import Drawn, History
from workbench.models.mixed_features import features_of
from workbench.models.neural import vae
from workbench.plots.latent import latent
from workbench.plots.model import model
from workbench.search.latent_belief import believe, latent_of
from workbench.search.latent_bo import LatentExplanation, climb
from workbench.search.latent_why import label, latent_map

CELL = wb.Space({f"edge{i}": wb.Choice("none", "skip", "conv1", "conv3", "pool") for i in range(4)})
WORD = wb.Space({"first": wb.Choice(*"abc"), "second": wb.Choice("", *"abc"),
                 "third": wb.Choice("", *"abc", when={"second": ["a", "b", "c"]})}, forbidden=[{"first": "a", "second": "a"}])
MIXED = wb.Space(x=wb.Float(0, 1), n=wb.Int(1, 9), c=wb.Choice("a", "b", "c"), m=wb.Float(0, 1, when={"c": "b"}))
QUICK = wb.LatentBO(steps=150, n_startup=5)


def rng(*key):
    return np.random.default_rng(key)


def history(space=CELL, n=15, pending=0, seed=1):
    x = space.sample_unit(n + pending, rng(seed))
    return History.of(space, x[:n], np.nan_to_num(x, nan=0.3).sum(1)[:n], pending=x[n:], seed=seed)


@pytest.fixture(scope="module")
def trained():
    """An autoencoder of the cell, well trained."""
    return vae.train(CELL.sample_unit(2000, rng(0)), features_of(CELL), q=4, steps=600, seed=0)


# ---- the autoencoder ---------------------------------------------------------------------------------------------


def test_decoding_gives_back_what_was_encoded(trained):
    x = CELL.sample_unit(500, rng(1))
    assert (trained.decode(trained.encode(x)) == x).mean() > 0.9  # by chance a fifth


def test_latent_means_fill_the_prior(trained):
    z = trained.encode(CELL.sample_unit(1000, rng(1)))
    np.testing.assert_allclose(z.mean(0), 0.0, atol=0.35)
    assert (z.std(0) > 0.6).all() and (z.std(0) < 1.5).all()


def test_points_of_the_prior_decode_to_many_different_valid_configurations(trained):
    x = trained.decode(rng(2).standard_normal((300, 4)))
    np.testing.assert_array_equal(x, CELL.snap(x))
    assert len({CELL.from_unit(r)["edge0"] for r in x}) == 5
    assert len(np.unique(x, axis=0)) > 100


def test_draws_from_the_decoder_follow_its_softmax(trained):
    z = np.repeat(rng(3).standard_normal((1, 4)), 4000, axis=0)
    logits = trained.decoder(z[:1])[0, :5]
    share = np.bincount((trained.sample(z, rng(4))[:, 0] * 5).astype(int), minlength=5) / 4000
    np.testing.assert_allclose(share, np.exp(logits) / np.exp(logits).sum(), atol=0.03)


def test_the_misfit_is_the_cross_entropy_of_options_and_the_square_of_numbers():
    features = features_of(MIXED)
    x = MIXED.to_unit([{"x": 0.2, "n": 5, "c": "a"}, {"x": 0.9, "n": 1, "c": "b", "m": 0.7}])
    out = rng(0).standard_normal((2, 6))
    got = vae.misfit(torch.from_numpy(out), torch.from_numpy(features(x)), features).numpy()
    for i, option in enumerate((0, 1)):
        logits = out[i, 2:5]
        entropy = -(logits - np.log(np.exp(logits).sum()))[option]
        numbers = sum(0.5 * ((out[i, f] + 0.5 - (0.5 if np.isnan(x[i, j]) else x[i, j])) / vae.NUMBER_SD)**2
                      for f, j in ((0, 0), (1, 1), (5, 3)))
        assert got[i] == pytest.approx(entropy + numbers)


@pytest.mark.parametrize("space", [WORD, MIXED])
def test_conditions_hold_after_decoding(space):
    auto = vae.train(space.sample_unit(300, rng(0)), features_of(space), q=3, steps=60, seed=0)
    x = auto.decode(2 * rng(1).standard_normal((200, 3)))
    for row in x[~space.is_forbidden(x)]:
        space.validate(space.from_unit(row))
    np.testing.assert_array_equal(np.isnan(x), ~space.active(x))


# ---- the belief --------------------------------------------------------------------------------------------------


def test_the_autoencoder_is_trained_once_a_run_and_depends_on_space_and_seed_alone():
    memo = {}
    h = history(n=12)
    first = latent_of(History(CELL, h.x, h.y, h.pending, h.steps, 1, memo), q=2, steps=20, seed=1)
    assert latent_of(History(CELL, h.x[:3], h.y[:3] + 9, h.pending, h.steps[:3], 1, memo), q=2, steps=20, seed=1) is first
    again = latent_of(history(n=3), q=2, steps=20, seed=1)
    np.testing.assert_array_equal(again.model.encoder.W[0], first.model.encoder.W[0])


def test_latent_coordinates_spread_as_in_a_unit_cube_and_come_back_when_decoded():
    h = history()
    latent = latent_of(h, q=4, steps=150, seed=0)
    u = latent.encode(CELL.sample_unit(3000, rng(5)))
    np.testing.assert_allclose(u.mean(0), 0.5, atol=0.03)
    np.testing.assert_allclose(u.std(0), 12**-0.5, rtol=0.05)
    x = CELL.sample_unit(20, rng(6))
    np.testing.assert_array_equal(latent.decode(latent.encode(x)), latent.model.decode(latent.model.encode(x)))


def test_running_trials_leave_the_mean_and_take_variance_away():
    h = history(pending=2)
    without = History.of(CELL, h.x, h.y, seed=h.seed)
    (mean, sd), (mean_0, sd_0) = (believe(k, q=4, steps=40, seed=0).predict(h.pending) for k in (h, without))
    np.testing.assert_allclose(mean, mean_0, atol=1e-6)
    assert (sd < sd_0).all()


def test_climbing_raises_log_ei():
    from workbench.models.acquisition import log_expected_improvement
    belief = believe(history(), q=4, steps=40, seed=0)
    u = rng(0).random((5, 4))
    before, after = (log_expected_improvement(*belief.at(v), belief.best) for v in (u, climb(belief, u)))
    assert after.sum() > before.sum()


# ---- the algorithm -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [CELL, WORD, MIXED, wb.Space(x=wb.Float(0, 1))])
def test_what_it_suggests_is_valid_and_new(space):
    h = history(space, n=14, pending=1)
    suggestion = QUICK.suggest(h, rng(0))
    space.validate(space.from_unit(suggestion.x))
    tried = np.vstack([h.x, h.pending])
    assert not any(np.array_equal(suggestion.x, row, equal_nan=True) for row in tried)
    assert isinstance(suggestion.why, LatentExplanation)


def test_a_small_space_is_used_up_without_repeats():
    space = wb.Space(a=wb.Choice(*"abc"), b=wb.Choice(*"xyz"))
    x, memo = np.empty((0, 2)), {}
    for i in range(9):
        h = History(space, x, np.arange(float(i)), np.empty((0, 2)), np.ones(i), 0, memo)
        x = np.vstack([x, wb.LatentBO(steps=30, n_startup=3).suggest(h, rng(0, i)).x])
    assert len(np.unique(x, axis=0)) == 9
    used_up = History.of(space, np.vstack([x, x]), np.arange(18.0))
    assert "every configuration has been tried" in wb.LatentBO(steps=30).suggest(used_up, rng(0)).why.summary()


def test_the_explanation_rebuilds_the_belief_with_an_empty_memo():
    h = history(pending=1)
    why = QUICK.suggest(h, rng(0)).why
    belief = why.belief(History.of(CELL, h.x, h.y, pending=h.pending, seed=99))
    assert why.predicted == pytest.approx(belief.transform.inverse(belief.predict(why.x[None])[0])[0])
    np.testing.assert_allclose(belief.latent.encode(why.x[None])[0], why.u)


def test_it_beats_chance_on_a_sum_over_edges():
    space = wb.Space({f"e{i}": wb.Choice(*"abcde") for i in range(6)})
    weights = rng(0).random((6, 5))

    def loss(row):
        return sum(weights[i, int(v * 5)] for i, v in enumerate(row))

    everything = np.sort([loss(r) for r in space.sample_unit(4000, rng(1))])
    x, memo = np.empty((0, 6)), {}
    for i in range(35):
        y = np.array([loss(r) for r in x])
        x = np.vstack([x, wb.LatentBO(steps=500).suggest(History(space, x, y, np.empty((0, 6)), np.ones(i), 0, memo), rng(0, i)).x])
    assert min(loss(r) for r in x) < everything[20]  # the best of 200 random ones


def test_three_thousand_trials_are_no_reason_to_fail():
    h = history(wb.Space({f"e{i}": wb.Choice(*"abcde") for i in range(6)}), n=3000)
    assert isinstance(QUICK.suggest(h, rng(0)).why, LatentExplanation)


def test_without_results_it_starts_with_a_sobol_sequence():
    assert wb.LatentBO().suggest(history(n=0), rng(0)).why == Drawn("scrambled Sobol point 1")


def test_settings_that_make_no_sense_are_refused():
    for wrong in ({"n_latent": -1}, {"steps": 0}, {"n_startup": -1}):
        with pytest.raises(ValueError, match="must not be negative"):
            wb.LatentBO(**wrong)


# ---- the map -----------------------------------------------------------------------------------------------------


def test_the_map_shows_trials_the_next_point_and_what_is_predicted():
    h = history(n=12)
    h.y[3] = np.inf
    why = QUICK.suggest(h, rng(0)).why
    s = latent_map(h, why, n=50)
    assert s.background.shape == (50, 2) and s.mean.shape == (50,) and s.tried.shape == (12, 2)
    belief = why.belief(h)
    np.testing.assert_allclose(s.chosen, belief.latent.on_map(belief.latent.encode(why.x[None]))[0])
    assert 0 < s.share <= 1
    drawn = latent(s)
    traces = {t["name"]: t for t in drawn["data"]}
    assert len(traces["trials"]["x"]) == 11 and len(traces["failed"]["x"]) == 1
    np.testing.assert_array_equal(traces["trials"]["marker"]["color"], h.y[np.isfinite(h.y)])
    assert traces["next point"]["text"][0] == label(CELL.from_unit(why.x))
    assert traces["trials"]["marker"]["cmax"] == traces["random configurations"]["marker"]["cmax"]
    assert model(h, why, "edge0")["layout"]["title"]["text"].startswith("Latent space")
    assert model(h, why, "edge0", "edge1")["data"][0]["type"] == "heatmap"


def test_values_that_are_maximised_have_their_sign_on_the_map():
    h = history(n=12)
    why = QUICK.suggest(h, rng(0)).why
    trials = {t["name"]: t for t in model(h, why, "edge0", maximize=True)["data"]}["trials"]
    np.testing.assert_array_equal(trials["marker"]["color"], -h.y)


def test_one_latent_coordinate_makes_a_map_too():
    space = wb.Space(x=wb.Float(0, 1))
    h = history(space)
    assert latent_map(h, QUICK.suggest(h, rng(0)).why, n=10).background.shape == (10, 2)


def test_a_label_is_one_line():
    assert label({"a": 0.123456, "b": "x"}) == "a=0.1235, b=x"
    assert label({str(i): i for i in range(20)}).endswith("11=11, …")


def test_the_map_shows_the_directions_in_which_latent_means_vary_most():
    h = history(MIXED)
    found = latent_of(h, q=3, steps=5, seed=0)
    u = found.encode(MIXED.sample_unit(4096, np.random.default_rng([0, 17])))  # what it was trained on
    z = found.model.encode(MIXED.sample_unit(4096, np.random.default_rng([0, 17])))
    variances = np.sort(np.linalg.eigvalsh(np.cov(z.T)))[::-1]
    np.testing.assert_allclose(np.var(found.on_map(u), axis=0, ddof=1), variances[:2], rtol=1e-6)
    assert found.share_on_map(u) == pytest.approx(variances[:2].sum() / variances.sum())
