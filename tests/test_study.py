"""The loop of a study: the order of events, seeds, failures, limits, pausing between steps."""

import math
import time
from dataclasses import dataclass

import numpy as np
import optuna
import pytest

import workbench as wb
from tests.engine_helpers import SPACE, Broken, Gate, configs, curve, ends, loss, make, reports, run, until
from workbench.errors import ObjectiveError, RunError
from workbench.events import (
    Printed,
    RunFinished,
    RunStarted,
    StateChanged,
    TrialFinished,
    TrialJudged,
    TrialReported,
    TrialSuggested,
)
from workbench.history import Drawn
from workbench.ledger import Ledger
from workbench.propose import Settings
from workbench.schedule import Verdict
from workbench.study import run_study


def events_of(objective, **settings):
    study = optuna.create_study()
    return list(run_study(Ledger(study), objective, Settings(**{"space": SPACE, "algorithm": wb.Random(), "n_trials": 5,
                                                                **settings})))


# ---- order ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_workers", [1, 3])
def test_each_trial_is_suggested_then_reported_step_by_step_then_finished(n_workers):
    events = events_of(curve, n_trials=8, n_workers=n_workers)
    assert isinstance(events[0], StateChanged)
    assert isinstance(events[-1], RunFinished)
    for k in range(8):
        mine = [e for e in events if getattr(e, "trial", None) == k]
        assert [type(e) for e in mine] == [TrialSuggested, *[TrialReported] * 3, TrialFinished]
        assert [e.step for e in mine[1:4]] == [1, 2, 3]
        assert mine[-1].loss == mine[-2].loss


def test_a_plain_functions_trial_has_no_reports():
    assert not reports(run(loss))


def test_never_more_trials_than_workers_run_at_once():
    gate = Gate()
    r = make(gate, n_workers=3, n_trials=7).start()
    until(lambda: gate.n == 3)
    time.sleep(0.1)
    assert gate.n == 3
    assert r.trials.n_running == 3
    gate.open.set()
    r.wait(20)
    assert gate.n == 7


def test_only_active_parameters_reach_the_objective():
    seen = []
    run(lambda c: seen.append(c) or 0.0, n_trials=20)
    assert {("momentum" in c) for c in seen} == {True, False}
    assert all(("momentum" in c) == (c["optimizer"] == "sgd") for c in seen)
    for c in seen:
        SPACE.validate(c)


# ---- seeds ---------------------------------------------------------------------------------------------------------

ALGORITHMS = [wb.Random(), wb.TPE(n_startup=4), wb.GPBO(n_startup=4), wb.Grid(k=3)]


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: type(a).__name__)
def test_same_seed_and_one_worker_give_the_identical_run(algorithm):
    a, b = (run(curve, algorithm=algorithm, n_trials=9, seed=3) for _ in range(2))
    assert configs(a) == configs(b)
    assert reports(a) == reports(b)
    assert [(e.trial, e.loss) for e in ends(a)] == [(e.trial, e.loss) for e in ends(b)]


def test_another_seed_gives_another_run():
    assert configs(run(seed=1)) != configs(run(seed=2))


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("n_workers", [1, 3])
def test_the_same_history_gives_the_same_draw_for_any_number_of_workers(algorithm, n_workers):
    r = run(curve, algorithm=algorithm, n_trials=12, n_workers=n_workers, seed=5)
    for k in (0, 3, 7, 11):
        history = r.history(before=k)
        again = algorithm.suggest(history, np.random.default_rng([5, k]))
        assert SPACE.from_unit(again.x) == r.trials.by_number[k].config


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: type(a).__name__)
def test_explaining_again_gives_the_very_reason_given_at_the_time(algorithm):
    r = run(curve, algorithm=algorithm, n_trials=10, n_workers=2, seed=5)
    for k, t in r.trials.by_number.items():
        assert r.explain(k).summary() == t.why.summary()


def test_history_rows_stand_in_the_order_of_the_results():
    def slow_first(config):
        first = not seen
        seen.append(1)
        time.sleep(0.5 if first else 0.0)
        return loss(config)

    seen = []
    r = run(slow_first, n_workers=2, n_trials=6)
    told = [e.trial for e in ends(r)]
    assert told != sorted(told)
    assert list(r.history().y) == [r.trials.by_number[k].loss for k in told]


# ---- results and failures ------------------------------------------------------------------------------------------


def test_a_failing_objective_fails_its_trial_and_the_run_goes_on():
    def sometimes(config):
        if config["optimizer"] == "sgd":
            raise ValueError("boom <b>")
        return 1.0

    r = run(sometimes, n_trials=12)
    states = {t.number: t.state for t in r.trials.by_number.values()}
    assert set(states.values()) == {"failed", "complete"}
    assert len(states) == 12
    failed = next(t for t in r.trials.by_number.values() if t.state == "failed")
    assert "in sometimes" in failed.error
    assert failed.error.rstrip().endswith("ValueError: boom <b>")
    assert r.state == "done"


def test_a_loss_of_nan_fails_the_trial_and_says_so():
    r = run(lambda c: math.nan, n_trials=2)
    assert all(e.state == "failed" and e.loss is None and "nan" in e.error for e in ends(r))


def test_an_infinite_loss_is_a_result_that_is_never_the_best():
    r = run(lambda c: math.inf if c["optimizer"] == "sgd" else 1.0, n_trials=8)
    assert {e.loss for e in ends(r)} == {math.inf, 1.0}
    assert all(e.state == "complete" for e in ends(r))
    assert r.best.loss == 1.0


def test_nan_in_the_middle_of_a_curve_is_kept_and_the_last_loss_counts():
    def f(config):
        yield math.nan
        yield 0.5

    r = run(f, n_trials=1)
    assert math.isnan(r.trials.by_number[0].curve[0][1])
    assert ends(r)[0].loss == 0.5


@pytest.mark.parametrize("value", [None, "0.1", 1j, np.zeros(10**6)])
def test_a_return_that_is_no_number_fails_the_trial_with_a_clear_error(value):
    r = run(lambda c: value, n_trials=2)
    assert [e.state for e in ends(r)] == ["failed"] * 2
    assert "ObjectiveError: the objective must return" in ends(r)[0].error


def test_a_generator_that_never_yields_fails_its_trial():
    def f(config):
        return
        yield

    r = run(f, n_trials=2)
    assert "at least one loss" in ends(r)[0].error


def test_maximising_negates_losses_inside_and_shows_the_users_values_outside():
    r = run(lambda c: c["depth"], direction="maximize", n_trials=15)
    best = max(c["depth"] for c in configs(r))
    assert r.best.loss == -best
    assert r.trials.value(r.best.loss) == best
    assert r.frame()["value"].max() == best
    assert r._ledger.study.best_value == best


def test_learning_curves_are_kept_as_intermediate_values_of_one_optuna_trial():
    r = run(curve, n_trials=3)
    stored = r._ledger.study.trials
    assert [t.intermediate_values for t in stored] == [dict(r.trials.by_number[k].curve) for k in range(3)]
    assert [t.value for t in stored] == [r.trials.by_number[k].loss for k in range(3)]
    assert [t.params for t in stored] == configs(r)


def test_prints_are_kept_with_their_trial():
    def talk(config):
        print("depth", config["depth"])
        return 0.0

    r = run(talk, n_trials=4, n_workers=2)
    assert all(t.printed == [f"depth {t.config['depth']}"] for t in r.trials.by_number.values())
    assert sum(isinstance(e, Printed) for e in r.log) == 4


def test_a_failing_algorithm_ends_the_run_as_failed_and_visibly():
    r = make(algorithm=Broken()).start()
    with pytest.raises(RunError, match="the model is singular"):
        r.wait(20)
    assert r.state == "failed"
    assert "ZeroDivisionError" in r.detail
    assert len(r.trials) == 3  # nothing was drawn at random instead
    last = r.log[len(r.log) - 1]
    assert isinstance(last, RunFinished)
    assert "in suggest" in last.error


def test_a_finished_grid_ends_the_run_as_done_and_says_why():
    space = wb.Space(a=wb.Choice("x", "y", "z"))
    r = run(lambda c: 0.0, space, algorithm=wb.Grid(), n_trials=50)
    assert (r.state, len(r.trials)) == ("done", 3)
    assert "have been tried" in r.detail


def test_an_objective_that_is_no_function_is_refused():
    with pytest.raises(ObjectiveError, match="must be a function"):
        events_of(3)


# ---- schedulers ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TwoSteps:
    """Stops every trial after two steps."""

    n_trials = None
    budgets = (2,)

    def schedule(self):
        return self

    def begin(self, trial, *, instead_of=None):
        return Verdict(trial, "go", Drawn("begins"))

    def goal(self, trial):
        return 2

    def report(self, trial, step, loss):
        return [Verdict(trial, "stop", Drawn("two steps are enough"))] if step == 2 else []

    def end(self, trial, loss, *, stopped=None):
        return []

    free = close = lambda self: []


def test_a_scheduler_ends_trials_early_and_says_why():
    r = run(curve, scheduler=TwoSteps(), n_trials=4)
    assert [(e.state, e.loss) for e in ends(r)] == [("pruned", t.curve[1][1]) for t in r.trials.by_number.values()]
    verdicts = [e for e in r.log if isinstance(e, TrialJudged)]
    assert [v.action for v in verdicts] == ["go", "stop"] * 4
    assert "two steps" in verdicts[1].why.summary()


# ---- limits --------------------------------------------------------------------------------------------------------


def test_a_hanging_objective_is_failed_at_its_time_limit_and_its_slot_given_back():
    gate = Gate()

    def f(config):
        return gate(config) if config["optimizer"] == "sgd" else 0.0

    r = run(f, trial_timeout=0.2, n_trials=6)
    by_state = {t.state: t for t in r.trials.by_number.values()}
    assert set(by_state) == {"failed", "complete"}
    assert "time limit of 0.2 s" in by_state["failed"].error
    assert r.state == "done"
    gate.open.set()


def test_the_time_limit_of_a_trial_counts_all_its_steps():
    def f(config):
        for _ in range(100):
            time.sleep(0.03)
            yield 0.0

    r = run(f, trial_timeout=0.2, n_trials=1)
    assert ends(r)[0].state == "failed"
    assert 1 <= len(reports(r)) <= 7


def test_the_time_limit_of_the_run_stops_it():
    def f(config):
        time.sleep(0.02)
        return 0.0

    r = run(f, timeout=0.3, n_trials=None)
    assert r.state == "stopped"
    assert "time limit of 0.3 s" in r.detail
    assert 1 <= r.n_done <= 15


def test_limits_hold_although_other_workers_keep_the_loop_busy():
    gate = Gate()

    def f(config):
        if gate.n == 0:
            return gate(config)
        time.sleep(0.002)
        return 0.0

    start = time.monotonic()
    r = run(f, trial_timeout=0.3, n_trials=150, n_workers=2)
    assert sum(t.state == "failed" for t in r.trials.by_number.values()) == 1
    failed = next(t for t in r.trials.by_number.values() if t.state == "failed")
    assert failed.seconds < 2.0
    assert time.monotonic() - start < 20
    gate.open.set()


# ---- Optuna's objectives and samplers ------------------------------------------------------------------------------


def define_by_run(trial):
    x = trial.suggest_float("x", -1, 1)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    y = trial.suggest_int("y", 1, 3) if kind == "a" else 0
    for epoch in range(4):
        trial.report(x * x + y + 1 / (1 + epoch), epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return x * x + y


@pytest.mark.parametrize("algorithm", [None, wb.Random(), wb.TPE(), optuna.samplers.TPESampler(seed=0)],
                         ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("n_workers", [1, 3])
def test_an_unchanged_optuna_objective_runs(algorithm, n_workers):
    r = run(define_by_run, None, algorithm=algorithm, n_trials=12, n_workers=n_workers)
    assert [e.state for e in ends(r)] == ["complete"] * 12
    for t in r.trials.by_number.values():
        assert t.loss == t.config["x"] ** 2 + t.config.get("y", 0)
        assert [step for step, _ in t.curve] == [0, 1, 2, 3]
    assert r._ledger.study.trials[0].intermediate_values == dict(r.trials.by_number[0].curve)


def test_the_space_of_an_optuna_objective_is_read_off_its_trials_and_told():
    r = run(define_by_run, None, n_trials=15)
    assert set(r.space.names) == {"x", "kind", "y"}
    assert r.space["y"].when == (("kind", ("a",)),)
    told = [e.space for e in r.log if isinstance(e, RunStarted)]
    assert told[0] == {}
    assert told[-1] == r.space.to_json()


def test_an_optuna_objective_is_pruned_by_its_own_question():
    r = run(define_by_run, None, scheduler=TwoSteps(), n_trials=3)
    assert [e.state for e in ends(r)] == ["pruned"] * 3
    assert [len(t.curve) for t in r.trials.by_number.values()] == [2] * 3


@pytest.mark.parametrize("sampler", [optuna.samplers.TPESampler(seed=0), optuna.samplers.RandomSampler(seed=0),
                                     optuna.samplers.NSGAIISampler(seed=0)],
                         ids=lambda s: type(s).__name__)
def test_optunas_samplers_run_in_a_conditional_space(sampler):
    r = run(curve, algorithm=sampler, n_trials=14)
    assert [e.state for e in ends(r)] == ["complete"] * 14
    for c in configs(r):
        SPACE.validate(c)


def test_forbidden_combinations_of_optunas_samplers_are_drawn_again_and_not_counted():
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Choice("p", "q"), forbidden=[{"a": "x", "b": "p"}])
    r = run(lambda c: 0.0, space, algorithm=optuna.samplers.RandomSampler(seed=1), n_trials=12)
    assert len(ends(r)) == 12
    assert all(c != {"a": "x", "b": "p"} for c in configs(r))
    assert len(r._ledger.study.trials) > 12


def test_a_space_where_all_is_forbidden_to_optunas_samplers_ends_the_run_and_says_so():
    space = wb.Space(a=wb.Choice("x"), b=wb.Float(0, 1), forbidden=[{"a": "x"}])
    r = run(lambda c: 0.0, space, algorithm=optuna.samplers.RandomSampler(seed=1), n_trials=2)
    assert not ends(r)
    assert "forbidden" in r.detail


@pytest.mark.parametrize("seed", range(5))
def test_a_trial_that_waits_goes_on_before_another_begins(seed):
    rng = np.random.default_rng(seed)

    def f(config):
        for _ in range(4):
            time.sleep(rng.random() * 0.002)
            yield 0.0

    running = most = 0
    for e in run(f, n_workers=3, n_trials=30).log:
        running += isinstance(e, TrialSuggested) - isinstance(e, TrialFinished)
        most = max(most, running)
    assert most == 3
