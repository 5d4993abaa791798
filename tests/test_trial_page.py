"""The page of one trial: which it shows, what stands on it, and what its buttons do."""

import json
import math
import time

import pytest

import workbench as wb
from workbench_widgets.run_panel import RunPanel

SPACE = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), kind=wb.Choice("a", "b"))


def loss(config):
    print("try", config["kind"])
    for epoch in range(3):
        if config["lr"] > 3e-2:
            raise ValueError("<b>diverged</b>")
        yield (math.log10(config["lr"]) + 3) ** 2 + (config["kind"] == "b") + 1 / (epoch + 1)


def until(true, timeout=20.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


@pytest.fixture
def make():
    panels = []

    def panel(objective=loss, space=SPACE, **settings):
        settings = {"algorithm": wb.Random(), "n_trials": 8, "seed": 0, **settings}
        run = wb.optimize(objective, space, **settings)
        panels.append(RunPanel(run))
        if panels[-1].run.n_trials:
            run.start().wait()
            until(lambda: panels[-1].head["state"] == "done")
        panels[-1].command({"cmd": "tab", "tab": "trial"})
        until(lambda: panels[-1].trial_page.front)
        return panels[-1]

    yield panel
    for p in panels:
        p.close()


def page(panel):
    return panel.trial_page.content()


def test_before_the_first_trial_the_page_is_empty():
    run = wb.optimize(loss, SPACE, n_trials=3, seed=0)
    panel = RunPanel(run)
    assert panel.trial_page.page == {}
    panel.close()


def test_it_shows_the_best_trial_until_another_is_picked(make):
    panel = make()
    best = panel.run.best
    assert (page(panel)["trial"], page(panel)["chosen"], page(panel)["is_best"]) == (best.number, False, True)
    other = next(k for k in panel.trials.by_number if k != best.number)
    panel.command({"cmd": "pick", "trial": other})
    until(lambda: panel.trial_page.page.get("trial") == other)
    assert page(panel)["beside"]["trial"] == best.number
    assert page(panel)["beside"]["title"] == "best"


def test_a_pinned_trial_takes_the_place_of_the_best_and_the_best_can_be_held_again(make):
    panel = make()
    best, (one, two, *_) = panel.run.best.number, [k for k in panel.trials.by_number if k != panel.run.best.number]
    panel.selection.pick(one)
    panel.trial_page.command({"cmd": "pin", "trial": two})
    until(lambda: panel.selection.pinned == two)
    assert page(panel)["beside"] == {"trial": two, "title": "pinned", "value": page(panel)["beside"]["value"]}
    panel.trial_page.command({"cmd": "beside best", "trial": one})
    until(lambda: panel.selection.pinned == best)
    until(lambda: panel.picked["beside"] is not None)
    assert panel.picked["beside"]["trial"] == best


def test_the_configuration_is_copied_as_a_dict_as_json_and_as_code(make):
    panel = make(name=None)
    panel.selection.pick(2)
    config, copies = panel.trials.by_number[2].config, page(panel)["copies"]
    assert eval(copies["dict"]) == config
    assert json.loads(copies["JSON"]) == config
    scope = {}
    exec(copies["code"], scope)
    assert scope["config"] == config
    assert copies["code"].startswith("# trial 2")


def test_trials_are_walked_by_number_or_by_value(make):
    panel = make()
    numbers = list(panel.trials.by_number)
    by_value = sorted(numbers, key=lambda k: (panel.trials.by_number[k].loss is None, panel.trials.by_number[k].loss or 0, k))
    assert panel.trial_page.numbers() == numbers
    panel.trial_page.command({"cmd": "order", "order": "value"})
    until(lambda: panel.trial_page.order == "value")
    assert panel.trial_page.numbers() == by_value
    panel.selection.pick(by_value[2])
    panel.trial_page.command({"cmd": "move", "by": 1})
    until(lambda: panel.selection.trial == by_value[3])
    panel.command({"cmd": "move", "by": -1})  # the arrows of the panel walk in the same order
    until(lambda: panel.selection.trial == by_value[2])
    until(lambda: panel.trial_page.page["place"] == 3)
    assert panel.trial_page.page["total"] == 8


def test_it_holds_the_lines_and_the_traceback_of_its_own_trial_alone(make):
    panel = make(n_trials=20)
    failed = next(t for t in panel.trials.by_number.values() if t.state == "failed")
    panel.selection.pick(failed.number)
    shown = page(panel)
    assert shown["lines"] == [f"try {failed.config['kind']}"]
    assert shown["first"] == "ValueError: <b>diverged</b>"
    assert "in loss" in shown["error"]
    assert shown["rank"] == ""


def test_its_curve_stands_out_among_the_others_and_the_model_is_the_one_that_chose_it(make):
    panel = make(algorithm=wb.GPBO(n_startup=4), n_trials=8)
    panel.selection.pick(6)
    figures = panel.trial_page.figures
    curve = next(t for t in figures["curve"].picture()["data"] if t["name"] in ("picked", "best") and set(t["customdata"]) == {6})
    assert len(curve["x"]) == len(panel.trials.by_number[6].curve)
    observed = next(t for t in figures["model"].picture()["data"] if t["name"] == "observed")
    assert set(observed["customdata"]) <= set(range(6))
    assert page(panel)["model"]
    assert page(panel)["why"] == panel.run.explain(6).summary()
    panel.selection.pick(1)
    assert not page(panel)["model"]  # drawn without one


def test_a_trial_is_run_again_from_its_page(make):
    panel = make(n_trials=2)
    panel.trial_page.command({"cmd": "again", "trial": 0})
    panel.command({"cmd": "n_trials", "value": 3})
    panel.command({"cmd": "start"})
    until(lambda: panel.head["done"] == 3)
    assert panel.run.trials.by_number[2].config == panel.run.trials.by_number[0].config


@pytest.mark.parametrize("message", [{}, {"cmd": "pick", "trial": 99}, {"cmd": "pin", "trial": "x"}, {"cmd": "order", "order": "no"},
                                     {"cmd": "move", "by": "1"}, {"cmd": "again", "trial": None}, {"cmd": "beside best", "trial": -1}])
def test_nonsense_from_the_page_harms_nothing(make, message):
    panel = make(n_trials=2)
    before = page(panel)
    panel.trial_page.command(message)
    until(panel.trial_page._commands.empty)
    assert page(panel) == before


def test_hidden_it_costs_nothing(make, monkeypatch):
    panel = make(n_trials=2)
    panel.command({"cmd": "tab", "tab": "progress"})
    until(lambda: not panel.trial_page.front)
    drawn = []
    monkeypatch.setattr(panel.trial_page, "content", lambda: drawn.append(1))
    panel.selection.pick(1)
    until(lambda: panel.picked.get("chosen"))
    assert drawn == []


def test_of_several_losses_it_shows_the_newest_and_who_dominates(make):
    panel = make(lambda c: {"a": c["lr"], "b": 1 - c["lr"] + (c["kind"] == "b")}, direction={"a": "minimize", "b": "minimize"}, n_trials=5)
    shown = page(panel)
    assert shown["trial"] == 4
    assert shown["rank"] == "in the Pareto set" or shown["rank"].startswith("dominated by")
    assert shown["beside"] is None
