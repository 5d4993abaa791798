"""The picture of embeddings and of the ways uphill."""

import numpy as np
import pytest

from tests import search_helpers
from tests.nas.test_predictor_search import cell_loss
from workbench.nas.cells import NANO
from workbench.plots.figure import figure

pytest.importorskip("torch")

from workbench.nas.nao import NAO, NaoExplanation, landscape, tokens_at
from workbench.plots.nas_embedding import embedding


@pytest.fixture(scope="module")
def moment():
    history, out = search_helpers.drive(NAO(n_startup=10, every=5, hidden=16, fit_steps=60), NANO.space, cell_loss, 16)
    n = max(n for n in range(16) if isinstance(out[n].why, NaoExplanation))
    return history[:n], out[n].why


def test_points_and_paths_are_projections_of_the_embeddings(moment):
    history, why = moment
    seen, belief = landscape(history, why), why.belief(history)
    m = why.fitted_to
    assert seen.points.shape == (100 + m, 2)
    assert seen.paths.shape == (len(seen.rows), why.n_steps + 1, 2)
    np.testing.assert_allclose(seen.paths[:, 0], seen.points[100 + seen.rows], atol=1e-5)  # each begins at its result
    assert seen.rows[seen.chosen] == why.start
    h = belief.states(tokens_at(NANO.space, history.x[:m])).mean(1).numpy()
    far = np.linalg.norm(h[:, None] - h[None], axis=-1)
    flat = np.linalg.norm(seen.points[100:, None] - seen.points[None, 100:], axis=-1)
    assert (flat <= far + 1e-5).all()  # a projection makes nothing longer
    np.testing.assert_allclose(seen.predicted[100:], belief.transform.inverse(belief.predict(history.x[:m])[0]), rtol=1e-4)
    assert 0.2 < seen.explained <= 1


def test_the_way_to_the_chosen_one_stands_out_and_all_have_arrows(moment):
    history, why = moment
    drawn = embedding(history, why)
    ways = [t for t in drawn["data"] if t["mode"] == "lines"]
    assert len(ways) == len(drawn["layout"]["annotations"]) == 10
    assert [t["name"] for t in ways].count("the way to the chosen one") == 1
    assert sum(t["showlegend"] for t in ways) == 2
    for t, a in zip(ways, drawn["layout"]["annotations"], strict=True):
        assert (a["x"], a["y"]) == (t["x"][-1], t["y"][-1])
    marks = [t for t in drawn["data"] if t["mode"] == "markers"]
    assert sum(len(t["x"]) for t in marks) == 100 + why.fitted_to
    np.testing.assert_array_equal(marks[1]["customdata"], np.arange(why.fitted_to))
    assert f"{why.n_steps} step" in drawn["layout"]["title"]["text"]
    figure(drawn)


def test_who_maximises_sees_his_own_values(moment):
    history, why = moment
    one, other = (embedding(history, why, sign=s)["data"][0]["marker"] for s in (1.0, -1.0))
    np.testing.assert_array_equal(one["color"], -other["color"])
    assert other["cmin"] == -one["cmax"]
