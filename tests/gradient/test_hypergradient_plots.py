"""Pictures of hyperparameters that descend: what is drawn, from what, and what the titles say."""

import dataclasses
import json

import numpy as np
import pytest
from plotly.utils import PlotlyJSONEncoder

import workbench as wb
from workbench.errors import WorkbenchError
from workbench.gradient import Hyper, Implicit, Interleaved, Unrolled, by_horizon, landscape, mlp_on_signals, ridge
from workbench.plots import hypergradient as pictures
from workbench.plots.figure import figure

GRID = np.geomspace(1e-2, 10, 12)


@pytest.fixture(scope="module")
def problem():
    return ridge((2.0, 0.02), seed=4, horizon=40)


@pytest.fixture(scope="module")
def methods(problem):
    return {"unrolled": list(Unrolled(n_steps=8).steps(problem)), "interleaved": list(Interleaved(n_steps=6, every=5).steps(problem))}


def trace(drawn, name):
    return next(t for t in drawn["data"] if t["name"] == name)


def test_the_landscape_of_ridge_regression_is_its_closed_form(problem):
    found = landscape(problem, ("penalty 1", "penalty 2"), GRID, GRID[:5])
    assert found.loss.shape == (5, 12)
    assert found.loss[3, 7] == pytest.approx(problem.valid_loss({"penalty 1": GRID[7], "penalty 2": GRID[3]}))
    by_training = landscape(problem, ("penalty 1", "penalty 2"), GRID[4:6], GRID[4:6], horizon=2000)
    np.testing.assert_allclose(by_training.loss, landscape(problem, ("penalty 1", "penalty 2"), GRID[4:6], GRID[4:6]).loss, rtol=1e-5)
    x, y, best = found.best
    assert best == found.loss.min() == pytest.approx(problem.valid_loss({"penalty 1": x, "penalty 2": y}))


def test_the_landscape_of_a_network_is_trained_and_what_diverges_is_left_out():
    network = mlp_on_signals(["lr", "weight_decay"], n_train=60, n_valid=60, hidden=(6,), horizon=200)
    found = landscape(network, ("lr", "weight_decay"), [0.05, 0.1], [1e-3, 100.0])
    assert np.isfinite(found.loss[0]).all()
    assert np.isnan(found.loss[1]).all()
    with pytest.raises(WorkbenchError, match="names are two of the hyperparameters lr, weight_decay"):
        landscape(network, ("lr", "momentum"), [0.1], [0.5])


def test_paths_lie_where_the_methods_went(problem, methods):
    drawn = pictures.paths(landscape(problem, problem.names, GRID, GRID), methods)
    for name, steps in methods.items():
        t = trace(drawn, name)
        np.testing.assert_allclose(t["x"], [s.metrics["penalty 1"] for s in steps])
        np.testing.assert_allclose(t["y"], [s.metrics["penalty 2"] for s in steps])
    assert drawn["layout"]["xaxis"]["range"] == pytest.approx([-2, 1])
    assert f"unrolled ends at {methods['unrolled'][-1].why.valid_loss:.2f};" in drawn["layout"]["title"]["text"]
    with pytest.raises(WorkbenchError, match="which is not tuned"):
        pictures.paths(dataclasses.replace(landscape(problem, problem.names, GRID, GRID), names=("a", "b")), methods)


def test_by_horizon_lines_begin_with_the_interleaved_gradient_and_end_with_the_whole(problem):
    p = dataclasses.replace(problem, horizon=150, hypers={n: Hyper(v) for n, v in zip(problem.names, (0.05, 0.3), strict=True)})
    rows, exact = by_horizon(p), Implicit().gradient(p).gradient
    drawn = pictures.against_horizon(rows, exact)
    line = trace(drawn, "penalty 1")
    assert line["y"][0] == rows["penalty 1"][0] == trace(drawn, "penalty 1, one step")["y"][0]
    assert line["y"][-1] == rows["penalty 1"][-1]
    assert [s["y0"] for s in drawn["layout"]["shapes"]] == pytest.approx([float(exact[n]) for n in p.names])
    title = drawn["layout"]["title"]["text"]
    enough = int(title.split("; ")[1].split()[0])
    G, goal = np.column_stack(list(rows.values())), np.array([float(g) for g in exact.values()])
    off = np.linalg.norm(G - goal, axis=1) / np.linalg.norm(goal)
    assert off[enough - 1:].max() <= 0.05 < off[enough - 2]
    assert "not yet within" in pictures.against_horizon({n: g[:5] for n, g in rows.items()}, exact)["layout"]["title"]["text"]
    with pytest.raises(WorkbenchError, match="got lr with several"):
        pictures.against_horizon({"lr": np.zeros((4, 2))})


def test_a_race_is_drawn_over_cpu_seconds(methods):
    drawn = pictures.race(methods)
    assert list(trace(drawn, "unrolled")["x"]) == [s.metrics["cpu_s"] for s in methods["unrolled"]]
    assert drawn["layout"]["title"]["text"].startswith("Validation loss: unrolled ")
    assert "No step tells accuracy" in json.dumps(pictures.race(methods, metric="accuracy"))


@pytest.mark.parametrize("way", ["lr by step", "lr by step and layer"])
def test_a_schedule_is_drawn_before_and_after(way):
    network = mlp_on_signals([way], n_train=60, n_valid=60, hidden=(6,), horizon=30)
    steps = list(Unrolled(n_steps=3).steps(network))
    drawn = pictures.schedule(steps, smooth=5)
    names = [t["name"] for t in drawn["data"]]
    lr = steps[-1].why.values["lr"]
    if way == "lr by step":
        assert names == ["at first", "outer step 2", "outer step 3", "outer step 3, mean of 5"]
        np.testing.assert_array_equal(drawn["data"][2]["y"], lr)
        assert drawn["data"][3]["y"][10] == pytest.approx(np.exp(np.log(lr[8:13]).mean()))
    else:
        assert names == ["at first", "layer 1", "layer 2", "layer 1, mean of 5", "layer 2, mean of 5"]
        np.testing.assert_array_equal(drawn["data"][2]["y"], lr[:, 1])
    assert drawn["layout"]["title"]["text"].startswith(f"{lr.size} values of lr at once")
    with pytest.raises(WorkbenchError, match="one value for all inner steps"):
        pictures.schedule(list(Unrolled(n_steps=1).steps(mlp_on_signals(["lr"], n_train=30, n_valid=30, horizon=5))))


def test_weights_of_examples_are_shares_of_each_kind():
    drawn = pictures.example_weights(np.array([0.02, 0.03, 0.9, 0.98]), np.array([True, True, True, False]))
    right, wrong = drawn["data"]
    assert right["name"] == "right label (1)" and max(right["y"]) == 1
    assert wrong["name"] == "wrong label (3)" and max(wrong["y"]) == pytest.approx(2 / 3)
    with pytest.raises(WorkbenchError, match="each weight has a mark"):
        pictures.example_weights(np.zeros(3), np.zeros(2, dtype=bool))


def test_moves_are_drawn_in_coordinates(methods):
    steps = methods["unrolled"]
    drawn = pictures.moves(steps)
    went = np.log([s.metrics["penalty 1"] for s in steps])
    np.testing.assert_allclose(trace(drawn, "penalty 1, log")["y"], went - went[0], atol=1e-12)
    np.testing.assert_array_equal(trace(drawn, "training loss")["y"], steps[-1].why.curve)
    assert "2 hyperparameters, through the whole training" in drawn["layout"]["title"]["text"]
    assert "Press Start" in json.dumps(pictures.moves([]))


def test_all_pictures_are_figures(problem, methods):
    for drawn in (pictures.moves(methods["interleaved"]), pictures.race(methods),
                  pictures.paths(landscape(problem, problem.names, GRID, GRID), methods)):
        assert json.dumps(figure(drawn).to_dict(), cls=PlotlyJSONEncoder)
        assert all(len(t.get("x", ())) <= 200 for t in drawn["data"])


def test_a_run_of_a_method_has_a_picture_of_its_own(problem):
    run = wb.learn(Unrolled(n_steps=3), problem, seed=1)
    run.start().wait()
    assert len(run.frame()) == 3
    assert run.result.n_hypers == 2
    assert "2 hyperparameters" in run.figure().layout.title.text
