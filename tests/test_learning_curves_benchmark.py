"""The arithmetic of the benchmark of learning curves, on curves made up here."""

import numpy as np
import pytest

from benchmarks import learning_curves
from benchmarks.learning_curves import LearningCurve, Tally, by_last_value, pow3, race, read

SIZES = np.arange(1.0, 11.0)


def test_only_every_second_data_set_and_no_short_curve_is_measured(tmp_path):
    rows = ["openmlid,learner,size_train,valid"]
    for data_set, n in ((3, 12), (5, 12), (7, 12), (9, 4)):
        rows += [f"{data_set},tree,{16 * (k + 1)},{0.5 + k / 100}" for k in range(n)]
    file = tmp_path / "curves.csv"
    file.write_text("\n".join(rows), encoding="utf-8")
    (curve,) = read(file)
    assert curve.data_set == 5
    np.testing.assert_allclose(curve.accuracies, 0.5 + np.arange(12) / 100)


def test_without_the_table_nothing_is_measured(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv(learning_curves.VARIABLE, str(tmp_path / "absent.csv"))
    assert learning_curves.run(full=False) == []
    assert "set LCDB_ACCURACY" in capsys.readouterr().out


def test_stops_are_counted_and_wrong_ones_found():
    good = LearningCurve(1, SIZES, np.full(10, 0.8))
    worse = LearningCurve(1, SIZES, np.full(10, 0.7))
    late = LearningCurve(1, SIZES, np.linspace(0.1, 0.9, 10))
    tally = Tally()
    race([good, worse, late], by_last_value, tally)
    assert (tally.curves, tally.stopped, tally.wrong) == (3, 2, 1)
    assert (tally.points, tally.points_run) == (30, 20)  # both stopped at the first look, after five points
    assert tally.lost == [pytest.approx(0.1)]


def test_a_power_law_is_extrapolated_exactly():
    accuracies = 0.9 - 0.5 * SIZES**-0.6
    mean, sigma = pow3(SIZES, accuracies, 1000.0)
    assert mean == pytest.approx(0.9 - 0.5 * 1000**-0.6, abs=2e-3)
    assert sigma < 1e-3
