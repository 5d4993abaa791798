"""Recipes: what is said of them, and the scripts that they write, which are executed."""

import gzip
import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench import store
from workbench.automl.recipe import Data, Recipe, free_name, kept_runs, reopen
from workbench.automl.recipe_code import quoted
from workbench.automl.recipe_data import describe, guess_task, is_targets, load, picture
from workbench.automl.recipe_models import ESTIMATORS, METRICS, Wants, prepared
from workbench.automl.recipe_plan import way_of
from workbench.problems import branin, data_set
from workbench.search.beliefs import as_prior

WINE = Data("example", "wine")
SPACE = wb.Space(x=wb.Float(-1, 1), k=wb.Int(1, 3))


def mixed(n=60):
    """A table of all that is met: numbers with gaps, categories, truth values, row numbers, names, constants, dates."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=n)
    frame = pd.DataFrame({
        "row": range(n), "size": size, "weight": rng.normal(size=n), "colour": rng.choice(["red", "blue", None], n),
        "old": rng.choice([True, False], n), "name": [f"piece {i}" for i in range(n)], "made by": "us",
        "made on": pd.date_range("2024-01-01", periods=n), "good": np.where(size + rng.normal(size=n) > 0, "yes", "no")})
    frame.loc[::7, "size"] = None
    return frame


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def csv(folder):
    mixed().drop(columns="made on").to_csv(folder / "pieces.csv", index=False)
    return Data("csv", "pieces.csv")


def losses(run):
    return [t.loss for t in run.trials.by_number.values()]


def same_run(recipe, namespace=None):
    """Run a recipe, and its script; both must find the same losses. Returns them."""
    run = recipe.run(namespace).start().wait()
    assert not [t.error for t in run.trials.by_number.values() if t.error]
    scope = dict(namespace or {})
    exec(compile(recipe.code(namespace), "script", "exec"), scope)
    assert losses(run) == losses(scope["run"])
    assert len(losses(run)) == recipe.n_trials
    return losses(run)


# ---- defaults, with reasons ------------------------------------------------------------------------------------------

def test_an_empty_recipe_says_what_it_needs():
    assert Recipe().faults() == {"data": "choose a table, or an objective of your own."}
    assert Recipe().code().startswith("# data: choose")
    with pytest.raises(wb.RunError, match="the recipe cannot run. data: choose a table"):
        Recipe().run()


def test_a_set_by_name_is_enough_and_each_default_has_its_reason():
    plan = Recipe(WINE).plan()
    assert (plan.faults, plan.target, plan.task, plan.metric) == ({}, "target", "classification", "accuracy")
    assert plan.why["task"] == "3 different whole numbers in 178 rows."
    assert "do not differ much in size" in plan.why["metric"]
    assert plan.space["algorithm"].options == tuple(k.short for k in ESTIMATORS["classification"] if k.chosen)
    assert "32 parameters" in plan.why["algorithm"]
    assert plan.recommendation.label == wb.recommend(plan.space, "function", 50).label
    assert plan.why["fidelity"].startswith("Not offered")


@pytest.mark.parametrize(("values", "task", "why"), [
    (["a", "b", "a"], "classification", "2 different values that are no numbers."),
    ([True, False, True], "classification", "2 different values"),
    ([0, 1, 1, 0] * 10, "classification", "2 different whole numbers in 40 rows."),
    ([0.0, 1.0, None] * 10, "classification", "2 different whole numbers in 20 rows."),
    (list(range(30)), "regression", "30 different numbers"),
    ([1.5, 2.5, 3.0], "regression", "3 different numbers"),
    ([3, 4, 5, 6], "regression", "4 different numbers in 4 rows.")])
def test_the_task_is_told_from_the_target(values, task, why):
    guessed, reason = guess_task(values)
    assert guessed == task
    assert why in reason


def test_a_long_table_leaves_out_who_would_take_too_long_and_says_so():
    long = pd.DataFrame({"x": np.arange(12_000) % 97, "y": np.arange(12_000) % 2})
    plan = Recipe(Data("kernel", "t")).plan({"t": long})
    assert "svc" not in {k.short for k in plan.models}
    assert "With 12000 rows Support vector machine would take too long." in plan.why["estimator"]
    assert "For 12000 rows one estimator" in plan.why["fidelity"]
    plan = Recipe(Data("kernel", "t"), estimator="SVC").plan({"t": long})
    assert plan.faults == {}
    assert plan.why["fidelity"].startswith("With 12000 rows many configurations")


def test_who_takes_another_algorithm_is_told_the_recommended_one():
    assert Recipe(WINE).plan().why["algorithm"].startswith("32 parameters")
    assert Recipe(WINE, algorithm=wb.GPBO()).plan().why["algorithm"].startswith("32 parameters")
    assert Recipe(WINE, algorithm=wb.TPE()).plan().why["algorithm"].startswith("Recommended here: GP-BO · log-EI. 32 parameters")
    assert "scheduler" not in Recipe(WINE, estimator="SVC").plan().why["algorithm"]


def test_unequal_classes_are_judged_class_by_class():
    plan = Recipe(Data("kernel", "t")).plan({"t": pd.DataFrame({"x": range(100), "class": ["rare"] * 10 + ["often"] * 90})})
    assert plan.target == "class"
    assert plan.metric == "balanced_accuracy"
    assert "The largest class has 90 rows, the smallest 10" in plan.why["metric"]


def test_regression_has_its_own_scores_and_estimators():
    plan = Recipe(Data("example", "diabetes"), estimator="Ridge").plan()
    assert (plan.task, plan.metric, plan.faults) == ("regression", "r2", {})
    assert {m.name for m in plan.metrics} == {m.name for m in METRICS["regression"]}
    assert Recipe(Data("example", "diabetes"), estimator="SVC").faults()["estimator"].startswith("'SVC' is none for regression")


def test_only_scores_that_fit_the_target_are_offered():
    assert "roc_auc" not in {m.name for m in Recipe(WINE).plan().metrics}
    assert "roc_auc" in {m.name for m in Recipe(Data("example", "breast_cancer")).plan().metrics}
    assert "is for two classes, and target has 3" in Recipe(WINE, metric="roc_auc").faults()["metric"]


def test_a_score_of_probabilities_leaves_out_who_gives_none():
    assert "svc" not in {k.short for k in Recipe(WINE, metric="neg_log_loss").plan().models}
    assert "which SVC does not give" in Recipe(WINE, metric="neg_log_loss", estimator="SVC").faults()["metric"]
    assert Recipe(WINE, metric="neg_log_loss", estimator="GaussianNB").faults() == {}


@pytest.mark.parametrize("task", ESTIMATORS)
def test_every_estimator_that_is_offered_can_be_tuned_with_every_fidelity_that_is_offered(task):
    name = "wine" if task == "classification" else "diabetes"
    table = load(Data("example", name), {})
    for known in ESTIMATORS[task]:
        for fidelity in (None, *known.fidelities):
            recipe = Recipe(Data("example", name), estimator=known.name, fidelity=fidelity, max_steps=3)
            plan = recipe.plan(table=table)
            assert plan.faults == {}
            assert len(plan.space) >= 1
            assert recipe.run(table=table).space == plan.space
            compile(recipe.code(), "script", "exec")
    assert len({k.short for k in ESTIMATORS[task]}) == len(ESTIMATORS[task])


# ---- faults ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("steps", [0, -1, "x", None, True, 2.5])
def test_wrong_steps_of_a_fidelity_are_a_fault_and_no_more(steps):
    recipe = Recipe(WINE, estimator="SVC", fidelity="rows", max_steps=steps, algorithm=wb.TPE())
    assert recipe.faults() == {"max_steps": f"steps must be a whole number of at least 1, got {steps!r}."}
    assert recipe.code().startswith("# max steps: steps must be")


@pytest.mark.parametrize(("change", "field", "says"), [
    ({"n_trials": 0}, "n_trials", "at least 1"), ({"n_trials": "many"}, "n_trials", "got 'many'"),
    ({"n_trials": True}, "n_trials", "got True"), ({"timeout": -1.0}, "timeout", "above 0"),
    ({"timeout": math.nan}, "timeout", "above 0"), ({"workers": 1.5}, "workers", "whole number"),
    ({"seed": -1}, "seed", "at least 0"), ({"folds": 1}, "folds", "at least 2"),
    ({"folds": 80}, "folds", "no class has 80 rows"), ({"folds": 500}, "folds", "500 folds of 178 rows"),
    ({"max_steps": 0}, "max_steps", "at least 1"), ({"name": "  "}, "name", "not empty"),
    ({"target": "price"}, "target", "no column 'price'"), ({"task": "clustering"}, "task", "must be"),
    ({"metric": "r2"}, "metric", "no score for classification"), ({"estimator": "Lasso"}, "estimator", "none for"),
    ({"leave_out": ("nothing",)}, "leave_out", "no column 'nothing'"),
    ({"leave_out": data_set("wine").features}, "leave_out", "nothing is left"),
    ({"space": wb.Space()}, "space", "empty"), ({"space": SPACE}, "space", "no parameter 'x'"),
    ({"space": wb.Space(algorithm=wb.Choice("svc", "magic"))}, "space", "'algorithm'"),
    ({"fidelity": "rows"}, "fidelity", "judged in full"),
    ({"estimator": "SVC", "fidelity": "epochs"}, "fidelity", "SVC can be trained on rows"),
    ({"estimator": "SVC", "scheduler": wb.ASHA(9)}, "scheduler", "needs something to give"),
    ({"estimator": "SVC", "fidelity": "rows", "scheduler": wb.MedianStop()}, "scheduler", "none to give"),
    ({"estimator": "RandomForestClassifier", "fidelity": "trees", "max_steps": 500}, "max_steps", "shares of 100 trees"),
    ({"algorithm": wb.NSGA2()}, "algorithm", "does not fit"),
    ({"algorithm": wb.BOHB()}, "algorithm", "does not fit"),
    ({"data": Data("example", "mnist")}, "data", "no data set 'mnist'"),
    ({"data": Data("csv", "nowhere.csv")}, "data", "nowhere.csv does not exist"),
    ({"data": Data("kernel", "df")}, "data", "no variable 'df'")])
def test_each_fault_stands_at_its_field(change, field, says):
    faults = Recipe(**{"data": WINE, **change}).faults()
    assert list(faults) == [field]
    assert says in faults[field]


def test_what_is_believed_goes_with_an_algorithm_that_takes_it(folder):
    prior = as_prior({"var_smoothing": 1e-6})
    recipe = Recipe(WINE, estimator="GaussianNB", n_trials=12, folds=2, prior=prior)
    assert recipe.plan().algorithm == wb.GPBO(prior=prior)
    assert Recipe.from_json(json.dumps(recipe.to_json())) == recipe
    same_run(recipe)
    assert Recipe(WINE, estimator="GaussianNB", prior=prior, algorithm=wb.Random()).plan().algorithm == wb.Random()
    faults = Recipe(WINE, estimator="GaussianNB", prior=as_prior({"C": 1.0})).faults()
    assert "does not fit the space" in faults["space"]


def test_a_class_too_small_for_the_folds_is_mentioned():
    table = pd.DataFrame({"x": np.arange(23.0) ** 2, "y": ["a"] * 20 + ["b"] * 3})
    plan = Recipe(Data("kernel", "t")).plan({"t": table})
    assert plan.faults == {}
    assert plan.why["folds"] == "The class b has 3 rows only: some folds are without it."


def test_regression_of_texts_is_refused():
    faults = Recipe(Data("kernel", "t"), target="colour", task="regression").faults({"t": mixed()})
    assert faults["task"] == "regression needs numbers, and colour holds none. Take classification."
    assert "cannot be a target" in Recipe(Data("kernel", "t"), target="made by").faults({"t": mixed()})["target"]


# ---- columns ---------------------------------------------------------------------------------------------------------

def test_columns_that_teach_nothing_are_left_out_and_why_is_said():
    plan = Recipe(Data("kernel", "t"), target="good").plan({"t": mixed()})
    assert plan.left_out == ("row", "name", "made by", "made on")
    assert plan.columns == ("size", "weight", "colour", "old")
    why = {c.name: c.why for c in plan.table.columns}
    assert why["row"] == "It numbers the rows."
    assert why["name"].startswith("60 different texts")
    assert why["made by"] == "All its values are the same."
    assert why["made on"].startswith("Dates are not used.")
    assert Wants.of(plan.table, plan.columns) == Wants(("size", "weight"), ("colour", "old"), missing=True, many=False)


def test_left_out_columns_can_be_taken_in_if_they_can_be_used_at_all():
    scope = {"t": mixed()}
    assert Recipe(Data("kernel", "t"), target="good", leave_out=("name", "made on")).plan(scope).columns[0] == "row"
    assert "made on cannot be used. Dates" in Recipe(Data("kernel", "t"), target="good", leave_out=()).faults(scope)["leave_out"]


@pytest.mark.parametrize(("values", "kind", "usable"), [
    ([1, 2, 3, 4], "number", True), ([1.0, math.inf, 2.0], "number", False), (["a", "b"], "category", True),
    ([True, None, False], "category", True), ([1, "a"], "mixed", False), ([[1], [2]], "mixed", False),
    ([None, None], "empty", False), (pd.Categorical(["u", "v"]), "category", True),
    (pd.array([1, None, 3], dtype="Int64"), "number", True), (pd.to_datetime(["2024-01-01", "2025-01-01"]), "date", False),
    ([1j, 2j], "mixed", False)])
def test_the_kind_of_a_column(values, kind, usable):
    column = describe("c", pd.Series(values))
    assert (column.kind, column.usable) == (kind, usable)
    assert usable or column.why


def test_a_category_that_is_there_or_missing_teaches_something_and_a_filled_in_number_does_not():
    assert describe("c", pd.Series(["x", None, "x", None])).why == ""
    assert describe("c", pd.Series([1.0, None, 1.0])).why == "All its values are the same."


def test_small_histograms_count_every_value():
    number = describe("c", pd.Series(np.linspace(0, 5, 100)))
    assert (sum(number.bars), number.low, number.high) == (100, 0.0, 5.0)
    text = describe("c", pd.Series(["a", "b", "a"]))
    assert (text.bars, text.labels) == ((2, 1), ("a", "b"))
    assert picture([1, 2, 2], "classification") == {"labels": ["2", "1"], "bars": [2, 1], "more": 0}
    assert sum(picture(np.arange(50.0), "regression")["bars"]) == 50


def test_preparation_does_only_what_is_needed():
    known = {k.name: k for k in ESTIMATORS["classification"]}
    plain, gaps = Wants(("a",), (), missing=False, many=False), Wants(("a",), (), missing=True, many=False)
    assert type(prepared(known["GaussianNB"], plain)).__name__ == "GaussianNB"
    assert list(prepared(known["GaussianNB"], gaps).named_steps) == ["impute", "model"]
    assert type(prepared(known["HistGradientBoostingClassifier"], gaps)).__name__ == "HistGradientBoostingClassifier"
    assert list(prepared(known["SVC"], gaps).named_steps) == ["impute", "scale", "model"]
    both = prepared(known["SVC"], Wants(("a",), ("b",), missing=True, many=True))
    assert both.named_steps["prepare"].transformers[1][1].max_categories == 30


# ---- files -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "read", "first"), [
    ("a,b\n1,2\n3,4\n5,6\n7,8\n", {}, [1, 2]),
    ("a;b\n1,5;2\n3;4\n5;6\n7;8\n", {"sep": ";", "decimal": ","}, [1.5, 2]),
    ("a\tb\n1\t2\n3\t4\n5\t6\n7\t8\n", {"sep": "\t"}, [1, 2]),
    ("1,2\n3,4\n5,6\n7,8\n", {"header": None}, [1, 2]),
    ('"a, b",c\n"x, y",2\nz,4\nz,4\nz,4\n', {}, ["x, y", 2])])
def test_files_are_read_as_they_are_written(folder, text, read, first):
    (folder / "t.csv").write_text(text)
    table = load(Data("csv", "t.csv"), {})
    assert table.read == read
    assert list(table.frame.iloc[0]) == first
    assert all(isinstance(name, str) for name in table.names)


def test_files_in_an_old_encoding_and_compressed_ones_are_read(folder):
    text = "größe,y\n1,ä\n2,ö\n3,ä\n4,ö\n"
    (folder / "old.csv").write_bytes(text.encode("cp1252"))
    assert load(Data("csv", "old.csv"), {}).names == ("größe", "y")
    (folder / "new.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert load(Data("csv", "new.csv.gz"), {}).names == ("größe", "y")
    (folder / "bom.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load(Data("csv", "bom.csv"), {}).names == ("größe", "y")


@pytest.mark.parametrize(("content", "says"), [
    (b"", "is empty"), (b"\x00\x01\x02binary", "is no text"), (b"a,b\n1,2,3\n4\n1,2,3,4,5\n", "cannot be read as a table"),
    (b"a\n1\n2\n3\n4\n", "one column more"), (b"a,b\n1,2\n", "at least 4 rows"), (b"a,a\n1,2\n", None)])
def test_files_that_are_no_tables_are_refused_in_words(folder, content, says):
    (folder / "t.csv").write_bytes(content)
    with pytest.raises(wb.WorkbenchError, match=says):
        load(Data("csv", "t.csv"), {})
    with pytest.raises(wb.WorkbenchError, match="is a folder"):
        load(Data("csv", str(folder)), {})


def test_reading_tells_how_far_it_is(folder):
    pd.DataFrame(np.random.default_rng(0).normal(size=(30_000, 5))).to_csv(folder / "big.csv", index=False)
    shares = []
    load(Data("csv", "big.csv"), {}, shares.append)
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


# ---- scripts, executed -----------------------------------------------------------------------------------------------

def test_the_script_of_an_example_set_finds_the_same(folder):
    best = same_run(Recipe(WINE, estimator="SVC", n_trials=3, folds=3, seed=3))
    assert min(best) < 0.2


def test_the_script_of_a_mixed_csv_file_finds_the_same(csv):
    recipe = Recipe(csv, target="good", estimator="LogisticRegression", metric="roc_auc", n_trials=3, folds=3,
                    algorithm=wb.Random())
    same_run(recipe)
    assert "ColumnTransformer" in recipe.code()
    assert "drop(columns=['row', 'name', 'made by', 'good'])" in recipe.code()


def test_the_script_that_chooses_among_estimators_finds_the_same(csv):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the estimators' own
        same_run(Recipe(csv, target="good", n_trials=4, folds=2, algorithm=wb.Random()))


def test_the_scripts_of_variables_find_the_same(folder):
    data = data_set("iris")
    shuffled = pd.Series(data.y, index=range(1000, 1150))  # an index of its own
    scope = {"X": data.X, "y": shuffled, "df": pd.DataFrame(data.X).assign(kind=data.y), "pd": None}
    common = {"estimator": "GaussianNB", "n_trials": 2, "folds": 3}
    by_array = same_run(Recipe(Data("kernel", "X", "y"), **common), scope)
    by_frame = same_run(Recipe(Data("kernel", "df"), target="kind", **common), scope)
    assert by_array == by_frame
    assert Recipe(Data("kernel", "X", "y"), **common).plan(scope).columns == ("x0", "x1", "x2", "x3")


def test_rows_without_a_target_and_awkward_names_do_no_harm(folder):
    frame = mixed().rename(columns={"size": "it's \"size\", 🙂", "colour": "a  b"})
    frame.loc[:3, "good"] = None
    recipe = Recipe(Data("kernel", "df"), target="good", estimator="DecisionTreeClassifier", n_trials=2, folds=2)
    same_run(recipe, {"df": frame})
    assert recipe.plan({"df": frame}).why["target"] == "4 rows without a target are left out."


def test_the_script_of_a_regression_with_a_fidelity_finds_the_same(folder):
    recipe = Recipe(Data("example", "diabetes"), estimator="Ridge", fidelity="rows", max_steps=9, n_trials=6, folds=3, seed=1)
    same_run(recipe)
    assert "scheduler=wb.EagerHyperband(max_steps=9)" in recipe.code()


def test_a_headerless_file_and_a_home_path_are_written_so(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    rng = np.random.default_rng(0)
    pd.DataFrame({"a": rng.normal(size=40), "b": [0, 1] * 20}).to_csv(folder / "bare.csv", index=False, header=False)
    recipe = Recipe(Data("csv", "~/bare.csv"), estimator="GaussianNB", n_trials=2, folds=2)
    same_run(recipe)
    assert "header=None" in recipe.code()


def plain(config):
    return config["x"] ** 2 + config["k"]


def growing(config):
    for step in range(1, 10):
        yield config["x"] ** 2 + 1 / step


def budgeted(config, budget):
    return config["x"] ** 2 + 1 / budget


def tried(trial):
    return trial.suggest_float("x", -1, 1) ** 2


NAMES = {"plain": plain, "growing": growing, "budgeted": budgeted, "tried": tried, "branin": branin()}


@pytest.mark.parametrize("recipe", [
    Recipe(objective="plain", space=SPACE, n_trials=3), Recipe(objective="plain", space=SPACE, n_trials=3, direction="maximize"),
    Recipe(objective="growing", space=SPACE, n_trials=12, scheduler=wb.SuccessiveHalving(9)),
    Recipe(objective="budgeted", space=SPACE, n_trials=9, scheduler=wb.ASHA(9), algorithm=wb.Random()),
    Recipe(objective="tried", n_trials=3), Recipe(objective="branin", n_trials=3)], ids=lambda r: r.objective)
def test_objectives_of_ones_own_run_and_are_written(recipe):
    same_run(recipe, NAMES)


def test_what_looks_like_an_objective_is_told_by_how_it_gives_its_losses():
    assert {name: way_of(f) for name, f in NAMES.items()} == {
        "plain": "function", "growing": "steps", "budgeted": "budget", "tried": "optuna", "branin": "function"}
    for other in (3, "f", int, Recipe, lambda: 0, lambda *, a: a, lambda a, b: a, None):
        assert way_of(other) == ""
    assert way_of(lambda c, width=3: c) == "function"


@pytest.mark.parametrize(("change", "field", "says"), [
    ({"objective": "gone"}, "objective", "no function 'gone'"), ({"objective": "number"}, "objective", "got int"),
    ({"space": None}, "space", "Draw it"), ({"fidelity": "rows"}, "fidelity", "for estimators"),
    ({"scheduler": wb.ASHA(9)}, "scheduler", "one loss per trial"), ({"direction": "up"}, "direction", "got 'up'"),
    ({"objective": "budgeted"}, "scheduler", "which only a scheduler can give"),
    ({"objective": "budgeted", "scheduler": wb.MedianStop()}, "scheduler", "no budgets to give")])
def test_faults_of_an_objective_of_ones_own(change, field, says):
    faults = Recipe(**{"objective": "plain", "space": SPACE, **change}).faults({**NAMES, "number": 3})
    assert list(faults) == [field]
    assert says in faults[field]


def test_long_lists_of_names_are_broken_into_lines_and_read_back():
    for names in (["a"], [f"column number {i}" for i in range(40)], ["two  spaces " * 3 + str(i) for i in range(20)], ["'\"\n"] * 40):
        assert eval(quoted(names)) == names
        assert max(map(len, quoted(names).splitlines())) <= 120


# ---- kept ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("recipe", [
    Recipe(), Recipe(Data("kernel", "X", "y"), leave_out=("a",), estimator="SVC", algorithm=wb.TPE(gamma=0.3), space=SPACE,
                     fidelity="rows", scheduler=wb.Hyperband(9), n_trials=None, timeout=3.5, seed=None, name="mlp")])
def test_a_recipe_goes_to_json_and_back(recipe):
    assert Recipe.from_json(json.dumps(recipe.to_json())) == recipe


@pytest.mark.parametrize(("data", "says"), [
    ("nonsense", "a JSON object"), ("[1]", "a JSON object"), ({"version": 99}, "another version"),
    ({"colour": 1}, "no field 'colour'"), ({"data": {"a": 1}}, "no recipe"), ({"space": {"params": 3}}, "params"),
    ({"algorithm": {"type": "Magic"}}, "Magic"), ({"data": "df"}, "no recipe"), ({"leave_out": 3}, "no recipe")])
def test_what_is_no_recipe_is_refused(data, says):
    with pytest.raises(wb.WorkbenchError, match=says):
        Recipe.from_json(data)


def test_a_kept_run_is_listed_and_goes_on_with_its_recipe(folder):
    recipe = Recipe(WINE, estimator="GaussianNB", n_trials=3, folds=2, seed=None, name="bayes")
    first = recipe.run().start().wait()
    assert kept_runs() == ["bayes"]
    assert (free_name("bayes"), free_name("new")) == ("bayes-2", "new")
    with pytest.raises(wb.StorageError, match="exists already"):
        recipe.run()
    first.close()
    again, kept, why = reopen("bayes")
    assert (again.read_only, why) == (False, "")
    assert kept.seed == first.seed == again.seed
    assert losses(again) == losses(first)
    again.configure(n_trials=5)
    again.start().wait()
    assert again.n_done == 5
    again.close()


def test_a_kept_run_whose_recipe_cannot_be_followed_is_shown_all_the_same(folder):
    Recipe(objective="plain", space=SPACE, n_trials=2, name="own").run(NAMES).start().wait().close()
    run, recipe, why = reopen("own", {})
    assert run.read_only
    assert recipe.objective == "plain"
    assert "no function 'plain'" in why
    other = wb.optimize(plain, SPACE, n_trials=2, name="other")
    other.start().wait().close()
    (store.FOLDER / "rubbish.journal").write_text("no journal")
    assert set(kept_runs()) == {"own", "other"}
    run, recipe, why = reopen("other")
    assert recipe is None
    assert "It was not made here" in why


def test_targets_of_another_variable_must_fit():
    assert is_targets([1, 2], 2)
    assert is_targets(np.zeros((3, 1)), 3)
    assert not is_targets([1, 2], 3)
    assert not is_targets([[1], [2]], 2)
    X = np.zeros((5, 2))
    for y, says in ((np.zeros(4), "one target for each of the 5 rows"), (None, "no variable 'y'")):
        scope = {"X": X} if y is None else {"X": X, "y": y}
        assert says in Recipe(Data("kernel", "X", "y")).faults(scope)["data"]
    assert "DataFrame or an array of two dimensions, got ndarray of shape (3,)" in Recipe(Data("kernel", "z")).faults({"z": np.zeros(3)})["data"]


def test_a_table_that_was_read_is_not_read_again(monkeypatch):
    table = load(WINE, {})
    monkeypatch.setattr("workbench.automl.recipe_plan.load", lambda *_: pytest.fail("read again"))
    assert Recipe(WINE).plan(table=table).faults == {}


@pytest.mark.parametrize("name", ["SVC", "SVR"])
def test_support_vector_machines_come_to_an_end_whatever_the_polynomial(name):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 6)), rng.integers(0, 2, 120)
    task = "classification" if name == "SVC" else "regression"
    model = next(k for k in ESTIMATORS[task] if k.name == name).make()
    model.set_params(kernel="poly", degree=5, gamma=10.0, coef0=0.5, C=1000.0)  # the corner of the default space
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it gave up
        model.fit(X, y * 1000.0)
    assert np.max(model.n_iter_) <= 100_000
