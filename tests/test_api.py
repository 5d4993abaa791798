"""optimize, open, watch, and the lazy package."""

import subprocess
import sys
import time

import optuna
import pytest

import workbench as wb
from tests.engine_helpers import SPACE, configs, curve, ends, loss, make, reports, run, until


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# ---- import --------------------------------------------------------------------------------------------------------


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, workbench; print(*(m for m in sys.modules if '.' not in m))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"torch", "plotly", "IPython", "optuna", "sklearn", "numpy", "ipywidgets"}


def test_every_public_name_is_there_and_listed():
    for name in wb.__all__:
        assert getattr(wb, name) is not None
        assert name in dir(wb)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = wb.nothing


# ---- optimize ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wrong", "error", "says"), [
    ({"objective": 3}, wb.RunError, "must be a function"),
    ({"space": {"lr": (0, 1)}}, wb.SpaceError, "wb.Space"),
    ({"direction": "up"}, wb.RunError, "'minimize' or 'maximize'"),
    ({"n_trials": 0}, wb.RunError, "positive"),
    ({"n_trials": 2.5}, wb.RunError, "whole number"),
    ({"n_workers": -1}, wb.RunError, "positive"),
    ({"trial_timeout": 0}, wb.RunError, "positive"),
    ({"timeout": -1}, wb.RunError, "positive"),
    ({"storage": "sqlite:///x.db"}, wb.RunError, "needs a name"),
    ({"algorithm": "tpe"}, wb.RunError, "method suggest"),
    ({"name": " "}, wb.StorageError, "must be a text"),
])
def test_wrong_arguments_are_refused_with_rule_value_and_way_out(wrong, error, says):
    with pytest.raises(error, match=says):
        make(**wrong)


def test_the_default_algorithm_and_seed():
    assert isinstance(wb.optimize(loss, SPACE).algorithm, wb.GPBO)
    assert isinstance(wb.optimize(lambda t: 0.0).algorithm, wb.TPE)
    assert wb.optimize(loss, SPACE).seed != wb.optimize(loss, SPACE).seed


def test_a_run_without_a_name_lives_in_memory_and_says_so(tmp_path):
    r = run()
    assert not r.saved
    assert r.where == "memory"
    assert not list(tmp_path.iterdir())


# ---- named runs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("n_workers", [1, 3])
def test_a_named_run_is_read_back_as_it_was(direction, n_workers):
    r = run(curve, name="mlp", direction=direction, n_workers=n_workers, algorithm=wb.TPE(n_startup=3))
    assert r.saved
    back = wb.open("mlp")
    assert back.read_only
    assert back.space == SPACE
    assert back.algorithm == r.algorithm
    assert (back.seed, back.direction, back.n_trials, back.n_workers) == (0, direction, 10, n_workers)
    columns = ["state", "value", *SPACE.names, "steps"]
    assert back.frame()[columns].equals(r.frame()[columns])
    assert back.best.number == r.best.number
    assert sorted(reports(back)) == sorted(reports(r))
    assert [e.trial for e in ends(back)] == [e.trial for e in ends(r)]
    for k in range(10):
        assert back.explain(k).summary() == r.explain(k).summary()
        assert back.trials.by_number[k].saw == r.trials.by_number[k].saw


@pytest.mark.parametrize("algorithm", [wb.Random(), wb.TPE(n_startup=3), wb.GPBO(n_startup=3), wb.Grid(k=3)],
                         ids=lambda a: type(a).__name__)
def test_a_run_that_was_opened_goes_on_as_if_it_had_never_ended(algorithm):
    whole = run(curve, algorithm=algorithm, n_trials=9)
    run(curve, algorithm=algorithm, n_trials=5, name="r")
    r = wb.open("r", objective=curve, n_trials=9).start().wait(60)
    assert configs(r) == configs(whole)
    assert len(ends(r)) == 9


def test_an_edited_space_and_algorithm_are_kept_with_the_run():
    r = make(curve, name="r", n_trials=8)
    for _ in range(4):
        r.step()
    space = wb.Space({**SPACE.params, "depth": wb.Int(2, 6)})
    r.configure(space=space, algorithm=wb.TPE(n_startup=2))
    r.start().wait(60)
    back = wb.open("r")
    assert back.space == space
    assert back.algorithm == wb.TPE(n_startup=2)
    for k in range(8):
        assert back.explain(k).summary() == r.trials.by_number[k].why.summary()


def test_optimising_again_under_the_same_name_overwrites_nothing_and_names_the_ways_out(tmp_path):
    run(name="r")
    before = (tmp_path / "runs" / "r.journal").read_bytes()
    with pytest.raises(wb.StorageError, match="another name") as caught:
        make(name="r")
    assert "wb.open('r'" in str(caught.value)
    assert (tmp_path / "runs" / "r.journal").read_bytes() == before


def test_a_name_whose_run_never_began_can_be_used_again():
    make(name="r")
    old = make(name="r", seed=1)
    new = make(name="r", seed=2)
    with pytest.raises(wb.RunError, match="opened again in this kernel"):
        old.start()
    assert new.start().wait(20).n_done == 10
    assert wb.open("r").seed == 2


def test_a_run_under_way_in_this_kernel_is_found_again_not_opened_twice():
    r = make(curve, name="r")
    r.step()
    assert wb.open("r") is r
    assert wb.open("r", objective=curve) is r
    with pytest.raises(wb.RunError, match="paused in this kernel"):
        wb.open("r", objective=loss)
    r.stop().wait(10)
    other = wb.open("r", objective=loss)
    assert other is not r
    other.start().wait(20)
    assert other.n_done == 10


def test_a_run_that_another_object_went_on_with_learns_of_it():
    r = run(name="r", n_trials=4)
    wb.open("r", objective=loss, n_trials=6).start().wait(20)
    r.configure(n_trials=8)
    r.start().wait(20)
    assert len(r.trials) == 8
    assert configs(wb.open("r")) == configs(run(n_trials=8))


@pytest.mark.parametrize("name", ["🎉 <b>bold</b>", "../up", "a/b\\c", "'; DROP TABLE"])
def test_names_may_hold_anything(name, tmp_path):
    r = run(name=name, n_trials=2)
    assert wb.open(name).frame()["value"].equals(r.frame()["value"])
    assert {p.name for p in tmp_path.iterdir()} == {"runs"}


def test_opening_what_is_not_there_says_how_to_make_it():
    with pytest.raises(wb.StorageError, match="does not exist"):
        wb.open("nothing")


def test_an_opened_run_without_objective_cannot_be_started():
    run(name="r")
    back = wb.open("r")
    for control in (back.start, back.step, back.pause, lambda: back.configure(n_trials=99),
                    lambda: back.enqueue(SPACE.default())):
        with pytest.raises(wb.RunError, match="objective"):
            control()


def test_any_optuna_url_can_keep_a_run():
    r = run(curve, name="r", storage="sqlite:///runs.db", n_trials=3)
    assert r.where == "sqlite:///runs.db"
    back = wb.open("r", storage="sqlite:///runs.db")
    assert back.frame()["value"].equals(r.frame()["value"])
    assert back.explain(2).summary() == r.explain(2).summary()
    more = wb.open("r", objective=curve, storage="sqlite:///runs.db", n_trials=4).start().wait(20)
    assert len(ends(more)) == 4
    with pytest.raises(wb.StorageError, match="another name"):
        make(name="r", storage="sqlite:///runs.db")
    with pytest.raises(wb.StorageError, match="cannot be"):
        make(name="r", storage="nonsense://x")


def test_optuna_itself_opens_our_file():
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    r = run(curve, name="r", direction="maximize")
    study = optuna.load_study(study_name="r", storage=JournalStorage(JournalFileBackend("runs/r.journal")))
    assert study.best_value == r.trials.value(r.best.loss)
    assert len(study.trials) == 10


def test_a_run_of_an_optuna_objective_goes_on_too():
    def f(trial):
        for epoch in range(2):
            trial.report(trial.suggest_float("x", 0, 1), epoch)
        return trial.suggest_float("x", 0, 1)

    run(f, None, algorithm=wb.TPE(n_startup=2), name="r", n_trials=4)
    back = wb.open("r")
    assert back.space.names == ("x",)
    r = wb.open("r", objective=f, n_trials=6).start().wait(20)
    assert [e.state for e in ends(r)] == ["complete"] * 6


def test_one_of_optunas_samplers_must_be_given_again():
    run(name="r", algorithm=optuna.samplers.TPESampler(seed=0), n_trials=3)
    assert wb.open("r").n_done == 3
    with pytest.raises(wb.RunError, match="algorithm= again"):
        wb.open("r", objective=loss)
    r = wb.open("r", objective=loss, algorithm=optuna.samplers.TPESampler(seed=1), n_trials=5).start().wait(20)
    assert r.n_done == 5


# ---- watch ---------------------------------------------------------------------------------------------------------


def test_any_study_can_be_watched_live():
    study = optuna.create_study(study_name="theirs", direction="maximize")
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=3)
    r = wb.watch(study, interval_s=0.02)
    until(lambda: r.n_done == 3)
    assert (r.state, r.read_only, r.direction) == ("watching", True, "maximize")
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=2)
    until(lambda: r.n_done == 5)
    assert r.trials.value(r.best.loss) == study.best_value
    assert r.space.names == ("x",)
    assert not hasattr(study, "asked")
    assert len(study.trials) == 5
    r.stop()
    assert r.state == "stopped"


def test_a_study_in_a_database_can_be_watched_by_its_url():
    study = optuna.create_study(storage="sqlite:///their.db", study_name="theirs")
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=2)
    r = wb.watch("sqlite:///their.db", interval_s=0.02)
    until(lambda: r.n_done == 2)
    r.close()


def test_one_of_our_own_runs_is_watched_with_its_space_and_reasons():
    run(curve, name="r", storage="sqlite:///ours.db", algorithm=wb.TPE(n_startup=2), n_trials=5)
    r = wb.watch("sqlite:///ours.db", interval_s=0.02)
    until(lambda: r.n_done == 5)
    assert r.space == SPACE
    assert r.explain(4).summary()
    r.close()


def test_watching_a_lost_database_ends_as_failed_and_says_why(tmp_path):
    study = optuna.create_study(storage="sqlite:///their.db", study_name="theirs")
    r = wb.watch(study, interval_s=0.02)
    optuna.delete_study(study_name="theirs", storage="sqlite:///their.db")
    until(lambda: r.state == "failed")
    assert "can no longer be read" in r.detail


def test_an_url_that_leads_nowhere_is_refused():
    with pytest.raises(wb.StorageError, match="cannot be opened"):
        wb.watch("nonsense://x")
    time.sleep(0)
