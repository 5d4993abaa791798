"""Rank correlations between budgets, against scipy's."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from workbench.events import RunStarted, TrialFinished, TrialReported, TrialSuggested
from workbench.plots.fidelity_ranks import default_pair, fidelity_ranks, ranks, spearman
from workbench.plots.figure import figure
from workbench.trials import Trials

BUDGETS = (1, 3, 9)


def trials_of(rows, direction="minimize"):
    """Rows of losses at 1, 3, 9 steps; nan where a trial was stopped before."""
    events = [RunStarted(None, "Random", {}, None, direction=direction)]
    for k, row in enumerate(rows):
        events.append(TrialSuggested(k, {"x": k}))
        events += [TrialReported(k, b, float(v)) for b, v in zip(BUDGETS, row, strict=True) if not np.isnan(v)]
        events.append(TrialFinished(k, "pruned", float(row[0])))
    return Trials(events)


def rows(n=20, n_mid=12, n_last=4, seed=0):
    rng = np.random.default_rng(seed)
    out = np.round(rng.random((n, 3)) + np.arange(n)[:, None] / n, 1)  # rounded: there are equals
    out[n_mid:, 1:] = np.nan
    out[n_last:, 2] = np.nan
    return out


def test_it_is_scipys_spearman_equals_included():
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = np.round(rng.random((2, 15)), 1)
        assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)


def test_infinite_losses_rank_last():
    assert spearman(np.array([1.0, 2.0, np.inf]), np.array([0.1, 0.2, 0.3])) == pytest.approx(1.0)


def test_too_few_or_constant_losses_have_no_correlation():
    assert np.isnan(spearman(np.array([1.0, 2.0]), np.array([1.0, 2.0])))
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))


def test_a_pair_of_budgets_counts_the_trials_that_have_reached_both():
    data = rows()
    found = ranks(trials_of(data), BUDGETS)
    assert (found.n[0, 1], found.n[0, 2], found.n[1, 2]) == (12, 4, 4)
    assert found.rho[0, 1] == pytest.approx(spearmanr(data[:12, 0], data[:12, 1]).statistic)
    assert found.rho[1, 2] == found.rho[2, 1] == pytest.approx(spearmanr(data[:4, 1], data[:4, 2]).statistic)


def test_a_curve_that_skips_a_budget_has_the_next_loss_there():
    trials = Trials([TrialSuggested(0, {}), TrialReported(0, 1, 5.0), TrialReported(0, 4, 2.0)])
    assert ranks(trials, BUDGETS).losses[0, :2].tolist() == [5.0, 2.0]
    assert np.isnan(ranks(trials, BUDGETS).losses[0, 2])


def test_the_farthest_budgets_with_enough_trials_are_shown_first():
    assert default_pair(ranks(trials_of(rows()), BUDGETS)) == (0, 1)  # only four have all three
    assert default_pair(ranks(trials_of(rows(n_last=9)), BUDGETS)) == (0, 2)
    assert default_pair(ranks(trials_of(rows(n=2, n_mid=2, n_last=2)), BUDGETS)) is None


def test_cells_say_correlation_and_number_and_the_dots_are_the_trials_of_the_chosen_pair():
    data = rows()
    drawn = fidelity_ranks(trials_of(data), BUDGETS, (1, 2), selected=2)
    texts = {(a["x"], a["y"]): a["text"] for a in drawn["layout"]["annotations"][:3]}
    assert texts[0, 1] == f"{spearmanr(data[:12, 0], data[:12, 1]).statistic:.2f}<br>n = 12"
    dots = next(t for t in drawn["data"] if t["name"] == "trials")
    assert dots["customdata"].tolist() == [0, 1, 2, 3]
    assert dots["y"] == pytest.approx(data[:4, 2])
    assert next(t for t in drawn["data"] if t["name"] == "picked")["x"] == pytest.approx(data[2:3, 1])
    figure(drawn)


def test_whoever_maximises_sees_his_own_values():
    drawn = fidelity_ranks(trials_of(-rows(), "maximize"), BUDGETS, (0, 1))
    assert next(t for t in drawn["data"] if t["name"] == "trials")["x"].min() >= 0


def test_it_says_what_is_missing():
    assert "two rungs" in fidelity_ranks(Trials(), (81,))["layout"]["annotations"][0]["text"]
    assert "first promotions" in fidelity_ranks(Trials(), BUDGETS)["layout"]["annotations"][0]["text"].replace("<br>", " ")
