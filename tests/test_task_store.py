"""Past tasks: kept beside runs, found again, deleted, brought from elsewhere; what is wrong is said, and hides nothing else."""

import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, load_wine
from sklearn.svm import SVC

import workbench as wb
from workbench import store
from workbench.errors import ConfigError, RunError, StorageError
from workbench.task_record import About, TaskRecord, fingerprint, keep, record_path, settle

SPACE = wb.Space(x=wb.Float(0, 1), c=wb.Choice("a", "b"), d=wb.Float(0, 1, when={"c": "b"}))
FEATURES = {"nr_inst": 150.0, "nr_attr": 4.0, "odd": 0.5}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    settle()


def objective(config):
    return (config["x"] - 0.3) ** 2 + 0.1 * (config["c"] == "a") + config.get("d", 0.0)


def ran(name, data=FEATURES, space=SPACE, f=objective, n=6, **options):
    return wb.optimize(f, space, name=name, n_trials=n, seed=1, algorithm=wb.Random(), data=data, **options).start().wait()


@pytest.fixture
def quick(monkeypatch):
    """Meta-features without a process."""
    import workbench.meta.features_process as process

    monkeypatch.setattr(process, "measured", lambda table, limit_s: pd.Series(FEATURES))


# ---- records -------------------------------------------------------------------------------------------------------


def test_a_tuning_run_with_a_name_becomes_a_past_task_and_its_record_holds_no_row_of_the_data():
    X, y = load_wine(return_X_y=True)
    X = X + 1234.567891
    run = wb.tune(SVC(), X, y, name="wine!", n_trials=2, seed=0, algorithm=wb.Random()).start().wait()
    settle()
    path = record_path(store.journal_path("wine!"))
    text = path.read_text()
    assert not [v for v in {f"{v!r}" for v in X.ravel().tolist()} if len(v) > 6 and v in text]
    held = json.loads(text)
    assert held["data"]["rows"] == 178 and held["data"]["columns"] == 13
    assert held["estimator"] == "SVC" and held["metric"] == "1 - accuracy"
    assert len(held["features"]) == 43 and held["note"] == ""
    row = wb.past_tasks().frame().loc["wine!"]
    assert row["trials"] == 2 and row["best"] == pytest.approx(run.best.loss) and row["trouble"] == ""
    assert row["where"] == f"{path}, {store.journal_path('wine!')}"


def test_a_known_data_set_is_called_by_its_name(quick):
    wb.tune(SVC(), *load_iris(return_X_y=True), name="t", n_trials=1, seed=0)
    settle()
    assert wb.past_tasks().frame().loc["t", "data"] == "iris"


def test_features_come_in_the_background_and_the_run_does_not_wait(monkeypatch):
    import workbench.meta.features_process as process

    monkeypatch.setattr(process, "measured", lambda table, limit_s: time.sleep(1.5) or pd.Series(FEATURES))
    began = time.perf_counter()
    run = wb.tune(SVC(), *load_iris(return_X_y=True), name="t", n_trials=1, seed=0, algorithm=wb.Random())
    assert time.perf_counter() - began < 1.2
    run.start().wait()
    assert wb.past_tasks().frame().loc["t", "trouble"] == "the meta-features are being computed"
    settle()
    assert wb.past_tasks().all()[0].record.features.to_dict() == FEATURES


def test_data_without_meta_features_do_not_fail_a_run_and_say_why():
    store.FOLDER.mkdir()
    path = store.FOLDER / "x.task.json"
    writing = keep(path, TaskRecord("x"), About([["a"], [1, 2]], [0, 1]))
    writing.done.wait(10)
    record = TaskRecord.read(path)
    assert record.features is None and "could not be computed" in record.note


def test_a_process_that_takes_too_long_is_ended(monkeypatch):
    from workbench.meta.described import Described
    from workbench.meta.features_process import measured

    with pytest.raises(RuntimeError, match="nothing came within 0.01 s"):
        measured(Described.of(np.zeros((5, 2)), [0, 1, 0, 1, 0]), 0.01)


def test_a_record_that_was_deleted_meanwhile_stays_deleted(monkeypatch):
    import workbench.meta.features_process as process

    monkeypatch.setattr(process, "measured", lambda table, limit_s: time.sleep(0.5) or pd.Series(FEATURES))
    store.FOLDER.mkdir()
    path = store.FOLDER / "x.task.json"
    writing = keep(path, TaskRecord("x"), About(np.zeros((4, 2)), [0, 1, 0, 1]))
    path.unlink()
    writing.done.wait(10)
    assert not path.exists()


def test_a_fingerprint_tells_the_same_data_from_others():
    X, y = load_iris(return_X_y=True)
    assert fingerprint(X, y) == fingerprint(pd.DataFrame(X, columns=list("abcd")), pd.Series(y))
    assert len({fingerprint(X, y), fingerprint(X, y[::-1]), fingerprint(X), fingerprint(X + 1e-9, y)}) == 4


def test_meta_features_of_ones_own_are_numbers():
    with pytest.raises(RunError, match="'big' for 'size'"):
        ran("t", data={"size": "big"})
    ran("t", data=pd.Series(FEATURES))
    assert wb.past_tasks().frame().loc["t", "rows"] == 150


# ---- what there is -------------------------------------------------------------------------------------------------


def test_damaged_files_are_listed_with_what_is_wrong_and_the_others_still_serve():
    for name in ("good", "cut", "alien", "bad journal", "gone"):
        ran(name)
    (store.FOLDER / "cut.task.json").write_text('{"format": 1, "na')
    (store.FOLDER / "alien.task.json").write_text('{"format": 99}')
    (store.FOLDER / "bad journal.journal").write_text("no json\n")
    (store.FOLDER / "gone.journal").unlink()
    past = wb.past_tasks()
    trouble = past.frame()["trouble"]
    assert trouble["good"] == ""
    assert "cannot be read" in trouble["cut"] and "format is 99" in trouble["alien"]
    assert "not a journal" in trouble["bad journal"] and "its run is gone" in trouble["gone"]
    found = past.similar(FEATURES)
    assert found.tasks.names == ("good",) and found.left_out == {"it cannot be read": 4}
    assert "4 past tasks left out" in found._repr_html_()
    assert "not a journal" in past._repr_html_()
    assert past.delete("cut") == [store.FOLDER / "cut.task.json"]


def test_named_runs_without_a_description_are_no_tasks_and_are_named():
    ran("plain", data=None)
    past = wb.past_tasks()
    assert len(past) == 0 and past.undescribed == ["plain"]
    assert "plain" in past._repr_html_()
    with pytest.raises(RunError, match="no past task with a trial in runs"):
        past.similar(FEATURES)


def test_runs_of_another_process_are_seen_as_they_go_on():
    code = ("import workbench as wb, sys\n"
            "run = wb.optimize(lambda c: c['x'], wb.Space(x=wb.Float(0, 1)), name='far', n_trials=50, data={'nr_inst': 9.0}, seed=0)\n"
            "run.step(); print('one', flush=True); sys.stdin.readline(); run.step(); print('two', flush=True); sys.stdin.readline()\n")
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "one\n"
        past = wb.past_tasks()
        assert past.frame().loc["far", "trials"] == 1
        with pytest.raises(StorageError, match="open for writing"):
            past.delete("far", journal=True)
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "two\n"
        assert past.frame().loc["far", "trials"] == 2
        other.communicate("\n")


def test_deleting_takes_the_record_alone_or_the_run_too_and_says_what():
    ran("a").close()
    ran("b").close()
    past = wb.past_tasks()
    assert past.delete("a") == [store.FOLDER / "a.task.json"]
    assert wb.open("a").n_done == 6 and past.undescribed == ["a"]
    gone = past.delete("b", journal=True)
    assert {p.name for p in gone} == {"b.task.json", "b.journal", "b.journal.owner"}
    assert not any(p.exists() for p in gone) and len(past) == 0
    with pytest.raises(StorageError, match="no past task 'b'"):
        past.delete("b")


# ---- what they say -------------------------------------------------------------------------------------------------


def test_the_nearest_come_first_and_say_why():
    ran("far", {"nr_inst": 1e5, "nr_attr": 90.0}, f=lambda c: 1 - c["x"])
    ran("near", {"nr_inst": 140.0, "nr_attr": 5.0})
    found = wb.past_tasks().similar(FEATURES, k=2)
    assert found.tasks.names == ("near", "far") and found.distance[0] < found.distance[1]
    first = found.first(2)
    assert objective(first[0].config) == pytest.approx(found.tasks.losses[0].min())
    assert first[0].why.startswith("best of 6 on 'near' (value ") and "the nearest past task (distance" in first[0].why
    assert first[1].task == "far" and "the 2nd nearest" in first[1].why and first[1].rank == 1
    assert len({json.dumps(t.config) for t in found}) == len(list(found)) == 6
    assert wb.past_tasks().similar(FEATURES, k=1).tasks.names == ("near",)
    with pytest.raises(RunError, match="at least 1, got 0"):
        wb.past_tasks().similar(FEATURES, k=0)
    with pytest.raises(RunError, match="got n=0"):
        found.first(0)


def test_past_tasks_make_a_belief():
    grid = wb.Space(k=wb.Int(0, 9), c=wb.Choice("a", "b"), d=wb.Int(0, 9, when={"c": "b"}))
    for name, rows, best in (("near", 140.0, 2), ("far", 1e5, 8)):
        ran(name, {"nr_inst": rows}, space=grid, f=lambda c, b=best: abs(c["k"] - b) + (c["c"] == "a"), n=60)
    found = wb.past_tasks().similar({"nr_inst": 100.0}, space=grid)
    prior = found.prior(best=3)
    assert list(prior) == ["k", "c", "d"] and sum(prior["c"].values()) == pytest.approx(3 * 1.5)
    assert prior["k"][2] > prior["k"][8] > 0 and prior["c"].get("b", 0) > prior["c"].get("a", 0)
    run = wb.optimize(objective, grid, algorithm=wb.GPBO(prior=prior), n_trials=1, warm_start=found, seed=0)
    assert isinstance(run.algorithm, wb.WarmStart)
    with pytest.raises(RunError, match="got best=0"):
        found.prior(0)


def test_the_same_data_are_recognised():
    X, y = load_iris(return_X_y=True)
    ran("iris", (X, y))
    settle()
    found = wb.past_tasks().similar(X, y)
    assert found.same_data == (True,) and "on the same data" in found.first(1)[0].why
    assert wb.past_tasks().similar(X, y[::-1]).same_data == (False,)


def test_without_data_all_tasks_of_the_space_count():
    ran("a", FEATURES)
    ran("b", {"other": 1.0})
    found = wb.past_tasks().similar(space=SPACE)
    assert set(found.tasks.names) == {"a", "b"} and not found.by_features
    assert "one of 2 past tasks in this space" in found.first(1)[0].why
    assert wb.past_tasks().similar(FEATURES).left_out == {"it shares no meta-feature with the new task": 1}


def test_configurations_are_translated_where_they_fit():
    wide = wb.Space(x=wb.Float(0, 2), c=wb.Choice("a", "b", "z"), d=wb.Float(0, 1, when={"c": "b"}, default=0.5),
                    e=wb.Int(1, 9, default=3))
    narrow = wb.Space(x=wb.Float(0, 0.5), c=wb.Choice("b"), d=wb.Float(0, 1))
    ran("t", n=20)
    past = wb.past_tasks()
    t = past.tasks(wide)
    assert len(t.configs) == 20 and all(c["e"] == 3 for c in t.configs)
    assert all(("d" in c) == (c["c"] == "b") for c in t.configs)
    small = past.tasks(narrow)
    assert 0 < len(small.configs) < 20 and all(c["x"] <= 0.5 and c["c"] == "b" for c in small.configs)
    with pytest.raises(RunError, match="fits the space of q: of one none of its configurations fits"):
        past.tasks(wb.Space(q=wb.Float(0, 1)))


def test_configurations_of_several_tasks_stand_in_one_table():
    grid = wb.Space(k=wb.Int(0, 3))
    ran("a", f=lambda c: float(c["k"]), space=grid, n=5)
    ran("b", f=lambda c: -float(c["k"]), space=grid, n=5, direction="maximize")
    ran("other", space=SPACE)
    t = wb.past_tasks().tasks(grid)
    assert t.space == grid and set(t.names) == {"a", "b"} and len(t.configs) == len({c["k"] for c in t.configs})
    for row in t.losses:
        for config, loss in zip(t.configs, row, strict=True):
            assert np.isnan(loss) or loss == config["k"]
    assert wb.past_tasks().frame().loc["b", "best"] <= 0


def test_failed_and_stopped_trials_and_several_losses_do_not_count():
    ran("fails", f=lambda c: 1 / 0 if c["x"] < 0.5 else c["x"], n=10)
    ran("two", f=lambda c: (c["x"], 1 - c["x"]), direction=["minimize"] * 2)
    frame = wb.past_tasks().frame()
    assert 0 < frame.loc["fails", "trials"] < 10
    assert "2 losses" in frame.loc["two", "trouble"]


def test_a_child_keeps_what_is_fixed_and_is_a_task_of_its_own(quick):
    X, y = load_iris(return_X_y=True)
    parent = wb.tune(SVC(), X, y, name="parent", n_trials=3, seed=0, algorithm=wb.Random()).start().wait()
    child = parent.child(fixed={"kernel": "linear"}, name="child", n_trials=2).start().wait()
    settle()
    t = next(t for t in wb.past_tasks().all() if t.name == "child")
    assert t.record.features is not None and all("kernel" in c for c in t.configs)
    configs, _ = t.within(parent.space)
    assert len(configs) >= 2
    child.close()


# ---- tables from elsewhere -----------------------------------------------------------------------------------------


def test_a_table_from_elsewhere_is_kept_in_one_file_and_comes_back():
    small = wb.meta.small_tasks().some([0, 1, 2])
    past = wb.past_tasks("elsewhere")
    path = past.add("svm", small)
    assert [p.name for p in path.parent.iterdir()] == ["svm.tasks.json"]
    back = past.tasks()
    assert {f"svm: {name}" for name in small.names} == set(back.names) and back.space == small.space
    order = [back.names.index(f"svm: {name}") for name in small.names]
    np.testing.assert_allclose(np.sort(back.losses[order], axis=1), np.sort(small.losses, axis=1))
    np.testing.assert_allclose(back.features.to_numpy()[order], small.features.to_numpy())
    assert past.similar(small.features.iloc[1], k=1).tasks.names == (f"svm: {small.names[1]}",)
    with pytest.raises(StorageError, match="already"):
        past.add("svm", small)
    assert past.delete("svm") == [path] and len(past) == 0


def test_a_table_can_be_a_frame_or_csv_files_with_gaps():
    losses = pd.DataFrame({"p": [0.9, 0.7], "q": [0.8, np.nan]}, index=["one", "two"])
    configs = pd.DataFrame({"c": ["a", "b"], "n": [np.nan, 3]}, index=["p", "q"])
    features = pd.DataFrame({"nr_inst": [10.0, 20.0]}, index=["two", "one"])
    space = wb.Space(c=wb.Choice("a", "b"), n=wb.Int(1, 5, when={"c": "b"}))
    for name, frame in (("losses", losses), ("configs", configs), ("features", features)):
        frame.to_csv(f"{name}.csv")
    past = wb.past_tasks()
    past.add("frames", losses, configs=configs, space=space, features=features, direction="maximize", metric="accuracy")
    past.add("files", "losses.csv", configs="configs.csv", space=space, features="features.csv", direction="maximize")
    t = past.tasks()
    assert len(t) == 4 and t.configs[0] == {"c": "a"} and {"c": "b", "n": 3} in t.configs
    assert past.frame().loc["frames: one", ["best", "rows", "metric"]].tolist() == [0.9, 20, "accuracy"]
    assert past.frame().loc["files: two", "trials"] == 1


def test_tables_that_do_not_fit_are_refused():
    past, losses = wb.past_tasks(), pd.DataFrame({"p": [0.9], "q": [0.8]}, index=["one"])
    space = wb.Space(x=wb.Float(0, 1))
    with pytest.raises(RunError, match="its configurations and their space"):
        past.add("t", losses)
    with pytest.raises(RunError, match="each of the 2 columns, got 1"):
        past.add("t", losses, configs=[{"x": 0.5}], space=space)
    with pytest.raises(RunError, match="configuration 1 is not of the space"):
        past.add("t", losses, configs=[{"x": 0.5}, {"x": 2.0}], space=space)
    with pytest.raises(RunError, match="at least one known loss"):
        past.add("t", losses * np.nan, configs=[{"x": 0.5}, {"x": 0.6}], space=space)
    with pytest.raises(StorageError, match=r"'none\.csv' cannot be read"):
        past.add("t", "none.csv", configs=[], space=space)
    assert len(past) == 0


# ---- warm starts of runs -------------------------------------------------------------------------------------------


def test_a_run_begins_with_what_similar_tasks_suggest_says_why_and_opens_again():
    ran("old", FEATURES, n=12)
    best = wb.past_tasks().similar(FEATURES).first(1)[0]
    run = ran("new", FEATURES, warm_start=3, n=5)
    assert run.trials.by_number[0].config == best.config
    assert run.explain(0).summary() == f"Given to start with, 1 of 3: {best.why}."
    assert "Drawn without a model" in run.explain(3).summary()
    code = run.export("python")
    assert "wb.WarmStart(algorithm=wb.Random(), configs=" in code and best.why in code
    run.close()
    again = wb.open("new", objective=objective)
    assert again.algorithm == run.algorithm and again.explain(1).summary() == run.explain(1).summary()
    assert "after 3 given" in wb.runs().loc["new", "algorithm"]


def test_a_run_is_not_similar_to_itself():
    ran("old", FEATURES)
    ran("again", {**FEATURES, "odd": 0.1})
    found = wb.past_tasks().similar(FEATURES, but="old")
    assert found.tasks.names == ("again",)


def test_lists_and_similar_tasks_can_be_given():
    ran("old", FEATURES)
    found = wb.past_tasks().similar(FEATURES)
    run = ran("a", None, warm_start=found, n=2)
    assert run.trials.by_number[0].config == found.first(1)[0].config
    given = [{"x": 0.25, "c": "a"}, {"x": 0.5, "c": "b", "d": 0.5}]
    run = wb.optimize(objective, SPACE, n_trials=3, warm_start=given, seed=0).start().wait()
    assert [run.trials.by_number[k].config for k in (0, 1)] == given
    assert run.explain(1).summary() == "Given to start with, 2 of 2: by hand."
    with pytest.raises(ConfigError, match=r"warm_start\[1\] does not belong to the space: 'd' is active"):
        wb.optimize(objective, SPACE, warm_start=[given[0], {"x": 0.5, "c": "b"}])
    for bad in (0, True, "five", [], [3]):
        with pytest.raises(RunError, match="warm_start"):
            wb.optimize(objective, SPACE, warm_start=bad)
    with pytest.raises(RunError, match="none of the configurations of the similar tasks"):
        wb.optimize(objective, wb.Space(q=wb.Float(0, 1)), warm_start=found)
    with pytest.raises(RunError, match="needs a space"):
        wb.optimize(lambda trial: trial.suggest_float("x", 0, 1), warm_start=3)


def test_the_first_run_of_all_starts_cold_and_says_so():
    with pytest.warns(UserWarning, match="no past task in runs yet"):
        run = ran("first", FEATURES, warm_start=5, n=1)
    assert run.algorithm == wb.Random()


def test_a_scheduled_run_and_one_with_workers_begin_with_what_was_given():
    def steps(config):
        for k in range(9):
            yield objective(config) + 1 / (k + 1)

    given = [{"x": 0.25, "c": "a"}, {"x": 0.5, "c": "b", "d": 0.5}]
    run = wb.optimize(steps, SPACE, algorithm=wb.TPE(), scheduler=wb.ASHA(max_steps=9), n_trials=6, n_workers=2, seed=0,
                      warm_start=given).start().wait()
    assert [run.trials.by_number[k].config for k in (0, 1)] == given
    assert isinstance(run.algorithm, wb.WarmStart) and isinstance(run.algorithm.algorithm, wb.OneScale)
