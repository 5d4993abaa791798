"""``wb.learn``: any learner that takes steps, in the background; what it says to those who give it something else."""

from dataclasses import dataclass

import numpy as np
import pytest

import workbench as wb
from workbench.errors import RunError
from workbench.events import StepTaken
from workbench.history import Explanation
from workbench.meta.meta_step import MetaStep
from workbench.step_pictures import LEARNED, SEARCHED, Picture, newest, picture_of, reason


@dataclass(frozen=True)
class Toy:
    n_steps: int = 3

    def steps(self, tasks=None, *, seed=0):
        for k in range(1, self.n_steps + 1):
            yield StepTaken(k, {"cpu_s": 0.0, "train_loss": (seed + 1) / k, "learned from": float(tasks is not None)}, None)


@dataclass(frozen=True)
class Needy:
    def steps(self, problem, *, seed=0):
        yield StepTaken(1, {"valid_loss": float(problem)})


def test_a_learner_runs_in_the_background_and_can_be_repeated():
    run = wb.learn(Toy(), seed=4, name="mine")
    assert (run.state, run.label, run.name, run.n_steps, run.seed, run.kind) == ("ready", "Toy", "mine", 3, 4, "learning")
    run.start().wait()
    assert run.frame()["train_loss"].tolist() == pytest.approx([5, 2.5, 5 / 3])
    assert wb.learn(Toy(), seed=4).start().wait().frame().equals(run.frame())
    assert wb.learn(Toy(n_steps=2)).label == "Toy(n_steps=2)"


def test_tasks_are_handed_on_and_named():
    run = wb.learn(Toy(), wb.meta.Sinusoids()).start().wait()
    assert run.metrics["learned from"] == 1.0
    assert run.about == {"kind": "learning", "data": "Sinusoids"}
    assert wb.learn(Needy(), 2.5).start().wait().metrics == {"valid_loss": 2.5}


def test_without_a_seed_one_is_drawn():
    assert wb.learn(Toy(), seed=None).seed != wb.learn(Toy(), seed=None).seed


class NoSeed:
    def steps(self, tasks=None):
        return iter(())


@pytest.mark.parametrize(("learner", "tasks", "text"), [
    (Toy, None, r"give a learner, not its class: Toy\(\)"),
    (wb.TPE(), None, r"got TPE. It suggests trials: take wb.optimize\(objective, space, algorithm=TPE\(\)\)"),
    (3, None, r"has a method steps\(tasks, \*, seed\), got 3. Take wb.meta.MAML\(\)"),
    (Needy(), None, "Needy learns from something: missing a required argument: 'problem'"),
    (NoSeed(), None, "NoSeed.steps takes no seed"),
    (wb.nas.DARTS(), None, r"DARTS searches architectures. Take wb.nas.search\(DARTS\(\), data\)"),
])
def test_what_is_no_learner_is_refused_with_a_way_out(learner, tasks, text):
    with pytest.raises(RunError, match=text):
        wb.learn(learner, tasks)


def test_its_words_are_those_of_learning():
    run = wb.learn(Toy())
    with pytest.raises(RunError, match="the learning is ready: waiting"):
        run.wait()
    run.start().wait()
    with pytest.raises(RunError, match=r"the learning is over: done. wb.learn\(...\) makes another run"):
        run.start()
    assert "search" not in repr(run) + run._repr_html_()
    with pytest.raises(RunError, match=r"wb.learn\(...\) makes a run"):
        wb.replay(run).start()
    closed = wb.learn(Toy())
    closed.close()
    assert closed.state == "stopped"


# ---- pictures --------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def maml():
    learner = wb.meta.MAML(iterations=6, report_every=2, tasks_per_step=3, shots=5)
    return wb.learn(learner, name="waves").start().wait()


def test_the_figure_of_a_run_is_that_of_its_newest_reason(maml):
    assert isinstance(maml.result, MetaStep)
    drawn = maml.figure()
    assert "After step 3, on new tasks" in drawn.layout.title.text
    assert len(drawn.data) == 3 * 5 + 1  # of each wave: itself, three networks, points; and the losses
    np.testing.assert_allclose(drawn.data[-1].y, maml.result.adapted)


def test_without_a_picture_of_its_own_the_figure_shows_the_metrics():
    run = wb.learn(Toy())
    assert "No step yet" in run.figure().layout.annotations[0].text
    run.start().wait()
    assert [t.name for t in run.figure().data] == ["training loss", "learned from"]


def test_searches_and_nested_cross_validation_have_figures_too():
    from workbench.automl.nested import NestedFolds
    from workbench.nas.relaxation import Relaxation

    w = np.full((3, 2), 0.5)
    relaxed = StepTaken(1, {"valid_accuracy": 0.5}, Relaxation(w, ((0, 1), (0, 2), (1, 2)), ("a", "b"), ("a", "b", "a")))
    assert any(t["type"] == "heatmap" for t in newest([relaxed], {"operations": ["a", "b"]})["data"])
    folds = StepTaken(1, {"inner best": 0.1}, NestedFolds((0.1, 0.2), (0.2, 0.3), ({}, {})))
    assert "New data may expect 0.250" in newest([folds], {})["layout"]["title"]["text"]
    plain = StepTaken(1, {"valid_accuracy": 0.5})
    assert newest([plain], {"operations": ["a"]})["data"][0]["name"] == "validation"


def test_the_table_finds_a_type_or_what_it_is_a_child_of():
    @dataclass(frozen=True)
    class Child(MetaStep):
        pass

    why = MetaStep((), np.ones(3))
    assert picture_of(why).label == "Adaptation"
    assert picture_of(Child((), np.ones(3))) == picture_of(why)
    assert picture_of(Explanation()) is picture_of(None) is None
    assert picture_of(Explanation(), {"workbench.history:Explanation": Picture("x", "y:z")}).label == "x"


@pytest.mark.parametrize("name", LEARNED | SEARCHED)
def test_each_line_of_the_table_names_what_there_is(name):
    from importlib import import_module

    module, cls = name.split(":")
    assert issubclass(getattr(import_module(module), cls), Explanation)
    module, function = (LEARNED | SEARCHED)[name].where.split(":")
    assert callable(getattr(import_module(module), function))


def test_the_newest_reason_is_looked_for_from_the_end():
    why = MetaStep((), np.ones(3))
    assert reason([StepTaken(1, {}, why), StepTaken(2, {})]) is why
    assert reason([StepTaken(1, {})]) is None
