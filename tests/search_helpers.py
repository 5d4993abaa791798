"""Spaces and losses on which searches are driven, and what several of their tests check in the same way."""

import math
from dataclasses import replace

import numpy as np

from workbench.history import History
from workbench.space import Choice, Float, Int, Space

MIXED = Space(lr=Float(1e-5, 1, log=True), depth=Int(1, 12), width=Int(8, 1024, log=True), drop=Float(0, 0.9),
              act=Choice("relu", "tanh", "gelu"), size=Choice("s", "m", "l", ordered=True))
NESTED = Space(algo=Choice("svm", "boost", "knn"), kernel=Choice("rbf", "linear", when={"algo": "svm"}),
               C=Float(1e-3, 1e3, log=True, when={"algo": "svm"}),
               gamma=Float(1e-5, 10, log=True, when={"kernel": "rbf"}),
               eta=Float(1e-3, 1, log=True, when={"algo": "boost"}), leaves=Int(2, 64, when={"algo": "boost"}),
               k=Int(1, 50, when={"algo": "knn"}))
TWO = Space(a=Float(0, 1), b=Float(0, 1))


def mixed_loss(c):
    best = {"relu": -3.0, "tanh": -2.0, "gelu": -3.5}[c["act"]]
    return ((math.log10(c["lr"]) - best) ** 2 + 0.15 * (c["depth"] - 5) ** 2 + 0.3 * (math.log2(c["width"]) - 7) ** 2
            + 4 * (c["drop"] - 0.25) ** 2 + {"relu": 0, "tanh": 0.6, "gelu": 0.25}[c["act"]] + 0.2 * (c["size"] != "m"))


def nested_loss(c):
    if c["algo"] == "svm":
        linear = c["kernel"] == "linear"
        return 0.5 + 0.3 * (math.log10(c["C"]) - 1) ** 2 + (0.4 if linear else 0.4 * (math.log10(c["gamma"]) + 2) ** 2)
    if c["algo"] == "boost":
        return 1.2 * (math.log10(c["eta"]) + 1.3) ** 2 + 0.005 * (c["leaves"] - 24) ** 2
    return 0.9 + 0.01 * (c["k"] - 7) ** 2


def drive(algorithm, space, loss, n, *, seed=0, memo=None):
    """Run ``n`` trials, one at a time; return the last history and all suggestions."""
    memo = {} if memo is None else memo
    x, y, out = np.empty((0, len(space))), np.empty(0), []
    for i in range(n):
        history = replace(History.of(space, x, y, seed=seed), memo=memo)
        s = algorithm.suggest(history, np.random.default_rng([seed, i]))
        config = space.from_unit(s.x)
        space.validate(config)
        np.testing.assert_allclose(space.snap(s.x[None])[0], s.x, atol=1e-9)
        out.append(s)
        value = loss(config)
        x, y = np.vstack([x, s.x]), np.append(y, value if math.isfinite(value) else math.inf)
    return replace(History.of(space, x, y, seed=seed), memo=memo), out


def check_gradients(belief, Z):
    """Gradients of a belief's mean and deviation by features are those of central differences."""
    _, _, d_mean, d_sd = belief.predict_with_gradient(Z)
    for j in range(Z.shape[1]):
        e = 1e-6 * np.eye(Z.shape[1])[j]
        up, down = belief.predict_with_gradient(Z + e), belief.predict_with_gradient(Z - e)
        np.testing.assert_allclose(d_mean[:, j], (up[0] - down[0]) / 2e-6, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(d_sd[:, j], (up[1] - down[1]) / 2e-6, rtol=1e-3, atol=1e-5)


BUDGETS = (3, 9, 27, 81)


def on_budgets(space, n, *, live=0, losses=None, seed=7):
    """A history of a run with a scheduler: a third of the trials goes on at each budget; ``live`` of them have not ended.

    The first of the live ones has no result. ``losses`` are those at the first budget, each later one is 1 less.
    """
    x = space.sample_unit(n + live, np.random.default_rng([seed, n]))
    first = np.nan_to_num(x, nan=0.3).sum(axis=1) if losses is None else np.asarray(losses, dtype=float)
    table = np.full((n + live, len(BUDGETS)), np.nan)
    for i in range(n + live):
        reached = 1 + (i % 3 == 0) + (i % 9 == 0) + (i % 27 == 0)
        table[i, :reached] = first[i] - np.arange(reached)
        if first[i] == np.inf:
            table[i] = np.inf
    table[n:n + 1] = np.nan
    y = np.array([row[~np.isnan(row)][-1] for row in table[:n]])
    return replace(History.of(space, x[:n], y, pending=x[n:], seed=seed), budgets=BUDGETS, by_budget=table[:n],
                   pending_by_budget=table[n:])
