"""The network in numpy against the one in torch, and the four starts that are shipped."""

import importlib.metadata
import subprocess
import sys

import numpy as np
import pytest
import torch

from workbench.meta import MAML, Sinusoids, SmallNetwork, adapt, losses_after, sinusoid_starts
from workbench.meta.plain_network import descent, gradient, layers, outputs
from workbench.meta.sinusoid_weights import NAMES, RANDOM, read_weights


def drawn(sizes, activation, seed=0):
    network = SmallNetwork(sizes, activation)
    g = torch.Generator().manual_seed(seed)
    weights = network.start(g, torch.float64)
    x, y = (torch.randn(7, n, generator=g, dtype=torch.float64) for n in (sizes[0], sizes[-1]))
    return network, weights, x, y


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("sizes", [(1, 40, 40, 1), (3, 5, 2), (2, 1)])
def test_outputs_gradients_and_descent_are_those_of_torch(sizes, activation):
    network, weights, x, y = drawn(sizes, activation)
    w = [a.numpy() for a in weights]
    np.testing.assert_allclose(outputs(w, x.numpy(), activation), network(weights, x).numpy(), rtol=1e-12)
    theirs = torch.autograd.grad(network.squared_error([a.requires_grad_() for a in weights], x, y), weights)
    for ours, other in zip(gradient(w, x.numpy(), y.numpy(), activation), theirs, strict=True):
        np.testing.assert_allclose(ours, other.numpy(), rtol=1e-9, atol=1e-12)
    became = descent(w, x.numpy(), y.numpy(), steps=4, rate=0.05, activation=activation)
    assert len(became) == 5
    fixed = tuple(a.detach() for a in weights)
    for ours, other in zip(became[-1], adapt(network.squared_error, fixed, x, y, steps=4, rate=0.05), strict=True):
        np.testing.assert_allclose(ours, other.numpy(), rtol=1e-9, atol=1e-12)


def test_layers_begin_with_the_inputs_and_end_with_the_outputs():
    _, weights, x, _ = drawn((3, 5, 2), "relu")
    found = layers([a.numpy() for a in weights], x.numpy())
    assert [h.shape for h in found] == [(7, 3), (7, 5), (7, 2)]
    assert (found[1] >= 0).all()


def test_a_rate_that_is_too_large_ends_in_nan_and_changes_nothing_that_was_given():
    _, weights, x, y = drawn((1, 40, 40, 1), "relu")
    w = [a.numpy().copy() for a in weights]
    kept = [a.copy() for a in w]
    became = descent(w, x.numpy(), y.numpy(), steps=30, rate=1e4)
    assert not np.isfinite(np.concatenate([a.ravel() for a in became[-1]])).all()
    for a, b in zip(w, kept, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_shipped_starts_do_what_was_published():
    """600 new waves, ten points each. Finn and others (2017, figure 3): MAML adapts in a step or few, pretraining hardly does."""
    after = {}
    for name, weights in sinusoid_starts().items():
        tensors = tuple(torch.from_numpy(w.copy()).float() for w in weights)
        after[name] = losses_after(SmallNetwork(), tensors, Sinusoids())
    assert tuple(after) == NAMES == ("MAML", "first-order MAML", "pretrained", "random")
    assert after["MAML"][1] < after["first-order MAML"][1] < 0.5 < 1.5 < after["pretrained"][1] < after["random"][1]
    assert after["MAML"][10] < 0.2
    assert after["pretrained"][10] > 1.0
    assert min(found[0] for found in after.values()) > 2.5  # nobody knows a new wave before its points


def test_random_is_where_the_others_began_and_all_are_read_only():
    starts = sinusoid_starts()
    for shipped, begun in zip(starts[RANDOM], MAML().start(seed=0), strict=True):
        np.testing.assert_array_equal(shipped, begun)
    with pytest.raises(ValueError, match="read-only"):
        starts["MAML"][0][0] = 0.0
    with pytest.raises(TypeError):
        starts["mine"] = ()


def test_a_file_of_the_script_is_read_back(tmp_path, monkeypatch):
    from workbench.problems import make_sinusoid_weights as script

    monkeypatch.setattr(sys, "argv", ["", "--iterations", "2", "--out", str(tmp_path / "w.npz")])
    script.main()
    made = read_weights(tmp_path / "w.npz")
    assert tuple(made) == NAMES
    assert [w.shape for w in made["pretrained"]] == [(1, 40), (40,), (40, 40), (40,), (40, 1), (1,)]
    np.testing.assert_array_equal(made[RANDOM][0], sinusoid_starts()[RANDOM][0])
    assert not np.array_equal(made["MAML"][0], made[RANDOM][0])


def test_the_starts_and_the_reason_of_a_step_need_no_torch():
    assert importlib.metadata.version("torch")  # it is there, and all the same not imported
    code = ("import sys, workbench as wb; wb.meta.sinusoid_starts(); import workbench.plots.maml, workbench.meta.meta_step; "
            "assert 'torch' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)
