import math

import pytest

import workbench as wb
from workbench.events import (
    Printed,
    RunFinished,
    RunStarted,
    StateChanged,
    TrialFinished,
    TrialReported,
    TrialSuggested,
)
from workbench_widgets import views
from workbench_widgets.view import Paced, Selection


def told(losses, configs=None):
    for k, loss in enumerate(losses):
        yield TrialSuggested(k, {"x": k / 10} if configs is None else configs[k])
        yield TrialFinished(k, "failed" if loss is None else "complete", loss, "ValueError: no" if loss is None else None)


# ---- pace ------------------------------------------------------------------------------------------------------------

class Slow(Paced):
    every_s, hidden_s, seen = 0.0, 60.0, True

    def __init__(self):
        super().__init__()
        self.shown = 0

    def show(self):
        self.shown += 1


def test_nothing_new_nothing_shown():
    view = Slow()
    view.draw()
    view.draw()
    assert view.shown == 1
    assert not view.waits


def test_what_nobody_sees_is_shown_seldom_and_at_once_when_seen():
    view = Slow()
    view.draw()
    view.seen = False
    view.fold([])
    view.draw()
    assert view.shown == 1
    assert view.waits
    view.seen = True
    view.draw()
    assert view.shown == 2


def test_the_model_is_not_computed_while_nobody_looks(monkeypatch):
    view = views.ModelView()
    monkeypatch.setattr(view, "picture", lambda: pytest.fail("computed although hidden"))
    view.fold(told([1.0]))
    view.draw()
    assert not view.waits


# ---- selection -------------------------------------------------------------------------------------------------------

def test_linked_views_hear_of_a_pick_once():
    selection, heard = Selection(), []
    selection.listen(heard.append)
    selection.pick(3)
    selection.pick(3)
    selection.pick(None)
    assert heard == [3, None]


def test_a_click_on_a_dot_picks_its_trial():
    view = views.HistoryView()
    view.fold(told([3.0, 1.0, 2.0]))
    view.live.clicked = {"x": 2.0, "y": 1.0, "subplot": "xy", "trial": 1, "n": 1}
    assert view.selection.trial == 1
    rings = [t for t in view.picture()["data"] if t["name"] == "picked"]
    assert rings[0]["x"].tolist() == [2.0]


def test_a_click_beside_the_dots_picks_nothing():
    view = views.HistoryView()
    view.fold(told([3.0]))
    view.live.clicked = {"x": 2.0, "y": 1.0, "subplot": "xy", "trial": None, "n": 1}
    assert view.selection.trial is None


# ---- the table -------------------------------------------------------------------------------------------------------

def numbers(view):
    return [row[0] for row in view.content()["rows"]]


def test_the_newest_trial_stands_first_and_a_header_sorts_both_ways():
    view = views.TrialsView()
    view.fold(told([3.0, None, 1.0, 2.0]))
    assert numbers(view) == [3, 2, 1, 0]
    view.sort_by("trial")
    assert numbers(view) == [0, 1, 2, 3]
    view.sort_by("value")
    assert numbers(view) == [2, 3, 0, 1]
    view.sort_by("value")
    assert numbers(view) == [0, 3, 2, 1]  # without a value: last, both ways


def test_several_losses_stand_in_one_column_sorted_by_the_first_and_the_pareto_set_is_marked():
    view = views.TrialsView()
    view.fold([RunStarted(None, "Random", {}, 4, directions=("minimize", "maximize"), losses=("error", "speed"))])
    for k, losses in enumerate([(3.0, -1.0), (1.0, -2.0), (2.0, -4.5), ()]):
        view.fold([TrialSuggested(k, {"x": k}), TrialFinished(k, "complete" if losses else "failed", None, losses=losses)])
    content = view.content()
    assert content["value"] == "error, speed"
    assert sorted(content["best"]) == [1, 2]
    assert [row[2] for row in content["rows"]] == ["", "2, 4.50", "1, 2", "3, 1"]
    view.sort_by("value")
    assert numbers(view) == [1, 2, 0, 3]
    view.sort_by("value")
    assert numbers(view) == [0, 2, 1, 3]


def test_of_one_loss_the_best_row_is_marked():
    view = views.TrialsView()
    view.fold(told([3.0, 1.0, 2.0]))
    assert (view.content()["value"], view.content()["best"]) == ("value", [1])


def test_of_several_losses_progress_shows_the_pareto_set_and_curves_say_why_there_are_none():
    run = RunStarted(None, "Random", {}, 4, directions=("minimize", "maximize"), losses=("error", "speed"))
    events = [run, TrialSuggested(0, {"x": 1}), TrialReported.of(0, 1, (3.0, -1.0), 0.0),
              TrialFinished.of(0, "complete", (3.0, -1.0), None, 0.0)]
    progress, learning = views.HistoryView(), views.CurvesView()
    for view in (progress, learning):
        view.fold(events)
    assert next(t["name"] for t in progress.picture()["data"]) == "Pareto set"
    assert "one loss; this run has 2" in learning.picture()["layout"]["annotations"][0]["text"]


def test_it_sorts_by_parameters_of_mixed_types_and_missing_ones():
    view = views.TrialsView()
    view.fold(told([1.0] * 5, [{"x": 10}, {"x": "a"}, {"x": None}, {}, {"x": 9.5}]))
    view.sort_by("param:x")
    assert numbers(view)[:2] == [4, 0]
    assert set(numbers(view)[3:]) == {2, 3}


def test_a_parameter_may_be_called_like_a_column():
    view = views.TrialsView()
    view.fold(told([5.0, 4.0], [{"value": 1}, {"value": 2}]))
    view.sort_by("param:value")
    assert numbers(view) == [0, 1]
    view.sort_by("value")
    assert numbers(view) == [1, 0]


def test_hundreds_of_trials_come_in_pages():
    view = views.TrialsView()
    view.fold(told([float(k) for k in range(250)]))
    assert (len(numbers(view)), view.content()["pages"]) == (100, 3)
    view.turn_to(2)
    assert numbers(view) == list(range(49, -1, -1))
    view.turn_to(99)
    assert view.content()["page"] == 2
    view.turn_to(-1)
    assert view.content()["page"] == 0


def test_a_row_says_state_value_parameters_and_the_first_line_of_the_error():
    view = views.TrialsView()
    view.fold([RunStarted(None, "TPE", {}, 3, direction="maximize"), *told([-0.25, None], [{"lr": 1e-3}, {"n": "<b>"}])])
    content = view.content()
    assert content["names"] == ["lr", "n"]
    failed, good = content["rows"]
    assert good[:5] == [0, "complete", "0.250", "0.00100", ""]
    assert failed[:5] == [1, "failed", "", "", "<b>"]
    assert failed[-1] == "ValueError: no"


# ---- the log ---------------------------------------------------------------------------------------------------------

def test_the_log_lists_prints_failures_and_what_the_run_says_but_not_every_event():
    view = views.LogView()
    view.fold([TrialSuggested(0, {}), Printed(0, "hello"), TrialReported(0, 1, 0.5),
               TrialFinished(0, "failed", None, "Traceback\n  File \"x\", line 1\nKeyError: 'a'"),
               StateChanged("pausing", "waits for a step"), StateChanged("paused"), RunFinished("failed", "disk full")])
    assert [line[1:] for line in view.lines] == [
        ["trial 0", "hello", "print"], ["trial 0", "failed: KeyError: 'a'", "error"],
        ["run", "pausing: waits for a step", "state"], ["run", "disk full", "error"]]


def test_the_log_keeps_the_newest_lines_and_cuts_endless_ones():
    view = views.LogView()
    view.fold(Printed(0, str(k)) for k in range(1000))
    view.fold([Printed(0, "x" * 10**6)])
    assert len(view.lines) == 400
    assert view.lines[-2][2] == "999"
    assert len(view.lines[-1][2]) == 2000


# ---- the model -------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def gp_run():
    space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), n=wb.Int(1, 8), kind=wb.Choice("a", "b"))

    def objective(c):
        return (math.log10(c["lr"]) + 3) ** 2 + c["n"] / 8 + (c["kind"] == "b")

    return wb.optimize(objective, space, algorithm=wb.GPBO(n_startup=6), n_trials=12, seed=1).start().wait()


def model_of(run, **along):
    view = views.ModelView()
    view.fold(run.log)
    if along:
        view.along(**along)
    return view


def test_the_model_of_the_newest_trial_is_shown_until_one_is_picked(gp_run):
    view = model_of(gp_run)
    assert view._content()["trial"] == 11
    view.selection.pick(8)
    assert view._content()["trial"] == 8
    assert view._content()["why"] == gp_run.trials.by_number[8].why.summary()


def test_the_next_point_drawn_is_the_configuration_that_was_tried(gp_run):
    view = model_of(gp_run)
    for number in (7, 9, 11):
        view.selection.pick(number)
        u = gp_run.space["lr"].to_unit(gp_run.trials.by_number[number].config["lr"])
        assert view.picture()["layout"]["shapes"][0]["x0"] == pytest.approx(u)


def test_as_many_observations_are_drawn_as_were_known_then(gp_run):
    view = model_of(gp_run)
    view.selection.pick(8)
    observed = next(t for t in view.picture()["data"] if t["name"] == "observed")
    assert len(observed["x"]) == 8


def test_a_trial_drawn_without_a_model_says_so(gp_run):
    view = model_of(gp_run)
    view.selection.pick(0)
    assert "without one" in view.picture()["layout"]["annotations"][0]["text"].replace("<br>", " ")


def test_any_parameter_and_any_pair_can_be_drawn(gp_run):
    for x in gp_run.space:
        assert model_of(gp_run, x=x)._content()["x"] == x
        for y in gp_run.space:
            kinds = {t["type"] for t in model_of(gp_run, x=x, y=y).picture()["data"]}
            assert ("heatmap" in kinds) == (x != y)


def test_a_parameter_that_is_gone_is_replaced_by_the_first(gp_run):
    assert model_of(gp_run, x="no such", y="nor this")._content()["x"] == "lr"


def test_a_narrowed_space_is_followed():
    space = wb.Space(x=wb.Float(0.0, 1.0))
    run = wb.optimize(lambda c: (c["x"] - 0.3) ** 2, space, algorithm=wb.GPBO(n_startup=3), n_trials=6, seed=0)
    run.start().wait()
    run.configure(space=wb.Space(x=wb.Float(0.1, 0.5)), n_trials=10)
    run.start().wait()
    view = model_of(run)
    for number in (5, 9):
        view.selection.pick(number)
        observed = next(t for t in view.picture()["data"] if t["name"] == "observed")
        history = run.history(before=number)
        assert sorted(observed["x"]) == pytest.approx(sorted(history.x[:, 0]))


def test_a_space_made_on_the_way_has_no_model_but_a_reason():
    view = views.ModelView()
    view.fold([RunStarted(None, "TPE", {}, 3), *told([1.0])])
    assert "declare the space" in view.picture()["layout"]["annotations"][0]["text"].replace("<br>", " ").lower()


# ---- boxes -----------------------------------------------------------------------------------------------------------

def test_a_box_over_the_dots_brushes_them_and_those_that_come_later():
    view = views.HistoryView()
    view.fold(told([3.0, 1.0, 2.0, None]))
    view.live.brushed = {"x": [1.5, 9.5], "y": [0.5, 2.5], "add": False, "n": 1}
    assert view.selection.brushed == {1, 2}
    assert view.selection.brushes["progress"].words == "results 2 – 9, loss 0.500 – 2.50"
    view.fold([TrialSuggested(4, {"x": 1}), TrialFinished(4, "complete", 1.5)])
    assert view.selection.brushed == {1, 2, 4}
    picture = view.picture()
    assert picture["layout"]["shapes"][-1]["x1"] == 9.5
    dots = next(t for t in picture["data"] if t["name"] == "complete")
    assert [k for k, o in zip(dots["customdata"], dots["marker"]["opacity"], strict=True) if o > 0.5] == [1, 2, 4]


def test_a_flat_box_is_an_interval_shift_adds_and_nothing_lifts():
    view = views.HistoryView()
    view.fold(told([3.0, 1.0, 2.0, 0.5]))
    view.brush((0.5, 1.5))
    view.brush(None, (0.0, 0.7), add=True)
    assert view.selection.brushed == {0, 3}
    assert view.picture()["layout"]["shapes"][-1]["xref"] == "x domain"
    view.brush(None, None)
    assert view.selection.brushed is None
    assert view.boxes == ()


def test_a_box_over_curves_takes_those_that_pass_through_it():
    view = views.CurvesView()
    for k in range(3):
        view.fold([TrialSuggested(k, {"x": k}), *(TrialReported(k, s, k + 1 / s) for s in (1, 2, 3)), TrialFinished(k, "complete", k)])
    view.brush((1.5, 2.5), (0.4, 1.6))
    assert view.selection.brushed == {0, 1}
    assert view.selection.brushes["curves"].words == "curves through steps 1.50 – 2.50, loss 0.400 – 1.60"


def test_several_views_brush_and_what_lies_in_all_counts():
    selection = Selection()
    progress, coordinates = views.HistoryView(selection=selection), views.CoordinatesView(selection=selection)
    for view in (progress, coordinates):
        view.fold(told([3.0, 1.0, 2.0, 0.5]))
    progress.brush((0.5, 3.5))
    coordinates.brush("param:x", 0.1, 0.3)
    assert selection.brushed == {1, 2}
    selection.brush(None, "progress")
    assert selection.brushed == {1, 2, 3}
    assert progress.boxes == ()
    selection.brush(None)
    assert selection.brushed is None
    assert coordinates.brushes == {}


def test_of_two_views_that_brush_by_the_same_name_the_later_one_counts():
    selection = Selection()
    one, two = views.HistoryView(selection=selection), views.HistoryView(selection=selection)
    for view in (one, two):
        view.fold(told([3.0, 1.0, 2.0, 0.5]))
    one.brush((0.5, 1.5))
    two.brush((1.5, 2.5))
    assert one.boxes == ()
    one.fold([])
    assert selection.brushed == {1}


def test_boxes_on_a_map_stay_with_its_two_parameters_and_follow_when_it_goes_back_in_time(gp_run):
    view = views.ContourView()
    view.fold(gp_run.log)
    view.along("lr", "n")
    view.brush((0.0, 0.5), (0.0, 1.0))
    lr = gp_run.space["lr"]
    inside = {t.number for t in gp_run.trials.by_number.values() if lr.to_unit(t.config["lr"]) <= 0.5}
    assert 0 < len(inside) < 12
    assert view.selection.brushed == inside
    assert any(s.get("type") == "rect" for s in view.picture()["layout"]["shapes"])
    view.along("lr", "kind")
    assert not any(s.get("type") == "rect" for s in view.picture()["layout"]["shapes"])
    assert view.selection.brushed == inside
    first = [e for e in gp_run.log if getattr(e, "trial", 0) < 4]
    view.rewind(first)
    assert view.selection.brushed == {k for k in inside if k < 4}


# ---- looks -----------------------------------------------------------------------------------------------------------

def test_watchers_hear_of_looks_and_listeners_do_not():
    selection, looks, heard = Selection(), [], []
    selection.watch(looks.append)
    selection.listen(heard.append)
    for trial in (3, 3, None):
        selection.hover(trial, on_page=True)
    assert (looks, heard) == ([3, None], [])


def test_a_look_in_a_figure_is_heard_by_the_selection_and_draws_nothing():
    view = views.HistoryView()
    view.fold(told([3.0, 1.0]))
    view.draw()
    sent = view.live.sent
    view.live._answer(None, {"type": "hovered", "trial": 1}, None)
    view.draw()
    assert (view.selection.hovered, view.live.marked, view.live.sent) == (1, {}, sent)


def test_a_figure_without_marks_of_trials_under_the_pointer_picks_none():
    view = views.ContourView()
    view.live.clicked = {"x": 0.5, "y": 0.5, "subplot": "xy", "trial": None, "n": 1}
    assert view.selection.trial is None
