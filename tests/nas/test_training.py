"""Training networks of cells: a plain loop gives the same; searches pause and resume it."""

import copy

import pytest

torch = pytest.importorskip("torch")

import workbench as wb  # noqa: E402
from workbench import nas  # noqa: E402
from workbench.errors import WorkbenchError  # noqa: E402
from workbench.nas.networks import CellNetwork, CellNetworks  # noqa: E402
from workbench.nas.training import Recipe, Trained, Training, accuracy, test_accuracy, train, train_copies, trained  # noqa: E402

GOOD = ("conv3", "skip", "pool3", "conv3", "conv3", "conv3")


@pytest.fixture(scope="module")
def small():
    return nas.mnist1d(500)


def network(data, architecture=GOOD, seed=0):
    return CellNetwork(nas.NANO, architecture, data.shape, data.n_classes, channels=4, seed=seed)


def test_a_plain_loop_with_torchs_own_schedule_gives_the_same(small):
    ours, plain = network(small), network(small)
    told = list(train(ours, small, epochs=3, seed=7, batch_size=64, learning_rate=0.2))
    x, y = (torch.from_numpy(a) for a in small.train)
    optimizer = torch.optim.SGD(plain.parameters(), 0.2, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3 * 4)  # 300 signals: 4 batches of 64
    order = torch.Generator().manual_seed(7)
    for e in range(3):
        plain.train()
        places, total = torch.randperm(300, generator=order), 0.0
        for k in range(4):
            batch = places[64 * k:64 * (k + 1)]
            loss = torch.nn.functional.cross_entropy(plain(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() / 4
        assert told[e].train_loss == pytest.approx(total, rel=1e-3)  # single precision, other order of sums in the optimiser
        assert told[e].epoch == e + 1 and told[e].seconds > 0
    xv, yv = (torch.from_numpy(a) for a in small.valid)
    plain.eval()
    assert told[-1].valid_accuracy == pytest.approx(float((plain(xv).argmax(1) == yv).double().mean()), abs=0.021)


@pytest.mark.slow
def test_fifteen_epochs_learn_mnist1d_as_convolutions_are_known_to():
    """Greydanus 2020, table 1: a convolutional network 94 % after long training."""
    data = nas.mnist1d()
    net = CellNetwork(nas.NANO, ("conv3",) * 6, data.shape, data.n_classes)
    *_, last = train(net, data, epochs=15)
    assert last.valid_accuracy > 0.93 and test_accuracy(net, data) > 0.93
    with torch.no_grad():
        assert test_accuracy(net, data) == float((net.eval()(torch.from_numpy(data.test[0])).argmax(1).numpy() == data.test[1]).mean())


def test_images_are_learnt_too():
    data = nas.digits()
    net = CellNetwork(nas.NANO, GOOD, data.shape, data.n_classes, channels=4)
    *_, last = train(net, data, epochs=6, batch_size=64)
    assert last.valid_accuracy > 0.85


def test_training_repeats_itself_and_leaves_the_global_generator_alone(small):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    runs = [[e.train_loss for e in train(network(small), small, epochs=2, seed=s)] for s in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_copies_learn_as_each_would_alone(small):
    recipe = Recipe(epochs=2, batch_size=64)
    together = list(train_copies(CellNetworks(nas.NANO, GOOD, small.shape, 10, 4, seeds=(5, 2)), small, recipe))
    for k, seed in enumerate((5, 2)):
        alone = list(train(network(small, seed=seed), small, epochs=2, batch_size=64, seed=seed))
        for (loss, right), epoch in zip(together, alone, strict=True):
            assert float(loss[k]) == pytest.approx(epoch.train_loss, rel=1e-3)  # sums in another order
            assert float(right[k]) == pytest.approx(epoch.valid_accuracy, abs=0.021)  # of 100: two near the border


def test_a_state_goes_on_as_if_nothing_had_happened(small):
    straight = Training(network(small), small, Recipe(epochs=3, batch_size=64), seed=3)
    wanted = [straight.epoch().train_loss for _ in range(3)]
    first = Training(network(small), small, Recipe(epochs=3, batch_size=64), seed=3)
    first.epoch()
    state = copy.deepcopy(first.state)
    second = Training(network(small, seed=9), small, Recipe(epochs=3, batch_size=64), seed=0)
    second.resume(state)
    assert [second.epoch().train_loss for _ in range(2)] == wanted[1:]


def test_the_objective_yields_one_error_an_epoch_and_goes_on_from_a_state(small):
    objective = trained(nas.NANO, small, 3, channels=4, seed=1, batch_size=64)
    config = nas.NANO.config(GOOD)
    alone = list(train(network(small, seed=1), small, epochs=3, batch_size=64, seed=1))
    assert [c.loss for c in objective(config)] == [1 - e.valid_accuracy for e in alone]
    steps = objective(config)
    next(steps)
    state = copy.deepcopy(next(steps).state())
    assert [c.loss for c in objective(config, state=state)] == [1 - alone[-1].valid_accuracy]


@pytest.mark.parametrize("scheduler", [wb.SuccessiveHalving(9), wb.Hyperband(9)])
def test_schedulers_pause_and_resume_trainings(small, scheduler, monkeypatch):
    begun, states = [], []
    call = Trained.__call__

    def counted(self, config, state=None):
        begun.append(tuple(config.values()))
        states.append(state)
        return call(self, config, state)

    monkeypatch.setattr(Trained, "__call__", counted)
    run = wb.optimize(trained(nas.NANO, small, 9, channels=2), nas.NANO.space, scheduler=scheduler, n_trials=9, seed=0)
    run.start()
    run.wait()
    steps = [t.n_steps for t in run.trials.by_number.values()]
    assert len(begun) == len(steps) == 9 and states == [None] * 9  # each trained once: a pause keeps the generator
    assert max(steps) == 9 and min(steps) < 9


def test_accuracy_leaves_the_mode_as_it_was(small):
    net = network(small)
    x, y = (torch.from_numpy(a) for a in small.valid)
    for mode in (True, False):
        net.train(mode)
        accuracy(net, x, y)
        assert net.training is mode


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 1}, {"learning_rate": 0.0}, {"momentum": 1.0}, {"weight_decay": -1.0}])
def test_a_recipe_without_meaning_is_refused(wrong):
    with pytest.raises(WorkbenchError, match=next(iter(wrong))):
        Recipe(**wrong)
