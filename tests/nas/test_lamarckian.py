"""Evolution with inherited weights: what fits is copied, exactly, and little training goes a long way."""

import numpy as np
import pytest

import workbench as wb
from workbench.event_file import dumps, loads
from workbench.nas.cells import NANO
from workbench.nas.data import mnist1d

torch = pytest.importorskip("torch")
from workbench.nas.lamarckian import Lamarckian, LamarckianStep, blocks, inherit  # noqa: E402
from workbench.nas.networks import CellNetwork  # noqa: E402

FULL = ("conv3", "conv3", "skip", "conv3", "pool3", "conv3")


@pytest.fixture(scope="module")
def data():
    return mnist1d(n=400)


def network(architecture, seed=0):
    n = CellNetwork(NANO, architecture, (40, 1), 10, 4, seed)
    g = torch.Generator().manual_seed(100 + seed)
    with torch.no_grad():  # as if it had been trained
        for value in n.state_dict().values():
            value.copy_(torch.rand(value.shape, generator=g) + 0.5)
    return n


def test_a_twin_inherits_everything_and_computes_the_same():
    parent, child = network(FULL), network(FULL, 1)
    x = torch.randn(5, 40, 1, generator=torch.Generator().manual_seed(0))
    before = {k: v.clone() for k, v in parent.state_dict().items()}
    assert inherit(child, parent) == 1.0
    torch.testing.assert_close(child.eval()(x), parent.eval()(x), rtol=0, atol=0)
    for k, v in parent.state_dict().items():
        assert torch.equal(v, before[k])


def test_each_edge_keeps_its_weights_though_the_layers_are_fused_anew():
    """Edges 0 → 1, 0 → 2 and 0 → 3 are one matrix of the parent; of the child, which has a pool on 0 → 1, two thirds of it."""
    parent = network(FULL)
    child = network(("pool3", *FULL[1:]), 1)
    share = inherit(child, parent)
    assert share == 1.0  # all that it has, the parent had too
    for cell, c in (("cell1", 4), ("cell2", 8)):
        theirs, mine = (getattr(n, cell).convs["0_3"] for n in (parent, child))
        assert torch.equal(mine.weight[0], theirs.weight[0, c:])
        for name in ("scale", "shift", "mean", "var"):
            assert torch.equal(getattr(mine, name), getattr(theirs, name)[c:])


def test_what_does_not_fit_is_new():
    parent = network(("conv3", "none", "none", "none", "conv3", "none"))
    child = network(("conv3", "none", "none", "conv3", "conv3", "none"), 1)
    new = child.cell1.convs["0_3"].weight[0, 4:].clone()
    share = inherit(child, parent)
    assert torch.equal(child.cell1.convs["0_3"].weight[0, 4:], new)
    assert torch.equal(child.cell1.convs["0_3"].weight[0, :4], parent.cell1.convs["0_3"].weight[0])
    fresh = sum(c * (3 * c + 2) for c in (4, 8))  # weights, scales and shifts of an edge, in both cells
    assert share == pytest.approx(1 - fresh / child.n_parameters)


def test_edges_that_lead_nowhere_have_no_weights():
    assert blocks(NANO, ("conv3", "none", "none", "conv3", "none", "none")) == {(0, 3, 3): ("0_3", 0)}
    assert blocks(NANO, FULL)[0, 3, 3] == ("0_3", 2)


@pytest.mark.parametrize("ageing", [True, False])
def test_steps_tell_who_was_born_of_whom_and_who_lives(data, ageing):
    strategy = Lamarckian(children=12, population=4, epochs=1, ageing=ageing)
    steps = list(strategy.steps(data, seed=1))
    assert [s.step for s in steps] == list(range(1, 17)) == list(range(1, strategy.n_steps + 1))
    born = {s.step: s for s in steps}
    for s in steps:
        why = s.why
        assert why.parent == 0 if s.step <= 4 else why.parent in born[s.step - 1].why.population
        assert len(why.population) == min(s.step, 4)
        assert why.accuracies == tuple(born[k].metrics["valid_accuracy"] for k in why.population)
        if why.parent:
            parent = born[why.parent].why
            assert why.architecture in NANO.neighbours(parent.architecture)
            assert why.parent == max(why.drawn, key=lambda k: (born[k].metrics["valid_accuracy"], k == why.parent))
            assert why.lineage_epochs == parent.lineage_epochs + 1
            assert 0 < why.inherited <= 1
            assert f"{why.edge} from {why.before} to {why.after}" in why.summary()
        if ageing:
            assert why.population == tuple(range(max(s.step - 3, 1), s.step + 1))
    best = max(steps, key=lambda s: s.metrics["valid_accuracy"])
    assert steps[-1].why.chosen == best.why.architecture
    assert steps[-1].metrics["best_accuracy"] == best.metrics["valid_accuracy"]


def test_the_same_seed_evolves_the_same(data):
    strategy = Lamarckian(children=4, population=3, epochs=1)
    first, again, other = (list(strategy.steps(data, seed=seed)) for seed in (0, 0, 1))
    assert [s.why.architecture for s in first] == [s.why.architecture for s in again]
    assert [s.metrics["valid_accuracy"] for s in first] == [s.metrics["valid_accuracy"] for s in again]
    assert [s.why.architecture for s in first] != [s.why.architecture for s in other]


def test_its_steps_are_kept_in_files(data):
    *_, step = Lamarckian(children=2, population=2, epochs=1).steps(data)
    again = loads(dumps(step))
    assert isinstance(again.why, LamarckianStep)
    assert again.why.summary() == step.why.summary()
    assert again.why.chosen == step.why.chosen


def test_with_inheritance_the_same_short_trainings_reach_more(data):
    """25 networks, 2 epochs each: with inherited weights the loss of training falls along the lineages. Two seeds."""
    last = {}
    for inherited in (True, False):
        steps = [list(Lamarckian(children=19, population=6, inherit=inherited).steps(data, seed=seed)) for seed in (0, 1)]
        last[inherited] = np.mean([[s.metrics["train_loss"] for s in run[-6:]] for run in steps])
        assert all(s.why.inherited == 0 for run in steps for s in run) != inherited
    assert last[True] < last[False] - 0.3


def test_it_is_found_among_the_names_of_the_package():
    assert wb.nas.Lamarckian is Lamarckian


@pytest.mark.parametrize("settings", [{"population": 1}, {"sample": 0}, {"epochs": 0}, {"children": -1}, {"channels": 0}])
def test_settings_that_make_no_sense_are_refused(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"{name} must be at least"):
        Lamarckian(**settings)
