"""Which losses are compared: all after the same number of steps."""

import numpy as np
import pytest

import workbench as wb
from workbench.errors import ConfigError, RunError
from workbench.events import RunStarted, TrialFinished, TrialReported, TrialSuggested
from workbench.evidence import config_of, evidence
from workbench.losses import Goals
from workbench.trials import Trials

SPACE = wb.Space(x=wb.Float(0, 1))


def run_of(trials, *, direction="minimize", scheduler=None):
    """Fold trials given as (state, curve), the loss being the curve's last point."""
    events = [RunStarted.of(Goals.of(direction), None, "TPE", SPACE.to_json(), None, scheduler=scheduler)]
    for k, (state, curve) in enumerate(trials):
        events.append(TrialSuggested(k, {"x": k / (len(trials) or 1)}))
        events += [TrialReported(k, s + 1, v) for s, v in enumerate(curve)]
        if state != "running":
            events.append(TrialFinished(k, state, curve[-1] if curve and state != "failed" else None))
    return Trials(events)


def test_without_stopped_trials_the_final_losses_are_taken_and_a_failure_is_infinite():
    found = evidence(run_of([("complete", [9.0, float(k)]) for k in range(11)] + [("failed", []), ("running", [1.0]),
                                                                                  ("interrupted", [1.0])]), SPACE)
    assert found.budget is None
    assert found.y.tolist() == [*map(float, range(11)), np.inf]
    assert found.numbers == tuple(range(12))
    assert found.n_left_out == 1  # the running one
    assert found.best == 0
    assert found.quantity.name == "loss"


def test_where_trials_were_stopped_the_largest_budget_that_enough_have_reached_is_taken():
    trials = [("pruned", [5.0])] * 30 + [("pruned", [5.0, 4.0, 3.0])] * 25 + [("complete", [5.0, 4.0, 3.0, 2.0])] * 5
    found = evidence(run_of(trials), SPACE)
    assert (found.budget, len(found.y)) == (3, 30)
    assert set(found.y) == {3.0}
    assert found.quantity.name == "loss after 3 steps"
    assert found.n_left_out == 30
    assert evidence(run_of(trials), SPACE, budget=1).y.tolist() == [5.0] * 60
    assert evidence(run_of(trials * 2 + [("complete", [1.0] * 4)] * 10), SPACE).budget == 4


def test_where_too_few_have_reached_any_budget_the_one_that_most_have_is_taken():
    trials = [("pruned", [5.0])] * 3 + [("pruned", [5.0, 4.0])] * 10
    assert evidence(run_of(trials), SPACE).budget == 1


def test_a_scheduler_says_where_trials_are_compared_and_waiting_ones_count():
    from workbench.fidelity import catalogue

    asha = catalogue.to_json(wb.ASHA(9, 1, eta=3))
    trials = [("running", [5.0, 5.0, float(k), 1.0]) for k in range(20)] + [("pruned", [9.0])]
    found = evidence(run_of(trials, scheduler=asha), SPACE)
    assert (found.budget, found.y.tolist()) == (3, [float(k) for k in range(20)])


def test_a_trial_that_ended_by_itself_counts_later_with_its_last_loss_and_a_failed_one_as_infinite():
    trials = [("complete", [3.0])] * 9 + [("failed", [1.0])] + [("complete", [4.0, 2.0])] * 6 + [("pruned", [7.0])]
    found = evidence(run_of(trials), SPACE, budget=2)
    assert found.y.tolist() == [3.0] * 9 + [np.inf] + [2.0] * 6


def test_steps_may_be_counted_from_0():
    events = [RunStarted.of(Goals(), None, "TPE", SPACE.to_json(), None)]
    for k in range(12):
        events += [TrialSuggested(k, {"x": 0.5}), *(TrialReported(k, s, 10.0 - s) for s in range(4)),
                   TrialFinished(k, "pruned", 7.0)]
    assert evidence(Trials(events), SPACE).budget == 4
    assert set(evidence(Trials(events), SPACE, budget=1).y) == {10.0}


def test_trials_outside_an_edited_space_are_left_out():
    found = evidence(run_of([("complete", [1.0])] * 40), wb.Space(x=wb.Float(0, 0.5)))
    assert (len(found.y), found.n_left_out) == (21, 19)


def test_too_few_losses_are_refused_with_what_to_do():
    with pytest.raises(RunError, match="at least 10 trials with a finite loss, got 3. Let the run go on"):
        evidence(run_of([("complete", [1.0])] * 3 + [("failed", [])] * 30), SPACE)
    with pytest.raises(RunError, match="after 2 steps, got 3. Let the run go on, or give a smaller budget"):
        evidence(run_of([("pruned", [1.0])] * 30 + [("complete", [1.0, 2.0])] * 3), SPACE, budget=2)
    with pytest.raises(RunError, match="at least 1 and here at most 1, got 7"):
        evidence(run_of([("pruned", [1.0])] * 30), SPACE, budget=7)
    with pytest.raises(RunError, match="got 0"):
        evidence(Trials(), SPACE)
    with pytest.raises(RunError, match="at least 1 and here at most 1, got 0"):
        evidence(run_of([("complete", [1.0])] * 30), SPACE, budget=0)


def test_of_several_losses_one_is_chosen_by_name_or_place():
    goals = {"error": "minimize", "speed": "maximize"}
    events = [RunStarted.of(Goals.of(goals), None, "NSGA2", SPACE.to_json(), None)]
    for k in range(12):
        events += [TrialSuggested(k, {"x": k / 12}), TrialFinished.of(k, "complete", (float(k), -2.0 * k), None, 0.0)]
    trials = Trials([*events, TrialSuggested(12, {"x": 1}), TrialFinished(12, "failed", None)])
    assert evidence(trials, SPACE, loss="error").best == 0
    found = evidence(trials, SPACE, loss=1)
    assert found.best == 11
    assert found.y[-1] == np.inf
    assert (found.quantity.name, found.quantity.sign) == ("speed", -1.0)
    for wrong in ("size", 2, -1, True):
        with pytest.raises(RunError, match="must be one of \\['error', 'speed'\\]"):
            evidence(trials, SPACE, loss=wrong)
    with pytest.raises(RunError, match="has 2 losses: say which"):
        evidence(trials, SPACE)


def test_a_configuration_is_given_as_one_or_by_its_trial():
    trials = run_of([("complete", [1.0])] * 4)
    assert config_of(trials, SPACE, 2) == ({"x": 0.5}, "trial 2")
    assert config_of(trials, SPACE, {"x": 0.1}) == ({"x": 0.1}, "the given configuration")
    with pytest.raises(RunError, match="no trial 9; there are 4"):
        config_of(trials, SPACE, 9)
    with pytest.raises(RunError, match="not in the space"):
        config_of(trials, wb.Space(x=wb.Float(0, 0.2)), 3)
    with pytest.raises(ConfigError):
        config_of(trials, SPACE, {"x": 7.0})
