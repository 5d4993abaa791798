"""Who worked when: hand-made events, whose stretches of work are known."""

import math

import pytest

import workbench as wb
from tests.engine_helpers import run
from workbench.events import RunStarted, StateChanged, TrialFinished, TrialJudged, TrialSuggested
from workbench.fidelity.asha import ASHA
from workbench.fidelity.halving import OnRung
from workbench.fidelity.hyperband import Hyperband
from workbench.timeline import Timeline

SPACE = wb.Space(x=wb.Float(0, 1))


def begin(k, t, rung=0, goal=1):
    return [TrialSuggested(k, {}, time=t), TrialJudged(k, 0, "go", OnRung(0, rung, 3, "go", goal), time=t)]


def says(k, t, action, rung=0, goal=3):
    return TrialJudged(k, 1, action, OnRung(0, rung, 3, action, goal, 1, 1, 9, 3), time=t)


def of(n_workers, *events):
    flat = [e for item in events for e in (item if isinstance(item, list) else [item])]
    return Timeline([RunStarted(None, "Random", {}, 9, n_workers, time=0.0, scheduler={"type": "X", "foreign": True}),
                     StateChanged("running", time=0.0), *flat])


def stretches(timeline):
    return [(s.trial, s.worker, s.start, s.end, s.rung, s.goal) for s in timeline.stretches]


def test_a_trial_works_until_it_waits_and_again_when_it_may_go_on():
    t = of(1, begin(0, 0.0), says(0, 2.0, "wait"), says(0, 5.0, "go"), TrialFinished(0, "complete", 1.0, time=9.0))
    assert stretches(t) == [(0, 0, 0.0, 2.0, 0, 1), (0, 0, 5.0, 9.0, 1, 3)]
    assert t.idle == pytest.approx(3 / 9)


def test_whoever_may_go_on_takes_the_first_worker_that_becomes_free():
    t = of(2, begin(0, 0.0), begin(1, 0.0), says(0, 1.0, "wait"), begin(2, 1.0), says(0, 2.0, "go"), says(1, 3.0, "wait"),
           TrialFinished(2, "pruned", 1.0, time=4.0), TrialFinished(0, "complete", 1.0, time=6.0))
    assert stretches(t) == [(0, 0, 0.0, 1.0, 0, 1), (1, 1, 0.0, 3.0, 0, 1), (2, 0, 1.0, 4.0, 0, 1), (0, 1, 3.0, 6.0, 1, 3)]
    assert t.idle == pytest.approx(1 - (1 + 3 + 3 + 3) / 12)


def test_a_promotion_without_a_pause_begins_a_new_stretch_behind_those_that_wait_for_a_worker():
    t = of(1, begin(0, 0.0), says(0, 1.0, "wait"), begin(1, 1.0), says(0, 2.0, "go"), says(1, 2.0, "go"),
           TrialFinished(0, "pruned", 1.0, time=4.0))
    assert [s[:4] for s in stretches(t)] == [(0, 0, 0.0, 1.0), (1, 0, 1.0, 2.0), (0, 0, 2.0, 4.0), (1, 0, 4.0, None)]


def test_a_pause_of_the_run_takes_no_time_and_cuts_no_worker_off():
    t = of(1, begin(0, 1.0), StateChanged("paused", time=3.0), StateChanged("running", time=100.0),
           TrialFinished(0, "complete", 1.0, time=102.0), StateChanged("done", time=103.0))
    assert [s[:4] for s in stretches(t)] == [(0, 0, 1.0, 3.0), (0, 0, 3.0, 5.0)]
    assert t.now == pytest.approx(6.0)
    assert t.idle == pytest.approx(1 - 4 / 6)


def test_workers_that_come_later_count_from_then_on():
    t = of(1, begin(0, 0.0), RunStarted(None, "Random", {}, 9, 3, time=4.0, scheduler={"type": "X", "foreign": True}),
           TrialFinished(0, "complete", 1.0, time=6.0))
    assert t.idle == pytest.approx(1 - 6 / (4 + 3 * 2))


def test_a_trial_that_ends_in_the_queue_takes_no_worker():
    t = of(1, begin(0, 0.0), says(0, 1.0, "wait"), begin(1, 1.0), says(0, 2.0, "go"), TrialFinished(0, "interrupted", None, time=3.0),
           TrialFinished(1, "interrupted", None, time=4.0))
    assert [s[:4] for s in stretches(t)] == [(0, 0, 0.0, 1.0), (1, 0, 1.0, 4.0)]
    assert t.n_busy == 0


def test_without_a_scheduler_a_trial_works_from_its_beginning_to_its_end():
    t = Timeline([RunStarted(None, "Random", {}, 9, 2, time=0.0), TrialSuggested(0, {}, time=0.0), TrialSuggested(1, {}, time=1.0),
                  TrialFinished(0, "complete", 1.0, time=4.0), TrialFinished(1, "complete", 1.0, time=5.0)])
    assert [s[:4] for s in stretches(t)] == [(0, 0, 0.0, 4.0), (1, 1, 1.0, 5.0)]


def test_under_a_scheduler_trials_of_an_earlier_session_are_left_out():
    t = of(1, TrialSuggested(0, {}, time=0.0), TrialFinished(0, "complete", 1.0, time=4.0))
    assert t.stretches == []
    assert math.isnan(Timeline().idle)


@pytest.mark.parametrize("scheduler", [Hyperband(27), ASHA(27)], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("n_workers", [1, 3])
def test_a_real_run_needs_no_more_rows_than_workers_and_nobody_does_two_things_at_once(scheduler, n_workers):
    def objective(c):
        for step in range(1, 99):
            yield c["x"] / step

    r = run(objective, SPACE, scheduler=scheduler, n_workers=n_workers, n_trials=40)
    t = Timeline(r.log)
    assert {s.worker for s in t.stretches} <= set(range(n_workers))
    assert t.n_busy == 0
    for worker in range(n_workers):
        own = sorted((s.start, s.end) for s in t.stretches if s.worker == worker)
        assert all(end <= start + 1e-9 for (_, end), (start, _) in zip(own, own[1:], strict=False))
    assert 0 <= t.idle < 1
    pieces = Timeline()
    for e in r.log:
        pieces.fold([e])
    assert pieces.stretches == t.stretches
    assert pieces.idle == t.idle
