"""Runs with a scheduler: pausing and promoting whatever kind of objective, memory, stopping and going on."""

import gc
import pickle
import weakref
from collections import Counter

import numpy as np
import optuna
import pytest

import workbench as wb
from tests.engine_helpers import ends, run, until
from workbench.events import TrialJudged, TrialReported, TrialShelved
from workbench.fidelity import brackets
from workbench.fidelity.halving import SuccessiveHalving
from workbench.fidelity.hyperband import Hyperband
from workbench.history import Drawn
from workbench.objective import Checkpoint
from workbench.search.one_scale import OneScaleExplanation
from workbench.seen import Replay

SPACE = wb.Space(x=wb.Float(0, 1), slope=wb.Float(0, 1))
HALVING = SuccessiveHalving(max_steps=9, eta=3)  # 9 trials: 1, 3, 9 steps
COST = brackets.cost(HALVING.brackets[0])


def loss(config, step):
    return config["x"] + config["slope"] / step


class Counted:
    """A generator objective that counts the steps that really ran."""

    def __init__(self, length=1000):
        self.n, self.length, self.open, self.most = 0, length, 0, 0

    def __call__(self, config):
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            for step in range(1, self.length + 1):
                self.n += 1
                yield loss(config, step)
        finally:
            self.open -= 1


def optuna_objective(trial):
    config = {"x": trial.suggest_float("x", 0, 1), "slope": trial.suggest_float("slope", 0, 1)}
    for epoch in range(9):  # counted from 0, as many do
        trial.report(loss(config, epoch + 1), epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss(config, 9)


def states(r):
    return Counter(e.state for e in ends(r))


def lengths(r):
    return sorted(len(t.curve) for t in r.trials.by_number.values())


@pytest.mark.parametrize("n_workers", [1, 3, 9])
def test_halving_promotes_what_is_best_on_each_rung_and_runs_no_step_twice(n_workers):
    f = Counted()
    r = run(f, SPACE, scheduler=HALVING, n_trials=9, n_workers=n_workers)
    assert f.n == COST
    assert f.open == 0  # every generator was closed
    assert states(r) == {"complete": 1, "pruned": 8}
    assert lengths(r) == [1] * 6 + [3] * 2 + [9]
    configs = [t.config for t in r.trials.by_number.values()]
    first = sorted(range(9), key=lambda k: loss(configs[k], 1))[:3]
    second = sorted(first, key=lambda k: loss(configs[k], 3))[:1]
    assert {k for k, t in r.trials.by_number.items() if len(t.curve) >= 3} == set(first)
    assert [k for k, t in r.trials.by_number.items() if t.state == "complete"] == second
    assert r.best.number == second[0]


def test_the_verdicts_tell_where_a_trial_stands():
    r = run(Counted(), SPACE, scheduler=HALVING, n_trials=9)
    winner = r.best.number
    words = [(e.step, e.action, e.why.goal) for e in r.log if isinstance(e, TrialJudged) and e.trial == winner]
    assert [w for w in words if w[1] != "wait"] == [(0, "go", 1), (1, "go", 3), (3, "go", 9), (9, "finish", 9)]


def test_an_unchanged_optuna_objective_is_halved_in_the_same_way():
    r = run(optuna_objective, None, scheduler=HALVING, n_trials=9, algorithm=optuna.samplers.RandomSampler(seed=0))
    assert states(r) == {"complete": 1, "pruned": 8}
    assert lengths(r) == [1] * 6 + [3] * 2 + [9]


def test_an_optuna_objective_that_never_asks_is_ended_at_its_next_report():
    def silent(trial):
        x = trial.suggest_float("x", 0, 1)
        for epoch in range(100):
            trial.report(x + 1 / (epoch + 1), epoch)
        return x

    r = run(silent, None, scheduler=HALVING, n_trials=9, algorithm=optuna.samplers.RandomSampler(seed=0))
    assert states(r) == {"complete": 1, "pruned": 8}
    assert lengths(r) == [2] * 6 + [4] * 2 + [10]


def test_a_function_of_a_budget_trains_from_the_start_at_each_budget():
    calls = []

    def f(config, budget):
        calls.append(budget)
        return loss(config, budget)

    r = run(f, SPACE, scheduler=HALVING, n_trials=9)
    assert Counter(calls) == {1: 9, 3: 3, 9: 1}
    assert r.best.curve == [(k, loss(r.best.config, k)) for k in (1, 3, 9)]


def test_a_function_of_a_budget_may_go_on_from_its_state():
    trained = []

    def f(config, budget, state):
        done = 0 if state is None else state
        trained.append(budget - done)
        return Checkpoint(loss(config, budget), budget)

    run(f, SPACE, scheduler=HALVING, n_trials=9)
    assert sum(trained) == COST


def test_a_run_without_a_scheduler_refuses_a_function_of_a_budget():
    with pytest.raises(wb.RunError, match="takes a budget, which only a scheduler"):
        wb.optimize(lambda config, budget: 0.0, SPACE)
    with pytest.raises(wb.RunError, match="MedianStop has none to give"):
        wb.optimize(lambda config, budget: 0.0, SPACE, scheduler=wb.MedianStop())


def test_a_short_objective_ends_by_itself_and_counts_with_its_last_loss():
    f = Counted(length=2)
    r = run(f, SPACE, scheduler=HALVING, n_trials=9)
    assert states(r) == {"complete": 3, "pruned": 6}
    assert f.n == 6 + 3 * 2


def test_a_plain_function_runs_under_a_scheduler_to_its_end():
    r = run(lambda c: c["x"], SPACE, scheduler=HALVING, n_trials=9)
    assert states(r) == {"complete": 9}


def test_failed_trials_are_never_promoted_while_others_live():
    def f(config):
        yield config["x"]
        if config["x"] < 0.3:
            raise ZeroDivisionError
        while True:
            yield config["x"]

    r = run(f, SPACE, scheduler=HALVING, n_trials=18, seed=3)
    assert states(r)["failed"] >= 1
    assert states(r)["complete"] + states(r)["pruned"] + states(r)["failed"] == 18


def test_a_bracket_cut_short_by_the_number_of_trials_is_halved_in_proportion():
    r = run(Counted(), SPACE, scheduler=HALVING, n_trials=6)
    assert lengths(r) == [1] * 4 + [3] * 1 + [9]


def test_more_trials_begin_a_new_bracket_after_one_that_was_cut_short():
    r = run(Counted(), SPACE, scheduler=HALVING, n_trials=6)
    r.configure(n_trials=15).start().wait(60)
    assert lengths(r) == sorted([1] * 4 + [3, 9] + [1] * 6 + [3] * 2 + [9])


def test_hyperband_runs_its_round_by_default():
    f = Counted()
    r = wb.optimize(f, SPACE, scheduler=Hyperband(9), algorithm=wb.Random(), seed=0).start().wait(60)
    assert r.n_trials == Hyperband(9).n_trials == 17
    assert f.n == sum(brackets.cost(b) for b in Hyperband(9).brackets)


def test_without_a_limit_brackets_go_on_until_the_run_is_stopped():
    r = wb.optimize(Counted(), SPACE, scheduler=HALVING, algorithm=wb.Random(), n_trials=None, seed=0).start()
    until(lambda: states(r)["complete"] >= 3)
    r.stop()
    r.wait(30)
    assert r.state == "stopped"


# ---- memory --------------------------------------------------------------------------------------------------------


def test_few_waiting_trials_stay_in_memory_and_the_others_run_their_steps_again():
    f = Counted()
    r = wb.optimize(f, SPACE, scheduler=HALVING, n_trials=9, algorithm=wb.Random(), seed=0, max_waiting=2).start().wait(60)
    assert f.most <= 4  # two wait, one runs, one is just being shelved
    assert lengths(r) == [1] * 6 + [3] * 2 + [9]
    shelved = {e.trial for e in r.log if isinstance(e, TrialShelved)}
    again = sum(len([e for e in r.log if isinstance(e, TrialShelved) and e.trial == k]) for k in shelved)
    assert again >= 1
    assert f.n >= COST
    steps = [(e.trial, e.step) for e in r.log if isinstance(e, TrialReported)]
    assert len(steps) == len(set(steps))  # what ran again was not told again


def test_a_shelved_trial_with_a_state_goes_on_from_it():
    ran = []

    def f(config, state=None):
        step = 0 if state is None else state["step"]
        while True:
            step += 1
            ran.append(step)
            yield Checkpoint(loss(config, step), {"step": step})

    r = wb.optimize(f, SPACE, scheduler=HALVING, n_trials=9, algorithm=wb.Random(), seed=0, max_waiting=0).start().wait(60)
    assert len(ran) == COST
    assert all(e.state for e in r.log if isinstance(e, TrialShelved))
    assert r.best.curve[-1][0] == 9


def test_a_shelved_optuna_objective_asks_for_the_same_configuration_again():
    r = wb.optimize(optuna_objective, scheduler=HALVING, n_trials=9, algorithm=optuna.samplers.RandomSampler(seed=0),
                    max_waiting=0).start().wait(60)
    assert lengths(r) == [1] * 6 + [3] * 2 + [9]
    assert states(r) == {"complete": 1, "pruned": 8}


# ---- pausing, stopping, going on -----------------------------------------------------------------------------------


def test_a_pause_keeps_waiting_trials_and_a_resume_runs_no_step_twice():
    f = Counted()
    r = wb.optimize(f, SPACE, scheduler=HALVING, n_trials=9, algorithm=wb.Random(), seed=0)
    for _ in range(4):
        r.step()
    assert r.state == "paused"
    assert f.n == 4
    r.resume()
    r.wait(60)
    assert f.n == COST


def test_a_stopped_run_goes_on_with_its_interrupted_trials_in_their_places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    f = Counted()
    r = wb.optimize(f, SPACE, scheduler=HALVING, n_trials=9, algorithm=wb.Random(), seed=0, name="h")
    for _ in range(7):
        r.step()
    r.stop()
    r.wait(30)
    assert states(r)["interrupted"] >= 3
    assert f.open == 0
    r.close()
    again = wb.open("h", f).start().wait(60)
    assert again.scheduler == HALVING
    done = [t for t in again.trials.by_number.values() if t.state != "interrupted"]
    assert len(done) == 9
    assert Counter(t.state for t in done) == {"complete": 1, "pruned": 8}
    assert sorted(len(t.curve) for t in done)[-3:] == [3, 3, 9]
    again.close()


def test_what_a_suggestion_saw_is_rebuilt_with_the_losses_at_the_budgets():
    seen = []

    class Spy(wb.Random):
        def suggest(self, history, rng):
            seen.append(history)
            return wb.Random().suggest(history, rng)

    r = run(Counted(), SPACE, scheduler=HALVING, n_trials=18, algorithm=Spy(), n_workers=2)
    assert seen[0].budgets == (1, 3, 9)
    for k in range(18):
        h = r.history(before=k)
        for name in ("x", "y", "pending", "by_budget", "pending_by_budget"):
            a, b = getattr(h, name), getattr(seen[k], name)
            assert a.shape == b.shape, (k, name)
            assert pickle.dumps(a.tolist()) == pickle.dumps(b.tolist()), (k, name)
    assert any(h.pending_by_budget[:, 0].size and (h.pending_by_budget[:, 0] < 9).any() for h in seen)


def test_a_view_rebuilds_from_events_what_a_suggestion_saw():
    r = run(Counted(), SPACE, scheduler=HALVING, n_trials=18, n_workers=2)
    replay = Replay(r.trials)
    for k in range(18):
        a, b = r.history(before=k), replay.history_before(k)
        assert a.budgets == b.budgets
        for name in ("x", "y", "pending", "by_budget", "pending_by_budget"):
            assert pickle.dumps(getattr(a, name).tolist()) == pickle.dumps(getattr(b, name).tolist()), (k, name)


def test_the_algorithm_of_an_optuna_objective_knows_the_budgets_too():
    seen = []

    class Spy(wb.Random):
        def suggest(self, history, rng):
            seen.append(history)
            return wb.Random().suggest(history, rng)

    run(optuna_objective, None, scheduler=HALVING, n_trials=18, algorithm=Spy())
    last = seen[-1]
    assert last.budgets == (1, 3, 9)
    assert len(last.by_budget) == len(last) >= 9
    assert sum(~(last.by_budget[:, 2] != last.by_budget[:, 2])) == 1


def test_an_algorithm_of_one_budget_sees_the_trials_on_one_scale():
    r = run(Counted(), SPACE, scheduler=HALVING, n_trials=40, algorithm=wb.TPE())
    assert r.algorithm == wb.OneScale(wb.TPE())
    assert isinstance(r.trials.by_number[39].why, OneScaleExplanation | Drawn)
    assert run(Counted(), SPACE, scheduler=HALVING, n_trials=4, algorithm=wb.BOHB()).algorithm == wb.BOHB()


def test_what_a_model_saw_under_a_scheduler_can_be_asked_again():
    r = run(Counted(), SPACE, scheduler=HALVING, n_trials=40, algorithm=wb.OneScale(wb.TPE(), random_share=0.0), n_workers=2)
    for k in (25, 39):
        again = r.algorithm.suggest(r.history(before=k), np.random.default_rng([r.seed, k]))
        assert SPACE.from_unit(again.x) == r.trials.by_number[k].config


@pytest.mark.parametrize("bad", [object(), Hyperband, 81])
def test_what_is_no_scheduler_is_refused(bad):
    with pytest.raises(wb.RunError, match="a scheduler is an object"):
        wb.optimize(Counted(), SPACE, scheduler=bad)


def test_the_time_left_goes_by_steps():
    r = wb.optimize(Counted(), SPACE, scheduler=HALVING, n_trials=9, algorithm=wb.Random(), seed=0)
    for _ in range(3):
        r.step()
    assert r.eta_s == pytest.approx(r.elapsed_s / 3 * (COST - 3))
    r.stop()


def test_what_trials_cost_is_kept_for_an_algorithm_that_asks_for_it():
    seen = []

    class Thrifty(wb.Random):
        several_costs = True

        def suggest(self, history, rng):
            seen.append(history)
            return wb.Random().suggest(history, rng)

    r = run(lambda c: c["x"], SPACE, n_trials=6, algorithm=Thrifty())
    assert len(seen[-1].seconds) == 5
    assert (seen[-1].seconds >= 0).all()
    for other in (r.history(before=5), Replay(r.trials).history_before(5)):
        assert other.seconds.tolist() == seen[-1].seconds.tolist()
    assert np.isnan(run(lambda c: c["x"], SPACE, n_trials=3).history().seconds).all()


def test_of_trials_that_wait_without_rounds_those_that_have_begun_tell_the_time_left():
    r = wb.optimize(Counted(), SPACE, scheduler=wb.ASHA(9), n_trials=20, algorithm=wb.Random(), seed=0)
    for _ in range(5):
        r.step()
    assert r.n_waiting >= 3
    assert r.eta_s == pytest.approx(r.elapsed_s / len(r.trials) * (20 - len(r.trials)))
    r.stop()


def test_a_function_of_a_budget_holds_nothing_that_could_be_shelved():
    r = wb.optimize(lambda config, budget: config["x"] + config["slope"] / budget, SPACE, scheduler=HALVING, n_trials=9, algorithm=wb.Random(),
                    seed=0, max_waiting=0).start().wait(60)
    assert not any(isinstance(e, TrialShelved) for e in r.log)
    assert states(r) == {"complete": 1, "pruned": 8}


def test_a_shelved_state_is_let_go():
    held = []

    class State:
        def __init__(self):
            held.append(weakref.ref(self))

        def __reduce__(self):
            return (int, ())

    def f(config, budget, state):
        return Checkpoint(loss(config, budget), State())

    r = wb.optimize(f, SPACE, scheduler=HALVING, n_trials=9, algorithm=wb.Random(), seed=0, max_waiting=0)
    for _ in range(3):
        r.step()
    gc.collect()
    assert [ref() for ref in held[:2]] == [None, None]
    r.stop()
