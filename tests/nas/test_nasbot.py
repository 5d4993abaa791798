"""NASBOT: its kernel, its fit, its evolution of candidates, and that it searches."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import workbench as wb
from tests import search_helpers
from tests.nas.test_predictor_search import BEST, cell_loss
from workbench.errors import SpaceError
from workbench.history import Drawn, History
from workbench.nas.cells import NANO
from workbench.nas.nasbot import (
    EDITS,
    NASBOT,
    KernelParameters,
    KernelPosterior,
    NasbotExplanation,
    believe,
    edited,
    evolve,
    lift,
    n_candidates,
)
from workbench.nas.otmann_distance import NU, Distances
from workbench.nas.predictor_search import architectures_at

SOME = [NANO.sample(np.random.default_rng(i)) for i in range(40)]
D = Distances(NANO)(SOME, SOME)
Y = np.array([cell_loss(NANO.config(a)) for a in SOME])
Z = (Y - Y.mean()) / Y.std()


@pytest.mark.parametrize("shift", [0.0, 2.0], ids=["semidefinite or nearly so", "a strong second part"])
def test_gradients_of_the_posterior_are_those_of_differences(shift):
    objective = KernelPosterior(D, Z)
    phi = objective.start + 0.2 * np.random.default_rng(1).uniform(-1, 1, 7)
    phi[1] += shift
    steps = 1e-5 * np.eye(7)
    differences = [(objective(phi + e)[0] - objective(phi - e)[0]) / 2e-5 for e in steps]
    np.testing.assert_allclose(objective(phi)[1], differences, rtol=1e-5, atol=1e-4)


def test_the_evidence_is_that_of_a_normal_distribution():
    objective = KernelPosterior(D, Z)
    low, high = objective.start.copy(), objective.start.copy()
    high[-1] += 1.0  # more noise; its prior is known
    values, evidence = [], []
    for phi in (low, high):
        h = KernelParameters.of(phi)
        K = h(D)
        K += (lift(K)[0] + h.noise) * np.eye(40)
        evidence.append(multivariate_normal(np.zeros(40), K).logpdf(Z))
        values.append(objective(phi)[0] + 0.1 * phi[-1] - 30 * np.exp(phi[-1]))
    assert values[0] - values[1] == pytest.approx(evidence[1] - evidence[0], abs=1e-6)


def test_what_is_lifted_makes_the_kernel_positive_semidefinite():
    K = KernelParameters(np.array([0.1, 2.0]), np.array([0.1, 0.1, 5.0, 5.0]), 0.01)(D)
    c, v = lift(K)
    assert c > 0.01
    np.testing.assert_allclose(K @ v, -c / 2 * v, atol=1e-9)
    assert np.linalg.eigvalsh(K + c * np.eye(40)).min() == pytest.approx(c / 2)
    assert lift(np.eye(3))[0] == 0.0


def test_the_belief_goes_near_its_results_and_is_sure_there():
    history = History.of(NANO.space, NANO.space.to_unit([NANO.config(a) for a in SOME]), Y)
    belief = believe(history, KernelPosterior(D, Z).fit(), NU)
    mean, sd = belief.predict(history.x)
    assert np.corrcoef(mean, belief.targets)[0, 1] > 0.95
    np.testing.assert_allclose(mean, belief.fitted, atol=1e-8)
    far = [NANO.sample(np.random.default_rng(1000 + i)) for i in range(60)]
    known = {NANO.canonical(a) for a in SOME}
    assert belief.at([a for a in far if NANO.canonical(a) not in known])[1].mean() > sd.mean()


def test_running_trials_take_the_uncertainty_away_and_leave_the_mean():
    x = NANO.space.to_unit([NANO.config(a) for a in SOME])
    h = KernelPosterior(D[:, :30, :30], Z[:30]).fit()
    alone, beside = (believe(History.of(NANO.space, x[:30], Y[:30], pending=p), h, NU) for p in (None, x[30:33]))
    (mean, sd), (mean_beside, sd_beside) = alone.predict(x[30:33]), beside.predict(x[30:33])
    assert (sd_beside < sd).all()
    np.testing.assert_allclose(mean_beside, mean, atol=1e-6)
    assert len(beside.targets) == 30


def test_one_to_five_edits_are_drawn_as_the_paper_says():
    rng, a = np.random.default_rng(0), ("conv3",) * 6
    changed = [sum(x != y for x, y in zip(edited(NANO, a, rng), a, strict=True)) for _ in range(2000)]
    state, one = np.eye(7)[0], 0.0  # probability that so many of six edges differ; an edit may undo another, or change the same edge
    for p in EDITS:
        k = np.arange(7)
        state = np.roll(state * (6 - k) / 6, 1) + np.roll(state * k / 18, -1) + state * k / 9
        one += p * state[1]
    assert one == pytest.approx(0.5543, abs=1e-4)
    assert np.mean(np.array(changed) == 1) == pytest.approx(one, abs=0.035)  # three standard deviations of 2000 draws
    assert max(changed) <= 5
    assert [n_candidates(n) for n in (1, 4, 16, 100, 10**4)] == [50, 50, 100, 250, 500]


def test_candidates_are_new_cells_each_once():
    history, _ = search_helpers.drive(NASBOT(n_startup=8), NANO.space, cell_loss, 12)
    belief = believe(history, KernelPosterior(D, Z).fit(), NU)
    tried = architectures_at(NANO, history.x)
    seen = {NANO.canonical(a) for a in tried}
    found, scores = evolve(belief, tried, seen, 60, np.random.default_rng(0))
    forms = [NANO.canonical(a) for a in found]
    assert 40 <= len(found) == len(scores) <= 85
    assert len(set(forms)) == len(forms) and not seen & set(forms)


@pytest.fixture(scope="module")
def run():
    return search_helpers.drive(NASBOT(n_startup=8), NANO.space, cell_loss, 30)


def test_it_finds_one_of_the_best_cells_and_none_twice(run):
    history, out = run
    assert history.y.min() < 1.05 * BEST
    assert len({NANO.canonical(a) for a in architectures_at(NANO, history.x)}) == 30
    assert isinstance(out[7].why, Drawn) and isinstance(out[8].why, NasbotExplanation)
    assert 50 <= out[20].why.n_looked <= n_candidates(20) + 25  # near one another many edits lead to the same cells


def test_an_empty_memo_gives_the_same_answer(run):
    history, out = run
    for n in (9, 21):
        s = NASBOT(n_startup=8).suggest(replace(history[:n], memo={}), np.random.default_rng([0, n]))
        assert s.x.tobytes() == out[n].x.tobytes()


def test_the_explanation_rebuilds_the_process(run):
    history, out = run
    why = out[25].why
    belief = why.belief(replace(history[:25], memo={}))
    mean, _ = belief.predict(why.x[None])
    assert belief.transform.inverse(mean)[0] == pytest.approx(why.predicted)
    assert why.summary().startswith("log-EI was highest here")


def test_it_refuses_spaces_that_are_no_cells_and_says_what_to_take():
    space = wb.Space(x=wb.Float(0, 1))
    with pytest.raises(SpaceError, match=r"NASBOT compares architectures.*ArcGP"):
        NASBOT().suggest(History.of(space, np.empty((0, 1)), np.empty(0)), np.random.default_rng(0))


@pytest.mark.parametrize("settings", [{"nu": ()}, {"nu": (-0.1,)}, {"n_startup": -1}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match="must"):
        NASBOT(**settings)
