"""What every scheduler promises."""

import json
import math
import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.schedule_helpers import Simulation
from workbench.event_file import dumps, loads
from workbench.events import TrialFinished, TrialJudged
from workbench.fidelity import catalogue, curve_stop
from workbench.history import Explanation

SCHEDULERS = [wb.Hyperband(9), wb.Hyperband(20, 2, 4, "printed"), wb.EagerHyperband(9), wb.SuccessiveHalving(9),
              wb.SuccessiveHalving(16, 2, 2, 5), wb.SuccessiveHalving(3, 3), wb.ASHA(9), wb.ASHA(20, 2, 4), wb.ASHA(9, stop=True),
              wb.ASHA(16, eta=2, stop=True), wb.MedianStop(), wb.MedianStop(2, 1, 3), wb.CurveStop(9), wb.CurveStop(16, 0.4, every=2, min_steps=1)]
every_scheduler = pytest.mark.parametrize("scheduler", SCHEDULERS, ids=catalogue.code)
QUICK = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
KINDS = {"normal": lambda rng: rng.normal(), "equal": lambda rng: 1.0, "nan": lambda rng: math.nan,
         "odd": lambda rng: [math.nan, math.inf, -math.inf, 0.0, 1e308][rng.integers(5)]}
LENGTHS = {"no end": lambda config: 10**9, "early": lambda config: config % 5 * 3, "one step": lambda config: 1}


@pytest.fixture(autouse=True, scope="module")
def cheap_forecasts():
    """In place of a posterior a normal around the last finite loss: what schedulers promise does not hang on the forecast."""

    def forecast(curve, best, max_steps, seed=0):
        finite = [loss for _, loss in curve if math.isfinite(loss)]
        if not finite:
            return None
        p = 1.0 if finite[-1] < best else 0.3 if finite[-1] < best + 1 else 0.01
        ahead = (curve[-1][0], max_steps)
        return {"probability": p, "mean": finite[-1], "sd": 1.0, "ahead": ahead, "quantiles": ((finite[-1], finite[-1]),) * 5,
                "weights": (("pow3", 1.0),)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve_stop, "forecast", forecast)
        yield


def simulate(scheduler, n_trials, workers, seed, *, kind="normal", length="early", fails=lambda config: False, **kw):
    # a scheduler without a last step leaves it to the trials to end
    most = 30 if not hasattr(scheduler, "max_steps") else 10**9

    def curve(config, step):
        return float(KINDS[kind](np.random.default_rng([seed, config, step])))

    return Simulation(scheduler.schedule(), curve, n_trials, workers, np.random.default_rng(seed),
                      length=lambda config: min(LENGTHS[length](config), most), fails=fails, **kw).run()


def tell(books, log):
    """Tell everything again; returns the verdicts with their reasons."""
    out = []
    for method, args, kw in log:
        said = getattr(books, method)(*args, **kw)
        out += [said] if method == "begin" else said
    return out


# ---- settings ----------------------------------------------------------------------------------------------------------


def test_every_scheduler_of_the_catalogue_is_tested():
    assert {type(s) for s in SCHEDULERS} == set(catalogue.SCHEDULERS.values())


@every_scheduler
def test_settings_are_frozen_plain_and_hashable(scheduler):
    assert is_dataclass(scheduler) and hash(scheduler) == hash(pickle.loads(pickle.dumps(scheduler)))
    with pytest.raises(FrozenInstanceError):
        setattr(scheduler, fields(scheduler)[0].name, 1)
    assert scheduler.n_trials is None or scheduler.n_trials >= 1
    assert catalogue.from_json(json.loads(json.dumps(catalogue.to_json(scheduler)))) == scheduler
    assert eval(f"wb.{catalogue.code(scheduler)}", {"wb": wb}) == scheduler


@every_scheduler
def test_budgets_ascend_to_the_last_step(scheduler):
    budgets = scheduler.schedule().budgets
    assert isinstance(budgets, tuple) and all(isinstance(b, int) for b in budgets)
    assert list(budgets) == sorted(set(budgets))
    if hasattr(scheduler, "max_steps"):
        assert budgets[0] >= (scheduler.min_steps or 1) and budgets[-1] == scheduler.max_steps


@every_scheduler
def test_books_of_two_runs_know_nothing_of_each_other(scheduler):
    first, second = scheduler.schedule(), scheduler.schedule()
    first.begin(0)
    first.report(0, 1, 0.0)
    assert second.begin(0) == scheduler.schedule().begin(0)


# ---- verdicts ----------------------------------------------------------------------------------------------------------


@every_scheduler
@QUICK
@given(workers=st.integers(1, 20), n_trials=st.integers(0, 40), seed=st.integers(0, 2**30), kind=st.sampled_from(sorted(KINDS)),
       length=st.sampled_from(sorted(LENGTHS)), interrupt=st.sampled_from([0.0, 0.1]))
def test_every_trial_comes_to_an_end_with_any_workers_losses_lengths_and_interruptions(scheduler, workers, n_trials, seed, kind,
                                                                                       length, interrupt):
    """The simulation checks: no verdict on a trial that has ended, no step beyond the goal, a sentence with each."""
    run = simulate(scheduler, n_trials, workers, seed, kind=kind, length=length, interrupt=interrupt)
    assert "go" not in run.state.values()
    waits = {t for t, s in run.state.items() if s == "wait"}
    assert waits == set(run.waiting)
    assert not waits or (isinstance(scheduler, wb.ASHA) and not scheduler.stop)  # where they wait for trials that never began
    if getattr(scheduler, "only_stops", False):
        assert "wait" not in {action for _, action in run.verdicts}


@every_scheduler
@QUICK
@given(workers=st.integers(1, 9), n_trials=st.integers(1, 40), seed=st.integers(0, 2**30), interrupt=st.sampled_from([0.0, 0.1]))
def test_the_same_told_again_gives_the_same_verdicts(scheduler, workers, n_trials, seed, interrupt):
    run = simulate(scheduler, n_trials, workers, seed, kind="odd", interrupt=interrupt)
    said = tell(scheduler.schedule(), run.log)
    assert [(v.trial, v.action) for v in said] == run.verdicts
    assert repr(said) == repr(tell(scheduler.schedule(), run.log))


@every_scheduler
@QUICK
@given(workers=st.integers(1, 9), n_trials=st.integers(1, 40), seed=st.integers(0, 2**30), interrupt=st.sampled_from([0.0, 0.1]))
def test_books_can_be_told_trial_by_trial_and_then_go_on(scheduler, workers, n_trials, seed, interrupt):
    """A stored study has no order between its trials' steps: each is told whole, in order of the numbers."""
    run = simulate(scheduler, n_trials, workers, seed, interrupt=interrupt)
    books = scheduler.schedule()
    for trial in run.config:
        tell(books, [(method, args, kw) for method, args, kw in run.log if args and args[0] == trial])
        if run.state[trial] in ("stop", "wait"):
            books.end(trial, run.curve(run.config[trial], run.steps[trial]), stopped=True)
        elif run.state[trial] == "finish":
            books.end(trial, run.curve(run.config[trial], run.steps[trial]), stopped=False)
    for _ in range(200):
        if not books.free():
            break
    more = Simulation(books, run.curve, n_trials, workers, run.rng, length=lambda config: 30, config=dict(run.config),
                      state=dict.fromkeys(run.config, "ended"), steps=dict(run.steps))
    more.hear = lambda v: Simulation.hear(more, v) if v.trial not in run.config else None  # the engine knows who is gone
    more.run()
    assert "go" not in more.state.values()


@every_scheduler
@pytest.mark.parametrize("workers", [1, 7])
def test_a_run_in_which_all_trials_fail_ends(scheduler, workers):
    for length in ("one step", "early"):
        run = simulate(scheduler, 40, workers, 0, length=length, fails=lambda config: True)
        assert len(run.config) == 40
        assert set(run.state.values()) <= {"ended", "stop", "finish", "wait"}


@every_scheduler
@pytest.mark.parametrize("n_trials", [0, 1, 2, 5])
def test_a_search_that_is_soon_exhausted_ends(scheduler, n_trials):
    run = simulate(scheduler, n_trials, 3, 0, length="no end")
    assert len(run.config) == n_trials
    assert run.closed and "go" not in run.state.values()
    for _ in range(2):
        assert not run.schedule.free() and not run.schedule.close()


@every_scheduler
def test_an_end_after_a_last_verdict_changes_nothing_and_says_nothing(scheduler):
    run = simulate(scheduler, 30, 2, 1, length="no end")
    for trial, state in run.state.items():
        if state in ("stop", "finish"):
            loss = run.curve(run.config[trial], run.steps[trial])
            assert not run.schedule.end(trial, loss)
    assert not run.schedule.free()


@every_scheduler
def test_reasons_survive_a_file(scheduler):
    run = simulate(scheduler, 30, 2, 1)
    reasons = {repr(v.why): v.why for v in tell(scheduler.schedule(), run.log)}
    for why in reasons.values():
        assert isinstance(why, Explanation)
        event = TrialJudged(0, 1, "go", why, time=0.0)
        assert repr(loads(dumps(event))) == repr(event)


# ---- in a run ----------------------------------------------------------------------------------------------------------


def epochs(config):
    if config["x"] > 0.9:
        raise ValueError("diverged")
    for epoch in range(1, 31):
        yield (config["x"] - 0.3) ** 2 + 1 / epoch


@every_scheduler
@pytest.mark.parametrize("workers", [1, 3])
def test_it_drives_a_run_to_its_end(scheduler, workers):
    run = wb.optimize(epochs, wb.Space(x=wb.Float(0, 1)), algorithm=wb.Random(), scheduler=scheduler, n_trials=20,
                      n_workers=workers, seed=2)
    run.start().wait(60)
    ends = {e.trial: e.state for e in run.log if isinstance(e, TrialFinished)}
    assert len(ends) == 20 and set(ends.values()) <= {"complete", "pruned", "failed"}
    assert run.best is not None
    assert run.state == "done"
    verdicts = [e for e in run.log if isinstance(e, TrialJudged)]
    assert {e.action for e in verdicts} >= {"go"} and all(e.why.summary() for e in verdicts)
    stops = {e.trial for e in verdicts if e.action == "stop"}
    assert {t for t, s in ends.items() if s == "pruned"} >= stops
