"""The picture of predicted against true errors."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import spearmanr

from tests import search_helpers
from tests.nas.test_predictor_search import cell_loss
from workbench.errors import WorkbenchError
from workbench.nas.cells import NANO, CellSpace
from workbench.nas.nasbot import NASBOT
from workbench.nas.predictor_search import PredictorSearch, architectures_at
from workbench.plots.figure import figure
from workbench.plots.nas_predicted import MOST, predicted_figure, predicted_now

RNG = np.random.default_rng(0)
TRUTH = RNG.random(500)
MEAN = TRUTH + 0.2 * RNG.standard_normal(500)
TRAINED = np.arange(500) < 40


@dataclass(frozen=True)
class Told:
    """A table whose errors are those of a formula."""

    cells: CellSpace = NANO
    n_distinct: int = 951

    def error(self, arch, epochs=None, seed=None):
        return cell_loss(NANO.config(arch))

    def rank(self, arch):
        return 1 + sum(cell_loss(NANO.config(a)) < self.error(arch) for a in NANO.distinct().values())


def trace(drawn, name):
    return next(t for t in drawn["data"] if t["name"].startswith(name))


def test_the_title_has_the_rank_correlation_over_what_was_not_trained():
    title = predicted_figure(TRUTH, MEAN, trained=TRAINED)["layout"]["title"]["text"]
    rho = spearmanr(MEAN[40:], TRUTH[40:])[0]
    assert title.startswith(f"Rank correlation on 460 not trained: all {rho:.3f}, better half 0.")


def test_marks_are_thinned_and_the_best_and_the_worst_are_kept():
    drawn = predicted_figure(TRUTH, MEAN, trained=TRAINED)
    x = trace(drawn, "not trained")["x"]
    assert len(x) <= MOST
    assert min(x) == TRUTH[40:].min() and max(x) == TRUTH[40:].max()
    assert len(trace(drawn, "trained")["x"]) == 40
    figure(drawn)


def test_the_one_that_is_picked_has_its_bar_and_its_true_rank():
    drawn = predicted_figure(TRUTH, MEAN, np.full(500, 0.1), trained=TRAINED, picked=77, rank=3, n_ranks=5390)
    star = trace(drawn, "trained next")
    assert star["name"] == "trained next: truly 3 of 5,390"
    assert (star["x"][0], star["y"][0], star["error_y"]["array"]) == (TRUTH[77], MEAN[77], [0.1])
    assert trace(predicted_figure(TRUTH, MEAN, picked=0), "trained next")["name"] == "trained next"


def test_axes_hold_all_but_the_worst_errors():
    truth = np.append(TRUTH, 40.0)  # one that failed
    layout = predicted_figure(truth, np.append(MEAN, 2.0))["layout"]
    assert layout["xaxis"]["range"][1] < 1.2
    assert layout["xaxis"]["range"][0] < TRUTH.min()


def test_names_are_text_and_not_markup():
    drawn = predicted_figure(TRUTH[:4], MEAN[:4], names=["<b>a</b>", "b", "c", "d"])
    assert "&lt;b&gt;a&lt;/b&gt;" in trace(drawn, "not trained")["text"]


@pytest.mark.parametrize("search", [PredictorSearch("gp", "one_hot"), NASBOT()], ids=["predictor", "nasbot"])
def test_a_moment_of_a_run_is_drawn_with_what_the_surrogate_believed(search):
    history, out = search_helpers.drive(search, NANO.space, cell_loss, 14)
    why, seen = out[13].why, history[:13]
    drawn = predicted_now(seen, why, Told())
    star = trace(drawn, "trained next")
    chosen = architectures_at(NANO, why.x[None])[0]
    assert star["x"][0] == pytest.approx(cell_loss(NANO.config(chosen)))
    assert star["y"][0] == pytest.approx(why.predicted)
    assert star["name"] == f"trained next: truly {Told().rank(chosen)} of 951"
    assert len(trace(drawn, "trained")["x"]) == 13
    assert drawn["layout"]["title"]["text"].startswith("Rank correlation on 938 not trained: all 0.")


def test_nothing_few_and_equal_ones_are_said():
    assert "No architecture" in predicted_figure(np.empty(0), np.empty(0))["layout"]["annotations"][0]["text"]
    assert predicted_figure(TRUTH[:2], MEAN[:2])["layout"]["title"]["text"].startswith("Fewer than three")
    assert "not defined" in predicted_figure(np.ones(9), MEAN[:9])["layout"]["title"]["text"]


@pytest.mark.parametrize("bad", [{"mean": MEAN[:3]}, {"trained": TRAINED[:3]}, {"picked": 500}])
def test_what_does_not_fit_together_is_refused(bad):
    with pytest.raises(WorkbenchError, match=r"needed for each|picked is"):
        predicted_figure(TRUTH, bad.pop("mean", MEAN), **bad)
