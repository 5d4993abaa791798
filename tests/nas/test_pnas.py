"""PNAS: how cells grow, its levels against Algorithm 1 done by hand, what it suggests to several workers, what it finds."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import workbench as wb
from tests import search_helpers
from tests.nas.test_predictor_search import cell_loss
from workbench import event_file
from workbench.errors import SpaceError
from workbench.events import TrialSuggested
from workbench.history import Drawn, History
from workbench.models.log_transform import LogTransform
from workbench.nas.cells import NANO, NASBENCH201, CellSpace
from workbench.nas.encodings import encode
from workbench.nas.pnas import PNAS, PnasExplanation, SmallestCells, expanded, n_nodes_of, passed_on, smallest
from workbench.nas.predictor_search import architectures_at, identities
from workbench.nas.rnn_predictor import RNNEnsemble
from workbench.search.surrogate_why import slice_1d


@pytest.fixture(scope="module")
def run():
    return search_helpers.drive(PNAS(beam=6), NANO.space, cell_loss, 24)


def test_a_small_cell_is_a_cell_whose_later_nodes_pass_on():
    assert passed_on(("conv3",), 3) == ("conv3", "none", "skip", "none", "none", "skip")
    assert passed_on(("conv3", "pool3", "none"), 3) == ("conv3", "pool3", "none", "none", "none", "skip")
    assert [n_nodes_of(("skip",) * n) for n in (1, 3, 6, 10, 15)] == [1, 2, 3, 4, 5]
    for prefix in itertools.product(NANO.operations, repeat=3):  # what it computes is what its last node computes
        small = CellSpace("small", 3, NANO.operations)
        assert NANO.canonical(passed_on(prefix, 3)) == small.canonical(prefix)


def test_expanding_all_cells_reaches_every_distinct_cell_of_the_space():
    rng, level = np.random.default_rng(0), [(op,) for op in NANO.operations]
    for _ in range(2):
        level = [(*p, *more) for p in level for more in itertools.product(NANO.operations, repeat=n_nodes_of(p) + 1)]
    assert {NANO.canonical(a) for a in level} == set(NANO.distinct())
    two = expanded(NANO, smallest(NANO), set(), rng)
    assert {NANO.canonical(passed_on(p, 3)) for p in two} == set(CellSpace("small", 3, NANO.operations).distinct())
    without = expanded(NANO, smallest(NANO), {NANO.canonical(passed_on(two[5], 3))}, rng)
    assert without == [p for p in two if p != two[5]]


def test_it_does_what_algorithm_1_says(run):
    """Level by level by hand: all cells of one node, then the six lowest predictions, fitted to what was known by then."""
    history, out = run
    y, B = history.y, 3
    first = [passed_on(p, B) for p in smallest(NANO)]
    assert architectures_at(NANO, history.x[:4]) == first
    assert all(isinstance(s.why, SmallestCells) for s in out[:4])
    trained = {NANO.canonical(a): (y[k], p) for k, (a, p) in enumerate(zip(first, smallest(NANO), strict=True))}
    m = 4
    for size in (2, 3):
        parents = [passed_on(p, size - 1) for _, p in sorted(trained.values(), key=lambda pair: pair[0])[:6]]
        seen = {NANO.canonical(a) for a in architectures_at(NANO, history.x[:m])}
        found = expanded(NANO, parents, seen, np.random.default_rng(0))
        target = LogTransform.of(y[:m])
        code = [encode("sequence", NANO, [NANO.representative(a) for a in rows]) for rows in
                (architectures_at(NANO, history.x[:m]), [passed_on(p, B) for p in found])]
        mean, _ = RNNEnsemble().fit(code[0], target.forward(y[:m]), seed=m).predict(code[1])
        beam = [found[k] for k in np.argsort(mean, kind="stable")[:6]]
        assert architectures_at(NANO, history.x[m:m + 6]) == [passed_on(p, B) for p in beam]
        why = out[m + 5].why
        assert isinstance(why, PnasExplanation)
        assert (why.level, why.place, why.fitted_to, why.n_expanded, why.n_parents) == (size, 5, m, len(found), len(parents))
        np.testing.assert_allclose(why.beam_predicted, target.inverse(np.sort(mean)[:6]))
        trained |= {NANO.canonical(passed_on(p, B)): (y[m + k], p) for k, p in enumerate(beam)}
        m += 6
    assert (out[16].why.level, out[16].why.fitted_to) == (3, 16)  # another round of complete cells, by a new fit


def test_no_cell_is_trained_twice_and_the_best_is_found(run):
    history, _ = run
    assert len(set(identities(NANO.space, history.x))) == 24
    assert history.y.min() == pytest.approx(min(cell_loss(NANO.config(a)) for a in NANO.distinct().values()))


def test_an_empty_memo_gives_the_same_answer(run):
    history, out = run
    for n in (0, 3, 4, 9, 10, 17, 23):
        s = PNAS(beam=6).suggest(replace(history[:n], memo={}), np.random.default_rng([0, n]))
        assert s.x.tobytes() == out[n].x.tobytes()


def test_the_explanation_rebuilds_its_predictor_and_survives_a_file(run):
    history, out = run
    why, seen = out[12].why, replace(history[:12], memo={})
    mean, _ = why.belief(seen).predict(why.x[None])
    assert why.belief(seen).transform.inverse(mean)[0] == pytest.approx(why.predicted)
    assert why.beam_predicted[why.place] == pytest.approx(why.predicted)
    assert "Number 3 of the beam of 6 with all 3 nodes" in why.summary()
    assert "knew 10 results" in why.summary() and "of 6 cells" in why.summary()
    assert np.isfinite(slice_1d(seen, why, "e01").mean).all()
    kept = event_file.loads(event_file.dumps(TrialSuggested(12, {}, why, 0)))
    assert kept.why.beam == why.beam
    assert kept.why.summary() == why.summary()
    assert "4 different cells with 1 of 3 nodes" in out[0].why.summary()


def test_further_workers_get_what_comes_after_the_beam(run):
    history, _ = run
    n, x = 4, history.x[:4]
    for k in range(8):
        s = PNAS(beam=6).suggest(History.of(NANO.space, x[:n], history.y[:n], pending=x[n:]), np.random.default_rng(k))
        assert (s.why.place, s.why.fitted_to) == (k, 4)
        x = np.vstack([x, s.x])
    assert "The beam of 6 is being trained" in s.why.summary()
    some = History.of(NANO.space, x[:2], history.y[:2], pending=x[2:4])  # none of the smallest is left, two still run
    s = PNAS().suggest(some, np.random.default_rng(0))
    assert isinstance(s.why, Drawn)
    assert "while the last of a level are trained" in s.why.summary()


def test_results_of_others_teach_the_predictor_and_are_not_repeated():
    x = NANO.space.sample_unit(30, np.random.default_rng(3))
    y = np.array([cell_loss(c) for c in NANO.space.from_unit(x)])
    memo = {}
    for k in range(12):
        history = replace(History.of(NANO.space, x, y), memo=memo)
        s = PNAS(beam=4).suggest(history, np.random.default_rng(k))
        assert identities(NANO.space, s.x[None])[0] not in identities(NANO.space, x)
        x, y = np.vstack([x, s.x]), np.append(y, cell_loss(NANO.space.from_unit(s.x)))
    assert s.why.fitted_to > 30


@pytest.mark.parametrize("y", [np.full(4, np.inf), np.ones(4), [np.inf, 1e300, -1e300, 0.0]], ids=["failed", "equal", "huge"])
def test_strange_losses_are_no_reason_to_fail(y):
    x = NANO.space.to_unit([NANO.config(passed_on(p, 3)) for p in smallest(NANO)])
    s = PNAS(beam=3).suggest(History.of(NANO.space, x, np.asarray(y)), np.random.default_rng(0))
    assert (s.why.level, s.why.place) == (2, 0)


def test_when_all_expansions_are_trained_it_goes_on_at_random():
    tiny = CellSpace("cells", 3, ("none", "skip", "conv3"))
    x = tiny.space.to_unit([tiny.config(a) for a in tiny.distinct().values()])
    s = PNAS(beam=50).suggest(History.of(tiny.space, x, np.arange(float(len(x)))), np.random.default_rng(0))
    assert "every expansion has been trained" in s.why.summary()


def test_of_very_many_expansions_some_are_drawn():
    large = CellSpace("cells", 7, ("none", "skip", "conv3", "pool3"))  # 4^21
    parents = [tuple(a) for a in np.random.default_rng(0).choice(["skip", "conv3", "pool3"], size=(10, 15)).tolist()]
    found = expanded(large, parents, set(), np.random.default_rng(0))  # 10 · 4^6 would be 40,960
    assert 10_000 < len(found) <= 20_000  # some are drawn twice
    assert {p[:15] for p in found} == set(parents)
    assert all(len(p) == 21 for p in found)


@pytest.mark.parametrize("predictor", ["mlp", "forest", "gp"])
def test_other_predictors_widen_too(predictor):
    history, out = search_helpers.drive(PNAS(5, predictor), NASBENCH201.space, lambda c: cell_loss(c, NASBENCH201), 16)
    assert out[-1].why.level == 3
    assert history.y[10:].min() < history.y[:5].min()


def test_on_the_table_it_finds_one_of_the_best_of_951_cells():
    """Measured: places by validation error 11, 6, 6, 1, 1, 6, 1, 9 after 50 trainings, seeds 0 to 7; at random, no cell twice, 16,
    4, 33, 48, 5, 1, 7, 4.
    """
    table = wb.nas.nano_table()
    errors = np.sort([table.error(a) for a in NANO.distinct().values()])
    found = [search_helpers.drive(PNAS(), NANO.space, table.error, 50, seed=seed)[0].y.min() for seed in range(4)]
    assert max(found) <= errors[19]
    assert np.median(found) <= errors[9]


def test_a_run_and_a_search_with_it_work():
    table = wb.nas.nano_table()
    run = wb.optimize(table.objective(), NANO.space, algorithm=PNAS(beam=3), n_trials=12, n_workers=2, seed=0).start().wait(60)
    assert run.state == "done"
    run = wb.nas.search(wb.nas.PNAS(beam=3), table, n_trials=8).start().wait(60)
    assert run.n_done == 8


def test_spaces_in_which_nothing_can_grow_are_refused():
    with pytest.raises(SpaceError, match=r"PNAS grows cells.*PredictorSearch"):
        PNAS().suggest(History.of(wb.Space(x=wb.Float(0, 1)), np.empty((0, 1)), np.empty(0)), np.random.default_rng(0))
    without = CellSpace("cells", 3, ("none", "conv3")).space
    with pytest.raises(SpaceError, match="needs the operations 'skip' and 'none'"):
        PNAS().suggest(History.of(without, np.empty((0, 3)), np.empty(0)), np.random.default_rng(0))


@pytest.mark.parametrize(("settings", "message"), [({"beam": 0}, "beam must be at least 1"),
                                                   ({"predictor": "svm"}, "predictor must be one of mlp, rnn")])
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        PNAS(**settings)
