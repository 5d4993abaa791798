"""Network morphisms: the function stays, gradients come, copies stay copies until noise parts them."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from workbench.errors import SpaceError  # noqa: E402
from workbench.nas import morphism as mo  # noqa: E402
from workbench.nas.net_changes import KINDS, Morphism, possible, random_morphism  # noqa: E402
from workbench.nas.net_plan import Layer, NetPlan  # noqa: E402

SHAPES = {0: (12, 3), 1: (6, 10, 3), 2: (5, 6, 6, 3)}
EXACT = {torch.float64: 1e-12, torch.float32: 1e-5}


def scrambled(net, seed):
    """Give batch norms and gates numbers as after training; gates below zero, too."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, mo.Block):
                n = len(part.mean)
                part.mean.copy_(0.3 * torch.randn(n, generator=g))
                part.var.copy_(0.5 + 1.5 * torch.rand(n, generator=g))
                part.gamma.copy_(0.5 + torch.rand(n, generator=g))
                part.beta.copy_(0.3 * torch.randn(n, generator=g))
            if isinstance(part, mo.Sum):
                part.g.copy_(0.5 * torch.randn(len(part.g), generator=g))
    return net


def network(dims=1, widths=(4, 6), seed=0, dtype=torch.float64):
    plan = NetPlan.chain(dims, 3, 4, widths)
    return scrambled(mo.MorphNet(plan, seed=seed), seed).to(dtype).eval()


def inputs(dims=1, seed=0, dtype=torch.float64):
    return torch.randn(SHAPES[dims], generator=torch.Generator().manual_seed(100 + seed), dtype=dtype)


def trained(net, x, y, steps, lr=0.1):
    """Take steps of gradient descent on all of the data."""
    net = copy.deepcopy(net).train()
    optimiser = torch.optim.SGD(net.parameters(), lr, momentum=0.9)
    for _ in range(steps):
        optimiser.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimiser.step()
    return net.eval()


# The definitions ------------------------------------------------------------------------------------------------------


def test_type_one_is_the_function_itself_until_a_or_b_are_trained():
    f, x = torch.nn.Linear(3, 5), torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    g = mo.TypeI(f, 5)
    torch.testing.assert_close(g(x), f(x), rtol=0, atol=0)
    with torch.no_grad():
        g.A.mul_(2)
        g.b.add_(1)
    torch.testing.assert_close(g(x), 2 * f(x) + 1)


def test_type_two_is_the_function_itself_whatever_is_put_beside_it():
    torch_rng = torch.Generator().manual_seed(0)
    x, A, b = (torch.randn(s, generator=torch_rng) for s in ((7, 3), (2, 4), (2,)))
    h, h_new = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh()), torch.nn.Linear(3, 6)
    g = mo.TypeII(h, A, b, h_new, 6)
    torch.testing.assert_close(g(x), h(x) @ A.T + b, rtol=1e-6, atol=1e-6)
    with torch.no_grad():
        g.A_new.fill_(0.5)
    torch.testing.assert_close(g(x), h(x) @ A.T + b + 0.5 * h_new(x).sum(1, keepdim=True), rtol=1e-5, atol=1e-5)


def test_the_identity_as_a_convolution_is_torchs_dirac():
    for dims in (1, 2):
        shape = (4, 4, *(5,) * dims)
        torch.testing.assert_close(mo.identity(4, 5, dims), torch.nn.init.dirac_(torch.empty(shape)))
    torch.testing.assert_close(mo.identity(4, 1, 0), torch.eye(4))


# The function stays ---------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(dims=st.sampled_from([0, 1, 2]), seed=st.integers(0, 10_000), n=st.integers(1, 8), dtype=st.sampled_from(list(EXACT)),
       widths=st.lists(st.integers(1, 6), min_size=1, max_size=3), noise=st.sampled_from([0.0, 0.1]))
def test_any_sequence_of_morphisms_preserves_the_function(dims, seed, n, dtype, widths, noise):
    x, rng = inputs(dims, seed, dtype), np.random.default_rng(seed)
    first = net = network(dims, widths, seed, dtype)
    for k in range(n):
        change = random_morphism(net.plan, rng, max_width=24)
        before, net = net, mo.apply(net, change, seed=seed + k, noise=noise, batch=x if rng.random() < 0.5 else None)
        assert mo.difference(before, net, x) < EXACT[dtype]
    assert mo.difference(first, net, x) < EXACT[dtype]
    assert net.n_parameters == net.plan.n_parameters > first.n_parameters


@settings(max_examples=40, deadline=None)
@given(dims=st.sampled_from([0, 1, 2]), seed=st.integers(0, 10_000), data=st.data())
def test_morphisms_preserve_networks_whose_gates_and_norms_were_trained_meanwhile(dims, seed, data):
    x, rng = inputs(dims, seed), np.random.default_rng(seed)
    net = network(dims, (3, 4), seed)
    for k in range(4):
        net = mo.apply(net, random_morphism(net.plan, rng, max_width=24), seed=k)
    net = scrambled(net, seed + 1)  # gates open, some below zero
    for kind in KINDS:
        if changes := possible(net.plan, kind):
            change = data.draw(st.sampled_from(changes))
            assert mo.difference(net, mo.apply(net, change, seed=seed), x) < 1e-12


@pytest.mark.parametrize("dims", [0, 1, 2])
def test_six_in_a_row_in_both_precisions(dims):
    for dtype, small in EXACT.items():
        net, x = network(dims, dtype=dtype), inputs(dims, dtype=dtype)
        new = mo.wider(mo.deeper(net, "b1"), "b2", 9, seed=1)
        new = mo.branch(mo.skip(new, "b1", "b3", merge="add"), "b1", "head", width=5)
        new = mo.wider(mo.skip(new, "input", "head"), "b3", 7, seed=2)
        assert mo.difference(net, new, x) < small
        assert mo.difference(net, new, x) > 0 or dtype is torch.float64  # sums in another order: rounding, no more


def test_the_network_that_is_changed_stays_as_it_is():
    net, x = network(), inputs()
    before = copy.deepcopy(net.state_dict())
    new = mo.wider(mo.deeper(net, "b1", batch=x), "b1", 8)
    trained(new, x, torch.arange(6) % 4, 3)
    mo.difference(net, new, x, mode="train")
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not net.training
    assert mo.deeper(copy.deepcopy(net).train(), "b1").training


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    mo.apply(network(), Morphism("branch", "head", "b1", width=3, kernel=3, merge="concat"), seed=3)
    mo.wider(network(), "b1", 9, noise=0.1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_wrong_shape_or_a_negative_noise_is_refused():
    with pytest.raises(SpaceError, match=r"shape \(n, length, 3\), channels last, got \(2, 3, 10\)"):
        network()(torch.zeros(2, 3, 10))
    with pytest.raises(SpaceError, match="at least 0, got -1"):
        mo.wider(network(), "b1", 9, noise=-1)
    with pytest.raises(SpaceError, match="pool1 is no block; blocks are b1, b2"):
        network().block("pool1")


# Each morphism against its formula --------------------------------------------------------------------------------------


def test_net2wider_by_hand_on_two_dense_layers():
    # Chen et al. 2016, figure 2: h → (h1, h2, h2), and the weights that leave the copied unit are halved
    plan = NetPlan(0, (Layer("input", "input", (), 2), Layer("b1", "block", ("input",), 2), Layer("head", "head", ("b1",), 1)))
    net = mo.MorphNet(plan)
    with torch.no_grad():
        net.block("b1").W.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        net.layers["head"].W.copy_(torch.tensor([[5.0, 6.0]]))
    for seed in range(8):
        new, twin = mo.wider(net, "b1", 3, seed=seed), mo.copied(2, 3, seed=seed)[2]
        assert new.block("b1").W[2].tolist() == [[1.0, 2.0], [3.0, 4.0]][twin]
        assert new.layers["head"].W.tolist() == [[[2.5, 6.0, 2.5], [5.0, 3.0, 3.0]][twin]]
    assert {mo.copied(2, 3, seed=s)[2] for s in range(8)} == {0, 1}


def test_many_copies_share_by_their_number_and_noise_sums_to_zero_over_them():
    net = network(widths=(3, 6))
    new = mo.wider(net, "b1", 11, seed=5, noise=0.5)
    owner = torch.tensor([0, 1, 2, *mo.copied(3, 11, seed=5).values()])
    W, W_new = net.block("b2").W.detach(), new.block("b2").W.detach()
    summed = torch.zeros_like(W).index_add_(1, owner, W_new)
    torch.testing.assert_close(summed, W)
    spread = W_new - (W / torch.bincount(owner)[:, None])[:, owner]
    assert 0.3 * float(W.std()) < float(spread.std()) < 0.6 * float(W.std())  # half, less what the sums take


def test_noise_parts_the_copies_of_a_single_weight_too():
    new = mo.wider(network(0, (1, 1)), "b1", 2, noise=0.1)
    a, b = new.block("b2").W[0].tolist()
    assert a != b
    assert a + b == pytest.approx(network(0, (1, 1)).block("b2").W.item())


def test_a_larger_kernel_has_the_old_one_in_its_middle():
    net = network(dims=2)
    new = mo.larger_kernel(net, "b2", 7)
    torch.testing.assert_close(new.block("b2").W[..., 2:5, 2:5], net.block("b2").W)
    assert float(new.block("b2").W.detach().abs().sum()) == pytest.approx(float(net.block("b2").W.detach().abs().sum()))


def test_new_columns_and_gates_are_zero_and_the_branch_is_not():
    net = network()
    concat = mo.branch(net, "b1", "head", width=5, merge="concat")
    assert float(concat.layers["head"].W[:, 6:].detach().abs().max()) == 0
    assert float(concat.block("b3").W.detach().abs().min()) > 0
    added = mo.branch(net, "pool1", "b2", merge="add")
    assert float(added.layers["add1"].g.detach().abs().max()) == 0
    assert added.plan["b3"].width == added.plan["b2"].width


# Batch norm in training mode --------------------------------------------------------------------------------------------


def test_in_training_mode_deeper_preserves_the_function_only_with_the_batchs_own_statistics():
    net, x = network(dims=2, widths=(8, 8), dtype=torch.float64), inputs(2)
    bare, measured = mo.deeper(net, "b1"), mo.deeper(net, "b1", batch=x)
    assert mo.difference(net, bare, x) < 1e-12
    assert mo.difference(net, measured, x) < 1e-12
    assert mo.difference(net, bare, x, mode="train") > 0.05
    assert mo.difference(net, measured, x, mode="train") < 1e-12
    other = mo.difference(net, measured, inputs(2, seed=1), mode="train")
    assert 1e-3 < other < mo.difference(net, bare, inputs(2, seed=1), mode="train")  # near, on another batch


@pytest.mark.parametrize("kind", ["wider", "skip", "branch", "kernel"])
def test_in_training_mode_all_others_preserve_it(kind):
    net, x = network(dims=1), inputs(1)
    for k, change in enumerate(possible(net.plan, kind)):
        assert mo.difference(net, mo.apply(net, change, seed=k), x, mode="train") < 1e-12


# Training goes on -------------------------------------------------------------------------------------------------------


def gradients(net, x, y):
    net = copy.deepcopy(net).train()
    F.cross_entropy(net(x), y).backward()
    return {name: float(p.grad.abs().max()) for name, p in net.named_parameters()}


@pytest.mark.parametrize("merge", ["concat", "add"])
def test_gradients_reach_new_parts(merge):
    x, y = inputs(), torch.arange(6) % 4
    at = "head" if merge == "concat" else "b2"
    new = mo.branch(network(), "pool1", at, width=5, merge=merge)
    first = gradients(new, x, y)
    assert first["layers.head.W" if merge == "concat" else "layers.add1.g"] > 1e-4
    assert first["layers.b3.W"] == 0  # Ã = 0 lets nothing through to h̃ …
    later = gradients(trained(new, x, y, 1), x, y)
    assert later["layers.b3.W"] > 1e-6  # … until Ã has taken its first step


def test_gradients_reach_a_new_block_at_once():
    first = gradients(mo.deeper(network(), "b1"), inputs(), torch.arange(6) % 4)
    assert min(first[f"layers.b3.{k}"] for k in ("W", "gamma", "beta")) > 1e-4


def test_copies_stay_copies_until_noise_breaks_the_symmetry():
    net, x, y = network(0, (6, 6)), inputs(0), torch.arange(12) % 4
    pairs = mo.copied(6, 12, seed=3)
    even, noisy = (mo.wider(net, "b1", 12, seed=3, noise=noise) for noise in (0.0, 0.1))
    assert mo.copies_apart(even, "b1", pairs) == mo.copies_apart(noisy, "b1", pairs) == 0
    even, noisy = trained(even, x, y, 30), trained(noisy, x, y, 30)
    moved = float((even.block("b1").W[:6] - net.block("b1").W).detach().abs().max())
    assert moved > 0.01
    assert mo.copies_apart(even, "b1", pairs) < 1e-12
    assert mo.copies_apart(noisy, "b1", pairs) > 0.01
