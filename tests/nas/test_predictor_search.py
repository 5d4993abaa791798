"""Search with a predictor: no cell twice, better than random on a cell problem, explained, serving other spaces too."""

from dataclasses import replace

import numpy as np
import pytest

import workbench as wb
from tests import search_helpers
from workbench.history import Drawn, History
from workbench.nas.cells import NANO, NASBENCH201, CellSpace
from workbench.nas.decisions import decisions_of
from workbench.nas.predictor_search import (
    MODELS,
    PREDICTORS,
    PredictorExplanation,
    PredictorSearch,
    architectures_at,
    believe,
    coded,
    identities,
    predictions,
)
from workbench.search.surrogate_why import slice_1d

WORTH = {"none": 0.0, "skip": 0.4, "conv3": 1.0, "pool3": 0.25}


def cell_loss(config, cells=NANO):
    """Error that falls with what the ways from input to output are worth; no way at all is worst."""
    ways = cells.paths(cells.architecture(config))
    return 1.0 / (1.0 + sum(np.prod([WORTH.get(op, 0.7) for op in way]) * len(way) ** 0.5 for way in ways))


BEST = min(cell_loss(NANO.config(a)) for a in NANO.distinct().values())


@pytest.fixture(scope="module")
def run():
    return search_helpers.drive(PredictorSearch(), NANO.space, cell_loss, 40)


def test_no_cell_is_trained_twice_whatever_it_is_written_like(run):
    history, _ = run
    forms = [NANO.canonical(a) for a in architectures_at(NANO, history.x)]
    assert len(set(forms)) == 40


@pytest.mark.parametrize("predictor", list(PREDICTORS))
def test_it_finds_the_best_cell_where_random_search_does_not(predictor):
    encoding = None if predictor == "rnn" else "one_hot"
    history, _ = search_helpers.drive(PredictorSearch(predictor, encoding), NANO.space, cell_loss, 40, seed=1)
    drawn = [cell_loss(c) for c in NANO.space.sample(40, np.random.default_rng(1))]
    assert history.y.min() < min(drawn)
    assert history.y.min() < (1.25 if predictor == "forest" else 1.05) * BEST  # a forest is coarse with so few


@pytest.mark.parametrize("acquisition", ["its", "ei", "mean"])
def test_the_explanation_says_what_was_believed_and_rebuilds_it(acquisition):
    history, out = search_helpers.drive(PredictorSearch(acquisition=acquisition), NANO.space, cell_loss, 18)
    assert all(isinstance(s.why, Drawn) for s in out[:10])
    why = out[17].why
    assert isinstance(why, PredictorExplanation)
    assert why.fitted_to == 15  # results of the last fit
    seen = replace(history[:17], memo={})
    mean, _ = predictions(seen, why, architectures_at(NANO, why.x[None]))
    assert mean[0] == pytest.approx(why.predicted)
    assert MODELS["mlp"] in why.summary() and "15 results" in why.summary()
    assert (np.diff(why.scores) <= 0).all()
    assert np.isfinite(slice_1d(seen, why, "e01").mean).all()


def test_an_empty_memo_gives_the_same_answer(run):
    history, out = run
    for n in (12, 15, 33):
        s = PredictorSearch().suggest(replace(history[:n], memo={}), np.random.default_rng([0, n]))
        assert s.x.tobytes() == out[n].x.tobytes()


def test_thompson_sampling_takes_the_lowest_of_independent_draws(run):
    history, _ = run
    why = PredictorSearch().suggest(history[:20], np.random.default_rng(4)).why
    belief = why.belief(history[:20])
    new = [a for form, a in NANO.distinct().items() if form not in set(identities(NANO.space, history.x[:20]))]
    mean, sd = belief.predict(NANO.space.to_unit([NANO.config(a) for a in new]))
    draws = mean + sd * np.random.default_rng(why.draw).standard_normal(len(new))
    assert NANO.config(new[int(draws.argmin())]) == NANO.space.from_unit(why.x)
    assert why.acquisition == "thompson"


def test_equal_cells_have_one_prediction():
    history, _ = search_helpers.drive(PredictorSearch(encoding="one_hot"), NANO.space, cell_loss, 12)
    belief = believe(history, predictor="mlp", encoding="one_hot", m=12, seed=0)
    same = [("conv3", "none", "none", "skip", "none", "none"), ("pool3", "none", "none", "skip", "none", "none")]
    mean, _ = belief.predict(NANO.space.to_unit([NANO.config(a) for a in same]))
    assert mean[0] == mean[1]


def test_when_all_cells_are_used_up_it_goes_on_at_random():
    tiny = CellSpace("cells", 3, ("none", "conv3"))
    x = tiny.space.to_unit([tiny.config(a) for a in tiny])
    s = PredictorSearch(n_startup=2).suggest(History.of(tiny.space, x, np.arange(8.0)), np.random.default_rng(0))
    assert "random repeat" in s.why.summary()
    some = tiny.space.to_unit([tiny.config(a) for a in tiny.distinct().values()])
    s = PredictorSearch(n_startup=2).suggest(History.of(tiny.space, some, np.arange(float(len(some)))), np.random.default_rng(0))
    assert "every distinct architecture has been tried" in s.why.summary()


def test_spaces_too_large_to_list_are_searched_by_changes_of_the_best():
    large = CellSpace("cells", 6, ("none", "skip", "conv3"))  # 14 million
    history, out = search_helpers.drive(PredictorSearch(n_startup=6), large.space, lambda c: cell_loss(c, large), 16)
    assert history.y[6:].min() < history.y[:6].min()
    forms = [large.canonical(a) for a in architectures_at(large, history.x)]
    assert len(set(forms)) == 16
    assert len(out[-1].why.candidates) == 5


def test_it_serves_spaces_that_are_no_cells():
    history, _ = search_helpers.drive(PredictorSearch("forest"), search_helpers.NESTED, search_helpers.nested_loss, 25)
    assert history.y.min() < 0.8


def test_lstms_read_the_decisions_of_spaces_that_are_no_cells():
    history, _ = search_helpers.drive(PredictorSearch("rnn"), search_helpers.NESTED, search_helpers.nested_loss, 25)
    assert history.y.min() < 0.8
    code = coded(search_helpers.NESTED, "sequence", history.x)
    on = ~np.isnan(history.x[:, decisions_of(search_helpers.NESTED).columns])
    np.testing.assert_array_equal(code > 0, on)  # 0 says that a decision was not made
    assert coded(search_helpers.NESTED, "sequence", history.x[:0]).shape == (0, 7)


@pytest.mark.parametrize("algorithm", [wb.TPE(), wb.RFBO()], ids=["tpe", "forest"])
def test_the_searches_for_hyperparameters_serve_cells_unchanged(algorithm):
    history, _ = search_helpers.drive(algorithm, NANO.space, cell_loss, 40)
    drawn = [cell_loss(c) for c in NANO.space.sample(40, np.random.default_rng(0))]
    assert history.y.min() <= min(drawn)
    assert history.y[20:].mean() < history.y[:10].mean()


def test_nasbench201_is_searched_whole():
    x = NASBENCH201.space.sample_unit(15, np.random.default_rng(0))
    y = np.array([cell_loss(c, NASBENCH201) for c in NASBENCH201.space.from_unit(x)])
    s = PredictorSearch().suggest(History.of(NASBENCH201.space, x, y), np.random.default_rng(0))
    NASBENCH201.space.validate(NASBENCH201.space.from_unit(s.x))


@pytest.mark.parametrize(("settings", "message"), [
    ({"predictor": "svm"}, "predictor must be one of mlp, rnn, forest, gp"), ({"encoding": "graph"}, "encoding must be one of"),
    ({"predictor": "rnn", "encoding": "path"}, "must be one of sequence for the predictor 'rnn'"),
    ({"acquisition": "ucb"}, "acquisition must be one of its, ei, mean"), ({"every": 0}, "every must be at least 1")])
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        PredictorSearch(**settings)
