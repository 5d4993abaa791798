"""Worker threads: results come back as data, and a step that never ends can be left behind."""

import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from queue import SimpleQueue

import pytest

from workbench.objective import ConfigSteps
from workbench.workers import MAX_LINES, CapturedPrints, Lines, Pool, Threads, take_step


def silent(text):
    pass


def square(config):
    return config["x"] ** 2


def epochs(config):
    yield 1.0
    yield 0.5


def test_a_thread_runs_one_step_at_a_time():
    told = SimpleQueue()
    workers = Threads(told.put)
    steps = ConfigSteps(epochs, {})
    for loss in (1.0, 0.5):
        workers.submit(7, steps, silent)
        done = told.get(timeout=5)
        assert (done.trial, done.step.loss) == (7, loss)
    workers.submit(7, steps, silent)
    assert told.get(timeout=5).step is None
    workers.close()


def test_whatever_an_objective_raises_comes_back_as_data():
    def bad(config):
        raise SystemError("boom")

    done = take_step(1, ConfigSteps(bad, {}))
    assert "SystemError: boom" in done.error
    assert "in bad" in done.error
    assert not done.interrupt


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_told_apart_from_an_error(error):
    def stop(config):
        raise error

    assert take_step(1, ConfigSteps(stop, {})).interrupt


def test_an_abandoned_step_is_not_heard_and_blocks_nobody():
    told, go, closed = SimpleQueue(), threading.Event(), threading.Event()

    def hang(config):
        try:
            go.wait(10)
            yield 1.0
        finally:
            closed.set()

    workers = Threads(told.put)
    workers.submit(1, ConfigSteps(hang, {}), silent)
    time.sleep(0.05)
    workers.abandon(1)
    workers.submit(2, ConfigSteps(square, {"x": 2}), silent)
    assert told.get(timeout=5).trial == 2
    go.set()
    assert closed.wait(5)  # its generator is closed when it comes back at last
    time.sleep(0.05)
    assert told.empty()
    workers.close()


def test_workers_run_side_by_side():
    told, both = SimpleQueue(), threading.Barrier(2, timeout=5)

    def meet(config):
        both.wait()
        return 0.0

    workers = Threads(told.put)
    for k in range(2):
        workers.submit(k, ConfigSteps(meet, {}), silent)
    assert {told.get(timeout=5).step.loss for _ in range(2)} == {0.0}
    workers.close()


def test_any_executor_can_run_the_steps():
    told = SimpleQueue()
    with ThreadPoolExecutor(2) as executor:
        pool = Pool(executor, told.put)
        steps = ConfigSteps(epochs, {})
        for loss in (1.0, 0.5):
            pool.submit(3, steps, silent)
            assert told.get(timeout=5).step.loss == loss


@pytest.mark.slow
def test_processes_run_functions_and_refuse_generators():
    told = SimpleQueue()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        pool = Pool(executor, told.put)
        pool.submit(1, ConfigSteps(square, {"x": 3}), silent)
        assert told.get(timeout=60).step.loss == 9.0
        pool.submit(2, ConfigSteps(epochs, {}), silent)
        assert "cannot travel between processes" in told.get(timeout=60).error


def test_prints_of_workers_go_to_their_trials_and_all_others_where_they_went(capsys):
    seen = {1: [], 2: []}
    told = SimpleQueue()
    workers = Threads(told.put)

    def talk(config):
        for i in range(20):
            print("trial", config["k"], i)
        return 0.0

    with CapturedPrints():
        for k in seen:
            workers.submit(k, ConfigSteps(talk, {"k": k}), seen[k].append)
        print("the main thread")
        for _ in seen:
            told.get(timeout=5)
    workers.close()
    for k, texts in seen.items():
        assert "".join(texts) == "".join(f"trial {k} {i}\n" for i in range(20))
    assert capsys.readouterr().out == "the main thread\n"


def test_standard_output_is_put_back():
    before = sys.stdout
    with CapturedPrints(), CapturedPrints():
        assert sys.stdout is not before
    assert sys.stdout is before


def test_printed_text_is_cut_into_lines_and_bounded():
    told = []
    lines = Lines(4, told.append)
    lines("a")
    lines("b\nc\n")
    assert [p.text for p in told] == ["ab", "c"]
    lines("half")
    assert lines.rest().text == "half"
    assert lines.rest() is None
    lines = Lines(4, told.append)
    told.clear()
    lines("x" * 10_000 + "\n")
    for _ in range(10_000):
        lines("y\n")
    assert len(told) == MAX_LINES + 1
    assert len(told[0].text) == 2000
    assert "more than" in told[-1].text
