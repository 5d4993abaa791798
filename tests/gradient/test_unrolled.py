"""The gradient through the whole training against finite differences, its memory, and its descent."""

import dataclasses

import numpy as np
import pytest
import torch

from workbench.errors import WorkbenchError
from workbench.event_file import dumps, loads
from workbench.gradient import SGD, Bilevel, Hyper, Unrolled, by_horizon, mlp_on_signals
from workbench.gradient.through_training import unrolled

KINDS = {"learning rate": ["lr"], "learning rate by step": ["lr by step"], "learning rate by step and layer": ["lr by step and layer"],
         "momentum": ["momentum"], "momentum by step": ["momentum by step"], "weight decay by layer": ["weight_decay"],
         "noise": ["noise"], "weights of examples": ["example_weights"],
         "all at once": ["lr by step and layer", "momentum by step", "weight_decay", "noise", "example_weights"]}


def small(tuned, **changed):
    settings = {"n_train": 30, "n_valid": 40, "hidden": (5,), "horizon": 12, "batch_size": 8, "weight_decay": 0.02,
                "dtype": torch.float64, **changed}
    return mlp_on_signals(tuned, **settings)


def by_differences(training, horizon, directions, h=1e-5):
    """Central differences of the validation loss after training, along directions in coordinates."""
    u, found = training.coordinates(), []
    for d in directions:
        value = []
        for sign in (1, -1):
            values = training.values({name: c + sign * h * d[name] for name, c in u.items()})
            state, _ = training.train(values, horizon)
            value.append(float(training.outer(state.w, values)))
        found.append((value[0] - value[1]) / (2 * h))
    return np.array(found)


def along(gradient, directions):
    return np.array([sum(float((torch.as_tensor(gradient[n]) * d[n]).sum()) for n in d) for d in directions])


def drawn(training, n):
    g = torch.Generator().manual_seed(5)
    return [{name: torch.randn(u.shape, generator=g, dtype=u.dtype) for name, u in training.coordinates().items()} for _ in range(n)]


@pytest.mark.parametrize("activation", ["tanh", "softplus", "gelu"])
@pytest.mark.parametrize("tuned", KINDS.values(), ids=KINDS)
def test_the_gradient_is_that_of_the_validation_loss_after_training(tuned, activation):
    training = small(tuned, activation=activation).training(3)
    directions = drawn(training, 4)
    exact = along(unrolled(training, training.values(training.coordinates())).gradient, directions)
    numeric = by_differences(training, 12, directions)
    assert np.linalg.norm(exact - numeric) < 1e-6 * np.linalg.norm(numeric)


@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay", "example_weights"])
def test_each_single_entry_agrees_too(name):
    training = small([{"lr": "lr by step"}.get(name, name)]).training(0)
    exact = unrolled(training, training.values(training.coordinates())).gradient[name].reshape(-1)
    size, shape = exact.numel(), training.coordinates()[name].shape
    directions = [{name: torch.eye(size, dtype=torch.float64)[k].reshape(shape)} for k in range(size)]
    numeric = by_differences(training, 12, directions)
    assert np.linalg.norm(exact.numpy() - numeric) < 1e-6 * np.linalg.norm(numeric)


def test_hyperparameters_of_both_losses_count():
    """f(w) = ½ (w − a)², one step from 0 with rate r: w = r a; outer ½ (w − 1)² + b: derivatives (r a − 1) r, 1, (r a − 1) a."""
    problem = Bilevel(start=lambda _: (torch.zeros((), dtype=torch.float64),), inner=lambda w, h, _: (w[0] - h["a"]) ** 2 / 2,
                      outer=lambda w, h: (w[0] - 1) ** 2 / 2 + h["b"], horizon=1, sgd=SGD(0.3, 0.0),
                      hypers={"a": Hyper(2.0, "linear"), "b": Hyper(-0.5, "linear"), "lr": Hyper(0.3)})
    why = Unrolled().gradient(problem)
    assert {n: float(g) for n, g in why.gradient.items()} == pytest.approx({"a": -0.4 * 0.3, "b": 1.0, "lr": -0.4 * 2 * 0.3})
    assert why.valid_loss == pytest.approx(0.16 / 2 - 0.5)


@pytest.mark.parametrize("segment", [1, 2, 5, 11])
def test_checkpoints_change_nothing(segment):
    training = small(KINDS["all at once"]).training(1)
    values = training.values(training.coordinates())
    whole, cut = unrolled(training, values, segment=12), unrolled(training, values, segment=segment)
    assert whole.loss == cut.loss
    np.testing.assert_array_equal(whole.losses, cut.losses)
    for name, g in whole.gradient.items():
        torch.testing.assert_close(cut.gradient[name], g, rtol=1e-11, atol=1e-14)  # sums in another order


def saved_bytes(training, segment, horizon):
    """Largest number of bytes that graphs hold at a time; a storage that is saved twice counts once."""
    held, most = {}, 0

    class Held:
        def __init__(self, tensor):
            nonlocal most
            self.tensor, self.key = tensor, tensor.untyped_storage().data_ptr()
            n, size = held.get(self.key, (0, tensor.untyped_storage().nbytes()))
            held[self.key] = n + 1, size
            most = max(most, sum(size for n, size in held.values() if n))

        def __del__(self):
            n, size = held[self.key]
            held[self.key] = n - 1, size

    with torch.autograd.graph.saved_tensors_hooks(Held, lambda h: h.tensor):
        unrolled(training, training.values(training.coordinates()), segment=segment, horizon=horizon)
    return most


def test_memory_of_graphs_grows_like_the_root_with_checkpoints_and_linearly_without():
    training = small(["lr"], horizon=144).training(0)
    short, long = (saved_bytes(training, T, T) for T in (36, 144))
    assert 3.5 < long / short < 4.5
    short, long = (saved_bytes(training, None, T) for T in (36, 144))
    assert long / short < 2.3
    assert saved_bytes(training, None, 144) < saved_bytes(training, 144, 144) / 6


def test_training_is_that_of_pytorchs_own_sgd():
    problem = small(["lr", "momentum"], weight_decay=0.03)
    training = problem.training(2)
    state, losses = training.train(training.values(training.coordinates()))
    w = [p.detach().clone().requires_grad_() for p in training.parts(training.start().w)]
    descent, expected = torch.optim.SGD(w, lr=0.05, momentum=0.8, weight_decay=0.03), []
    for t in range(12):
        descent.zero_grad()
        loss = problem.inner(tuple(w), {}, problem.batch(t, 2))
        torch.autograd.backward(loss)
        descent.step()
        expected.append(float(loss.detach()))
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    for ours, theirs in zip(training.parts(state.w), w, strict=True):
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-11, atol=1e-14)


def test_reading_the_last_steps_alone_is_a_shorter_unrolling():
    problem = small(["weight_decay", "momentum"])
    rows = by_horizon(problem, seed=4)
    training = problem.training(4)
    values = training.values(training.coordinates())
    for k in (1, 5, 12):
        found = unrolled(training, values, truncate=k)
        for name, g in found.gradient.items():
            np.testing.assert_allclose(rows[name][k - 1], g, rtol=1e-10, atol=1e-14)
        assert len(found.losses) == 12
    assert rows["weight_decay"].shape == (12, 2)


def test_descent_lowers_the_validation_loss_and_can_be_repeated():
    problem = mlp_on_signals(["lr by step", "momentum", "weight_decay"], n_train=200, n_valid=200, n_classes=4, horizon=60, lr=0.02)
    method = Unrolled(n_steps=12)
    first, again = list(method.steps(problem, seed=3)), list(method.steps(problem, seed=3))
    assert [s.metrics["valid_loss"] for s in first] == [s.metrics["valid_loss"] for s in again]
    assert first[-1].metrics["valid_loss"] < 0.98 * first[0].metrics["valid_loss"]
    assert len(first) == method.n_steps
    why = first[-1].why
    assert why.n_hypers == 60 + 1 + 2
    assert why.curve.shape == (60,)
    assert first[-1].metrics["momentum"] == pytest.approx(float(why.values["momentum"]))
    assert (why.values["weight_decay"] > 0).all() and 0 < why.values["momentum"] < 1
    assert "it would fall most with a" in why.summary()


def test_reasons_survive_a_log():
    step = next(Unrolled(n_steps=1).steps(small(["lr by step", "momentum"])))
    back = loads(dumps(step))
    for name, g in step.why.gradient.items():
        np.testing.assert_array_equal(back.why.gradient[name], g)
    assert back.why.summary() == step.why.summary()


def test_wrong_examples_are_found_by_their_weights():
    """A quarter of the labels is wrong: after some outer steps these weigh less than the others."""
    problem = mlp_on_signals(["example_weights"], n_train=200, n_valid=300, n_classes=4, wrong_labels=0.25, horizon=120, lr=0.1)
    *_, last = Unrolled(n_steps=12, rate=0.5).steps(problem)
    weights = last.why.values["example_weights"]
    assert problem.wrong.sum() == 50
    assert weights[problem.wrong].mean() < weights[~problem.wrong].mean() - 0.15


def test_complaints_say_what_to_do():
    with pytest.raises(WorkbenchError, match="between 0 and 1"):
        Hyper(1.0, "logit")
    with pytest.raises(WorkbenchError, match="above 0"):
        Hyper(np.array([0.1, 0.0]))
    with pytest.raises(WorkbenchError, match="segment must be at least 1"):
        Unrolled(segment=0)
    with pytest.raises(WorkbenchError, match="rate must be above 0"):
        Unrolled(rate=0)
    with pytest.raises(WorkbenchError, match="in one way each"):
        mlp_on_signals(["lr", "lr by step"])
    with pytest.raises(WorkbenchError, match="tuned names some of"):
        mlp_on_signals(["dropout"])
    with pytest.raises(WorkbenchError, match="horizon of at most 12"):
        Unrolled(horizon=13).gradient(small(["lr by step"]))
    with pytest.raises(WorkbenchError, match="the training has diverged"):
        Unrolled(n_steps=1).gradient(small(["weight_decay"], weight_decay=900.0, horizon=300))
    with pytest.raises(WorkbenchError, match=r"lr has one of the shapes \(\), \(12,\), \(12, 2\)"):
        dataclasses.replace(small(["lr"]), hypers={"lr": Hyper(np.ones(5))}).training()
    with pytest.raises(WorkbenchError, match="nothing to tune"):
        dataclasses.replace(small(["lr"]), hypers={})
