"""A fitted estimator as a file that other programs can load, and beside it, in JSON, what it is and how to load it."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from workbench import files
from workbench.errors import MissingExtra, RunError

if TYPE_CHECKING:
    from workbench.automl.tune import TuneRun

Format = Literal["joblib", "skops"]

PACKAGES = ("scikit-learn", "numpy", "scipy", "pandas", "joblib", "skops", "automl-workbench")
HEADS = {
    "joblib": "# joblib runs code when it loads: load only files from people whom you trust, with the versions named below.",
    "skops": "# skops loads known types alone; read the list of the others before you trust them.",
}


@dataclass(frozen=True, slots=True)
class PackedEstimator:
    """A fitted estimator as bytes.

    Attributes
    ----------
    format
        "joblib" or "skops".
    content
        The file's content.
    about
        What it is: class, configuration, score, data, versions; plain data.
    """

    format: Format
    content: bytes
    about: dict[str, Any]

    def code(self, file: str) -> str:
        """Return Python code that loads it from a file."""
        a = self.about
        head = [f"# {a['estimator']}, {a['score_is']} {a['score']:.6g} by cross-validation (trial {a['trial']})",
                HEADS[self.format], f"# made with {', '.join(f'{k} {v}' for k, v in a['versions'].items())}"]
        if self.format == "joblib":
            return "\n".join([*head, "import joblib", "", f"model = joblib.load({file!r})", *_use(a)])
        others = "".join(f"    {name!r},\n" for name in a["untrusted_types"])
        trusted = f"[\n{others}]" if others else "[]"
        load = f"model = io.load({file!r}, trusted=trusted)"
        return "\n".join([*head, "from skops import io", "", f"trusted = {trusted}", load, *_use(a)])


@dataclass(frozen=True, slots=True)
class SavedEstimator:
    """Where a fitted estimator was saved.

    Attributes
    ----------
    path
        The estimator.
    about_path
        JSON beside it: ``about``, and the code that loads it.
    about
        What it is.
    code
        Python code that loads it.
    """

    path: Path
    about_path: Path
    about: dict[str, Any]
    code: str

    def __repr__(self) -> str:
        """Say what was saved, and how to load it."""
        return f"<{self.about['estimator']} saved in {self.path}, {files.size_text(self.path.stat().st_size)}>\n{self.code}"

    def _repr_html_(self) -> str:
        words, *_ = repr(self).splitlines()
        return f"<p>{escape(words[1:-1])}; what it is stands in {escape(str(self.about_path))}</p><pre>{escape(self.code)}</pre>"


def pack(run: TuneRun, file_format: Format) -> PackedEstimator:
    """Return the best estimator so far, fitted on all the data, as bytes.

    Raises
    ------
    MissingExtra
        If skops is asked for and not installed.
    RunError
        If there is no best estimator yet, or it cannot be written in this format.
    """
    if file_format not in get_args(Format):
        raise RunError(f"an estimator is saved as 'joblib' or 'skops', got {file_format!r}.")
    dump, other = (_joblib, "skops") if file_format == "joblib" else (_skops(), "joblib")
    model = run.best_estimator_
    try:
        content, more = dump(model)
    except Exception as error:
        raise RunError(f"{type(model).__name__} cannot be saved with {file_format}: {type(error).__name__}: {error}. Functions "
                       f"must be importable by name; format={other!r} may do. run.export('python') writes code that makes it "
                       "again.") from error
    return PackedEstimator(file_format, content, {**_about(run, model, file_format), **more})


def save_estimator(run: TuneRun, path: str | Path, file_format: Format | None) -> SavedEstimator:
    """Write the best estimator so far, and a JSON file beside it."""
    path = Path(path)
    if file_format is None:
        known = {"": "joblib", ".joblib": "joblib", ".skops": "skops", ".pkl": "joblib", ".pickle": "joblib"}
        if path.suffix not in known:
            raise RunError(f"the file's name tells the format: model.joblib or model.skops, got {path.name!r}. Or give format=.")
        file_format = known[path.suffix]  # type: ignore[assignment]
    assert file_format is not None
    packed = pack(run, file_format)
    if not path.suffix:
        path = path.with_name(f"{path.name}.{file_format}")
    code = packed.code(path.name)
    files.write(path, packed.content)
    beside = path.with_name(f"{path.name}.json")
    files.write(beside, json.dumps({**packed.about, "code": code}, indent=1, default=str))
    return SavedEstimator(path, beside, packed.about, code)


def _joblib(model: Any) -> tuple[bytes, dict[str, Any]]:
    import joblib

    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=3)
    return buffer.getvalue(), {}


def _skops() -> Any:
    try:
        from skops import io as skops_io
    except ModuleNotFoundError as error:
        raise MissingExtra("saving in the format of skops needs it: pip install 'automl-workbench[skops]'. format='joblib' "
                           "needs nothing more.") from error

    def dump(model: Any) -> tuple[bytes, dict[str, Any]]:
        content = skops_io.dumps(model)
        return content, {"untrusted_types": sorted(skops_io.get_untrusted_types(data=content))}

    return dump


def _about(run: TuneRun, model: Any, file_format: str) -> dict[str, Any]:
    from sklearn.utils.validation import _num_samples

    cross, best = run.cross_validation, run.best
    assert best is not None
    names = feature_names(model, cross.X)
    n, classes = getattr(model, "n_features_in_", None), getattr(model, "classes_", None)
    return {"estimator": type(model).__name__, "class": f"{type(model).__module__}.{type(model).__qualname__}",
            "format": file_format, "run": run.name, "trial": best.number, "config": dict(best.whole_config),
            "score": run.best_score_, "score_is": _score_name(cross.loss), "loss": best.loss, "loss_is": cross.loss,
            "folds": len(cross.folds), "seed": run.seed, "n_rows": _num_samples(cross.X),
            "n_features": None if n is None else int(n), "feature_names": names,
            "classes": None if classes is None else [str(c) for c in classes],
            "versions": files.versions(PACKAGES), "made": time.strftime("%Y-%m-%dT%H:%M:%S%z")}


def _score_name(loss: str) -> str:
    """Name the score that a loss was made of: "accuracy" for "1 - accuracy", "neg_log_loss" for "log_loss"."""
    for prefix in ("1 - ", "-"):
        if loss.startswith(prefix):
            return loss.removeprefix(prefix)
    return f"neg_{loss}"


def feature_names(model: Any, X: Any) -> list[str] | None:
    """Return the names of the columns that the estimator was fitted on; None for data without names."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        names = getattr(X, "columns", None)
    return None if names is None else [str(name) for name in names]


def _use(about: dict[str, Any]) -> list[str]:
    names, n = about["feature_names"], about["n_features"]
    if names is not None and len(names) <= 12:
        return [f"# model.predict(X): a table with the columns {', '.join(' '.join(name.split()) for name in names)}"]
    if n is None:
        return ["# model.predict(X)"]
    return [f"# model.predict(X): {n} columns{'' if names is None else ', named as in the JSON file beside it'}"]
