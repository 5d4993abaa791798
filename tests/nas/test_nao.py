"""NAO: the network writes what it read, gradients lead uphill, the loss is the paper's; the search repeats nothing."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

import workbench as wb
from tests import search_helpers
from tests.nas.test_predictor_search import cell_loss
from workbench import event_file
from workbench.events import TrialSuggested
from workbench.history import Drawn, History
from workbench.nas.cells import NANO, NASBENCH201
from workbench.nas.decisions import decisions_of
from workbench.nas.encodings import operation_numbers
from workbench.nas.nao import NAO, NaoExplanation, allowed_by, ascended, believe, tokens_at
from workbench.nas.predictor_search import identities
from workbench.search.surrogate_why import slice_1d

torch = pytest.importorskip("torch")
nao_network = pytest.importorskip("workbench.nas.nao_network")

FIT = {"trade_off": 0.9, "hidden": 32, "steps": 150}
SHORT = NAO(n_startup=10, every=5, hidden=24, fit_steps=80)


def all_cells(cells):
    """Points of the representatives of all distinct cells."""
    return cells.space.to_unit([cells.config(a) for a in cells.distinct().values()])


@pytest.fixture(scope="module")
def trained():
    """What a hundred cells of NAS-Bench-201's space have taught, and the numbers of the others."""
    x = all_cells(NASBENCH201)
    order = np.random.default_rng(0).permutation(len(x))
    known, new = order[:100], order[100:1100]
    y = np.array([cell_loss(c, NASBENCH201) for c in NASBENCH201.space.from_unit(x)])
    return believe(History.of(NASBENCH201.space, x[known], y[known]), m=100, seed=0, **FIT), x, y, known, new


@pytest.fixture(scope="module")
def run():
    return search_helpers.drive(SHORT, NANO.space, cell_loss, 31)


# ---- the network -----------------------------------------------------------------------------------------------------


def test_the_decoder_writes_what_it_has_never_seen(trained):
    """Measured on 1,000 cells that were not among the hundred with a score: 99.8 % are written again as they are."""
    belief, x, _, _, new = trained
    tokens = tokens_at(NASBENCH201.space, x[new])
    assert (belief.decode(belief.states(tokens)) == tokens).all(axis=1).mean() > 0.95


def test_what_it_predicts_orders_the_cells_that_were_not_trained(trained):
    belief, x, y, _, new = trained
    assert spearmanr(belief.predict(x[new])[0], y[new])[0] > 0.7


def test_the_ascent_raises_the_score_of_nearly_all_starts(trained):
    """Measured: all of the thousand starts, after one step and after ten, by 0.4 and 3.7 deviations of a target at the median."""
    belief, x, _, known, new = trained
    states = first = belief.states(tokens_at(NASBENCH201.space, x[new]))
    before = belief.targets_of(first)
    for k in range(10):
        states = belief.net.ascend(states, 0.2)
        np.testing.assert_allclose(states.norm(dim=-1), 1.0, rtol=1e-5)
        if k in (0, 9):
            assert (belief.targets_of(states) < before).mean() > 0.95
    np.testing.assert_array_equal(first, belief.states(tokens_at(NASBENCH201.space, x[new])))  # nothing was changed in place
    best = known[:10]
    found = ascended(belief, x, best, seen=set(), rate=0.2, most_steps=40, enough=8, rng=np.random.default_rng(0))
    assert np.mean([f.target < f.start_target for f in found]) > 0.8  # what was written is better too, not only the place


def test_one_step_follows_the_gradient_of_finite_differences():
    net = nao_network.EncoderDecoder.drawn(3, 4, hidden=5, seed=0).double()
    h = torch.nn.functional.normalize(torch.randn(1, 3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64), dim=-1)
    g = torch.zeros_like(h)
    with torch.no_grad():
        for at in np.ndindex(1, 3, 5):
            e = torch.zeros_like(h)
            e[at] = 1e-6
            g[at] = (net.predict(h + e) - net.predict(h - e)).item() / 2e-6
    step = h + 0.1 * g / g.norm()
    np.testing.assert_allclose(net.ascend(h, 0.1), step / step.norm(dim=-1, keepdim=True), atol=1e-6)


def test_the_losses_are_those_of_the_paper_decision_by_decision():
    """Mean squared error of the scores, and -log P of the sequence: each decision alone, given those before it."""
    net = nao_network.EncoderDecoder.drawn(4, 3, hidden=6, seed=0)
    rng = np.random.default_rng(0)
    options, more = torch.as_tensor(rng.integers(0, 3, (5, 4))), torch.as_tensor(rng.integers(0, 3, (2, 4)))
    score = torch.arange(5.0)
    wrong, unlikely = nao_network.losses(net, options, score, more)
    with torch.no_grad():
        total, squares = 0.0, 0.0
        for k, row in enumerate([*options, *more]):
            h = net.encode(row[None])
            for r in range(4):
                p = net.logits(h, row[None, :r])[0, r].softmax(0)
                total -= math.log(p[row[r]])
            if k < 5:
                squares += (net.predict(h).item() - k) ** 2
    assert wrong.item() == pytest.approx(squares / 5, rel=1e-5)
    assert unlikely.item() == pytest.approx(total / 7, rel=1e-5)


def test_the_weight_lambda_is_that_of_the_prediction():
    rng = np.random.default_rng(0)
    options, score = rng.integers(1, 4, (40, 5)), rng.standard_normal(40)
    by = {trade_off: nao_network.losses(
        nao_network.fit(options, score, lambda n: rng.integers(1, 4, (n, 5)), K=4, hidden=16, trade_off=trade_off, steps=60, lr=0.02,
                        decay=0.0, n_more=8, seed=0), torch.as_tensor(options), torch.as_tensor(score, dtype=torch.float32),
        torch.as_tensor(options[:1])) for trade_off in (0.99, 0.01)}
    assert by[0.99][0] < by[0.01][0]  # of the scores
    assert by[0.99][1] > by[0.01][1]  # of the decoder


def test_the_global_generator_is_left_alone_and_the_seed_decides():
    before = torch.get_rng_state()
    one, same, other = (nao_network.EncoderDecoder.drawn(3, 4, hidden=5, seed=s) for s in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(p, q) for p, q in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.begin, other.begin)


# ---- the search ------------------------------------------------------------------------------------------------------


def test_no_cell_is_trained_twice_whatever_it_is_written_like(run):
    history, out = run
    assert len(set(identities(NANO.space, history.x))) == 31
    assert all(isinstance(s.why, Drawn) for s in out[:10])
    assert sum(isinstance(s.why, NaoExplanation) for s in out[10:]) > 15


def test_it_finds_better_cells_than_random_search(run):
    history, _ = run
    drawn = [cell_loss(c) for c in NANO.space.sample(31, np.random.default_rng(0))]
    assert history.y.min() < min(drawn)
    assert history.y[10:].mean() < history.y[:10].mean()


def test_the_same_history_and_rng_give_the_same_answer_with_any_memo(run):
    history, out = run
    for n in (10, 22, 30):
        s = SHORT.suggest(replace(history[:n], memo={}), np.random.default_rng([0, n]))
        assert s.x.tobytes() == out[n].x.tobytes()


def test_running_architectures_are_not_suggested_again(run):
    history, _ = run
    x, memo = history.x[:12], {}
    for k in range(12):
        now = replace(History.of(NANO.space, x[:12], history.y[:12], pending=x[12:]), memo=memo)
        s = SHORT.suggest(now, np.random.default_rng(k))
        assert identities(NANO.space, s.x[None])[0] not in identities(NANO.space, x)
        x = np.vstack([x, s.x])


def test_the_explanation_says_where_it_came_from_and_rebuilds_it(run):
    history, out = run
    n = next(n for n in range(20, 31) if isinstance(out[n].why, NaoExplanation))
    why, seen = out[n].why, replace(history[:n], memo={})
    assert why.fitted_to == n - n % 5
    belief = why.belief(seen)
    mean, _ = belief.predict(np.array([why.x, history.x[why.start]]))
    assert belief.transform.inverse(mean) == pytest.approx([why.predicted, why.start_predicted], rel=1e-4)
    assert why.start in np.argsort(history.y[:why.fitted_to], kind="stable")[:10]
    begin, end = (tokens_at(NANO.space, p[None])[0] for p in (history.x[why.start], why.x))
    decisions = decisions_of(NANO.space)
    written = begin.copy()
    for name, a, b in why.changed:
        t = decisions.names.index(name)
        assert decisions.options[t][begin[t] - 1] == a
        written[t] = decisions.options[t].index(b) + 1
    point = decisions.point(written - 1, np.zeros(6))
    np.testing.assert_array_equal(tokens_at(NANO.space, point[None])[0], end)
    assert f"uphill from the embedding of result {why.start + 1}" in why.summary()
    assert why.changed[0][0] in why.summary()
    assert np.isfinite(slice_1d(seen, why, "e01").mean).all()
    kept = event_file.loads(event_file.dumps(TrialSuggested(n, {}, why, 0)))
    assert kept.why.summary() == why.summary()


def test_decisions_that_depend_on_others_are_written_only_where_they_are_made():
    space, rng = search_helpers.NESTED, np.random.default_rng(0)
    x = space.sample_unit(40, rng)
    tokens, allowed = tokens_at(space, x), allowed_by(decisions_of(space))
    for t in range(tokens.shape[1]):
        may = allowed(t, tokens[:, :t])
        assert may[np.arange(40), tokens[:, t]].all()
        np.testing.assert_array_equal(may[:, 0], tokens[:, t] == 0)
    history, out = search_helpers.drive(NAO(n_startup=8, fit_steps=60), space, search_helpers.nested_loss, 20)
    assert history.y[8:].min() < history.y[:8].min()
    assert isinstance(out[-1].why, NaoExplanation)


def test_operations_of_cells_are_the_tokens():
    architectures = list(NANO.distinct().values())[:50]
    x = NANO.space.to_unit([NANO.config(a) for a in architectures])
    np.testing.assert_array_equal(tokens_at(NANO.space, x), operation_numbers(NANO, architectures) + 1)


def test_where_no_step_leads_to_anything_new_it_goes_on_at_random():
    x = all_cells(NANO)[:40]
    s = NAO(n_startup=5, most_steps=1, rate=1e-4, fit_steps=40).suggest(History.of(NANO.space, x, np.arange(40.0)), np.random.default_rng(0))
    assert "1 steps uphill led to none that is new" in s.why.summary()
    assert identities(NANO.space, s.x[None])[0] not in identities(NANO.space, x)


def test_a_search_with_it_works():
    run = wb.nas.search(wb.nas.NAO(n_startup=6, every=4, fit_steps=40), wb.nas.nano_table(), n_trials=14).start().wait(60)
    assert run.n_done == 14


@pytest.mark.parametrize(("settings", "message"), [
    ({"every": 0}, "every must be at least 1"), ({"rate": 0}, "rate must be positive"), ({"n_startup": -1}, "n_startup must not"),
    ({"trade_off": 1.0}, "trade_off must lie between 0 and 1.*paper has 0.9")])
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        NAO(**settings)
