"""What a scheduler makes of trials: from its words, and for trials of an earlier session from its books."""

import random

import pytest

import workbench as wb
from tests.engine_helpers import run
from workbench.event_file import dumps, loads
from workbench.events import RunStarted, TrialFinished, TrialJudged, TrialReported, TrialShelved, TrialSuggested
from workbench.fates import Fates
from workbench.fidelity import catalogue
from workbench.fidelity.asha import ASHA
from workbench.fidelity.halving import OnRung, SuccessiveHalving
from workbench.fidelity.hyperband import Hyperband

SPACE = wb.Space(x=wb.Float(0, 1), slope=wb.Float(0, 1))
HALVING = SuccessiveHalving(max_steps=9)


def objective(c):
    for step in range(1, 200):
        yield c["x"] + c["slope"] / step


def scheduled(scheduler, n_workers=3, **more):
    return list(run(objective, SPACE, scheduler=scheduler, n_workers=n_workers, seed=4, **more).log)


def word(action, goal, rung=0, rank=0, bracket=0):
    return OnRung(bracket, rung, 3, action, goal, rank, rank, 9, 3)


def told(*events):
    return Fates([RunStarted(None, "Random", {}, 9, scheduler=catalogue.to_json(HALVING)), *events])


def begun(k):
    return [TrialSuggested(k, {"x": k}), TrialJudged(k, 0, "go", word("go", 1))]


def test_a_trial_runs_waits_is_promoted_and_finishes():
    events, seen = begun(0), []
    for action, step, goal, rung in (("wait", 1, 1, 0), ("go", 1, 3, 0), ("wait", 3, 3, 1), ("go", 3, 9, 1)):
        if action == "wait":
            events.append(TrialReported(0, step, 1 / step))
        events.append(TrialJudged(0, step, action, word(action, goal, rung, 1)))
        f = told(*events).by_number[0]
        seen.append((f.status, f.rung, f.goal))
    assert seen == [("waiting", 0, 1), ("promoted", 1, 3), ("waiting", 1, 3), ("promoted", 2, 9)]
    f = told(*events, TrialReported(0, 9, 0.1), TrialJudged(0, 9, "finish", word("finish", 9, 2, 1)),
             TrialFinished(0, "complete", 0.1)).by_number[0]
    assert (f.status, f.losses) == ("finished", {1: 1.0, 3: 1 / 3, 9: 0.1})


def test_ends_have_names_of_their_own():
    ends = {"complete": "finished", "pruned": "stopped", "failed": "failed", "interrupted": "interrupted"}
    for state, status in ends.items():
        assert told(*begun(0), TrialFinished(0, state, None)).by_number[0].status == status


def test_a_shelved_trial_counts_as_waiting_until_it_goes_on():
    events = [*begun(0), TrialReported(0, 1, 1.0), TrialJudged(0, 1, "wait", word("wait", 1, 0, 1)), TrialShelved(0, 1)]
    assert [f.shelved for f in told(*events).waiting] == [True]
    assert not told(*events, TrialJudged(0, 1, "go", word("go", 3, 0, 1))).by_number[0].shelved


def test_steps_that_are_counted_from_0_are_budgets_all_the_same():
    f = told(*begun(0), TrialReported(0, 0, 2.0)).by_number[0]
    assert (f.step, f.losses) == (1, {1: 2.0})


def test_the_present_bracket_is_the_first_that_is_not_over():
    fates = told(*begun(0), TrialSuggested(1, {}), TrialJudged(1, 0, "go", word("go", 1, bracket=1)))
    assert fates.present == 0
    fates.fold([TrialFinished(0, "pruned", 1.0)])
    assert fates.present == 1
    fates.fold([TrialFinished(1, "pruned", 1.0)])
    assert fates.present == 1


@pytest.mark.parametrize("scheduler", [HALVING, Hyperband(27), ASHA(27)], ids=lambda s: type(s).__name__)
def test_folding_in_pieces_equals_folding_at_once_and_a_saved_log_gives_the_same(scheduler):
    events = scheduled(scheduler, n_trials=20)
    whole, pieces, i = Fates(events), Fates(), 0
    while i < len(events):
        n = random.Random(i).randrange(1, 9)
        pieces.fold(events[i:i + n])
        i += n
    saved = Fates(loads(dumps(e)) for e in events)
    assert whole.by_number == pieces.by_number == saved.by_number
    assert whole.brackets == pieces.brackets == saved.brackets


@pytest.mark.parametrize("scheduler", [HALVING, Hyperband(27), ASHA(27)], ids=lambda s: type(s).__name__)
def test_of_an_earlier_session_the_books_tell_the_same_as_the_words_did(scheduler):
    events = scheduled(scheduler, n_workers=1, n_trials=20)
    live = Fates(events)
    assert {f.status for f in live.by_number.values()} <= {"stopped", "finished"}
    silent = [e for e in events if isinstance(e, RunStarted)]
    for k in live.by_number:
        silent += [e for e in events if isinstance(e, (TrialSuggested, TrialReported, TrialFinished)) and e.trial == k]
    again = Fates(silent)
    assert again.brackets == live.brackets
    for k, f in live.by_number.items():
        assert (again.by_number[k].status, again.by_number[k].losses) == (f.status, f.losses)


def test_whoever_replaces_an_interrupted_trial_of_an_earlier_session_takes_its_place():
    first = [TrialSuggested(0, {"x": 0.5}), TrialFinished(0, "interrupted", None)]
    second = [TrialSuggested(1, {"x": 0.5}), TrialReported(1, 1, 1.0), TrialFinished(1, "pruned", 1.0)]
    eight = [e for k in range(2, 10) for e in (TrialSuggested(k, {"x": k}), TrialReported(k, 1, 2.0), TrialFinished(k, "pruned", 2.0))]
    fates = told(*first, *second, *eight)
    assert fates.brackets == {0: list(range(10))}
