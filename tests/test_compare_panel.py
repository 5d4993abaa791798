"""The panel of a comparison: its list of runs, its commands, what it says, and that it follows runs and studies."""

import time

import optuna
import pytest

import workbench as wb
from workbench.events import EventLog, RunStarted, TrialFinished, TrialSuggested
from workbench_widgets.compare_panel import ALONE, LOOK_S, NOBODY, ComparePanel
from workbench_widgets.pump import pump
from workbench_widgets.run_panel import RunPanel

SPACE = wb.Space(x=wb.Float(0.0, 1.0))


def log_of(losses, *, algorithm="A", seed=0, name=None, direction="minimize"):
    log = EventLog((RunStarted(name, algorithm, {}, 9, direction=direction, seed=seed),))
    for k, loss in enumerate(losses):
        extend(log, k, loss)
    return log


def extend(log, k, loss):
    log.append(TrialSuggested(k, {"x": 0.5}, time=float(k)))
    log.append(TrialFinished(k, "complete", loss, time=k + 1.0))


def until(true, timeout=20.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


@pytest.fixture
def make():
    panels = []

    def panel(*args, **settings):
        panels.append(ComparePanel(*args, **settings))
        return panels[-1]

    yield panel
    for p in panels:
        p.close()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(panel, **message):
    """Send a command and wait until it was carried out."""
    before = panel.ack
    panel.command(message)
    until(lambda: panel.ack > before)


def rows(panel):
    return {r["run"]: r for r in panel.content["rows"]}


def names(panel):
    return {trace["name"] for trace in panel.live.spec["data"]}


# ---- what stands there -------------------------------------------------------------------------------------------------

def test_each_run_has_a_row_with_the_marks_of_its_group_and_two_groups_differ_in_more_than_colour(make):
    panel = make([log_of([2.0, 1.0], seed=0), log_of([3.0], seed=1), log_of([1.0], algorithm="B")])
    row = rows(panel)["A · seed 0"]
    assert (row["group"], row["trials"], row["best"], row["on"], row["state"]) == ("A", "2 / 9", "1", True, "study")
    marks = {(r["color"], r["dash"], r["symbol"]) for r in rows(panel).values()}
    assert len(marks) == len({m[0] for m in marks}) == len({m[1] for m in marks}) == len({m[2] for m in marks}) == 2
    assert panel.content["hint"] == ""


def test_one_run_alone_and_none_at_all_say_what_can_be_added(make):
    alone, nobody = make([log_of([1.0])]), make()
    assert (alone.content["hint"], nobody.content["hint"]) == (ALONE, NOBODY)
    assert alone.content["words"] == []
    assert "A · seed 0" in names(alone)
    assert nobody.live.spec["layout"]["annotations"][0]["text"].startswith("Add a named run")


def test_the_outcome_stands_in_a_table_and_in_words(make):
    panel = make([log_of([3.0, 2.0], algorithm="a"), log_of([1.5, 1.0], algorithm="b")])
    table = panel.content["table"]
    assert table["heads"] == ["group", "rank", "best", "trials to the others' best"]
    assert table["rows"] == [["b · seed 0", "1", "1", "1"], ["a · seed 0", "2", "2", "–"]]
    assert "b · seed 0 was better than a · seed 0" in " ".join(panel.content["words"])
    assert "wb.compare({" in panel.content["code"]


def test_seeds_have_medians_and_quartiles(make):
    panel = make([log_of([float(k)], seed=k) for k in range(3)])
    assert panel.content["table"]["heads"] == ["group", "runs", "best", "median", "lower quartile", "upper quartile"]
    assert panel.content["table"]["rows"] == [["A", "3", "0", "1", "0", "2"]]


def test_a_comparison_shows_its_groups_in_a_panel_that_is_made_once():
    c = wb.compare({"mine": [log_of([1.0]), log_of([2.0])], "theirs": log_of([3.0])}, name="digits")
    data, _ = c._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "<table" in data["text/html"]
    panel = c._panel
    c._repr_mimebundle_()
    assert c._panel is panel
    assert [r["group"] for r in panel.content["rows"]] == ["mine", "mine", "theirs"]
    assert "on digits" in panel.live.spec["layout"]["title"]["text"]
    told(panel, cmd="together", on=False)
    assert len({r["group"] for r in panel.content["rows"]}) == 3
    told(panel, cmd="together", on=True)
    assert [r["group"] for r in panel.content["rows"]] == ["mine", "mine", "theirs"]
    panel.close()


# ---- commands ----------------------------------------------------------------------------------------------------------

def test_what_is_not_checked_is_in_no_picture_and_no_number_and_the_others_keep_their_colours(make):
    panel = make([log_of([1.0], algorithm=a) for a in "abc"])
    before = {r["run"]: r["color"] for r in panel.content["rows"]}
    told(panel, cmd="check", run="a · seed 0", on=False)
    assert names(panel) == {"b · seed 0", "c · seed 0"}
    assert [r[0] for r in panel.content["table"]["rows"]] == ["b · seed 0", "c · seed 0"]
    assert {r["run"]: r["color"] for r in panel.content["rows"]} == before
    for run in ("b · seed 0", "c · seed 0"):
        told(panel, cmd="check", run=run, on=False)
    assert names(panel) == set()
    assert panel.content["table"]["rows"] == []
    told(panel, cmd="check", run="a · seed 0", on=True)
    assert names(panel) == {"a · seed 0"}


def test_groups_can_be_written_lifted_and_not_made_at_all(make):
    panel = make([log_of([1.0], seed=0), log_of([2.0], seed=1), log_of([3.0], algorithm="B")])
    told(panel, cmd="group", run="B · seed 0", group="A")
    assert {r["group"] for r in panel.content["rows"]} == {"A"}
    told(panel, cmd="group", run="B · seed 0", group=" ")
    assert rows(panel)["B · seed 0"]["group"] == "B · seed 0"
    told(panel, cmd="together", on=False)
    assert [r["group"] for r in panel.content["rows"]] == ["A · seed 0", "A · seed 1", "B · seed 0"]


@pytest.mark.parametrize("view", ["best_so_far", "ranks", "edf", "final"])
def test_each_picture_can_be_chosen(make, view):
    panel = make([log_of([2.0, 1.0]), log_of([3.0, 0.5], algorithm="B")])
    told(panel, cmd="view", value=view)
    assert panel.content["view"] == view
    assert len(panel.live.spec["data"]) >= 2


def test_axis_band_scale_and_single_runs_can_be_chosen_and_what_is_unknown_changes_nothing(make):
    panel = make([log_of([20.0, 1.0], seed=s) for s in range(3)])
    told(panel, cmd="x", value="seconds")
    assert panel.live.spec["layout"]["xaxis"]["title"]["text"] == "seconds of search"
    told(panel, cmd="band", value="error")
    assert "mean ± standard error" in panel.live.spec["layout"]["title"]["text"]
    told(panel, cmd="log", value="log")
    assert panel.live.spec["layout"]["yaxis"]["type"] == "log"
    n = len(panel.live.spec["data"])
    told(panel, cmd="single", on=True)
    assert len(panel.live.spec["data"]) == n + 3
    before = panel.content
    told(panel, cmd="view", value="pie")
    told(panel, cmd="x", value="steps")  # no trial has several steps: trials stand there
    assert panel.content["view"] == before["view"]
    assert (panel.content["x"], panel.content["xs"]) == ("trials", ["trials", "seconds"])


def test_runs_are_added_and_taken_out_and_whoever_wants_to_hear_does(make):
    heard = []
    run = wb.optimize(lambda c: c["x"], SPACE, algorithm=wb.Random(), n_trials=2, seed=0)
    panel = make([run], runs_changed=heard.append)
    other = wb.optimize(lambda c: c["x"], SPACE, algorithm=wb.Random(), n_trials=2, seed=1).start().wait(20)
    panel.add(other)
    until(lambda: len(panel.content["rows"]) == 2)
    assert heard == [[run, other]]
    assert {r["group"] for r in panel.content["rows"]} == {"Random"}  # seeds of one algorithm
    panel.add(other)
    until(lambda: panel.said)
    assert "among them already" in panel.said["text"]
    panel.remove(run)
    until(lambda: len(panel.content["rows"]) == 1)
    assert heard[-1] == [other]
    assert panel.said == {}
    told(panel, cmd="remove", what="Random · seed 1")
    assert panel.content["rows"] == []


def test_named_runs_are_offered_and_added_by_name(make, here):
    for name in ("first", "second"):
        run = wb.optimize(lambda c: c["x"], SPACE, algorithm=wb.Random(), n_trials=3, seed=0, name=name)
        run.start().wait(20)
        run.close()
    panel = make([log_of([1.0])])
    assert sorted(panel.content["names"]) == ["first", "second"]
    told(panel, cmd="add", name="first")
    until(lambda: "first" in rows(panel))
    assert rows(panel)["first"]["state"] == "named run"
    assert panel.content["names"] == ["second"]
    told(panel, cmd="add", name="third")
    until(lambda: "no run 'third'" in panel.said.get("text", ""))
    until(lambda: panel.content["adding"] is False)
    third = wb.optimize(lambda c: c["x"], SPACE, algorithm=wb.Random(), n_trials=1, seed=0, name="third")
    third.start().wait(20)
    third.close()
    told(panel, cmd="names")
    assert panel.content["names"] == ["third", "second"]


def test_a_run_that_wants_something_else_is_refused_and_said(make):
    panel = make([log_of([1.0])])
    panel.add(log_of([1.0], direction="maximize"))
    until(lambda: "must want the same" in panel.said.get("text", ""))
    assert len(panel.content["rows"]) == 1
    panel.add(3)
    until(lambda: "got 3" in panel.said.get("text", ""))


# ---- live --------------------------------------------------------------------------------------------------------------

def test_the_panel_follows_every_log(make):
    first, second = log_of([5.0]), log_of([], algorithm="B")
    panel = make([first, second])
    assert panel.content["words"][-1].startswith("Without a result yet")
    extend(second, 0, 4.0)
    until(lambda: rows(panel)["B · seed 0"]["best"] == "4")
    extend(first, 1, 3.0)
    until(lambda: rows(panel)["A · seed 0"]["best"] == "3")
    assert names(panel) == {"A · seed 0", "B · seed 0"}


def test_a_study_of_a_database_is_followed(make, here):
    study = optuna.create_study(storage="sqlite:///s.db", study_name="st")
    panel = make([log_of([1.0])])
    told(panel, cmd="add", where="sqlite:///s.db", study="")
    until(lambda: "st" in rows(panel))
    study.add_trial(optuna.trial.create_trial(value=2.0))
    until(lambda: rows(panel)["st"]["best"] == "2", timeout=20 + LOOK_S)


def test_a_tab_draws_nothing_before_it_is_opened(make):
    log = log_of([5.0])
    panel = make([log], front=False)
    assert (panel.live, panel.parts, panel.waits, panel.n_drawn) == (None, {}, False, 0)
    before = panel.content
    extend(log, 1, 1.0)
    pump.tick()
    assert panel.content == before
    panel.front = True
    pump.ask(panel)
    until(lambda: panel.parts)
    until(lambda: rows(panel)["A · seed 0"]["best"] == "1")


def test_the_panel_of_a_run_has_a_tab_to_compare_it():
    run = wb.optimize(lambda c: c["x"], SPACE, algorithm=wb.Random(), n_trials=3, seed=0)
    panel = RunPanel(run)
    page = panel.pages["compare"]
    assert panel.parts["compare"] is page
    assert page.live is None
    panel.command({"cmd": "tab", "tab": "compare"})
    until(lambda: page.live is not None)
    run.start().wait(20)
    until(lambda: page.content["rows"][0]["trials"] == "3 / 3")
    until(lambda: page.content["rows"][0]["state"] == "done")
    panel.close()


def test_a_closed_panel_hears_and_reads_nothing_any_more(here):
    log = log_of([1.0])
    study = optuna.create_study(storage="sqlite:///s.db", study_name="st")
    panel = ComparePanel([log, study])
    thread, before = panel._looking, panel.content
    panel.close()
    extend(log, 1, 0.5)
    pump.tick()
    assert panel.content == before
    thread.join(LOOK_S + 5)
    assert not thread.is_alive()
