"""Events folded into trials."""

import math

import numpy as np
import pytest

import workbench as wb
from tests.engine_helpers import curve, run
from workbench.events import Printed, RunStarted, TrialFinished, TrialReported, TrialSuggested
from workbench.trials import Trials


@pytest.fixture(scope="module")
def log():
    return run(curve, n_workers=3, n_trials=12).log


@pytest.mark.parametrize("seed", range(5))
def test_folding_in_pieces_equals_folding_at_once(log, seed):
    events = log.since(0)
    cuts = sorted(np.random.default_rng(seed).integers(0, len(events), 7))
    pieces = Trials()
    for a, b in zip([0, *cuts], [*cuts, len(events)], strict=True):
        pieces.fold(events[a:b])
    whole = Trials(events)
    assert pieces.by_number == whole.by_number
    assert pieces.told == whole.told
    assert pieces.best == whole.best
    assert pieces.n_by_state == whole.n_by_state


def test_each_trial_remembers_how_much_was_known_when_it_began():
    t = Trials([RunStarted(None, "x", {}, None), TrialSuggested(0, {}), TrialSuggested(1, {}),
                TrialFinished(1, "complete", 1.0), TrialSuggested(2, {}), TrialFinished(0, "interrupted", None),
                TrialSuggested(3, {})])
    assert [t.by_number[k].saw for k in range(4)] == [(0, ()), (0, (0,)), (1, (0,)), (1, (2,))]


def test_the_best_is_the_first_complete_trial_with_the_smallest_finite_loss():
    t = Trials()
    for k, (state, loss) in enumerate([("complete", math.inf), ("pruned", 0.0), ("complete", 2.0), ("failed", None),
                                       ("complete", 1.0), ("complete", 1.0), ("complete", -math.inf)]):
        t.fold([TrialSuggested(k, {}), TrialFinished(k, state, loss)])
    assert t.best.number == 4
    assert t.n_done == 7


def test_an_end_told_twice_counts_once():
    t = Trials([TrialSuggested(0, {}), TrialFinished(0, "interrupted", None), TrialFinished(0, "interrupted", None)])
    assert t.told == [0]


def test_a_configuration_told_in_parts_keeps_its_curve():
    t = Trials([TrialSuggested(0, {}), TrialSuggested(0, {"a": 1}), TrialReported(0, 1, 0.5),
                TrialSuggested(0, {"a": 1, "b": 2}), Printed(0, "hello")])
    assert t.by_number[0].config == {"a": 1, "b": 2}
    assert t.by_number[0].curve == [(1, 0.5)]
    assert t.by_number[0].printed == ["hello"]


def test_parameters_called_like_a_column_keep_a_column_of_their_own():
    space = wb.Space({name: wb.Float(0, 1) for name in ("value", "state", "trial", "error", "x")})
    frame = run(lambda c: c["value"] + 1, space, n_trials=3).frame()
    assert frame.columns.is_unique
    assert list(frame["value"]) == list(frame["param value"] + 1)
    assert list(frame.columns[2:7]) == ["param value", "param state", "param trial", "param error", "x"]


@pytest.mark.parametrize("labels", [("error", "value"), ("x", "value error"), ("param error", "pareto"), ("trial", "steps")])
def test_no_two_columns_have_the_same_name_whatever_losses_and_parameters_are_called(labels):
    space = wb.Space({name: wb.Float(0, 1) for name in ("x", "error", "param error", "value error", "param param error")})
    r = run(lambda c: dict(zip(labels, (c["x"], c["error"]), strict=True)), space, n_trials=2,
            direction=dict.fromkeys(labels, "minimize"))
    frame = r.frame()
    assert frame.columns.is_unique
    assert list(frame["error"]) == [None, None]
    for k, t in r.trials.by_number.items():
        assert list(frame.loc[k])[1:3] == list(t.losses)
        assert list(frame.loc[k])[4:9] == list(t.config.values())
