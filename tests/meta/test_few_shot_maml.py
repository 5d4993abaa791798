"""MAML for few-shot classification: its gradient against differences, plain gradient descent, what learning brings."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from workbench.meta import FewShotMAML, SmallNetwork, accuracy_of, few_shot_digits, few_shot_signals, meta_loss  # noqa: E402
from workbench.meta.few_shot_maml import loss_of  # noqa: E402


def drawn(seed):
    return torch.Generator().manual_seed(seed)


def test_the_gradient_through_the_inner_steps_is_that_of_differences():
    network = SmallNetwork((5, 6, 3), "tanh")
    xs, ys, xq, yq = few_shot_signals(ways=3, shots=2, queries=2).episode(3, drawn(0))
    support, query = (xs[..., ::8].double(), ys), (xq[..., ::8].double(), yq)
    weights = tuple(w.requires_grad_() for w in network.start(drawn(1), torch.float64))
    assert torch.autograd.gradcheck(
        lambda *w: meta_loss(loss_of(network), w, support, query, steps=3, rate=0.2), weights, atol=1e-6)


def test_the_adapted_classifier_is_plain_gradient_descent_on_each_task():
    learner = FewShotMAML(hidden=(7,), inner_steps=4, inner_rate=0.5)
    tasks = few_shot_digits(ways=3, shots=2, queries=3)
    start = learner.start(tasks, seed=5)
    start = (*start[:2], start[2] + 0.1, start[3])
    xs, ys, xq, _ = tasks.episode(2, drawn(0), held_out=True)
    scores = learner.classifier(start)(xs, ys, xq)
    for t in range(2):
        w = [torch.tensor(a, requires_grad=True) for a in start]
        for _ in range(4):
            out = (xs[t] @ w[0] + w[1]).relu() @ w[2] + w[3]
            g = torch.autograd.grad(torch.nn.functional.cross_entropy(out, ys[t]), w)
            w = [(a - 0.5 * b).detach().requires_grad_() for a, b in zip(w, g, strict=True)]
        torch.testing.assert_close(scores[t], ((xq[t] @ w[0] + w[1]).relu() @ w[2] + w[3]).detach(), rtol=1e-4, atol=1e-5)


def test_accuracies_end_where_the_classifier_does():
    learner = FewShotMAML(hidden=(16,))
    tasks = few_shot_digits(shots=3)
    start = learner.start(tasks)
    right, error = learner.accuracies(start, tasks, n_tasks=40, seed=7)
    assert right.shape == error.shape == (4,)
    assert right[0] == pytest.approx(0.2)  # the last layer is 0: it says the same of all
    assert (right[-1], error[-1]) == pytest.approx(accuracy_of(learner.classifier(start), tasks, n_tasks=40, seed=7))


def test_steps_can_be_repeated():
    learner = FewShotMAML(iterations=12, report_every=8, tasks_per_step=3, hidden=(8,), inner_steps=2)
    tasks = few_shot_digits(ways=3)
    first, again = list(learner.steps(tasks, seed=3)), list(learner.steps(tasks, seed=3))
    assert [s.metrics["iteration"] for s in first] == [8, 12]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.why.weights[-1], b.why.weights[-1])
    assert first[-1].why.accuracy.shape == (3,)
    assert first[-1].metrics["held_out_accuracy"] == first[-1].why.accuracy[-1]
    assert first[-1].why.summary().endswith("after 2 gradient steps.")


@pytest.mark.slow
def test_on_signals_learned_weights_adapt_and_random_ones_do_not():
    """1,000 iterations: .70 of new characters after three steps; from random weights .25."""
    learner = FewShotMAML(iterations=300, report_every=300)
    tasks = few_shot_signals(shots=5)
    *_, last = learner.steps(tasks)
    assert accuracy_of(learner.classifier(last.why), tasks)[0] > 0.55
    assert learner.accuracies(learner.start(tasks), tasks)[0][-1] < 0.3


@pytest.mark.parametrize(("wrong", "text"), [({"order": 3}, "order is 1 or 2"), ({"inner_steps": 0}, "at least 1"),
                                             ({"inner_rate": 0.0}, "positive"), ({"hidden": (0,)}, "at least a unit")])
def test_settings_that_make_no_sense(wrong, text):
    with pytest.raises(ValueError, match=text):
        FewShotMAML(**wrong)
