"""Regularised evolution: who lives, who wins, what changes."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

import workbench as wb
from workbench.event_file import decode, encode
from workbench.history import Drawn, History
from workbench.nas.cells import NANO
from workbench.nas.evolution import EvolutionExplanation, RegularizedEvolution, deaths, living, mutable, mutated
from workbench.search import catalogue

SPACE = NANO.space


def history_of(y, *, pending=0, seed=0):
    x = SPACE.sample_unit(len(y) + pending, np.random.default_rng(seed))
    return History.of(SPACE, x[:len(y)], np.asarray(y, dtype=float), pending=x[len(y):])


def test_the_first_members_are_drawn_at_random_and_running_ones_count():
    algorithm, rng = RegularizedEvolution(population=5), np.random.default_rng(0)
    for told, pending in ((0, 0), (0, 9), (2, 2), (4, 0)):
        assert isinstance(algorithm.suggest(history_of([1.0] * told, pending=pending), rng).why, Drawn)
    for told, pending in ((1, 4), (5, 0), (3, 7)):
        assert isinstance(algorithm.suggest(history_of([1.0] * told, pending=pending), rng).why, EvolutionExplanation)


def test_with_ageing_the_newest_live_and_without_it_the_best():
    y = np.array([5.0, 1.0, 4.0, 2.0, 9.0, 3.0])
    assert living(y, 3, ageing=True).tolist() == [3, 4, 5]
    assert living(y, 3, ageing=False).tolist() == [1, 3, 5]
    assert living(y[:2], 3, ageing=False).tolist() == [0, 1]


@pytest.mark.parametrize("ageing", [True, False])
def test_the_living_are_those_whom_a_population_kept_step_by_step_would_hold(ageing):
    """Algorithm 1 with a list, told one result after the other; losses repeat, some failed."""
    rng = np.random.default_rng(1)
    y = np.round(rng.random(60), 1)
    y[rng.random(60) < 0.1] = np.inf
    members, died = [], np.full(60, np.inf)
    for row in range(60):
        members.append(row)
        if len(members) > 7:
            gone = members[0] if ageing else max(members, key=lambda r: (y[r], -r))
            members.remove(gone)
            died[gone] = row + 1
        assert living(y[:row + 1], 7, ageing=ageing).tolist() == members
    np.testing.assert_array_equal(deaths(y, 7, ageing=ageing), died)


def test_a_child_is_its_parent_with_one_parameter_changed():
    algorithm = RegularizedEvolution()
    history = history_of(np.random.default_rng(2).random(30))
    for seed in range(200):
        s = algorithm.suggest(history, np.random.default_rng(seed))
        changed = np.flatnonzero(s.x != history.x[s.why.parent])
        assert [SPACE.names[j] for j in changed] == [s.why.parameter]
        before, after = (SPACE.from_unit(p)[s.why.parameter] for p in (history.x[s.why.parent], s.x))
        assert (s.why.before, s.why.after) == (before, after)
        assert before != after


def test_the_parent_is_the_best_of_those_drawn_from_the_living():
    y = np.random.default_rng(3).random(40)
    for algorithm in (RegularizedEvolution(8, 4), RegularizedEvolution(8, 4, ageing=False)):
        for seed in range(50):
            why = algorithm.suggest(history_of(y), np.random.default_rng(seed)).why
            assert set(why.drawn) <= set(why.population) == set(living(y, 8, ageing=algorithm.ageing).tolist())
            assert why.parent == min(why.drawn, key=lambda r: y[r])


def test_winners_are_as_often_of_each_rank_as_draws_with_replacement_say():
    """P(best of S draws has rank <= k of P) = 1 - (1 - k / P)^S; 4,000 draws, four standard errors."""
    y = np.arange(10.0)
    history, algorithm = history_of(y), RegularizedEvolution(10, 3)
    parents = [algorithm.suggest(history, np.random.default_rng([7, k])).why.parent for k in range(4000)]
    for rank in (1, 3, 6):
        p = 1 - (1 - rank / 10) ** 3
        assert abs(np.mean(np.array(parents) < rank) - p) < 4 * np.sqrt(p * (1 - p) / 4000)


def test_every_change_is_equally_likely():
    """6 edges with 3 other operations each: 18 children; chi-square with 17 degrees of freedom, 0.9999 quantile 48."""
    parent = SPACE.to_unit(NANO.config(("conv3",) * 6))
    counts: dict[bytes, int] = {}
    rng = np.random.default_rng(0)
    for _ in range(3600):
        able = mutable(SPACE, parent)
        child = mutated(SPACE, parent, int(rng.choice(able)), rng)
        counts[child.tobytes()] = counts.get(child.tobytes(), 0) + 1
    assert len(counts) == 18
    assert sum((c - 200) ** 2 / 200 for c in counts.values()) < 48


def test_failed_trials_never_win_against_others_but_do_no_harm():
    y = np.array([np.inf] * 5 + [0.5] + [np.inf] * 4)
    whys = [RegularizedEvolution(10, 10).suggest(history_of(y), np.random.default_rng(k)).why for k in range(40)]
    assert all(w.parent == 5 for w in whys if 5 in w.drawn)
    assert isinstance(RegularizedEvolution().suggest(history_of([np.inf] * 12), np.random.default_rng(0)).why,
                      EvolutionExplanation)


def test_a_change_that_switches_parameters_on_draws_them_anew():
    space = wb.Space(algo=wb.Choice("svm", "knn"), C=wb.Float(1e-2, 1e2, log=True, when={"algo": "svm"}),
                     gamma=wb.Float(0.1, 1, when={"algo": "svm"}))
    x = space.to_unit([{"algo": "knn"}] * 4)
    suggestions = [RegularizedEvolution(population=4).suggest(History.of(space, x, np.arange(4.0)), np.random.default_rng(k))
                   for k in range(5)]
    for s in suggestions:
        assert s.why.switched_on == ("C", "gamma")
        assert "C, gamma drawn anew" in s.why.summary()
    assert len({tuple(s.x) for s in suggestions}) == 5


def test_where_no_change_is_allowed_a_point_is_drawn():
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Choice("x", "y"), forbidden=[{"a": "x", "b": "y"}, {"a": "y", "b": "x"}])
    x = space.to_unit([{"a": "x", "b": "x"}] * 3)
    s = RegularizedEvolution(population=3).suggest(History.of(space, x, np.arange(3.0)), np.random.default_rng(0))
    assert "no change" in s.why.how
    assert space.contains(space.from_unit(s.x))


def test_the_reason_is_said_in_words_and_kept_in_files():
    why = RegularizedEvolution().suggest(history_of(np.arange(12.0)), np.random.default_rng(0)).why
    text = why.summary()
    assert "the best of 3 drawn from the 10 newest results" in text
    assert f"{why.parameter} from {why.before} to {why.after}" in text
    assert why.ages == tuple(range(10, 0, -1))
    again = decode(encode(why))
    assert isinstance(again, EvolutionExplanation)
    assert (again.population, again.parent, again.parameter) == (why.population, why.parent, why.parameter)


@pytest.mark.parametrize(("settings", "text"), [({"population": 1}, "at least 2"), ({"sample": 0}, "at least 1")])
def test_settings_that_make_no_sense_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        RegularizedEvolution(**settings)


def test_it_finds_a_good_cell_where_changes_add_up():
    """A separable toy: the number of edges that are not conv3. 60 trials of 4,096; random search gets to 2 or 3 of 6 at best."""
    def loss(x):
        return float(sum(v != "conv3" for v in SPACE.from_unit(x).values()))

    best = []
    for seed, ageing in itertools.product(range(8), (True, False)):
        x, y = np.empty((0, 6)), np.empty(0)
        for k in range(60):
            algorithm = RegularizedEvolution(ageing=ageing)
            new = algorithm.suggest(History.of(SPACE, x, y), np.random.default_rng([seed, k])).x
            x, y = np.vstack([x, new]), np.append(y, loss(new))
        best.append(y.min())
    assert np.mean(best) < 1.0


def test_a_named_run_reopens_with_the_algorithm_that_it_had_though_nobody_imported_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    algorithm = RegularizedEvolution(population=4, ageing=False)
    run = wb.optimize(lambda config: sum(v != "skip" for v in config.values()), SPACE, n_trials=14, seed=1,
                      algorithm=algorithm, name="cells")
    run.start()
    run.wait()
    assert isinstance(run.trials.by_number[13].why, EvolutionExplanation)
    run.close()
    code = ("import workbench as wb, sys; run = wb.open('cells'); assert len(run.trials) == 14; "
            "print(repr(run.algorithm)); run.close()")
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert shown.strip() == repr(algorithm)


def test_panels_offer_it_where_all_parameters_are_choices():
    names = {"Regularised evolution", "Evolution · the worst dies"}
    assert names <= set(catalogue.offered(SPACE))
    assert not names & set(catalogue.offered(wb.Space(x=wb.Float(0, 1), c=wb.Choice("a", "b"))))
    assert catalogue.code(RegularizedEvolution(sample=5), "wb.") == "wb.nas.RegularizedEvolution(sample=5)"
