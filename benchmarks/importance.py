"""Functional ANOVA: CPU time beside Optuna's evaluator, and the error of shares that are known.

CPU time holds everything: growing the forest, integrals, and for evaluators reading the study. The error of a function is
Σ_i |share of i - true share of i|. Optuna's forest (bootstrap, best splits, leaves of one trial) is read by our integrals there:
they equal Optuna's on linear spaces to 1e-12 (``tests/test_fanova.py``) and do not take minutes. On logarithmic spaces its own
evaluator runs.

The rule by which our trees grow was chosen on ``TUNED_ON``; the other functions judge.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import optuna

from benchmarks.table import Table, measure, ratio, report
from workbench.importance.fanova import N_TREES, Fanova, fanova
from workbench.importance.leaf_boxes import LeafBoxes
from workbench.importance.quantity import Quantity
from workbench.models.forest import Tree, tree_features
from workbench.space import Array, Float, Space

SIZES = ((300, 6), (1000, 6), (3000, 20))
N_LOG = 300
MOST_FOR_OPTUNA = 6000  # trials x parameters; beyond it Optuna takes many minutes
TUNED_ON = ("additive", "shapes", "shapes of 20", "ishigami", "g", "g mild", "product")


@dataclass(frozen=True)
class Known:
    """A function on the unit cube whose single shares are known."""

    d: int
    f: Callable[[Array], Array]
    shares: Array


# ---- functions -------------------------------------------------------------------------------------------------------


def _ishigami() -> Known:
    def f(u: Array) -> Array:
        x = (2 * u - 1) * np.pi
        return np.asarray(np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0]))

    V = np.array([0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, 49 / 8, 0.0])
    return Known(3, f, V / (V.sum() + 8 * 0.01 * np.pi**8 / 225))


def _g(*a: float) -> Known:
    b = np.array(a)
    V = 1 / (3 * (1 + b) ** 2)
    return Known(len(b), lambda u: np.asarray(np.prod((np.abs(4 * u - 2) + b) / (1 + b), axis=1)), V / (np.prod(1 + V) - 1))


def _additive(*w: float) -> Known:
    v = np.array(w)
    return Known(len(v), lambda u: u @ v, v**2 / (v @ v))


def _shapes(d: int) -> Known:
    """A sine, a line, a parabola and a step of the same variance; the rest does nothing."""
    def f(u: Array) -> Array:
        return np.asarray(np.sin(2 * np.pi * u[:, 0]) / np.sqrt(0.5) + u[:, 1] * np.sqrt(12) + u[:, 2] ** 2 / np.sqrt(4 / 45)
                          + 2 * (u[:, 3] < 0.5))

    return Known(d, f, np.array([0.25] * 4 + [0.0] * (d - 4)))


def _product() -> Known:
    """Half of the variance is a pair's."""
    return Known(4, lambda u: np.asarray(12 * (u[:, 0] - 0.5) * (u[:, 1] - 0.5) + np.sqrt(12) * (u[:, 2] - 0.5)),
                 np.array([0, 0, 0.5, 0]))


def _of_two(f: Callable[[Array, Array], Array]) -> tuple[float, float, float]:
    """V_1, V_2 and V of a function of two parameters, by the midpoint rule."""
    t = (np.arange(2000) + 0.5) / 2000
    z = f(t[:, None], t[None, :])
    return float(z.mean(axis=1).var()), float(z.mean(axis=0).var()), float(z.var())


def _friedman() -> Known:
    """Friedman 1991: 10 sin(π x0 x1) + 20 (x2 - 1/2)² + 10 x3 + 5 x4, and five more that do nothing."""
    def f(u: Array) -> Array:
        return np.asarray(10 * np.sin(np.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2 + 10 * u[:, 3] + 5 * u[:, 4])

    v0, v1, v = _of_two(lambda a, b: 10 * np.sin(np.pi * a * b))
    V = np.array([v0, v1, 400 / 180, 100 / 12, 25 / 12, *[0.0] * 5])
    return Known(10, f, V / (v + V[2:].sum()))


def _branin() -> Known:
    def branin(a: Array, b: Array) -> Array:
        x, y = 15 * a - 5, 15 * b
        bend = (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2
        return np.asarray(bend + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)

    v0, v1, v = _of_two(branin)
    return Known(2, lambda u: branin(u[:, 0], u[:, 1]), np.array([v0, v1]) / v)


def _corner() -> Known:
    """Low in a corner of three parameters, flat elsewhere: p = 0.3 each, so V_i = p⁴ p (1 - p) and V = p³ (1 - p³)."""
    p = 0.3
    V = np.array([p**5 * (1 - p)] * 3 + [0.0] * 2)
    return Known(5, lambda u: np.asarray(1.0 - (u[:, :3] < p).all(axis=1)), V / (p**3 * (1 - p**3)))


FUNCTIONS: dict[str, Callable[[], Known]] = {
    "additive": lambda: _additive(4, 3, 2, 1, 0, 0), "shapes": lambda: _shapes(6), "shapes of 20": lambda: _shapes(20),
    "ishigami": _ishigami, "g": lambda: _g(0, 1, 4.5, 9, 99, 99), "g mild": lambda: _g(1, 2, 3, 4), "product": _product,
    "friedman": _friedman, "branin": _branin, "corner": _corner,
}


# ---- one measurement -------------------------------------------------------------------------------------------------


def _linear(d: int) -> Space:
    return Space({f"x{j}": Float(0, 1) for j in range(d)})


def _study(space: Space, x: Array, y: Array) -> optuna.Study:
    from workbench.optuna_distributions import space_to_distributions

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    dists = space_to_distributions(space)
    study.add_trials([optuna.create_trial(params=c, distributions=dists, value=v)
                      for c, v in zip(space.from_unit(x), y.tolist(), strict=True)])
    return study


def speed(who: str, n: int, d: int) -> None:
    """CPU seconds of all single shares, and of all pairs beyond them."""
    space = _linear(d)
    x = np.random.default_rng(0).random((n, d))
    y = _shapes(d).f(x)
    study = _study(space, x, y)
    small = _study(space, x[:30], y[:30])
    pairs = None
    if who == "fanova":
        fanova(space, x[:30], y[:30]).pairs()  # imports what it needs
        start = time.process_time()
        found = fanova(space, x, y)
        found.single  # noqa: B018
        single = time.process_time() - start
        found.pairs()
        pairs = time.process_time() - start - single
    else:
        import workbench as wb

        evaluator = wb.FanovaEvaluator() if who == "evaluator" else optuna.importance.FanovaImportanceEvaluator(seed=0)
        (evaluator if who == "evaluator" else optuna.importance.FanovaImportanceEvaluator(n_trees=1)).evaluate(small)
        start = time.process_time()
        evaluator.evaluate(study)
        single = time.process_time() - start
    report(single_s=single, pairs_s=pairs)


def _optunas_forest(space: Space, x: Array, y: Array, seed: int) -> Fanova:
    """Read a forest that grows as Optuna's by our integrals."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(N_TREES, max_depth=64, random_state=seed).fit(tree_features(space)(x), y)
    trees = [Tree(t, np.ones(len(y))) for t in forest.estimators_]
    return Fanova(space, len(y), LeafBoxes.of(space, trees), 0.0, 1.0, x, y, Quantity())


def error(name: str, n: int, noise: float, seeds: int) -> None:
    """Mean error of the single shares, ours and that of Optuna's forest."""
    known = FUNCTIONS[name]()
    space = _linear(known.d)
    ours, theirs = [], []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, n])
        x = rng.random((n, known.d))
        y = known.f(x)
        y = (y - y.mean()) / y.std() + noise * rng.standard_normal(n)
        ours.append(np.abs(fanova(space, x, y, seed=seed).single - known.shares).sum())
        theirs.append(np.abs(_optunas_forest(space, x, y, seed).single - known.shares).sum())
    report(ours=float(np.mean(ours)), theirs=float(np.mean(theirs)))


LOG_SPACES: dict[str, tuple[Space, Callable[[Array], Array], tuple[float, ...]]] = {
    "two steps, lr in 1e-5 .. 1e-1": (Space(lr=Float(1e-5, 1e-1, log=True), x=Float(-1, 1)),
                                      lambda u: 2.0 * (u[:, 0] < 0.5) + 2.0 * (u[:, 1] < 0.5), (0.5, 0.5)),
    "two parabolas, lr in 1e-5 .. 1": (Space(lr=Float(1e-5, 1, log=True), x=Float(0, 1)),
                                       lambda u: (u[:, 0] - 0.4) ** 2 + (u[:, 1] - 0.4) ** 2, (0.5, 0.5)),
    "lines, C in 1e-3 .. 1e3 and gamma in 1e-4 .. 1": (Space(C=Float(1e-3, 1e3, log=True), gamma=Float(1e-4, 1, log=True)),
                                                     lambda u: 2 * u[:, 0] + u[:, 1], (0.8, 0.2)),
}


def logarithmic(name: str, n: int) -> None:
    """Shares by Optuna's own evaluator and by ours, from the same study; neither is normalised."""
    import workbench as wb

    space, f, _ = LOG_SPACES[name]
    x = space.sample_unit(n, np.random.default_rng(0))
    study = _study(space, x, f(x))
    ours = wb.FanovaEvaluator().evaluate(study)
    theirs = optuna.importance.FanovaImportanceEvaluator(seed=0).evaluate(study)
    report(ours=[ours[k] for k in space.names], theirs=[theirs[k] for k in space.names])


# ---- tables ----------------------------------------------------------------------------------------------------------


def _speed_table(*, full: bool) -> Table:
    table = Table("importance_speed", f"CPU seconds of functional ANOVA with {N_TREES} trees",
                  ["trials x parameters", "fanova", "all pairs more", "FanovaEvaluator", "Optuna", "Optuna / FanovaEvaluator"])
    for n, d in SIZES:
        best: dict[str, float | None] = {"fanova": None, "pairs": None, "evaluator": None}
        for _ in range(3 if full else 2):  # the least: on a shared machine others only add to it
            m = measure("benchmarks.importance", "speed", "fanova", n, d)
            e = measure("benchmarks.importance", "speed", "evaluator", n, d)
            for key, value in (("fanova", m["single_s"]), ("pairs", m["pairs_s"]), ("evaluator", e["single_s"])):
                before = best[key]
                best[key] = value if before is None else min(before, value)
        theirs = measure("benchmarks.importance", "speed", "optuna", n, d)["single_s"] if n * d <= MOST_FOR_OPTUNA else None
        ours = best["evaluator"]
        table.rows.append([f"{n} x {d}", best["fanova"], best["pairs"], ours, theirs, ratio(theirs, ours)])
    return table


def _error_table(*, full: bool) -> Table:
    table = Table("importance_error", "Error of known single shares: sum of absolute differences",
                  ["function", "trials", "noise", "ours", "Optuna's forest", "ratio"],
                  notes=[f"The rule of growth was chosen on {', '.join(TUNED_ON)}. Noise in standard deviations."])
    for noise in (0.0, 0.3):
        for n in (100, 300, 1000) if full else (100, 300):
            group: dict[str, list[tuple[float, float]]] = {"chosen on": [], "judging": []}
            for name in FUNCTIONS:
                m = measure("benchmarks.importance", "error", name, n, noise, 5 if full else 3)
                group["chosen on" if name in TUNED_ON else "judging"].append((m["ours"], m["theirs"]))
                table.rows.append([name, n, noise, m["ours"], m["theirs"], ratio(m["ours"], m["theirs"])])
            for title, pairs in group.items():
                ours, theirs = (float(np.mean(side)) for side in zip(*pairs, strict=True))
                table.rows.append([f"mean of those {title}", n, noise, ours, theirs, ratio(ours, theirs)])
    return table


def _log_table() -> Table:
    table = Table("importance_log", f"Shares in logarithmic spaces, {N_LOG} trials", ["function", "true", "ours", "Optuna"])
    for name, (_, _, truth) in LOG_SPACES.items():
        m = measure("benchmarks.importance", "logarithmic", name, N_LOG)
        table.rows.append([name, *(" / ".join(f"{v:.3f}" for v in side) for side in (truth, m["ours"], m["theirs"]))])
    return table


def run(*, full: bool) -> list[Table]:
    """Measure speed, error and logarithmic spaces."""
    return [_speed_table(full=full), _log_table(), _error_table(full=full)]


if __name__ == "__main__":
    kind, args = sys.argv[1], sys.argv[2:]
    if kind == "speed":
        speed(args[0], int(args[1]), int(args[2]))
    elif kind == "error":
        error(args[0], int(args[1]), float(args[2]), int(args[3]))
    else:
        logarithmic(args[0], int(args[1]))
