import time

import pytest

import workbench as wb
from tests.nas_helpers import made_up_table
from workbench import nas_search
from workbench.errors import MissingExtra, RunError
from workbench.nas_plan import LOOK_UP, Plan
from workbench.run import Run
from workbench.step_run import StepRun
from workbench_widgets import nas_lab
from workbench_widgets.nas_lab import NasLab


@pytest.fixture(autouse=True)
def shipped(monkeypatch):
    table = made_up_table()
    monkeypatch.setattr(nas_search, "nano_table", lambda: table)


def until(true, timeout=30.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


@pytest.fixture
def make():
    labs = []

    def lab(**settings):
        labs.append(nas_lab.make(**settings))
        until(lambda: labs[-1].run is not None)
        return labs[-1]

    yield lab
    for lab in labs:
        for run in lab.runs.values():
            run.close()
        lab.close()


def test_a_new_lab_has_a_search_that_is_ready(make):
    lab = make()
    assert isinstance(lab.run, StepRun)
    assert (lab.run.state, lab.run.label) == ("ready", "DARTS")
    assert lab.setup["code"] == "run = wb.nas.search(wb.nas.DARTS(), wb.nas.mnist1d(), seed=0)"
    assert list(lab.parts) == [lab.shown]


def test_what_is_chosen_becomes_the_search_that_is_ready(make):
    lab = make()
    first = lab.run
    for what, value in (("length", 7), ("seed", 5)):
        lab.command({"cmd": "set", "what": what, "value": value})
    until(lambda: lab.run is not first and lab.run.seed == 5)
    assert lab.run.label == "DARTS(epochs=7)"
    lab.command({"cmd": "set", "what": "strategy", "value": "Random"})
    until(lambda: isinstance(lab.run, Run))
    assert lab.setup["counts"] == "architectures"
    assert len(lab.runs) == len(lab.parts) == 1  # one that never began makes room


def test_a_search_that_has_begun_stays_and_another_is_made_beside_it(make):
    lab = make(strategy="Random", data=LOOK_UP, length=5)
    first = lab.run
    first.start().wait()
    lab.command({"cmd": "set", "what": "seed", "value": 1})
    until(lambda: lab.setup["seed"] == 1)
    assert lab.run is first
    assert not lab.setup["fresh"]
    lab.command({"cmd": "new"})
    until(lambda: lab.run is not first)
    until(lambda: [state for *_, state in lab.chips] == ["done", "ready"])
    assert lab.run.seed == 1
    lab.command({"cmd": "show", "key": lab.chips[0][0]})
    until(lambda: lab.run is first)
    until(lambda: lab.setup["seed"] == 0)


def test_a_search_that_is_started_while_another_is_made_stays_alone(make, monkeypatch):
    lab = make(strategy="Random", data=LOOK_UP, length=5)
    first, search = lab.run, Plan.search

    def slow(plan):
        made = search(plan)
        first.start().wait()
        return made

    monkeypatch.setattr(Plan, "search", slow)
    lab.command({"cmd": "set", "what": "seed", "value": 1})
    until(lambda: first.state == "done" and not lab.setup["making"])
    assert lab.run is first
    assert len(lab.runs) == 1
    lab.command({"cmd": "set", "what": "seed", "value": 1})  # as it is already
    lab.command({"cmd": "new"})
    until(lambda: len(lab.runs) == 2)
    assert lab.run.seed == 1


def test_what_cannot_be_is_said(make):
    lab = make()
    lab.command({"cmd": "set", "what": "length", "value": 0})
    until(lambda: lab.said)
    assert "epochs must be a whole number" in lab.said["text"]
    assert lab.plan == Plan()


def test_a_search_that_cannot_be_made_is_said(make, monkeypatch):
    lab = make()

    def broken(_):
        raise RunError("no such thing")

    monkeypatch.setattr(Plan, "search", broken)
    lab.command({"cmd": "set", "what": "seed", "value": 3})
    until(lambda: lab.said)
    assert lab.said["text"] == "no such thing"
    until(lambda: not lab.setup["making"])


def test_presets_are_checked(make):
    lab = make(strategy="ENAS", seed=3)
    assert lab.run.label == "ENAS"
    with pytest.raises(RunError, match="the lab can be given data, length"):
        nas_lab.make(colour="red")
    with pytest.raises(RunError, match="cannot search nano"):
        nas_lab.make(strategy="magic")


def test_it_has_one_public_name(monkeypatch):
    lab = wb.nas.lab(strategy="GDAS")
    assert isinstance(lab, NasLab)
    until(lambda: lab.run is not None)
    lab.close()

    def missing(_):
        raise ModuleNotFoundError("no", name="ipywidgets")

    monkeypatch.setattr("workbench.notebook.import_module", missing)
    with pytest.raises(MissingExtra, match="wb.nas.search does the same"):
        wb.nas.lab()
