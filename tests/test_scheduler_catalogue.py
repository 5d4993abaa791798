"""Schedulers by name: labels, JSON and code that make them again."""

import json
from dataclasses import dataclass

import pytest

import workbench as wb
from workbench.errors import StorageError
from workbench.fidelity import catalogue

CHANGED = [wb.Hyperband(81, 3, 4, "printed"), wb.SuccessiveHalving(100, n=7), wb.ASHA(27, min_steps=3, stop=True),
           wb.MedianStop(min_trials=2), wb.EagerHyperband(9, eta=2), wb.CurveStop(100, 0.1, every=10, min_steps=20)]


@dataclass(frozen=True)
class Hyperband:
    """Somebody's own scheduler that is called like one of ours."""

    max_steps: int = 81


@pytest.mark.parametrize("scheduler", [*(make(81) for make in catalogue.LABELLED.values()), *CHANGED], ids=catalogue.code)
def test_code_and_json_make_a_scheduler_again(scheduler):
    assert eval(f"wb.{catalogue.code(scheduler)}", {"wb": wb}) == scheduler
    assert catalogue.from_json(json.loads(json.dumps(catalogue.to_json(scheduler)))) == scheduler


def test_only_what_differs_from_the_defaults_is_written():
    assert catalogue.to_json(wb.Hyperband(81)) == {"type": "Hyperband", "max_steps": 81}
    assert catalogue.to_json(wb.MedianStop()) == {"type": "MedianStop"}
    assert catalogue.to_json(wb.ASHA(27, stop=True)) == {"type": "ASHA", "max_steps": 27, "stop": True}


def test_no_scheduler_is_no_scheduler():
    assert catalogue.to_json(None) is None and catalogue.from_json(None) is None and catalogue.label(None) == ""


@pytest.mark.parametrize("text", catalogue.LABELLED)
def test_a_drop_down_makes_a_scheduler_for_trials_of_so_many_steps_whose_label_begins_with_its_own(text):
    scheduler = catalogue.LABELLED[text](81)
    assert catalogue.label(scheduler) == (text if text == "Median stopping" else f"{text} · 81 steps")
    assert type(scheduler) in catalogue.SCHEDULERS.values()


def test_every_scheduler_can_be_chosen():
    assert {type(make(81)) for make in catalogue.LABELLED.values()} == set(catalogue.SCHEDULERS.values())


def test_a_label_is_a_name_or_the_code_or_says_whose_it_is():
    assert catalogue.label(wb.ASHA(1)) == "ASHA · 1 step"
    assert catalogue.label(wb.Hyperband(81, table="printed")) == "Hyperband(max_steps=81, table='printed')"
    assert catalogue.label(wb.MedianStop(every=2)) == "MedianStop(every=2)"
    assert catalogue.label(Hyperband()) == "Hyperband"


def test_what_is_only_called_like_one_of_ours_is_not_written_as_ours():
    assert not catalogue.knows(Hyperband())
    assert catalogue.to_json(Hyperband()) == {"type": "Hyperband", "foreign": True}
    assert catalogue.from_json({"type": "Hyperband", "foreign": True}) is None
    assert catalogue.to_json(object()) == {"type": "object", "foreign": True}


@pytest.mark.parametrize("data", [{"type": "Oracle"}, {"type": "Hyperband"}, {"type": "Hyperband", "max_steps": 0}, {}, "Hyperband", 3,
                                  {"type": "ASHA", "max_steps": 9, "stop": "no"}, {"type": "MedianStop", "depth": 3},
                                  {"type": "ASHA", "max_steps": "9"}, {"type": 3}, {"type": "MedianStop", "every": None}])
def test_what_makes_no_scheduler_is_refused(data):
    with pytest.raises(StorageError):
        catalogue.from_json(data)
