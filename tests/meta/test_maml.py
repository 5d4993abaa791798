"""MAML: its gradient against finite differences and a closed form, its behaviour on sinusoids."""

import math

import numpy as np
import pytest
import torch

from workbench.meta import MAML, Pretrained, Sinusoids, SmallNetwork, adapt, few_shot_digits, losses_after, meta_loss
from workbench.meta.sinusoids import wave

SMOOTH = SmallNetwork((1, 6, 6, 1), "tanh")


def problem(order, steps, seed=0):
    """Weights in double precision, and the meta-loss as a function of them."""
    g = torch.Generator().manual_seed(seed)
    weights = SMOOTH.start(g, torch.float64)
    x, y = Sinusoids().sample(4, 12, g, torch.float64)

    def loss(w):
        return meta_loss(SMOOTH.squared_error, w, (x[:, :6], y[:, :6]), (x[:, 6:], y[:, 6:]), steps=steps, rate=0.05, order=order)

    return weights, loss


def gradient(weights, loss):
    w = [a.clone().requires_grad_() for a in weights]
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss(w), w)])


def by_differences(weights, loss, h=1e-5):
    found = []
    for k, a in enumerate(weights):
        for i in range(a.numel()):
            value = []
            for sign in (1, -1):
                w = [b.clone() for b in weights]
                w[k].view(-1)[i] += sign * h
                value.append(float(loss(w)))
            found.append((value[0] - value[1]) / (2 * h))
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_second_order_gradient_is_that_of_the_adapted_loss(steps):
    weights, loss = problem(2, steps)
    exact, numeric = gradient(weights, loss), by_differences(weights, loss)
    assert float((exact - numeric).norm() / numeric.norm()) < 1e-6


def test_the_first_order_gradient_is_another_one_but_points_alike():
    weights, full = problem(2, 1)
    _, first = problem(1, 1)
    a, b = gradient(weights, full), gradient(weights, first)
    assert float((a - b).norm() / a.norm()) > 1e-2
    assert float(torch.nn.functional.cosine_similarity(a, b, dim=0)) > 0.7
    assert float(full(weights)) == pytest.approx(float(first(weights)))  # the same loss, another derivative


@pytest.mark.parametrize(("order", "factor"), [(2, 0.81**2), (1, 0.81)])
def test_on_quadratic_tasks_both_orders_have_their_closed_form(order, factor):
    """L_t = ½ |θ − c_t|²: two steps of rate .1 leave θ − c_t times .9² = .81; the derivative of a step is .9 times, or dropped."""
    centres = torch.tensor([[1.0, -2.0], [3.0, 0.5], [0.0, 4.0]], dtype=torch.float64)[:, None]
    theta = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)

    def loss(w, x, y):
        return 0.5 * ((w[0] - y) ** 2).sum()

    found, = torch.autograd.grad(meta_loss(loss, (theta,), (centres, centres), (centres, centres), steps=2, rate=0.1, order=order), theta)
    torch.testing.assert_close(found, factor * (theta.detach() - centres[:, 0]).mean(dim=0))


def test_adaptation_is_plain_gradient_descent():
    weights, _ = problem(2, 1)
    x = torch.linspace(-2, 2, 7, dtype=torch.float64)[:, None]
    y = torch.sin(x)
    w = [a.clone().requires_grad_() for a in weights]
    for _ in range(3):
        g = torch.autograd.grad(SMOOTH.squared_error(w, x, y), w)
        w = [(a - 0.1 * b).detach().requires_grad_() for a, b in zip(w, g, strict=True)]
    for ours, plain in zip(adapt(SMOOTH.squared_error, weights, x, y, steps=3, rate=0.1), w, strict=True):
        torch.testing.assert_close(ours, plain.detach())


def test_sinusoids_are_waves_in_their_ranges():
    tasks = Sinusoids(amplitudes=(2.0, 2.0), phases=(0.5, 0.5))
    x, y = tasks.sample(3, 50, torch.Generator().manual_seed(0))
    assert x.shape == y.shape == (3, 50, 1)
    torch.testing.assert_close(y, 2 * torch.sin(x - 0.5))
    assert float(x.abs().max()) <= 5
    x, y = Sinusoids().sample(500, 40, torch.Generator().manual_seed(0))
    assert 4.5 < float(y.abs().max()) <= 5
    torch.testing.assert_close(wave(1.0, math.pi, x), -torch.sin(x), atol=1e-5, rtol=0)


def test_learning_reports_steps_that_can_be_repeated():
    learner = MAML(iterations=30, report_every=20, tasks_per_step=4, shots=5, network=SmallNetwork((1, 8, 1)))
    first, again = list(learner.steps(seed=3)), list(learner.steps(seed=3))
    assert [s.metrics["iteration"] for s in first] == [20, 30]
    assert learner.n_steps == 2 == len(first)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.why.weights[0], b.why.weights[0])
    assert first[-1].why.adapted.shape == (11,)
    assert "after one gradient step" in first[-1].why.summary()
    assert not np.array_equal(first[-1].why.weights[0], list(learner.steps(seed=4))[-1].why.weights[0])


@pytest.mark.slow
def test_on_sinusoids_maml_adapts_and_pretraining_does_not():
    """After 1,500 iterations; with 5,000 it is .67 after one step, .27 after ten, pretrained 2.11 and 1.48."""
    after = {}
    for learner in (MAML(iterations=1500, report_every=1500), Pretrained(iterations=1500, report_every=1500)):
        weights = tuple(torch.tensor(w) for w in list(learner.steps())[-1].why.weights)
        after[type(learner)] = losses_after(learner.network, weights, Sinusoids())
    assert after[MAML][1] < 1.5 < 1.8 < after[Pretrained][1]
    assert after[MAML][10] < 0.8 < after[Pretrained][10]
    assert after[MAML][0] > 2.5  # without adaptation it knows nothing


@pytest.mark.parametrize(("make", "text"), [(lambda: MAML(order=3), "order is 1 or 2"), (lambda: MAML(shots=0), "shots must be at least 1"),
                                            (lambda: SmallNetwork((3,)), "an input and an output layer")])
def test_settings_that_make_no_sense(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize("learner", [MAML(), Pretrained()])
def test_tasks_with_classes_have_a_learner_of_their_own(learner):
    with pytest.raises(TypeError, match="FewShotMAML"):
        next(learner.steps(few_shot_digits()))
