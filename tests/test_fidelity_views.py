"""Views of runs with a scheduler, and the panel's tab of them."""

import threading
import time

import pytest

import workbench as wb
from workbench.events import RunStarted
from workbench.fates import Fates
from workbench.fidelity.asha import ASHA
from workbench.fidelity.halving import SuccessiveHalving
from workbench.fidelity.hyperband import Hyperband
from workbench.objective import Checkpoint
from workbench_widgets import views
from workbench_widgets.run_panel import RunPanel

SPACE = wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1))
VIEWS = (views.BracketsView, views.GanttView, views.FidelityRanksView, views.CurvesView)


def objective(c):
    for step in range(1, 200):
        yield c["x"] + c["y"] / step


@pytest.fixture(scope="module")
def log():
    run = wb.optimize(objective, SPACE, algorithm=wb.Random(), scheduler=Hyperband(27), n_workers=3, seed=0)
    return list(run.start().wait().log)


def until(true, timeout=20.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


def plain(picture):
    """A picture as something that can be compared."""
    return repr({"layout": picture["layout"], "data": [{k: list(v) if hasattr(v, "tolist") else v for k, v in t.items()}
                                                       for t in picture["data"]]})


# ---- views -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("make", VIEWS, ids=lambda v: v.__name__)
def test_a_view_that_is_folded_in_pieces_draws_the_same(make, log):
    whole, pieces = make(), make()
    whole.fold(log)
    for i in range(0, len(log), 7):
        pieces.fold(log[i:i + 7])
        if i % 5 == 0:
            pieces.picture()
    assert plain(whole.picture()) == plain(pieces.picture())


@pytest.mark.parametrize("make", VIEWS, ids=lambda v: v.__name__)
def test_a_view_without_events_says_what_will_come(make):
    assert make().picture()["layout"]["annotations"][0]["text"]


def test_the_race_follows_the_present_bracket_until_one_is_chosen(log):
    view = views.BracketsView()
    view.fold(log[:60])
    assert view._content()["shown"] == view._content()["present"] == 0
    view.fold(log[60:])
    assert view._content()["shown"] == 3
    view.choose(1)
    assert view._content()["shown"] == 1
    assert view.picture()["layout"]["title"]["text"].startswith("Bracket 2 of 4")
    view.choose(99)
    assert view._content()["chosen"] is None
    assert [text for _, text in view._content()["menu"]] == [f"Bracket {k} of 4 (s = {4 - k})" for k in range(1, 5)]


def test_a_bracket_that_has_not_begun_can_be_chosen(log):
    view = views.BracketsView()
    view.fold(log[:20])
    view.choose(3)
    assert "has not begun" in view.picture()["layout"]["annotations"][0]["text"]


def test_a_click_anywhere_in_a_lane_picks_its_trial(log):
    view = views.BracketsView()
    view.fold(log)
    view.choose(0)
    heads = {int(y): k for t in view.picture()["data"] if t["mode"] == "markers" for y, k in zip(t["y"], t["customdata"], strict=True)}
    view.live.clicked = {"x": 0.1, "y": 3.3, "subplot": "xy", "trial": None, "n": 1}
    assert view.selection.trial == heads[3]
    view.live.clicked = {"x": 0.1, "y": 300.0, "subplot": "xy", "trial": None, "n": 2}
    assert view.selection.trial == heads[3]


def test_a_click_on_a_cell_of_the_matrix_chooses_the_pair(log):
    view = views.FidelityRanksView()
    view.fold(log)
    view.live.clicked = {"x": 1.2, "y": 1.9, "subplot": "xy", "trial": None, "n": 1}
    assert view.picture()["layout"]["xaxis2"]["title"]["text"] == "loss after 3 steps"
    assert view.picture()["layout"]["yaxis2"]["title"]["text"] == "loss after 9 steps"
    view.live.clicked = {"x": 2.0, "y": 1.0, "subplot": "xy", "trial": None, "n": 2}  # above the diagonal there is no cell
    assert view.picture()["layout"]["xaxis2"]["title"]["text"] == "loss after 3 steps"
    view.choose(None)
    assert view.picture()["layout"]["xaxis2"]["title"]["text"] == "loss after 1 step"


def test_curves_know_fates_and_a_log_scale_only_where_asked(log):
    view = views.CurvesView()
    view.fold(log)
    assert view.picture()["layout"]["xaxis"]["type"] == "linear"
    view.set_log(on=True)
    assert view.picture()["layout"]["xaxis"]["type"] == "log"
    assert {t["name"] for t in view.picture()["data"]} == {"finished", "stopped", "best"}


# ---- the panel -----------------------------------------------------------------------------------------------------------

@pytest.fixture
def make():
    panels = []

    def panel(f=objective, scheduler=None, **settings):
        settings = {"algorithm": wb.Random(), "seed": 0, **settings}
        panels.append(RunPanel(wb.optimize(f, SPACE, scheduler=scheduler, **settings)))
        return panels[-1]

    yield panel
    for p in panels:
        if p.run.state in ("running", "pausing", "paused"):
            p.run.stop()
        p.close()


def test_without_a_scheduler_there_is_no_such_tab(make):
    panel = make()
    assert (panel.fidelity, panel.head["scheduler"], panel.head["pausing"]) == ({}, "", "")
    assert not {"brackets", "gantt", "ranks"} & set(panel.parts)


def test_before_the_start_the_table_stands_already(make):
    panel = make(scheduler=Hyperband(81))
    assert panel.head["scheduler"] == "Hyperband · 81 steps"
    assert [row[1][0] for row in panel.fidelity["rows"]] == ["81 × 1", "27 × 3", "9 × 9", "3 × 27", "1 × 81"]
    assert len(panel.fidelity["menu"]) == 5
    assert {"brackets", "gantt", "ranks"} <= set(panel.parts)


def with_budget(config, budget):
    return config["x"]


def with_state(config, budget, state):
    return Checkpoint(config["x"], budget)


def test_the_head_says_how_trials_wait(make):
    halving = SuccessiveHalving(9)
    kinds = {f: make(f, halving).head["pausing"] for f in (objective, with_budget, with_state)}
    assert list(kinds.values()) == ["memory", "again", "state"]
    assert make(scheduler=ASHA(9, stop=True)).head["pausing"] == ""


def test_the_head_counts_who_runs_who_waits_and_who_is_shelved(make):
    gate, inside = threading.Event(), threading.Semaphore(0)

    def f(c):
        for step in range(1, 10):
            if len(seen) >= 8:
                inside.release()
                assert gate.wait(30)
            seen.append(step)
            yield c["x"]

    seen = []
    panel = make(f, SuccessiveHalving(9), max_waiting=1)
    panel.command({"cmd": "start"})
    assert inside.acquire(timeout=20)
    until(lambda: panel.head["waiting"] == 3 and panel.head["running"] == 1)
    assert panel.run.n_waiting == 3
    assert panel.head["shelved"] == 2
    assert panel.head["pruned"] == 5
    gate.set()
    panel.run.wait(30)
    until(lambda: panel.head["state"] == "done")
    assert (panel.head["waiting"], panel.head["running"], panel.head["ready"], panel.head["shelved"]) == (0, 0, 0, 0)


def test_brackets_pairs_and_log_scales_are_commands(make):
    panel = make(scheduler=Hyperband(9), n_trials=22, n_workers=2)
    assert panel.fidelity["log_steps"]
    panel.command({"cmd": "start"})
    until(lambda: panel.head["state"] == "done")
    panel.command({"cmd": "bracket", "bracket": 1})
    until(lambda: panel.race_view._chosen == 1)
    panel.race_view.show()
    panel.command({"cmd": "log_steps", "on": False})
    until(lambda: panel.fidelity["log_steps"] is False)
    assert panel.fidelity["shown"] == 1
    panel.command({"cmd": "pair", "low": 3, "high": 9})
    until(lambda: panel.ranks_view._pair == (1, 2))
    panel.command({"cmd": "bracket", "bracket": None})
    until(lambda: panel.race_view._chosen is None)
    assert not panel.said


def test_a_run_that_is_opened_again_shows_its_brackets(tmp_path):
    storage = f"sqlite:///{tmp_path}/runs.db"
    run = wb.optimize(objective, SPACE, algorithm=wb.Random(), scheduler=SuccessiveHalving(9), n_trials=9, seed=0, name="mlp",
                      storage=storage)
    run.start().wait()
    run.close()
    live = Fates(run.log)
    again = wb.open("mlp", objective=objective, storage=storage)
    panel = RunPanel(again)
    try:
        assert panel.fates.brackets == live.brackets
        assert {k: (f.status, f.losses) for k, f in panel.fates.by_number.items()} == {
            k: (f.status, f.losses) for k, f in live.by_number.items()}
        assert not any(isinstance(e, RunStarted) for e in again.log) or panel.fates.scheduler
    finally:
        panel.close()
        again.close()
