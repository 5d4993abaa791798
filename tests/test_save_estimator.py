"""A fitted estimator as a file, what stands beside it, and the code that makes it again."""

import builtins
import json
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

import workbench as wb
from workbench.automl.save_estimator import pack
from workbench.automl.tune_code import data_code
from workbench.errors import MissingExtra, RunError, StorageError

X, y = load_iris(return_X_y=True)


def tuned(estimator, *data, n_trials=3, **options):
    return wb.tune(estimator, *data, n_trials=n_trials, **{"algorithm": wb.Random(), "seed": 0, "cv": 3} | options).start().wait(120)


@pytest.fixture(scope="module")
def run():
    return tuned(make_pipeline(StandardScaler(), SVC()), pd.DataFrame(X, columns=["a", "b\nc", "d", "e"]), y)


@pytest.mark.parametrize("file", ["model.joblib", "model.skops", "model", "model.pkl"])
def test_a_saved_estimator_is_loaded_by_its_own_code_and_predicts_the_same(run, file, tmp_path, monkeypatch):
    saved = run.save_estimator(tmp_path / file)
    assert saved.path.name == {"model": "model.joblib"}.get(file, file)
    monkeypatch.chdir(tmp_path)
    scope = {}
    exec(compile(saved.code, "load", "exec"), scope)
    table = run.cross_validation.X
    assert np.array_equal(scope["model"].predict(table), run.best_estimator_.predict(table))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([saved.path.name, saved.about_path.name])


def test_what_was_saved_stands_beside_it(run, tmp_path):
    saved = run.save_estimator(tmp_path / "m.joblib")
    about = json.loads(saved.about_path.read_text())
    assert about["config"] == run.best_params_
    assert about["score"] == run.best_score_
    assert (about["score_is"], about["loss_is"], about["folds"]) == ("accuracy", "1 - accuracy", 3)
    assert (about["n_rows"], about["n_features"], about["feature_names"]) == (150, 4, ["a", "b\nc", "d", "e"])
    assert about["classes"] == ["0", "1", "2"]
    assert {"python", "scikit-learn", "joblib", "automl-workbench"} <= set(about["versions"])
    assert about["code"] == saved.code
    assert "m.joblib" in repr(saved)
    assert saved.code in repr(saved)
    assert "<pre>" in saved._repr_html_()


def test_a_saved_estimator_needs_no_workbench_to_be_loaded(run, tmp_path):
    run.save_estimator(tmp_path / "m.skops")
    code = json.loads((tmp_path / "m.skops.json").read_text())["code"]
    script = f"{code}\nimport sys\nassert 'workbench' not in sys.modules\nprint(model.n_features_in_)"
    out = subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert out.stdout.strip() == "4", out.stderr


def test_types_that_skops_does_not_know_are_listed_for_the_reader():
    run = tuned(HistGradientBoostingClassifier(max_iter=3), X, y, n_trials=1, space=wb.Space(learning_rate=wb.Float(0.1, 0.2)))
    packed = pack(run, "skops")
    for name in packed.about["untrusted_types"]:
        assert repr(name) in packed.code("m.skops")


def test_the_score_of_a_regressor_is_named_as_scikit_learn_names_it():
    R = load_diabetes(return_X_y=True)
    space = wb.Space(alpha=wb.Float(0.1, 10.0, log=True))
    for scoring, name in ((None, "R²"), ("neg_root_mean_squared_error", "neg_root_mean_squared_error")):
        run = tuned(Ridge(), *R, space=space, scoring=scoring, n_trials=1)
        about = pack(run, "joblib").about
        assert about["score_is"] == name
        assert about["score"] == run.best_score_
        assert (about["feature_names"], about["classes"]) == (None, None)


def test_without_skops_the_error_says_how_to_get_it(run, monkeypatch, tmp_path):
    real = builtins.__import__

    def gone(name, *args, **kwargs):
        if name.startswith("skops"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", gone)
    with pytest.raises(MissingExtra, match=r"pip install 'automl-workbench\[skops\]'.*joblib"):
        run.save_estimator(tmp_path / "m.skops")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_saved_is_an_error_with_the_way_out(run, tmp_path):
    with pytest.raises(RunError, match=r"model.joblib or model.skops, got 'model.h5'"):
        run.save_estimator(tmp_path / "model.h5")
    with pytest.raises(RunError, match="'joblib' or 'skops', got 'onnx'"):
        run.save_estimator(tmp_path / "m", format="onnx")
    with pytest.raises(StorageError, match="no folder"):
        run.save_estimator(tmp_path / "none" / "m.joblib")
    with pytest.raises(RunError, match="no best estimator"):
        wb.tune(SVC(), X, y).save_estimator(tmp_path / "m.joblib")
    lambdas = tuned(make_pipeline(FunctionTransformer(lambda x: x), SVC()), X, y, n_trials=1)
    with pytest.raises(RunError, match="importable by name.*'skops' may do"):
        lambdas.save_estimator(tmp_path / "m.joblib")
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_is_replaced_whole(run, tmp_path):
    (tmp_path / "m.joblib").write_bytes(b"old")
    run.save_estimator(tmp_path / "m.joblib")
    assert joblib.load(tmp_path / "m.joblib").n_features_in_ == 4


# ---- code from scratch -------------------------------------------------------------------------------------------------


def executed(code, tmp_path, *, again=False):
    """Run the script in a process of its own; with ``again`` the search too."""
    if again:
        code = "\n".join(line.removeprefix("# ") if line.startswith(("# run = ", "# from sklearn")) else line
                         for line in code.splitlines()) + "\nrun.start().wait(100)\nprint(sorted(run.best_params_.items()))"
    else:
        code += "\nprint(model.predict(X)[:20].tolist())"
    out = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return out.stdout.strip()


def test_exported_code_runs_from_scratch_on_data_that_come_with_scikit_learn(tmp_path):
    run = tuned(make_pipeline(StandardScaler(), SVC()), X, y, cv=StratifiedKFold(3), scoring="balanced_accuracy")
    code = run.export("python")
    assert executed(code, tmp_path) == str(run.best_estimator_.predict(X)[:20].tolist())
    assert executed(code, tmp_path, again=True) == str(sorted(run.best_params_.items()))


def test_exported_code_of_a_run_with_a_fidelity_searches_again(tmp_path):
    frame, target = load_wine(return_X_y=True, as_frame=True)
    space = wb.Space(C=wb.Float(0.1, 10.0, log=True))
    run = tuned(SVC(), frame, target, space=space, fidelity="rows", max_steps=4, cv=2, n_trials=4)
    code = run.export("python")
    assert "load_wine(return_X_y=True, as_frame=True)" in code
    assert "fidelity='rows', max_steps=4" in code
    assert "scheduler=wb.EagerHyperband(max_steps=4)" in code
    assert executed(code, tmp_path, again=True) == str(sorted(run.best_params_.items()))


def test_data_of_the_user_are_described_and_what_cannot_be_code_is_named():
    imports, lines = data_code(X + 1, y)
    assert (imports, lines) == (set(), ["# your data. X: ndarray, 150 × 4; y: ndarray, 150 targets"])
    assert data_code([[1.0]], None)[1] == ["# your data. X: list, 1 rows"]
    groups = np.arange(150) % 5

    def by_hand(estimator, X, y):
        return 0.5

    run = tuned(SVC(), X, y, n_trials=1, cv=KFold(2), scoring=by_hand, groups=groups)
    code = run.export("python")
    assert "scoring=scoring, cv=KFold(n_splits=2, random_state=None, shuffle=False), groups=groups" in code
