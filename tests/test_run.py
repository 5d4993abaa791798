"""Controls, settings and results of a run."""

import asyncio
import json
import threading
import time

import numpy as np
import pytest

import workbench as wb
from tests.engine_helpers import SPACE, Gate, configs, curve, ends, loss, make, run, until
from workbench.errors import ConfigError, RunError, SpaceError
from workbench.events import RunStarted, StateChanged
from workbench.seen import Replay


def states(r):
    return [e.state for e in r.log if isinstance(e, StateChanged)]


def slow(config):
    for _ in range(50):
        time.sleep(0.01)
        yield loss(config)


# ---- controls ------------------------------------------------------------------------------------------------------


def test_a_run_waits_for_start():
    r = make()
    time.sleep(0.05)
    assert (r.state, len(r.log)) == ("ready", 0)
    assert r.start() is r
    assert r.wait(20) is r
    assert r.state == "done"


def test_pause_lets_the_step_finish_and_starts_no_other():
    r = make(slow, n_workers=2).start()
    until(lambda: r.trials.n_running == 2)
    r.pause()
    assert r.state in ("pausing", "paused")
    until(lambda: r.state == "paused")
    n, curves = len(r.log), [len(t.curve) for t in r.trials.by_number.values()]
    time.sleep(0.15)
    assert len(r.log) == n
    assert max(curves) < 50  # in the middle of the trials
    r.resume()
    until(lambda: max(len(t.curve) for t in r.trials.by_number.values()) > max(curves))
    r.stop().wait(10)


def test_pause_says_at_once_what_it_waits_for():
    gate = Gate()
    r = make(gate, n_workers=2).start()
    until(lambda: gate.n == 2)
    r.pause()
    assert (r.state, r.detail) == ("pausing", "2 trials finish their step")
    gate.open.set()
    until(lambda: r.state == "paused")
    assert len(ends(r)) == 2
    r.resume().wait(20)
    assert len(ends(r)) == 10


def test_step_does_one_trial_then_pauses():
    r = make(curve)
    for k in range(3):
        r.step()
        assert r.state == "paused"
        assert [e.trial for e in ends(r)] == list(range(k + 1))
    r.start().wait(20)
    assert len(ends(r)) == 10


def test_step_goes_on_with_a_trial_that_waits_before_it_begins_another():
    r = make(slow, n_workers=3).start()
    until(lambda: r.trials.n_running == 3)
    r.pause()
    until(lambda: r.state == "paused")
    r.step()
    assert len(ends(r)) == 1
    assert len(r.trials) == 3
    r.stop().wait(10)


def test_the_last_step_ends_the_run():
    r = make(n_trials=2)
    r.step()
    r.step()
    assert r.state == "done"


def test_stepping_gives_the_same_run_as_running():
    r = make(curve, algorithm=wb.TPE(n_startup=3), n_trials=6)
    while r.state != "done":
        r.step()
    assert configs(r) == configs(run(curve, algorithm=wb.TPE(n_startup=3), n_trials=6))


def test_stop_in_the_middle_of_a_step_waits_a_second_for_it_then_leaves_it_behind():
    gate = Gate()
    r = make(gate, n_workers=2).start()
    until(lambda: gate.n == 2)
    start = time.monotonic()
    r.stop()
    assert (r.state, r.detail) == ("stopping", "2 trials finish their step")
    r.wait(10)
    assert time.monotonic() - start < 3
    assert r.state == "stopped"
    assert "left behind" in r.detail
    assert [e.state for e in ends(r)] == ["interrupted"] * 2
    gate.open.set()


def test_a_stopped_run_goes_on_with_the_configurations_that_were_interrupted():
    r = make(slow, n_trials=3, n_workers=2).start()
    until(lambda: r.trials.n_running == 2)
    r.stop().wait(10)
    cut = [t.config for t in r.trials.by_number.values() if t.state == "interrupted"]
    assert len(cut) == 2
    r.start().wait(30)
    done = [t.config for t in r.trials.by_number.values() if t.state == "complete"]
    assert len(done) == 3
    assert done[:2] == cut
    assert r.state == "done"


def test_stop_runs_the_finally_blocks_of_waiting_generators():
    closed = threading.Event()

    def f(config):
        try:
            while True:
                time.sleep(0.01)
                yield 0.0
        finally:
            closed.set()

    r = make(f).start()
    until(lambda: len(r.trials) and r.trials.by_number[0].curve)
    r.stop().wait(10)
    assert closed.wait(5)


def test_stop_before_the_start_and_in_a_pause():
    assert make().stop().state == "stopped"
    r = make()
    r.step()
    r.stop().wait(10)
    assert r.state == "stopped"


def test_a_done_run_goes_on_when_it_gets_more_trials():
    r = run(n_trials=4)
    r.configure(n_trials=6)
    r.start().wait(20)
    assert len(ends(r)) == 6
    assert configs(r) == configs(run(n_trials=6))


def test_pause_and_stop_are_heard_while_the_algorithm_thinks():
    thinking, go = threading.Event(), threading.Event()

    class Thinker:
        def suggest(self, history, rng):
            thinking.set()
            go.wait(10)
            return wb.Random().suggest(history, rng)

    r = make(algorithm=Thinker()).start()
    thinking.wait(5)
    r.pause()
    assert r.state == "pausing"
    go.set()
    until(lambda: r.state == "paused")
    assert len(r.trials) == 0  # the suggestion is dropped and comes again
    r.resume().wait(20)
    assert configs(r) == configs(run())


def test_controls_pressed_at_random_never_break_a_run():
    rng = np.random.default_rng(0)
    r = make(curve, n_trials=60, n_workers=3)
    r.start()
    while r.state != "done":
        time.sleep(rng.random() * 0.01)
        [r.pause, r.resume, r.start, lambda: r.step(block=False), r.stop][rng.integers(5)]()
        if r.state in ("paused", "stopped", "stopping"):
            r.start()
    assert r.n_done == 60
    counted = [t for t in r.trials.by_number.values() if t.state != "interrupted"]
    assert len(counted) == 60
    assert all(t.state == "complete" and len(t.curve) == 3 for t in counted)


def test_wait_refuses_to_wait_for_ever():
    with pytest.raises(RunError, match="ready"):
        make().wait()
    r = make()
    r.step()
    with pytest.raises(RunError, match="paused"):
        r.wait()
    r.stop()


def test_wait_comes_back_when_its_time_is_over():
    gate = Gate()
    r = make(gate).start()
    start = time.monotonic()
    assert r.wait(0.1) is r
    assert time.monotonic() - start < 2
    assert r.state == "running"
    gate.open.set()
    r.wait(20)


def test_finished_can_be_awaited_and_leaves_the_loop_free():
    async def cell():
        r = make(slow, n_trials=1).start()
        ticks = 0
        task = asyncio.ensure_future(r.finished())
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return r, ticks, task.result()

    r, ticks, same = asyncio.run(cell())
    assert same is r
    assert r.state == "done"
    assert ticks > 10


def test_an_interrupt_in_the_objective_stops_the_run():
    def f(config):
        raise KeyboardInterrupt

    r = make(f).start().wait(20)
    assert r.state == "stopped"
    assert [e.state for e in ends(r)] == ["interrupted"]


def test_an_interrupt_while_waiting_stops_the_run(monkeypatch):
    r = make(slow, n_trials=50).start()
    until(lambda: len(r.trials) > 0)

    def interrupted(*_):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(r._changed, "wait", interrupted)
    r.wait(20)
    assert r.state == "stopped"


def test_states_follow_each_other_as_they_should():
    r = make(curve)
    r.step()
    r.start().wait(20)
    seen = [s for i, s in enumerate(states(r)) if i == 0 or s != states(r)[i - 1]]
    assert seen == ["running", "paused", "running", "done"]


def test_several_runs_go_on_at_once():
    runs = [make(curve, seed=k, n_workers=2).start() for k in range(4)]
    for k, r in enumerate(runs):
        r.wait(60)
        assert r.state == "done"
        assert r.history(before=0).seed == k


def test_elapsed_time_does_not_count_pauses_and_gives_the_time_left():
    r = make(lambda c: time.sleep(0.05) or 0.0, n_trials=10)
    assert r.eta_s is None
    r.step()
    r.step()
    before = r.elapsed_s
    time.sleep(0.3)
    assert r.elapsed_s == before
    assert 0.1 <= before < 2.0
    assert r.eta_s == pytest.approx(before / 2 * 8)
    r.start().wait(20)
    assert r.eta_s is None


# ---- settings ------------------------------------------------------------------------------------------------------


def test_numbers_and_algorithm_may_change_at_any_time():
    r = make(n_trials=4)
    r.step()
    r.configure(n_trials=7, n_workers=2, algorithm=wb.TPE(n_startup=2))
    r.start().wait(20)
    assert len(ends(r)) == 7
    assert r.trials.by_number[6].why.summary() == r.explain(6).summary()
    assert type(r.trials.by_number[6].why) is not type(r.trials.by_number[0].why)
    assert r.explain(0).summary() == r.trials.by_number[0].why.summary()
    assert [e.n_trials for e in r.log if isinstance(e, RunStarted)] == [4, 7]


def test_more_workers_help_at_once():
    gate = Gate()
    r = make(gate, n_workers=1).start()
    until(lambda: gate.n == 1)
    r.configure(n_workers=3)
    until(lambda: gate.n == 3)
    gate.open.set()
    r.wait(20)


def narrowed():
    return wb.Space({**SPACE.params, "lr": wb.Float(1e-4, 1e-2, log=True), "depth": wb.Int(2, 12)})


@pytest.mark.parametrize("algorithm", [wb.Random(), wb.GPBO(n_startup=3), wb.TPE(n_startup=3)],
                         ids=lambda a: type(a).__name__)
def test_numeric_ranges_may_change_in_mid_run(algorithm):
    r = make(curve, algorithm=algorithm, n_trials=12)
    for _ in range(6):
        r.step()
    r.configure(space=narrowed())
    r.start().wait(60)
    new = [t for t in r.trials.by_number.values() if t.number >= 6]
    for t in new:
        narrowed().validate(t.config)
    fit = [t for t in r.trials.by_number.values() if t.number < 6 and 1e-4 <= t.config["lr"] <= 1e-2
           and t.config["depth"] >= 2]
    assert len(r.history(before=6)) == len(fit) < 6  # those outside are not told to the algorithm
    for t in r.trials.by_number.values():
        assert r.explain(t.number).summary() == t.why.summary()


def test_a_view_rebuilds_from_events_what_the_run_says():
    r = make(curve, n_trials=12, n_workers=2)
    for _ in range(6):
        r.step()
    r.configure(space=narrowed())
    r.start().wait(60)
    replay = Replay(r.trials)
    for k in r.trials.by_number:
        a, b = replay.history_before(k), r.history(before=k)
        np.testing.assert_array_equal(a.x, b.x)
        np.testing.assert_array_equal(a.y, b.y)
        np.testing.assert_array_equal(a.pending, b.pending)


@pytest.mark.parametrize("change", [
    {"optimizer": wb.Choice("adam", "sgd", "rmsprop")},
    {"lr": wb.Float(1e-5, 1e-1)},
    {"depth": wb.Float(1, 8)},
    {"momentum": wb.Float(0.0, 0.99)},
    {"extra": wb.Float(0, 1)},
])
def test_other_changes_of_the_space_need_a_new_run_once_something_has_run(change):
    space = wb.Space({**SPACE.params, **change})
    r = make()
    r.configure(space=space)  # nothing has run yet
    r = make()
    r.step()
    with pytest.raises(SpaceError, match="new run"):
        r.configure(space=space)
    r.start().wait(20)
    assert r.state == "done"


@pytest.mark.parametrize("bad", [{"n_trials": 0}, {"n_workers": 1.5}, {"n_trials": True}, {"algorithm": "tpe"}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(RunError, match="got"):
        make().configure(**bad)


def test_enqueued_configurations_come_first():
    config = {"lr": 0.01, "optimizer": "sgd", "momentum": 0.5, "depth": 3}
    r = make()
    r.enqueue(config)
    r.step()
    assert configs(r) == [config]
    r.enqueue({**config, "depth": 4})
    r.start().wait(20)
    assert configs(r)[1] == {**config, "depth": 4}
    with pytest.raises(RunError, match="was given"):
        r.explain(0)


def test_a_configuration_outside_the_space_is_not_enqueued():
    with pytest.raises(ConfigError, match="momentum"):
        make().enqueue({"lr": 0.01, "optimizer": "adam", "momentum": 0.5, "depth": 3})


def test_a_queued_configuration_that_fits_no_longer_is_left_out_and_said_so():
    r = make(n_trials=3)
    r.step()
    r.enqueue({"lr": 0.1, "optimizer": "adam", "depth": 3})
    r.configure(space=narrowed())
    r.start().wait(20)
    assert r.state == "done"
    assert any("left out" in e.detail for e in r.log if isinstance(e, StateChanged))


# ---- results -------------------------------------------------------------------------------------------------------


def test_frame_and_best_and_repr():
    r = run(curve)
    frame = r.frame()
    assert list(frame.columns) == ["state", "value", *SPACE.names, "steps", "seconds", "error"]
    assert frame["value"].min() == r.best.loss
    assert "10 / 10 trials" in repr(r)
    assert "done" in repr(r)


def test_the_table_for_places_without_widgets_escapes_everything():
    space = wb.Space({"<script>alert(1)</script>": wb.Choice("<b>", "🎉\"'")})
    r = run(lambda c: 1 / 0, space, n_trials=2, name=None)
    assert "<script>" not in r._repr_html_()
    assert "&lt;script&gt;" in r._repr_html_()
    assert "<b>&" not in r._repr_html_()


def test_json_export_holds_everything_and_survives_inf():
    r = run(lambda c: np.inf if c["depth"] > 4 else 1.0)
    data = json.loads(r.export("json"))
    assert wb.Space.from_json(data["space"]) == SPACE
    assert [t["config"] for t in data["trials"]] == configs(r)
    assert {t["value"] for t in data["trials"]} == {"inf", 1.0}
    assert data["best"]["config"] == r.best.config


def test_python_export_runs_and_gives_space_and_best(tmp_path):
    r = run(curve)
    path = tmp_path / "best.py"
    text = r.export("python", path)
    assert path.read_text() == text
    scope = {}
    exec(text, scope)
    assert scope["space"] == SPACE
    assert scope["best"] == r.best.config


@pytest.mark.parametrize("algorithm", ["GPBO(acquisition='ei')", "TPE()", "TPE(prior=(('lr', ((0.001, 1.0),)),))"])
def test_exported_code_names_only_what_differs_from_the_algorithms_defaults(algorithm):
    text = make(algorithm=eval(f"wb.{algorithm}")).export("python")
    assert f"wb.optimize(objective, space, algorithm=wb.{algorithm}, n_trials=10, seed=0" in text


def test_csv_export_reads_back(tmp_path):
    import pandas as pd

    r = run()
    r.export("csv", tmp_path / "t.csv")
    back = pd.read_csv(tmp_path / "t.csv", index_col="trial")
    assert list(back["value"]) == pytest.approx(list(r.frame()["value"]))


def test_an_unknown_export_is_refused():
    with pytest.raises(RunError, match="'json', 'python', 'csv' or 'events', got 'xml'"):
        make().export("xml")


def test_the_history_before_a_trial_is_what_it_saw():
    r = run(curve, n_workers=3, n_trials=9)
    for k, t in r.trials.by_number.items():
        h = r.history(before=k)
        told, pending = t.saw
        assert (len(h), len(h.pending)) == (told, len(pending))


def test_an_unknown_trial_has_no_explanation():
    with pytest.raises(RunError, match="there is no trial 99"):
        run().explain(99)


@pytest.mark.slow
def test_two_thousand_trials_with_curves_take_less_than_fifty_megabytes():
    import subprocess
    import sys

    code = """
import gc, os, workbench as wb
from pathlib import Path
def rss(): return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
def f(c):
    for i in range(10): yield c["x0"] / (1 + i)
space = wb.Space({f"x{i}": wb.Float(0, 1) for i in range(6)})
wb.optimize(f, space, algorithm=wb.Random(), n_trials=20, seed=0).start().wait()
gc.collect(); before = rss()
run = wb.optimize(f, space, algorithm=wb.Random(), n_trials=2000, seed=0).start().wait()
gc.collect(); print(rss() - before)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert float(out.stdout) < 50
