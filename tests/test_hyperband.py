"""Hyperband: its brackets in the paper's order, round after round; and the eager order."""

import numpy as np
import pytest

import workbench as wb
from tests.schedule_helpers import Simulation, algorithm_1
from workbench.errors import RunError
from workbench.fidelity import brackets


def hyperband(R, eta, curve):
    """Li et al. 2018, Algorithm 1, as the lecture prints it; trials are numbered as they are drawn."""
    s_max = max(s for s in range(40) if eta**s <= R)
    B = (s_max + 1) * R
    drawn, reached = 0, {}
    for s in range(s_max, -1, -1):  # line 1
        n = -(-B * eta**s // (R * (s + 1)))  # line 2
        T = list(range(drawn, drawn + n))  # line 3
        drawn += n
        plan = [(n // eta**i, R * eta**i // eta**s) for i in range(s + 1)]  # lines 5 and 6
        reached |= {t: plan[i][1] for t, i in algorithm_1(plan, T, curve).items()}
    return reached


@pytest.mark.parametrize(("R", "eta"), [(27, 3), (16, 4), (20, 2), (1, 3)])
@pytest.mark.parametrize("workers", [1, 4, 30])
def test_every_trial_of_a_round_gets_the_steps_of_the_paper(R, eta, workers):
    def curve(config, step):
        return float(np.random.default_rng([R, config, step]).normal())

    scheduler = wb.Hyperband(R, eta=eta)
    run = Simulation(scheduler.schedule(), curve, scheduler.n_trials, workers, np.random.default_rng(workers)).run()
    assert run.steps == hyperband(R, eta, curve)


def test_a_round_has_the_brackets_of_the_table_one_after_the_other():
    scheduler = wb.Hyperband(81)
    assert scheduler.brackets == brackets.hyperband(81, 3)
    assert scheduler.n_trials == 81 + 34 + 15 + 8 + 5
    assert wb.Hyperband(81, table="printed").n_trials == 81 + 27 + 9 + 6 + 5
    books = scheduler.schedule()
    assert books.budgets == (1, 3, 9, 27, 81)
    first_goals = [books.begin(t).why.goal for t in range(scheduler.n_trials)]
    assert first_goals == [1] * 81 + [3] * 34 + [9] * 15 + [27] * 8 + [81] * 5


def test_after_a_round_comes_the_next():
    scheduler = wb.Hyperband(9)
    books = scheduler.schedule()
    words = [books.begin(t).why for t in range(2 * scheduler.n_trials)]
    assert [w.bracket for w in words] == [0] * 9 + [1] * 5 + [2] * 3 + [3] * 9 + [4] * 5 + [5] * 3
    assert [w.goal for w in words[scheduler.n_trials:]] == [w.goal for w in words[:scheduler.n_trials]]


def test_budgets_that_are_rounded_down_are_the_same_in_all_brackets():
    """Otherwise losses of different brackets could not be compared."""
    for R in range(1, 400):
        rungs = {rung.r for bracket in brackets.hyperband(R, 3) for rung in bracket}
        assert len(rungs) == brackets.s_max(R, 3) + 1


def test_the_eager_order_repeats_aggressive_brackets_and_never_trains_without_halving():
    scheduler = wb.EagerHyperband(81, 3)
    table = brackets.hyperband(81, 3, 3)
    assert scheduler.brackets == tuple(table[k] for k in (0, 0, 1, 0, 0, 1, 2))
    assert scheduler.schedule().budgets == (3, 9, 27, 81)
    assert scheduler.n_trials == 4 * 27 + 2 * 12 + 6
    costs = [brackets.cost(b) for b in table]
    assert costs == [243, 234, 270, 324]
    assert sum(costs[2:]) / sum(costs) > 0.5  # what the two cautious brackets take of a plain round


def test_the_eager_order_makes_do_with_few_brackets():
    assert wb.EagerHyperband(3).brackets == (brackets.hyperband(3, 3)[0],) * 7
    assert wb.EagerHyperband(2, eta=3).brackets == (brackets.hyperband(2, 3)[0],) * 7
    assert [len(b) for b in wb.EagerHyperband(9).brackets] == [3, 3, 2, 3, 3, 2, 2]


def test_a_table_that_nobody_printed_is_refused():
    with pytest.raises(RunError, match='table must be "formula" or "printed"'):
        wb.Hyperband(81, table="slides")
