"""Warm starts: given configurations first, none twice, then the other search, undisturbed."""

import numpy as np
import pytest

import workbench as wb
from workbench.history import Drawn, History

SPACE = wb.Space(x=wb.Float(0, 1), c=wb.Choice("a", "b"), d=wb.Int(1, 5, when={"c": "b"}))
GIVEN = [{"x": 0.5, "c": "a"}, {"x": 9.0, "c": "a"}, {"x": 0.5, "c": "a"}, {"x": 0.1, "c": "b"}, {"x": 0.2, "c": "b", "d": 3}]


def asked(algorithm, n, seed=0):
    """Configurations and reasons of the first n trials."""
    x, y, out = np.empty((0, len(SPACE))), np.empty(0), []
    for k in range(n):
        s = algorithm.suggest(History.of(SPACE, x, y), np.random.default_rng([seed, k]))
        x, y = np.vstack([x, s.x]), np.append(y, float(k))
        out.append((SPACE.from_unit(s.x), s.why))
    return out


def test_those_that_fit_come_first_and_none_twice():
    found = asked(wb.WarmStart(wb.Random(), GIVEN, why=["best", "-", "-", "-", "2nd best"]), 4)
    assert [config for config, _ in found[:2]] == [GIVEN[0], GIVEN[4]]
    assert [why.summary() for _, why in found[:2]] == ["Given to start with, 1 of 5: best.", "Given to start with, 5 of 5: 2nd best."]
    assert all(isinstance(why, Drawn) for _, why in found)
    assert "uniformly at random" in found[2][1].summary()


def test_what_was_tried_or_is_running_is_not_given_again():
    algorithm = wb.WarmStart(wb.Random(), [GIVEN[0], GIVEN[4]])
    rng = np.random.default_rng(0)
    x = SPACE.to_unit(GIVEN[:1])
    assert SPACE.from_unit(algorithm.suggest(History.of(SPACE, x, [np.inf]), rng).x) == GIVEN[4]
    running = History.of(SPACE, np.empty((0, 3)), [], pending=x)
    assert SPACE.from_unit(algorithm.suggest(running, rng).x) == GIVEN[4]


def test_the_other_search_answers_as_if_asked_itself():
    x = np.vstack([SPACE.to_unit([GIVEN[0], GIVEN[4]]), SPACE.sample_unit(12, np.random.default_rng(1))])
    history = History.of(SPACE, x, np.nan_to_num(x).sum(axis=1))
    a, b = (s.suggest(history, np.random.default_rng(3)) for s in (wb.WarmStart(wb.GPBO(), GIVEN), wb.GPBO()))
    np.testing.assert_array_equal(a.x, b.x)
    assert a.why.summary() == b.why.summary()


def test_what_the_other_search_can_do_is_what_a_warm_start_can():
    assert wb.WarmStart(wb.NSGA2(), GIVEN).several_losses and not wb.WarmStart(wb.GPBO(), GIVEN).several_losses
    assert wb.WarmStart(wb.BOHB(), GIVEN).several_budgets and not wb.WarmStart(wb.TPE(), GIVEN).several_budgets
    assert wb.WarmStart(wb.Fabolas(share=None), GIVEN).several_costs
    run = wb.optimize(lambda c: (c["x"], 1 - c["x"]), SPACE, algorithm=wb.NSGA2(), direction=["minimize"] * 2, n_trials=3, seed=0,
                      warm_start=[GIVEN[0]]).start().wait()
    assert run.trials.by_number[0].config == GIVEN[0]


def test_the_configurations_are_copied_and_can_be_hashed():
    config = {"x": 0.5, "c": "a"}
    algorithm = wb.WarmStart(wb.TPE(), [config])
    config["x"] = 0.9
    assert algorithm.configs == ({"x": 0.5, "c": "a"},)
    assert hash(algorithm) == hash(wb.WarmStart(wb.TPE(), [{"x": 0.5, "c": "a"}]))


@pytest.mark.parametrize(("arguments", "says"), [
    ((wb.TPE, GIVEN), "a search such as"), ((wb.TPE(), {"x": 1}), "list of configurations"), ((wb.TPE(), ["x"]), "list of"),
    ((wb.TPE(), GIVEN, ["one"]), "a text for each of the 5"), ((wb.TPE(), GIVEN, "why"), "a text for each")])
def test_what_makes_no_warm_start_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        wb.WarmStart(*arguments)
