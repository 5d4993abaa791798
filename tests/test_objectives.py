"""Ready-made objectives: epochs of torch modules, their checkpoints, and the way to scikit-learn's."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import SGDClassifier

import workbench as wb
from workbench.automl.fidelity import Epochs, Rows, Trees
from workbench.errors import ObjectiveError
from workbench.events import TrialShelved

torch = pytest.importorskip("torch")
X, Y = (a[:300] for a in load_digits(return_X_y=True))
BATCHES = [(torch.tensor(X[i:i + 50], dtype=torch.float32) / 16, torch.tensor(Y[i:i + 50])) for i in range(0, 300, 50)]
TRAIN, VALID = BATCHES[:4], BATCHES[4:]
SPACE = wb.Space(lr=wb.Float(1e-4, 1e-1, log=True), width=wb.Int(4, 16))


def build(config):
    return torch.nn.Sequential(torch.nn.Linear(64, config["width"]), torch.nn.ReLU(), torch.nn.Linear(config["width"], 10))


def losses(objective, config, n, state=None):
    return list(itertools.islice(objective(config, state=state), n))


def test_an_epoch_is_a_pass_over_the_batches_by_hand():
    config = {"lr": 0.01, "width": 8}
    torch.manual_seed(0)
    module = build(config)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    for step in losses(wb.objectives.torch_epochs(build, TRAIN, VALID), config, 3):
        for x, y in TRAIN:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(x), y).backward()
            optimizer.step()
        by_hand = np.mean([torch.nn.functional.cross_entropy(module(x), y).item() for x, y in VALID])
        assert step.loss == pytest.approx(by_hand, rel=1e-5)


def test_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped():
    f, config = wb.objectives.torch_epochs(build, TRAIN, VALID, metric=wb.objectives.error_rate), {"lr": 0.01, "width": 8}
    whole = [s.loss for s in losses(f, config, 6)]
    steps = f(config)
    first = [next(steps) for _ in range(3)]
    state = first[-1].state()
    assert [s.loss for s in first] + [s.loss for s in losses(f, config, 3, state=state)] == pytest.approx(whole)


def test_shelved_torch_trials_run_no_epoch_twice():
    class Counted(wb.objectives.TorchEpochs):
        n = 0

        def _epoch(self, torch, module, optimizer):
            Counted.n += 1
            super()._epoch(torch, module, optimizer)

    f = wb.objectives.torch_epochs(build, TRAIN, VALID)
    f.__class__ = Counted
    halving = wb.SuccessiveHalving(9)
    r = wb.optimize(f, SPACE, scheduler=halving, algorithm=wb.Random(), seed=0, max_waiting=0).start().wait(120)
    assert Counted.n == halving.round_steps
    assert any(isinstance(e, TrialShelved) and e.state for e in r.log)
    assert r.best.n_steps == 9


def test_what_is_no_module_and_what_is_no_batch_is_refused():
    with pytest.raises(ObjectiveError, match="must return a torch.nn.Module"):
        losses(wb.objectives.torch_epochs(lambda config: 3, TRAIN, VALID), {}, 1)
    with pytest.raises(ObjectiveError, match="used up"):
        losses(wb.objectives.torch_epochs(build, TRAIN, iter(())), {"width": 4}, 1)


def test_the_scikit_learn_objectives_are_those_of_tune():
    assert isinstance(wb.objectives.sklearn_partial_fit(SGDClassifier(), X, Y, max_steps=3), Epochs)
    assert isinstance(wb.objectives.sklearn_trees(ExtraTreesClassifier(), X, Y, max_steps=3), Trees)
    f = wb.objectives.sklearn_rows(SGDClassifier(), X, Y, max_steps=9, cv=3)
    assert isinstance(f, Rows)
    r = wb.optimize(f, wb.Space(alpha=wb.Float(1e-5, 1e-1, log=True)), scheduler=wb.SuccessiveHalving(9), n_trials=9,
                    seed=0).start().wait(60)
    assert [step for step, _ in r.best.curve] == [1, 3, 9]
