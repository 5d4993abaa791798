"""What CMA-ES thought, and its pictures: the same numbers as when the point was drawn."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import workbench as wb
from workbench.event_file import decode, encode
from workbench.history import History
from workbench.plots.cma import ellipse
from workbench.plots.figure import figure
from workbench.plots.model import model
from workbench.search.cma_why import evolution, is_numeric, probabilities

SPACE = wb.Space({"lr<b>": wb.Float(1e-4, 1, log=True), "n": wb.Int(0, 20), "opt": wb.Choice("adam", "sgd"),
                  "mom": wb.Float(0, 1, when={"opt": "sgd"}), "one": wb.Int(3, 3)})


def searched(space, n, algorithm=None, seed=0):
    algorithm = algorithm or wb.CMAES()
    x, y, memo, whys = np.empty((0, len(space))), np.empty(0), {}, []
    for k in range(n):
        s = algorithm.suggest(replace(History.of(space, x, y, seed=seed), memo=memo), np.random.default_rng([seed, k]))
        loss = float(((np.nan_to_num(s.x[:2], nan=0.5) - 0.3) ** 2).sum())
        x, y, whys = np.vstack([x, s.x]), np.append(y, loss), [*whys, s.why]
    return History.of(space, x, y, seed=seed), whys


@pytest.fixture(scope="module")
def seen():
    return searched(SPACE, 60)


def test_the_past_distribution_is_found_again(seen):
    history, whys = seen
    for k in (0, 5, 23, 59):
        e = evolution(history[:k], whys[k], "lr<b>", "n")
        np.testing.assert_allclose(e.mean, whys[k].mean[:2])
        np.testing.assert_allclose(np.sqrt(np.diag(e.covariance)), whys[k].deviations[:2])
        np.testing.assert_array_equal(e.next_u, whys[k].x[:2])
        assert e.generation == whys[k].generation[0]
        assert len(e.waiting) == whys[k].n_told[0]
        assert e.steps[-1] == whys[k].step[0]
        np.testing.assert_allclose(e.means[-1], e.mean)
        np.testing.assert_allclose(e.means[0], 0.5)


def test_the_last_generation_has_its_ranks(seen):
    history, whys = seen
    e = evolution(history[:59], whys[59], "lr<b>", "n")
    lam = e.lam
    rows = np.arange(59 // lam * lam - lam, 59 // lam * lam)
    np.testing.assert_array_equal(e.last, history.x[rows][:, :2])
    np.testing.assert_array_equal(np.argsort(e.ranks), np.argsort(history.y[rows], kind="stable"))
    assert e.n_selected == lam // 2


def test_parameters_of_different_groups_are_independent_and_join_in_time(seen):
    history, whys = seen
    e = evolution(history[:59], whys[59], "lr<b>", "mom")
    assert e.covariance[0, 1] == 0
    assert e.means.shape == (len(e.told), 2)
    on = np.cumsum(~np.isnan(history.x[:, 3]))
    lam = 4
    for told, mean in zip(e.told, e.means, strict=True):  # a group's mean holds from its last full generation on
        if (on[told - 1] if told else 0) < lam:
            assert mean[1] == 0.5


def test_choices_have_probabilities_and_are_no_coordinates(seen):
    history, whys = seen
    q = probabilities(history[:59], whys[59], "opt")
    assert q.sum() == pytest.approx(1)
    assert [is_numeric(history, whys[59], name) for name in SPACE] == [True, True, False, True, False]
    assert probabilities(history, whys[59], "one").tolist() == [1.0]
    with pytest.raises(ValueError, match="has no options"):
        probabilities(history, whys[59], "n")
    with pytest.raises(ValueError, match="is no coordinate"):
        evolution(history, whys[59], "opt")


def test_a_reason_survives_a_file(seen):
    for why in (seen[1][0], seen[1][-1]):
        again = decode(json.loads(json.dumps(encode(why), allow_nan=False)))
        assert again.summary() == why.summary()
        assert again.settings == why.settings
        np.testing.assert_array_equal(again.mean, why.mean)


def test_after_a_restart_the_way_begins_anew():
    space = wb.Space(a=wb.Float(0, 1), b=wb.Float(0, 1))
    history, whys = searched(space, 320, wb.CMAES(tolx=0.02))
    k = next(k for k in range(319, 0, -1) if whys[k].n_restarts[0])
    e = evolution(history[:k], whys[k], "a", "b")
    assert e.starts[-1] >= 1
    assert len(e.means) == (e.starts == e.starts[-1]).sum() < len(e.told)
    assert len(e.steps) == len(e.lengths) == len(e.told)
    assert (np.diff(e.told) >= 0).all()
    drawn = model(history[:k], whys[k], "a")
    assert "restart" in drawn["layout"]["title"]["text"]
    sizes = next(t for t in drawn["data"] if t["name"] == "σ")
    assert np.isnan(sizes["y"]).sum() == e.starts[-1]  # a gap at each restart


# ---- pictures --------------------------------------------------------------------------------------------------------

def test_the_ellipse_is_so_many_standard_deviations_away_everywhere():
    mean, R = np.array([0.3, 0.6]), np.array([[0.2, 0.0], [0.15, 0.05]])
    line = ellipse(mean, R @ R.T, 2.0)
    np.testing.assert_allclose(np.linalg.norm(np.linalg.solve(R, (line - mean).T), axis=0), 2.0)
    np.testing.assert_allclose(line[0], line[-1])
    assert np.isfinite(ellipse(mean, np.zeros((2, 2)), 1.0)).all()


def test_every_choice_of_parameters_has_a_picture(seen):
    history, whys = seen
    for k in (0, 3, 59):
        for x in SPACE:
            for y in (None, *SPACE):
                drawn = model(history[:k], whys[k], x, y)
                figure(drawn)
                assert "<b>" not in json.dumps(drawn["layout"], default=str)


def test_the_picture_over_two_shows_ellipses_generation_and_next_point(seen):
    history, whys = seen
    drawn = model(history[:59], whys[59], "lr<b>")
    by_name = {t["name"]: t for t in drawn["data"]}
    assert {"1 σ", "2 σ", "way of the mean", "last generation", "selected", "mean", "next point", "axes", "σ"} <= set(by_name)
    assert len(by_name["selected"]["x"]) == whys[59].lam[0] // 2
    assert (by_name["next point"]["x"], by_name["next point"]["y"]) == (whys[59].x[0], whys[59].x[1])
    assert drawn["layout"]["yaxis2"]["type"] == "log"


def test_one_parameter_has_a_density():
    space = wb.Space(a=wb.Float(0, 1))
    history, whys = searched(space, 20, seed=2)
    drawn = model(history[:19], whys[19], "a")
    density = next(t for t in drawn["data"] if t["name"] == "density")
    expected = stats.norm(whys[19].mean[0], whys[19].deviations[0]).pdf(density["x"])
    np.testing.assert_allclose(density["y"], expected, rtol=1e-9, atol=1e-12)
    figure(drawn)


def test_options_have_bars_of_their_probabilities(seen):
    history, whys = seen
    drawn = model(history[:59], whys[59], "opt")
    np.testing.assert_allclose(drawn["data"][0]["y"], probabilities(history[:59], whys[59], "opt"))
