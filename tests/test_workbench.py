"""The application by its messages: what users do, and what comes of it."""

import threading
import time

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench import notebook
from workbench.automl.recipe import Data, Recipe
from workbench.search.beliefs import whole_prior
from workbench_widgets import workbench as module
from workbench_widgets import workbench_sources as sources
from workbench_widgets.workbench_setup import Setup, number, source_code, table_content

SPACE = wb.Space(x=wb.Float(0, 1))
FRAME = pd.DataFrame({"a": np.arange(40.0) % 7, "b": ["u", "v"] * 20, "good": [0, 1] * 20})


def until(true, timeout=20.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


def plain(config):
    return config["x"] ** 2


def slow(config):
    for step in range(5):
        time.sleep(0.05)
        yield config["x"] / (step + 1)


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    apps = []

    def app(*args, **settings):
        made = wb.Workbench(*args, **settings)
        apps.append(made)
        settled(made)
        return made

    yield app
    for a in apps:
        for run in a.runs.values():
            run.close()
        a.close()


def settled(app):
    until(lambda: app._setup.current and not app._busy and app._commands.empty() and app._done.empty())
    until(lambda: app.setup == app._setup.content(app._wrong_space()))


def do(app, cmd, **message):
    before = app.ack
    app.command({"cmd": cmd, **message})
    until(lambda: app.ack > before)
    settled(app)


def assign(app, **fields):
    for field, value in fields.items():
        do(app, "set", field=field, value=value)


def start(app, n=1):
    app.command({"cmd": "start"})
    until(lambda: len(app.chips) == n)


# ---- choosing --------------------------------------------------------------------------------------------------------

def test_at_first_there_is_nothing_and_the_fault_says_what_to_do(make):
    app = make()
    assert app.setup["faults"] == {"data": "choose a table, or an objective of your own."}
    assert app.setup["steps"] == ["", "", ""]
    assert [e[0] for e in app.sources["examples"]] == ["digits", "wine", "iris", "breast_cancer", "diabetes"]
    assert (app.run, app.runs, app.shown, app.table) == (None, {}, "data", {})
    assert app.code.startswith("# data:")


def test_a_set_fills_in_everything_with_reasons(make):
    app = make()
    do(app, "data", kind="example", name="wine")
    s = app.setup
    assert s["faults"] == {}
    assert (s["values"]["target"], s["values"]["task"], s["values"]["metric"]) == ("target", "classification", "accuracy")
    assert s["steps"][0] == "wine · 178 rows · classification of target · Accuracy · 5 folds"
    assert s["steps"][2] == "GP-BO · log-EI · 50 trials · not kept"
    assert s["why"]["task"]
    assert app.editor.space["algorithm"].options[0] == "boosting"
    assert (app.table["rows"], app.table["columns"], app.table["used"]) == (178, 14, 13)
    assert "data_set('wine')" in app.code


def test_another_estimator_brings_its_space_and_what_was_drawn_comes_back(make):
    app = make("wine")
    assign(app, estimator="SVC")
    assert "model__C" in app.editor.space.names
    drawn = wb.Space(model__C=wb.Float(1, 2))
    app.editor.space = drawn
    until(lambda: app.recipe.space == drawn)
    settled(app)
    assert app.setup["edited"]
    assign(app, estimator="GaussianNB")
    assert app.recipe.space is None
    assert app.editor.space.names == ("var_smoothing",)
    assign(app, estimator="SVC")
    assert app.editor.space == app.recipe.space == drawn
    do(app, "default space")
    assert app.recipe.space is None
    assert "model__kernel" in app.editor.space.names
    assert not app.setup["edited"]


def test_what_is_believed_of_good_values_reaches_the_run(make):
    app = make("wine", estimator="GaussianNB", folds=2, n_trials=12)
    assert app.editor.prior_note == "GP-BO · log-EI takes it into account."
    app.editor.prior = {"var_smoothing": 1e-6}
    until(lambda: app.recipe.prior)
    settled(app)
    assert app.setup["edited"]
    assert "wb.GPBO(prior=(('var_smoothing', ((1e-06, 1.0),)),))" in app.code
    assign(app, algorithm="Random")
    assert "knows no prior" in app.editor.prior_note
    assign(app, algorithm="")
    start(app)
    assert whole_prior(app.run.algorithm) == app.recipe.prior
    recipe = app.recipe
    assign(app, estimator="SVC")
    assert (app.recipe.prior, app.editor.prior) == ((), {})
    assign(app, estimator="GaussianNB")
    assert app.recipe == recipe
    assert app.editor.prior == {"var_smoothing": 1e-6}
    do(app, "default space")
    assert (app.recipe.prior, app.editor.prior) == ((), {})


def test_a_wrong_space_on_screen_is_a_fault_and_the_default_mends_it(make):
    app = make("wine", estimator="GaussianNB")
    app.editor.draft = {"params": [{"name": "var_smoothing", "type": "float", "low": 7, "high": 1}]}
    until(lambda: "space" in app.setup["faults"])
    start_refused(app, "space", 2)
    do(app, "default space")
    until(lambda: app.setup["faults"] == {})
    assert app.editor.errors == {}


def start_refused(app, field, step):
    app.command({"cmd": "start"})
    until(lambda: app.said.get("field") == field)
    assert app.said["step"] == step
    assert app.said["text"].startswith(f"Not yet. Step {step}: ")
    assert not app.chips


@pytest.mark.parametrize(("field", "text", "step"), [
    ("n_trials", "many", 3), ("n_trials", "0", 3), ("timeout", "-1", 3), ("timeout", "nan", 3), ("workers", "1.5", 3),
    ("seed", "x", 3), ("folds", "1", 1), ("folds", "", 1)])
def test_bad_input_stays_on_screen_with_its_fault_and_nothing_starts(make, field, text, step):
    app = make("wine", estimator="GaussianNB")
    assign(app, **{field: text})
    assert list(app.setup["faults"]) == [field]
    assert app.setup["values"][field] == text
    assert app.setup["wrong"] == [step]
    start_refused(app, field, step)


def test_wrong_steps_stay_on_screen_too_and_right_ones_mend_them(make):
    app = make("wine", estimator="SVC", fidelity="rows")
    for text in ("0", "x", ""):
        assign(app, max_steps=text)
        assert list(app.setup["faults"]) == ["max_steps"]
        assert app.setup["values"]["max_steps"] == text
    assign(app, max_steps="9")
    assert app.setup["faults"] == {}
    assert app.setup["values"]["scheduler"] == "Hyperband · eager"


def test_fields_become_the_recipe(make):
    app = make("wine")
    assign(app, estimator="RandomForestClassifier", metric="f1_macro", folds="3", algorithm="TPE", n_trials="", timeout="2.5",
           workers="2", seed="", name=" forest ", fidelity="trees", scheduler="ASHA", max_steps="9")
    assert app.recipe == Recipe(Data("example", "wine"), metric="f1_macro", estimator="RandomForestClassifier", folds=3,
                                algorithm=wb.TPE(), n_trials=None, timeout=150.0, workers=2, seed=None, name="forest",
                                fidelity="trees", scheduler=wb.ASHA(9), max_steps=9)
    assert app.setup["faults"] == {}
    assert app.setup["values"]["timeout"] == "2.5"
    assert app.setup["steps"][2].endswith("ASHA · 9 steps · no limit on trials · at most 2.5 min · 2 workers · kept as forest")
    assign(app, algorithm="", fidelity="")
    assert (app.recipe.algorithm, app.recipe.fidelity, app.recipe.scheduler) == (None, None, None)


def test_what_was_chosen_for_a_table_is_there_when_one_comes_back_to_it(make):
    app = make("wine")
    assign(app, metric="f1_macro")
    do(app, "use", column="alcohol", on=False)
    do(app, "data", kind="example", name="iris")
    assert (app.recipe.metric, app.recipe.leave_out) == (None, None)
    do(app, "data", kind="example", name="wine")
    assert (app.recipe.metric, app.recipe.leave_out) == ("f1_macro", ("alcohol",))
    assert app.table["used"] == 12
    do(app, "source", value="csv")
    assert (app.recipe.data, app.setup["source"], app.table) == (None, "csv", {})
    do(app, "source", value="example")
    assert app.recipe.data == Data("example", "wine")


def test_columns_are_left_out_and_taken_in(make):
    app = make(FRAME, "good")
    do(app, "use", column="b", on=False)
    assert app.recipe.leave_out == ("b",)
    assert [c["used"] for c in app.table["facts"]] == [True, False, False]
    do(app, "use", column="b", on=True)
    assert app.table["used"] == 2
    do(app, "use", column="a", on=False)
    do(app, "use", column="b", on=False)
    assert "nothing is left" in app.setup["faults"]["leave_out"]


@pytest.mark.parametrize("message", [
    {}, {"cmd": "no such"}, {"cmd": "set", "field": "data", "value": 1}, {"cmd": "set", "field": "__class__", "value": 1},
    {"cmd": "source", "value": "moon"}, {"cmd": "data", "kind": "moon", "name": "x"}, {"cmd": "use", "column": "<b>", "on": True},
    {"cmd": "show", "what": "nothing"}, {"cmd": "settings", "run": "x"}, {"cmd": "remove", "run": "x"},
    {"cmd": "piece", "at": 0}, {"cmd": "upload", "name": "x"}, {"cmd": "open", "name": "none of that name"},
    {"cmd": "set", "field": "algorithm", "value": "__import__('os')"}, {"cmd": "set", "field": "target", "value": ["a"]}])
def test_nonsense_from_the_page_harms_nothing(make, message):
    app = make("wine", estimator="GaussianNB", folds=2, n_trials=2)
    before = app.ack
    app.command(message)
    until(lambda: app.ack > before and not app._busy)
    do(app, "data", kind="example", name="wine")
    assign(app, target="target")
    start(app)
    until(lambda: app.chips[0]["state"] == "done")


# ---- the notebook's variables ----------------------------------------------------------------------------------------

class Shell:
    """As much of IPython as the application knows."""

    def __init__(self):
        self.user_ns, self.heard, self.events = {}, [], self

    def register(self, _, act):
        self.heard.append(act)

    def unregister(self, _, act):
        self.heard.remove(act)

    def cell(self, **names):
        self.user_ns |= names
        for act in list(self.heard):
            act(None)


@pytest.fixture
def shell(monkeypatch):
    made = Shell()
    monkeypatch.setattr("IPython.get_ipython", lambda: made)
    return made


def test_tables_and_objectives_are_listed_as_cells_run(make, shell, monkeypatch):
    app = make()
    assert (app.sources["tables"], app.sources["objectives"]) == ([], [])
    for function in (plain, slow):
        monkeypatch.setattr(function, "__module__", "__main__")
    shell.cell(df=FRAME, X=np.random.default_rng(0).normal(size=(40, 2)), y=np.arange(40) % 2, _private=FRAME, train=plain, grow=slow, nothing=None,
               other=np.zeros(3), sqrt=np.sqrt)
    until(lambda: app.sources["tables"])
    assert app.sources["tables"] == [["df", "df · DataFrame · 40 × 3"], ["X", "X · array · 40 × 2"]]
    assert [n for n, _ in app.sources["objectives"]] == ["grow", "train"]
    do(app, "data", kind="kernel", name="X")
    assert ["variable y", "y, a variable"] in app.setup["options"]["target"]
    assign(app, target="variable y")
    assert app.recipe.data == Data("kernel", "X", "y")
    assert app.setup["values"]["target"] == "variable y"
    assert app.setup["faults"] == {}
    assign(app, target="x1")
    assert app.recipe.data == Data("kernel", "X")


def test_a_variable_that_changes_is_read_again(make, shell):
    shell.cell(df=FRAME)
    app = make()
    do(app, "data", kind="kernel", name="df")
    assert app.table["rows"] == 40
    shell.cell(df=pd.concat([FRAME, FRAME]))
    until(lambda: app.table["rows"] == 80)
    del shell.user_ns["df"]
    shell.cell()
    until(lambda: "no variable 'df'" in app.setup["faults"].get("data", ""))
    app.close()
    assert shell.heard == []


def test_what_is_given_is_chosen_already(make, shell):
    shell.user_ns["mine"] = FRAME
    assert make(FRAME, "good").recipe == Recipe(Data("kernel", "mine"), "good")
    assert make((FRAME[["a"]], [0, 1] * 20)).recipe.data == Data("kernel", "X", "y")
    assert make("wine").recipe.data == Data("example", "wine")
    assert make("some.csv").recipe.data == Data("csv", "some.csv")
    app = make(objective=plain, space=SPACE, n_trials=3)
    assert app.recipe == Recipe(objective="plain", space=SPACE, n_trials=3)
    assert app.setup["faults"] == {}
    assert make(objective=lambda config: config["x"]).recipe.objective == "objective"


@pytest.mark.parametrize(("args", "settings", "says"), [
    ((3,), {}, "got int"), (("wine",), {"objective": plain}, "not both"), (("wine",), {"colour": 1}, "colour"),
    ((np.zeros(3),), {}, "got ndarray")])
def test_what_cannot_be_preset_is_refused_in_words(args, settings, says):
    with pytest.raises(wb.WorkbenchError, match=says):
        wb.Workbench(*args, **settings)


def test_the_source_of_an_objective_shows_what_it_reads():
    assert source_code(plain)["reads"] == ["x"]
    assert "def slow(config)" in source_code(slow)["text"]
    assert source_code(np.sqrt) == source_code(3) == {}


# ---- files -----------------------------------------------------------------------------------------------------------

def test_files_are_offered_while_a_path_is_typed(make, tmp_path):
    for name in ("b.csv", "a.tsv", "notes.md", ".hidden.csv", "data/deep.csv", "data/deeper/x.csv", "_own/y.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a,b\n1,2\n")
    app = make()
    until(lambda: app.sources["files"] == ["a.tsv", "b.csv", "data/deep.csv"])
    do(app, "files", prefix="data/de")
    until(lambda: app.sources["files"] == ["data/deep.csv", "data/deeper/"])
    assert sources.files(f"{tmp_path}/B") == [f"{tmp_path}/b.csv"]
    assert sources.files("/no/such/folder/") == []


def test_a_file_is_uploaded_in_pieces_and_never_overwrites_another(make, tmp_path):
    app, data = make(), FRAME.to_csv(index=False).encode()
    for k in range(2):
        do(app, "upload", name="../my table?.csv", size=len(data))
        for at in range(0, len(data), 100):
            app.command({"cmd": "piece", "at": at}, [memoryview(data[at:at + 100])])
        kept = f"uploads/my table_{'-2' * k}.csv"
        until(lambda kept=kept: app.table.get("rows") == 40 and app.recipe.data.name == kept)
    settled(app)
    assert (tmp_path / "uploads" / "my table_.csv").read_bytes() == data
    assert app.upload == {"name": "my table_-2.csv", "size": len(data), "received": len(data)}
    assert app.recipe.data == Data("csv", "uploads/my table_-2.csv")


def test_an_upload_that_goes_wrong_says_so_and_leaves_nothing(make, tmp_path):
    app = make()
    do(app, "upload", name="big.csv", size=10**9)
    assert "an upload may have 200 MB, got 1000 MB" in app.said["text"]
    do(app, "upload", name="t.csv", size=10)
    app.command({"cmd": "piece", "at": 5}, [b"12345"])
    until(lambda: "lost on the way" in app.said.get("text", ""))
    do(app, "upload", name="u.csv", size=3)  # another one instead
    assert sorted(p.name for p in (tmp_path / "uploads").iterdir()) == ["u.csv"]
    app.close()
    assert not list((tmp_path / "uploads").iterdir())


def test_a_path_that_is_wrong_keeps_its_text_and_reading_again_takes_the_new_file(make, tmp_path):
    app = make()
    do(app, "data", kind="csv", name="t.csv")
    assert "t.csv does not exist" in app.setup["faults"]["data"]
    assert app.setup["values"]["data"] == "t.csv"
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    do(app, "data", kind="csv", name="t.csv")
    assert app.table["rows"] == 40
    pd.concat([FRAME, FRAME]).to_csv(tmp_path / "t.csv", index=False)
    do(app, "data", kind="csv", name="t.csv")
    assert app.table["rows"] == 80


def test_reading_is_done_elsewhere_and_says_how_far_it_is(make, monkeypatch):
    app, go, seen = make(), threading.Event(), []
    app.observe(lambda change: seen.append(change["new"]), "job")

    def load(data, names, tell):
        tell(0.25)
        assert go.wait(20)
        return module_load(data, names, tell)

    module_load = module.load
    monkeypatch.setattr(module, "load", load)
    before = app.ack
    app.command({"cmd": "data", "kind": "example", "name": "wine"})
    until(lambda: app.job.get("share") == 0.25)
    app.command({"cmd": "set", "field": "n_trials", "value": "7"})  # is heard meanwhile
    until(lambda: app.ack == before + 2)
    assert app.recipe.n_trials == 7
    go.set()
    settled(app)
    assert app.job == {}
    assert app.setup["steps"][2] == "Sobol · 7 trials · not kept"
    assert {"words": "Reading wine", "share": 0.25} in seen


# ---- runs ------------------------------------------------------------------------------------------------------------

def test_start_makes_a_run_with_a_panel_and_starting_again_a_further_one(make):
    app = make("wine", estimator="GaussianNB", folds=2, n_trials=3)
    start(app)
    start(app, 2)
    until(lambda: all(c["state"] == "done" for c in app.chips))
    assert [c["label"] for c in app.chips] == ["bayes", "bayes-2"]
    assert list(app.runs) == ["bayes", "bayes-2"]
    until(lambda: all(c["done"] == 3 and c["best"] for c in app.chips))
    assert app.shown == app.chips[1]["key"]
    assert app.run is app.runs["bayes-2"]
    first, second = (app._entries[c["key"]] for c in app.chips)
    assert first.panel.run is first.run
    assert first.panel.selection is not second.panel.selection
    assert set(app.parts) == {"space", first.key, second.key}
    do(app, "show", what=first.key)
    assert app.run is first.run


def test_runs_with_a_name_are_kept_and_the_next_takes_the_next_name(make, tmp_path):
    app = make(objective=plain, space=SPACE, n_trials=2, name="mlp")
    start(app)
    start(app, 2)
    assert [c["label"] for c in app.chips] == ["mlp", "mlp-2"]
    until(lambda: all(c["state"] == "done" for c in app.chips))
    assert sorted(p.name for p in (tmp_path / "runs").glob("*.journal")) == ["mlp-2.journal", "mlp.journal"]
    for run in app.runs.values():
        run.close()
    other = make()
    until(lambda: set(other.sources["kept"]) == {"mlp", "mlp-2"})
    do(other, "open", name="mlp")
    until(lambda: other.chips)
    assert other.chips[0]["label"] == "mlp"
    assert "no function 'plain'" in other.chips[0]["note"]
    assert other.run.read_only
    until(lambda: other.sources["kept"] == ["mlp-2"])


def test_the_settings_of_a_run_are_put_back(make):
    app = make("wine", estimator="GaussianNB", folds=2, n_trials=2)
    app.editor.space = wb.Space(var_smoothing=wb.Float(0.1, 0.2))
    until(lambda: app.recipe.space is not None)
    start(app)
    recipe = app.recipe
    do(app, "data", kind="example", name="diabetes")
    assign(app, estimator="Ridge")
    assert app.recipe.space is None
    do(app, "settings", run=app.chips[0]["key"])
    assert app.recipe == recipe
    assert app.editor.space == recipe.space
    assert app.setup["faults"] == {}


def test_a_run_is_taken_off_the_list_once_it_has_ended(make):
    app = make(objective=slow, space=SPACE, n_trials=1000)
    start(app)
    key = app.chips[0]["key"]
    do(app, "remove", run=key)
    assert "is running. Stop it first" in app.said["text"]
    app.run.stop()
    until(lambda: app.chips[0]["state"] == "stopped")
    panel = app._entries[key].panel
    do(app, "remove", run=key)
    assert (app.chips, app.runs, app.shown) == ([], {}, "data")
    assert set(app.parts) == {"space"}
    assert panel.comm is None


def test_a_run_that_cannot_be_made_is_said(make, monkeypatch):
    app = make(objective=plain, space=SPACE, n_trials=2, name="mlp")
    monkeypatch.setattr(module, "free_name", lambda name: (_ for _ in ()).throw(wb.StorageError("the disk is full")))
    do(app, "start")
    until(lambda: app.said.get("text") == "the disk is full")
    assert not app.chips
    monkeypatch.undo()


def test_a_start_right_after_an_edit_runs_what_was_edited(make):
    app = make("wine", estimator="GaussianNB", folds=2, n_trials=50)
    app.command({"cmd": "set", "field": "n_trials", "value": "2"})
    app.command({"cmd": "start"})
    until(lambda: app.chips and app.chips[0]["state"] == "done")
    assert app.run.n_trials == 2


def test_the_script_shown_finds_what_the_run_found(make):
    app = make("wine", estimator="GaussianNB", folds=2, n_trials=3)
    start(app)
    until(lambda: app.chips[0]["state"] == "done")
    scope = {}
    exec(compile(app.code, "script", "exec"), scope)
    assert [t.loss for t in scope["run"].trials.by_number.values()] == [t.loss for t in app.run.trials.by_number.values()]


# ---- elsewhere -------------------------------------------------------------------------------------------------------

def test_places_without_widgets_get_a_table_and_the_script(make):
    app = make("wine", estimator="GaussianNB", n_trials=2, folds=2)
    start(app)
    until(lambda: app.chips[0]["state"] == "done")
    data, _ = app._repr_mimebundle_()
    assert data["text/plain"] == "Workbench(bayes: done)"
    assert "<td>done, 2 trials, best" in data["text/html"]
    assert "wb.tune(model" in data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in data


def test_hostile_names_are_escaped(make, tmp_path):
    frame = FRAME.rename(columns={"a": "<script>x</script>"})
    (tmp_path / "<b>.csv").write_text(frame.to_csv(index=False))
    app = make("<b>.csv", "good")
    assert app.setup["faults"] == {}
    assert "<b>.csv" not in app._repr_html_()
    assert "<script>" not in app._repr_html_()


@pytest.mark.parametrize("missing", ["anywidget", "ipywidgets", "workbench_widgets", "IPython"])
def test_without_the_notebook_side_the_error_says_what_to_install(missing, monkeypatch):
    def gone(name):
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr(notebook, "import_module", gone)
    with pytest.raises(wb.MissingExtra, match=f"needs {missing}, which is not installed"):
        wb.Workbench()


def test_closing_takes_the_panels_away_and_leaves_the_runs(make):
    app = make("wine", estimator="GaussianNB", n_trials=2, folds=2)
    start(app)
    panel, run = next(iter(app._entries.values())).panel, app.run
    until(lambda: run.state == "done")
    app.close()
    assert (panel.comm, app.comm, app.editor.comm) == (None, None, None)
    assert run.best is not None
    app.close()  # twice does no harm


def test_a_wide_table_is_shown_in_part():
    setup = Setup(Recipe(Data("kernel", "t"), estimator="GaussianNB"), {"t": pd.DataFrame(np.random.default_rng(0).normal(size=(30, 500)))})
    content = table_content(setup.cook(setup.recipe, None).plan)
    assert (len(content["facts"]), content["more"], content["columns"], len(content["first"][0])) == (200, 300, 500, 200)
    assert len(content["first"]) == 8


@pytest.mark.parametrize(("text", "read"), [("3", 3), ("3.0", 3), ("3.5", "3.5"), ("x", "x"), (None, None), (7, 7), ("1e3", 1000)])
def test_numbers_are_read_and_what_is_none_stays(text, read):
    assert number(text) == read
    assert number("2.5", whole=False) == 2.5
    assert number("nan", whole=False) == "nan"
