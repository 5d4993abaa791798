"""Explanations and slices of the Gaussian process search."""

import math

import numpy as np
import pytest

from workbench.history import History
from workbench.models.acquisition import acquisition
from workbench.search.gp_bo import GPBO
from workbench.search.surrogate_why import slice_1d, slice_2d
from workbench.space import Choice, Float, Int, Space

SPACE = Space(lr=Float(1e-4, 1, log=True), opt=Choice("adam", "sgd", "lion"),
              mom=Float(0, 1, when={"opt": "sgd"}), kind=Choice("p", "q", when={"opt": "sgd"}),
              depth=Int(1, 9, when={"kind": "q"}), forbidden=[{"opt": "lion"}])


def loss(c):
    return 0.1 * (math.log10(c["lr"]) + 2) ** 2 + 0.05 * (c["opt"] == "adam") + 0.2 * abs(c.get("mom", 0.9) - 0.9)


@pytest.fixture(scope="module")
def seen():
    x = SPACE.sample_unit(24, np.random.default_rng(0))
    y = np.array([loss(c) for c in SPACE.from_unit(x)])
    y[5] = math.inf
    history = History.of(SPACE, x, y)
    return history, GPBO().suggest(history, np.random.default_rng(0))


def test_the_explanation_says_what_was_decided(seen):
    history, s = seen
    why = s.why
    assert np.array_equal(why.x, s.x, equal_nan=True)
    assert np.array_equal(why.candidates[0], s.x, equal_nan=True)
    assert (np.diff(why.scores) <= 0).all()
    assert why.lengthscale.shape == (5,)
    assert why.best_loss == np.min(history.y)
    assert why.acquisition == "log_ei"
    assert why.summary().startswith("log-EI was highest here: predicted ")
    assert f"best so far {why.best_loss:.3g}." in why.summary()


def test_the_prediction_is_in_the_units_of_the_loss():
    space = Space(a=Float(0, 1))
    x = np.linspace(0, 1, 15)[:, None]
    history = History.of(space, x, 1000 + 5 * (x[:, 0] - 0.37) ** 2)
    why = GPBO().suggest(history, np.random.default_rng(0)).why
    assert why.predicted == pytest.approx(1000, abs=0.01)
    assert 0 < why.predicted_sd < 0.05


def test_the_posterior_is_rebuilt_as_it_was(seen):
    history, s = seen
    model = s.why.belief(history)
    mean, sd = model.predict(s.x[None])
    back = model.transform.inverse
    assert back(mean)[0] == s.why.predicted
    assert (back(mean + sd) - back(mean - sd))[0] / 2 == s.why.predicted_sd
    assert model.best == s.why.best
    value = acquisition("log_ei", mean, sd, s.why.best, s.why.beta)
    assert value[0] == pytest.approx(s.why.scores[0], rel=1e-9)


def test_a_slice_runs_through_the_chosen_point_when_held_there(seen):
    history, s = seen
    cut = slice_1d(history, s.why, "lr", at=s.x, n=400)
    at_next = np.argmin(np.abs(cut.u - cut.next_u))
    assert cut.mean[at_next] == pytest.approx(s.why.predicted, abs=0.02)  # the grid's step
    # log-EI has narrow dips at the data, so that the grid may be off by a little
    assert cut.acquisition[at_next] == pytest.approx(s.why.scores[0], abs=0.5)
    assert np.max(cut.acquisition) <= s.why.scores[0] + 0.1
    assert cut.next_value == SPACE.from_unit(s.x)["lr"]


def test_a_slice_is_in_the_users_units(seen):
    history, s = seen
    cut = slice_1d(history, s.why, "lr", n=50)
    assert cut.values[0] == pytest.approx(1e-4)
    assert cut.values[-1] == pytest.approx(1.0)
    assert cut.mean.shape == cut.lower.shape == cut.upper.shape == cut.acquisition.shape == (50,)
    assert (cut.lower < cut.mean).all()
    assert (cut.mean < cut.upper).all()
    assert np.array_equal(cut.at, s.why.incumbent, equal_nan=True)
    assert len(cut.observed_u) == len(cut.observed_values) == len(cut.observed_loss) == 24


def test_a_slice_over_a_choice_has_one_point_per_option_and_a_gap_where_forbidden(seen):
    history, s = seen
    cut = slice_1d(history, s.why, "opt")
    assert cut.values == ["adam", "sgd", "lion"]
    assert np.isnan(cut.acquisition).tolist() == [False, False, True]
    assert np.isfinite(cut.mean).all()


def test_a_slice_over_an_inactive_parameter_activates_its_ancestors(seen):
    history, s = seen
    adam = SPACE.to_unit({"lr": 0.01, "opt": "adam"})
    cut = slice_1d(history, s.why, "depth", at=adam)
    assert cut.values == list(range(1, 10))
    point = SPACE.from_unit(cut.at)
    assert point["opt"] == "sgd"
    assert point["kind"] == "q"
    assert (cut.next_value is None) == ("depth" not in SPACE.from_unit(s.x))
    assert len(cut.observed_u) == sum("depth" in c for c in SPACE.from_unit(history.x))


def test_a_surface_has_rows_for_y_and_columns_for_x(seen):
    history, s = seen
    face = slice_2d(history, s.why, "lr", "opt", n=30)
    assert face.mean.shape == face.std.shape == face.acquisition.shape == (3, 30)
    assert len(face.values_x) == 30
    assert face.values_y == ["adam", "sgd", "lion"]
    line = slice_1d(history, s.why, "lr", at=SPACE.to_unit({**SPACE.from_unit(face.at)}), n=30)
    row = face.values_y.index(SPACE.from_unit(face.at)["opt"])
    assert face.mean[row] == pytest.approx(line.mean)
    assert (face.std > 0).all()
    assert np.isnan(face.acquisition[2]).all()
    assert len(face.observed_x) == len(face.observed_y) == len(face.observed_loss) == 24


def test_a_surface_over_a_parameter_and_its_child_is_drawn(seen):
    history, s = seen
    face = slice_2d(history, s.why, "opt", "mom", n=10)
    assert face.mean.shape == (10, 3)
    assert np.isfinite(face.mean).all()


def test_a_surface_needs_two_parameters(seen):
    history, s = seen
    with pytest.raises(ValueError, match="two different parameters"):
        slice_2d(history, s.why, "lr", "lr")


@pytest.mark.parametrize("settings", [{"acquisition": a, "prior": p} for a in ("log_ei", "ei", "pi", "lcb", "noisy_ei", "thompson")
                                      for p in ({}, {"lr": 1e-2, "opt": "sgd"})])
def test_a_slice_shows_the_acquisition_that_chose_with_its_draws_and_beliefs(settings):
    x = SPACE.sample_unit(16, np.random.default_rng(1))
    history = History.of(SPACE, x, np.array([loss(c) for c in SPACE.from_unit(x)]),
                         pending=SPACE.sample_unit(2, np.random.default_rng(5)))
    why = GPBO(patience=0, **settings).suggest(history, np.random.default_rng(0)).why
    assert why.acquisition == settings["acquisition"]
    model = why.belief(history)
    mean, sd = model.predict(why.candidates)
    value = why.acquisition_at(history, model, why.candidates, mean, sd)
    if settings["acquisition"] == "pi":  # scores are logarithms there
        value = np.log(value)
    assert value == pytest.approx(why.scores, rel=1e-6)
    cut = slice_1d(history, why, "lr", at=why.x, n=200)
    assert cut.acquisition_name == settings["acquisition"]
    assert np.isfinite(cut.acquisition).any()
    assert np.isfinite(slice_2d(history, why, "lr", "opt", n=6).acquisition[:2]).all()
