"""The bracket race and its table, drawn from hand-made events."""

import math

import numpy as np
import pytest

import workbench as wb
from tests.engine_helpers import run
from workbench.events import RunStarted, TrialFinished, TrialJudged, TrialReported, TrialSuggested
from workbench.fates import Fates
from workbench.fidelity import brackets, catalogue
from workbench.fidelity.asha import ASHA
from workbench.fidelity.halving import OnRung, SuccessiveHalving
from workbench.fidelity.hyperband import Hyperband
from workbench.fidelity.median import MedianStop
from workbench.plots.brackets import MAX_LANES, few, ladder, order, race, table
from workbench.plots.curves import curves
from workbench.plots.figure import figure
from workbench.trials import Trials

HALVING = SuccessiveHalving(max_steps=9)


def started(scheduler, **more):
    return RunStarted(None, "Random", {}, 9, scheduler=catalogue.to_json(scheduler), **more)


def word(action, goal, rung=0, rank=0):
    return OnRung(0, rung, 3, action, goal, rank, rank, 9, 3)


def begun(k):
    return [TrialSuggested(k, {"x": k, "<b>": "<i>"}), TrialJudged(k, 0, "go", word("go", 1))]


def waits(k, loss):
    return [TrialReported(k, 1, loss), TrialJudged(k, 1, "wait", word("wait", 1, 0, 1))]


EVENTS = [started(HALVING), *(e for k in range(5) for e in begun(k)), *waits(0, 0.5), *waits(1, 0.2), TrialReported(2, 1, 0.9),
          TrialJudged(2, 1, "stop", word("stop", 1, 0, 3)), TrialFinished(2, "pruned", 0.9),
          TrialJudged(1, 1, "go", word("go", 3, 0, 1)), TrialReported(1, 2, 0.15), TrialFinished(3, "failed", None, "E: x")]


def both(events):
    return Trials(events), Fates(events)


def heads(drawn, name):
    return next(t for t in drawn["data"] if t["name"] == name and t["mode"] == "markers")


def test_rungs_stand_at_equal_distances_and_nothing_is_at_zero():
    assert ladder([0, 1, 3, 9, 27, 81], (1, 3, 9, 27, 81)).tolist() == pytest.approx([0, 1, 2, 3, 4, 5])
    assert ladder([3, 9 * math.sqrt(3)], (9, 27)).tolist() == pytest.approx([1 / 3, 1.5])
    assert ladder([0, 1, 6, 19, 55], (1, 6, 18, 55))[[0, 1, 2, 4]].tolist() == pytest.approx([0, 1, 2, 4])
    assert ladder([7.0], ()).tolist() == [7.0]


def test_lanes_are_ranked_by_the_highest_rung_and_the_loss_there_and_failures_come_last():
    assert [f.trial for f in order(Fates(EVENTS), 0)] == [1, 0, 2, 4, 3]


def test_each_fate_has_a_mark_and_a_colour_of_its_own_and_the_lane_ends_where_the_trial_is():
    drawn = race(*both(EVENTS))
    at = {name: (heads(drawn, name)["x"].tolist(), heads(drawn, name)["y"].tolist())
          for name in ("promoted", "waiting", "stopped", "running", "failed")}
    assert at["promoted"] == (pytest.approx([1 + math.log(2) / math.log(3)]), [1])
    assert at["waiting"] == ([1], [2])
    assert at["stopped"] == ([1], [3])
    assert at["running"] == ([0], [4])
    assert at["failed"] == ([0], [5])
    marks = [(t["marker"]["symbol"], t["marker"]["color"]) for t in drawn["data"] if t["mode"] == "markers"]
    assert len(set(marks)) == 5
    figure(drawn)


def test_the_rungs_of_the_bracket_are_labelled_with_how_many_have_come_there():
    x = race(*both(EVENTS))["layout"]["xaxis"]
    assert x["ticktext"] == ["0", "r₀ = 1<br>3 of 9", "r₁ = 3<br>0 of 3", "r₂ = 9<br>0 of 1"]
    assert len(race(*both(EVENTS))["layout"]["shapes"]) == 3


def test_the_grant_of_a_promoted_trial_is_drawn_to_its_goal():
    granted = next(t for t in race(*both(EVENTS))["data"] if t["name"] == "granted")
    assert granted["x"][np.array(granted["y"]) == 1][1] == pytest.approx(2)


def test_a_hover_label_tells_configuration_loss_rank_curve_and_the_schedulers_sentence():
    drawn = race(*both(EVENTS))
    text = heads(drawn, "promoted")["text"][0]
    for part in ("trial 1</b> · promoted", "x = 1", "&lt;b&gt; = &lt;i&gt;", "loss 0.150 after 2 steps", "rank 1 of 3 at 1 step",
                 "the last: 0.200, 0.150", "Promoted to 3 steps"):
        assert part in text, part
    assert "<b> =" not in text


def test_whoever_maximises_reads_his_own_values():
    drawn = race(*both([started(HALVING, direction="maximize"), *begun(0), *waits(0, -0.75)]))
    assert "value 0.750 after" in heads(drawn, "waiting")["text"][0]


def test_the_title_says_who_may_run_and_who_won():
    assert race(*both(EVENTS))["layout"]["title"]["text"] == "Bracket 1: 2 may run, 1 waits"
    over = [*EVENTS, *(TrialFinished(k, "interrupted", None) for k in (0, 1, 4))]
    assert "over, won by trial 2" in race(*both(over))["layout"]["title"]["text"]


def test_the_picked_trial_has_its_lane_lit_and_those_not_brushed_fade():
    drawn = race(*both(EVENTS), selected=0, brushed=frozenset({1}))
    lane = drawn["layout"]["shapes"][0]
    assert (lane["y0"], lane["y1"]) == (1.5, 2.5)
    assert {t["name"] for t in drawn["data"] if t.get("opacity") == 0.2} == {"waiting", "stopped", "running", "failed"}


def test_a_bracket_to_come_says_what_it_will_be_and_no_scheduler_how_to_get_one():
    events = [started(Hyperband(81))]
    text = race(*both(events), bracket=2)["layout"]["annotations"][0]["text"].replace("<br>", " ")
    assert text == "Bracket 3 of 5 (s = 2) has not begun. 15 trials will begin there, with 9 steps."
    assert "scheduler=" in race(Trials(), Fates())["layout"]["annotations"][0]["text"].replace("<br>", " ")


def test_too_many_lanes_leave_out_those_that_are_over():
    fates = Fates([started(ASHA(9)), *(e for k in range(300) for e in (*begun(k), TrialFinished(k, "pruned", 1.0))), *begun(300)])
    ranked = order(fates, 0)
    shown = few(ranked)
    assert len(shown) == MAX_LANES
    assert 300 in {f.trial for f in shown}


@pytest.mark.parametrize("scheduler", [Hyperband(27), ASHA(27), ASHA(27, stop=True), MedianStop()], ids=repr)
def test_every_scheduler_can_be_raced(scheduler):
    def objective(c):
        for step in range(1, 28):
            yield c["x"] + c["y"] / step

    events = list(run(objective, wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1)), scheduler=scheduler, n_workers=3, n_trials=30).log)
    for n in (5, len(events) // 3, len(events)):
        trials, fates = both(events[:n])
        for bracket in (None, *fates.brackets):
            figure(race(trials, fates, bracket))
            told = table(fates, bracket)
            assert all(len(row) == len(told["head"]) for row in [*told["rows"], *told["foot"]])


# ---- the table -------------------------------------------------------------------------------------------------------

def test_the_table_is_that_of_the_paper_with_both_costs():
    told = table(Fates([started(Hyperband(81, table="printed"))]))
    assert [c[0] for c in told["head"]] == ["", "s = 4", "s = 3", "s = 2", "s = 1", "s = 0"]
    cells = [[c[0] for c in row[1:]] for row in told["rows"]]
    assert cells[0] == ["81 × 1", "27 × 3", "9 × 9", "6 × 27", "5 × 81"]  # Li et al. 2018, table 1
    assert cells[1] == ["27 × 3", "9 × 9", "3 × 27", "2 × 81", ""]
    assert cells[4] == ["1 × 81", "", "", "", ""]
    printed = Hyperband(81, table="printed").brackets
    assert [c[0] for c in told["foot"][0][1:]] == [str(brackets.cost(x)) for x in printed]
    assert [c[0] for c in told["foot"][1][1:]] == [str(brackets.cost_from_the_start(x)) for x in printed]


def test_the_cell_where_trials_are_is_lit_and_full_ones_are_ticked_off():
    marks = [row[1][2] for row in table(Fates(EVENTS))["rows"]]
    assert marks == ["now", "now", ""]
    done = [*EVENTS, *(e for k in range(5, 11) for e in (*begun(k), *waits(k, 1.0)))]
    rows = table(Fates([*done, TrialReported(4, 1, 0.3), TrialJudged(4, 1, "wait", word("wait", 1, 0, 1))]))["rows"]
    assert [row[1][2] for row in rows] == ["done", "now", ""]


def test_the_second_round_has_brackets_of_its_own():
    events = [started(HALVING), TrialSuggested(0, {}), TrialJudged(0, 0, "go", OnRung(1, 0, 3, "go", 1))]
    told = table(Fates(events))
    assert (told["columns"], told["shown"]) == ([1], 1)


# ---- learning curves by fate -------------------------------------------------------------------------------------------

def test_curves_are_coloured_by_fate_and_rungs_stand_at_equal_distances_on_a_log_axis():
    trials, fates = both(EVENTS)
    drawn = curves(trials, fates=fates, log_steps=True)
    assert {t["name"] for t in drawn["data"]} == {"promoted", "waiting", "stopped"}
    assert next(t for t in drawn["data"] if t["name"] == "stopped")["marker"]["color"] == "#8c8c8c"
    assert (drawn["layout"]["xaxis"]["type"], drawn["layout"]["xaxis"]["tickvals"]) == ("log", [1, 3, 9])
    assert [s["x0"] for s in drawn["layout"]["shapes"]] == [1]
    assert curves(trials, fates=fates)["layout"]["xaxis"]["type"] == "linear"


def test_steps_from_0_have_no_log_axis():
    events = [started(HALVING), *begun(0), TrialReported(0, 0, 1.0), TrialReported(0, 1, 0.5)]
    assert curves(*both(events)[:1], fates=Fates(events), log_steps=True)["layout"]["xaxis"]["type"] == "linear"
