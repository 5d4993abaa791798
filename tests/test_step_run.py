import asyncio
import contextvars
import gc
import threading
import time
import weakref

import numpy as np
import pytest

import workbench as wb
from workbench.errors import LogError, RunError
from workbench.events import EventLog, RunFinished, RunStarted, StateChanged, StepTaken
from workbench.nas.cells import NANO
from workbench.nas.relaxation import Relaxation
from workbench.step_run import StepRecording, StepRun


def believed(k, seed=0):
    """Weights that sharpen from step to step."""
    scores = np.random.default_rng(seed).normal(size=(6, 4)) * k
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return Relaxation(weights, NANO.edges, NANO.operations, tuple(NANO.operations[i] for i in weights.argmax(axis=1)))


def steps(n=4, seconds=0.0):
    for k in range(n):
        time.sleep(seconds)
        yield StepTaken(k, {"train_loss": 1 / (1 + k), "valid_accuracy": k / n}, believed(k))


def run_of(make=steps, **settings):
    return StepRun(make, **{"label": "Toy", "n_steps": 4, **settings})


def until(true, timeout=10.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    assert true()


def states(run):
    return [e.state for e in run.log if isinstance(e, StateChanged)]


# ---- controls --------------------------------------------------------------------------------------------------------

def test_it_waits_for_start_and_runs_to_its_end():
    run = run_of()
    assert (run.state, run.n_done, run.n_steps, run.result, run.chosen) == ("ready", 0, 4, None, None)
    assert run.start().wait() is run
    assert (run.state, run.n_done) == ("done", 4)
    assert isinstance(run.log[0], RunStarted)
    assert states(run) == ["running", "done"]
    assert [e.reason for e in run.log if isinstance(e, RunFinished)] == ["done"]
    assert [e.step for e in run.log if isinstance(e, StepTaken)] == [0, 1, 2, 3]
    assert run.chosen == believed(3).chosen


def test_steps_one_by_one_and_the_last_of_them_ends_it():
    run = run_of()
    for k in range(1, 4):
        run.step()
        assert (run.state, run.n_done) == ("paused", k)
    run.step()
    assert (run.state, run.n_done) == ("done", 4)


def test_a_step_more_than_was_said_is_a_step_like_others():
    run = run_of(lambda: steps(6))
    for _ in range(4):
        run.step()
    until(lambda: run.state == "paused" and run.n_done == 5)  # after the fourth the end was expected
    run.start().wait()
    assert run.n_done == 6


def test_without_a_number_of_steps_the_end_comes_when_it_comes():
    run = run_of(n_steps=None)
    for _ in range(4):
        run.step()
    assert (run.state, run.eta_s) == ("paused", None)
    run.step()
    assert (run.state, run.n_done) == ("done", 4)


def test_a_pause_waits_for_the_step_under_way_and_keeps_no_thread():
    run = run_of(lambda: steps(50, 0.02), n_steps=50).start()
    until(lambda: run.n_done)
    run.pause()
    until(lambda: run.state == "paused")
    n = run.n_done
    until(lambda: not run._thread.is_alive())
    used = run.elapsed_s
    time.sleep(0.06)
    assert (run.n_done, run.elapsed_s) == (n, used)
    assert run.resume().wait().n_done == 50
    assert "pausing" in states(run)


def test_a_stopped_search_ends_and_can_go_on():
    run = run_of(lambda: steps(30, 0.01), n_steps=30).start()
    until(lambda: run.n_done)
    run.stop().wait()
    assert run.state == "stopped"
    assert run.log[len(run.log) - 2].reason == "stopped"
    assert 0 < run.n_done < 30
    run.start().wait()
    assert (run.state, run.n_done) == ("done", 30)


def test_a_search_that_was_not_started_can_be_stopped():
    assert run_of().stop().state == "stopped"


def test_waiting_for_what_never_ends_is_refused():
    with pytest.raises(RunError, match="ready"):
        run_of().wait()
    run = run_of()
    run.step()
    with pytest.raises(RunError, match="paused"):
        run.wait()


def test_a_timeout_ends_the_waiting_not_the_search():
    run = run_of(lambda: steps(20, 0.05), n_steps=20).start()
    began = time.monotonic()
    run.wait(timeout=0.1)
    assert time.monotonic() - began < 1
    assert run.state == "running"
    run.stop().wait()


def test_an_interrupt_while_waiting_stops_it(monkeypatch):
    run = run_of(lambda: steps(500, 0.01), n_steps=500).start()

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run._changed, "wait", interrupted)
        run.wait()
    until(lambda: run.state == "stopped")
    assert run.n_done < 500


def test_finished_can_be_awaited():
    run = run_of(lambda: steps(5, 0.01), n_steps=5).start()
    assert asyncio.run(run.finished()) is run
    assert run.state == "done"


def test_a_search_that_is_over_does_not_begin_again():
    run = run_of().start().wait()
    with pytest.raises(RunError, match="over: done"):
        run.start()


def test_time_left_is_the_mean_time_of_a_step_times_those_left():
    run = run_of(lambda: steps(4, 0.02))
    assert run.eta_s is None
    run.step()
    assert run.eta_s == pytest.approx(3 * run.elapsed_s)
    run.start().wait()
    assert run.eta_s is None


# ---- what goes wrong -------------------------------------------------------------------------------------------------

def test_a_strategy_that_fails_keeps_its_traceback():
    def breaks():
        yield from steps(2)
        raise ValueError("no weights left")

    run = run_of(breaks).start()
    with pytest.raises(RunError, match="no weights left") as caught:
        run.wait()
    assert "in breaks" in str(caught.value)
    assert (run.state, run.detail, run.n_done) == ("failed", "ValueError: no weights left", 2)
    assert "in breaks" in run.error
    assert "no weights left" in run._repr_html_()
    with pytest.raises(RunError, match="over: failed"):
        run.step()


def test_what_is_no_step_is_refused():
    run = run_of(lambda: iter([1])).start()
    with pytest.raises(RunError, match="StepTaken events, got int"):
        run.wait()


# ---- threads and contexts --------------------------------------------------------------------------------------------

def test_the_callers_context_is_seen_by_the_strategy():
    where = contextvars.ContextVar("where", default="nowhere")
    seen = []

    def looks():
        seen.append(where.get())
        yield StepTaken(0, {})

    where.set("in the cell")
    run_of(looks, n_steps=1).start().wait()
    assert seen == ["in the cell"]


def test_a_paused_search_that_nobody_holds_is_collected_and_its_strategy_closed():
    closed = threading.Event()

    def careful():
        try:
            yield from steps(9)
        finally:
            closed.set()

    run = run_of(careful, n_steps=9)
    run.step()
    run._thread.join(10)
    gone = weakref.ref(run)
    del run
    gc.collect()
    assert gone() is None
    assert closed.is_set()


def test_closing_lets_go_of_the_strategy():
    closed = threading.Event()

    def careful():
        try:
            yield from steps(900, 0.005)
        finally:
            closed.set()

    run = run_of(careful, n_steps=900).start()
    until(lambda: run.n_done)
    run.close()
    assert (run.state, closed.is_set(), run._thread.is_alive()) == ("stopped", True, False)


# ---- results, files, replay ------------------------------------------------------------------------------------------

def test_metrics_are_a_frame_with_gaps_where_a_step_has_none():
    def uneven():
        yield StepTaken(0, {"train_loss": 2.0})
        yield StepTaken(1, {"train_loss": 1.0, "valid_accuracy": 0.5})

    frame = run_of(uneven, n_steps=2).start().wait().frame()
    assert list(frame.columns) == ["train_loss", "valid_accuracy"]
    assert frame.index.name == "step"
    assert np.isnan(frame.loc[0, "valid_accuracy"])
    assert frame.loc[1].tolist() == [1.0, 0.5]


def test_it_says_what_it_is_in_a_line_and_as_a_table():
    run = run_of(name="<toy>", label="Toy & co")
    assert repr(run) == "<StepRun <toy>: Toy & co, ready, 0 / 4 steps>"
    assert "No step yet" in run._repr_html_()
    run.start().wait()
    html = run._repr_html_()
    assert "Toy &amp; co, done, 4 / 4 steps" in html
    assert "&lt;toy&gt;" in html
    assert "strongest operation" in html
    assert "valid_accuracy" in html


def test_a_saved_log_is_the_same_search_again(tmp_path):
    run = run_of(name="toy", space=NANO.space.to_json(), about={"cells": "nano", "biggest": {"accuracy": 0.9}}, seed=7)
    run.start().wait()
    run.log.save(tmp_path / "toy.jsonl")
    again = wb.replay(tmp_path / "toy.jsonl")
    assert isinstance(again, StepRecording)
    assert (again.name, again.label, again.seed, again.state) == ("toy", "Toy", 7, "done")
    assert (again.n_steps, again.about, again.chosen) == (4, run.about, run.chosen)
    assert again.frame().equals(run.frame())
    for one, other in zip(run.steps.taken, again.steps.taken, strict=True):
        assert type(other.why) is Relaxation
        assert np.array_equal(one.why.weights, other.why.weights)
        assert (one.why.edges, one.why.operations, one.why.chosen) == (other.why.edges, other.why.operations, other.why.chosen)
    assert again.export() == run.export() == (tmp_path / "toy.jsonl").read_text()


def test_a_recording_only_looks_back():
    run = run_of()
    run.step()
    recording = wb.replay(run)
    assert (recording.state, recording.n_done) == ("paused", 1)
    with pytest.raises(RunError, match="recording"):
        recording.start()
    run.start().wait()
    assert (recording.state, recording.n_done) == ("done", 4)  # it grows with the run


def test_a_search_cut_off_in_the_middle_counts_as_stopped():
    log = EventLog((RunStarted(None, "Toy", {}, 4), StateChanged("running"), StepTaken(0, {"train_loss": 1.0})))
    assert wb.replay(log).state == "stopped"


def test_a_log_of_nothing_is_no_search():
    with pytest.raises(LogError, match="no search"):
        StepRecording(EventLog((StateChanged("running"),)))
