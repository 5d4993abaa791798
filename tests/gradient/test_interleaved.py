"""One step of the weights, one of the hyperparameters: against the paper's formula, finite differences and the unrolled gradient."""

import numpy as np
import pytest
import torch

from workbench.errors import WorkbenchError
from workbench.gradient import Interleaved, Unrolled, mlp_on_signals, ridge
from workbench.gradient.bilevel import State
from workbench.gradient.one_step import one_step
from workbench.gradient.through_training import unrolled

TUNED = ["lr", "momentum", "weight_decay", "noise", "example_weights"]


def small(tuned=TUNED, **changed):
    return mlp_on_signals(tuned, **{"n_train": 30, "n_valid": 40, "hidden": (5,), "horizon": 12, "batch_size": 8, "weight_decay": 0.02,
                                    "dtype": torch.float64, **changed})


def midway(problem, seed, t):
    training = problem.training(seed)
    values = training.values(training.coordinates())
    return training, values, training.train(values, t)[0]


def test_it_is_the_unrolled_gradient_of_a_training_of_one_step_exactly():
    problem = small()
    training = problem.training(7)
    values = training.values(training.coordinates())
    ours, theirs = one_step(training, values, training.start(), 0), unrolled(training, values, horizon=1)
    assert ours.loss == theirs.loss
    for name, g in theirs.gradient.items():
        assert torch.equal(ours.gradient[name], g)
    assert any(float(g.abs().sum()) > 0 for g in ours.gradient.values())


def test_midway_it_is_the_last_step_of_the_unrolled_gradient_momentum_included():
    training, values, state = midway(small(), 7, 9)
    assert float(state.v.norm()) > 0
    ours, theirs = one_step(training, values, state, 9), unrolled(training, values, horizon=10, truncate=1)
    for name, g in theirs.gradient.items():
        assert torch.equal(ours.gradient[name], g)
    assert float(ours.gradient["momentum"].abs()) > 0  # at the first step it would be 0: there is no velocity yet


def test_midway_it_agrees_with_finite_differences():
    training, values, state = midway(small(), 1, 6)
    exact = one_step(training, values, state, 6).gradient
    generator, h = torch.Generator().manual_seed(0), 1e-5
    for _ in range(4):
        d = {n: torch.randn(u.shape, generator=generator, dtype=u.dtype) for n, u in training.coordinates().items()}
        value = []
        for sign in (1, -1):
            moved = training.values({n: u + sign * h * d[n] for n, u in training.coordinates().items()})
            after, _ = training.advance(state, moved, 6, 7, graph=False)
            value.append(float(training.outer(after.w, moved)))
        numeric = (value[0] - value[1]) / (2 * h)
        assert sum(float((exact[n] * d[n]).sum()) for n in d) == pytest.approx(numeric, rel=1e-6)


def test_without_momentum_it_is_the_formula_of_the_paper():
    """−η ∂²L_train/∂w ∂λ ∇L_val(w') of ridge regression by hand: ∂/∂λ_g ∇_w L_train = w in group g."""
    problem = ridge((0.3, 0.7), lr=0.2)
    training, values, state = midway(problem, 0, 5)
    w = state.w.numpy()
    Lambda = np.array([0.3, 0.7])[problem.group]
    after = w - 0.2 * (problem.X.T @ (problem.X @ w - problem.y) / 40 + Lambda * w)
    g = problem.X_valid.T @ (problem.X_valid @ after - problem.y_valid) / 40
    found = one_step(training, values, state, 5)
    for k, name in enumerate(problem.names):
        by_hand = -0.2 * (w * g)[problem.group == k].sum() * [0.3, 0.7][k]
        assert float(found.gradient[name]) == pytest.approx(by_hand, rel=1e-10)
    np.testing.assert_allclose(found.state.w, after, rtol=1e-12)


def test_learning_rates_are_those_of_hypergradient_descent():
    """Baydin and others 2018: d L_val(w − η v) / dη = −∇L_val(w') · v."""
    training, values, state = midway(small(["lr"]), 0, 4)
    found = one_step(training, values, state, 4)
    w = found.state.w.clone().requires_grad_()
    g, = torch.autograd.grad(training.outer(w, values), w)
    assert float(found.gradient["lr"]) == pytest.approx(-float(g @ found.state.v) * 0.05, rel=1e-10)


def test_the_run_trains_once_and_tunes_meanwhile():
    problem = mlp_on_signals(["weight_decay", "noise"], n_train=200, n_valid=200, n_classes=4, hidden=(24,), lr=0.1, noise=0.02)
    method = Interleaved(n_steps=6, every=25, rate=0.02)
    steps = list(method.steps(problem, seed=1))
    assert len(steps) == method.n_steps
    assert all(s.why.curve.shape == (25,) for s in steps)
    assert steps[-1].metrics["valid_loss"] < 0.98 * steps[0].metrics["valid_loss"]
    noise = [s.metrics["noise"] for s in steps]
    assert noise[-1] != noise[0] and abs(np.log(noise[-1] / 0.02)) <= 0.02 * 151
    assert [s.metrics["valid_loss"] for s in steps] == [s.metrics["valid_loss"] for s in method.steps(problem, seed=1)]


def test_the_first_step_moves_along_the_hypergradient():
    problem = small(["noise"])
    steps = list(Interleaved(n_steps=2, every=1, rate=0.01).steps(problem))
    first = float(steps[0].why.gradient["noise"])
    assert np.sign(np.log(steps[1].metrics["noise"] / steps[0].metrics["noise"])) == -np.sign(first)
    assert first == pytest.approx(float(Unrolled(horizon=1).gradient(problem).gradient["noise"]), rel=1e-12)


def test_it_refuses_values_for_each_step():
    with pytest.raises(WorkbenchError, match="tuned only after its step is taken"):
        next(Interleaved().steps(small(["lr by step"])))
    with pytest.raises(WorkbenchError, match="every must be at least 1"):
        Interleaved(every=0)


def test_a_state_is_two_vectors():
    training = small().training()
    state = training.start()
    assert isinstance(state, State)
    assert state.w.shape == state.v.shape == (40 * 5 + 5 + 5 * 10 + 10,)
