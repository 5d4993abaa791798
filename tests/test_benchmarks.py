"""The benchmarks' own arithmetic and adapters; their figures are no matter for tests."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import __main__, adapters, regret, suggest
from benchmarks.table import Table, measure, ratio

PARAMS = [
    {"name": "algo", "type": "cat", "low": None, "high": None, "log": False, "choices": ["svm", "knn"], "condition": None},
    {"name": "c", "type": "float", "low": 1e-3, "high": 1e3, "log": True, "choices": None, "condition": ["algo", ["svm"]]},
    {"name": "k", "type": "int", "low": 1, "high": 50, "log": False, "choices": None, "condition": ["algo", ["knn"]]},
]


@pytest.mark.parametrize("adapter", [adapters.Random, adapters.TPE, adapters.GPBO])
def test_adapters_ask_for_configurations_of_the_described_space(adapter):
    a = adapter(PARAMS, 0, 20)
    for k in range(12):
        config = a.ask()
        a.space.validate(config)
        assert set(config) == ({"algo", "c"} if config["algo"] == "svm" else {"algo", "k"})
        a.tell(config, math.nan if k == 3 else float(k))
    assert len(a.rows) == 12


def test_tables_are_written_as_markdown_and_csv(tmp_path):
    table = Table("speed", "Speed", ["what", "ms"], [["ours", 1.23456], ["theirs", None]], ["A note."])
    table.write(tmp_path)
    assert "| ours | 1.23 |\n| theirs | - |\n\nA note." in (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert (tmp_path / "speed.csv").read_text(encoding="utf-8").splitlines()[1] == "ours,1.23456"


def test_a_ratio_with_a_missing_figure_is_missing():
    assert ratio(1.0, 4.0) == 0.25
    assert ratio(1.0, None) is None


def test_a_measurement_that_fails_says_why():
    with pytest.raises(RuntimeError, match=r"benchmarks\.imports nothing_here failed: .*nothing_here"):
        measure("benchmarks.imports", "nothing_here")


def test_samplers_are_compared_on_the_seeds_that_both_have_run():
    problem = SimpleNamespace(optimum=1.0, median_random=lambda: 3.0)
    curves = regret.read()
    curves["a", "p"] = {0: np.array([3.0, 2.0]), 1: np.array([9.0, 9.0])}
    curves["b", "p"] = {0: np.array([2.0, 1.0])}
    n, seeds, ours, theirs, ours_half, theirs_half = regret.paired(curves, {"p": problem}, "a", "b", ["p", "absent"])
    assert (n, seeds) == (1, "1-1")
    np.testing.assert_allclose([ours, theirs, ours_half, theirs_half], [0.5 + 1e-4, 1e-4, 1 + 1e-4, 0.5 + 1e-4])
    regrets = regret.mean_regrets(curves, {"p": problem}, ["a", "b"], ["p"])
    (first, second) = regret.standing(regrets)
    assert first[:2] == ["b", 1.0] and second[:2] == ["a", 2.0]
    assert first[2] == pytest.approx(1e-4) and second[3] == pytest.approx(2.5 + 1e-4)


def test_without_the_peer_benchmark_the_table_says_so(monkeypatch):
    monkeypatch.setattr(regret, "source", lambda: None)
    (table,) = regret.run(full=False)
    assert "Left out" in table.markdown()


def test_the_measured_configurations_are_valid_and_have_a_loss():
    rng = np.random.default_rng(0)
    for c in suggest.configs(50, rng):
        assert 4 <= c["i1"] <= 512
        assert math.isfinite(suggest.loss(c, rng))


def test_an_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit):
        __main__.main(["nothing"])
    assert "there is no part nothing" in capsys.readouterr().err
