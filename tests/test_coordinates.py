"""Parallel coordinates: axes in the user's units, gaps, colours, the choice of trials, and the brush."""

import math

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from workbench.events import RunStarted, TrialFinished, TrialSuggested
from workbench.plots.axes import Axis, axes_of
from workbench.plots.coordinates import MAX_LINES, N_BEST, coordinates, drawn_rows, snapped, table
from workbench.trials import Trials
from workbench_widgets.view import Selection
from workbench_widgets.views import CoordinatesView, CurvesView, HistoryView, TrialsView

SPACE = wb.Space(lr=wb.Float(1e-4, 1.0, log=True), kind=wb.Choice("a", "b", None), n=wb.Int(1, 5),
                 momentum=wb.Float(0.0, 1.0, when={"kind": "b"}))


def events_of(configs, losses, *, direction="minimize", space=SPACE):
    yield RunStarted(None, "TPE", {} if space is None else space.to_json(), len(losses), direction=direction)
    for k, (config, loss) in enumerate(zip(configs, losses, strict=True)):
        yield TrialSuggested(k, config)
        yield TrialFinished(k, "failed" if loss is None else "complete", loss)


def random_trials(n, seed=0):
    configs = SPACE.sample(n, np.random.default_rng(seed))
    return Trials(events_of(configs, [math.log10(c["lr"]) ** 2 + c["n"] for c in configs]))


def lines(drawn, *names):
    return [t for t in drawn["data"] if t.get("mode") == "lines" and (not names or t["name"] in names)]


# ---- axes --------------------------------------------------------------------------------------------------------------

def test_an_axis_spans_the_declared_range_in_the_users_units_with_a_log_scale_and_names():
    lr, kind, n, momentum, loss = axes_of(Trials(events_of([{"lr": 1e-2, "kind": "a", "n": 3}], [0.5])), np.array([[0.5]]))
    assert lr.place(1e-2) == pytest.approx(0.5)
    assert lr.ticks()[1] == ["10⁻⁴", "10⁻³", "10⁻²", "0.1", "1"]
    assert kind.ticks()[1] == ["a", "b", "None"]
    assert np.allclose(kind.ticks()[0], [1 / 6, 1 / 2, 5 / 6])
    assert n.ticks()[1] == ["1", "2", "3", "4", "5"]
    assert (momentum.low, momentum.high) == (0.0, 1.0)
    assert (loss.key, loss.label) == ("value", "loss")


def test_what_was_tried_outside_of_an_edited_range_widens_the_axis():
    configs = [{"lr": 10.0, "kind": "gone", "n": 3}]
    lr, kind, *_ = axes_of(Trials(events_of(configs, [0.5])), np.array([[0.5]]))
    assert lr.high == 10.0
    assert kind.options == ("a", "b", None, "gone")


def test_without_a_declared_space_axes_are_made_of_what_was_tried():
    configs = [{"x": 1e-3, "on": True, "n": 1}, {"x": 5.0, "on": 1, "n": 3, "who": "me"}]
    x, on, n, who, _ = axes_of(Trials(events_of(configs, [1.0, 2.0], space=None)), np.array([[1.0], [2.0]]))
    assert x.log
    assert on.options == (True, 1)  # True and 1 are different options
    assert n.levels == (1.0, 2.0, 3.0)
    assert who.coordinate("me") == 0.0
    assert math.isnan(who.coordinate("somebody"))


def test_a_parameter_may_be_called_like_the_loss():
    trials = Trials(events_of([{"value": 0.1}], [7.0], space=wb.Space(value=wb.Float(0, 1))))
    assert [a.key for a in table(trials).axes] == ["param:value", "value"]


@given(st.floats(1e-9, 1e9), st.floats(1.001, 1e6), st.booleans(), st.floats(0, 1))
def test_places_and_coordinates_go_both_ways(low, factor, log, place):
    axis = Axis("param:x", "x", low, low * factor, log=log)
    assert axis.place(axis.at(place)) == pytest.approx(place, abs=1e-6)


def test_a_range_as_wide_as_floats_go_has_places():
    axis = Axis("param:x", "x", -1.7e308, 1.7e308)
    assert axis.place([-1.7e308, 0.0, 1.7e308]).tolist() == [0.0, 0.5, 1.0]


# ---- the picture -------------------------------------------------------------------------------------------------------

def test_an_inactive_parameter_leaves_a_gap_and_no_false_value():
    configs = [{"lr": 1e-2, "kind": "a", "n": 1}, {"lr": 1e-2, "kind": "b", "n": 5, "momentum": 0.25}]
    drawn = coordinates(Trials(events_of(configs, [1.0, 2.0])))
    best, = lines(drawn, "best")
    assert np.allclose(best["y"], [0.5, 1 / 6, 0.0, np.nan, 0.0, np.nan], equal_nan=True)
    dots = [t for t in drawn["data"] if t.get("mode") == "markers" and t["name"] == "best"]
    assert dots[0]["x"].tolist() == [4.0]  # the loss stands between a gap and the end: a dot, or nothing would be seen
    other = next(t for t in lines(drawn) if 1 in t["customdata"])
    assert 0.25 in other["y"]


def test_every_trial_is_one_line_with_its_own_number():
    drawn = coordinates(random_trials(50))
    seen = np.concatenate([t["customdata"] for t in lines(drawn) if t["name"].startswith("loss")])
    assert sorted(set(seen.tolist())) == list(range(50))
    for t in lines(drawn):
        ends = np.flatnonzero(np.diff(t["customdata"]))
        assert np.isnan(t["y"][ends]).all()  # a break after each trial


def test_the_best_losses_have_the_lightest_colour_whichever_way_is_better():
    trials = random_trials(100)
    losses = {t.number: t.loss for t in trials.by_number.values()}
    light = next(t for t in lines(coordinates(trials)) if t["line"]["color"] == "#d8c153")
    assert set(light["customdata"]) == set(sorted(losses, key=losses.get)[:10])
    configs = [t.config for t in trials.by_number.values()]
    other = Trials(events_of(configs, list(losses.values()), direction="maximize"))
    light = next(t for t in lines(coordinates(other)) if t["line"]["color"] == "#d8c153")
    assert set(light["customdata"]) == set(sorted(losses, key=losses.get)[:10])  # losses are minimised inside


def test_a_failed_trial_is_a_line_that_does_not_reach_the_loss():
    drawn = coordinates(Trials(events_of([{"lr": 1e-2, "kind": "a", "n": 1}] * 2, [1.0, None])))
    failed, = lines(drawn, "no loss")
    assert np.isnan(failed["y"][4:]).all()
    assert failed["showlegend"]


def test_equal_and_infinite_losses_are_drawn():
    config = {"lr": 1e-2, "kind": "a", "n": 1}
    for losses in ([1.0] * 5, [math.inf, -math.inf], [1e300, -1e300], [None]):
        coordinates(Trials(events_of([config] * len(losses), losses)))


def test_of_two_thousand_trials_the_best_and_a_sample_that_stays_are_drawn():
    trials = random_trials(2000)
    t = table(trials)
    rows = drawn_rows(t, None, None)
    assert rows.sum() == MAX_LINES
    by_loss = np.argsort([tr.loss for tr in t.trials], kind="stable")
    assert rows[by_loss[:N_BEST]].all()
    assert "300 of 2000 trials" in coordinates(trials)["layout"]["title"]["text"]
    fewer = random_trials(1900)
    before = drawn_rows(table(fewer), None, None)
    assert (rows[:1900] & before).sum() > 0.8 * MAX_LINES  # few lines come and go while trials come
    assert drawn_rows(t, None, int(by_loss[-1]))[by_loss[-1]]  # the picked one too
    points = sum(t["y"].size for t in coordinates(trials)["data"])
    assert points < 5000  # what is sent does not grow with the trials


def test_brushed_trials_come_first_when_not_all_are_drawn():
    trials = random_trials(2000)
    t = table(trials)
    brushed = frozenset(range(0, 2000, 50))
    rows = drawn_rows(t, brushed, None)
    assert rows[sorted(brushed)].all()
    assert rows.sum() == MAX_LINES


def test_several_losses_have_an_axis_each_and_the_pareto_set_stands_out():
    def both(c):
        return {"error": c["x"] ** 2, "speed": 1 - (c["x"] - 1) ** 2}

    run = wb.optimize(both, wb.Space(x=wb.Float(-1, 2), kind=wb.Choice("a", "b")), algorithm=optuna.samplers.RandomSampler(seed=0), n_trials=30, seed=0,
                      direction={"error": "minimize", "speed": "maximize"}).start().wait()
    view = CoordinatesView()
    view.fold(run.log)
    drawn = view.picture()
    assert [a["key"] for a in view._content()["axes"]] == ["param:x", "param:kind", "value:0", "value:1"]
    assert drawn["layout"]["title"]["text"].startswith("From parameters to error and speed")
    front, = lines(drawn, "Pareto set")
    assert set(front["customdata"][:-1]) == {t.number for t in run.trials.pareto}
    view.brush("value:1", 0.5, 1.0)
    assert view.selection.brushed == {t.number for t in run.trials.by_number.values() if 1 - (t.config["x"] - 1) ** 2 >= 0.5}


# ---- the brush ---------------------------------------------------------------------------------------------------------

def test_a_brush_keeps_the_trials_inside_all_its_axes_and_in_one_interval_of_each():
    t = table(random_trials(200))
    kept = t.inside({"param:lr": ((1e-4, 1e-3), (0.1, 1.0)), "param:n": ((2.0, 3.0),)})
    expected = [(c["lr"] <= 1e-3 or c["lr"] >= 0.1) and c["n"] in (2, 3) for c in (tr.config for tr in t.trials)]
    assert kept.tolist() == expected
    assert 0 < kept.sum() < 200


def test_a_trial_without_the_parameter_is_not_in_a_brush_on_it():
    t = table(random_trials(100))
    assert t.inside({"param:momentum": ((-1.0, 2.0),)}).tolist() == [tr.config["kind"] == "b" for tr in t.trials]


@pytest.mark.parametrize(("low", "high", "names"), [(0.0, 0.3, "a"), (0.2, 0.1, "a"), (0.1, 0.6, "ab"), (0.9, 2.0, "c"),
                                                   (0.4, 0.45, "b"), (-1.0, 2.0, "abc")])
def test_a_drag_over_options_takes_those_that_it_touches(low, high, names):
    axis = Axis("param:k", "k", -0.5, 2.5, options=("a", "b", "c"))
    first, last = snapped(axis, low, high)
    assert "".join(o for i, o in enumerate("abc") if first <= i <= last) == names


@pytest.fixture
def view():
    view = CoordinatesView(selection=Selection())
    configs = SPACE.sample(30, np.random.default_rng(1))
    view.fold(events_of(configs, [math.log10(c["lr"]) ** 2 for c in configs]))
    return view


def test_a_drag_and_a_typed_brush_select_the_same_trials(view):
    low, high = 1e-3, 1e-1
    view.live.brushed = {"axis": 0, "from": 0.75, "to": 0.25, "add": False, "n": 1}
    dragged = view.selection.brushed
    view.brush("param:lr", high, low)
    assert view.selection.brushed == dragged
    assert dragged == {t.number for t in view.trials.by_number.values() if low <= t.config["lr"] <= high}


def test_shift_adds_an_interval_and_lifting_one_axis_keeps_the_others(view):
    view.brush("param:kind", 0, 0)
    view.brush("param:kind", 2, 2, add=True)
    assert view.selection.brushed == {t.number for t in view.trials.by_number.values() if t.config["kind"] != "b"}
    assert view._content()["brush"] == [["param:kind", "kind: a or None"]]
    view.brush("value", 0.0, 1.0)
    view.lift("param:kind")
    assert view.selection.brushed == {t.number for t in view.trials.by_number.values() if t.loss <= 1.0}
    view.lift()
    assert view.selection.brushed is None


def test_trials_that_end_later_join_the_brush(view):
    view.brush("param:n", 1, 2)
    before = view.selection.brushed
    view.fold([TrialSuggested(99, {"lr": 1e-2, "kind": "a", "n": 2}), TrialFinished(99, "complete", 1.0)])
    assert view.selection.brushed == before | {99}


def test_whoever_lifts_the_brush_of_the_selection_lifts_it_in_the_view(view):
    view.brush("param:n", 1, 2)
    view.selection.brush(None)
    assert view.brushes == {}
    assert not [s for s in view.picture()["layout"]["shapes"] if s.get("fillcolor", "").startswith("rgba(230")]


def test_linked_views_hear_of_a_brush_once():
    selection, heard = Selection(), []
    selection.listen(heard.append)
    selection.pick(3)
    selection.brush([1, 2])
    selection.brush([2, 1])
    selection.brush(None)
    assert heard == [3, 3, 3]


def test_other_views_fade_what_is_not_brushed(view):
    selection = view.selection
    history, rows, curves = (V(trials=view.trials, selection=selection) for V in (HistoryView, TrialsView, CurvesView))
    selection.brush([0, 1, 2])
    dots = next(t for t in history.picture()["data"] if t["name"] == "complete")
    assert [k for k, o in zip(dots["customdata"], dots["marker"]["opacity"], strict=True) if o > 0.5] == [0, 1, 2]
    assert set(rows.content()["faded"]) == set(range(3, 30))
    curves.picture()
    selection.brush(None)
    assert rows.content()["faded"] == []


def test_nonsense_from_the_front_end_brushes_nothing(view):
    view.brush("no such axis", 0.0, 1.0)
    view.brush("param:lr", math.nan, 1.0)
    view.live.brushed = {"axis": 99, "from": 0.0, "to": 1.0, "n": 1}
    assert view.selection.brushed is None
