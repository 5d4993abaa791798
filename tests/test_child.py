"""Child runs: what is imported, what is held fixed, what survives; and results told by hand."""

import json
import math
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.engine_helpers import SPACE, Gate, configs, curve, loss, make, run, until
from tests.space_strategies import spaces
from workbench.errors import ConfigError, ObjectiveError, RunError, SpaceError, StorageError
from workbench.events import TrialSuggested
from workbench.fixed import Fixed
from workbench.imported import Misfit, fitted, split
from workbench.recording import replay
from workbench.trials import Trials


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def own(r):
    return [t for t in r.trials.by_number.values() if not t.imported]


def imported(r):
    return [t for t in r.trials.by_number.values() if t.imported]


def noted(f=loss):
    """Return an objective that notes the configurations that it gets."""
    got = []

    def objective(config):
        got.append(dict(config))
        return f(config)

    return objective, got


# ---- what is imported ------------------------------------------------------------------------------------------------

def test_a_child_in_the_unchanged_space_imports_all_and_goes_on_as_the_parent_would():
    parent = run(algorithm=wb.TPE(n_startup=4), n_trials=8)
    child = parent.child(n_trials=4)
    assert (child.state, child.seed, child.descent.n_imported, child.descent.n_left_out) == ("ready", parent.seed, 8, 0)
    child.start().wait(60)
    parent.configure(n_trials=12)
    parent.start().wait(60)
    assert configs(child) == configs(parent)
    assert [t.config for t in own(child)] == [t.config for t in list(parent.trials.by_number.values())[8:]]


def test_values_curves_states_and_times_come_along():
    def sometimes(config):
        for step, value in enumerate(curve(config)):
            if config["depth"] == 3 and step == 1:
                raise ValueError("diverged")
            if config["depth"] > 6 and step == 2:
                raise optuna.TrialPruned
            yield value

    parent = make(sometimes, n_trials=30).start().wait(60)
    child = parent.child()
    assert {t.state for t in imported(child)} == {"complete", "failed"}
    for a, b in zip(parent.trials.by_number.values(), child.trials.by_number.values(), strict=True):
        assert (a.config, a.state, a.loss, a.curve) == (b.config, b.state, b.loss, b.curve)
        # a storage stamps a moment later than the loop: on a busy machine more than a few milliseconds
        assert (a.started, a.ended, a.error) == (pytest.approx(b.started, abs=0.5), pytest.approx(b.ended, abs=0.5), b.error)
        assert b.origin == f"trial {a.number} of the parent"
    h, k = parent.history(), child.history()
    np.testing.assert_array_equal(h.x, k.x)
    np.testing.assert_array_equal(h.y, k.y)


def test_imported_trials_count_neither_for_the_number_of_trials_nor_for_the_time_left():
    child = run(n_trials=10).child(n_trials=3)
    assert (child.n_done, child.trials.n_imported, len(child.trials)) == (0, 10, 10)
    assert child.eta_s is None
    child.start().wait(60)
    assert (child.state, child.n_done, len(own(child)), len(child.trials)) == ("done", 3, 3, 13)
    assert repr(child).startswith("<Run unnamed: done, 3 / 3 trials + 10 imported, best ")


def test_a_narrower_range_leaves_out_what_lies_outside_and_says_why():
    parent = run(n_trials=20)
    space = wb.Space({**SPACE.params, "depth": wb.Int(1, 4)})
    child = parent.child(space)
    inside = [t.config for t in parent.trials.by_number.values() if t.config["depth"] <= 4]
    assert [t.config for t in imported(child)] == inside
    assert 0 < child.descent.n_left_out == 20 - len(inside)
    assert child.descent.left_out == {"depth is outside its range": 20 - len(inside)}
    assert child.detail == (f"Child of an unnamed run: {len(inside)} trials imported, {20 - len(inside)} left out "
                            f"({20 - len(inside)}: depth is outside its range).")
    child.start().wait(60)
    assert all(space.contains(t.config) for t in own(child))


def test_other_options_start_a_child_study():
    parent = run(n_trials=20)
    space = wb.Space({**SPACE.params, "optimizer": wb.Choice("sgd", "lion", "adamw")})
    with pytest.raises(SpaceError, match="options of 'optimizer' are fixed"):
        parent.configure(space=space)
    child = parent.child(space)
    assert {t.config["optimizer"] for t in imported(child)} == {"sgd"}
    assert set(child.descent.left_out) == {"optimizer has another option"}
    child.start().wait(60)
    assert {t.config["optimizer"] for t in own(child)} <= {"sgd", "lion", "adamw"}


def test_a_new_parameter_was_at_its_default_if_one_is_stated():
    parent = run(n_trials=6)
    with_default = wb.Space({**SPACE.params, "dropout": wb.Float(0.0, 0.9, default=0.2)})
    without = wb.Space({**SPACE.params, "dropout": wb.Float(0.0, 0.9)})
    assert [t.config["dropout"] for t in imported(parent.child(with_default))] == [0.2] * 6
    child = parent.child(without)
    assert child.descent.left_out == {"dropout has no value there, and no default is stated": 6}
    assert not len(child.trials)


def test_a_parameter_that_is_gone_must_have_been_at_its_stated_default():
    space = wb.Space(x=wb.Float(0, 1), n=wb.Int(1, 4, default=2))
    parent = run(lambda c: c["x"] + c["n"], space, n_trials=20)
    child = parent.child(wb.Space(x=wb.Float(0, 1)), objective=lambda c: c["x"] + 2)
    assert [t.config for t in imported(child)] == [{"x": t.config["x"]} for t in parent.trials.by_number.values() if t.config["n"] == 2]
    assert set(child.descent.left_out) == {"n has no place here, and was not at a stated default"}
    assert child.start().wait(60).n_done == 20


def test_what_the_new_space_forbids_is_left_out():
    parent = run(n_trials=20)
    child = parent.child(wb.Space(SPACE.params, forbidden=[{"optimizer": "sgd", "depth": [1, 2, 3, 4]}]))
    assert child.descent.left_out == {"the combination is forbidden": sum(
        t.config["optimizer"] == "sgd" and t.config["depth"] < 5 for t in parent.trials.by_number.values())}


def test_trials_that_run_are_not_imported():
    gate = Gate()
    parent = make(gate, n_trials=3).start()
    gate.inside.acquire(timeout=20)
    child = parent.child()
    gate.open.set()
    parent.wait(60)
    assert len(child.trials) == 0
    assert parent.child().descent.n_imported == 3


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(space=spaces(max_size=5, tame=True), seed=st.integers(0, 99))
def test_every_configuration_fits_its_own_space_unchanged(space, seed):
    try:
        drawn = space.sample(20, np.random.default_rng(seed))
    except SpaceError:  # the forbidden combinations leave nothing
        return
    for config in drawn:
        made = fitted(config, space, space)
        assert made == config
        assert [type(v) for v in made.values()] == [type(v) for v in config.values()]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=spaces(max_size=4, tame=True), space=spaces(max_size=4, tame=True), seed=st.integers(0, 99))
def test_what_fits_another_space_is_a_configuration_of_it(before, space, seed):
    try:
        drawn = before.sample(20, np.random.default_rng(seed))
    except SpaceError:
        return
    for config in drawn:
        try:
            space.validate(fitted(config, before, space))
        except Misfit as why:
            assert str(why)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(space=spaces(max_size=4, tame=True), other=spaces(max_size=4, tame=True), seed=st.integers(0, 99))
def test_imported_and_left_out_are_all_that_ended_and_an_unchanged_child_imports_all(space, other, seed):
    def objective(config):
        if len(config) % 3 == 2:
            raise ValueError("no")
        return float(len(config))

    try:
        parent = run(objective, space, n_trials=6, seed=seed)
    except (SpaceError, RunError):
        return
    same, changed = parent.child(), parent.child(other)
    assert (same.descent.n_imported, same.descent.n_left_out) == (parent.n_done, 0)
    assert [t.config for t in imported(same)] == [t.config for t in parent.trials.by_number.values()]
    assert changed.descent.n_imported + changed.descent.n_left_out == parent.n_done
    assert all(other.contains(t.config) for t in imported(changed))


# ---- what is held fixed ----------------------------------------------------------------------------------------------

def test_fixed_values_leave_the_space_and_come_back_for_the_objective():
    objective, got = noted()
    parent = run(objective, n_trials=20)
    best = parent.best.config
    got.clear()
    child = parent.child(fixed={"depth": best["depth"]}, n_trials=6)
    assert child.space.names == ("lr", "optimizer", "momentum")
    assert child.fixed == {"depth": best["depth"]}
    assert {abs(t.fixed["depth"] - best["depth"]) for t in imported(child)} == {0, 1}  # near ones too
    assert child.best.whole_config == best
    child.start().wait(60)
    assert len(got) == 6
    assert all(c["depth"] == best["depth"] for c in got)
    assert [t.whole_config for t in own(child)] == got
    for config in got:
        SPACE.validate(config)
    assert all("depth" not in t.config for t in own(child))


def test_a_fixed_value_is_given_only_where_it_is_active():
    objective, got = noted()
    child = run(objective, n_trials=5).child(fixed={"momentum": 0.9}, n_trials=20, import_trials="exact")
    assert {t.config["optimizer"] for t in imported(child)} == {"adam"}
    got.clear()
    child.start().wait(60)
    assert {c["optimizer"] for c in got} == {"adam", "sgd"}
    assert all(c.get("momentum") == (0.9 if c["optimizer"] == "sgd" else None) for c in got)


def test_what_depends_on_a_fixed_parameter_takes_its_condition_over():
    space = wb.Space(model=wb.Choice("svm", "tree"), kernel=wb.Choice("rbf", "poly", when={"model": "svm"}),
                     degree=wb.Int(2, 5, when={"kernel": "poly"}), gamma=wb.Float(0.1, 1, when={"kernel": "rbf"}))
    fixed = Fixed.of(space, {"kernel": "poly"})
    assert fixed.searched.names == ("model", "degree")
    assert fixed.searched["degree"].when == (("model", ("svm",)),)
    assert fixed.beside({"model": "tree"}) == {}
    assert fixed.beside({"model": "svm", "degree": 3}) == {"kernel": "poly"}


def test_a_combination_is_forbidden_only_where_its_fixed_part_is_active():
    space = wb.Space({**SPACE.params, "nesterov": wb.Choice(True, False, when={"optimizer": "sgd"})},
                     forbidden=[{"nesterov": True, "depth": [7, 8]}])
    searched = Fixed.of(space, {"nesterov": True}).searched
    assert searched.contains({"lr": 0.01, "optimizer": "adam", "depth": 8})
    assert not searched.contains({"lr": 0.01, "optimizer": "sgd", "momentum": 0.5, "depth": 8})


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(space=spaces(max_size=6, tame=True), data=st.data())
def test_a_configuration_is_parted_and_put_together_again(space, data):
    try:
        drawn = space.sample(12, np.random.default_rng(0))
    except SpaceError:
        return
    names = data.draw(st.lists(st.sampled_from(space.names), min_size=1, unique=True))
    config = drawn[0]
    try:
        fixed = Fixed.of(space, {n: config[n] for n in names if n in config})
    except SpaceError as error:
        assert "left to search" in str(error)
        return
    assert Fixed.from_json(json.loads(json.dumps(fixed.to_json()))) == fixed
    for c in drawn:
        try:
            free, held = split(c, fixed)
        except Misfit:
            continue
        assert fixed.searched.contains(free)
        assert fixed.beside(free) == held
        assert {**free, **held} == c
    free, _ = split(config, fixed)
    assert {**free, **fixed.beside(free)} == config  # what the values were taken from always fits
    try:
        tried = fixed.searched.sample(12, np.random.default_rng(1))
    except SpaceError:
        return
    for free in tried:
        space.validate({**free, **fixed.beside(free)})


@pytest.mark.parametrize(("fixed", "complaint"), [
    ({"width": 3}, "'width' cannot be fixed: it is no parameter of the space"),
    ({"depth": 9}, "'depth' must lie between 1 and 8, but would be fixed at 9"),
    ({"optimizer": "lion"}, "must be one of"),
    ({"lr": 1e-3, "optimizer": "adam", "depth": 2}, "no parameter is left to search"),
    (["depth"], "a mapping of names to values"),
])
def test_wrong_fixed_values_are_refused(fixed, complaint):
    with pytest.raises(SpaceError, match=complaint):
        run(n_trials=2).child(fixed=fixed)


def test_values_that_are_forbidden_together_cannot_be_fixed():
    space = wb.Space(SPACE.params, forbidden=[{"optimizer": "sgd", "depth": 8}])
    with pytest.raises(SpaceError, match="optimizer is 'sgd' and depth is 8 is forbidden"):
        run(space=space, n_trials=2).child(fixed={"optimizer": "sgd", "depth": 8})


def test_near_trials_teach_but_are_never_the_best_of_the_child():
    parent = run(lambda c: c["depth"], n_trials=30)  # the smaller the better
    near, exact, all_of_them = (parent.child(fixed={"depth": 3}, import_trials=how, n_trials=2) for how in ("near", "exact", "all"))
    assert {t.whole_config["depth"] for t in imported(near)} == {2, 3, 4}
    assert {t.whole_config["depth"] for t in imported(exact)} == {3}
    assert len(near.history()) == near.descent.n_imported > exact.descent.n_imported
    assert (near.best.whole_config["depth"], near.best.loss) == (3, 3)
    assert exact.descent.left_out == {"depth had another value than the fixed one": 30 - exact.descent.n_imported}
    assert all_of_them.descent.n_imported == 30
    assert (all_of_them.best.whole_config["depth"], all_of_them.best.loss) == (3, 3)
    near.start().wait(60)
    assert near.best.loss == 3
    whole = near.child(SPACE)  # free again, all of them are what they were
    assert whole.best.config["depth"] == 2
    with pytest.raises(RunError, match="import_trials must be one of"):
        parent.child(fixed={"depth": 3}, import_trials="some")


def test_all_trials_are_imported_as_long_as_the_same_parameters_are_active():
    parent = run(n_trials=30)
    child = parent.child(fixed={"optimizer": "sgd"}, import_trials="all", n_trials=2)
    n_sgd = sum(c["optimizer"] == "sgd" for c in configs(parent))
    assert child.descent.n_imported == n_sgd < 30
    assert child.descent.left_out == {"the fixed values change which parameters are active": 30 - n_sgd}
    other = parent.child(fixed={"lr": 1e-3, "depth": 3}, import_trials="all", n_trials=2)
    assert [t.whole_config for t in imported(other)] == configs(parent)
    assert other.best is None  # none of them had both values


def test_a_changed_space_and_fixed_values_work_together():
    objective, got = noted()
    parent = run(objective, n_trials=20)
    space = wb.Space({**SPACE.params, "depth": wb.Int(1, 12), "lr": wb.Float(1e-4, 1e-1, log=True)})
    child = parent.child(space, fixed={"optimizer": "adam"}, n_trials=10)
    assert child.space == wb.Space(lr=space["lr"], depth=space["depth"])
    assert [t.config for t in imported(child)] == [
        {"lr": c["lr"], "depth": c["depth"]} for c in configs(parent) if c["optimizer"] == "adam" and c["lr"] >= 1e-4]
    got.clear()
    child.start().wait(60)
    assert {c["optimizer"] for c in got} == {"adam"}
    assert max(c["depth"] for c in got) > 8


def test_a_grandchild_keeps_what_is_fixed_fixes_more_and_sets_free_again():
    parent = run(n_trials=30)
    child = parent.child(fixed={"optimizer": "sgd"}, n_trials=5).start().wait(60)
    more = child.child(fixed={"depth": 3}, n_trials=5, import_trials="exact")
    assert more.fixed == {"optimizer": "sgd", "depth": 3}
    assert more.space.names == ("lr", "momentum")
    assert all(t.whole_config["depth"] == 3 for t in imported(more))
    free = more.start().wait(60).child(SPACE)
    assert (free.fixed, free.space) == ({}, SPACE)
    assert free.descent.n_imported == len(more.trials)
    edited = child.child(wb.Space({**child.space.params, "depth": wb.Int(1, 3)}))  # without the fixed one: it stays fixed
    assert edited.fixed == {"optimizer": "sgd"}
    assert edited.start().wait(60).trials.by_number[len(edited.trials) - 1].whole_config["optimizer"] == "sgd"
    assert {t.origin.split(" of ")[1] for t in imported(free)} == {"the parent"}


def test_a_range_that_was_changed_in_mid_run_holds_in_a_child_without_fixed_values():
    child = run(n_trials=6).child(fixed={"optimizer": "sgd"})
    child.configure(space=wb.Space({**child.space.params, "depth": wb.Int(1, 20)}))
    child.start().wait(60)
    assert max(t.config["depth"] for t in own(child)) > 8
    assert all(t.fixed == {"optimizer": "sgd"} for t in own(child))
    whole = child.child(wb.Space({**child.space.params, "optimizer": SPACE["optimizer"]}))
    assert whole.descent.n_imported == len(child.trials)


def test_the_best_of_a_child_is_whole_in_every_export():
    parent = run(n_trials=20)
    child = parent.child(fixed={"depth": parent.best.config["depth"]}, n_trials=5).start().wait(60)
    best = child.best.whole_config
    assert set(best) >= {"depth", "lr", "optimizer"}
    data = json.loads(child.export("json"))
    assert (data["best"]["config"], data["fixed"]) == (best, child.fixed)
    assert [t["config"] for t in data["trials"]] == [t.whole_config for t in child.trials.by_number.values()]
    assert [t.get("origin", "") for t in data["trials"]] == [t.origin for t in child.trials.by_number.values()]
    names = {}
    exec(child.export("python"), names)
    assert (names["best"], names["fixed"], names["space"]) == (best, child.fixed, SPACE)
    assert "# run = run.child(fixed=fixed)" in child.export("python")
    frame = child.frame()
    assert list(frame["depth"]) == [t.whole_config["depth"] for t in child.trials.by_number.values()]
    assert list(frame["origin"] != "") == [t.imported for t in child.trials.by_number.values()]
    assert "origin" not in parent.frame().columns


# ---- kinds of objectives, schedulers, several losses -----------------------------------------------------------------

def test_imported_curves_are_seen_at_the_budgets_of_a_scheduler_and_take_no_place_in_its_brackets():
    def epochs(config):
        for _ in range(9):
            yield loss(config)

    halving = wb.SuccessiveHalving(9)
    parent = run(epochs, scheduler=halving, n_trials=9)
    child = parent.child(fixed={"optimizer": "adam"}, n_trials=9)
    n = child.descent.n_imported
    history = child.history()
    assert history.by_budget.shape == (n, 3) and n > 0
    np.testing.assert_array_equal(history.by_budget[:, 0], history.y)  # they are flat
    child.start().wait(60)
    assert sorted(t.n_steps for t in own(child)) == [1] * 6 + [3] * 2 + [9]  # one whole bracket of its own


def test_what_a_scheduler_that_only_stops_knows_of_its_rivals_are_imported_trials_too():
    def epochs(config):
        for _ in range(6):
            yield config["x"]

    space = wb.Space(x=wb.Float(0, 1))
    parent = run(epochs, space, n_trials=8)
    stop = wb.MedianStop(min_trials=5)
    child = parent.child(wb.Space(x=wb.Float(0, 2)), scheduler=stop, algorithm=wb.Random(), n_trials=20).start().wait(60)
    median = np.median([t.loss for t in imported(child)])
    first = own(child)[:3]
    assert any(t.state == "pruned" for t in first)  # without rivals none of the first five could be
    assert all(t.config["x"] > median for t in first if t.state == "pruned")


def test_a_function_of_a_budget_gets_the_fixed_values():
    got = []

    def objective(config, budget):
        got.append(dict(config))
        return loss(config) + 1 / budget

    parent = make(objective, scheduler=wb.SuccessiveHalving(9), n_trials=9).start().wait(60)
    got.clear()
    parent.child(fixed={"depth": 2}).start().wait(60)
    assert {c["depth"] for c in got} == {2}


def test_shelved_trials_begin_again_with_the_fixed_values():
    got = []

    def objective(config):
        got.append(dict(config))
        for k in range(9):
            yield loss(config) + 1 / (k + 1)

    parent = wb.optimize(objective, SPACE, algorithm=wb.Random(), scheduler=wb.SuccessiveHalving(9), n_trials=9, seed=0, max_waiting=0)
    child = parent.child(fixed={"depth": 2}, n_trials=9).start().wait(60)
    assert len(got) > 9  # some began again
    assert {c["depth"] for c in got} == {2}
    assert child.state == "done"


def test_an_executor_gets_the_whole_configuration():
    with ThreadPoolExecutor(1) as pool:
        parent = make(n_trials=3, executor=pool).start().wait(60)
        child = parent.child(fixed={"depth": 2}).start().wait(60)
    assert {t.whole_config["depth"] for t in own(child)} == {2}
    assert child.n_done == 3


def test_several_losses_and_their_names_come_along():
    def two(config):
        return {"cost": config["lr"], "rate": config["depth"] * 1.0}

    parent = run(two, direction={"cost": "minimize", "rate": "maximize"}, n_trials=10)
    child = parent.child(fixed={"optimizer": "adam"}).start().wait(60)
    assert child.direction == {"cost": "minimize", "rate": "maximize"}
    assert all(t.losses[1] == -t.config["depth"] for t in child.trials.by_number.values())
    assert child.pareto
    assert child.frame()["rate"].notna().all()


def test_an_optuna_objective_has_children_in_its_own_space_alone():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        return x if trial.suggest_categorical("kind", ["a", "b"]) == "a" else x + trial.suggest_float("more", 0, 1)

    parent = run(objective, None, algorithm=wb.TPE(), n_trials=8)
    child = parent.child(n_trials=4)
    assert (child.descent.n_imported, child.descent.n_left_out) == (8, 0)
    assert child.space == parent.space
    assert child.start().wait(60).n_done == 4
    for wrong in ({"fixed": {"x": 0.5}}, {"space": wb.Space(x=wb.Float(0, 2))}):
        with pytest.raises(RunError, match="an Optuna objective makes its space as it goes"):
            parent.child(**wrong)


def test_a_study_of_others_gets_a_child_with_an_objective():
    study = optuna.create_study()
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=5)
    watched = wb.watch(study)
    until(lambda: watched.trials.n_done == 5)
    with pytest.raises(RunError, match="needs an objective"):
        watched.child()
    child = watched.child(wb.Space(x=wb.Float(0, 1)), objective=lambda c: c["x"], n_trials=3)
    watched.close()
    assert [t.loss for t in imported(child)] == [t.value for t in study.trials]
    assert child.start().wait(60).n_done == 3


def test_optunas_own_samplers_learn_from_imported_trials_and_get_the_fixed_values_kept():
    parent = run(algorithm=optuna.samplers.TPESampler(seed=0), n_trials=6)
    child = parent.child(fixed={"depth": 2}, n_trials=4).start().wait(60)
    assert child.algorithm is not parent.algorithm
    assert [t.fixed for t in own(child)] == [{"depth": 2}] * 4


# ---- who is whose ----------------------------------------------------------------------------------------------------

def test_parent_and_children_know_each_other():
    parent = run(n_trials=3)
    child = parent.child()
    assert child.parent is parent
    assert parent.children == [child]
    assert (parent.parent, parent.descent) == (None, None)


def test_a_named_child_survives_with_what_it_holds_fixed():
    objective, got = noted()
    parent = run(objective, name="mlp", n_trials=20)
    child = parent.child(name="mlp, shallow", fixed={"depth": 2}, n_trials=6)
    child.step()
    child.close()
    seen = wb.open("mlp, shallow")
    assert (seen.fixed, seen.descent.parent, seen.parent.name) == ({"depth": 2}, "mlp", "mlp")
    assert seen.descent == child.descent
    assert [(t.origin, t.fixed, t.config) for t in seen.trials.by_number.values()] == [
        (t.origin, t.fixed, t.config) for t in child.trials.by_number.values()]
    got.clear()
    again = wb.open("mlp, shallow", objective=objective).start().wait(60)
    assert (again.n_done, len(got)) == (6, 5)
    assert {c["depth"] for c in got} == {2}
    same = parent.child(fixed={"depth": 2}, n_trials=6).start().wait(60)
    assert configs(again)[-6:] == configs(same)[-6:]  # the interruption changed nothing
    Path("runs/mlp.journal").unlink()
    del parent
    assert wb.open("mlp, shallow").parent is None or wb.open("mlp, shallow").parent.name == "mlp"


def test_a_parent_without_a_name_is_gone_after_reopening():
    run(n_trials=3).child(name="kept").close()
    assert wb.open("kept").parent is None
    assert wb.open("kept").descent.parent is None


def test_a_child_in_a_database_stays_in_it():
    url = "sqlite:///family.db"
    parent = run(name="p", storage=url, n_trials=3)
    child = parent.child(name="c", fixed={"depth": 2}, n_trials=2)
    assert child.where == url
    assert wb.open("c", storage=url).parent.name == "p"
    with pytest.raises(StorageError, match="exists already"):
        parent.child(name="c")
    assert parent.child(name="d").descent.n_imported == 3


def test_nothing_is_left_of_a_child_that_cannot_be_kept(monkeypatch):
    from workbench.ledger import Ledger

    parent = run(n_trials=3)

    def full(self, trial):
        raise StorageError("the disk is full")

    with monkeypatch.context() as m:
        m.setattr(Ledger, "add", full)
        with pytest.raises(StorageError, match="disk is full"):
            parent.child(name="kept")
    assert not Path("runs/kept.journal").exists()
    assert parent.child(name="kept").descent.n_imported == 3
    assert len(parent.children) == 1


def test_two_children_made_alike_are_alike_and_do_not_repeat_the_parent():
    parent = run(n_trials=12)
    space = wb.Space({**SPACE.params, "depth": wb.Int(1, 9)})
    a, b = (parent.child(space, fixed={"optimizer": "adam"}, n_trials=6).start().wait(60) for _ in range(2))
    assert configs(a) == configs(b)
    assert not {c["lr"] for c in (t.config for t in own(a))} & {c["lr"] for c in configs(parent)}


def test_the_prior_of_an_algorithm_speaks_of_what_is_left():
    parent = run(algorithm=wb.TPE(prior={"lr": 1e-3, "depth": 3}), n_trials=4)
    child = parent.child(fixed={"depth": 3})
    assert child.algorithm == wb.TPE(prior={"lr": 1e-3})
    assert child.start().wait(60).state == "done"


def test_what_is_asked_about_an_imported_trial_says_where_it_comes_from():
    child = run(n_trials=3).child(n_trials=2).start().wait(60)
    with pytest.raises(RunError, match="trial 0 was not chosen in this run: its result is trial 0 of the parent"):
        child.explain(0)
    assert child.explain(3).summary()


def test_a_saved_log_of_a_child_tells_all_of_it(tmp_path):
    child = run(n_trials=10).child(fixed={"depth": 2}, n_trials=3).start().wait(60)
    child.log.save(tmp_path / "log.jsonl")
    seen = replay(tmp_path / "log.jsonl")
    assert seen.fixed == {"depth": 2}
    assert [t.origin for t in seen.trials.by_number.values()] == [t.origin for t in child.trials.by_number.values()]
    assert seen.best.whole_config == child.best.whole_config
    assert Trials(child.log).n_imported == seen.trials.n_imported


def test_a_space_without_parameters_and_something_else_than_a_space_are_refused():
    parent = run(n_trials=2)
    with pytest.raises(SpaceError, match="at least one parameter"):
        parent.child(wb.Space())
    with pytest.raises(SpaceError, match=r"must be a wb\.Space"):
        parent.child({"lr": 3})


def test_what_stays_fixed_must_go_with_the_new_space():
    child = run(n_trials=4).child(fixed={"momentum": 0.9})
    with pytest.raises(SpaceError, match=r"\['momentum'\] stay fixed, but do not go with the new space"):
        child.child(wb.Space(lr=SPACE["lr"], depth=SPACE["depth"]))


# ---- children of tune ------------------------------------------------------------------------------------------------

def test_a_child_of_tune_tunes_the_same_estimator_and_gives_the_whole_best():
    from sklearn.datasets import load_iris
    from sklearn.tree import DecisionTreeClassifier

    from workbench.automl.tune import TuneRun

    X, y = load_iris(return_X_y=True)
    space = wb.Space(max_depth=wb.Int(1, 6), min_samples_leaf=wb.Int(1, 20))
    parent = wb.tune(DecisionTreeClassifier(), X, y, space=space, algorithm=wb.Random(), n_trials=6, seed=0, cv=3, name="tree")
    parent.start().wait(60)
    child = parent.child(fixed={"max_depth": 4}, n_trials=4, name="tree of depth 4").start().wait(60)
    assert isinstance(child, TuneRun)
    assert child.best_params_["max_depth"] == 4
    assert child.best_estimator_.max_depth == 4
    assert "max_depth=4" in child.export("python")
    with pytest.raises(SpaceError, match="no parameter 'depth'"):
        parent.child(wb.Space(depth=wb.Int(1, 3)))
    with pytest.raises(RunError, match="keeps its objective"):
        parent.child(objective=loss)
    child.close()
    again = wb.tune(DecisionTreeClassifier(), X, y, cv=3, name="tree of depth 4", resume=True)
    assert again.best_params_ == child.best_params_
    assert all((a == b).all() for a, b in zip(again.cross_validation.folds[0], parent.cross_validation.folds[0], strict=True))


# ---- results told by hand --------------------------------------------------------------------------------------------

KNOWN = {"lr": 1e-3, "optimizer": "adam", "depth": 2}


def test_a_known_result_counts_for_the_search_but_not_for_the_number_of_trials():
    r = make(n_trials=5)
    r.tell(KNOWN, -3.0)
    assert (r.state, r.n_done, r.best.origin, r.best.loss) == ("ready", 0, "given by hand", -3.0)
    assert len(r.history()) == 1
    r.start().wait(60)
    assert (r.n_done, len(r.trials), r.best.config) == (5, 6, KNOWN)
    r.tell({**KNOWN, "depth": 1}, -4.0)
    assert (r.state, r.best.loss, r.n_done) == ("done", -4.0, 5)


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_result_may_be_told_at_any_time(state):
    gate = Gate()
    r = make(gate, n_trials=3).start()
    gate.inside.acquire(timeout=20)
    if state == "paused":
        r.pause()
        gate.open.set()
        until(lambda: r.state == "paused")
    r.tell(KNOWN, -3.0)
    until(lambda: r.best is not None and r.best.loss == -3.0)
    gate.open.set()
    r.start().wait(60)
    assert (r.n_done, len(r.trials)) == (3, 4)
    later = [r._ledger.saw(t.number).told for t in own(r)[1:]]
    assert later[-1] == 3  # the last suggestion knew of it and of two of its own
    assert [e.trial for e in r.log if isinstance(e, TrialSuggested)] == [0, 1, 2, 3]


def test_a_told_result_is_known_to_the_next_suggestion_and_rebuilt_with_it():
    r = make(algorithm=wb.TPE(n_startup=2), n_trials=8)
    r.start().wait(60)
    r.tell(KNOWN, -3.0)
    r.configure(n_trials=12)
    r.start().wait(60)
    for t in own(r)[9:]:
        assert len(r.history(before=t.number)) == t.number
        assert r.explain(t.number).summary() == t.why.summary()


def test_results_told_while_the_run_ends_are_not_lost():
    for _ in range(20):
        r = make(n_trials=2, seed=1).start()
        told = threading.Thread(target=lambda r=r: [r.tell(KNOWN, -1.0 - k) for k in range(5)])
        told.start()
        r.wait(60)
        told.join(20)
        until(lambda r=r: r.trials.n_imported == 5)


def test_a_told_result_of_a_named_run_survives():
    r = run(name="r", n_trials=2)
    r.tell(KNOWN, -3.0)
    assert wb.open("r").best.origin == "given by hand"
    again = wb.open("r", objective=loss, n_trials=4).start().wait(60)
    assert (again.n_done, len(again.trials)) == (4, 5)


@pytest.mark.parametrize(("config", "value", "error", "complaint"), [
    ({**KNOWN, "depth": 99}, 1.0, ConfigError, "'depth' must lie between 1 and 8, got 99"),
    ({"lr": 1e-3}, 1.0, ConfigError, "needs a value"),
    (KNOWN, math.nan, ObjectiveError, "a result must be a number, got nan"),
    (KNOWN, "good", ObjectiveError, "got the text 'good'"),
    (KNOWN, None, ObjectiveError, "got None"),
    (KNOWN, (1.0, 2.0), ObjectiveError, "one number"),
])
def test_what_is_no_result_is_refused(config, value, error, complaint):
    r = make()
    with pytest.raises(error, match=complaint):
        r.tell(config, value)
    assert not len(r.trials)


def test_several_losses_are_told_as_the_objective_would_return_them():
    goals = {"cost": "minimize", "rate": "maximize"}
    r = make(lambda c: (c["lr"], 1.0), direction=goals)
    r.tell(KNOWN, {"rate": 5.0, "cost": 1.0})
    r.tell({**KNOWN, "depth": 3}, (2.0, 7.0))
    assert [t.losses for t in r.trials.by_number.values()] == [(1.0, -5.0), (2.0, -7.0)]
    with pytest.raises(ObjectiveError, match="must return the losses"):
        r.tell(KNOWN, {"speed": 5.0, "cost": 1.0})
    unnamed = make(lambda c: (c["lr"], 1.0), direction=["minimize", "maximize"])
    with pytest.raises(ObjectiveError, match="have no names yet"):
        unnamed.tell(KNOWN, {"rate": 5.0, "cost": 1.0})


def test_fixed_values_may_be_given_or_left_out_but_not_changed():
    child = make().child(fixed={"depth": 2})
    child.tell(KNOWN, 3.0)
    child.tell({"lr": 1e-3, "optimizer": "adam"}, 3.0)
    child.enqueue(KNOWN)
    assert [t.whole_config for t in child.trials.by_number.values()] == [KNOWN, KNOWN]
    for act in (lambda c: child.tell(c, 3.0), child.enqueue):
        with pytest.raises(ConfigError, match="'depth' is fixed at 2 in this run, got 3"):
            act({**KNOWN, "depth": 3})
    child.configure(n_trials=1)
    assert own(child.start().wait(60))[0].whole_config == KNOWN


def test_an_optuna_objective_and_a_run_of_others_take_no_results():
    r = wb.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(RunError, match="with a space"):
        r.tell({"x": 0.5}, 1.0)
    run(name="r", n_trials=1)
    with pytest.raises(RunError, match="only be watched"):
        wb.open("r").tell(KNOWN, 1.0)


def test_a_result_that_cannot_be_written_waits_for_the_next_resume(monkeypatch):
    r = make(n_trials=1000)
    r.step()
    real = r._ledger._storage.create_new_trial
    broken = True

    def create(*args, **kwargs):
        if broken:
            raise OSError("no space left")
        return real(*args, **kwargs)

    monkeypatch.setattr(r._ledger._storage, "create_new_trial", create)
    r.tell(KNOWN, -3.0)
    until(lambda: "no space left" in r.detail)
    assert r.state == "paused"
    broken = False
    r.step()
    assert r.best.loss == -3.0
    r.stop().wait(20)


def test_fixed_is_plain_data():
    fixed = Fixed.of(SPACE, {"depth": np.int64(2)})
    assert fixed.values == {"depth": 2}
    assert type(fixed.values["depth"]) is int
    assert pickle.loads(pickle.dumps(fixed)) == fixed
