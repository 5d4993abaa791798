"""The chooser: an algorithm that fits the problem, and the reasons for it."""

import pytest

import workbench as wb
from workbench.errors import WorkbenchError
from workbench.problems import ALL, branin
from workbench.search.catalogue import LABELLED
from workbench.search.recommend import count, describe, is_continuous, objective_kind

MIXED = wb.Space(x=wb.Float(0, 1), n=wb.Int(1, 5), c=wb.Choice("a", "b"), m=wb.Float(0, 1, when={"c": "a"}))


def test_low_dimensional_spaces_get_a_gaussian_process_and_the_reasons_name_what_was_seen():
    chosen = wb.recommend(branin().space, "function", 50)
    assert chosen.algorithm == wb.GPBO()
    assert "2 parameters (2 continuous)" in chosen.reasons[0] and "50 trials" in chosen.reasons[0]
    assert str(chosen).startswith("GP-BO")
    assert "<li>" in chosen._repr_html_()
    assert "<code>wb.GPBO()</code>" in chosen._repr_html_()


def test_a_space_with_fewer_configurations_than_trials_is_tried_whole():
    small = wb.Space(n=wb.Int(1, 7), c=wb.Choice("a", "b"), k=wb.Int(1, 3, when={"c": "b"}))
    assert count(small) == 7 + 7 * 3
    chosen = wb.recommend(small, "function", 28)
    run = wb.optimize(lambda c: c["n"], small, n_trials=28, seed=0)
    assert run.algorithm == chosen.algorithm
    run.start().wait(timeout=60)
    assert len({tuple(sorted(t.items())) for t in (small.from_unit(x) for x in run.history().x)}) == 28
    assert wb.recommend(small, "function", 27).algorithm == wb.GPBO()


@pytest.mark.parametrize(("space", "kind", "budget", "algorithm"), [
    (MIXED, "function", 8, wb.QuasiRandom()),
    (MIXED, "function", 60, wb.GPBO()),
    (MIXED, "steps", None, wb.GPBO()),
    (MIXED, "function", 5000, wb.CMAES()),
    (wb.Space({f"x{i}": wb.Float(0, 1) for i in range(60)}), "function", 200, wb.TPE()),
    (None, "optuna", 50, wb.TPE()),
])
def test_every_rule_has_a_case(space, kind, budget, algorithm):
    chosen = wb.recommend(space, kind, budget)
    assert chosen.algorithm == algorithm
    assert chosen.label in LABELLED
    assert all(reason.endswith(".") for reason in chosen.reasons)


def test_it_is_the_default_of_optimize_and_of_an_optuna_objective():
    assert wb.optimize(lambda c: 0.0, MIXED, n_trials=8).algorithm == wb.QuasiRandom()
    assert wb.optimize(lambda c: 0.0, MIXED).algorithm == wb.GPBO()
    assert wb.optimize(lambda t: t.suggest_float("x", 0, 1)).algorithm == wb.TPE()


def test_the_kind_of_an_objective_is_seen():
    def steps(c):
        yield 1.0

    class Steps:
        def __call__(self, c):
            yield 1.0

    assert objective_kind(steps, MIXED) == objective_kind(Steps(), MIXED) == "steps"
    assert objective_kind(lambda c: 1.0, MIXED) == "function"
    assert objective_kind(lambda t: 1.0, None) == "optuna"


def test_what_is_no_problem_is_refused():
    with pytest.raises(WorkbenchError, match="objective_kind must be one of"):
        wb.recommend(MIXED, "magic")
    with pytest.raises(WorkbenchError, match="budget is a number of trials"):
        wb.recommend(MIXED, "function", 0)


@pytest.mark.parametrize("problem", list(ALL))
def test_every_problem_can_be_described(problem):
    space = ALL[problem]().space
    assert describe(space).startswith(f"{len(space)} parameter")
    assert is_continuous(space) == (problem not in ("mixed", "conditional"))


def test_a_run_says_what_would_be_chosen_for_it_whatever_it_uses():
    run = wb.optimize(lambda c: 0.0, MIXED, algorithm=wb.Random(), n_trials=30)
    assert run.recommendation.algorithm == wb.GPBO()
    run.configure(n_trials=5)
    assert run.recommendation.algorithm == wb.QuasiRandom()


def test_several_losses_get_a_search_that_can_serve_them():
    run = wb.optimize(lambda c: (c["x"], -c["x"]), MIXED, direction=["minimize", "minimize"], n_trials=30, seed=0)
    assert run.algorithm == run.recommendation.algorithm == wb.EHVI()
    assert "Pareto" in str(run.recommendation)
    run.start().wait(timeout=60)
    assert run.n_done == 30 and len(run.pareto) > 1


@pytest.mark.parametrize(("space", "budget", "n_losses", "algorithm"), [
    (MIXED, 8, 2, wb.QuasiRandom()),
    (MIXED, 300, 3, wb.EHVI()),
    (MIXED, 301, 2, wb.NSGA2()),
    (MIXED, None, 2, wb.NSGA2()),
    (MIXED, 100, 4, wb.NSGA2()),
    (wb.Space({f"x{i}": wb.Float(0, 1) for i in range(60)}), 100, 2, wb.NSGA2()),
    (None, 50, 2, wb.NSGA2()),
])
def test_every_rule_for_several_losses_has_a_case(space, budget, n_losses, algorithm):
    chosen = wb.recommend(space, "function", budget, n_losses=n_losses)
    assert chosen.algorithm == algorithm
    assert chosen.label in LABELLED
    assert f"{n_losses} losses" in chosen.reasons[0]
    assert all(reason.endswith(".") for reason in chosen.reasons)


# ---- steps -----------------------------------------------------------------------------------------------------------


def steps(config):
    yield config["x"]


def test_a_whole_trainings_steps_let_a_scheduler_be_chosen_too():
    advice = wb.recommend(wb.Space(x=wb.Float(0, 1)), "steps", max_steps=81)
    assert advice.scheduler == wb.EagerHyperband(81, min_steps=3)
    assert "under <code>wb.EagerHyperband(max_steps=81, min_steps=3)</code>" in advice._repr_html_()
    assert advice.algorithm == wb.OneScale(wb.TPE())
    assert "81 steps" in str(advice)
    run = wb.optimize(steps, wb.Space(x=wb.Float(0, 1)), max_steps=81, seed=0)
    assert (run.scheduler, run.algorithm, run.n_trials) == (advice.scheduler, advice.algorithm, advice.scheduler.n_trials)
    assert run.recommendation == advice


def test_a_run_whose_scheduler_is_given_gets_an_algorithm_for_it():
    run = wb.optimize(steps, wb.Space(x=wb.Float(0, 1)), scheduler=wb.MedianStop(), seed=0)
    assert run.recommendation.scheduler == wb.MedianStop()
    assert run.algorithm == wb.OneScale(wb.TPE())
    plain = wb.optimize(lambda c: c["x"], wb.Space(x=wb.Float(0, 1)), scheduler=wb.Hyperband(9), seed=0)
    assert plain.recommendation.scheduler is None


def test_steps_of_what_has_none_are_refused():
    space = wb.Space(x=wb.Float(0, 1))
    with pytest.raises(wb.WorkbenchError, match="a loss per step or per budget"):
        wb.optimize(lambda c: c["x"], space, max_steps=9)
    with pytest.raises(wb.RunError, match="Leave one of them out"):
        wb.optimize(steps, space, max_steps=9, scheduler=wb.Hyperband(9))
    with pytest.raises(wb.WorkbenchError, match="compares one loss"):
        wb.recommend(space, "steps", n_losses=2, max_steps=9)


def test_a_function_of_a_budget_comes_step_by_step():
    run = wb.optimize(lambda config, budget: config["x"] / budget, wb.Space(x=wb.Float(0, 1)), max_steps=27, seed=0)
    assert run.scheduler == wb.EagerHyperband(27)
