"""Runs with several losses, from the directions to the Pareto set, the file and the exports."""

import json
import math

import optuna
import pytest

import workbench as wb
from tests.engine_helpers import SPACE, ends
from workbench import event_file
from workbench.events import RunStarted, TrialReported
from workbench.losses import Goals, has_nan, times
from workbench.trials import Trials

DIRECTIONS = {"error": "minimize", "speed": "maximize"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def error_and_speed(config):
    return {"error": config["lr"] + 1 / config["depth"], "speed": 9.0 - config["depth"]}


def sometimes(config):
    """Fails where the network is too deep, diverges where the rate is high, is of infinite error once in between."""
    if config["depth"] > 6:
        raise MemoryError("too deep")
    values = error_and_speed(config)
    values["error"] = math.nan if config["lr"] > 1e-2 else math.inf if config["depth"] == 1 else values["error"]
    return values


def both_curves(config):
    for epoch in range(3):
        yield config["lr"] + 1 / (epoch + 1), 9.0 - config["depth"]


def run(objective=error_and_speed, space=SPACE, **options):
    options = {"direction": DIRECTIONS, "algorithm": wb.Random(), "n_trials": 12, "seed": 0, **options}
    return wb.optimize(objective, space, **options).start().wait(60)


def brute_front(run):
    """Numbers of complete trials with finite values that no other beats, in the user's own values."""
    frame = run.frame()
    done = [(k, *values) for k, values in frame[["value error", "speed"]].iterrows() if all(map(math.isfinite, values))]
    return {k for k, e, s in done if not any(f <= e and t >= s and (f, t) != (e, s) for _, f, t in done)}


# ---- directions ------------------------------------------------------------------------------------------------------

def test_directions_are_read_from_a_word_a_list_or_a_dict():
    assert Goals.of("maximize") == Goals(("maximize",))
    assert Goals.of(["minimize", "maximize"]) == Goals(("minimize", "maximize"))
    assert Goals.of(DIRECTIONS) == Goals(("minimize", "maximize"), ("error", "speed"))
    assert Goals.of(["minimize", "maximize"]).labels == ("value 1", "value 2")
    assert Goals.of(["maximize"]).sign == -1.0
    assert Goals.of({"accuracy": "maximize"}) == Goals(("maximize",), ("accuracy",))
    assert Goals.of({"accuracy": "maximize"}).labels == ("accuracy",)
    for given in ("maximize", ["minimize", "maximize"], DIRECTIONS, {"accuracy": "maximize"}):
        assert Goals.of(given).as_given == given
    assert Goals.of(DIRECTIONS).sign == (1.0, -1.0)


@pytest.mark.parametrize("direction", ["up", [], {}, ["minimize", "up"], {"error": "down"}, None, 1])
def test_other_directions_are_refused_and_shown(direction):
    with pytest.raises(wb.RunError, match="one for each loss, got"):
        wb.optimize(error_and_speed, SPACE, direction=direction)


def test_names_of_losses_are_texts():
    with pytest.raises(wb.RunError, match="named by texts"):
        Goals.of({0: "minimize", 1: "maximize"})


def test_signs_multiply_loss_by_loss_and_one_nan_is_enough():
    assert times(-1.0, 2.0) == -2.0
    assert times((1.0, -1.0), (2.0, 3.0)) == (2.0, -3.0)
    assert has_nan((1.0, math.nan))
    assert not has_nan((1.0, math.inf))


# ---- runs ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("n_workers", [1, 2])
def test_one_is_minimised_and_one_maximised_and_failures_are_set_aside(n_workers):
    r = run(sometimes, n_trials=60, n_workers=n_workers)
    states = r.trials.n_by_state
    assert states["failed"] > 5
    assert states["complete"] > 20
    errors = " ".join(t.error or "" for t in r.trials.by_number.values())
    assert "MemoryError: too deep" in errors
    assert "one of the losses (nan, " in errors
    assert any(math.isinf(v) for v in r.frame()["value error"])  # an infinite loss completes, but is never in the set
    assert {t.number for t in r.pareto} == brute_front(r)
    assert set(r.frame().index[r.frame()["pareto"]]) == brute_front(r)
    assert [t.losses[0] for t in r.pareto] == sorted(t.losses[0] for t in r.pareto)
    for t in r.pareto:
        assert r.trials.values(t.losses) == pytest.approx(tuple(error_and_speed(t.config).values()))


def test_losses_that_the_user_reads_have_his_own_signs():
    r = run(lambda c: (math.nan, 5.0), n_trials=1, direction=["minimize", "maximize"])
    assert "(nan, 5.0)" in r.trials.by_number[0].error


def test_a_history_has_a_column_for_each_loss_and_a_failed_trial_is_infinite_in_all():
    r = run(sometimes, n_trials=30)
    history = r.history()
    assert history.y.shape == (30, 2)
    for y, e in zip(history.y, ends(r), strict=True):
        assert tuple(y) == (e.losses or (math.inf, math.inf))


def test_there_is_no_best_of_several_and_no_pareto_set_of_one():
    r = run()
    with pytest.raises(wb.RunError, match=r"run\.pareto"):
        _ = r.best
    one = run(lambda c: c["lr"], direction="minimize")
    with pytest.raises(wb.RunError, match=r"run\.best"):
        _ = one.pareto
    with pytest.raises(wb.RunError, match=r"run\.best"):
        one.hypervolume()


def test_the_hypervolume_takes_a_reference_in_the_users_values_by_order_or_name():
    r = run(lambda c: {"error": 1.0, "speed": 3.0}, n_trials=1)
    assert r.hypervolume([2.0, 1.0]) == 2.0
    assert r.hypervolume({"speed": 1.0, "error": 3.0}) == 4.0
    assert r.hypervolume([2.0, 4.0]) == 0.0
    assert r.hypervolume() == 0.0  # the worst so far is the only one
    for reference, complaint in (([1.0], "needs 2 values"), ({"error": 1.0}, "a value for each of"),
                                 ([1.0, math.inf], "must be finite")):
        with pytest.raises(wb.RunError, match=complaint):
            r.hypervolume(reference)


def test_before_a_result_the_set_is_empty():
    r = wb.optimize(error_and_speed, SPACE, direction=DIRECTIONS)
    assert r.pareto == []
    assert r.hypervolume() == 0.0
    assert "No trial yet" in r._repr_html_()


def test_the_first_dict_names_the_losses_and_their_order():
    calls = iter(range(4))

    def turned(config):
        e, s = error_and_speed(config).values()
        return {"error": e, "speed": s} if next(calls) % 2 == 0 else {"speed": s, "error": e}

    r = run(turned, n_trials=4, direction=["minimize", "maximize"])
    assert r.direction == DIRECTIONS
    assert [e.losses for e in r.log if isinstance(e, RunStarted)][-1] == ("error", "speed")
    for t in r.trials.by_number.values():
        assert r.trials.values(t.losses) == tuple(error_and_speed(t.config).values())


@pytest.mark.parametrize("direction", [{"accuracy": "maximize"}, "maximize"], ids=["named", "named by the first dict"])
def test_one_loss_may_have_a_name_that_a_file_and_exported_code_keep(direction):
    r = run(lambda c: {"accuracy": c["lr"]}, direction=direction, n_trials=5, name="r")
    best = max(t.config["lr"] for t in r.trials.by_number.values())
    for again in (r, wb.open("r")):
        assert again.direction == {"accuracy": "maximize"}
        assert again.trials.goals == Goals(("maximize",), ("accuracy",))
        assert again.trials.value(again.best.loss) == again.frame()["value"].max() == best
    assert "direction={'accuracy': 'maximize'}" in r.export("python")
    assert json.loads(r.export("json"))["direction"] == {"accuracy": "maximize"}
    assert r._repr_html_().index(f"{best:.6f}") < r._repr_html_().index(f"{r.frame()['value'].min():.6f}")  # best first


def test_one_loss_with_a_name_may_also_come_as_a_number_but_not_under_another_name():
    assert run(lambda c: 1.0, direction={"error": "minimize"}, n_trials=1).best.loss == 1.0
    failed = run(lambda c: {"size": 1.0}, direction={"error": "minimize"}, n_trials=1).trials.by_number[0]
    assert "must return the losses ['error'], got ['size']" in failed.error
    two = run(lambda c: {"error": 1.0, "size": 2.0}, direction={"error": "minimize"}, n_trials=1).trials.by_number[0]
    assert "must return (or yield) one number, got {" in two.error


def test_other_names_than_those_of_the_run_fail_the_trial():
    r = run(lambda c: {"error": 1.0, "size": 2.0}, n_trials=1)
    assert "must return the losses ['error', 'speed'], got ['error', 'size']" in r.trials.by_number[0].error


@pytest.mark.parametrize(("value", "complaint"), [
    ((1.0,), "got 1: (1.0,). Return 2"), ((1.0, 2.0, 3.0), "got 3: (1.0, 2.0, 3.0). Return 2"), (3.0, "got 3.0 (float)"),
    ("ab", "got 'ab' (str)"), (None, "got None"), ((1.0, "x"), "as number 2, got the text 'x'"),
    ([1.0, [2.0]], "as number 2, got [2.0] (list).")])
def test_a_wrong_number_of_losses_fails_the_trial_and_says_how_many_are_wanted(value, complaint):
    r = run(lambda c: value, n_trials=1, direction=["minimize", "maximize"])
    error = r.trials.by_number[0].error
    assert "a tuple or dict of 2 numbers" in error
    assert complaint in error
    assert r.pareto == []


def test_several_losses_without_directions_fail_and_say_what_to_write():
    r = run(lambda c: (1.0, 2.0), n_trials=1, direction="minimize")
    assert 'direction=["minimize", "maximize"]' in r.trials.by_number[0].error


def test_curves_hold_several_losses_and_the_last_counts():
    r = run(both_curves, n_trials=3, direction=["minimize", "maximize"])
    told = [e for e in r.log if isinstance(e, TrialReported)]
    assert len(told) == 9
    assert all(math.isnan(e.loss) for e in told)
    for t in r.trials.by_number.values():
        assert [step for step, _ in t.curves] == [1, 2, 3]
        assert t.curves[-1][1] == t.losses == (t.config["lr"] + 1 / 3, t.config["depth"] - 9.0)
    assert r.frame()["steps"].tolist() == [3] * 3


def test_a_parameter_or_a_loss_that_is_called_like_a_column_has_a_prefix():
    space = wb.Space(state=wb.Float(0, 1), error=wb.Float(0, 1), size=wb.Float(0, 1))
    r = run(lambda c: {"trial": c["size"], "size": c["state"]}, space, n_trials=2,
            direction={"trial": "minimize", "size": "minimize"})
    columns = ["state", "value trial", "size", "pareto", "param state", "param error", "param size", "steps", "seconds", "error"]
    assert r.frame().columns.tolist() == columns
    assert r.frame()["size"].tolist() == r.frame()["param state"].tolist()


# ---- who can search --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("algorithm", [wb.TPE(), wb.GPBO(), optuna.samplers.CmaEsSampler()], ids=lambda a: type(a).__name__)
def test_searches_for_one_loss_are_refused_before_anything_runs(algorithm):
    with pytest.raises(wb.RunError, match="best of one loss, got a run of 2"):
        wb.optimize(error_and_speed, SPACE, direction=DIRECTIONS, algorithm=algorithm)
    waiting = wb.optimize(error_and_speed, SPACE, direction=DIRECTIONS)
    with pytest.raises(wb.RunError, match="best of one loss"):
        waiting.configure(algorithm=algorithm)


@pytest.mark.parametrize("algorithm", [wb.QuasiRandom(), optuna.samplers.NSGAIISampler(population_size=4, seed=0),
                                       optuna.samplers.TPESampler(n_startup_trials=3, seed=0)], ids=lambda a: type(a).__name__)
def test_searches_for_several_losses_run_to_the_end(algorithm):
    r = run(algorithm=algorithm, n_trials=15)
    assert [e.state for e in ends(r)] == ["complete"] * 15
    assert {t.number for t in r.pareto} == brute_front(r)


def test_an_optuna_objective_returns_several_losses_but_reports_none():
    def define_by_run(trial):
        return trial.suggest_float("x", 0, 1), trial.suggest_int("n", 1, 5)

    def reporting(trial):
        trial.report(trial.suggest_float("x", 0, 1), 1)

    r = run(define_by_run, None, direction=["minimize", "maximize"])
    assert all(t.losses == (t.config["x"], -t.config["n"]) for t in r.trials.by_number.values())
    failed = run(reporting, None, direction=["minimize", "maximize"], n_trials=1).trials.by_number[0]
    assert "NotImplementedError: trial.report is for one loss" in failed.error


def test_a_scheduler_judges_one_loss():
    with pytest.raises(wb.RunError, match="a scheduler judges one loss"):
        wb.optimize(both_curves, SPACE, direction=DIRECTIONS, scheduler=object())


# ---- what is kept ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize(("objective", "direction"), [
    (sometimes, DIRECTIONS), (sometimes, ["minimize", "maximize"]), (both_curves, ["minimize", "maximize"])],
    ids=["named", "named by the first dict", "curves"])
def test_a_named_run_is_read_back_as_it_was(n_workers, objective, direction):
    r = run(objective, direction=direction, n_workers=n_workers, name="r", n_trials=20)
    back = wb.open("r")
    assert back.direction == r.direction
    columns = [c for c in r.frame().columns if c not in ("seconds", "error")]
    assert back.frame()[columns].equals(r.frame()[columns])
    assert [t.number for t in back.pareto] == [t.number for t in r.pareto]
    assert {k: t.curves for k, t in back.trials.by_number.items()} == {k: t.curves for k, t in r.trials.by_number.items()}


def test_a_run_that_was_opened_goes_on_as_if_it_had_never_ended():
    whole = run(sometimes, algorithm=wb.QuasiRandom(), n_trials=20)
    run(sometimes, algorithm=wb.QuasiRandom(), n_trials=8, name="r")
    r = wb.open("r", objective=sometimes, n_trials=20).start().wait(60)
    columns = [c for c in r.frame().columns if c not in ("seconds", "error")]
    assert r.frame()[columns].equals(whole.frame()[columns])
    assert [t.number for t in r.pareto] == [t.number for t in whole.pareto]
    assert r.history().y.tolist() == whole.history().y.tolist()


def test_events_of_several_losses_survive_a_file(tmp_path):
    r = run(both_curves, n_trials=4, direction=["minimize", "maximize"])
    event_file.save(r.log, tmp_path / "log.jsonl")
    back = Trials(event_file.load(tmp_path / "log.jsonl"))
    assert back.goals == r.trials.goals
    assert back.frame().equals(r.frame())


def test_json_holds_all_values_and_the_pareto_set_in_the_users_own_signs():
    r = run(sometimes, n_trials=30)
    data = json.loads(r.export("json"))
    assert (data["direction"], data["losses"]) == (DIRECTIONS, ["error", "speed"])
    assert "best" not in data
    assert {p["trial"] for p in data["pareto"]} == brute_front(r)
    for p in data["pareto"]:
        assert p["values"] == pytest.approx(list(error_and_speed(p["config"]).values()))
    by_state = {t["state"]: t for t in data["trials"]}
    assert by_state["failed"]["values"] is None
    assert any(t["values"] == ["inf", 8.0] for t in data["trials"])
    steps = json.loads(run(both_curves, n_trials=1, direction=["minimize", "maximize"]).export("json"))["trials"][0]
    assert [k for k, _ in steps["curve"]] == [1, 2, 3]
    assert steps["curve"][-1][1] == steps["values"]


def test_exported_code_holds_the_pareto_set_and_begins_the_search_again():
    r = run(n_trials=10)
    text = r.export("python")
    scope = {}
    exec(text, scope)
    assert scope["space"] == SPACE
    assert scope["pareto"] == [t.config for t in r.pareto]
    again = text.split("# run = ")[1]
    same = eval(again, {"wb": wb, "objective": error_and_speed, "space": SPACE}).start().wait(60)
    assert [t.losses for t in same.pareto] == [t.losses for t in r.pareto]


def test_in_a_line_and_in_a_table_the_pareto_set_stands_for_the_best():
    r = run(n_trials=20)
    assert f"20 / 20 trials, {len(r.pareto)} in the Pareto set>" in repr(r)
    rows = r._repr_html_().count("<tr")
    assert rows == 2 + len(r.pareto)  # a head of two lines
