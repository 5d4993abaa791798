"""Networks of chains and branches: as big as counted, the same for the same seed, and they learn."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch")

from workbench.errors import SpaceError  # noqa: E402
from workbench.nas.branches import BRANCHES  # noqa: E402
from workbench.nas.chain import CHAIN, ChainSpace  # noqa: E402
from workbench.nas.chain_network import BranchNetwork, ChainNetwork, build  # noqa: E402
from workbench.nas.data import mnist1d  # noqa: E402
from workbench.nas.macro import MACRO, NANO_MACRO  # noqa: E402
from workbench.nas.training import train  # noqa: E402

SPACES = [CHAIN, ChainSpace("with identity", (1, 4), ("conv", "avgpool", "identity"), (3, 5), (1, 3)), NANO_MACRO, BRANCHES]


def network(space, config, shape, n_classes, seed=0):
    plan = space.plan(config)
    return (BranchNetwork if space is BRANCHES else ChainNetwork)(plan, shape, n_classes, seed)


def multiply_adds(made, shape):
    """Counted while running: weights of each convolution times its positions."""
    count = []

    def hook(layer, _, out):
        count.append(layer.weight.numel() * (out[0, 0].numel() if out.dim() > 2 else 1))

    for m in made.modules():
        if isinstance(m, (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Linear)):
            m.register_forward_hook(hook)
    with torch.no_grad():
        made.eval()(torch.zeros(1, *shape))
    return sum(count)


@pytest.mark.parametrize("shape", [(40, 1), (9, 8, 3)])
@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_parameters_and_flops_are_as_counted(space, shape):
    for config in space.space.sample(6, np.random.default_rng(0)):
        made = network(space, config, shape, 7)
        told = space.size(config, shape, 7)
        assert sum(p.numel() for p in made.parameters()) == told.parameters
        assert multiply_adds(made, shape) == told.flops


def test_a_network_of_nas_bench_macro_is_as_big_as_published():
    made = ChainNetwork(MACRO.plan(MACRO.config("00000002")), (32, 32, 3), 10)
    assert sum(p.numel() for p in made.parameters()) == 1_219_370


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before():
    config = CHAIN.space.default()
    before = torch.get_rng_state()
    one = network(CHAIN, config, (40, 1), 10, seed=3)
    assert torch.equal(torch.get_rng_state(), before)  # nobody else's numbers change
    torch.rand(5)
    two, three = (network(CHAIN, config, (40, 1), 10, seed=s) for s in (3, 4))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    assert not torch.equal(one.head.weight, three.head.weight)


def test_a_mobile_block_adds_its_input_where_shapes_agree():
    made = network(NANO_MACRO, NANO_MACRO.config(["mb3k3"] * 8), (40, 1), 10)
    adds = [m.adds for m in made.modules() if hasattr(m, "adds")]
    assert adds == [False, True, False, True, True, False, True, True]


def test_layers_are_read_side_by_side():
    """The second layer of a chain of two reads the first: the same function as two layers by hand."""
    config = BRANCHES.space.default() | {"skip_1_2": True}
    made = network(BRANCHES, config, (40, 1), 10).eval()
    x = torch.randn(4, 40, 1, generator=torch.Generator().manual_seed(0))
    h = x.movedim(-1, 1)
    one = made.layers[0](h)
    rest = [made.layers[k](h) for k in (2, 3, 4)]
    by_hand = made.head(torch.cat([y.mean(2) for y in (made.layers[1](one), *rest)], dim=1))
    assert torch.allclose(made(x), by_hand, atol=1e-6)


@pytest.mark.parametrize(("space", "config"), [(CHAIN, None), (NANO_MACRO, "10010100"), (BRANCHES, None)],
                         ids=["chain", "macro", "branches"])
def test_it_learns(space, config):
    data = mnist1d(700, seed=0)
    told = space.space.default() | {"lr": 0.1} if config is None else space.config(config)
    made = build(space, told, data)
    losses = [epoch.train_loss for epoch in train(made, data, epochs=3, batch_size=32)]
    assert losses[-1] < 0.95 * losses[0]


def test_inputs_are_lines_or_images():
    with pytest.raises(SpaceError, match="channels"):
        network(CHAIN, CHAIN.space.default(), (40,), 10)
