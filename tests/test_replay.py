import math
import threading
import time

import numpy as np
import pytest

import workbench as wb
from workbench.errors import LogError, RunError
from workbench.events import (
    EventLog,
    Printed,
    RunStarted,
    StateChanged,
    TrialFinished,
    TrialReported,
    TrialSuggested,
)
from workbench.fates import Fates
from workbench.reel import Course, Reel, said
from workbench.timeline import Timeline
from workbench.trials import Trials
from workbench_widgets.pump import pump
from workbench_widgets.run_panel import RunPanel

SPACE = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), kind=wb.Choice("a", "b"), depth=wb.Int(1, 5, when={"kind": "b"}))


def curve(config):
    if config["lr"] > 3e-2:
        raise ValueError("diverged")
    print("epoch")
    for epoch in range(3):
        yield (math.log10(config["lr"]) + 3) ** 2 + config.get("depth", 0) + 1 / (1 + epoch)


def plain(config):
    return (math.log10(config["lr"]) + 3) ** 2 + (config["kind"] == "b")


def several(config):
    return {"error": plain(config), "speed": config["lr"]}


RUNS = {
    "a Gaussian process": {"algorithm": wb.GPBO(n_startup=5), "n_trials": 9},
    "TPE on learning curves": {"objective": curve, "algorithm": wb.TPE(n_startup=4), "n_trials": 14},
    "brackets": {"objective": curve, "algorithm": wb.TPE(n_startup=4), "scheduler": wb.Hyperband(max_steps=3, eta=3)},
    "several losses": {"objective": several, "algorithm": wb.NSGA2(), "n_trials": 14,
                       "direction": {"error": "minimize", "speed": "maximize"}},
}


@pytest.fixture(scope="module", params=RUNS)
def run(request):
    settings = {"objective": plain, "seed": 0, **RUNS[request.param]}
    done = wb.optimize(settings.pop("objective"), SPACE, **settings)
    done.start().wait(60)
    return done


def panel_of(shown):
    """A panel that nothing but the test moves."""
    panel = RunPanel(shown)
    pump.detach(panel)
    return panel


def same(a, b):
    """Whether two plain pictures, tables or texts are equal; arrays by their numbers."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        return a.shape == b.shape and (a.dtype.kind == "O" or b.dtype.kind == "O" or np.array_equal(
            a, b, equal_nan=a.dtype.kind == "f")) and (a.dtype.kind != "O" or a.tolist() == b.tolist())
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


def shown(panel):
    """All that a panel draws."""
    panel.draw()
    drawn = {name: view.picture() for name, view in panel.figures.items()}
    drawn |= {"table": panel.table_view.content(), "log": list(panel.log_view.lines), "foot": panel.picked}
    drawn |= {"beside the model": panel.model_view._content(), "beside the map": panel.contour_view._content(),
              "beside the axes": panel.coordinates_view._content()}
    if panel.race_view is not None:
        drawn["beside the race"] = panel.race_view._content()
    return drawn


def unlike(a, b):
    return [k for k in a if not same(a[k], b[k])]


# ---- the contract ----------------------------------------------------------------------------------------------------

def test_every_moment_shows_what_a_live_panel_drew_then(run):
    """A live panel takes in event by event; one that jumps to and fro must show the same at each moment."""
    whole = run.log.since(0)
    live_log = EventLog()
    live = panel_of(run)
    live.playhead._log = live_log
    live._rewind(())
    jumping = panel_of(wb.replay(run))
    step = max(1, len(whole) // 24)
    moments = [*range(0, len(whole), step), len(whole)]
    drawn = {}
    for last, at in zip([0, *moments], moments, strict=False):
        live._take(whole[last:at])
        drawn[at] = shown(live)
    order = np.random.default_rng(0).permutation(moments).tolist()
    for at in [*order, 0, len(whole)]:
        jumping.playhead.jump(at)
        assert not unlike(drawn[at], shown(jumping)), f"at {at} of {len(whole)}"
    live.close()
    jumping.close()


def test_a_saved_log_replayed_to_its_end_shows_what_the_run_shows(run, tmp_path):
    run.log.save(tmp_path / "log.jsonl")
    live, recorded = panel_of(run), panel_of(wb.replay(tmp_path / "log.jsonl"))
    recorded.playhead.jump(0)
    assert recorded.head["state"] == "done"  # drawn last at the end
    recorded.draw()
    assert (recorded.head["state"], recorded.head["done"]) == ("ready", 0)
    recorded.playhead.jump(None)
    recorded.draw()
    assert not unlike(shown(live), shown(recorded))
    for key in ("state", "done", "total", "failed", "pruned", "best", "best_trial", "pareto", "running", "waiting", "algorithm",
                "scheduler", "name", "workers", "n_parameters", "maximize"):
        assert recorded.head[key] == live.head[key], key
    live.close()
    recorded.close()


@pytest.mark.parametrize("state", [Trials, Fates, Timeline, Course])
def test_a_state_that_went_back_is_the_state_of_then_for_all_who_hold_it(state, run):
    log = run.log.since(0)
    held = state(log)
    for at in (len(log) // 2, 0, len(log)):
        held.refold(log[:at])
        assert repr(sorted(map(str, vars(held)))) == repr(sorted(map(str, vars(state(log[:at])))))
        if state is Trials:
            assert {k: t.config for k, t in held.by_number.items()} == {k: t.config for k, t in state(log[:at]).by_number.items()}


# ---- the panel of a run that goes on -----------------------------------------------------------------------------------

def until(true, timeout=20.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


@pytest.fixture
def held():
    """A run that stands at a gate in its fifth trial, and its panel."""
    gate, inside = threading.Event(), threading.Event()

    def objective(config):
        if len(r.trials) > 4:
            inside.set()
            gate.wait(20)
        return plain(config)

    r = wb.optimize(objective, SPACE, algorithm=wb.Random(), n_trials=8, seed=0)
    panel = RunPanel(r)
    r.start()
    assert inside.wait(20)
    until(lambda: panel.head["done"] == 4)
    yield panel, gate
    gate.set()
    r.wait(20)
    panel.close()


def test_the_run_goes_on_while_the_panel_looks_back_and_now_shows_all_of_it(held):
    panel, gate = held
    bar = panel.replay_bar
    bar.command({"cmd": "open", "open": True})
    bar.command({"cmd": "jump", "at": panel.playhead.reel.ends[1]})
    until(lambda: panel.head["done"] == 2)
    assert not bar.bar["follows"]
    assert (bar.bar["ended"], bar.bar["newest"]) == (2, 1)
    gate.set()
    panel.run.wait(20)
    until(lambda: panel.head.get("live") == "done")
    time.sleep(0.3)  # the pump has brought the rest
    assert (panel.head["done"], panel.head["state"]) == (2, "running")
    assert len(panel.trials.told) == 2
    assert bar.bar["total"] == len(panel.run.log)  # the slider grows
    bar.command({"cmd": "now"})
    until(lambda: panel.head["done"] == 8)
    assert panel.head["state"] == "done"
    assert "live" not in panel.head
    assert bar.bar["follows"]


def test_choices_of_the_user_survive_a_jump(held):
    panel, _ = held
    panel.command({"cmd": "pick", "trial": 3})
    panel.command({"cmd": "along", "x": "kind"})
    panel.command({"cmd": "brush", "axis": "param:lr", "from": 1e-5, "to": 1e-1})
    panel.command({"cmd": "sort", "by": "value"})
    until(lambda: panel.selection.brushed is not None and panel.picked.get("trial") == 3)
    everything = panel.selection.brushed
    panel.replay_bar.command({"cmd": "jump", "at": panel.playhead.reel.ends[0]})
    until(lambda: panel.head["done"] == 1)
    assert panel.selection.trial == 3  # it has not begun then: the foot shows the best one of that time
    assert not panel.picked["chosen"]
    assert panel.selection.brushed == {0}
    panel.replay_bar.command({"cmd": "now"})
    until(lambda: panel.head["done"] == 4)
    assert panel.picked["trial"] == 3
    assert panel.selection.brushed == everything
    assert panel.table_view.content()["by"] == "value"
    assert panel.model_view._along[0] == "kind"


def test_steps_go_from_trial_to_trial_and_the_last_one_ends_at_now(held):
    panel, _ = held
    bar, ends = panel.replay_bar, panel.playhead.reel.ends
    bar.command({"cmd": "back"})
    until(lambda: panel.playhead.at == ends[3])
    bar.command({"cmd": "back"})
    until(lambda: panel.playhead.at == ends[2])
    for _ in range(3):
        bar.command({"cmd": "next"})
    until(lambda: panel.playhead.follows)
    bar.command({"cmd": "back"})
    bar.command({"cmd": "back"})
    bar.command({"cmd": "back"})
    bar.command({"cmd": "back"})
    bar.command({"cmd": "back"})
    until(lambda: panel.playhead.at == 0)
    assert panel.head["state"] == "ready"


@pytest.mark.parametrize("message", [
    {}, {"cmd": "jump"}, {"cmd": "jump", "at": "x"}, {"cmd": "jump", "at": -5}, {"cmd": "jump", "at": 10**9},
    {"cmd": "speed", "speed": "warp"}, {"cmd": "open", "open": "yes"}, {"cmd": "no such"}])
def test_nonsense_from_the_page_harms_nothing(message):
    r = wb.optimize(plain, SPACE, algorithm=wb.Random(), n_trials=3, seed=0).start().wait()
    panel = panel_of(r)
    panel.replay_bar.command(message)
    panel.draw()
    assert 0 <= panel.playhead.at <= len(r.log)
    panel.replay_bar.command({"cmd": "now"})
    panel.draw()
    assert panel.head["done"] == 3
    panel.close()


def test_of_many_moves_of_the_slider_only_the_last_is_made(monkeypatch):
    r = wb.optimize(plain, SPACE, algorithm=wb.Random(), n_trials=3, seed=0).start().wait()
    panel = panel_of(r)
    made = []
    monkeypatch.setattr(panel.playhead, "jump", made.append)
    for at in (9, 8, 7, 6):
        panel.replay_bar.command({"cmd": "jump", "at": at})
    panel.draw()
    assert made == [6]
    panel.close()


# ---- playing -----------------------------------------------------------------------------------------------------------

def test_playing_goes_through_the_trials_in_order_to_the_end_and_follows_then(monkeypatch):
    r = wb.optimize(curve, SPACE, algorithm=wb.Random(), n_trials=8, seed=0).start().wait()
    panel = panel_of(r)
    clock = [100.0]
    monkeypatch.setattr("workbench_widgets.replay_bar.time.monotonic", lambda: clock[0])
    for message in ({"cmd": "open", "open": True}, {"cmd": "speed", "speed": "4"}, {"cmd": "play"}):
        panel.replay_bar.command(message)
    seen = []
    while not seen or panel.replay_bar.waits:
        panel.draw()
        seen.append((panel.playhead.at, panel.head["done"]))
        clock[0] += 0.1
        assert len(seen) < 60
    assert seen == sorted(seen)
    assert seen[0][0] == 0
    assert panel.playhead.follows
    assert 18 <= len(seen) <= 25  # 8 trials at 4 a second, ten draws a second
    assert {done for _, done in seen} == set(range(9))
    panel.close()


def test_what_is_played_as_it_ran_takes_its_time_but_for_long_waits():
    log = EventLog((RunStarted("r", "Random", SPACE.to_json(), 3, time=0.0), TrialSuggested(0, {}, time=0.0),
                    TrialReported(0, 1, 1.0, time=0.5), TrialFinished(0, "complete", 1.0, time=100.0)))
    reel = Reel(log)
    assert reel.after(0, 0.25) == pytest.approx(2.5)
    assert int(reel.after(2.5, 0.25)) == 3
    assert reel.after(3, 0.9) < 4
    assert reel.after(3, 1.0) == 4  # of the 99.5 seconds one


# ---- the reel ----------------------------------------------------------------------------------------------------------

def test_the_reel_knows_where_trials_begin_and_end_and_where_a_new_best_came():
    events = [StateChanged("running"), TrialSuggested(0, {"x": 1}), TrialSuggested(1, {"x": 2}), TrialFinished(1, "complete", 2.0),
              TrialSuggested(2, {"x": 3}), TrialFinished(0, "failed", None), TrialFinished(2, "complete", 1.0)]
    reel = Reel(EventLog(tuple(events)))
    assert reel.ends == [4, 6, 7]
    assert reel.better == [4, 7]
    assert [reel.next_trial(at) for at in range(8)] == [0, 0, 1, 2, 2, None, None, None]
    assert [reel.next_end(at) for at in (0, 4, 5, 7)] == [4, 6, 6, 7]
    assert [reel.last_end(at) for at in (0, 4, 5, 7)] == [0, 0, 4, 6]


def test_progress_along_the_reel_is_undone(run):
    reel = Reel(run.log)
    for at in np.linspace(0, reel.total, 40):
        assert reel.at_progress(reel.progress(at)) == pytest.approx(at)


def test_every_event_of_a_run_has_words(run):
    assert all(said(e) for e in run.log)
    assert said(Printed(3, "hello")) == "trial 3 prints a line"


# ---- recordings ----------------------------------------------------------------------------------------------------------

def test_a_recording_reads_like_the_run(run, tmp_path):
    run.log.save(tmp_path / "log.jsonl")
    recording = wb.replay(tmp_path / "log.jsonl")
    assert recording.frame().equals(run.frame())
    assert recording.space == run.space
    assert (recording.seed, recording.n_trials, recording.goals) == (run.seed, run.n_trials, run.goals)
    assert recording.scheduler == run.scheduler
    for k in (0, 3, len(run.trials) - 1):
        a, b = run.history(before=k), recording.history(before=k)
        assert np.array_equal(a.x, b.x, equal_nan=True)
        assert np.array_equal(a.y, b.y)
        assert np.array_equal(a.pending, b.pending, equal_nan=True)
        assert np.array_equal(a.by_budget, b.by_budget, equal_nan=True)
        assert recording.explain(k).summary() == run.explain(k).summary()
    assert "Recording" in repr(recording)
    assert "text/html" in recording._repr_mimebundle_()[0]


def test_a_recording_does_not_go_on():
    r = wb.optimize(plain, SPACE, algorithm=wb.Random(), n_trials=3, seed=0).start().wait()
    recording = wb.replay(r)
    for act in (recording.start, recording.stop, recording.configure, lambda: recording.enqueue({"lr": 1})):
        with pytest.raises(RunError, match="recording"):
            act()
    assert len(r.log) == len(recording.log)


def test_a_log_without_a_run_or_something_else_is_refused(tmp_path):
    with pytest.raises(LogError, match="holds no run"):
        wb.replay(EventLog())
    with pytest.raises(RunError, match="got int"):
        wb.replay(3)
    (tmp_path / "no.jsonl").write_text("{}\n")
    with pytest.raises(LogError, match="line 1"):
        wb.replay(tmp_path / "no.jsonl")


def test_a_log_that_was_saved_while_it_ran_does_not_pretend_to_run():
    r = wb.optimize(curve, SPACE, algorithm=wb.Random(), n_trials=3, seed=0).start().wait()
    events = r.log.since(0)
    recording = wb.replay(EventLog(events[:len(events) // 2]))
    assert recording.state == "stopped"
    panel = panel_of(recording)
    assert not panel.replay_bar.waits
    panel.draw()
    assert panel.head["state"] == "running"  # as it was then
    panel.close()
