"""Extrapolation of learning curves: calibration of its bands, and what stopping by it saves and spoils.

The curves over epochs are those of 30 multilayer perceptrons on handwritten digits, trained here for 40 epochs each. Nothing was
tuned on them.

The curves over data are those of LCDB (Mohr, Viering, Loog & van Rijn 2022): validation accuracy of 20 scikit-learn learners over
growing training sets, on 248 data sets. The table is not part of the project: name its file in the environment variable
``LCDB_ACCURACY`` (a CSV file with the columns openmlid, learner, size_train, valid), or as the argument of
``python -m benchmarks.learning_curves FILE``. Without it this half is skipped.

Data sets are sorted by their id. The first, third, … may be used for tuning; only the second, fourth, … are measured here.

* Calibration: of curves of ten points and more the first 30, 50 or 70 % are seen; how often is the last value within the band?
* Stopping: the learners of a data set come in a random order. After every second point (every fifth epoch), from the fifth on,
  a curve is asked whether it will beat the best last value so far; below delta = 0.05 it is stopped. A stop is wrong if the
  curve would have. Beside the posterior: the last value seen as the forecast, and one power law (pow3) by least squares with
  normal noise.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtr

from benchmarks.table import Table, median
from workbench.models.curve_families import FAMILIES, least_squares
from workbench.models.curve_posterior import recency_weights
from workbench.models.learning_curve import CommonForm, posterior, probability_of_beating

VARIABLE = "LCDB_ACCURACY"
DELTA = 0.05
N_LEAST = 10  # points of a curve that takes part
FIRST_LOOK, EVERY = 5, 2
N_EPOCHS, EVERY_EPOCHS = 40, 5
SHARES = (0.3, 0.5, 0.7)
LEVELS = (0.5, 0.8, 0.95)
POW3 = next(family for family in FAMILIES if family.name == "pow3")


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """One learner on one data set: accuracies over sizes of the training set (or epochs), and what each point costs."""

    data_set: int
    sizes: np.ndarray
    accuracies: np.ndarray
    costs: np.ndarray


def read(path: Path) -> list[LearningCurve]:
    """Read the curves of the data sets that judge."""
    table = pd.read_csv(path)
    table = table[np.isfinite(table.valid)].sort_values("size_train")
    judges = set(np.sort(table.openmlid.unique())[1::2])
    curves = [LearningCurve(int(key[0]), c.size_train.to_numpy(float), c.valid.to_numpy(float), c.size_train.to_numpy(float))
              for key, c in table.groupby(["openmlid", "learner"])]
    return [c for c in curves if c.data_set in judges and len(c.sizes) >= N_LEAST]


def trained(n_networks: int) -> list[LearningCurve]:
    """Train perceptrons of random size, learning rate and decay on 900 digits; accuracies on the others, epoch by epoch."""
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(0)
    X, y = load_digits(return_X_y=True)
    order = rng.permutation(len(X))
    X, y = X[order] / 16, y[order]
    curves = []
    for i in range(n_networks):
        network = MLPClassifier((int(2 ** rng.uniform(3, 6)),), learning_rate_init=10 ** rng.uniform(-4, -1.3),
                                alpha=10 ** rng.uniform(-5, 0), batch_size=64, random_state=i)
        accuracies = []
        for _ in range(N_EPOCHS):
            network.partial_fit(X[:900], y[:900], classes=np.arange(10))
            accuracies.append(network.score(X[900:], y[900:]))
        curves.append(LearningCurve(0, np.arange(1.0, N_EPOCHS + 1), np.array(accuracies), np.ones(N_EPOCHS)))
    return curves


# ---- forecasts: P(the curve's last value beats best), from its first n points ------------------------------------------


def by_posterior(sizes: np.ndarray, seen: np.ndarray, last: float, best: float) -> float:
    return probability_of_beating(seen, best, last, steps=sizes, lower_is_better=False)


def by_last_value(sizes: np.ndarray, seen: np.ndarray, last: float, best: float) -> float:  # noqa: ARG001 - as its peers
    return float(seen[-1] > best)


def pow3(sizes: np.ndarray, seen: np.ndarray, last: float) -> tuple[float, float]:
    """Fit one power law; its value at ``last`` and the deviation of its residuals."""
    form = CommonForm.of(sizes, seen, lower_is_better=False)
    x, z, r = form.x(sizes), form.z(seen), recency_weights(len(seen))
    u, cost = least_squares(POW3, x, z, POW3.coordinates(np.array(POW3.start))[None], r)
    sigma = np.sqrt(max(float(cost[0]), 1e-8) / max(len(seen) - POW3.k, 1))
    return float(form.values(POW3.at(form.x([last]), u[0])[0])), float(form.size(sigma))


def by_pow3(sizes: np.ndarray, seen: np.ndarray, last: float, best: float) -> float:
    mean, sigma = pow3(sizes, seen, last)
    return float(ndtr((mean - best) / sigma))


Forecast = Callable[[np.ndarray, np.ndarray, float, float], float]
FORECASTS: dict[str, Forecast] = {"posterior": by_posterior, "last value": by_last_value, "pow3": by_pow3}


# ---- calibration -------------------------------------------------------------------------------------------------------


def calibration(curves: list[LearningCurve], n_cases: int, over: str) -> Table:
    """How often the last value lies within bands, for curves of which the first part is seen."""
    table = Table(f"learning_curves_{over}_calibration",
                  f"Bands for the last value of {n_cases} curves over {over}, by the share of points seen",
                  ["seen", "forecast", *(f"in {level:.0%}" for level in LEVELS), "below 80%", "above 80%",
                   "mean error", "width of 80%", "CPU ms"])
    chosen = [curves[i] for i in np.random.default_rng(0).permutation(len(curves))[:n_cases]]
    for share in SHARES:
        for name, band in (("posterior", _band_of_posterior), ("pow3", _band_of_pow3)):
            rows = np.array([band(c, max(5, round(share * len(c.sizes)))) for c in chosen])
            inside, rest = rows[:, :3].mean(axis=0), rows[:, 3:]
            table.rows.append([f"{share:.0%}", name, *map(float, inside), float(rest[:, 0].mean()), float(rest[:, 1].mean()),
                               float(rest[:, 2].mean()), median(rest[:, 3]), median(rest[:, 4])])
        errors = [abs(c.accuracies[max(5, round(share * len(c.sizes))) - 1] - c.accuracies[-1]) for c in chosen]
        table.rows.append([f"{share:.0%}", "last value", None, None, None, None, None, float(np.mean(errors)), None, None])
    table.notes.append("Below, above: share of the curves that end below or above the band of 80 %; 0.1 would be right.")
    return table


def _scored(quantiles: np.ndarray, middle: float, truth: float, start: float) -> list[float]:
    """In the three bands, below and above that of 80 %, error of the middle, width of that of 80 %, CPU ms."""
    low, high = quantiles[:3], quantiles[3:]
    spent = (time.process_time() - start) * 1e3
    return [*((low <= truth) & (truth <= high)), truth < low[1], truth > high[1], abs(middle - truth), high[1] - low[1], spent]


LOW_HIGH = np.array([[0.5 - level / 2 for level in LEVELS], [0.5 + level / 2 for level in LEVELS]]).ravel()


def _band_of_posterior(curve: LearningCurve, n: int) -> list[float]:
    start, last = time.process_time(), curve.sizes[-1]
    believed = posterior(curve.accuracies[:n], last, steps=curve.sizes[:n], lower_is_better=False)
    q = believed.quantiles([last], (*LOW_HIGH, 0.5))[:, 0]
    return _scored(q[:-1], q[-1], curve.accuracies[-1], start)


def _band_of_pow3(curve: LearningCurve, n: int) -> list[float]:
    from scipy.stats import norm

    start = time.process_time()
    mean, sigma = pow3(curve.sizes[:n], curve.accuracies[:n], curve.sizes[-1])
    return _scored(norm.ppf(LOW_HIGH, mean, sigma), mean, curve.accuracies[-1], start)


# ---- stopping ----------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What stopping did on all data sets."""

    curves: int = 0
    stopped: int = 0
    wrong: int = 0
    points: int = 0
    points_run: int = 0
    cost: float = 0.0
    cost_run: float = 0.0
    lost: list[float] = field(default_factory=list)  # best accuracy of all minus the best that was found, per data set
    cpu_s: float = 0.0
    looks: int = 0


def rivals(curves: list[LearningCurve], n_sets: int) -> Iterator[list[LearningCurve]]:
    """Yield the learners of a data set in a random order, for some data sets."""
    rng = np.random.default_rng(1)
    for data_set in rng.permutation(sorted({c.data_set for c in curves}))[:n_sets]:
        mine = [c for c in curves if c.data_set == data_set]
        yield [mine[i] for i in rng.permutation(len(mine))]


def race(runners: list[LearningCurve], forecast: Forecast, tally: Tally, every: int = EVERY) -> None:
    """Run the learners of one data set one after the other, with stops."""
    best = -np.inf
    for curve in runners:
        n_all, last = len(curve.sizes), curve.sizes[-1]
        n_run = n_all
        for n in range(FIRST_LOOK, n_all, every):
            if best == -np.inf or curve.accuracies[:n].max() > best:
                continue  # nothing to beat, or beaten already: as in the authors' program
            start = time.process_time()
            p = forecast(curve.sizes[:n], curve.accuracies[:n], last, best)
            tally.cpu_s, tally.looks = tally.cpu_s + time.process_time() - start, tally.looks + 1
            if p < DELTA:
                n_run = n
                tally.stopped += 1
                tally.wrong += int(curve.accuracies[-1] > best)
                break
        tally.curves, tally.points, tally.points_run = tally.curves + 1, tally.points + n_all, tally.points_run + n_run
        tally.cost, tally.cost_run = tally.cost + curve.costs.sum(), tally.cost_run + curve.costs[:n_run].sum()
        if n_run == n_all:
            best = max(best, float(curve.accuracies[-1]))
    tally.lost.append(max(float(c.accuracies[-1]) for c in runners) - best)


def stopping(sets: list[list[LearningCurve]], over: str, every: int) -> Table:
    """What each forecast saves and spoils."""
    table = Table(f"learning_curves_{over}_stopping", f"Curves over {over}, {len(sets)} series, stopped below delta = {DELTA}",
                  ["forecast", "curves", "stopped", "of them wrong", "share wrong", "points saved", "cost saved",
                   "accuracy lost, mean", "accuracy lost, most", "CPU ms a look"])
    for name, forecast in FORECASTS.items():
        t = Tally()
        for runners in sets:
            race(runners, forecast, t, every)
        table.rows.append([name, t.curves, t.stopped, t.wrong, t.wrong / max(t.stopped, 1), 1 - t.points_run / t.points,
                           1 - t.cost_run / t.cost, float(np.mean(t.lost)), float(np.max(t.lost)),
                           1e3 * t.cpu_s / max(t.looks, 1)])
    table.notes.append("A stop is wrong if the curve would have beaten the best so far. Cost: rows trained on, or epochs.\n"
                       "Lost: of a series' best accuracy.")
    return table


def run(*, full: bool) -> list[Table]:
    """Measure on some curves, or on many."""
    epochs = trained(30 if full else 12)
    series = [[epochs[i] for i in np.random.default_rng(s).permutation(len(epochs))] for s in range(2 if full else 1)]
    tables = [calibration(epochs, len(epochs), "epochs"), stopping(series, "epochs", EVERY_EPOCHS)]
    path = os.environ.get(VARIABLE)
    if not path or not Path(path).is_file():
        print(f"skipped: no table of curves over data; set {VARIABLE} to its file (see benchmarks/learning_curves.py)\n")
        return tables
    curves = read(Path(path))
    return [*tables, calibration(curves, 100 if full else 40, "data"),
            stopping(list(rivals(curves, 12 if full else 4)), "data", EVERY)]


if __name__ == "__main__":
    os.environ[VARIABLE] = next((argument for argument in sys.argv[1:] if argument != "--full"), "")
    for result in run(full="--full" in sys.argv):
        print(result.markdown())
