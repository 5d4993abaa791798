"""A configuration by hand, and the family line, as the page sends and reads them."""

import pytest
from hypothesis import HealthCheck, given, settings

import workbench as wb
from tests.engine_helpers import SPACE, loss, until
from tests.space_strategies import spaces
from workbench.errors import SpaceError
from workbench_widgets.family import free_name
from workbench_widgets.run_panel import RunPanel, panel_of
from workbench_widgets.try_config import field, hint, read, written

GOOD = {"lr": "1e-3", "optimizer": 0, "depth": "2"}


@pytest.fixture
def make():
    panels = []

    def panel(objective=loss, space=SPACE, **options):
        options = {"algorithm": wb.Random(), "n_trials": 6, "seed": 0, **options}
        panels.append(RunPanel(wb.optimize(objective, space, **options)))
        return panels[-1]

    yield panel
    for p in panels:
        for run in (p.run, *p.run.children):
            if run.state in ("running", "pausing", "paused"):
                run.stop()
        p.close()


def ask(panel, **message):
    """Send a message of the form, and wait for the answer."""
    form = panel.try_config
    before = form.answer["n"]
    form.command(message)
    until(lambda: form.answer["n"] > before)
    return form.answer


# ---- fields ----------------------------------------------------------------------------------------------------------

def test_each_parameter_has_a_field_that_says_what_is_allowed():
    assert [field(SPACE, name)["hint"] for name in SPACE.names] == [
        "1e-05 to 0.1, log scale", "one of 2", "0 to 0.99", "whole number, 1 to 8"]
    assert hint(wb.Int(1, 9, step=2)) == "whole number, 1 to 9, in steps of 2"
    momentum = field(SPACE, "momentum")
    assert (momentum["when"], momentum["why"]) == ([["optimizer", [1]]], "optimizer is 'sgd'")
    assert field(SPACE, "optimizer")["options"] == ["adam", "sgd"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(space=spaces(max_size=6, tame=True))
def test_what_is_filled_in_is_read_again_unchanged(space):
    import numpy as np

    try:
        drawn = space.sample(5, np.random.default_rng(0))
    except SpaceError:
        return
    for config in drawn:
        errors = {}
        again = read(space, written(space, config), errors)
        assert errors == {}
        assert again == config
        assert [type(v) for v in again.values()] == [type(v) for v in config.values()]


@pytest.mark.parametrize(("wrong", "where", "complaint"), [
    ({"lr": "fast"}, "lr", "'fast' is no number. Allowed: "),
    ({"lr": ""}, "lr", "Needs a value: "),
    ({"lr": "1"}, "lr", "lr must lie between 1e-05 and 0.1, got 1.0."),
    ({"depth": "2.5"}, "depth", "depth must be a whole number, got 2.5."),
    ({"depth": "nan"}, "depth", "whole number"),
    ({"lr": "inf"}, "lr", "must be"),
    ({"optimizer": 7}, "optimizer", "Choose one of the options."),
    ({"optimizer": -1}, "optimizer", "Choose one of the options."),
    ({"optimizer": 1}, "momentum", "Needs a value: 0 to 0.99"),
])
def test_what_is_wrong_stands_at_its_field(make, wrong, where, complaint):
    panel = make()
    answer = ask(panel, cmd="try", values={**GOOD, **wrong})
    assert set(answer["errors"]) == {where}
    assert complaint in answer["errors"][where]
    assert answer["said"] == ""
    assert panel.run._waiting == []


def test_a_forbidden_combination_is_no_single_fields_fault(make):
    panel = make(space=wb.Space(SPACE.params, forbidden=[{"optimizer": "adam", "depth": 2}]))
    answer = ask(panel, cmd="try", values=GOOD)
    assert answer["errors"] == {"": "the combination optimizer is 'adam' and depth is 2 is forbidden."}


# ---- what the buttons do ---------------------------------------------------------------------------------------------

def test_a_configuration_is_tried_next(make):
    panel = make()
    assert ask(panel, cmd="try", values=GOOD)["said"] == "It is tried next, as soon as the run goes on."
    panel.run.start().wait(60)
    assert panel.run.trials.by_number[0].config == {"lr": 1e-3, "optimizer": "adam", "depth": 2}


def test_a_known_result_is_added_and_shown(make):
    panel = make()
    answer = ask(panel, cmd="add", values=GOOD, results=["-0.5"])
    assert (answer["errors"], answer["said"]) == ({}, "Its result is added; the search knows of it.")
    until(lambda: panel.head["imported"] == 1)
    assert (panel.head["done"], panel.head["best"]) == (0, "−0.500")
    assert panel.picked["origin"] == "given by hand"


@pytest.mark.parametrize(("text", "complaint"), [
    ("", "Fill in what the objective gave"), ("good", "must be a number, got 'good'"), ("nan", "got nan")])
def test_a_result_must_be_a_number(make, text, complaint):
    panel = make()
    answer = ask(panel, cmd="add", values=GOOD, results=[text])
    assert complaint in answer["errors"]["result 0"]
    assert not len(panel.run.trials)


def test_of_several_losses_each_has_a_field(make):
    panel = make(lambda c: (c["lr"], 1.0), direction={"cost": "minimize", "rate": "maximize"})
    assert panel.try_config.form["results"] == ["cost", "rate"]
    assert set(ask(panel, cmd="add", values=GOOD, results=["1", ""])["errors"]) == {"result 1"}
    ask(panel, cmd="add", values=GOOD, results=["1", "2"])
    assert panel.run.trials.by_number[0].losses == (1.0, -2.0)


def test_defaults_the_best_and_the_picked_trial_may_be_filled_in(make):
    panel = make()
    assert [f["key"] for f in panel.try_config.form["fills"]] == ["defaults"]
    panel.run.start().wait(60)
    best = panel.run.best
    until(lambda: [f["key"] for f in panel.try_config.form["fills"]] == ["defaults", "best"])
    other = next(k for k in panel.run.trials.by_number if k != best.number)
    panel.command({"cmd": "pick", "trial": other})
    until(lambda: [f["label"] for f in panel.try_config.form["fills"]] == ["defaults", f"best (trial {best.number})", f"trial {other}"])
    errors = {}
    filled = {f["key"]: read(SPACE, f["values"], errors) for f in panel.try_config.form["fills"]}
    assert filled == {"defaults": SPACE.default(), "best": best.config, "picked": panel.run.trials.by_number[other].config}


def test_a_changed_range_changes_the_form(make):
    panel = make()
    panel.run.configure(space=wb.Space({**SPACE.params, "depth": wb.Int(1, 20)}))
    until(lambda: panel.try_config.form["fields"][3]["hint"] == "whole number, 1 to 20")


def test_without_a_space_or_an_objective_there_is_no_form(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert make(lambda t: t.suggest_float("x", 0, 1), None, algorithm=wb.TPE()).try_config is None
    wb.optimize(loss, SPACE, name="r", algorithm=wb.Random(), n_trials=1, seed=0).start().wait(60)
    seen = RunPanel(wb.open("r"))
    assert seen.try_config is None
    seen.close()


# ---- the family ------------------------------------------------------------------------------------------------------

def test_a_child_with_fixed_values_is_made_listed_and_shown_in_place(make):
    panel = make()
    panel.run.start().wait(60)
    panel.command({"cmd": "child", "fixed": {"depth": 2}})
    until(lambda: panel.family.family["children"])
    child, = panel.run.children
    listed, = panel.family.family["children"]
    assert (listed["title"], listed["state"]) == ("child 1", "ready")
    assert listed["about"].endswith("left out, depth fixed at 2")
    assert panel.family.shown is None
    panel.command({"cmd": "show", "child": 0})
    until(lambda: panel.family.shown == 0)
    shown = panel.family.parts["child 0"]
    assert shown is panel_of(child)
    assert shown.family.family["fixed"] == [["depth", "2"]]
    assert shown.family.family["descent"] == child.descent.summary()
    shown.command({"cmd": "start"})
    until(lambda: panel.family.family["children"][0]["state"] == "done")
    until(lambda: shown.picked.get("fixed") == [["depth", "2"]])
    assert "'depth': 2" in shown.picked["code"]
    panel.command({"cmd": "show", "child": None})
    until(lambda: panel.family.shown is None)
    shown.close()


def test_the_space_that_was_drawn_becomes_a_childs(make, monkeypatch):
    panel = make()
    panel.run.start().wait(60)
    drawn = wb.Space({**SPACE.params, "optimizer": wb.Choice("adam", "sgd", "lion")})
    wish = [drawn]
    monkeypatch.setattr(panel.family, "_wish", lambda: wish[0])
    panel.command({"cmd": "tab", "tab": "log"})
    until(lambda: "needs a run of its own" in panel.family.family["wish"])
    panel.command({"cmd": "child"})
    until(lambda: panel.run.children)
    assert panel.run.children[0].space == drawn
    assert panel.run.children[0].descent.n_imported == 6


def test_what_goes_wrong_with_a_child_is_said_on_the_panel(make):
    panel = make()
    panel.command({"cmd": "child", "fixed": {"width": 2}})
    until(lambda: "'width' cannot be fixed" in panel.said.get("text", ""))
    assert panel.run.children == []


def test_a_child_of_a_kept_run_is_kept_under_a_free_name(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel = make(name="mlp")
    panel.run.start().wait(60)
    panel.command({"cmd": "child", "fixed": {"depth": 2}})
    until(lambda: panel.run.children)
    assert panel.run.children[0].name == "mlp child 1"
    assert free_name(panel.run) == "mlp child 2"
    assert wb.open("mlp child 1").fixed == {"depth": 2}
    panel.run.children[0].close()


def test_the_family_of_a_run_without_one_is_silent(make):
    family = make().family.family
    assert (family["descent"], family["fixed"], family["children"], family["wish"]) == ("", [], [], "")


def test_the_parent_lists_what_its_child_is_doing_though_nothing_happens_in_itself(make):
    panel = make()
    panel.run.start().wait(60)
    child = panel.run.child(n_trials=2)
    panel.command({"cmd": "tab", "tab": "log"})
    until(lambda: [c["state"] for c in panel.family.family["children"]] == ["ready"])
    child.start().wait(60)
    until(lambda: [c["state"] for c in panel.family.family["children"]] == ["done"])
