from dataclasses import dataclass

import numpy as np
import pytest

import workbench as wb
from tests.nas_helpers import Toy, made_up_table
from workbench import nas_search
from workbench.errors import RunError, SpaceError
from workbench.events import StepTaken
from workbench.nas.cells import NANO, CellSpace
from workbench.nas_search import label, search, table_of
from workbench.run import Run
from workbench.step_run import StepRun

SMALL = CellSpace("small", 3, ("none", "skip", "conv3"))
DATA = wb.nas.mnist1d(60)


@pytest.fixture
def shipped(monkeypatch):
    table = made_up_table()
    monkeypatch.setattr(nas_search, "nano_table", lambda: table)
    return table


def test_an_algorithm_looks_results_up_in_a_table():
    table = made_up_table(SMALL)
    run = search(wb.Random(), table, n_trials=6, seed=1, name=None)
    assert isinstance(run, Run)
    run.start().wait()
    assert run.n_done == 6
    assert table_of(run) is table
    best = run.best
    assert best.loss == pytest.approx(table.error(best.config))
    assert len(best.curve) == 3  # the table has curves


def test_epochs_end_the_curves_of_a_table_earlier():
    run = search(wb.Random(), made_up_table(SMALL), n_trials=2, epochs=2).start().wait()
    assert len(run.best.curve) == 2


def test_an_algorithm_without_data_has_the_shipped_table(shipped):
    run = search(wb.nas.RegularizedEvolution(), n_trials=5)
    assert table_of(run) is shipped
    assert run.space == NANO.space


def test_an_algorithm_trains_networks_on_data():
    pytest.importorskip("torch")
    run = search(wb.Random(), DATA, n_trials=2, epochs=1, seed=0).start().wait()
    assert run.n_done == 2
    assert table_of(run) is None
    assert 0 <= run.best.loss <= 1


def test_trained_networks_are_judged_by_the_shipped_table_too(shipped):
    pytest.importorskip("torch")
    assert table_of(search(wb.Random(), wb.nas.mnist1d(), n_trials=2)) is shipped


def test_a_strategy_that_takes_steps_is_judged_by_the_shipped_table(shipped):
    run = search(Toy(6), name="toy", seed=3)
    assert isinstance(run, StepRun)
    assert (run.name, run.seed, run.n_steps, run.label) == ("toy", 3, 6, "Toy(n_steps=6)")
    assert run.about["data"] == "MNIST-1D"
    assert run.about["biggest"]["accuracy"] == pytest.approx(1 - shipped.test_error(("conv3",) * 6))
    frame = run.start().wait().frame()
    assert {"true_accuracy", "true_rank", "random_accuracy", "valid_accuracy"} <= set(frame)
    assert frame["true_rank"].iloc[-1] == shipped.rank(run.chosen)


def test_on_other_data_nothing_is_judged_unless_a_table_is_given():
    run = search(Toy(), DATA).start().wait()
    assert table_of(run) is None
    assert "true_rank" not in run.frame()
    assert run.about["n_nodes"] == 4
    table = made_up_table(SMALL)
    judged = search(Toy(), DATA, cells=SMALL, table=table).start().wait()
    assert judged.frame()["true_rank"].iloc[-1] == table.rank(judged.chosen)


def test_the_seed_reaches_the_strategy():
    one, same, other = (search(Toy(), DATA, seed=s).start().wait() for s in (1, 1, 2))
    assert np.array_equal(one.result.weights, same.result.weights)
    assert not np.array_equal(one.result.weights, other.result.weights)
    assert isinstance(search(Toy(), DATA, seed=None).seed, int)


def test_a_strategy_with_networks_of_its_own_is_given_no_cells(shipped):
    @dataclass(frozen=True)
    class Own:
        n_steps: int = 1

        def steps(self, data, *, cells=None, seed=0):
            assert cells is None
            yield StepTaken(1, {"valid_accuracy": 0.5})

    run = search(Own()).start().wait()
    assert run.about == {"data": "MNIST-1D"}
    assert run.metrics == {"valid_accuracy": 0.5}


def test_a_strategy_is_named_by_what_differs_from_the_defaults():
    assert label(Toy()) == "Toy"
    assert label(Toy(n_steps=9)) == "Toy(n_steps=9)"
    assert label(wb.nas.HillClimbing()) == "Hill climbing"


@pytest.mark.parametrize(("given", "says"), [
    ((Toy,), r"not its class: Toy\(\)"),
    (("TPE",), "method suggest or a method steps"),
    ((Toy(), np.zeros(3)), "wb.nas.Data, got ndarray"),
])
def test_what_is_no_strategy_or_no_data_is_refused(given, says):
    with pytest.raises(RunError, match=says):
        search(*given)


def test_table_and_space_must_be_the_same():
    with pytest.raises(RunError, match="the table is of small, the search in nano"):
        search(wb.TPE(), made_up_table(SMALL), cells=NANO)
    with pytest.raises(SpaceError, match="such as wb.nas.NANO"):
        search(wb.TPE(), cells=NANO.space)
    with pytest.raises(RunError, match="no table of small"):
        search(wb.TPE(), cells=SMALL)


STRATEGIES = {
    "DARTS": lambda: wb.nas.DARTS(epochs=1), "GDAS": lambda: wb.nas.GDAS(epochs=1), "ENAS": lambda: wb.nas.ENAS(epochs=1),
    "one-shot": lambda: wb.nas.PathDropout(epochs=1, n_ranked=4, n_probes=4),
    "Lamarckian": lambda: wb.nas.Lamarckian(population=2, sample=1, children=1, epochs=1),
    "hill climbing": lambda: wb.nas.HillClimbing(climbs=1, neighbours=2, epochs=1, last_epochs=0),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_log_of_every_strategy_is_kept_whole(name, tmp_path):
    pytest.importorskip("torch")
    data = wb.nas.mnist1d(400)
    run = search(STRATEGIES[name](), data, table=None if name == "hill climbing" else made_up_table())
    run.start().wait()
    assert run.n_done == run.n_steps
    run.log.save(tmp_path / "log.jsonl")
    again = wb.replay(tmp_path / "log.jsonl")
    assert again.export() == run.export()
    assert type(again.result) is type(run.result)
    assert again.result.summary() == run.result.summary()
    assert again.about == run.about
