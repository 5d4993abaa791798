"""ASHA: Algorithm 2 of Li et al. 2020 with any number of workers, and its stopping variant."""

import functools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.schedule_helpers import Simulation
from workbench.errors import RunError
from workbench.fidelity.asha import Ladder, OnLadder

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def losses(seed, few=False):
    @functools.cache
    def curve(config, step):
        rng = np.random.default_rng([seed, config, step])
        return float(rng.integers(3)) if few else float(rng.normal())

    return curve


def actions(verdicts):
    return [(v.trial, v.action) for v in verdicts]


# ---- Algorithm 2 -------------------------------------------------------------------------------------------------------


def algorithm_2(budgets, eta, curve, n_trials, workers, rng):
    """Line by line, jobs that take as long as their steps, in the order that the rng gives. Returns the jobs as given out."""
    rungs = [{} for _ in budgets]
    promoted = [set() for _ in budgets]
    running, jobs, begun = {}, [], 0
    while True:
        while len(running) < workers:
            job = None
            for k in range(len(budgets) - 2, -1, -1):  # line 13
                candidates = sorted(rungs[k], key=lambda t: (rungs[k][t], t))[:len(rungs[k]) // eta]  # line 14
                promotable = [t for t in candidates if t not in promoted[k]]  # line 15
                if promotable:
                    job = promotable[0], k + 1  # line 17
                    promoted[k].add(promotable[0])
                    break
            if job is None and begun < n_trials:
                job, begun = (begun, 0), begun + 1  # lines 19 and 20
            if job is None:
                break
            jobs.append(job)
            running[job] = budgets[job[1]] - (budgets[job[1] - 1] if job[1] else 0)
        if not running:
            return jobs, rungs
        (t, k) = list(running)[rng.integers(len(running))]
        running[t, k] -= 1
        if not running[t, k]:
            del running[t, k]
            rungs[k][t] = curve(t, budgets[k])


class Order:
    """The simulation draws among its busy workers; Algorithm 2 among its running jobs: the same draws for both."""

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def integers(self, n):
        return int(self._rng.integers(10**9)) % n

    def random(self):
        return 1.0


@QUICK
@given(st.sampled_from([(9, 1, 3), (16, 1, 2), (27, 3, 3), (10, 1, 4), (5, 5, 3)]), st.integers(1, 9), st.integers(0, 60),
       st.integers(0, 2**30), st.booleans())
def test_jobs_are_those_of_algorithm_2(numbers, workers, n_trials, seed, few):
    R, r, eta = numbers
    scheduler = wb.ASHA(R, r, eta)
    budgets = scheduler.schedule().budgets
    curve = losses(seed, few)

    class Lined(Simulation):
        """Keeps busy workers in the order in which jobs were given out, as Algorithm 2 above does."""

        def take_step(self, trial):
            super().take_step(trial)
            if self.ready and self.ready[0] == trial:  # the same job goes on, at the same worker
                self.ready.popleft()
                self.busy.insert(self.at, trial)

        def run(self):
            while True:
                self.fill()
                if not self.busy:
                    return self
                self.at = self.rng.integers(len(self.busy))
                self.take_step(self.busy.pop(self.at))

    run = Lined(scheduler.schedule(), curve, n_trials, workers, Order(seed)).run()
    jobs, rungs = algorithm_2(budgets, eta, curve, n_trials, workers, Order(seed))
    rung = dict.fromkeys(range(n_trials), -1)
    ours = []
    for trial, action in run.verdicts:
        if action == "go":
            rung[trial] += 1
            ours.append((trial, rung[trial]))
    assert ours == jobs
    assert run.steps == {t: budgets[k] for t, k in rung.items()}
    assert run.of.get("finish", set()) == set(rungs[-1])
    assert set(run.waiting) == {t for t, s in run.state.items() if s == "wait"}  # the engine ends them


def test_one_worker_alone_promotes_one_of_every_three():
    run = Simulation(wb.ASHA(9).schedule(), lambda config, step: config, 9).run()
    assert [t for t, action in run.verdicts if action == "go"] == [0, 1, 2, 0, 3, 4, 5, 1, 6, 7, 8, 2, 0]


def test_one_that_is_better_than_all_before_is_promoted_at_once():
    run = Simulation(wb.ASHA(9).schedule(), lambda config, step: -config, 5).run()
    assert [t for t, action in run.verdicts if action == "go"] == [0, 1, 2, 2, 3, 3, 4, 4, 4]


def test_the_top_rung_comes_first_and_on_a_rung_the_best():
    books = wb.ASHA(9).schedule()
    for trial in range(9):
        books.begin(trial)
        books.report(trial, 1, float(trial))
    assert [actions(books.free()) for _ in range(4)] == [[(0, "go")], [(1, "go")], [(2, "go")], []]
    for trial in (2, 1, 0):
        books.report(trial, 3, float(trial))
    assert actions(books.free()) == [(0, "go")]
    assert books.goal(0) == 9
    assert actions(books.report(0, 9, 0.0)) == [(0, "finish")]
    assert not books.free() and not books.close()


def test_the_number_of_trials_is_open():
    assert wb.ASHA(81).n_trials is None
    assert wb.ASHA(81, eta=4).schedule().budgets == (1, 5, 20, 81)


# ---- ends, failures, interruptions -------------------------------------------------------------------------------------


def test_a_trial_that_ends_by_itself_counts_on_the_rungs_above_while_it_is_among_the_best():
    books = wb.ASHA(9).schedule()
    for trial in range(3):
        books.begin(trial)
    assert not books.end(0, -1.0)
    for trial in (1, 2):
        books.report(trial, 1, 0.0)
    assert not books.free()  # the best of three is the one that has ended: it needs no job
    assert [t for _, _, t in books._rungs[1].results] == [0]
    books.begin(3)
    books.report(3, 1, -0.5)
    assert not books.free()  # one of four, and one has gone on
    for trial in (4, 5):
        books.begin(trial)
        books.report(trial, 1, 5.0)
    assert actions(books.free()) == [(3, "go")]


def test_failed_trials_and_nan_are_the_worst():
    books = wb.ASHA(9).schedule()
    for trial in range(3):
        books.begin(trial)
    books.end(0, None)
    books.report(1, 1, math.nan)
    books.report(2, 1, 1e300)
    assert actions(books.free()) == [(2, "go")]


def test_what_was_given_up_while_it_waited_is_not_promoted_later():
    books = wb.ASHA(9).schedule()
    for trial in range(2):
        books.begin(trial)
        books.report(trial, 1, float(trial))
    assert not books.end(0, 0.0)  # the run ended
    for trial in range(2, 8):
        books.begin(trial)
        books.report(trial, 1, float(trial))
    assert actions(books.free()) == [(1, "go")]
    assert not books.free()


def test_an_interrupted_trial_is_begun_again_where_it_was():
    books = wb.ASHA(9).schedule()
    for trial in range(3):
        books.begin(trial)
        books.report(trial, 1, float(trial))
    assert books.begin(3, instead_of=1).why.rung == 0  # while it waited: its result comes again
    assert not books.free()
    books.report(3, 1, -1.0)
    assert actions(books.free()) == [(3, "go")]
    again = books.begin(4, instead_of=3)  # after promotion
    assert again.why.summary() == "Begins on rung 2 of 3, with 3 steps."
    assert not books.report(4, 1, 5.0)
    assert actions(books.report(4, 3, 5.0)) == [(4, "wait")]
    assert books.begin(9, instead_of=77).why.rung == 0


@QUICK
@given(st.integers(1, 9), st.integers(1, 40), st.integers(0, 2**30), st.booleans())
def test_interruptions_leave_no_rung_with_a_trial_twice(workers, n_trials, seed, stop):
    rng = np.random.default_rng(seed)
    run = Simulation(wb.ASHA(9, stop=stop).schedule(), losses(seed), n_trials, workers, rng, interrupt=0.1).run()
    for rung in run.schedule._rungs:
        configs = [run.config[t] for _, _, t in rung.results]
        assert len(configs) == len(set(configs)) and rung.results == sorted(rung.results)
        assert {t for _, _, t in rung.results} == rung.there
    assert not {"go"} & set(run.state.values())


@QUICK
@given(st.integers(1, 9), st.integers(1, 40), st.integers(0, 2**30), st.booleans(), st.booleans())
def test_books_that_are_told_trial_by_trial_stand_where_the_first_stood(workers, n_trials, seed, few, stop):
    scheduler = wb.ASHA(9, stop=stop)
    run = Simulation(scheduler.schedule(), losses(seed, few), n_trials, workers, np.random.default_rng(seed)).run()
    books = scheduler.schedule()
    for trial in run.config:
        for method, args, kw in run.log:
            if args and args[0] == trial:
                getattr(books, method)(*args, **kw)
    for a, b in zip(books._rungs, run.schedule._rungs, strict=True):
        assert a.results == b.results and a.there == b.there
        if not stop:
            assert a.promoted == b.promoted
    if not stop:
        assert {t: books.goal(t) for t in run.config} == {t: run.schedule.goal(t) for t in run.config}


# ---- the stopping variant ----------------------------------------------------------------------------------------------


def stop_rule(eta, seen, loss):
    """Go on among the best max(⌊m/η⌋, 1) of the m that have come, of equals the older."""
    m = len(seen) + 1
    return sum(other <= loss for other in seen) < max(m // eta, 1)


@QUICK
@given(st.integers(2, 4), st.integers(1, 9), st.integers(0, 60), st.integers(0, 2**30), st.booleans())
def test_a_trial_goes_on_if_it_is_among_the_best_of_a_rung_so_far(eta, workers, n_trials, seed, few):
    scheduler = wb.ASHA(16, eta=eta, stop=True)
    assert scheduler.only_stops and not wb.ASHA(16).only_stops
    curve = losses(seed, False)
    run = Simulation(scheduler.schedule(), curve, n_trials, workers, np.random.default_rng(seed)).run()
    assert set(run.of) <= {"stop", "finish"}
    seen = {r: [] for r in run.schedule.budgets}
    told = [args for method, args, _ in run.log if method == "report" and args[1] in seen]
    expected = []
    for trial, step, loss in told:
        on = stop_rule(eta, seen[step], loss)
        seen[step].append(loss)
        expected.append((trial, "finish" if step == 16 else "go" if on else "stop"))
    begun = {}
    said = []
    for trial, action in run.verdicts:
        if trial in begun:
            said.append((trial, action))
        begun[trial] = True
    assert said == expected


def test_of_equal_losses_only_the_share_that_is_due_goes_on():
    books = wb.ASHA(9, stop=True).schedule()
    said = []
    for trial in range(9):
        books.begin(trial)
        said += actions(books.report(trial, 1, 0.5))
    assert said == [(0, "go"), *[(t, "stop") for t in range(1, 9)]]


def test_a_trial_that_goes_on_whatever_was_said_counts_on_the_rungs_above():
    books = wb.ASHA(9, stop=True).schedule()
    for trial in range(2):
        books.begin(trial)
    books.report(0, 1, 0.0)
    assert actions(books.report(1, 1, 1.0)) == [(1, "stop")]
    assert not books.report(1, 2, -5.0)
    assert actions(books.report(1, 3, -5.0)) == [(1, "go")]
    assert actions(books.report(0, 3, 0.0)) == [(0, "stop")]


def test_trials_that_end_by_themselves_are_rivals_on_the_rungs_above():
    books = wb.ASHA(9, stop=True).schedule()
    for trial in range(3):
        books.begin(trial)
    books.end(0, 0.0)
    books.end(1, None)
    assert [[t for _, _, t in rung.results] for rung in books._rungs] == [[0, 1], [0], [0]]
    assert actions(books.report(2, 1, 1.0)) == [(2, "stop")]
    assert not books.end(2, 1.0)
    assert [[t for _, _, t in rung.results] for rung in books._rungs] == [[0, 2, 1], [0], [0]]


def test_one_that_was_stopped_elsewhere_is_no_rival_where_it_never_came():
    books = wb.ASHA(9, stop=True).schedule()
    books.begin(0)
    assert actions(books.report(0, 1, 0.0)) == [(0, "go")]
    assert not books.end(0, 0.0, stopped=True)
    assert [len(rung.results) for rung in books._rungs] == [1, 0, 0]


def test_nothing_is_said_of_steps_beyond_the_last():
    books = wb.ASHA(3, stop=True).schedule()
    books.begin(0)
    books.report(0, 1, 0.0)
    assert actions(books.report(0, 3, 0.0)) == [(0, "finish")]
    assert not books.report(0, 4, 0.0) and not books.end(0, 0.0)
    assert books._rungs[-1].results == [(0.0, 0, 0)]


# ---- words and settings ------------------------------------------------------------------------------------------------


def test_explanations_say_where_a_trial_stands():
    books = wb.ASHA(9).schedule()
    assert books.begin(0).why.summary() == "Begins on rung 1 of 3, with 1 step."
    (wait,) = books.report(0, 1, 0.4)
    assert wait.why.summary() == "Waits on rung 1 of 3: rank 1 of 1 so far; none goes on yet."
    for trial in (1, 2):
        books.begin(trial)
        (wait,) = books.report(trial, 1, float(trial))
    assert wait.why.summary() == "Waits on rung 1 of 3: rank 3 of 3 so far; 1 goes on."
    (go,) = books.free()
    assert go.why == OnLadder(0, 3, "go", 3, 1, 3, 1)
    assert go.why.summary() == "Promoted to 3 steps from rung 1 of 3: rank 1 of 3 so far; 1 goes on."


def test_explanations_of_the_stopping_variant():
    books = wb.ASHA(3, stop=True).schedule()
    books.begin(0), books.begin(1)
    books.report(0, 1, 0.4)
    (stop,) = books.report(1, 1, 0.5)
    assert stop.why.summary() == "Stopped on rung 1 of 2: rank 2 of 2 so far; only 1 goes on."
    (finish,) = books.report(0, 3, 0.4)
    assert finish.why.summary() == "Finished with 3 steps on rung 2 of 2: rank 1 of 1 so far."


@pytest.mark.parametrize("bad", [{"max_steps": 0}, {"max_steps": 9, "eta": 1}, {"max_steps": 9, "min_steps": 10},
                                 {"max_steps": 9, "stop": "no"}])
def test_numbers_with_which_nothing_can_be_compared_are_refused(bad):
    with pytest.raises(RunError):
        wb.ASHA(**bad)


def test_the_books_know_their_rungs_only():
    assert Ladder([2, 8], 4, stop=False).budgets == (2, 8)
