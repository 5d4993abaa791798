"""Workers over time as bars."""

import numpy as np
import pytest

from tests.test_timeline import begin, of, says
from workbench.events import TrialFinished
from workbench.plots.figure import figure
from workbench.plots.gantt import MAX_BARS, compared, gantt
from workbench.timeline import Timeline

TWO = of(2, begin(0, 0.0), begin(1, 0.0), says(0, 1.0, "wait"), says(0, 2.0, "go"), says(1, 3.0, "wait"),
         TrialFinished(0, "complete", 1.0, time=4.0))


def test_a_bar_for_each_stretch_coloured_by_the_steps_it_leads_to():
    drawn = gantt(TWO)
    assert [t["name"] for t in drawn["data"]] == ["to 1 step", "to 3 steps"]
    first, second = drawn["data"]
    assert first["line"]["color"] != second["line"]["color"]
    assert first["x"][~np.isnan(first["x"])][[0, 2, 3, 5]] == pytest.approx([0, 1, 0, 3], abs=0.01)
    assert second["x"][[0, 2]] == pytest.approx([2, 4], abs=0.01)
    assert set(second["customdata"]) == {0}
    assert drawn["layout"]["yaxis"]["ticktext"] == ["1", "2"]
    figure(drawn)


def test_the_title_says_how_much_time_was_idle():
    assert gantt(TWO)["layout"]["title"]["text"] == "Workers: 25 % of their time idle"


def test_work_under_way_reaches_to_now_and_says_so():
    drawn = gantt(of(1, begin(0, 0.0), says(0, 3.0, "go")))
    assert "goes on" in drawn["data"][1]["hovertext"][0]


def test_runs_can_be_compared_on_one_axis_of_time():
    drawn = compared({"ASHA": TWO, "halving": of(1, begin(0, 0.0), TrialFinished(0, "complete", 1.0, time=8.0))})
    assert drawn["layout"]["title"]["text"] == "ASHA: 25 % idle, halving: 0 % idle"
    assert drawn["layout"]["yaxis"]["ticktext"] == ["ASHA 1", "ASHA 2", "halving 1"]
    assert drawn["layout"]["xaxis"]["range"][1] == pytest.approx(8, rel=0.02)


def test_the_picked_trial_is_marked():
    assert set(gantt(TWO, selected=1)["data"][-1]["customdata"]) == {1}


def test_of_very_many_stretches_the_newest_are_drawn():
    events = [e for k in range(700) for e in (*begin(k, float(k)), TrialFinished(k, "pruned", 1.0, time=k + 1.0))]
    drawn = gantt(of(1, *events))
    assert sum(np.isnan(t["x"]).sum() for t in drawn["data"]) == MAX_BARS
    assert drawn["layout"]["xaxis"]["range"][0] == pytest.approx(200, abs=10)
    assert "newest 500" in drawn["layout"]["title"]["text"]


def test_before_the_first_trial_it_says_what_will_come():
    assert "Workers appear here" in gantt(Timeline())["layout"]["annotations"][0]["text"]
