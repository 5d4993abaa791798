"""The predictive termination criterion on learning curves: who is looked at when, against whom, and who stops."""

import math
import threading

import numpy as np
import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.schedule_helpers import Simulation
from workbench.errors import RunError
from workbench.events import TrialJudged
from workbench.fates import Fates
from workbench.fidelity import curve_stop
from workbench.fidelity.curve_stop import LEVELS, CurveForecast, forecast, planned_looks
from workbench.models.learning_curve import posterior, probability_of_beating
from workbench.schedule import Later

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
T = 16


def falling(end, start=1.0, rate=0.5, n=T):
    return [end + (start - end) * math.exp(-rate * (step - 1)) for step in range(1, n + 1)]


def tell(books, trial, curve):
    """Tell of a trial step by step until it is stopped or finished; the verdicts."""
    said = [books.begin(trial)]
    for step, loss in enumerate(curve, 1):
        new = list(books.report(trial, step, loss))
        said += new
        if any(v.action in ("stop", "finish") for v in new):
            break
    books.end(trial, curve[step - 1] if curve else None)
    return said


@pytest.fixture
def looked(monkeypatch):
    """Every look is noted, and answered with the probability that stands in ``answers`` (by default 1): no sampler."""
    notes, answers = [], {}

    def noted(curve, best, max_steps, seed=0):
        notes.append((tuple(curve), best))
        p = answers.get(len(curve), 1.0)
        return {"probability": p, "mean": 0.0, "sd": 1.0, "ahead": (curve[-1][0], max_steps),
                "quantiles": tuple((0.0, float(k)) for k in range(len(LEVELS))), "weights": (("pow3", 1.0),)}

    monkeypatch.setattr(curve_stop, "forecast", noted)
    return notes, answers


# ---- when --------------------------------------------------------------------------------------------------------------


def test_looks_grow_by_half_from_a_tenth_to_nine_tenths():
    assert wb.CurveStop(81).looks == (8, 12, 18, 27, 40, 60)
    assert wb.CurveStop(1000).looks == (100, 150, 225, 337, 505, 757)


@given(st.integers(1, 10**6))
def test_there_are_never_more_than_six_looks_at_a_trial(max_steps):
    looks = wb.CurveStop(max_steps).looks
    assert len(looks) <= 6
    assert all(4 <= step <= 0.9 * max_steps for step in looks)
    assert list(looks) == sorted(set(looks))


def test_every_k_steps_as_in_the_paper():
    assert wb.CurveStop(100, every=30, min_steps=30).looks == (30, 60, 90)
    assert planned_looks(10, 1, 1) == tuple(range(1, 10))
    assert planned_looks(3, 1, None) == (1, 2)


@QUICK
@given(st.integers(1, 6), st.integers(0, 2**30), st.sampled_from([None, 1, 3]), st.integers(1, 10))
def test_a_look_sees_the_whole_curve_and_the_best_completed_trial_of_that_moment(workers, seed, every, min_steps):
    rng = np.random.default_rng(seed)
    scheduler = wb.CurveStop(T, 0.3, every, min_steps)
    curves = rng.normal(size=(15, T))
    notes = []

    def noted(curve, best, max_steps, seed=0):
        notes.append((tuple(curve), best))
        return {"probability": float(curve[-1][1] < 0), "ahead": (T,), "quantiles": ((0.0,),) * 5, "weights": (("pow3", 1.0),)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve_stop, "forecast", noted)
        run = Simulation(scheduler.schedule(), lambda config, step: curves[config][step - 1], 15, workers, rng).run()
    expected, so_far, best, stops = [], {}, math.inf, set()  # the rule once more, from what was told
    for method, args, _ in run.log:
        if method == "report":
            trial, step, loss = args
            so_far.setdefault(trial, []).append((step, loss))
            if step == T:
                best = min(best, loss)
            elif step in scheduler.looks and best < math.inf:
                expected.append((tuple(so_far[trial]), best))
                stops |= {trial} if loss >= 0 else set()
    assert notes == expected
    assert run.of.get("stop", set()) == stops
    assert run.of.get("finish", set()) == set(range(15)) - stops


# ---- against whom ------------------------------------------------------------------------------------------------------


def test_nobody_is_looked_at_before_one_is_complete(looked):
    books = wb.CurveStop(T).schedule()
    said = tell(books, 0, falling(0.2))
    assert not looked[0]
    assert [v.action for v in said] == ["go"] * (1 + len(wb.CurveStop(T).looks)) + ["finish"]
    assert "no trial is complete" in said[1].why.summary()
    assert not any(v.why.looked for v in said)


def test_the_best_is_the_least_last_loss_not_the_least_loss(looked):
    books = wb.CurveStop(T).schedule()
    tell(books, 0, [*falling(0.2)[:-1], 0.5])
    tell(books, 1, [0.0, *falling(0.4)[1:]])
    tell(books, 2, falling(0.3))
    books.begin(3)
    (v,) = [v for step in range(1, 5) for v in books.report(3, step, 1.0)]
    assert (v.why.best, v.why.best_trial) == (pytest.approx(falling(0.3)[-1]), 2)
    assert looked[0][-1][1] == v.why.best


def test_stopped_and_failed_trials_are_not_complete_but_who_ends_by_itself_is(looked):
    books = wb.CurveStop(T).schedule()
    tell(books, 0, falling(0.5))
    looked[1][4] = 0.01
    assert tell(books, 1, falling(0.1))[-1].action == "stop"
    looked[1].clear()
    books.begin(2)
    books.report(2, 1, 0.0)
    books.end(2, None)
    books.begin(3)
    books.report(3, 1, 0.4)
    books.end(3, 0.4)
    books.begin(4)
    for step in range(1, 5):
        said = books.report(4, step, 1.0)
    assert (said[0].why.best, said[0].why.best_trial) == (0.4, 3)


def test_whoever_knows_better_tells_what_was_stopped(looked):
    books = wb.CurveStop(T).schedule()
    tell(books, 0, falling(0.5))
    looked[1][4] = 0.01
    for trial, stopped in ((1, True), (2, False)):
        books.begin(trial)
        for step in range(1, 5):
            books.report(trial, step, 0.1 * trial)
        books.end(trial, 0.1 * trial, stopped=stopped)
    books.begin(3)
    for step in range(1, 5):
        said = books.report(3, step, 1.0)
    assert said[0].why.best_trial == 2


def test_delta_itself_does_not_stop(looked):
    books = wb.CurveStop(T, 0.05).schedule()
    tell(books, 0, falling(0.5))
    looked[1].update({4: 0.05, 6: 0.0499})
    said = tell(books, 1, falling(0.5))
    assert [(v.why.step, v.action) for v in said] == [(0, "go"), (4, "go"), (6, "stop")]


def test_an_interrupted_trial_begins_anew(looked):
    books = wb.CurveStop(T).schedule()
    tell(books, 0, falling(0.5))
    books.begin(1)
    books.report(1, 1, 9.0)
    books.begin(2, instead_of=1)
    for step in range(1, 5):
        said = list(books.report(2, step, 1.0))
    assert len(looked[0][-1][0]) == 4 and len(said) == 1
    assert not books.end(1, None)


def test_skipped_steps_are_looked_at_late_and_once(looked):
    books = wb.CurveStop(T).schedule()
    tell(books, 0, falling(0.5))
    books.begin(1)
    assert not books.report(1, 3, 1.0)
    (v,) = books.report(1, 7, 0.9)  # looks at 4 and 6 were due
    assert (v.why.step, v.why.goal) == (7, 9)
    assert not books.report(1, 8, 0.9)
    (v,) = books.report(1, 20, 0.8)
    assert v.action == "finish"
    assert not books.report(1, 21, 0.8)


# ---- the forecast ------------------------------------------------------------------------------------------------------


def test_the_verdict_is_the_posteriors():
    """No stand-in here: a curve that has flattened far above the best stops, and one that falls below it goes on."""
    books = wb.CurveStop(T, 0.05).schedule()
    tell(books, 0, falling(0.3))
    bad = tell(books, 1, falling(0.8))[-1]
    assert bad.action == "stop" and bad.why.step < T
    curve = falling(0.8)[:bad.why.step]
    assert bad.why.probability == probability_of_beating(curve, falling(0.3)[-1], T) < 0.05
    p = posterior(curve, T)
    mean, sd = p.predict([T])
    assert (bad.why.mean, bad.why.sd) == (mean[0], sd[0])
    assert np.array_equal(np.array(bad.why.quantiles), p.quantiles(np.array(bad.why.ahead, dtype=float), LEVELS))
    assert bad.why.ahead[0] == bad.why.step and bad.why.ahead[-1] == T
    assert bad.why.band[0] < bad.why.mean < bad.why.band[1]
    assert sum(w for _, w in bad.why.weights) == pytest.approx(1)
    assert [w for _, w in bad.why.weights] == sorted((w for _, w in bad.why.weights), reverse=True)
    assert tell(books, 2, falling(0.0, start=1.0, rate=0.2))[-1].action == "finish"


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 1e300, -1e300, 0.0])
def test_any_losses_can_be_looked_at(odd):
    books = wb.CurveStop(9).schedule()
    tell(books, 0, falling(0.5, n=9))
    for trial, curve in enumerate(([odd] * 4, [1.0, odd, 0.9, 0.8], [1.0, 0.9, 0.8, odd]), 1):
        said = tell(books, trial, curve)
        assert said[-1].why.step == 4 and said[-1].why.summary()


def test_a_curve_without_a_finite_loss_goes_on_and_says_so():
    assert forecast([(1, math.inf), (2, math.inf)], 0.5, 9) is None
    books = wb.CurveStop(9).schedule()
    tell(books, 0, falling(0.5, n=9))
    said = tell(books, 1, [math.nan] * 4)[-1]
    assert said.action == "go" and "no finite loss" in said.why.summary()


def test_time_is_told_but_is_no_part_of_the_reason():
    books = wb.CurveStop(9).schedule()
    tell(books, 0, falling(0.5, n=9))
    first, second = (tell(books, trial, falling(0.6, rate=0.3, n=9)) for trial in (1, 2))
    looks = [v.why for v in (*first, *second) if v.why.looked]
    assert all(w.seconds > 0 for w in looks)
    assert [w.spent_s for w in looks] == pytest.approx(np.cumsum([w.seconds for w in looks]))
    assert first[1].why == second[1].why and repr(first[1].why) == repr(second[1].why)
    assert "The look took" in looks[0].summary()


def test_sentences():
    why = CurveForecast("stop", 12, 1, 81, 0.05, 12, 0.4, 0.12, 2, 0.0074, 0.36, 0.1, (12, 81), ((0.4, 0.23), *((0.4, 0.3),) * 3, (0.4, 0.48)),
                        (("pow3", 0.32), ("MMF", 0.1)), 0.25, 1.0)
    assert why.summary() == ("Stopped after 12 steps: P(loss after 81 below 0.12 of trial 2) = 0.0074, δ = 0.05; the forecast is 0.36, with "
                             "80 % between 0.23 and 0.48, mostly by pow3 (32%). The look took 0.25 s.")
    assert wb.CurveStop(81).schedule().begin(0).why.summary() == "Begins; the first look at its curve is after 8 steps."
    assert wb.CurveStop(3).schedule().begin(0).why.summary() == "Begins; it may run to 3 steps."


# ---- what is told again costs nothing ----------------------------------------------------------------------------------


def epochs(config):
    for step in range(1, 10):
        yield config["x"] + 1 / step


def test_verdicts_that_take_long_are_worked_out_when_they_are_read():
    n = []
    later = Later(lambda: n.append(1) or ["a", "b"])
    assert not n and not later.known
    assert list(later) == ["a", "b"] and later[0] == "a" and later[1:] == ("b",) and len(later) == 2
    assert n == [1] and later.known


def test_reopening_a_run_makes_no_look_again(tmp_path, monkeypatch, looked):
    monkeypatch.chdir(tmp_path)
    looked[1][4] = 0.01
    run = wb.optimize(epochs, wb.Space(x=wb.Float(0, 1)), algorithm=wb.Random(), scheduler=wb.CurveStop(9), n_trials=6, seed=0, name="r")
    run.start().wait(60)
    assert {t.state for t in run.trials.by_number.values()} == {"complete", "pruned"}
    made = len(looked[0])
    assert made == 5
    again = wb.open("r", objective=epochs)
    fates = Fates(again.log)
    assert len(looked[0]) == made
    assert [f.status for f in fates.by_number.values()] == ["finished", *["stopped"] * 5]
    assert again.scheduler == wb.CurveStop(9)
    again.configure(n_trials=7)
    again.start().wait(60)
    assert len(looked[0]) == made + 1
    assert looked[0][-1][1] == run.trials.by_number[0].loss


def test_looks_are_in_the_runs_log_and_the_search_sees_losses_at_their_steps(looked):
    run = wb.optimize(epochs, wb.Space(x=wb.Float(0, 1)), algorithm=wb.Random(), scheduler=wb.CurveStop(9), n_trials=3, seed=0)
    run.start().wait(60)
    looks = [e for e in run.log if isinstance(e, TrialJudged) and e.why.looked]
    assert [(e.trial, e.step) for e in looks] == [(1, 4), (1, 6), (2, 4), (2, 6)]
    assert run.history().budgets == (4, 6, 9)
    assert run.history().by_budget.shape == (3, 3)


def test_in_plain_optuna_trials_of_others_are_not_looked_at(looked):
    looked[1][4] = 0.01

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        for step in range(9):
            trial.report(x + 1 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(pruner=wb.Pruner(wb.CurveStop(9)), sampler=optuna.samplers.RandomSampler(0))
    study.optimize(objective, n_trials=5)
    assert [t.state.name for t in study.trials] == ["COMPLETE", *["PRUNED"] * 4]
    assert [len(t.intermediate_values) for t in study.trials] == [9, 4, 4, 4, 4]
    assert len(looked[0]) == 4
    assert study.pruner.explain(1).action == "stop"
    other = wb.Pruner(wb.CurveStop(9))  # of another process, say: it hears of all trials, and looks at none of them
    trial = study.ask()
    trial.report(2.0, 0)
    assert not other.prune(study, study._storage.get_trial(trial._trial_id))
    assert len(looked[0]) == 4
    threads = [threading.Thread(target=study.optimize, args=(objective, 3)) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(looked[0]) == 4 + 9  # each of the nine was looked at once


# ---- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["max_steps", "every", "min_steps"])
@pytest.mark.parametrize("value", [0, -1, 1.0, True, "2"])
def test_counts_are_checked_when_they_are_made(name, value):
    with pytest.raises(RunError, match=name):
        wb.CurveStop(**{"max_steps": 9, name: value})


@pytest.mark.parametrize("delta", [0, 1, -0.1, math.nan, "0.1", True, None])
def test_delta_is_a_probability(delta):
    with pytest.raises(RunError, match="delta"):
        wb.CurveStop(9, delta)


def test_the_first_look_is_within_the_training():
    with pytest.raises(RunError, match="min_steps"):
        wb.CurveStop(9, min_steps=10)
    with pytest.raises(RunError, match="max_steps"):
        wb.CurveStop(None)
    assert wb.CurveStop(3).looks == () and wb.CurveStop(3).schedule().budgets == (3,)
