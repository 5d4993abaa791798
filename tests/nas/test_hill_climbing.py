"""Hill climbing with network morphisms: who descends from whom, what is inherited, and that it learns."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from workbench.errors import WorkbenchError  # noqa: E402
from workbench.event_file import dumps, loads  # noqa: E402
from workbench.nas.data import mnist1d, of_arrays  # noqa: E402
from workbench.nas.hill_climbing import HillClimbing, accuracy, from_scratch, sgdr, tensors  # noqa: E402
from workbench.nas.morphism import MorphNet  # noqa: E402
from workbench.nas.net_plan import NetPlan  # noqa: E402

SMALL = {"neighbours": 3, "climbs": 2, "epochs": 1, "first_epochs": 2, "last_epochs": 1, "widths": (4, 4)}


@pytest.fixture(scope="module")
def data():
    return mnist1d(400)


def drained(steps):
    """All steps, and what the generator returns."""
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as end:
            return events, end.value


@pytest.fixture(scope="module")
def climbed(data):
    return drained(HillClimbing(**SMALL).steps(data, seed=0))


def test_there_is_a_step_for_each_network_and_the_best_child_is_the_next_parent(climbed):
    events, _ = climbed
    assert [e.step for e in events] == list(range(1, 9)) == list(range(1, HillClimbing(**SMALL).n_steps + 1))
    whys = [e.why for e in events]
    assert [w.child.name for w in whys] == ["0.1", "1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "3.1"]
    for climb in (1, 2):
        all_told = [w for w in whys if w.climb == climb][-1]
        assert all_told.over
        assert all_told.winner.accuracy == max(c.accuracy for c in all_told.children)
        following = next(w for w in whys if w.climb == climb + 1)
        assert following.parent == all_told.best
        assert {c.parent for c in all_told.children} == {all_told.parent}


def test_children_have_the_accuracy_of_their_parent_before_their_training(climbed):
    whys = [e.why for e in climbed[0]]
    known = {c.name: c for w in whys for c in w.children}
    for child in known.values():
        if child.parent:
            assert child.inherited == pytest.approx(known[child.parent].accuracy, abs=0.013)  # one of 80 may sit on a border
            assert bool(child.morphisms) == (child.name in {"1.1", "1.2", "2.1", "2.2"})
            assert child.parameters == NetPlan.from_json(child.plan).n_parameters >= known[child.parent].parameters


def test_without_inheritance_children_begin_at_the_level_of_chance(data):
    events, _ = drained(HillClimbing(**{**SMALL, "climbs": 1, "last_epochs": 0, "inherit": False, "first_epochs": 60, "rate": 0.2}).steps(data))
    assert events[0].why.child.accuracy > 0.3
    assert all(c.inherited < 0.26 for c in events[-1].why.children)  # ten classes, 80 examples: 0.1 ± 0.03


def test_the_last_network_comes_back_trained_and_is_the_last_plan(climbed, data):
    events, net = climbed
    assert net.plan == events[-1].why.plan
    assert accuracy(net, tensors(data.valid)) == pytest.approx(events[-1].metrics["valid_accuracy"])
    assert len(events[-1].why.layers) == len(net.plan.layers)
    assert not net.training


def test_the_same_seed_climbs_the_same_way_and_another_one_does_not(data):
    short = HillClimbing(**{**SMALL, "climbs": 1})

    def told(seed):
        return [(c.morphisms, c.accuracy, c.train_loss) for e in short.steps(data, seed=seed) for c in e.why.children]

    torch.manual_seed(1)
    first = told(3)
    torch.manual_seed(2)
    torch.rand(5)
    assert first == told(3)
    assert [m for m, _, _ in first] != [m for m, _, _ in told(4)]


def test_random_choice_does_not_look_at_accuracies(data):
    walk = HillClimbing(**{**SMALL, "neighbours": 4, "climbs": 3, "choose": "random", "last_epochs": 0})
    ends = [e.why for e in walk.steps(data, seed=1) if e.why.over and e.why.climb]
    assert any(w.winner.accuracy < max(c.accuracy for c in w.children) for w in ends)


def test_events_survive_a_file(climbed):
    for event in climbed[0]:
        again = loads(dumps(event))
        assert dumps(again) == dumps(event)
        assert again.why.summary() == event.why.summary()
    assert "the first network" in climbed[0][0].why.summary()
    assert "its parent, trained on" in climbed[0][-1].why.summary()
    assert "goes on" in climbed[0][3].why.summary()
    assert "is ahead" in climbed[0][1].why.summary()


def test_metrics_count_all_of_the_training(climbed):
    events, _ = climbed
    assert events[-1].metrics["cpu_s"] == pytest.approx(sum(e.why.child.cpu_s for e in events))
    assert np.all(np.diff([e.metrics["cpu_s"] for e in events]) > 0)
    why = events[-1].why
    assert why.epochs_alike == max(1, round(why.total_cpu_s / why.winner.cpu_s))


def test_from_scratch_trains_the_same_layers_from_random_weights(climbed, data):
    plan = climbed[0][-1].why.plan
    events, net = drained(from_scratch(plan, data, epochs=3, seed=1))
    assert [e.step for e in events] == [1, 2, 3]
    assert net.plan == plan
    assert accuracy(net, tensors(data.valid)) == events[-1].metrics["valid_accuracy"]
    assert events[-1].metrics["train_loss"] < events[0].metrics["train_loss"]


def test_the_rate_falls_along_a_cosine_to_zero(data):
    net, train = MorphNet(NetPlan.chain(1, 1, 10, (4,))), tensors(data.train)
    rates = []
    step = torch.optim.SGD.step

    def noted(self, *args):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", noted)
        list(sgdr(net, train, epochs=4, rate=0.2, batch=60))
    want = 0.1 * (1 + np.cos(np.pi * np.arange(16) / 16))  # 240 examples, 4 batches in each of 4 epochs
    np.testing.assert_allclose(rates, want)


def test_images_are_climbed_as_well():
    rng = np.random.default_rng(0)
    data = of_arrays(rng.normal(size=(90, 6, 6, 1)), np.arange(90) % 3)
    events, net = drained(HillClimbing(neighbours=2, climbs=1, epochs=1, first_epochs=1, last_epochs=0, batch=16).steps(data))
    assert net.plan.dims == 2
    assert len(events) == 3


def test_baselines_are_named():
    assert HillClimbing().label == "Hill climbing"
    assert HillClimbing(choose="random", inherit=False).label == "Hill climbing (a random child goes on, no inheritance)"


@pytest.mark.parametrize(("wrong", "says"), [
    ({"neighbours": 0}, "at least 1"), ({"climbs": -1}, "at least 0"), ({"rate": 0}, "above 0"), ({"noise": -0.1}, "at least 0"),
    ({"choose": "worst"}, "'best' or 'random'"),
])
def test_settings_are_checked(wrong, says):
    with pytest.raises(WorkbenchError, match=says):
        HillClimbing(**wrong)


@pytest.mark.slow
def test_it_climbs_and_inheritance_is_what_makes_it_cheap():
    data = mnist1d(2500)
    ends = {}
    for inherit in (True, False):
        hill = HillClimbing(neighbours=4, climbs=3, last_epochs=0, inherit=inherit)
        ends[inherit] = [[e.metrics["best_accuracy"] for e in hill.steps(data, seed=s) if e.why.over] for s in range(2)]
    for curve in ends[True]:
        assert curve[-1] > curve[0] + 0.15
    assert np.mean([c[-1] for c in ends[True]]) > np.mean([c[-1] for c in ends[False]]) + 0.05
