"""The picture of progressive widening: levels, beams, predicted beside measured."""

import numpy as np
import pytest

import workbench as wb
from tests.nas.test_predictor_search import cell_loss
from workbench.nas.cells import NANO
from workbench.plots.figure import figure
from workbench.plots.nas_widening import MOST, widening
from workbench.trials import Trials


def run_of(n, loss=cell_loss, beam=5, **settings):
    return wb.optimize(loss, NANO.space, algorithm=wb.nas.PNAS(beam=beam), n_trials=n, seed=0, **settings).start().wait(60)


@pytest.fixture(scope="module")
def run():
    return run_of(18)


def named(drawn, name):
    return next(t for t in drawn["data"] if t["name"].startswith(name))


def test_each_cell_of_the_beams_is_predicted_and_measured(run):
    drawn = widening(run.trials)
    by = {t.number: t for t in run.trials.by_number.values()}
    hollow, filled, edge = (named(drawn, name) for name in ("predicted", "measured", "worse than"))
    assert len(hollow["x"]) == 14  # all but the four smallest
    assert len(filled["x"]) + len(edge["x"]) == 18
    for trial, y in zip(filled["customdata"], filled["y"], strict=True):
        assert y == by[int(trial)].loss
    top = drawn["layout"]["yaxis"]["range"][1]
    for trial, y, sd in zip(hollow["customdata"], hollow["y"], hollow["error_y"]["array"], strict=True):
        predicted = by[int(trial)].why.predicted
        assert y == pytest.approx(predicted) or (predicted > y == max(hollow["y"]))  # or it stands at the edge
        assert sd == by[int(trial)].why.predicted_sd
        assert y <= top
    figure(drawn)


def test_levels_are_told_apart_and_named(run):
    layout = widening(run.trials)["layout"]
    assert [a["text"].split("<br>")[0] for a in layout["annotations"]] == ["1 node", "2 nodes", "complete", "complete"]
    assert [s["x0"] for s in layout["shapes"][:-1]] == [4.5, 9.5, 14.5]
    assert layout["title"]["text"].startswith("Predictions are off by")
    assert layout["shapes"][-1]["y0"] == min(t.loss for t in run.trials.by_number.values())


def test_it_begins_empty_and_with_the_smallest_cells():
    assert "smallest cells" in widening(Trials())["layout"]["annotations"][0]["text"]
    assert widening(run_of(3).trials)["layout"]["title"]["text"].startswith("All of the smallest")
    random = wb.optimize(cell_loss, NANO.space, algorithm=wb.Random(), n_trials=3, seed=0).start().wait(60)
    assert not widening(random.trials)["data"]


def test_who_maximises_sees_his_own_values():
    drawn = widening(run_of(12, lambda c: 1 - cell_loss(c), direction="maximize").trials)
    assert named(drawn, "measured")["y"].max() > 0.5
    assert drawn["layout"]["yaxis"]["title"]["text"] == "value (larger is better)"
    assert (np.asarray(named(drawn, "predicted")["y"]) > 0).all()


def test_marks_of_long_runs_are_bounded():
    drawn = widening(run_of(MOST + 20, beam=20).trials, brushed=frozenset({110}))
    assert sum(len(t["x"]) for t in drawn["data"] if t["mode"] == "markers") <= 2 * MOST
    opacity = named(drawn, "measured")["marker"]["opacity"]
    assert opacity.max() == 1.0 > opacity.min()
