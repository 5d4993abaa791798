"""Joint spaces: both parts together, and apart again."""

import numpy as np
import pytest

import workbench as wb
from workbench.errors import SpaceError
from workbench.nas.cells import NANO
from workbench.nas.chain import CHAIN
from workbench.nas.joint_space import joint


@pytest.mark.parametrize("architectures", [NANO, CHAIN], ids=lambda s: s.name)
def test_a_configuration_falls_into_its_two_parts(architectures):
    both = joint(architectures, lr=wb.Float(1e-3, 1, log=True), batch=wb.Int(16, 128, log=True))
    assert both.hyperparameters == ("lr", "batch")
    for config in both.space.sample(5, np.random.default_rng(0)):
        architecture, rest = both.split(config)
        architectures.space.validate(architecture)
        assert set(rest) == {"lr", "batch"} and {**architecture, **rest} == config
        assert architectures.canonical(config) == architectures.canonical(architecture)


def test_hyperparameters_may_depend_on_the_architecture_and_combinations_be_forbidden():
    both = joint(CHAIN, {"drop-out": wb.Float(0, 0.5, when={"depth": [5, 6]})}, lr=wb.Choice("small", "large"),
                 forbidden=[{"depth": [6], "lr": "large"}])
    seen = both.space.sample(200, np.random.default_rng(0))
    assert {"drop-out" in c for c in seen if c["depth"] >= 5} == {True}
    assert {"drop-out" in c for c in seen if c["depth"] < 5} == {False}
    assert not [c for c in seen if c["depth"] == 6 and c["lr"] == "large"]
    assert wb.Space.from_json(both.space.to_json()) == both.space


def test_names_must_differ_and_there_must_be_some():
    with pytest.raises(SpaceError, match="e01"):
        joint(NANO, e01=wb.Float(0, 1))
    with pytest.raises(SpaceError, match="at least one"):
        joint(NANO)


def test_wb_optimize_searches_both_at_once():
    both = joint(NANO, lr=wb.Float(1e-3, 1, log=True))

    def toy(config):
        architecture, rest = both.split(config)
        return NANO.architecture(architecture).count("none") + abs(np.log10(rest["lr"]) + 1)

    run = wb.optimize(toy, both.space, n_trials=12, seed=0)
    run.start().wait()
    assert len(run.trials) == 12 and set(run.best.config) == set(both.space.names)
