"""The gradient by the implicit function theorem against closed forms, finite differences, and long trainings."""

import dataclasses

import numpy as np
import pytest
import torch

from workbench.errors import WorkbenchError
from workbench.gradient import Bilevel, Hyper, Implicit, Interleaved, Unrolled, by_horizon, ridge
from workbench.gradient.implicit_function import conjugate_gradients, neumann
from workbench.gradient.one_step import one_step

PENALTIES = {"penalty 1": 0.02, "penalty 2": 0.6}


def as_floats(gradient):
    return {name: float(g) for name, g in gradient.items()}


@pytest.fixture(scope="module")
def problem():
    return ridge(tuple(PENALTIES.values()), seed=2)


def test_the_closed_form_is_the_derivative_of_the_closed_form(problem):
    exact, h = problem.hypergradient(PENALTIES), 1e-5
    for name in problem.names:
        up, down = ({**PENALTIES, name: PENALTIES[name] * np.exp(s * h)} for s in (1, -1))
        assert exact[name] == pytest.approx((problem.valid_loss(up) - problem.valid_loss(down)) / (2 * h), rel=1e-7)


def test_on_ridge_regression_conjugate_gradients_give_the_closed_form(problem):
    why = Implicit(tolerance=1e-12, inner_tolerance=1e-11).gradient(problem)
    assert as_floats(why.gradient) == pytest.approx(problem.hypergradient(PENALTIES), rel=1e-6)
    assert why.valid_loss == pytest.approx(problem.valid_loss(PENALTIES), rel=1e-7)


@pytest.mark.parametrize("penalties", [(0.3,), (0.1, 0.2, 0.7)])
def test_there_may_be_any_number_of_groups(penalties):
    p = ridge(penalties, per_group=4, seed=1)
    why = Implicit(tolerance=1e-12, inner_tolerance=1e-11).gradient(p)
    assert as_floats(why.gradient) == pytest.approx(p.hypergradient(dict(zip(p.names, penalties, strict=True))), rel=1e-6)


def test_the_series_converges_to_the_same(problem):
    exact = problem.hypergradient(PENALTIES)
    far = [abs(as_floats(Implicit(solver="neumann", products=K, alpha=0.3).gradient(problem).gradient)["penalty 1"] - exact["penalty 1"])
           for K in (5, 50, 500)]
    assert far[0] > far[1] > far[2]
    assert far[2] < 1e-6 * abs(exact["penalty 1"])


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_the_unrolled_gradient_converges_to_it(momentum):
    """So does, from a training that has converged, reading the last steps backwards."""
    exact = ridge(tuple(PENALTIES.values()), seed=2).hypergradient(PENALTIES)
    lr = 0.3 if momentum == 0 else 0.1
    off = []
    for T in (10, 50, 800):
        p = ridge(tuple(PENALTIES.values()), seed=2, horizon=T, lr=lr, momentum=momentum)
        found = as_floats(Unrolled().gradient(p).gradient)
        off.append(max(abs(found[n] - exact[n]) / abs(exact[n]) for n in exact))
    assert off[2] < 1e-5 < off[1] < off[0]
    rows = by_horizon(p)
    assert abs(rows["penalty 1"][399] - exact["penalty 1"]) < 1e-3 * abs(exact["penalty 1"])
    assert abs(rows["penalty 1"][0] - exact["penalty 1"]) > 0.1 * abs(exact["penalty 1"])  # one step alone


def test_at_the_minimum_k_terms_of_the_series_are_the_last_k_steps_of_descent(problem):
    p = dataclasses.replace(problem, horizon=3000)
    rows = by_horizon(p)
    for K in (1, 3, 20):
        series = as_floats(Implicit(solver="neumann", products=K, alpha=0.3, inner_tolerance=1e-10).gradient(p).gradient)
        for name, g in series.items():
            assert rows[name][K - 1] == pytest.approx(g, rel=1e-5)
    training = p.training()
    values = training.values(training.coordinates())
    state, _ = training.train(values)
    interleaved = as_floats(one_step(training, values, state, 3000).gradient)
    one = as_floats(Implicit(solver="neumann", products=1, alpha=0.3).gradient(p).gradient)
    assert interleaved == pytest.approx(one, rel=1e-4)


def test_conjugate_gradients_solve_in_as_many_steps_as_there_are_unknowns():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(12, 12))
    H, b = torch.from_numpy(A @ A.T + np.eye(12)), torch.from_numpy(rng.normal(size=12))
    q, n = conjugate_gradients(lambda p: H @ p, b, most=50, tolerance=1e-10)
    assert n <= 20  # 12 but for rounding
    torch.testing.assert_close(q, torch.linalg.solve(H, b), rtol=1e-7, atol=1e-9)
    q, n = conjugate_gradients(lambda p: -H @ p, b, most=50, tolerance=1e-10)
    assert n == 1 and float(q.norm()) == 0  # H bends downwards: the residual tells
    torch.testing.assert_close(neumann(lambda p: H @ p, b, terms=3, alpha=0.01), 0.01 * (b + (b - 0.01 * H @ b) + (
        b - 0.02 * H @ b + 1e-4 * H @ (H @ b))))


def logistic(penalty):
    """Not quadratic: logistic regression with a penalty and a margin that acts on both losses."""
    g = torch.Generator().manual_seed(0)
    x, x_valid = (torch.randn(30, 4, generator=g, dtype=torch.float64) for _ in range(2))
    truth = torch.tensor([1.0, -2.0, 0.5, 0.0], dtype=torch.float64)
    y, y_valid = (torch.sign(a @ truth + torch.randn(30, generator=g, dtype=torch.float64)) for a in (x, x_valid))
    return Bilevel(start=lambda _: (torch.zeros(4, dtype=torch.float64),),
                   inner=lambda w, h, batch: torch.nn.functional.softplus(h["margin"] - batch[1] * (batch[0] @ w[0])).mean(),
                   outer=lambda w, h: torch.nn.functional.softplus(h["margin"] - y_valid * (x_valid @ w[0])).mean(),
                   hypers={"weight_decay": Hyper(penalty), "margin": Hyper(0.3, "linear")}, whole=(x, y))


def test_on_logistic_regression_it_is_the_derivative_of_the_loss_at_the_minimum():
    problem, method, h = logistic(0.05), Implicit(inner_tolerance=1e-12, tolerance=1e-12), 1e-2
    why = method.gradient(problem)
    for name, scale in (("weight_decay", lambda v, s: v * np.exp(s * h)), ("margin", lambda v, s: v + s * h)):
        slope = 0.0
        for s, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):  # central differences of fourth order
            hypers = {**problem.hypers, name: dataclasses.replace(problem.hypers[name], start=scale(float(why.values[name]), s))}
            slope += weight * method.gradient(dataclasses.replace(problem, hypers=hypers)).valid_loss / (12 * h)
        assert float(why.gradient[name]) == pytest.approx(slope, rel=1e-6)


def test_descent_reaches_the_best_penalties():
    problem = ridge((0.5, 0.02), seed=4)
    *_, last = Implicit(n_steps=70, rate=0.15).steps(problem)
    grid = np.geomspace(1e-2, 10, 60)
    best = min(problem.valid_loss({"penalty 1": a, "penalty 2": b}) for a in grid for b in grid)
    assert last.metrics["valid_loss"] < best + 1e-3
    assert last.metrics["residual"] < 1e-6
    assert last.metrics["inner_gradient"] < 1e-5
    at_first = Interleaved(n_steps=1, every=1)
    assert next(at_first.steps(problem)).metrics["valid_loss"] > last.metrics["valid_loss"]


def test_what_does_not_move_the_minimum_is_refused():
    problem = ridge((0.5, 0.02))
    with pytest.raises(WorkbenchError, match="lr says how the minimum is reached"):
        Implicit().gradient(dataclasses.replace(problem, hypers={**problem.hypers, "lr": Hyper(0.1)}))
    with pytest.raises(WorkbenchError, match='solver is "cg" or "neumann"'):
        Implicit(solver="lu")
    with pytest.raises(WorkbenchError, match="at least 1 group, 1 weight in each"):
        ridge(per_group=0)
