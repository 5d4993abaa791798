import math
import threading
import time

import pytest

import workbench as wb
from workbench.events import TrialFinished, TrialSuggested
from workbench.search import catalogue
from workbench_widgets import run_panel
from workbench_widgets.pump import pump
from workbench_widgets.run_panel import RunPanel
from workbench_widgets.view import Selection
from workbench_widgets.words import number

SPACE = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), kind=wb.Choice("a", "b"))


def loss(config):
    return (math.log10(config["lr"]) + 3) ** 2 + (config["kind"] == "b")


def until(true, timeout=20.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


@pytest.fixture
def make():
    panels = []

    def panel(objective=loss, space=SPACE, **settings):
        settings = {"algorithm": wb.Random(), "n_trials": 6, "seed": 0, **settings}
        panels.append(RunPanel(wb.optimize(objective, space, **settings)))
        return panels[-1]

    yield panel
    for p in panels:
        if p.run.state in ("running", "pausing", "paused"):
            p.run.stop()
        p.close()


# ---- the first lines -------------------------------------------------------------------------------------------------

def test_a_new_run_is_ready_and_says_that_it_is_not_saved(make):
    head = make().head
    assert (head["state"], head["done"], head["total"], head["saved"], head["best"]) == ("ready", 0, 6, False, None)
    assert head["n_parameters"] == 2
    assert head["algorithm"] == "Random"
    assert head["algorithms"] == catalogue.offered(make().run.space)


def test_start_runs_to_the_end_and_the_head_tells_how_it_went(make):
    panel = make(lambda c: math.inf / 0 if c["lr"] > 1e-3 else loss(c), n_trials=12)
    panel.command({"cmd": "start"})
    until(lambda: panel.head["state"] == "done")
    best = panel.run.best
    assert panel.head["done"] == 12
    assert panel.head["failed"] == len([t for t in panel.run.trials.by_number.values() if t.state == "failed"]) > 0
    assert panel.head["best_trial"] == best.number
    assert panel.picked["config"][1] == ["kind", best.config["kind"]]
    assert panel.head["eta_s"] is None


def test_whoever_maximises_reads_his_own_value(make):
    panel = make(lambda c: 0.25, direction="maximize", n_trials=1)
    panel.run.start().wait()
    until(lambda: panel.head["best"] == "0.250")


def test_of_several_losses_the_head_counts_the_pareto_set_and_no_trial_is_the_best(make):
    panel = make(lambda c: {"cost": loss(c), "rate": c["lr"]}, direction={"cost": "minimize", "rate": "maximize"}, n_trials=12)
    assert (panel.head["pareto"], panel.picked) == (0, {})
    panel.command({"cmd": "start"})
    until(lambda: panel.head["state"] == "done" and panel.head["done"] == 12)
    pareto = panel.run.pareto
    assert 0 < len(pareto) < 12
    assert panel.head["pareto"] == len(pareto)
    assert (panel.head["best"], panel.head["best_trial"], panel.picked) == (None, None, {})
    assert panel.head["advice"]["label"] == "GP · expected hypervolume"
    panel.command({"cmd": "pick", "trial": 3})
    until(lambda: panel.picked.get("trial") == 3)
    cost, rate = panel.run.trials.values(panel.run.trials.by_number[3].losses)
    assert panel.picked["value"] == f"{number(cost)}, {number(rate)}"
    panel.command({"cmd": "algorithm", "value": "TPE"})
    until(lambda: "best of one loss" in panel.said.get("text", ""))
    assert panel.head["algorithm"] == "Random"
    assert make(n_trials=1).head["pareto"] is None


def test_pause_resume_step_and_stop_are_commands(make):
    panel = make(lambda c: time.sleep(0.05) or loss(c), n_trials=1000)
    panel.command({"cmd": "step"})
    until(lambda: panel.head["state"] == "paused")
    assert panel.head["done"] == 1
    panel.command({"cmd": "start"})
    until(lambda: panel.head["done"] >= 3)
    panel.command({"cmd": "pause"})
    until(lambda: panel.head["state"] == "paused")
    panel.command({"cmd": "stop"})
    until(lambda: panel.head["state"] == "stopped")


def test_commands_are_acknowledged_and_never_block_whoever_sends_them(make):
    panel = make(lambda c: time.sleep(0.3) or loss(c))
    began = time.monotonic()
    for name in ("start", "pause", "start"):
        panel._handle_custom_msg({"cmd": name}, [])
    assert time.monotonic() - began < 0.2  # less than one trial
    until(lambda: panel.ack == 3)


def test_settings_are_changed_from_the_panel(make):
    panel = make()
    for message in ({"cmd": "n_trials", "value": 9}, {"cmd": "n_workers", "value": 2},
                    {"cmd": "algorithm", "value": "GP-BO · LCB"}):
        panel.command(message)
    until(lambda: panel.head["algorithm"] == "GP-BO · LCB")
    assert (panel.run.n_trials, panel.run.n_workers) == (9, 2)
    assert panel.run.algorithm == wb.GPBO(acquisition="lcb")
    assert (panel.head["total"], panel.head["workers"]) == (9, 2)


def test_a_command_that_cannot_be_obeyed_is_answered_in_words_and_the_next_takes_them_back(make):
    panel = make()
    panel.command({"cmd": "n_trials", "value": -3})
    until(lambda: panel.said)
    assert "at least 1, got -3" in panel.said["text"]
    panel.command({"cmd": "n_trials", "value": 7})
    until(lambda: not panel.said)


@pytest.mark.parametrize("message", [
    {}, {"cmd": "no such"}, {"cmd": "pick", "trial": "<b>"}, {"cmd": "pick", "trial": 10**9}, {"cmd": "move", "by": None},
    {"cmd": "again", "trial": 77}, {"cmd": "along", "x": ["a"]}, {"cmd": "page", "page": "x"}, {"cmd": "sort", "by": 3},
    {"cmd": "algorithm", "value": "__import__('os')"}, {"cmd": "n_workers", "value": "many"}, {"cmd": "space", "space": {}}])
def test_nonsense_from_the_page_harms_nothing(make, message):
    panel = make()
    panel.command(message)
    until(lambda: panel.ack == 1 or "space" in message)
    panel.command({"cmd": "start"})
    until(lambda: panel.head["state"] == "done")


def test_a_failure_shows_its_first_line_and_keeps_the_traceback(make):
    def objective(c):
        raise ValueError("<b>no</b> 🙂")

    panel = make(objective, n_trials=1)
    panel.run.start().wait()
    panel.command({"cmd": "pick", "trial": 0})
    until(lambda: panel.picked.get("chosen"))
    assert panel.picked["first"] == "ValueError: <b>no</b> 🙂"
    assert "in objective" in panel.picked["error"]
    assert panel.lines[-1][2] == "failed: ValueError: <b>no</b> 🙂" or any("ValueError" in line[2] for line in panel.lines)


# ---- the picked trial ------------------------------------------------------------------------------------------------

def test_arrows_walk_through_the_trials_and_stop_at_the_ends(make):
    panel = make(n_trials=3)
    panel.run.start().wait()
    until(lambda: panel.head["done"] == 3)
    seen = []
    for by in (-1, -1, -1, -1, 1):
        panel.command({"cmd": "move", "by": by})
        n = len(seen) + 1
        until(lambda n=n: panel.ack == n)
        seen.append(panel.picked["trial"])
    assert seen == [2, 1, 0, 0, 1]


def test_a_pinned_trial_is_held_beside_whichever_is_picked_and_what_differs_is_marked(make):
    panel = make(n_trials=3)
    panel.run.start().wait()
    until(lambda: panel.head["done"] == 3)
    panel.command({"cmd": "pin", "trial": 1})
    panel.command({"cmd": "pick", "trial": 1})
    until(lambda: panel.picked.get("chosen"))
    assert (panel.picked["trial"], panel.picked["pinned"], panel.picked["beside"]) == (1, True, None)
    panel.command({"cmd": "pick", "trial": 2})
    until(lambda: panel.picked["trial"] == 2)
    beside, known = panel.picked["beside"], panel.trials.by_number
    assert not panel.picked["pinned"]
    assert (beside["trial"], beside["names"]) == (1, ["lr", "kind"])
    assert [row[0] for row in beside["rows"]] == [2, 1]
    assert beside["differs"] == [known[1].config[k] != known[2].config[k] for k in ("lr", "kind")]
    panel.command({"cmd": "pin", "trial": None})
    until(lambda: panel.picked["beside"] is None)


def test_escape_lifts_the_brushes_first_and_then_lets_the_picked_trial_go(make):
    panel = make(n_trials=4)
    panel.run.start().wait()
    until(lambda: panel.head["done"] == 4)
    panel.command({"cmd": "pick", "trial": 2})
    panel.command({"cmd": "brush", "axis": "param:lr", "from": 1e-5, "to": 1e-1})
    panel.figures["progress"].brush((0.5, 2.5))
    until(lambda: len(panel.brush.get("chips", ())) == 2)
    assert panel.brush["words"] == "2 of 4 trials brushed"
    assert [chip[0] for chip in panel.brush["chips"]] == ["coordinates", "progress"]
    panel.command({"cmd": "lift", "by": "progress", "axis": ""})
    until(lambda: [chip[0] for chip in panel.brush["chips"]] == ["coordinates"])
    assert panel.figures["progress"].boxes == ()
    panel.command({"cmd": "escape"})
    until(lambda: panel.brush == {})
    assert panel.picked["trial"] == 2
    panel.command({"cmd": "escape"})
    until(lambda: not panel.picked["chosen"])


def test_a_look_is_marked_by_figures_at_once_and_draws_nothing_anew(make):
    panel = make(n_trials=2)
    panel.run.start().wait()
    until(lambda: not panel.waits)
    progress, shown = panel.figures["progress"], []
    progress.show = lambda: shown.append(1)
    ack = panel.ack
    panel._handle_custom_msg({"cmd": "hover", "trial": 1}, [])  # the page has marked it itself
    assert panel.selection.hovered == 1
    assert "hovered" not in progress.live.marked
    panel.selection.hover(0)  # by code: the page must be told
    until(lambda: progress.live.marked.get("hovered") == 0)
    panel.selection.hover(None)
    until(lambda: "hovered" not in progress.live.marked)
    panel.selection.pin(1)
    until(lambda: progress.live.marked == {"pinned": 1})
    assert (panel.ack, len(shown)) == (ack, 1)  # a pin is drawn, as every change of the selection; looks are not


def test_the_configuration_is_copied_as_python(make):
    panel = make(n_trials=1)
    panel.run.start().wait()
    until(lambda: panel.picked)
    assert eval(panel.picked["code"]) == panel.run.best.config


def test_a_trial_is_run_again(make):
    panel = make(n_trials=2)
    panel.run.start().wait()
    until(lambda: panel.head["done"] == 2)
    panel.command({"cmd": "again", "trial": 0})
    panel.command({"cmd": "n_trials", "value": 3})
    panel.command({"cmd": "start"})
    until(lambda: panel.head["done"] == 3)
    trials = panel.run.trials.by_number
    assert trials[2].config == trials[0].config


def test_two_panels_share_a_selection(make):
    selection = Selection()
    run = make(n_trials=2).run.start().wait()
    one, two = RunPanel(run, selection), RunPanel(run, selection)
    one.command({"cmd": "pick", "trial": 1})
    until(lambda: two.picked.get("chosen") and two.picked["trial"] == 1)


# ---- the space -------------------------------------------------------------------------------------------------------

def test_an_edit_of_the_space_goes_to_the_run(make):
    panel = make()
    panel.editor.space = wb.Space(lr=wb.Float(1e-4, 1e-2, log=True), kind=wb.Choice("a", "b"))
    until(lambda: panel.run.space["lr"].low == 1e-4)


def test_an_edit_that_the_run_refuses_is_answered_and_kept_on_screen(make):
    panel = make(n_trials=1)
    panel.run.start().wait()
    until(lambda: panel.head["done"] == 1)
    assert panel.editor.locked
    edited = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True))
    panel.editor.space = edited
    until(lambda: panel.said)
    assert "come nor go" in panel.said["text"]
    assert panel.run.space == SPACE
    assert panel.editor.space == edited


def test_a_space_changed_by_code_is_shown(make):
    panel = make()
    panel.run.configure(space=wb.Space(lr=wb.Float(1e-4, 1e-2, log=True), kind=wb.Choice("a", "b")))
    until(lambda: panel.editor.space["lr"].high == 1e-2)


# ---- other kinds of runs ---------------------------------------------------------------------------------------------

def test_an_optuna_objective_has_no_editor_and_fixed_algorithm(make):
    panel = make(lambda trial: trial.suggest_float("x", 0, 1), None, algorithm=wb.TPE(), n_trials=3)
    assert panel.editor is None
    assert panel.head["algorithms"] == []
    panel.run.start().wait()
    until(lambda: panel.head["done"] == 3)
    assert panel.table["names"] == ["x"] or panel.table_view.content()["names"] == ["x"]


def test_a_watched_study_is_read_only_and_followed():
    import optuna

    study = optuna.create_study()
    panel = RunPanel(wb.watch(study))
    try:
        assert panel.head["read_only"]
        assert panel.editor is None
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
        until(lambda: panel.head["done"] == 3)
        panel.command({"cmd": "start"})
        until(lambda: panel.said)
        assert "watched" in panel.said["text"]
    finally:
        panel.run.close()
        panel.close()


def test_a_reopened_run_shows_what_it_had(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = wb.optimize(loss, SPACE, algorithm=wb.Random(), n_trials=3, seed=0, name="kept")
    first.start().wait()
    first.close()
    panel = RunPanel(wb.open("kept"))
    assert panel.head["done"] == 3
    assert panel.head["saved"]
    assert "kept" in panel.head["where"]
    assert len(panel.table["rows"]) == 3
    assert panel.picked["trial"] == first.best.number


# ---- traffic ---------------------------------------------------------------------------------------------------------

def test_five_thousand_events_a_second_become_a_few_messages_and_the_right_last_value(make):
    panel = make(n_trials=5000)
    sent = []
    send = panel._send
    panel._send = lambda *a, **k: (sent.append(time.monotonic()), send(*a, **k))
    counter, lock = iter(range(10**6)), threading.Lock()

    def work():
        for _ in range(625):
            with lock:
                k = next(counter)
                panel.run.log.append(TrialSuggested(k, {"lr": 1e-3, "kind": "a"}))
                panel.run.log.append(TrialFinished(k, "complete", 5000.0 - k))
            time.sleep(0.0016)

    threads = [threading.Thread(target=work) for _ in range(8)]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    until(lambda: panel.head["done"] == 5000)
    took = time.monotonic() - began
    assert (panel.head["best"], panel.head["best_trial"]) == ("1", 4999)
    # Jupyter drops messages above 1000 a second; two a tick, and twice that for a slow clock
    assert len(sent) <= 40 * took + 10


def test_an_idle_panel_sends_nothing(make):
    panel = make(n_trials=2)
    panel.run.start().wait()
    until(lambda: not panel.waits)
    time.sleep(0.3)
    sent = []
    panel._send = lambda *a, **k: sent.append(a)
    time.sleep(0.5)
    assert sent == []


def test_a_closed_panel_is_no_longer_fed(make):
    panel = make()
    panel.close()
    pump.tick()
    assert all(f.view() is not panel for f in pump._followed)


# ---- places without a kernel -----------------------------------------------------------------------------------------

def test_the_fallback_is_a_table_and_a_line(make):
    panel = make(n_trials=2, space=wb.Space({"<b>lr</b>": wb.Float(0, 1)}), objective=lambda c: c["<b>lr</b>"])
    panel.run.start().wait()
    data, _ = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "&lt;b&gt;lr&lt;/b&gt;" in data["text/html"]
    assert "<b>lr</b>" not in data["text/html"]
    assert "<table" in data["text/html"]
    assert "2 / 2 trials" in data["text/plain"]


def test_showing_a_run_twice_makes_one_panel(make):
    run = make().run
    run_panel.show(run)
    panel = run._panel
    run_panel.show(run)
    assert run._panel is panel
    panel.close()
    run_panel.show(run)
    assert run._panel is not panel


def test_the_chooser_says_what_it_would_take_and_can_be_followed(make):
    panel = make(n_trials=20)
    assert panel.head["advice"]["label"] == "GP-BO · log-EI"
    assert "2 parameters" in panel.head["advice"]["why"]
    panel.command({"cmd": "advice"})
    until(lambda: panel.head["algorithm"] == "GP-BO · log-EI")
    panel.command({"cmd": "n_trials", "value": 5})
    until(lambda: panel.head["advice"]["label"] == "Sobol")
