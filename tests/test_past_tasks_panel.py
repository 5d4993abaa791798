"""The panel of past tasks, alone and in the application."""

import time

import pytest

pytest.importorskip("anywidget")

import workbench as wb
from workbench.automl.recipe import Recipe
from workbench.automl.recipe_data import Data
from workbench.search.warm_start import WarmStart, WarmStartExplanation
from workbench_widgets.past_tasks import NOTHING, Asked, PastTasksPanel, look
from workbench_widgets.workbench import Workbench


@pytest.fixture(scope="module")
def small():
    return wb.meta.small_tasks()


@pytest.fixture
def past(tmp_path, small):
    made = wb.past_tasks(tmp_path / "runs")
    made.add("SVMs", small.some(range(1, 13)), metric="error")
    return made


@pytest.fixture
def asked(small):
    return Asked(small.features.iloc[0], small.space, "iris", k=3, n=2)


def until(panel, test, seconds=20):
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end, "it did not come to that"
        panel.draw()
        time.sleep(0.02)


def settled(panel):
    until(panel, lambda: not panel.waits and panel._found.empty() and panel._commands.empty() and not panel._stale)


def test_an_empty_folder_says_what_will_be_kept_there(tmp_path):
    found = look(wb.past_tasks(tmp_path), Asked()).content
    assert found["note"] == NOTHING and not found["tasks"] and str(tmp_path) in found["where"]


def test_the_nearest_tasks_and_what_they_suggest_come_first(past, asked):
    c = look(past, asked).content
    similar = past.similar(asked.features, k=3, space=asked.space)
    assert [r["name"] for r in c["tasks"][:3]] == list(similar.tasks.names)
    assert [r["near"] for r in c["tasks"]] == [True] * 3 + [False] * 9
    firsts = similar.first(10)
    assert [f["why"] for f in c["configs"]] == [f"{t.why}." for t in firsts]
    assert [f["used"] for f in c["configs"]] == [True] * 2 + [False] * 8
    assert "3 most like it are asked" in c["title"] and c["k_max"] == 12


def test_without_new_data_tasks_are_only_listed(past):
    c = look(past, Asked()).content
    assert not c["own"] and len(c["tasks"]) == 12 and not c["configs"]
    assert all(r["where"] == "SVMs.tasks.json" for r in c["tasks"])


def test_other_k_and_n_are_told_and_asked_for(past, asked):
    heard = []
    panel = PastTasksPanel(past, asked, changed=heard.append)
    settled(panel)
    panel.command({"cmd": "k", "value": 1})
    panel.command({"cmd": "n", "value": 4})
    settled(panel)
    assert [(a.k, a.n) for a in heard] == [(1, 2), (1, 4)]
    assert sum(r["near"] for r in panel.content["tasks"]) == 1 and sum(f["used"] for f in panel.content["configs"]) == 4
    assert panel.ack == 2
    ringed = next(d for d in panel.map._figure["data"] if "nearest" in d["name"] and d.get("marker"))
    assert len(ringed["x"]) == 1
    panel.close()


def test_a_number_that_is_none_is_refused_where_it_was_typed(past, asked):
    panel = PastTasksPanel(past, asked)
    settled(panel)
    panel.command({"cmd": "n", "value": 50})
    settled(panel)
    assert "between 0 and 20" in panel.said["text"] and panel.asked.n == 2
    panel.close()


def test_what_is_forgotten_is_gone_from_the_disk(past, asked):
    panel = PastTasksPanel(past, asked)
    settled(panel)
    panel.command({"cmd": "forget", "name": "SVMs"})
    settled(panel)
    assert panel.content["note"] == NOTHING and not list(past.folder.glob("*.json"))
    panel.close()


def test_damaged_files_are_listed_with_what_is_wrong(past, asked):
    (past.folder / "broken.task.json").write_text("{")
    c = look(past, asked).content
    row = next(r for r in c["tasks"] if r["name"] == "broken")
    assert row["place"] == "" and row["about"]


def test_past_tasks_are_a_panel_in_a_notebook(past):
    data, _ = past._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data and "SVMs" in data["text/html"]


# ---- in recipes and in the application -----------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A run on iris, kept in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    run = Recipe(Data("example", "iris"), estimator="KNeighborsClassifier", n_trials=6, name="knn on iris", folds=3,
                 algorithm=wb.Random()).run()
    run.start().wait()
    end = time.monotonic() + 30
    while wb.past_tasks().frame()["features"].iloc[0] == 0:
        assert time.monotonic() < end
        time.sleep(0.1)
    return run


def warm(**more):
    return Recipe(Data("example", "wine"), estimator="KNeighborsClassifier", n_trials=4, folds=3, algorithm=wb.Random(),
                  warm_start=2, **more)


def test_a_warm_recipe_tries_what_was_best_on_similar_tasks_first(kept):
    run = warm().run()
    assert isinstance(run.algorithm, WarmStart)
    run.start().wait()
    trials = run.trials.by_number
    best = sorted((t for t in kept.trials.by_number.values() if t.loss is not None), key=lambda t: t.loss)
    assert trials[0].config == best[0].config
    assert [isinstance(trials[k].why, WarmStartExplanation) for k in range(4)] == [True, True, False, False]
    assert "knn on iris" in trials[0].why.summary()


def test_the_script_of_a_warm_recipe_does_the_same(kept):
    space = {"wb": wb}
    code = warm().code().replace("print(", "(")
    exec(code, space)
    run = warm().run()
    run.start().wait()
    assert [t.config for t in space["run"].trials.by_number.values()] == [t.config for t in run.trials.by_number.values()]


def test_a_warm_recipe_survives_json():
    assert Recipe.from_json(warm(similar=3).to_json()) == warm(similar=3)


def test_a_warm_start_without_past_tasks_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(wb.RunError, match="no past task"):
        warm().run()


@pytest.mark.parametrize("wrong", [-1, 21, 1.5, "x"])
def test_a_number_of_first_tries_that_is_none_is_a_fault(wrong):
    assert "warm_start" in Recipe(Data("example", "wine"), warm_start=wrong).faults()


def test_the_application_shows_past_tasks_and_begins_with_them(kept):
    app = Workbench(warm())
    app.command({"cmd": "show", "what": "past"})
    until(app, lambda: app.past is not None and not app._busy)
    until(app.past, lambda: app.past.content["own"])
    assert app.past.content["tasks"][0]["name"] == "knn on iris" and app.past.content["n"] == 2
    app.past.command({"cmd": "n", "value": 3})
    until(app.past, lambda: app.past.asked.n == 3)
    until(app, lambda: app.recipe.warm_start == 3 and app._setup.current)
    assert app._setup.content()["values"]["warm_start"] == "3" and "3 from past tasks first" in app._setup.content()["steps"][2]
    app.command({"cmd": "start"})
    until(app, lambda: app.run is not None)
    app.run.wait()
    assert isinstance(app.run.trials.by_number[2].why, WarmStartExplanation)
    app.command({"cmd": "show", "what": "past"})
    until(app, lambda: app.past.versus["can"])
    assert "Was that worth it?" in app.past.versus["note"] and not app.past.versus["shown"]
    warm_run = app.run
    app.past.command({"cmd": "cold"})
    app.past.draw()
    until(app, lambda: len(app.runs) == 2)
    cold_run = next(r for r in app.runs.values() if r is not warm_run)
    cold_run.wait()
    assert not isinstance(cold_run.algorithm, WarmStart) and cold_run.seed == warm_run.seed
    app.command({"cmd": "show", "what": "past"})
    until(app, lambda: app.past.versus["shown"])
    lines = {d["name"]: d["y"] for d in app.past.pair._figure["data"] if d.get("mode") == "lines"}
    assert any(y[-1] == pytest.approx(warm_run.best.loss) for y in lines.values())
    assert any(y[-1] == pytest.approx(cold_run.best.loss) for y in lines.values())
    app.close()
