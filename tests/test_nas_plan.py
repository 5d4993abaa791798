import pytest

import workbench as wb
from tests.nas_helpers import made_up_table
from workbench import nas_search
from workbench.errors import RunError
from workbench.nas_plan import LOOK_UP, STEPPING, Plan
from workbench.run import Run
from workbench.search import catalogue
from workbench.step_run import StepRun


@pytest.fixture(autouse=True)
def shipped(monkeypatch):
    table = made_up_table()
    monkeypatch.setattr(nas_search, "nano_table", lambda: table)
    monkeypatch.setattr(wb.nas, "nano_table", lambda: table, raising=False)


def test_everything_that_is_listed_can_be_made_and_written_as_code():
    for strategy in [*STEPPING, *catalogue.offered(wb.nas.NANO.space)]:
        plan = Plan(strategy=strategy).fitting()
        run = plan.search()
        assert isinstance(run, StepRun if plan.steps else Run), strategy
        scope = {"wb": wb}
        exec(plan.code(), scope)
        same = scope["run"]
        if plan.steps:
            assert (same.label, same.n_steps, same.seed) == (run.label, run.n_steps, run.seed)
        else:
            assert (same.algorithm, same.n_trials, same.seed) == (run.algorithm, run.n_trials, run.seed)


def test_a_length_is_epochs_or_what_the_strategy_counts():
    assert Plan(length=7).search().n_steps == 7
    assert Plan(strategy="Random", data=LOOK_UP, length=7).search().n_trials == 7
    assert Plan(strategy="Lamarckian evolution").counts == "children"
    assert Plan(strategy="Random").counts == "architectures"
    assert Plan().own_length == wb.nas.DARTS().epochs


def test_data_follow_what_the_strategy_can_use():
    assert Plan(data=LOOK_UP).fitting().data == "MNIST-1D"
    assert LOOK_UP in Plan(strategy="Random").data_sets()
    assert LOOK_UP not in Plan(strategy="Random", space="NAS-Bench-201").data_sets()
    assert Plan(strategy="Random", data="digits").fitting().data == "digits"


def test_without_torch_only_the_table_is_searched(monkeypatch):
    monkeypatch.setattr(catalogue, "has_torch", lambda: False)
    plan = Plan(strategy="Random").fitting()
    assert plan.data == LOOK_UP
    assert plan.strategies()["one network for all, step by step"] == []
    with pytest.raises(RunError, match="cannot search nano"):
        Plan().fitting()
    with pytest.raises(RunError, match="needs torch"):
        Plan(strategy="Random", space="NAS-Bench-201").fitting()


@pytest.mark.parametrize(("plan", "says"), [
    (Plan(space="x"), "one of nano, NAS-Bench-201"), (Plan(strategy="x"), "'x' cannot search nano"),
    (Plan(length=0), "epochs must be a whole number of at least 1, got 0"), (Plan(seed=-1), "seed must be a whole number"),
])
def test_what_cannot_be_chosen_is_refused(plan, says):
    with pytest.raises(RunError, match=says):
        plan.fitting()
