"""The median stopping rule of Vizier, line by line."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.schedule_helpers import Simulation
from workbench.errors import RunError
from workbench.fidelity.median import AgainstMedian

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def rule(curve, completed):
    """Golovin et al. 2017, section 3.2.2, after the last step of ``curve``: minimisation, so worse is greater."""
    s = len(curve)
    averages = [sum(c[:s]) / len(c[:s]) for c in completed]
    return min(curve) > statistics.median(averages)


def books_with(completed, **kw):
    books = wb.MedianStop(**kw).schedule()
    for trial, curve in enumerate(completed):
        books.begin(trial)
        for step, loss in enumerate(curve, 1):
            books.report(trial, step, loss)
        books.end(trial, curve[-1] if curve else None)
    return books


@QUICK
@given(st.integers(1, 6), st.integers(1, 8), st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**30))
def test_a_trial_stops_where_the_paper_says(workers, min_steps, every, min_trials, seed):
    rng = np.random.default_rng(seed)
    curves = [list(rng.normal(size=rng.integers(1, 12)) + rng.normal()) for _ in range(25)]
    run = Simulation(wb.MedianStop(min_steps, min_trials, every).schedule(), lambda config, step: curves[config][step - 1], 25,
                     workers, rng, length=lambda config: len(curves[config])).run()
    completed, so_far, stopped = [], {}, []
    for method, args, _ in run.log:
        if method == "begin":
            so_far[args[0]] = []
        elif method == "end":
            completed.append(so_far[args[0]])
        elif method == "report":
            trial, step, loss = args
            so_far[trial].append(loss)
            asked = step >= min_steps and (step - min_steps) % every == 0 and len(completed) >= min_trials
            if asked and rule(so_far[trial], completed):
                stopped.append(trial)
    assert [t for t, action in run.verdicts if action == "stop"] == stopped
    assert run.of.get("stop", set()) == set(stopped)


def test_the_best_loss_is_compared_with_averages_up_to_the_step():
    books = books_with([[4.0, 2.0, 0.0]] * 5)
    books.begin(5)
    assert not books.report(5, 1, 4.0)  # equal to the median is not worse
    (stop,) = books.report(5, 2, 3.5)  # min(4, 3.5) > (4 + 2) / 2
    assert stop.why == AgainstMedian(2, 3.5, 3.0, 5)
    assert stop.why.summary() == ("Stopped after 2 steps: its best loss 3.5 is worse than 3, the median of the running averages of 5 "
                                  "completed trials.")
    books.begin(6)
    assert not books.report(6, 1, 2.9)
    assert not books.report(6, 2, 99.0)  # it has been good once


def test_stopped_and_failed_trials_are_not_completed():
    books = books_with([[0.0]] * 4)
    books.begin(4)
    books.report(4, 1, 0.0)
    books.end(4, None)  # failed
    books.begin(5)
    assert not books.report(5, 1, 9.0)  # four are too few
    books.end(5, 9.0)
    books.begin(6)
    assert [v.action for v in books.report(6, 1, 5.0)] == ["stop"]
    books.end(6, 5.0)
    books.begin(7)
    (stop,) = books.report(7, 1, 5.0)
    assert stop.why.n_completed == 5


def test_a_completed_trial_without_steps_says_nothing_about_them():
    books = books_with([[0.0]] * 4)
    books.begin(4)
    books.end(4, 0.0)
    books.begin(5)
    assert not books.report(5, 1, 9.0)


def test_a_completed_trial_with_fewer_steps_counts_with_all_it_had():
    books = books_with([[1.0, 3.0]] * 5)
    books.begin(5)
    (stop,) = books.report(5, 10, 2.5)
    assert stop.why.median == 2.0


def test_nothing_is_asked_before_the_first_comparison_nor_between_two():
    books = books_with([[0.0] * 20] * 5, min_steps=4, every=3)
    books.begin(5)
    assert [bool(books.report(5, step, 1.0)) for step in range(1, 12)] == [k in (4, 7, 10) for k in range(1, 12)]


def test_an_interrupted_trial_begins_anew():
    books = books_with([[0.0]] * 5, min_steps=2)
    books.begin(5)
    books.report(5, 1, -1.0)
    books.begin(6, instead_of=5)
    books.report(6, 1, 1.0)
    assert [v.action for v in books.report(6, 2, 1.0)] == ["stop"]
    assert not books.end(5, None)  # what is gone is gone


@pytest.mark.parametrize(("losses", "loss", "stops"), [
    ([math.inf] * 5, 1e300, False), ([math.nan] * 5, math.inf, False), ([0.0, 0.0, math.inf, math.inf, math.inf, 0.0], math.nan, True),
    ([1e308] * 6, 1e308, False), ([1e308] * 6, math.inf, True), ([-math.inf] * 5, -1e308, True), ([-math.inf, math.inf] * 3, 0.0, True)])
def test_losses_that_are_no_numbers_or_at_their_end_are_compared_all_the_same(losses, loss, stops):
    books = books_with([[x, x] for x in losses])
    books.begin(99)
    assert bool(books.report(99, 1, loss)) == stops


def test_there_are_no_budgets_no_rounds_and_nobody_waits():
    scheduler = wb.MedianStop()
    books = scheduler.schedule()
    assert scheduler.only_stops and scheduler.n_trials is None
    assert books.budgets == () and not books.free() and not books.close()
    assert books.begin(0).why.summary().startswith("Begins")
    assert books.goal(0) is None


@pytest.mark.parametrize("name", ["min_steps", "min_trials", "every"])
@pytest.mark.parametrize("value", [0, -1, 1.0, True, "2", None])
def test_settings_are_checked_when_they_are_made(name, value):
    with pytest.raises(RunError, match=name):
        wb.MedianStop(**{name: value})


def test_whoever_knows_better_tells_what_was_stopped():
    """Books that are rebuilt in another order may have said "stop" of one that was completed, or nothing of one that was stopped."""
    books = books_with([[0.0]] * 5)
    books.begin(5)
    books.report(5, 1, 9.0)
    books.end(5, 9.0, stopped=False)
    books.begin(6)
    books.report(6, 1, 0.0)
    books.end(6, 0.0, stopped=True)
    books.begin(7)
    (stop,) = books.report(7, 1, 5.0)
    assert stop.why.n_completed == 6
