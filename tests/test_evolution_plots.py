"""Pictures of descent, of differences and of the swarm: what is drawn equals the explanation and the history."""

import numpy as np
import pytest

import workbench as wb
from workbench.events import RunStarted, TrialFinished, TrialSuggested
from workbench.history import History
from workbench.plots import marks as m
from workbench.plots.evolution import descent
from workbench.plots.figure import figure
from workbench.plots.model import axis, model
from workbench.plots.swarm import Plane, arrow
from workbench.search.genes import ORIGINS, SILENT
from workbench.trials import Trials

SPACE = wb.Space({"lr": wb.Float(1e-5, 1, log=True), "<b>w": wb.Int(1, 64), "act": wb.Choice("relu", "tanh"),
                  "slope": wb.Float(0, 1, when={"act": "relu"})})


def searched(algorithm, n=28, space=SPACE):
    """A whole run: its trials, what the last suggestion saw, and its reason."""
    x, y, events = np.empty((0, len(space))), np.empty(0), [RunStarted(None, "a", space.to_json(), None)]
    for k in range(n):
        h = History.of(space, x, y)
        s = algorithm.suggest(h, np.random.default_rng([1, k]))
        loss = None if k == 9 else float(np.nansum((s.x - 0.4) ** 2))
        events += [TrialSuggested(k, space.from_unit(s.x), s.why),
                   TrialFinished(k, "failed" if loss is None else "complete", loss)]
        x, y = np.vstack([x, s.x]), np.append(y, np.inf if loss is None else loss)
    return Trials(events), h, s.why


def named(drawn, name):
    return next(t for t in drawn["data"] if t["name"] == name)


ALL = [wb.Genetic(6), wb.Genetic(6, update="age"), wb.DifferentialEvolution(6), wb.DifferentialEvolution(6, "rand/1"),
       wb.ParticleSwarm(6), wb.ParticleSwarm(6, "ring")]


@pytest.mark.parametrize("algorithm", ALL, ids=repr)
@pytest.mark.parametrize("names", [("lr", None), ("lr", "<b>w"), ("act", "slope"), ("slope", "slope")])
def test_every_explanation_is_drawn_along_every_parameter(algorithm, names):
    trials, h, why = searched(algorithm)
    drawn = model(h, why, *names, trials=trials)
    figure(drawn)  # plotly accepts it
    assert named(drawn, "next point")
    assert "<b>" not in str(drawn["layout"].get("xaxis")) + str(drawn["layout"].get("xaxis2"))


@pytest.mark.parametrize("algorithm", ALL, ids=repr)
def test_one_parameter_and_results_that_all_failed_are_drawn(algorithm):
    space = wb.Space(x=wb.Float(0, 1))
    h = History.of(space, np.linspace(0, 1, 14)[:, None], np.full(14, np.inf))
    why = algorithm.suggest(h, np.random.default_rng(0)).why
    figure(model(h, why, "x"))


def test_family_lines_lead_from_parents_to_children_told_before():
    trials, h, why = searched(wb.Genetic(6))
    pairs = descent(trials, SPACE)
    for parent, child in pairs:
        assert parent < child
        assert parent in trials.by_number[child].why.parents
    drawn = model(h, why, "lr", trials=trials)
    shown = np.asarray(named(drawn, "family lines")["x"]).reshape(-1, 3)
    assert len(shown) == sum(child < len(h) for _, child in pairs)
    assert np.all(shown[:, 0] < shown[:, 1])
    x = np.asarray(named(drawn, "results")["x"])
    assert np.array_equal(np.floor(x + 0.5), np.arange(len(h)) // 6), "a column per generation"
    assert np.all(np.diff(x) > 0)


def test_the_bars_of_genes_show_where_each_comes_from():
    _, h, why = searched(wb.Genetic(6))
    drawn = model(h, why, "lr")
    for origin, name in enumerate(ORIGINS):
        bars = [t for t in drawn["data"] if t["type"] == "bar" and t["name"] == name]
        at = [] if not bars else bars[0]["x"].tolist()
        assert at == np.flatnonzero(why.origins == origin).tolist()
    silent = np.isnan(why.x)
    assert np.array_equal(why.origins == SILENT, silent)


def test_the_arrows_of_a_mutant_end_at_base_plus_scaled_differences():
    space = wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1))
    for seed in range(30):
        r = np.random.default_rng(seed)
        h = History.of(space, 0.35 + 0.3 * r.random((14, 2)), r.random(14))  # nothing leaves the cube
        why = wb.DifferentialEvolution(7, "rand/1").suggest(h, r).why
        arrows = model(h, why, "x", "y")["layout"]["annotations"]
        (p, q), = why.differences
        base = h.x[why.base]
        np.testing.assert_allclose([arrows[0]["ax"], arrows[0]["ay"], arrows[0]["x"], arrows[0]["y"]], [*h.x[q], *h.x[p]])
        np.testing.assert_allclose([arrows[1]["ax"], arrows[1]["ay"]], base)
        np.testing.assert_allclose([arrows[1]["x"], arrows[1]["y"]], why.mutant)


def test_the_three_arrows_of_a_particle_end_at_its_next_point():
    space = wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1))
    r = np.random.default_rng(4)
    h = History.of(space, 0.45 + 0.05 * r.random((17, 2)), r.random(17))
    why = wb.ParticleSwarm(5, v_max=1.0).suggest(h, r).why
    drawn = model(h, why, "x", "y")
    own = [a for a in drawn["layout"]["annotations"] if a["arrowcolor"] in (m.BLUE, m.PURPLE, m.ORANGE)]
    np.testing.assert_allclose([own[0]["ax"], own[0]["ay"]], h.x[why.positions[why.particle]])
    np.testing.assert_allclose([own[-1]["x"], own[-1]["y"]], why.x, atol=1e-3)  # a part too short to see has no arrow
    last = [a for a in drawn["layout"]["annotations"] if a["arrowcolor"] == m.fade(m.GREY, 0.55)]
    np.testing.assert_allclose([last[0]["ax"], last[0]["x"]], h.x[[why.positions[0] - 5, why.positions[0]], 0])


def test_an_arrow_without_an_end_is_left_out():
    assert arrow(np.array([0.1, np.nan]), np.array([0.2, 0.3]), m.RED) == []


def test_a_plane_of_one_parameter_is_a_line():
    space = wb.Space(x=wb.Float(0, 1))
    plane = Plane((0, None), (axis(space, "x"), axis(space, "x")))
    assert plane.places(np.array([[0.2], [0.7]])).tolist() == [[0.2, 0.5], [0.7, 0.5]]


def test_who_maximises_sees_his_own_values():
    _, h, why = searched(wb.ParticleSwarm(6))
    shown = named(model(h, why, "lr", maximize=True), "particles")["marker"]["color"]
    y = h.y[list(why.positions)]
    np.testing.assert_array_equal(shown, np.where(np.isfinite(y), -y, np.nan))
