"""The table that comes with the package, and the script that makes it."""

import json
import zipfile
from importlib.resources import files

import numpy as np
import pytest
from scipy.stats import spearmanr

import workbench as wb
from workbench import nas
from workbench.nas.data import further_signals
from workbench.nas.tables import read_nano_table
from workbench.problems import make_nano_table as script


@pytest.fixture(scope="module")
def table():
    return nas.nano_table()


def rank_correlation(test, rows):
    """Mean over pairs of seeds."""
    return np.mean([spearmanr(test[rows, i], test[rows, j])[0] for i in range(test.shape[1]) for j in range(i)])


# ---- what it holds ---------------------------------------------------------------------------------------------------


def test_every_cell_is_there_with_three_seeds_and_twelve_epochs(table):
    assert table.cells is nas.NANO and table.n_distinct == 951 == nas.NANO.count_distinct()
    assert (table.n_seeds, table.epochs, table.curves) == (3, tuple(range(1, 13)), True)
    assert np.isfinite(table.valid).all() and np.isfinite(table.test).all() and (table.second > 0).all()
    assert sorted(set(table.row.tolist())) == list(range(951))


def test_equal_cells_share_an_entry_and_sizes_are_those_of_networks(table):
    rng = np.random.default_rng(0)
    for _ in range(50):
        a = nas.NANO.sample(rng)
        b = nas.NANO.representative(a)
        assert table.test_error(a) == table.test_error(b) and table.rank(a) == table.rank(b)
        assert table.parameters(a) == nas.cell_size(nas.NANO, b).parameters


def test_a_cell_without_a_way_through_guesses(table):
    cut = ("conv3", "conv3", "conv3", "none", "none", "none")
    assert table.test_error(cut) == pytest.approx(0.9, abs=0.001)  # ten classes, all equally frequent
    assert table.curve(cut) == pytest.approx(np.full(12, 0.9), abs=0.03)


def test_seeds_agree_on_the_order_of_cells_as_the_docstring_says(table):
    """Else searching it would be searching noise. The better half is much closer together, so there they agree less."""
    mean = table.test.mean(axis=1)
    every, better, best = (np.flatnonzero(mean <= np.quantile(mean, q)) for q in (1, 0.5, 0.25))
    assert [rank_correlation(table.test, rows) for rows in (every, better, best)] == pytest.approx([0.90, 0.51, 0.13], abs=0.006)
    assert spearmanr(table.size, 1 - mean)[0] == pytest.approx(0.83, abs=0.006)
    assert table.rank(table.cells.biggest()) == 10


def test_early_epochs_rank_cells_as_the_docstring_says(table):
    mean = table.test.mean(axis=1)
    by_mean = [spearmanr(table.valid[:, :, e - 1].mean(axis=1), mean)[0] for e in (1, 2, 3, 4, 6, 8, 12)]
    by_one = [np.mean([spearmanr(table.valid[:, s, e - 1], mean)[0] for s in range(3)]) for e in (1, 2, 6, 8, 12)]
    assert by_mean == pytest.approx([0.72, 0.64, 0.86, 0.93, 0.96, 0.99, 0.99], abs=0.006)
    assert by_one == pytest.approx([0.51, 0.48, 0.90, 0.95, 0.96], abs=0.006)


def test_it_is_small_and_belongs_to_the_package():
    path = files("workbench.nas") / "nano_table.npz"
    assert path.is_file()
    with path.open("rb") as file:
        assert len(file.read()) < 300_000
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None


# ---- searching it ----------------------------------------------------------------------------------------------------


def test_a_search_finds_a_good_cell_in_it(table):
    run = wb.optimize(table.objective(), nas.NANO.space, algorithm=wb.Random(), n_trials=40, seed=0)
    run.start()
    run.wait()
    assert table.rank(run.best.config) < 951 / 4
    assert len(run.best.curve) == 12


def test_hyperband_stops_bad_cells_early(table):
    run = wb.optimize(table.objective(), nas.NANO.space, algorithm=wb.Random(), scheduler=wb.Hyperband(12, eta=2), n_trials=30,
                      seed=0)
    run.start()
    run.wait()
    steps = [t.n_steps for t in run.trials.by_number.values()]
    assert max(steps) == 12 and min(steps) < 12
    assert table.rank(run.best.config) < 951 / 3


# ---- the script ------------------------------------------------------------------------------------------------------


def fake(architecture, data, test):
    place = nas.NANO.index(architecture)
    return {"place": place, "valid": [[place % 1000] * 2] * 3, "train_loss": [[0.5, 0.25]] * 3, "test": [place % 5000] * 3, "seconds": 0.02}


def test_it_goes_on_where_it_was_stopped_and_writes_what_is_read_back(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    done = []
    monkeypatch.setattr(script, "train_cell", lambda *a: done.append(a[0]) or fake(*a))
    parts, out = tmp_path / "parts.jsonl", tmp_path / "table.npz"
    assert not script.make(parts, out, stop_after=10) and not out.exists()
    assert len(parts.read_text().splitlines()) == len(done) == 10
    assert script.make(parts, out)
    assert len(done) == len(set(done)) == 951
    table = read_nano_table(out)
    a = nas.NANO.representative(("conv3", "skip", "pool3", "conv3", "none", "conv3"))
    place = nas.NANO.index(a)
    assert table.epochs == (1, 2) and table.test_error(a) == pytest.approx(1 - (place % 5000) / 5000)
    assert table.error(a) == pytest.approx(1 - (place % 1000) / 1000) and table.seconds(a) == pytest.approx(0.04)
    assert table.train_loss(a).tolist() == pytest.approx([0.5, 0.25])


def test_a_line_is_what_training_each_seed_alone_gives():
    pytest.importorskip("torch")
    from workbench.nas.networks import CellNetwork
    from workbench.nas.training import test_accuracy, train

    data = nas.mnist1d(500)
    line = script.train_cell(("conv3", "none", "none", "skip", "conv3", "none"), data, data.test, seeds=(4, 1), epochs=2)
    assert json.loads(json.dumps(line)) == line
    for k, seed in enumerate((4, 1)):
        net = CellNetwork(nas.NANO, ("conv3", "none", "none", "skip", "conv3", "none"), data.shape, 10, script.CHANNELS, seed=seed)
        alone = list(train(net, data, epochs=2, learning_rate=script.LEARNING_RATE, seed=seed))
        assert line["train_loss"][k] == pytest.approx([e.train_loss for e in alone], rel=2e-3)  # sums in another order
        assert line["valid"][k] == pytest.approx([100 * e.valid_accuracy for e in alone], abs=3)
        assert line["test"][k] == pytest.approx(100 * test_accuracy(net, data), abs=3)


def test_further_signals_are_new_and_scaled_as_the_data_are():
    data, (x, y) = nas.mnist1d(), further_signals(2000, script.TEST_SEED)
    assert x.shape == (2000, 40, 1) and np.bincount(y).tolist() == [200] * 10
    again, _ = further_signals(2000, script.TEST_SEED)
    np.testing.assert_array_equal(x, again)
    assert abs(float(x.std()) - 1) < 0.03 and abs(float(x.mean())) < 0.03
    known = {row.tobytes() for row in data.x}
    assert not any(row.tobytes() in known for row in x)


@pytest.mark.slow
def test_training_a_cell_again_gives_about_what_the_table_says(table):
    pytest.importorskip("torch")
    architecture = nas.NANO.representative(("conv3", "none", "none", "conv3", "conv3", "none"))
    line = script.train_cell(architecture, nas.mnist1d(), further_signals(script.N_TEST, script.TEST_SEED))
    mean = 1 - np.mean(line["test"]) / script.N_TEST
    assert mean == pytest.approx(table.test_error(architecture), abs=0.03)  # another processor sums in another order
