"""Test functions of real numbers, with their minima from the literature.

Formulas and minima as in Surjanovic & Bingham's Virtual Library of Simulation Experiments, to more digits where a
local search from the printed minimiser gives them. Each docstring says what the function is good for.
"""

from __future__ import annotations

import math

import numpy as np

from workbench.errors import WorkbenchError
from workbench.problems.problem import Problem, real_problem
from workbench.space import Array


def forrester_values(x: Array) -> Array:
    """Evaluate Forrester's function at points, shape (…, 1), of [0, 1]; shape (…)."""
    return np.asarray((6 * x[..., 0] - 2) ** 2 * np.sin(12 * x[..., 0] - 4))


def forrester() -> Problem:
    """Forrester, Sóbester & Keane (2008): one dimension, a local minimum and a narrow global one. For teaching."""
    return real_problem("forrester", lambda x: float(forrester_values(x)), [(0, 1)], -6.020740055767, [0.757248757841])


def branin_values(x: Array) -> Array:
    """Evaluate Branin's function at points, shape (…, 2), of [-5, 10] x [0, 15]; shape (…)."""
    b, c, r, s, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 6, 10, 1 / (8 * math.pi)
    x1, x2 = x[..., 0], x[..., 1]
    return np.asarray((x2 - b * x1**2 + c * x1 - r) ** 2 + s * (1 - t) * np.cos(x1) + s)


def branin() -> Problem:
    """Branin (1972): two dimensions, three equal minima."""
    return real_problem("branin", lambda x: float(branin_values(x)), [(-5, 10), (0, 15)], 10 / (8 * math.pi),
                        [-math.pi, 12.275], [math.pi, 2.275], [3 * math.pi, 2.475])


ALPHA = np.array([1.0, 1.2, 3.0, 3.2])


def _hartmann(A: Array, P: Array, x: Array) -> float:
    return float(-ALPHA @ np.exp(-(A * (x - P) ** 2).sum(axis=1)))


def hartmann3() -> Problem:
    """Hartmann (1973) in three dimensions: four bumps."""
    A = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
    P = 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])
    return real_problem("hartmann3", lambda x: _hartmann(A, P, x), 3 * [(0, 1)], -3.862779786949,
                        [0.114589, 0.555649, 0.852547])


def hartmann6() -> Problem:
    """Hartmann (1973) in six dimensions: six local minima, the usual test of Bayesian optimisation."""
    A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
                  [17, 8, 0.05, 10, 0.1, 14]])
    P = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                         [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]])
    return real_problem("hartmann6", lambda x: _hartmann(A, P, x), 6 * [(0, 1)], -3.322368011415,
                        [0.20168951, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730053])


def _dimension(d: int, least: int = 1) -> int:
    if d < least:
        raise WorkbenchError(f"this function needs d >= {least} dimensions, got d={d}.")
    return d


def ackley(d: int = 2) -> Problem:
    """Ackley (1987): a deep hole in a plain of ripples, hard for models that are too smooth."""
    def f(x: Array) -> float:
        return float(-20 * np.exp(-0.2 * np.sqrt(np.mean(x**2))) - np.exp(np.mean(np.cos(2 * np.pi * x))) + 20 + np.e)

    return real_problem(f"ackley{_dimension(d)}", f, d * [(-32.768, 32.768)], 0.0, d * [0.0])


def rosenbrock(d: int = 2) -> Problem:
    """Rosenbrock (1960): a bent valley, flat along its floor."""
    def f(x: Array) -> float:
        return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))

    return real_problem(f"rosenbrock{_dimension(d, 2)}", f, d * [(-5, 10)], 0.0, d * [1.0])


def levy(d: int = 2) -> Problem:
    """Levy & Montalvo (1985): waves in every dimension, separable."""
    def f(x: Array) -> float:
        w = 1 + (x - 1) / 4
        middle = np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2))
        last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
        return float(np.sin(np.pi * w[0]) ** 2 + middle + last)

    return real_problem(f"levy{_dimension(d)}", f, d * [(-10, 10)], 0.0, d * [1.0])


def styblinski_tang(d: int = 2) -> Problem:
    """Styblinski & Tang (1990): 2^d local minima, one of them the best."""
    def f(x: Array) -> float:
        return float(np.sum(x**4 - 16 * x**2 + 5 * x) / 2)

    return real_problem(f"styblinski_tang{_dimension(d)}", f, d * [(-5, 5)], -39.16616570377142 * d,
                        d * [-2.903534027771177])
