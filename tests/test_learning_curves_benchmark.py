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


def test_without_the_table_only_the_curves_over_epochs_are_measured(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv(learning_curves.VARIABLE, str(tmp_path / "absent.csv"))
    monkeypatch.setattr(learning_curves, "trained", lambda n: [LearningCurve(0, SIZES, 1 - 0.5 / SIZES, np.ones(10))] * 2)
    calibration, stopping = learning_curves.run(full=False)
    assert [row[1] for row in calibration.rows] == ["posterior", "pow3", "last value"] * 3
    assert [row[0] for row in stopping.rows] == ["posterior", "last value", "pow3"]
    assert "set LCDB_ACCURACY" in capsys.readouterr().out


def test_stops_are_counted_and_wrong_ones_found():
    good = LearningCurve(1, SIZES, np.full(10, 0.8), SIZES)
    worse = LearningCurve(1, SIZES, np.full(10, 0.7), SIZES)
    late = LearningCurve(1, SIZES, np.linspace(0.1, 0.9, 10), SIZES)
    tally = Tally()
    race([good, worse, late], by_last_value, tally)
    assert (tally.curves, tally.stopped, tally.wrong) == (3, 2, 1)
    assert (tally.points, tally.points_run) == (30, 20) and (tally.cost, tally.cost_run) == (165, 85)  # both stopped at the first look, after five points
    assert tally.lost == [pytest.approx(0.1)]


def test_a_power_law_is_extrapolated_exactly():
    accuracies = 0.9 - 0.5 * SIZES**-0.6
    mean, sigma = pow3(SIZES, accuracies, 1000.0)
    assert mean == pytest.approx(0.9 - 0.5 * 1000**-0.6, abs=2e-3)
    assert sigma < 1e-3
