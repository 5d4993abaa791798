"""Problems whose space has structure: parameters of all kinds, and branches. Made up, with minima by construction.

Both are sums of squares around a best value that depends on a choice, and so cannot be less than the constant of the
best choice.
"""

from __future__ import annotations

import math

from workbench.problems.problem import Problem
from workbench.space import Choice, Config, Float, Int, Param, Space


def mixed() -> Problem:
    """Training a small network, made up: the best learning rate depends on the activation function."""
    space = Space(lr=Float(1e-5, 1.0, log=True), width=Int(8, 512, log=True), depth=Int(1, 9),
                  dropout=Float(0.0, 0.9, step=0.05), activation=Choice("tanh", "relu", "gelu"),
                  norm=Choice("none", "batch", "layer"), size=Choice("small", "medium", "large", ordered=True))
    best_log_lr = {"tanh": -2.0, "relu": -3.0, "gelu": -3.5}
    excess = {"tanh": 0.3, "relu": 0.1, "gelu": 0.0, "none": 0.2, "batch": 0.0, "layer": 0.05,
              "small": 0.15, "medium": 0.0, "large": 0.1}

    def objective(c: Config) -> float:
        loss: float = (0.2 * (math.log10(c["lr"]) - best_log_lr[c["activation"]]) ** 2
                       + 0.1 * (math.log2(c["width"]) - 7) ** 2 + 0.02 * (c["depth"] - 4) ** 2
                       + 2 * (c["dropout"] - 0.25) ** 2)
        return loss + excess[c["activation"]] + excess[c["norm"]] + excess[c["size"]]

    best = {"lr": 10**-3.5, "width": 128, "depth": 4, "dropout": 0.25, "activation": "gelu", "norm": "batch",
            "size": "medium"}
    return Problem("mixed", space, objective, 0.0, (best,))


def conditional() -> Problem:
    """Choosing an algorithm and its hyperparameters (CASH), made up: three branches, one of them with a branch."""
    svm = {"algorithm": "svm"}
    params: dict[str, Param] = {
        "algorithm": Choice("svm", "boosting", "neighbours"),
        "svm.kernel": Choice("linear", "rbf", when=svm),
        "svm.C": Float(1e-3, 1e3, log=True, when=svm),
        "svm.gamma": Float(1e-4, 10.0, log=True, when={**svm, "svm.kernel": "rbf"}),
        "boosting.rate": Float(1e-3, 1.0, log=True, when={"algorithm": "boosting"}),
        "boosting.leaves": Int(2, 256, log=True, when={"algorithm": "boosting"}),
        "neighbours.k": Int(1, 50, when={"algorithm": "neighbours"}),
    }

    def objective(c: Config) -> float:
        match c["algorithm"]:
            case "svm":
                slope = 0.05 * (math.log10(c["svm.C"]) - 1) ** 2
                if c["svm.kernel"] == "linear":
                    return 0.12 + slope
                return 0.02 + slope + 0.05 * (math.log10(c["svm.gamma"]) + 2 + 0.3 * (math.log10(c["svm.C"]) - 1)) ** 2
            case "boosting":
                return (0.03 + 0.08 * (math.log10(c["boosting.rate"]) + 1) ** 2
                        + 0.01 * (math.log2(c["boosting.leaves"]) - 5) ** 2)
            case _:
                k: int = c["neighbours.k"]
                return 0.08 + 0.0005 * (k - 7) ** 2

    best = {"algorithm": "svm", "svm.kernel": "rbf", "svm.C": 10.0, "svm.gamma": 0.01}
    return Problem("conditional", Space(params), objective, 0.02, (best,))
