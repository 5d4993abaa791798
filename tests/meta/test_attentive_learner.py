"""The attentive learner: nothing looks ahead, attention and convolutions by hand, its gradient, what it learns."""

import math

import numpy as np
import pytest
import torch

from workbench.meta import AttentiveLearner, few_shot_digits, few_shot_signals
from workbench.meta.attentive_learner import AttentionBlock, DenseBlock, Snail, TCBlock, earlier
from workbench.meta.outer_loop import drawn


def made(make, seed=0):
    return drawn(make, torch.Generator().manual_seed(seed), torch.float64)


def inputs(n=2, T=7, C=3, seed=0):
    return torch.randn(n, T, C, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_attention_is_that_of_the_formula():
    block = made(lambda: AttentionBlock(3, 4, 2))
    X = inputs()
    found = block(X)
    p = {name: value.detach().numpy() for name, value in block.named_parameters()}
    for n in range(2):
        x = X[n].numpy()
        q, k, v = (x @ p[f"{name}.weight"].T + p[f"{name}.bias"] for name in ("query", "key", "value"))
        for t in range(7):
            e = np.exp(k[:t + 1] @ q[t] / math.sqrt(4))
            np.testing.assert_allclose(block.weights(X)[n, t].detach(), np.r_[e / e.sum(), np.zeros(6 - t)], rtol=1e-12)
            np.testing.assert_allclose(found[n, t].detach(), np.r_[x[t], e / e.sum() @ v[:t + 1]], rtol=1e-12)


def test_a_dense_block_is_torchs_convolution_gated():
    block = made(lambda: DenseBlock(3, 2, 5))
    X = inputs()
    padded = torch.nn.functional.pad(X.transpose(1, 2), (2, 0))
    f, g = (torch.nn.functional.conv1d(padded, torch.stack([m.weight[:, :3], m.weight[:, 3:]], dim=2), m.bias, dilation=2)
            for m in (block.f, block.g))
    torch.testing.assert_close(block(X), torch.cat([X, (f.tanh() * g.sigmoid()).transpose(1, 2)], dim=2))


def test_what_was_earlier_is_shifted_in():
    X = torch.arange(1.0, 5.0).view(1, 4, 1)
    assert earlier(X, 2).flatten().tolist() == [0, 0, 1, 2]
    assert earlier(X, 9).flatten().tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("T", [2, 3, 5, 8, 11])
def test_the_last_position_of_a_block_of_convolutions_has_seen_all(T):
    block = made(lambda: TCBlock(2, T, 3))
    X = inputs(1, T, 2).requires_grad_()
    gradient, = torch.autograd.grad(block(X)[:, -1, 2:].sum(), X)
    assert bool((gradient.abs().sum(dim=2) > 0).all())
    assert block(X).shape[2] == block.channels


def test_no_answer_depends_on_what_comes_later():
    net = made(lambda: Snail(3, 2, 7, width=6, filters=4, key=5))
    X, told = inputs(), inputs(C=3, seed=1)
    before = net(X, told)
    for t in range(1, 7):
        later, others = X.clone(), told.clone()
        later[:, t:] += 1
        others[:, t:] -= 2
        after = net(later, others)
        torch.testing.assert_close(after[:, :t], before[:, :t], rtol=0, atol=0)
        assert not torch.allclose(after[:, t], before[:, t])


def test_its_gradient_is_that_of_differences():
    torch.manual_seed(0)
    net = made(lambda: Snail(2, 2, 4, width=3, filters=2, key=2))
    net.embed[1] = torch.nn.Tanh()  # differences do not like kinks
    x, told, y = inputs(3, 4, 2), inputs(3, 4, 3, seed=1), torch.tensor([0, 1, 1])

    def loss():
        return torch.nn.functional.cross_entropy(net(x, told)[:, -1], y)

    used = list(net.parameters())
    exact = torch.cat([g.flatten() for g in torch.autograd.grad(loss(), used)])
    numeric, h = [], 1e-6
    with torch.no_grad():
        for p in used:
            flat = p.view(-1)
            for k in range(p.numel()):
                flat[k] += h
                up = float(loss())
                flat[k] -= 2 * h
                numeric.append((up - float(loss())) / (2 * h))
                flat[k] += h
    numeric = torch.tensor(numeric, dtype=torch.float64)
    assert float((exact - numeric).norm() / numeric.norm()) < 1e-6


def test_a_sequence_holds_the_support_and_one_query_point_without_its_label():
    net = made(lambda: Snail(3, 2, 3))
    sx, qx, sy = inputs(2, 2), inputs(2, 2, seed=1), torch.tensor([[0, 1], [1, 0]])
    x, told = net.sequence(sx, sy, qx)
    torch.testing.assert_close(x[1], torch.stack([sx[0, 0], sx[0, 1], qx[0, 1]]))
    assert told[0].tolist() == [[1, 0, 1], [0, 1, 1], [0, 0, 0]]
    assert told[2].tolist() == [[0, 1, 1], [1, 0, 1], [0, 0, 0]]
    wave = made(lambda: Snail(3, 1, 3)).sequence(sx, sy[..., None].double(), qx)[1]
    assert wave[0].tolist() == [[0, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize("tasks", [None, few_shot_digits(ways=3)], ids=["sinusoids", "digits"])
def test_learning_reports_steps_that_can_be_repeated(tasks):
    learner = AttentiveLearner(iterations=5, report_every=3, tasks_per_step=4, shots=6)
    state = torch.get_rng_state()
    first, again = list(learner.steps(tasks, seed=2)), list(learner.steps(tasks, seed=2))
    assert torch.equal(state, torch.get_rng_state())
    assert [s.metrics["iteration"] for s in first] == [3, 5] and learner.n_steps == 2
    for a, b in zip(first[-1].why.weights, again[-1].why.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    why = first[-1].why
    K = 6 if tasks is None else 3
    assert why.attention.shape == (5, K + 1) and why.support.shape == (K,) and why.labels.shape == why.guesses.shape == (5,)
    np.testing.assert_allclose(why.attention.sum(axis=1), 1, rtol=1e-6)
    assert ("squared error" if tasks is None else "guessing gets 33%") in why.summary()
    assert learner.evaluate(why, tasks, n_tasks=100, seed=2).score == pytest.approx(why.score)


def test_its_classifier_takes_other_numbers_of_shots_than_it_learned_from():
    tasks = few_shot_digits(ways=3)
    learner = AttentiveLearner(iterations=150, report_every=150, tasks_per_step=16)
    classify = learner.classifier(list(learner.steps(tasks))[-1].why)
    for shots in (1, 3):
        sx, sy, qx, qy = few_shot_digits(ways=3, shots=shots).episode(200, torch.Generator().manual_seed(1), held_out=True)
        scores = classify(sx, sy, qx)
        assert scores.shape == (200, 15, 3)
        assert float((scores.argmax(dim=2) == qy).double().mean()) > 0.45  # guessing: 0.33


@pytest.mark.slow
def test_on_new_classes_of_signals_it_is_far_above_chance():
    """Measured on three seeds: 43 to 51 % at one example of each of five classes; the nearest example gets 23 %."""
    tasks = few_shot_signals()
    learner = AttentiveLearner(report_every=600)
    assert learner.evaluate(list(learner.steps(tasks))[-1].why, tasks).score > 0.36


@pytest.mark.slow
def test_on_sinusoids_it_fits_from_ten_points():
    """Measured: 0.43; the variance of the waves is about 4."""
    assert list(AttentiveLearner(report_every=600, tasks_per_step=16).steps())[-1].why.score < 1.0


@pytest.mark.parametrize(("make", "text"), [(lambda: AttentiveLearner(filters=0), "filters must be at least 1"),
                                            (lambda: AttentiveLearner(clip=0), "clip must be positive")])
def test_settings_that_make_no_sense(make, text):
    with pytest.raises(ValueError, match=text):
        make()
