"""When runs of CMA-ES end, and what follows."""

from dataclasses import replace

import numpy as np
import pytest

from workbench.models.cma_state import CMAState
from workbench.search.cma_restart import Start, end_of, next_start, stagnates

STATE = CMAState.start(np.full(2, 0.5), 0.1)
LOSSES = np.arange(6.0)


def ran(generations, best=None, spread=1.0):
    values = list(np.linspace(1, 0, generations)) if best is None else best
    return Start(0, 6, 0.1, best=values, median=[v + 0.1 for v in values], spread=spread)


def test_a_run_that_moves_goes_on():
    assert end_of(ran(50), STATE, LOSSES, 1e-4) == ""


def test_it_ends_when_no_deviation_is_left():
    small = replace(STATE, sigma=5e-5)
    assert end_of(ran(5), small, LOSSES, 1e-4) == "tolx"
    assert end_of(ran(5), replace(small, C=np.diag([1.0, 9.0])), LOSSES, 1e-4) == ""  # one axis is still long
    assert end_of(ran(5), replace(small, p_c=np.array([0.0, 3.0])), LOSSES, 1e-4) == ""  # it still travels


def test_it_ends_when_the_losses_are_all_alike():
    flat = np.full(6, 0.25)
    window = 10 + 10  # 10 + 30 n / lambda
    assert end_of(ran(0, best=[0.25] * (window + 1)), STATE, flat, 1e-4) == "tolfun"
    assert end_of(ran(0, best=[0.25] * window), STATE, flat, 1e-4) == ""
    assert end_of(ran(0, best=[0.25] * (window + 1)), STATE, LOSSES, 1e-4) == ""
    assert end_of(ran(0, best=[np.inf] * 30), STATE, np.full(6, np.inf), 1e-4) == ""


def test_it_ends_when_the_covariance_is_degenerate():
    assert end_of(ran(5), replace(STATE, C=np.diag([1.0, 1e15])), LOSSES, 1e-4) == "condition"


def test_it_ends_when_neither_best_nor_median_improve():
    rng = np.random.default_rng(0)
    noise = rng.random(400)
    assert stagnates([1.0] * 130, 2, 6)
    assert not stagnates([1.0] * 129, 2, 6)  # 120 + 30 n / lambda generations are not there yet
    assert not stagnates(list(np.linspace(1, 0, 200)), 2, 6)
    stuck = Start(0, 6, 0.1, best=[1.0] * 140, median=[2.0] * 140, spread=5.0)
    assert end_of(stuck, STATE, LOSSES, 1e-4) == "stagnation"
    assert not stagnates(list(noise + np.linspace(1, 0, 400)), 2, 6)  # progress under the noise
    assert stagnates(list(noise + np.linspace(0, 1, 400)), 2, 6)


def test_ipop_doubles_the_population_each_time():
    starts = [Start(0, 6, 0.125)]
    for k in range(1, 5):
        starts.append(next_start(starts, "ipop", 0.125, np.random.default_rng(k)))
    assert [s.lam for s in starts] == [6, 12, 24, 48, 96]
    assert [s.number for s in starts] == [0, 1, 2, 3, 4]
    assert {s.sigma for s in starts} == {0.125}


def test_bipop_gives_both_regimes_about_the_same_number_of_evaluations():
    starts, spent = [Start(0, 6, 0.125, best=[0.0] * 30)], {"large": 0, "small": 0, "first": 180}
    for k in range(60):
        new = next_start(starts, "bipop", 0.125, np.random.default_rng(k))
        new.best = [0.0] * 20
        starts.append(new)
        spent[new.kind] += new.n_evaluations
        if new.kind == "small":
            largest = max(s.lam for s in starts if s.kind == "large")
            assert 6 <= new.lam <= max(6, largest // 2)
            assert 0.00125 <= new.sigma <= 0.125
        else:
            assert new.sigma == 0.125
        if spent["large"] > 100_000:
            break
    large = [s.lam for s in starts if s.kind == "large"]
    assert large == [6 * 2 ** (i + 1) for i in range(len(large))]
    assert {s.kind for s in starts} == {"first", "large", "small"}
    regimes = [s.kind for s in starts[1:]]
    assert regimes[0] == "large"
    for i, s in enumerate(starts[1:], start=1):  # at each choice the regime that had had less was taken
        few = sum(o.n_evaluations for o in starts[:i] if o.kind != "large")
        many = sum(o.n_evaluations for o in starts[:i] if o.kind == "large")
        assert (s.kind == "small") == (few < many)


@pytest.mark.parametrize("restart", ["ipop", "bipop"])
def test_the_same_generator_gives_the_same_start(restart):
    starts = [Start(0, 6, 0.125, best=[1.0]), Start(1, 12, 0.125, "large", best=[1.0] * 9)]
    a, b = (next_start(starts, restart, 0.125, np.random.default_rng(3)) for _ in range(2))
    assert (a.lam, a.sigma, a.kind) == (b.lam, b.sigma, b.kind)
