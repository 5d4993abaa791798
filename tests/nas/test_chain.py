"""Chains: conditional parameters, counted, sized, and there and back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ConfigError, SpaceError
from workbench.nas.chain import CHAIN, ChainSpace
from workbench.nas.chain_plan import ChainLayer, ChainPlan

SMALL = ChainSpace("small", depth=(1, 3), types=("conv", "maxpool", "identity"), widths=(4, 8), kernels=(3, 5))


@pytest.mark.parametrize("space", [
    SMALL, ChainSpace("no identity", (1, 3), ("conv", "maxpool"), (4, 8), (3,)), ChainSpace("fixed", (2, 2), ("conv",), (4, 8), (3, 5)),
    ChainSpace("pools", (1, 2), ("maxpool", "avgpool"))], ids=lambda s: s.name)
def test_counts_are_those_of_all_configurations(space):
    configs = list(space)
    assert len(configs) == space.n_architectures == len({json.dumps(c) for c in configs})
    assert len({space.canonical(c) for c in configs}) == space.count_distinct()
    assert all(space.space.contains(c) for c in configs)


@given(st.integers(0, 2**32 - 1))
def test_layers_lead_back_to_their_configuration(seed):
    config = SMALL.space.sample(1, np.random.default_rng(seed))[0]
    assert SMALL.config(SMALL.plan(config).layers) == config
    assert json.loads(json.dumps(config)) == config


def test_only_what_a_layer_has_is_active():
    config = {"depth": 2, "type_1": "maxpool", "type_2": "conv", "width_2": 8, "kernel_2": 3}
    assert SMALL.plan(config).layers == (ChainLayer("maxpool", 0, 3, 2), ChainLayer("conv", 8, 3))
    with pytest.raises(ConfigError, match="active only when"):
        SMALL.plan(config | {"width_1": 8})
    assert SMALL.canonical(config | {"lr": 0.1}) == "maxpoolx0/2 conv3x8"  # other parameters of a joint space are left out


def test_an_identity_is_not_written():
    config = {"depth": 3, "type_1": "identity", "type_2": "conv", "width_2": 8, "kernel_2": 3, "type_3": "identity"}
    assert SMALL.canonical(config) == "conv3x8"
    assert SMALL.canonical({"depth": 1, "type_1": "identity"}) == "="


def test_sizes_by_hand():
    plan = ChainPlan("by hand", (ChainLayer("conv", 16, 5), ChainLayer("maxpool", 0, 3, 2), ChainLayer("conv", 8, 3)))
    size = plan.size((40, 2), 10)
    assert size.parameters == (2 * 16 * 5 + 32) + (16 * 8 * 3 + 16) + (8 * 10 + 10)
    assert size.flops == 2 * 16 * 5 * 40 + 16 * 8 * 3 * 20 + 80
    image = plan.size((9, 8, 2), 10)
    assert image.flops == 2 * 16 * 25 * 72 + 16 * 8 * 9 * (5 * 4) + 80


def test_the_graph_is_a_chain():
    g = CHAIN.graph(CHAIN.space.default())
    assert g.layers == tuple(range(len(g.nodes)))
    assert [n.operation for n in g.nodes] == ["", "conv3", "conv3", "conv3", ""]


@pytest.mark.parametrize("wrong", [{"depth": (0, 2)}, {"depth": (3, 2)}, {"types": ()}, {"types": ("conv", "dense")},
                                   {"widths": (8, 4)}, {"kernels": (2,)}, {"kernels": ()}])
def test_what_is_no_space_is_refused(wrong):
    with pytest.raises(SpaceError):
        ChainSpace("wrong", **wrong)


def test_foreign_layers_are_refused():
    with pytest.raises(ConfigError):
        SMALL.config([ChainLayer("conv", 5, 3)])
    with pytest.raises(SpaceError):
        ChainSpace("one width", (1, 2), ("conv",), (4,), (3, 5)).config([ChainLayer("conv", 8, 3)])
    with pytest.raises(SpaceError, match="channels"):
        SMALL.size({"depth": 1, "type_1": "identity"}, shape=(40,))
