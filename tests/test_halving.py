"""Successive halving: whatever the number of workers and the order of results, what Algorithm 1 promotes, and nothing else."""

import functools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.schedule_helpers import Simulation, algorithm_1
from workbench.errors import RunError
from workbench.fidelity import brackets
from workbench.fidelity.halving import Brackets, OnRung

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
SCHEDULERS = [wb.SuccessiveHalving(9), wb.SuccessiveHalving(27), wb.SuccessiveHalving(16, eta=2, n=13),
              wb.SuccessiveHalving(20, 2, eta=2), wb.SuccessiveHalving(8, eta=2, n=3), wb.SuccessiveHalving(5, 5), wb.SuccessiveHalving(9, n=1),
              wb.Hyperband(9), wb.Hyperband(16, eta=4), wb.Hyperband(10, table="printed"), wb.EagerHyperband(9),
              wb.EagerHyperband(12, eta=2)]
LOSSES = {"distinct": lambda rng: rng.normal(), "equal": lambda rng: 0.5, "few": lambda rng: float(rng.integers(3)),
          "odd": lambda rng: [0.0, -0.0, math.nan, math.inf, -math.inf, 1e300, -1e300][rng.integers(7)]}


def seen(loss):
    return math.inf if math.isnan(loss) else loss


class Problem:
    """Losses of any configuration and step; some trials end early, some of these fail."""

    def __init__(self, seed, kind="distinct", ending=0.0):
        self.seed, self.kind, self.ending = seed, kind, ending
        self.curve, self.length = functools.cache(self.curve), functools.cache(self.length)

    def curve(self, config, step):
        return LOSSES[self.kind](np.random.default_rng([self.seed, config, step]))

    def length(self, config):
        rng = np.random.default_rng([self.seed, config, 0, 1])
        return int(rng.integers(0, 12)) if rng.random() < self.ending else 10**9

    def fails(self, config):
        return self.length(config) == 0 or config % 2 == 1

    def at(self, config, r):
        """The loss with which a configuration counts on a rung."""
        n = self.length(config)
        if n >= r:
            return seen(self.curve(config, r))
        return math.inf if self.fails(config) else seen(self.curve(config, n))


def simulate(scheduler, problem, n_trials, workers, seed, **kw):
    return Simulation(scheduler.schedule(), problem.curve, n_trials, workers, np.random.default_rng(seed),
                      length=problem.length, fails=problem.fails, **kw).run()


def plans(scheduler, n_trials):
    """Brackets of a run, one after the other; the last is cut in proportion if no more trials begin."""
    first = 0
    k = 0
    while first < n_trials:
        plan = [(rung.n, rung.r) for rung in scheduler.brackets[k % len(scheduler.brackets)]]
        begun = min(plan[0][0], n_trials - first)
        yield range(first, first + begun), [(max(1, begun * n // plan[0][0]), r) for n, r in plan]
        first, k = first + begun, k + 1


def check_against_algorithm_1(scheduler, problem, n_trials, run):
    steps = 0
    for configs, plan in plans(scheduler, n_trials):
        reached = algorithm_1(plan, configs, problem.at)
        for config in configs:
            n, i = problem.length(config), reached[config]
            r = plan[i][1]
            if n < r:  # ended by itself before its last rung
                assert config in run.of["ended"]
                assert run.promotions[config] == sum(n >= q for _, q in plan[:i])
            else:
                assert config in run.of["finish" if i + 1 == len(plan) else "stop"] or (n == r and config in run.of["ended"])
                assert run.promotions[config] == i
            steps += min(n, r)
    assert sum(run.steps.values()) == steps


# ---- the same as Algorithm 1 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=str)
@pytest.mark.parametrize("workers", [1, 2, 7, 50])
def test_a_round_promotes_what_algorithm_1_promotes_and_runs_no_step_twice(scheduler, workers):
    problem = Problem(workers)
    run = simulate(scheduler, problem, scheduler.n_trials, workers, workers)
    check_against_algorithm_1(scheduler, problem, scheduler.n_trials, run)
    assert sum(run.steps.values()) == sum(map(brackets.cost, scheduler.brackets))


@QUICK
@given(st.sampled_from(SCHEDULERS), st.integers(1, 40), st.integers(1, 60), st.integers(0, 2**30), st.sampled_from(sorted(LOSSES)),
       st.sampled_from([0.0, 0.3, 1.0]))
def test_any_workers_any_order_any_losses_and_ends_give_algorithm_1(scheduler, workers, n_trials, seed, kind, ending):
    problem = Problem(seed, kind, ending)
    run = simulate(scheduler, problem, n_trials, workers, seed)
    check_against_algorithm_1(scheduler, problem, n_trials, run)
    assert not run.waiting
    assert not {"go", "wait"} & set(run.state.values())


@QUICK
@given(st.sampled_from(SCHEDULERS), st.integers(1, 20), st.integers(1, 40), st.integers(0, 2**30), st.sampled_from([0.0, 0.3]))
def test_interrupted_trials_that_are_begun_again_change_nothing(scheduler, workers, n_trials, seed, ending):
    problem = Problem(seed, "few", ending)
    run = simulate(scheduler, problem, n_trials, workers, seed, interrupt=0.15)
    assert not run.waiting
    reached = {}
    for configs, plan in plans(scheduler, n_trials):
        reached |= {config: (i, plan) for config, i in algorithm_1(plan, configs, problem.at).items()}
    for trial, config in run.config.items():
        i, plan = reached[config]
        if run.state[trial] in ("stop", "finish"):
            assert run.state[trial] == ("finish" if i + 1 == len(plan) else "stop")
            assert run.steps[trial] == plan[i][1]


@QUICK
@given(st.sampled_from(SCHEDULERS), st.integers(1, 20), st.integers(1, 40), st.integers(0, 2**30))
def test_trials_that_come_again_with_other_losses_leave_nobody_waiting_and_no_rung_too_full(scheduler, workers, n_trials, seed):
    rng = np.random.default_rng(seed)
    run = Simulation(scheduler.schedule(), lambda config, step: rng.normal(), n_trials, workers, rng, interrupt=0.2).run()
    assert not run.waiting
    assert not {"go", "wait"} & set(run.state.values())
    for bracket, (_, plan) in zip(run.schedule._brackets, plans(scheduler, n_trials), strict=True):
        for i, rung in enumerate(bracket.rungs):
            assert len(rung.results) == rung.n == plan[i][0]
            assert len(rung.passed) == bracket.size(i + 1)


# ---- nobody waits longer than needed -----------------------------------------------------------------------------------


def start(scheduler, n):
    books = scheduler.schedule()
    for trial in range(n):
        books.begin(trial)
    return books


def actions(verdicts):
    return [(v.trial, v.action) for v in verdicts]


def test_a_trial_that_enough_others_have_beaten_stops_before_the_rung_is_full():
    books = start(wb.SuccessiveHalving(9), 9)  # 9, 3, 1
    for trial, loss in enumerate([0.1, 0.2, 0.3]):
        assert actions(books.report(trial, 1, loss)) == [(trial, "wait")]
    assert actions(books.report(3, 1, 0.15)) == [(3, "wait"), (2, "stop")]
    assert actions(books.report(4, 1, 9.0)) == [(4, "stop")]


def test_a_free_worker_takes_what_is_certain_to_be_promoted():
    books = start(wb.SuccessiveHalving(9), 9)
    for trial in range(6):
        books.report(trial, 1, float(trial))
    assert not books.free()  # 3 are open: rank 1 may yet become 4
    books.report(6, 1, 9.0)
    assert actions(books.free()) == [(0, "go")]
    assert not books.free()  # with 2 open, rank 2 may become 4
    assert books.goal(0) == 3 and books.goal(1) == 1
    books.report(7, 1, 9.0)
    assert actions(books.free()) == [(1, "go")]
    assert actions(books.report(8, 1, -1.0)) == [(2, "stop"), (8, "go")]


def test_nothing_is_promoted_early_while_new_trials_can_begin_in_the_bracket():
    books = start(wb.SuccessiveHalving(9), 8)
    for trial in range(8):
        books.report(trial, 1, float(trial))
    assert not books.free()
    books.begin(8)
    assert actions(books.free()) == [(0, "go")]


@QUICK
@given(st.integers(0, 2**30), st.integers(1, 20))
def test_what_is_promoted_early_is_what_would_be_promoted_anyway(seed, workers):
    """With ``free`` silent the same configurations are promoted."""
    problem = Problem(seed, "few", 0.2)
    scheduler = wb.SuccessiveHalving(27)
    eager = simulate(scheduler, problem, 27, workers, seed)
    books = scheduler.schedule()
    books.free = list
    patient = Simulation(books, problem.curve, 27, workers, np.random.default_rng(seed + 1), length=problem.length,
                         fails=problem.fails).run()
    assert eager.promotions == patient.promotions


def test_the_next_bracket_begins_while_the_last_result_of_a_rung_is_open():
    books = start(wb.SuccessiveHalving(9), 9)
    for trial in range(1, 9):
        books.report(trial, 1, float(trial))
    assert actions([*books.free(), *books.free()]) == [(1, "go"), (2, "go")]
    assert not books.free()
    word = books.begin(9).why
    assert (word.bracket, word.rung, word.goal) == (1, 0, 1)
    assert actions(books.report(0, 1, 0.0)) == [(3, "stop"), (0, "go")]


# ---- ends --------------------------------------------------------------------------------------------------------------


def test_a_trial_that_ends_early_counts_with_its_last_loss_on_all_later_rungs():
    books = start(wb.SuccessiveHalving(9), 9)
    assert not books.end(0, 0.0)
    for trial in range(1, 9):
        books.report(trial, 1, float(trial))
    assert books.goal(1) == books.goal(2) == 3
    assert actions(books.report(1, 3, 1.0)) == [(1, "stop")]  # trial 0 is better with what it has
    assert actions(books.report(2, 3, -1.0)) == [(2, "go")]
    assert actions(books.report(2, 9, 0.5)) == [(2, "finish")]


def test_nothing_is_said_of_a_trial_that_has_ended():
    books = start(wb.SuccessiveHalving(3), 3)  # 3, 1
    books.end(0, None)
    assert actions(books.report(1, 1, 1.0)) == [(1, "wait")]
    assert actions(books.report(2, 1, 0.0)) == [(1, "stop"), (2, "go")]
    assert not books.end(0, None) and not books.end(1, 5.0)


def test_a_trial_that_fails_while_it_waits_keeps_the_loss_it_had_there_but_is_the_worst_above():
    books = start(wb.SuccessiveHalving(9), 9)
    for trial in range(8):
        books.report(trial, 1, float(trial))
    assert not books.end(0, None)
    assert actions(books.report(8, 1, 9.0)) == [(8, "stop"), (1, "go"), (2, "go")]
    assert actions(books.report(1, 3, 5.0)) == [(1, "wait")]
    assert actions(books.report(2, 3, 6.0)) == [(2, "stop"), (1, "go")]


def test_a_bracket_whose_trials_all_fail_is_over():
    books = start(wb.SuccessiveHalving(9), 9)
    assert [v for trial in range(9) for v in books.end(trial, None)] == []
    assert not books.free() and not books.close()
    assert books.begin(9).why.bracket == 1


def test_nan_is_the_worst_and_of_equals_the_one_that_began_first_is_better():
    books = start(wb.SuccessiveHalving(3), 3)
    books.report(2, 1, math.inf)
    assert actions(books.report(0, 1, math.nan)) == [(0, "wait"), (2, "stop")]
    assert actions(books.report(1, 1, math.nan)) == [(1, "stop"), (0, "go")]


# ---- the end of a run --------------------------------------------------------------------------------------------------


def test_a_bracket_that_is_cut_short_is_halved_in_the_same_proportions():
    books = start(wb.SuccessiveHalving(27), 20)  # of 27, 9, 3, 1
    for trial in range(20):
        books.report(trial, 1, float(trial))
    said = actions(books.close())
    assert said == [(t, "stop") for t in range(6, 9)] + [(t, "go") for t in range(6)]  # 20, 6, 2, 1; 9 … 19 stopped before
    assert [rung.n for rung in books._brackets[0].rungs] == [20, 6, 2, 1]


@pytest.mark.parametrize("n", range(1, 28))
def test_one_trial_of_a_cut_bracket_has_all_the_steps(n):
    run = simulate(wb.SuccessiveHalving(27), Problem(n), n, 3, n)
    assert len(run.of["finish"]) == 1


def test_after_the_end_more_trials_begin_a_bracket_of_their_own():
    books = start(wb.SuccessiveHalving(9), 4)
    for trial in range(4):
        books.report(trial, 1, float(trial))
    assert actions(books.close()) == [(1, "stop"), (2, "stop"), (0, "go")]
    assert not books.close()
    assert books.begin(4).why.bracket == 1
    assert actions(books.report(0, 3, 0.0)) == [(0, "go")]
    for trial in range(5, 13):
        books.begin(trial)
    assert books.begin(13).why.bracket == 2


def test_a_whole_bracket_ends_as_it_would_have_without_being_closed():
    books = start(wb.SuccessiveHalving(3), 3)
    books.report(0, 1, 0.0)
    assert not books.close()
    assert actions(books.free()) == []
    assert actions([*books.report(1, 1, 1.0), *books.free()]) == [(1, "stop")]


# ---- interrupted trials ------------------------------------------------------------------------------------------------


def test_the_one_begun_instead_takes_the_place_while_it_runs_while_it_waits_and_after_promotion():
    books = start(wb.SuccessiveHalving(9), 9)
    assert books.begin(9, instead_of=0).why.rung == 0  # while it ran
    for trial in range(1, 8):
        books.report(trial, 1, float(trial))
    assert books.begin(10, instead_of=1).why.summary() == "Begins in bracket 1, rung 1 of 3, with 1 step."  # while it waited
    assert not books.free()  # two results are open again, beside trial 8's
    books.report(10, 1, 1.0)
    books.report(9, 1, 0.0)
    assert actions(books.free()) == [(9, "go")]
    again = books.begin(11, instead_of=9)  # after promotion
    assert again.why.summary() == "Begins in bracket 1, rung 2 of 3, with 3 steps."
    assert books.goal(11) == 3
    assert actions(books.report(8, 1, 8.0)) == [(8, "stop"), (10, "go"), (2, "go")]
    assert not books.report(11, 1, 0.0)
    assert actions(books.report(11, 3, 0.0)) == [(11, "wait")]


def test_the_one_begun_instead_is_as_old_as_the_one_before():
    books = start(wb.SuccessiveHalving(3), 3)
    books.report(0, 1, 0.5)
    books.begin(3, instead_of=0)
    assert actions(books.report(1, 1, 0.5)) == [(1, "wait")]
    books.report(2, 1, 0.5)
    assert actions(books.report(3, 1, 0.5)) == [(1, "stop"), (3, "go")]


def test_a_trial_that_was_stopped_is_not_promoted_when_its_better_comes_again_worse():
    books = start(wb.SuccessiveHalving(3), 3)
    books.report(0, 1, 0.1)
    assert actions(books.report(1, 1, 0.5)) == [(1, "stop")]
    books.begin(3, instead_of=0)
    assert actions(books.report(3, 1, 0.9)) == [(3, "wait")]
    assert actions(books.report(2, 1, 0.95)) == [(2, "stop"), (3, "go")]


def test_instead_of_a_trial_that_the_books_do_not_know_is_a_beginning_like_any():
    books = wb.SuccessiveHalving(3).schedule()
    assert books.begin(5, instead_of=2).why.bracket == 0
    assert books.goal(5) == 1


# ---- rebuilt -----------------------------------------------------------------------------------------------------------


def told_trial_by_trial(run):
    """Tell new books each trial's whole story at once, in order of the numbers, as a stored study does."""
    books = type(run.schedule)(run.schedule._order, run.schedule.budgets)
    for trial in run.config:
        for method, args, kw in run.log:
            if args and args[0] == trial:
                getattr(books, method)(*args, **kw)
    return books


@QUICK
@given(st.sampled_from(SCHEDULERS), st.integers(1, 20), st.integers(0, 2**30), st.sampled_from([0.0, 0.3]))
def test_books_that_are_told_trial_by_trial_stand_where_the_first_stood(scheduler, workers, seed, ending):
    problem = Problem(seed, "few", ending)
    n = 2 * scheduler.n_trials
    run = simulate(scheduler, problem, n, workers, seed)
    books = told_trial_by_trial(run)
    assert {t: books.goal(t) for t in range(n)} == {t: run.schedule.goal(t) for t in range(n)}
    for a, b in zip(books._brackets, run.schedule._brackets, strict=True):
        assert [(r.n, r.results, r.passed, r.out) for r in a.rungs] == [(r.n, r.results, r.passed, r.out) for r in b.rungs]


@QUICK
@given(st.sampled_from(SCHEDULERS), st.integers(1, 12), st.integers(0, 2**30), st.integers(0, 200))
def test_a_run_that_goes_on_with_rebuilt_books_ends_as_algorithm_1(scheduler, workers, seed, cut):
    """Cut anywhere; what was under way is begun again, as after a restart of the kernel."""
    problem = Problem(seed)
    n = scheduler.n_trials
    first = Simulation(scheduler.schedule(), problem.curve, n, workers, np.random.default_rng(seed))
    for _ in range(cut):
        first.fill()
        if not first.busy:
            break
        first.take_step(first.busy.pop(int(first.rng.integers(len(first.busy)))))
    second = first
    second.schedule = told_trial_by_trial(first)
    second.busy, second.ready, second.waiting = [], type(first.ready)(), {}
    for trial in [t for t, s in first.state.items() if s in ("go", "wait")]:
        second.break_off(trial)
    second.run()
    assert not second.waiting
    for configs, plan in plans(scheduler, n):
        reached = algorithm_1(plan, configs, problem.at)
        for trial, config in second.config.items():
            if config in reached and second.state[trial] != "interrupted":
                assert second.state[trial] == ("finish" if reached[config] + 1 == len(plan) else "stop")
                assert second.steps[trial] == plan[reached[config]][1]


# ---- words and settings ------------------------------------------------------------------------------------------------


def test_explanations_say_where_a_trial_stands():
    books = wb.SuccessiveHalving(9).schedule()
    said = [books.begin(trial).why.summary() for trial in range(9)]
    assert said[0] == "Begins in bracket 1, rung 1 of 3, with 1 step."
    (wait,) = books.report(0, 1, 0.4)
    assert wait.why.summary() == "Waits in bracket 1, rung 1 of 3: rank 1 of 1 known so far, 9 in all; 3 go on."
    for trial in range(1, 8):
        books.report(trial, 1, float(trial))
    *stops, first, _, _ = books.report(8, 1, 0.3)
    assert stops[0].why.summary() == "Stopped in bracket 1, rung 1 of 3: rank 4 of 9 known so far, 9 in all; only 3 go on."
    assert first.why == OnRung(0, 0, 3, "go", 3, 1, 9, 9, 3)
    assert first.why.summary() == "Promoted to 3 steps from bracket 1, rung 1 of 3: rank 1 of 9 known so far, 9 in all; 3 go on."
    for trial in (0, 1):
        books.report(trial, 3, float(trial))
    stop, go = books.report(8, 3, 0.5)
    assert stop.why.summary().endswith("only 1 goes on.") and go.why.summary().endswith("; 1 goes on.")
    (finish,) = books.report(0, 9, 0.0)
    assert finish.why.summary() == "Finished with 9 steps in bracket 1, rung 3 of 3: rank 1 of 1 known so far, 1 in all."


def test_one_reaches_the_end_of_a_bracket_unless_more_are_asked_for():
    assert wb.SuccessiveHalving(81).n_trials == 81
    assert wb.SuccessiveHalving(81, 3).n_trials == 27
    assert [(r.n, r.r) for r in wb.SuccessiveHalving(100, eta=4, n=200).brackets[0]] == [(200, 1), (50, 6), (12, 25), (3, 100)]
    assert wb.SuccessiveHalving(81).schedule().budgets == (1, 3, 9, 27, 81)


@pytest.mark.parametrize("n", [0, -1, 2.0, True, "9"])
def test_a_number_of_trials_that_is_none_is_refused(n):
    with pytest.raises(RunError, match="n must be a whole number"):
        wb.SuccessiveHalving(9, n=n)


@pytest.mark.parametrize("cls", [wb.SuccessiveHalving, wb.Hyperband, wb.EagerHyperband])
def test_settings_are_checked_when_they_are_made(cls):
    for bad in ({"max_steps": 0}, {"max_steps": 9, "eta": 1}, {"max_steps": 9, "min_steps": 10}, {"max_steps": 9.0}):
        with pytest.raises(RunError):
            cls(**bad)


def test_books_know_nothing_but_brackets():
    books = Brackets(lambda k: brackets.rungs(3, 1, 3, 3), [1, 3])
    assert books.budgets == (1, 3)
    assert not books.free() and not books.close()
