"""Objectives of all kinds become iterators of losses."""

import threading
import time
from functools import partial

import numpy as np
import optuna
import pytest

from workbench.errors import ObjectiveError
from workbench.objective import ConfigSteps, OptunaSteps, Pruned, Step, read_loss


def drain(steps):
    out = []
    while True:
        try:
            out.append(next(steps))
        except StopIteration:
            return out
        if out[-1].last:
            return out


def trial():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study().ask()


def test_a_function_is_one_last_step():
    assert drain(ConfigSteps(lambda c: c["x"] ** 2, {"x": 3})) == [Step(1, 9.0, last=True)]


def test_a_generator_function_is_one_step_a_yield():
    def f(config):
        yield config["x"]
        yield config["x"] / 2

    assert drain(ConfigSteps(f, {"x": 4.0})) == [Step(1, 4.0), Step(2, 2.0)]
    assert drain(ConfigSteps(partial(f), {"x": 4.0})) == [Step(1, 4.0), Step(2, 2.0)]


def test_a_callable_object_whose_call_is_a_generator_works():
    class Trainer:
        def __call__(self, config):
            yield 1.0

    assert drain(ConfigSteps(Trainer(), {})) == [Step(1, 1.0)]


def test_the_objective_gets_a_copy_of_the_configuration():
    config = {"x": 1}
    drain(ConfigSteps(lambda c: c.pop("x"), config))
    assert config == {"x": 1}


def test_a_generator_that_never_yields_is_an_error():
    def f(config):
        return
        yield

    with pytest.raises(ObjectiveError, match="at least one loss"):
        drain(ConfigSteps(f, {}))


def test_close_runs_the_finally_block_of_a_generator():
    closed = []

    def f(config):
        try:
            while True:
                yield 0.0
        finally:
            closed.append(1)

    steps = ConfigSteps(f, {})
    next(steps)
    steps.close()
    assert closed == [1]


@pytest.mark.parametrize("value", [1, 1.5, True, np.float32(2.5), np.array(3.0), np.array([4.0]), np.int64(7)])
def test_numbers_are_read_as_floats(value):
    assert read_loss(value) == float(np.asarray(value).ravel()[0])


def test_nan_and_inf_pass_the_reader():
    assert np.isnan(read_loss(float("nan")))
    assert read_loss(np.inf) == np.inf


@pytest.mark.parametrize(("value", "says"), [
    (None, "return loss"),
    ("0.5", "float"),
    (1 + 2j, "complex"),
    (np.complex128(1j), "complex"),
    (np.zeros((1000, 1000)), "1000000 elements"),
    ([1.0, 2.0], "list"),
    ({}, "dict"),
    (10**400, "int"),
    (np.array(["a"]), "ndarray"),
])
def test_what_is_no_number_is_refused_with_rule_value_and_way_out(value, says):
    with pytest.raises(ObjectiveError, match="must return") as caught:
        read_loss(value)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300  # a huge value must not flood the panel


class TestUnchangedOptunaObjectives:
    def test_reports_become_steps_and_the_return_is_the_last(self):
        def f(t):
            x = t.suggest_float("x", 2, 3)
            for epoch in range(3):
                t.report(x + epoch, epoch)
                assert not t.should_prune()
            return x

        t = trial()
        steps = drain(OptunaSteps(f, t, optuna.TrialPruned))
        x = t.params["x"]
        assert steps == [Step(0, x), Step(1, x + 1), Step(2, x + 2), Step(3, x, last=True)]

    def test_between_two_steps_the_objective_stands_still(self):
        count = []

        def f(t):
            for epoch in range(5):
                count.append(epoch)
                t.report(epoch, epoch)
            return 0.0

        steps = OptunaSteps(f, trial(), optuna.TrialPruned)
        next(steps)
        time.sleep(0.1)
        assert count == [0]
        next(steps)
        assert count == [0, 1]
        steps.close()

    def test_close_ends_the_parked_thread_and_its_finally_blocks_run(self):
        ended = threading.Event()

        def f(t):
            try:
                for epoch in range(1000):
                    try:
                        t.report(epoch, epoch)
                    except Exception:  # an objective's own handler must not swallow the end
                        pass
            finally:
                ended.set()

        steps = OptunaSteps(f, trial(), optuna.TrialPruned)
        next(steps)
        steps.close()
        assert ended.wait(5)
        steps._thread.join(5)
        assert not steps._thread.is_alive()
        with pytest.raises(StopIteration):
            next(steps)

    def test_an_objective_that_goes_on_after_the_end_is_stopped_at_its_next_word(self):
        go, ended = threading.Event(), threading.Event()

        def f(t):
            t.report(0.0, 0)
            go.wait(5)
            try:
                t.should_prune()
            finally:
                ended.set()

        steps = OptunaSteps(f, trial(), optuna.TrialPruned)
        next(steps)
        caller = threading.Thread(target=lambda: list(drain(steps)), daemon=True)  # the thread that waits for step 2
        caller.start()
        time.sleep(0.05)
        steps.close()
        go.set()
        assert ended.wait(5)
        caller.join(5)
        assert not caller.is_alive()

    def test_pruning_by_the_objective_itself_comes_through(self):
        def f(t):
            t.report(1.0, 0)
            raise optuna.TrialPruned

        steps = OptunaSteps(f, trial(), optuna.TrialPruned)
        next(steps)
        with pytest.raises(Pruned):
            next(steps)

    def test_prune_makes_should_prune_say_yes(self):
        def f(t):
            t.report(1.0, 0)
            if t.should_prune():
                raise optuna.TrialPruned
            return 0.0

        steps = OptunaSteps(f, trial(), optuna.TrialPruned)
        next(steps)
        steps.prune()
        with pytest.raises(Pruned):
            next(steps)

    def test_errors_come_through_with_their_traceback(self):
        def f(t):
            raise KeyError("boom")

        with pytest.raises(KeyError, match="boom") as caught:
            next(OptunaSteps(f, trial(), optuna.TrialPruned))
        assert caught.traceback[-1].name == "f"

    def test_a_second_report_of_a_step_is_ignored_as_in_optuna(self):
        def f(t):
            t.report(1.0, 0)
            t.report(2.0, 0)
            t.report(3.0, 1)
            return 4.0

        assert [s.loss for s in drain(OptunaSteps(f, trial(), optuna.TrialPruned))] == [1.0, 3.0, 4.0]

    @pytest.mark.parametrize(("report", "error"), [((None, 0), ObjectiveError), ((1.0, -1), ValueError)])
    def test_a_bad_report_is_an_error_in_the_objective(self, report, error):
        def f(t):
            t.report(*report)
            return 0.0

        with pytest.raises(error):
            next(OptunaSteps(f, trial(), optuna.TrialPruned))
