"""What trials have reached, those that wait included."""

from dataclasses import replace

import numpy as np

from tests.search_helpers import TWO, on_budgets
from workbench.history import History
from workbench.search.reached import reached

NAN = np.nan


def history(done, y, live=()):
    x, live = np.linspace(0, 1, 2 * len(done)).reshape(-1, 2), np.array(live, dtype=float).reshape(len(live), 2)
    pending = np.full((len(live), 2), 0.5) + np.arange(len(live))[:, None] / 10
    return replace(History.of(TWO, x, np.array(y), pending=pending), budgets=(3, 9), by_budget=np.array(done, dtype=float),
                   pending_by_budget=live)


def test_trials_that_wait_count_with_what_they_have_and_the_rest_is_pending():
    h = history([[1, 0.5], [2, NAN]], [0.5, 2], live=[[NAN, NAN], [3, NAN]])
    r = reached(h)
    np.testing.assert_array_equal(r.x, [*h.x, h.pending[1]])
    np.testing.assert_array_equal(r.losses, [[1, 0.5], [2, NAN], [3, NAN]])
    np.testing.assert_array_equal(r.pending, h.pending[:1])
    assert r.n_at == (3, 1)
    assert r.furthest.tolist() == [1, 0, 0]
    assert (r.steps(0), r.steps(1)) == (3, 9)


def test_a_trial_that_ended_before_the_first_budget_counts_there_with_its_last_loss():
    r = reached(history([[NAN, NAN], [np.inf, np.inf]], [7, np.inf]))
    np.testing.assert_array_equal(r.losses, [[7, NAN], [np.inf, np.inf]])


def test_without_a_scheduler_there_is_one_budget_and_the_losses_are_there():
    h = History.of(TWO, np.ones((2, 2)), np.array([1.0, np.inf]), pending=np.zeros((1, 2)))
    r = reached(h)
    assert r.budgets == () and r.n_at == (2,) and r.steps(0) == 0
    np.testing.assert_array_equal(r.losses[:, 0], h.y)
    assert r.pending is h.pending


def test_the_history_is_not_changed_and_its_prefixes_can_be_read():
    h = on_budgets(TWO, 30, live=4)
    before = h.by_budget.copy()
    reached(h)
    np.testing.assert_array_equal(h.by_budget, before)
    assert len(reached(h[:9]).x) == 9 and not len(reached(h[:0]).x)
