"""Make the table that ``wb.meta.small_tasks()`` reads: 200 support vector machines on 47 small data sets.

::

    OMP_NUM_THREADS=1 python -m workbench.problems.make_task_table

It takes about ten minutes of one core and writes ``task_table.npz``, which belongs beside ``workbench/meta/task_table.py``.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer, StandardScaler
from sklearn.svm import SVC

from workbench.meta.features import meta_features
from workbench.meta.task_table import SPACE
from workbench.nas.data import mnist1d
from workbench.space import Array, Config

N_CONFIGS: Final = 200
N_SPLITS: Final = 4
MAX_ROWS: Final = 600  # of a data set: half to train on, half to judge
MAX_ITER: Final = 20_000  # of the solver; a polynomial kernel on raw numbers would never end

log = logging.getLogger(__name__)
Labels = NDArray[np.int64]


def data_sets() -> Iterator[tuple[str, Array, Labels]]:
    """Yield name, X and y: real data of scikit-learn and parts of them, signals, made-up tasks of several families."""
    yield from _real()
    yield from _digits()
    yield from _signals()
    yield from _made_up()


def _real() -> Iterator[tuple[str, Array, Labels]]:
    for name in ("iris", "wine", "breast_cancer"):
        bunch = getattr(datasets, f"load_{name}")()
        yield name, bunch.data, bunch.target
    bunch = datasets.load_breast_cancer()
    for k, what in enumerate(("mean", "error", "worst")):
        yield f"breast_cancer: {what}", bunch.data[:, 10 * k:10 * k + 10], bunch.target
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    yield "diabetes, upper half", X, (y > np.median(y)).astype(np.int64)
    yield "diabetes, thirds", X, np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))


def _digits() -> Iterator[tuple[str, Array, Labels]]:
    X, y = datasets.load_digits(return_X_y=True)
    rng = np.random.default_rng(1)
    yield "digits", X, y
    yield "digits 0 to 4", X[y < 5], y[y < 5]
    yield "digits 5 to 9", X[y >= 5], y[y >= 5]
    yield "digits, even or odd", X, y % 2
    yield "digits, low or high", X, (y >= 5).astype(np.int64)
    for a, b in ((3, 8), (1, 7), (4, 9)):
        some = np.isin(y, (a, b))
        yield f"digits {a} or {b}", X[some], (y[some] == b).astype(np.int64)
    yield "digits, coarse", X.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16), y
    yield "digits, noisy", X + rng.normal(0, 6, X.shape), y
    yield "digits, upper half", X[:, :32], y


def _signals() -> Iterator[tuple[str, Array, Labels]]:
    data = mnist1d(3000, seed=0)
    x, y = data.x[..., 0].astype(float), data.y.astype(np.int64)
    yield "signals", x, y
    yield "signals 0 to 4", x[y < 5], y[y < 5]
    yield "signals 5 to 9", x[y >= 5], y[y >= 5]
    yield "signals, even or odd", x, y % 2
    yield "signals, spectrum", np.abs(np.fft.rfft(x, axis=1)), y


def _made_up() -> Iterator[tuple[str, Array, Labels]]:
    for noise in (0.1, 0.25, 0.4):
        yield f"moons, noise {noise}", *datasets.make_moons(MAX_ROWS, noise=noise, random_state=2)
    for noise in (0.05, 0.2):
        yield f"circles, noise {noise}", *datasets.make_circles(MAX_ROWS, noise=noise, factor=0.6, random_state=3)
    for spread, d in ((1.0, 2), (3.0, 5), (6.0, 20)):
        X, y = datasets.make_blobs(MAX_ROWS, n_features=d, centers=5, cluster_std=spread, random_state=4)
        yield f"blobs, {d} columns", X, y
    for n_classes, d in ((2, 3), (3, 10)):
        yield (f"shells, {n_classes} classes in {d} columns",
               *datasets.make_gaussian_quantiles(n_samples=MAX_ROWS, n_features=d, n_classes=n_classes, random_state=5))
    yield "Hastie's sum of squares", *_as_labels(*datasets.make_hastie_10_2(MAX_ROWS, random_state=6))
    rng = np.random.default_rng(7)
    for d, informative, flip, clusters in ((5, 3, 0.0, 1), (10, 5, 0.05, 2), (20, 3, 0.0, 1), (20, 10, 0.1, 2), (60, 5, 0.0, 1),
                                           (60, 20, 0.05, 2), (100, 10, 0.2, 1)):
        X, y = datasets.make_classification(MAX_ROWS, d, n_informative=informative, n_redundant=min(d - informative, 3),
                                            flip_y=flip, n_clusters_per_class=clusters, random_state=8)
        yield f"clusters, {informative} of {d} columns", X * np.exp(rng.normal(0, 1, d)), y
    for d in (2, 3, 5):
        X = rng.uniform(-1, 1, (MAX_ROWS, d))
        yield f"checkers, {d} columns", X, (np.floor(1.5 * X).sum(axis=1) % 2).astype(np.int64)
    for d in (10, 40):
        X = rng.normal(size=(MAX_ROWS, d))
        yield f"a plane in {d} columns", X, (X @ rng.normal(size=d) + rng.normal(0, 0.5, MAX_ROWS) > 0).astype(np.int64)


def _as_labels(X: Array, y: Array) -> tuple[Array, Labels]:
    return X, (y > 0).astype(np.int64)


def machine(config: Config) -> Any:
    """Build the pipeline of a configuration."""
    scale = {"none": FunctionTransformer(), "standard": StandardScaler(),
             "quantile": QuantileTransformer(n_quantiles=100, output_distribution="normal")}[config["scale"]]
    return make_pipeline(scale, SVC(kernel=config["kernel"], C=config["C"], gamma=config.get("gamma", 1.0),
                                    degree=config.get("degree", 3), max_iter=MAX_ITER))


def error(config: Config, X: Array, y: Labels) -> float:
    """Return the mean share of wrong answers over some random halves."""
    splits = StratifiedShuffleSplit(N_SPLITS, train_size=0.5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # solvers that stop early
        return float(np.mean([1 - machine(config).fit(X[a], y[a]).score(X[b], y[b]) for a, b in splits.split(X, y)]))


def main() -> None:
    """Train everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="workbench/meta/task_table.npz")
    parser.add_argument("--only", type=int, default=None, help="so many data sets, to try it")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    unit = SPACE.sample_unit(N_CONFIGS, np.random.default_rng(0))
    configs = [SPACE.from_unit(u) for u in unit]
    names, errors, features = [], [], []
    for name, X, y in list(data_sets())[:args.only]:
        rows = np.random.default_rng(0).permutation(len(y))[:MAX_ROWS]
        X, y = np.asarray(X, dtype=float)[rows], np.asarray(y, dtype=np.int64)[rows]
        names.append(name)
        features.append(meta_features(X, y))
        errors.append([error(config, X, y) for config in configs])
        log.info("%-32s %4d x %3d  best %.3f  median %.3f", name, *X.shape, min(errors[-1]), float(np.median(errors[-1])))
    np.savez_compressed(args.out, names=np.array(names), unit=unit, errors=np.array(errors, dtype=np.float32),
                        features=np.array([f.to_numpy() for f in features]), feature_names=np.array(list(features[0].index)))


if __name__ == "__main__":
    main()
