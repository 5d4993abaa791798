"""The loss over two parameters: marks, the model's map, and the places where nothing may be tried."""

import math

import numpy as np
import optuna
import pytest

import workbench as wb
from workbench.events import RunStarted
from workbench.plots.contour import MAX_MARKS, Scale, blank, contour, map_of, marks_of
from workbench.plots.contour_fit import FittedForest, FittedGP, fitted
from workbench.search.surrogate_why import slice_2d
from workbench.trials import Trials
from workbench_widgets.views import ContourView

SPACE = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), kind=wb.Choice("a", "b", "c"), n=wb.Int(1, 6),
                 momentum=wb.Float(0.0, 1.0, when={"kind": "b"}), forbidden=[{"kind": "a", "n": [5, 6]}])


def objective(c):
    if c["lr"] > 5e-2:
        raise ValueError("diverged")
    return (math.log10(c["lr"]) + 3) ** 2 + c["n"] / 8 + c.get("momentum", 0.5) + (c["kind"] == "c")


def ran(algorithm, n, **more):
    return wb.optimize(objective, SPACE, algorithm=algorithm, n_trials=n, seed=0, **more).start().wait()


@pytest.fixture(scope="module")
def random_run():
    return ran(wb.Random(), 80)


@pytest.fixture(scope="module")
def gp_run():
    return ran(wb.GPBO(n_startup=8), 14)


def view_of(run, x=None, y=None):
    view = ContourView()
    view.fold(run.log)
    view.along(x, y)
    return view


def named(drawn, name):
    return next((t for t in drawn["data"] if t["name"] == name), None)


# ---- the map -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", [FittedGP, FittedForest])
def test_a_fitted_model_predicts_new_losses_much_better_than_their_mean(random_run, kind):
    history = random_run.history()
    why = fitted(history[:60])
    why = kind(*(getattr(why, f) for f in ("x", "acquisition", "beta", "best", "best_loss", "incumbent", "predicted",
                                           "predicted_sd", "candidates", "scores")))
    belief = why.belief(history[:60])
    rest = np.isfinite(history.y[60:])
    predicted = belief.transform.inverse(belief.predict(history.x[60:][rest])[0])
    true = history.y[60:][rest]
    assert np.mean((predicted - true) ** 2) < 0.35 * np.var(true)


def test_few_results_are_fitted_by_a_gaussian_process_many_by_a_forest_and_very_few_not_at_all(random_run):
    history = random_run.history()
    assert isinstance(fitted(history), FittedGP)
    assert isinstance(fitted(ran(wb.Random(), 130).history()), FittedForest)
    assert fitted(history[:4]) is None


def test_the_map_of_a_model_based_run_is_that_of_its_own_model(gp_run):
    trial = gp_run.trials.by_number[13]
    found = map_of(gp_run.history(before=13), trial.why, gp_run.history(), "lr", "n")
    assert "own Gaussian process" in found.model
    assert np.allclose(found.mean, slice_2d(gp_run.history(before=13), trial.why, "lr", "n", n=36).mean, equal_nan=True)
    view = view_of(gp_run)
    assert "A map appears" in view._content()["words"]  # nothing is computed before somebody looks
    view.show()
    assert "own Gaussian process" in view.content["words"]


def test_nothing_is_drawn_where_a_combination_is_forbidden_or_a_parameter_inactive():
    at = SPACE.to_unit({"lr": 1e-3, "kind": "a", "n": 1})
    ux, uy = SPACE["kind"].levels(), SPACE["n"].levels()
    off = blank(SPACE, at, "kind", "n", ux, uy)
    assert off.tolist() == [[n >= 5 and k == "a" for k in "abc"] for n in range(1, 7)]
    off = blank(SPACE, at, "kind", "momentum", ux, np.array([0.2, 0.7]))
    assert off.tolist() == [[True, False, True]] * 2


def test_the_map_is_blank_and_hatched_there(random_run):
    drawn = view_of(random_run, "kind", "n").picture()
    assert named(drawn, "map")["type"] == "heatmap"
    assert np.isnan(named(drawn, "map")["z"]).sum() == 2
    strokes = named(drawn, "forbidden or inactive")
    assert (strokes["x"] < 1 / 3).all()
    assert (strokes["y"] > 4 / 6).all()
    assert named(view_of(random_run, "lr", "n").picture(), "map")["type"] == "contour"


# ---- the marks ---------------------------------------------------------------------------------------------------------

def test_every_result_that_has_both_parameters_is_a_mark_at_its_place(random_run):
    dots = marks_of(random_run.trials, SPACE, "lr", "n")
    assert len(dots.trials) == 80
    for x, y, value, t in zip(dots.x, dots.y, dots.values, dots.trials, strict=True):
        assert SPACE["lr"].from_unit(x) == pytest.approx(t.config["lr"])
        assert SPACE["n"].from_unit(y) == t.config["n"]
        assert math.isnan(value) if t.loss is None else value == t.loss
    drawn = view_of(random_run, "lr", "n").picture()
    assert len(named(drawn, "results")["x"]) + len(named(drawn, "no loss")["x"]) == 80


def test_results_without_one_of_the_two_are_left_out_and_counted(random_run):
    view = view_of(random_run, "momentum", "lr")
    both = sum("momentum" in t.config for t in random_run.trials.by_number.values())
    view.picture()
    assert f"{both} of 80 results have both parameters" in view._content()["words"]
    assert len(marks_of(random_run.trials, SPACE, "momentum", "lr").trials) == both


def test_marks_on_a_band_are_spread_within_it(random_run):
    dots = marks_of(random_run.trials, SPACE, "kind", "lr")
    assert [SPACE["kind"].from_unit(x) for x in dots.x] == [t.config["kind"] for t in dots.trials]
    assert len(set(dots.x)) == 80


def test_many_marks_are_thinned_and_the_best_kept():
    trials = ran(wb.Random(), 900).trials
    dots = marks_of(trials, SPACE, "lr", "n")
    assert MAX_MARKS * 0.8 <= len(dots.trials) <= MAX_MARKS
    assert trials.best in dots.trials


def test_colours_are_not_taken_by_an_outlier_and_whoever_maximises_sees_his_values():
    losses = np.r_[np.linspace(0, 1, 50), 1e6]
    scale = Scale.of(losses, log=False, word="loss")
    assert scale.high < 3
    assert scale.low == 0
    upside = Scale.of(-losses, log=False, word="value", maximize=True)
    assert (upside.low, upside.high) == (-scale.high, 0)
    run = wb.optimize(lambda c: -objective({**c, "lr": 1e-3}), SPACE, algorithm=wb.Random(), n_trials=20, seed=0,
                      direction="maximize").start().wait()
    drawn = view_of(run, "lr", "n").picture()
    assert max(named(drawn, "results")["marker"]["color"]) == pytest.approx(-run.best.loss)
    assert not named(drawn, "results")["marker"]["reversescale"]


@pytest.mark.parametrize("losses", [[1.0] * 8, [None] * 8, [math.inf] * 8, [1e300, -1e300] * 4])
def test_odd_losses_are_drawn(losses):
    it = iter(losses)

    def odd(c):
        loss = next(it)
        if loss is None:
            raise ValueError("no")
        return loss

    run = wb.optimize(odd, SPACE, algorithm=wb.Random(), n_trials=8, seed=0).start().wait()
    view_of(run).figure()


def test_a_brush_fades_and_a_click_picks(random_run):
    view = view_of(random_run, "lr", "n")
    view.selection.brush([1, 2])
    dots = named(view.picture(), "results")
    assert sum(dots["marker"]["opacity"] > 0.5) == sum(random_run.trials.by_number[k].loss is not None for k in (1, 2))
    view.selection.pick(2)
    assert named(view.picture(), "picked")["x"] == pytest.approx([SPACE["lr"].to_unit(random_run.trials.by_number[2].config["lr"])])


def test_of_several_losses_the_first_colours_the_marks_and_there_is_no_map():
    def both(c):
        return {"error": c["lr"], "size": c["n"]}

    run = wb.optimize(both, SPACE, algorithm=optuna.samplers.RandomSampler(seed=0), n_trials=20, seed=0,
                      direction={"error": "minimize", "size": "minimize"}).start().wait()
    view = view_of(run, "lr", "n")
    drawn = view.picture()
    assert named(drawn, "map") is None
    assert "Coloured by the first loss" in view._content()["words"]
    first = {t.number: t.config["lr"] for t in run.trials.by_number.values()}
    assert set(named(drawn, "results")["customdata"]) == set(first)
    order = np.argsort(named(drawn, "results")["marker"]["color"])
    assert sorted(first.values()) == [first[k] for k in named(drawn, "results")["customdata"][order]]
    assert len(named(drawn, "Pareto set")["x"]) == len(run.trials.pareto)


def test_a_space_with_one_parameter_or_none_declared_says_why_there_is_no_map():
    run = wb.optimize(lambda c: c["x"], wb.Space(x=wb.Float(0, 1)), algorithm=wb.Random(), n_trials=3, seed=0).start().wait()
    assert "two parameters" in view_of(run).picture()["layout"]["annotations"][0]["text"].replace("<br>", " ")
    view = ContourView()
    view.fold([RunStarted(None, "TPE", {}, 3)])
    assert "Start" in view.picture()["layout"]["annotations"][0]["text"]
    assert contour(Trials(), SPACE, "lr", "n", None)["data"] == []
