import ast
import json
import time

import numpy as np
import pytest

import workbench as wb
from tests.nas_helpers import Toy, made_up_table
from workbench.events import EventLog, RunStarted, StateChanged, StepTaken
from workbench.nas.cells import CellSpace
from workbench.nas.code import architecture_code, cells_code
from workbench.nas.ranking import ranking
from workbench.nas_search import search
from workbench.plots.nas_progress import progress, truth
from workbench.step_run import StepRun
from workbench_widgets import nas_panel
from workbench_widgets.nas_panel import NasPanel
from workbench_widgets.nas_words import discretised
from workbench_widgets.pump import pump

SMALL = CellSpace("small", 3, ("none", "skip", "conv3"))
DATA = wb.nas.mnist1d(60)
TABLE = made_up_table(SMALL)


def until(true, timeout=20.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


@pytest.fixture
def make():
    panels = []

    def panel(run=None, **settings):
        run = run or search(Toy(**{"n_steps": 5, **settings}), DATA, cells=SMALL, table=TABLE, name="toy")
        panels.append(NasPanel(run))
        return panels[-1]

    yield panel
    for p in panels:
        if isinstance(p.run, StepRun):
            p.run.close()
        p.close()


def ended(make, **settings):
    panel = make(**settings)
    panel.run.start().wait()
    pump.tick()
    until(lambda: panel.head["state"] == "done")
    return panel


def labels(panel):
    return [label for _, label in panel.shown["tabs"]]


def named(picture, name):
    return next(t for t in picture["data"] if t.get("name") == name)


# ---- the first lines -------------------------------------------------------------------------------------------------

def test_a_new_search_is_ready_and_says_what_it_will_do(make):
    head = make().head
    assert (head["state"], head["done"], head["total"], head["name"], head["label"]) == ("ready", 0, 5, "toy", "Toy(n_steps=5)")
    assert head["where"] == "small · MNIST-1D · seed 0"


def test_it_runs_to_the_end_and_the_head_tells_how_it_went(make):
    panel = make()
    panel.command({"cmd": "start"})
    until(lambda: panel.head["state"] == "done")
    assert panel.head["done"] == 5
    rank = panel.run.metrics["true_rank"]
    assert panel.head["metrics"][1] == f"pick: number {rank:.0f} of {TABLE.n_distinct}"


def test_step_pause_and_stop_are_obeyed(make):
    panel = make(n_steps=500, seconds=0.01)
    panel.command({"cmd": "step"})
    until(lambda: panel.head["state"] == "paused")
    assert panel.head["done"] == 1
    panel.command({"cmd": "start"})
    until(lambda: panel.head["done"] > 2)
    panel.command({"cmd": "pause"})
    until(lambda: panel.head["state"] == "paused")
    panel.command({"cmd": "stop"})
    until(lambda: panel.head["state"] == "stopped")
    assert panel.head["done"] < 500


def test_what_cannot_be_done_is_said_where_it_was_asked(make):
    panel = ended(make)
    panel.command({"cmd": "start"})
    until(lambda: panel.said)
    assert "over: done" in panel.said["text"]


def test_a_failure_is_shown(make):
    def breaks():
        yield StepTaken(1, {"train_loss": 1.0})
        raise ValueError("no weights left")

    panel = make(StepRun(breaks, label="Broken"))
    panel.command({"cmd": "start"})
    until(lambda: panel.head["state"] == "failed")
    assert panel.head["detail"] == "ValueError: no weights left"
    panel.command({"cmd": "tab", "tab": "log"})
    until(lambda: any("no weights left" in line[2] and line[3] == "error" for line in panel.lines))


# ---- tabs ------------------------------------------------------------------------------------------------------------

def test_tabs_are_what_there_is_to_see(make):
    panel = make()
    assert labels(panel) == ["Cell", "Weights", "Progress", "Truth", "Log", "Export"]
    plain = make(StepRun(lambda: iter(()), label="Plain"))
    assert labels(plain) == ["Progress", "Log", "Export"]


def test_reasons_bring_tabs_of_their_own(make):
    architectures = list(SMALL)[:8]

    def ranks():
        yield StepTaken(0, {"train_loss": 1.0}, ranking(SMALL, architectures, np.linspace(0, 1, 8)))

    panel = make(StepRun(ranks, label="One-shot"))
    panel.run.start().wait()
    until(lambda: "Ranking" in labels(panel))
    assert labels(panel)[:2] == ["Cell", "Weights"]


def test_lines_of_the_log_tell_the_numbers_of_each_step(make):
    panel = ended(make)
    panel.command({"cmd": "tab", "tab": "log"})
    until(lambda: len(panel.lines) == 6)
    assert panel.lines[0][1] == "step 1"
    assert "train loss 1" in panel.lines[0][2]
    assert panel.lines[-1][2] == "done"


# ---- the cell, and going back ----------------------------------------------------------------------------------------

def widths(panel):
    return [s["line"]["width"] for s in panel.cell.picture()["layout"]["shapes"] if s["type"] == "path"]


def test_widths_of_the_edges_are_the_weights(make):
    panel = make()
    before = widths(panel)
    assert len(before) == 9
    assert len(set(before)) == 1
    panel.run.step()
    until(lambda: panel.head["done"] == 1)
    assert len(set(widths(panel))) > 3


def test_discretising_leaves_one_operation_on_each_edge(make):
    panel = ended(make)
    whole = panel.cell.picture()["layout"]["shapes"]
    panel.command({"cmd": "discretise", "on": True})
    until(lambda: panel.shown["discretised"])
    shapes = panel.cell.picture()["layout"]["shapes"]
    assert sum(s["opacity"] == 1 for s in shapes) == 3 < sum(s["opacity"] == 1 for s in whole)
    assert [op for _, op in panel.shown["chosen"]] == list(panel.run.chosen)
    kept = {row[0]: row[1] for row in panel.shown["kept"]}
    metrics = panel.run.metrics
    assert kept["as a mixture of all operations"] == f"{100 * metrics['valid_accuracy']:.1f} %"
    assert kept["the cell that is kept, with the shared weights"] == f"{100 * metrics['discrete_accuracy']:.1f} %"
    assert kept["the cell that is kept, trained on its own"] == f"{100 * metrics['true_accuracy']:.1f} %"
    assert "the biggest model" in kept


def test_words_are_left_out_where_nothing_is_known():
    assert discretised({}, None, {}) == []
    assert [row[1] for row in discretised({"discrete_accuracy": 0.5}, None, {})] == ["50.0 %"]


def test_of_sampled_cells_nobody_says_that_they_are_a_mixture():
    why = ranking(SMALL, list(SMALL)[:4], np.linspace(0, 1, 4))
    assert discretised({"valid_accuracy": 0.5}, why, {})[0][0] == "a sampled cell, with the shared weights"


def test_any_step_can_be_looked_at_while_the_search_goes_on(make):
    panel = make()
    for _ in range(2):
        panel.run.step()
    until(lambda: panel.head["done"] == 2)
    then = str(panel.cell.picture())
    panel.command({"cmd": "look", "at": 1})
    until(lambda: not panel.shown["follows"])
    assert panel.shown["at"] == 1
    assert str(panel.cell.picture()) != then
    panel.run.step()
    until(lambda: panel.head["done"] == 3)
    assert (panel.shown["at"], panel.shown["total"]) == (1, 3)
    panel.command({"cmd": "look", "at": 2})
    until(lambda: panel.shown["at"] == 2)
    assert str(panel.cell.picture()) == then
    panel.command({"cmd": "look", "at": None})
    until(lambda: panel.shown["follows"])
    assert panel.shown["at"] == 3
    panel.command({"cmd": "look", "at": 0})
    until(lambda: panel.shown["at"] == 0)
    assert panel.shown["chosen"] == []


def test_a_saved_log_shows_the_same_pictures(make, tmp_path):
    panel = ended(make)
    panel.run.log.save(tmp_path / "toy.jsonl")
    again = make(wb.replay(tmp_path / "toy.jsonl"))
    assert again.head["read_only"]
    assert again.shown == panel.shown
    for name, view in panel.figures.items():
        assert str(again.figures[name].picture()) == str(view.picture()), name


def test_folded_in_pieces_the_pictures_are_those_folded_at_once(make):
    panel = ended(make)
    log = panel.run.log.since(0)
    pieces = make(StepRun(lambda: iter(()), label="", n_steps=5, about=panel.run.about))
    for event in log:
        pieces.fold([event])
    assert {name: str(v.picture()) for name, v in pieces.figures.items()} == \
        {name: str(v.picture()) for name, v in panel.figures.items()}


# ---- what can be taken out -------------------------------------------------------------------------------------------

def test_files_are_sent_to_the_page(make):
    panel = ended(make)
    sent = []
    panel.send = lambda content, buffers: sent.append((content, buffers[0].decode()))
    for what in ("log", "code", "metrics"):
        panel.command({"cmd": "get", "what": what, "to": "download"})
    until(lambda: len(sent) == 3)
    names = [content["name"] for content, _ in sent]
    assert names == ["toy-log.jsonl", "toy-code.py", "toy-metrics.csv"]
    log, code, metrics = (text for _, text in sent)
    assert [json.loads(line)["event"] for line in log.splitlines()].count("StepTaken") == 5
    ast.parse(code)
    assert metrics.splitlines()[0].startswith("step,cpu_s,train_loss")
    assert len(metrics.splitlines()) == 6


def test_the_code_of_an_architecture_trains_it():
    pytest.importorskip("torch")
    code = architecture_code(SMALL, ("conv3", "skip", "none"), {"data": "MNIST-1D"}, step=3)
    assert "# chosen after 3 steps" in code
    quick = code.replace("mnist1d()", "mnist1d(60)").replace("epochs=15", "epochs=1")
    said = []
    exec(compile(quick, "code", "exec"), {"print": lambda *words: said.append(words)})
    assert len(said) == 2
    assert 0 <= said[-1][0] <= 1


def test_spaces_are_written_by_name_where_they_have_one():
    assert cells_code(wb.nas.NANO) == "wb.nas.NANO"
    made = cells_code(SMALL)
    assert eval(made, {"wb": wb}) == SMALL


# ---- pictures --------------------------------------------------------------------------------------------------------

def taken(n=4, **more):
    return [StepTaken(k, {"train_loss": 1 / k, "valid_accuracy": k / 10, "true_accuracy": 0.8 + k / 100, "true_rank": 50.0 - k,
                          "random_accuracy": 0.8, "random_rank": 60.0, **more}) for k in range(1, n + 1)]


ABOUT = {"n_distinct": 100, "best_accuracy": 0.97, "biggest": {"accuracy": 0.9, "rank": 7.0}}


def test_progress_has_accuracies_above_losses_below_and_both_baselines():
    picture = progress(taken(), ABOUT, total=10)
    assert named(picture, "validation")["yaxis"] == "y"
    assert named(picture, "training loss")["yaxis"] == "y2"
    assert named(picture, "the biggest model")["y"].tolist() == [0.9, 0.9]
    assert named(picture, "random search, same compute")["y"].tolist() == [0.8] * 4
    assert picture["layout"]["xaxis"]["range"] == [0.5, 10.5]
    assert "The pick is right on 84.0 %" in picture["layout"]["title"]["text"]
    assert "<img" not in str(progress(taken(**{"<img src=x>_accuracy": 0.5})))


def test_progress_without_a_step_says_what_to_do():
    assert "Press Start" in progress([])["layout"]["annotations"][0]["text"]


def test_many_steps_are_thinned():
    assert len(named(progress(taken(3000)), "validation")["x"]) <= 400


def test_the_truth_is_a_rank_on_a_log_axis_with_one_at_the_top():
    picture = truth(taken(), ABOUT)
    assert picture["layout"]["yaxis"]["type"] == "log"
    low, high = picture["layout"]["yaxis"]["range"]
    assert low > high
    assert named(picture, "the pick")["y"].tolist() == [49, 48, 47, 46]
    assert named(picture, "the biggest model")["y"].tolist() == [7, 7]
    assert picture["layout"]["title"]["text"] == "The pick is number 46 of 100"
    assert "table" in truth([])["layout"]["annotations"][0]["text"]


# ---- the panel as an output ------------------------------------------------------------------------------------------

def test_a_search_shows_the_same_panel_again():
    run = search(Toy(), DATA)
    try:
        assert "application/vnd.jupyter.widget-view+json" in nas_panel.show(run)[0]
        assert nas_panel.panel_of(run) is nas_panel.panel_of(run)
    finally:
        nas_panel.panel_of(run).close()


def test_a_panel_of_a_cut_off_log_can_be_looked_at(make):
    log = EventLog((RunStarted(None, "Toy", {}, 9), StateChanged("running"), *taken(2)))
    panel = make(wb.replay(log))
    assert (panel.head["state"], panel.head["done"], panel.head["total"]) == ("stopped", 2, 9)
