"""From rows to generations: order told, late and foreign rows, conditions, memo, restarts."""

from dataclasses import replace

import numpy as np
import pytest

import workbench as wb
from workbench.history import History
from workbench.models.cma_state import CMAState, update
from workbench.search.cma_generations import Settings, generations, longest_step, parts_of

SETTINGS = Settings(6, 0.125, "ipop", 1e-4, False)
FLOATS = wb.Space(a=wb.Float(0, 1), b=wb.Float(0, 1), c=wb.Float(0, 1))
MIXED = wb.Space(x=wb.Float(0, 1), n=wb.Int(0, 9), c=wb.Choice("r", "g", "b"), one=wb.Choice("only"), k=wb.Int(3, 3))
NESTED = wb.Space(algo=wb.Choice("svm", "knn"), C=wb.Float(0.1, 10, log=True, when={"algo": "svm"}),
                  k=wb.Int(1, 9, when={"algo": "knn"}), w=wb.Float(0, 1, when={"k": [7, 8, 9]}))


def close_rows(n, seed=0, space=FLOATS):
    """Rows near the centre, which no bound shortens, and their losses."""
    rng = np.random.default_rng(seed)
    x = space.snap(np.clip(0.5 + 0.1 * rng.standard_normal((n, len(space))), 0, 1))
    return x, rng.random(n)


def test_each_lambda_rows_in_the_order_told_are_one_update():
    x, y = close_rows(27)
    now = generations(History.of(FLOATS, x, y), SETTINGS)
    state = CMAState.start(np.full(3, 0.5), 0.125)
    for g in range(4):
        rows = slice(6 * g, 6 * g + 6)
        y_steps = np.linalg.norm(np.linalg.solve(state.root, (x[rows] - state.mean).T), axis=0)
        assert (y_steps < longest_step(3)).all()  # so that nothing is shortened
        state = update(state, x[rows], y[rows])
    branch = now.branches[0]
    np.testing.assert_allclose(branch.state.mean, state.mean, rtol=1e-12)
    np.testing.assert_allclose(branch.state.C, state.C, rtol=1e-9, atol=1e-12)
    assert branch.waiting == [24, 25, 26]
    assert branch.last == [18, 19, 20, 21, 22, 23]
    assert branch.generation == 4


@pytest.mark.parametrize("space", [FLOATS, MIXED, NESTED], ids=["floats", "mixed", "nested"])
def test_no_row_is_lost_and_none_counts_twice(space):
    x = space.sample_unit(100, np.random.default_rng(1))
    history = History.of(space, x, np.random.default_rng(2).random(100))
    counted: dict[int, list[int]] = {}
    for n in range(101):  # told one by one
        for i, branch in enumerate(generations(history[:n], SETTINGS).branches):
            if branch.last[-1:] == [n - 1] and not branch.waiting:
                counted.setdefault(i, []).extend(branch.last)
    for i, branch in enumerate(generations(history, SETTINGS).branches):
        active = np.flatnonzero(~np.isnan(x[:, branch.part.first]))
        assert [*counted.get(i, []), *branch.waiting] == active.tolist()


@pytest.mark.parametrize("space", [FLOATS, MIXED, NESTED], ids=["floats", "mixed", "nested"])
@pytest.mark.parametrize("margin", [False, True])
def test_taken_in_piece_by_piece_or_at_once_the_distributions_are_the_same(space, margin):
    settings = SETTINGS._replace(margin=margin, restart="bipop", tolx=0.05)
    x = space.sample_unit(80, np.random.default_rng(3))
    history = History.of(space, x, np.nan_to_num(x).sum(axis=1))
    for n in (3, 4, 30, 17, 80):
        pieces, once = generations(history[:n], settings), generations(replace(history[:n], memo={}), settings)
        for a, b in zip(pieces.branches, once.branches, strict=True):
            assert a.waiting == b.waiting
            assert a.generation == b.generation
            assert len(a.path) == len(b.path)
            for q, p in zip(a.q, b.q, strict=True):
                np.testing.assert_array_equal(q, p)
            if a.state is not None:
                np.testing.assert_array_equal(a.state.mean, b.state.mean)
                np.testing.assert_array_equal(a.state.C, b.state.C)


def test_a_changed_row_is_noticed():
    x, y = close_rows(12)
    history = History.of(FLOATS, x, y)
    before = generations(history, SETTINGS).branches[0].state.mean
    other = replace(history, y=y[::-1].copy())
    after = generations(other, SETTINGS).branches[0].state.mean
    assert not np.allclose(before, after)
    np.testing.assert_array_equal(after, generations(replace(other, memo={}), SETTINGS).branches[0].state.mean)


def test_rows_that_are_changed_in_place_do_not_spoil_the_memo():
    x, y = close_rows(12)
    history = History.of(FLOATS, x, y)
    generations(history, SETTINGS)
    history.x[3] = 0.9
    np.testing.assert_array_equal(generations(history, SETTINGS).branches[0].state.mean,
                                  generations(replace(history, memo={}), SETTINGS).branches[0].state.mean)


def test_a_foreign_row_far_away_moves_the_mean_by_a_bounded_step():
    x, y = close_rows(6)
    x[2], y[2] = [1.0, 1.0, 0.0], -5.0  # a user's point in a corner, and the best
    branch = generations(History.of(FLOATS, x, y), SETTINGS).branches[0]
    alone = update(CMAState.start(np.full(3, 0.5), 0.125), x, y)
    step, unbounded = np.linalg.norm(branch.state.mean - 0.5), np.linalg.norm(alone.mean - 0.5)
    assert 0.05 < step < unbounded  # it counts, and it is shortened
    assert (branch.state.mean - 0.5) @ [1, 1, -1] > 0
    assert step < 0.125 * longest_step(3)


def test_a_thousandth_of_own_steps_is_longer_than_the_bound():
    z = np.random.default_rng(0).standard_normal((200_000, 4))
    assert (np.linalg.norm(z, axis=1) > longest_step(4)).mean() == pytest.approx(1e-3, rel=0.3)


def test_a_group_learns_only_from_the_trials_in_which_it_was_active():
    x = NESTED.sample_unit(60, np.random.default_rng(5))
    y = np.random.default_rng(6).random(60)
    branches = generations(History.of(NESTED, x, y), SETTINGS).branches
    svm = next(b for b in branches if b.part.first == 1)
    on = ~np.isnan(x[:, 1])
    assert svm.generation == on.sum() // 6
    mine = wb.Space(C=wb.Float(0.1, 10, log=True))
    alone = generations(History.of(mine, x[on, 1:2], y[on]), SETTINGS).branches[0]
    np.testing.assert_allclose(svm.state.mean, alone.state.mean, rtol=1e-12)
    assert svm.state.sigma == pytest.approx(alone.state.sigma)


def test_levels_are_read_as_cells_and_choices_as_probabilities():
    part = parts_of(MIXED)[0]
    assert part.numeric == (0, 1)
    assert part.choices == (2,)
    rng = np.random.default_rng(7)
    x = MIXED.sample_unit(60, rng)
    level, option = MIXED["n"].level(x[:, 1]), MIXED["c"].level(x[:, 2])
    branch = generations(History.of(MIXED, x, np.abs(level - 7.0) + 3.0 * (option != 1)), SETTINGS).branches[0]
    assert np.argmax(branch.q[0]) == 1
    assert branch.q[0].min() >= 1 / 24 - 1e-12
    assert branch.q[0].sum() == pytest.approx(1)
    points = branch.injected(x[:6][:, list(part.numeric)])
    short = np.linalg.norm(np.linalg.solve(branch.state.root, (points - branch.state.mean).T), axis=0) < longest_step(2) - 1e-9
    assert short.any()
    cells = np.floor(points[short, 1] * 10)
    np.testing.assert_array_equal(np.clip(cells, 0, 9), level[:6][short])


def test_failed_generations_change_nothing_and_failed_points_are_the_worst():
    x, _ = close_rows(12)
    failed = generations(History.of(FLOATS, x, np.full(12, np.inf)), SETTINGS).branches[0]
    np.testing.assert_array_equal(failed.state.mean, np.full(3, 0.5))
    assert failed.generation == 2
    some = np.array([np.inf, 0.1, np.inf, 0.2, 0.3, np.inf])
    big = np.where(np.isinf(some), 1e300, some)
    a, b = (generations(History.of(FLOATS, x[:6], y), SETTINGS).branches[0].state for y in (some, big))
    np.testing.assert_array_equal(a.mean, b.mean)


@pytest.mark.parametrize("restart", ["ipop", "bipop", None])
def test_a_converged_run_is_followed_by_another_one(restart):
    settings = SETTINGS._replace(restart=restart, tolx=0.02)
    space = wb.Space(a=wb.Float(0, 1), b=wb.Float(0, 1))
    rng = np.random.default_rng(0)
    history = History.of(space, np.empty((0, 2)), np.empty(0), seed=4)
    for _ in range(400):
        x = generations(history, settings).draw(rng)
        y = float(((x - 0.3) ** 2).sum())
        history = replace(history, x=np.vstack([history.x, x]), y=np.append(history.y, y), steps=np.ones(len(history) + 1))
    starts = generations(history, settings).branches[0].starts
    if restart is None:
        assert len(starts) == 1
        return
    assert len(starts) > 2
    assert starts[1].lam == 12
    means = {tuple(r.mean) for r in generations(history, settings).branches[0].path if r.n_told == 0}
    assert means == {(0.5, 0.5)}
    other = generations(replace(history, seed=5, memo={}), settings).branches[0]
    first = [next(r.mean for r in b.path if r.start == 1) for b in (generations(history, settings).branches[0], other)]
    assert not np.allclose(*first)  # restarts differ from run to run


def test_no_axis_grows_longer_than_half_the_cube():
    x = FLOATS.sample_unit(240, np.random.default_rng(8))
    branch = generations(History.of(FLOATS, x, -np.abs(x - 0.5).sum(axis=1)), SETTINGS).branches[0]
    assert max(r.lengths.max() for r in branch.path) <= 0.5 + 1e-12
