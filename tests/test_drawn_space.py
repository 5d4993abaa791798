"""The run panel and its space editor: what is drawn reaches the run, its algorithm, or a child run."""

import json

import pytest

import workbench as wb
from workbench.search.beliefs import whole_prior, with_prior
from workbench_widgets.pump import pump
from workbench_widgets.run_panel import RunPanel

SPACE = wb.Space(x=wb.Float(0, 1), kind=wb.Choice("a", "b"))


@pytest.fixture
def panel():
    made = []

    def make(n=0, **settings):
        run = wb.optimize(lambda c: c["x"] + (c["kind"] == "b"), SPACE, n_trials=20, seed=0, **settings)
        for _ in range(n):
            run.step()
        made.append(RunPanel(run))
        return made[-1]

    yield make
    for p in made:
        p.run.stop()
        p.close()


def draw(panel, change):
    """Edit the draft as the page does, and let the pump tick."""
    draft = json.loads(json.dumps(panel.editor.draft))
    change(draft)
    panel.editor.set_state({"draft": draft, "revision": panel.editor.revision + 1})
    pump.tick()


def believe(draft):
    draft["prior"] = [["x", [[0.25, 1]]]]


def add_option(draft):
    draft["params"][1]["options"].append("c")


def test_a_drawn_prior_becomes_the_algorithms(panel):
    p = panel(algorithm=wb.TPE())
    draw(p, believe)
    assert p.run.algorithm == wb.TPE(prior={"x": 0.25})
    assert p.head["algorithm"] == "TPE"
    assert p.editor.prior_note == "TPE takes it into account, from the next trial on."
    draw(p, lambda d: d.pop("prior"))
    assert p.run.algorithm == wb.TPE()


def test_a_range_and_a_belief_that_follows_it_become_the_runs_at_once(panel):
    p = panel(algorithm=wb.TPE(prior={"x": 0.9}))
    assert p.editor.prior == {"x": 0.9}
    draw(p, lambda d: (d["params"][0].update(high=0.5), believe(d)))
    assert (p.run.space["x"].high, p.run.algorithm) == (0.5, wb.TPE(prior={"x": 0.25}))
    assert p.said == {}
    draw(p, lambda d: d["params"][0].update(low=0.3))  # the belief no longer fits: the run goes on without it
    assert (p.run.space["x"].low, p.run.algorithm) == (0.3, wb.TPE())
    assert "must lie between 0.3 and 0.5" in p.editor.doubts["x"]


def test_an_algorithm_without_priors_says_so_and_the_next_one_takes_it(panel):
    p = panel(algorithm=wb.CMAES())
    draw(p, believe)
    assert p.run.algorithm == wb.CMAES()
    assert p.editor.prior_note.startswith("CMA-ES knows no prior. It is kept here, and counts as soon as")
    p.command({"cmd": "algorithm", "value": "GP-BO · EI"})
    pump.tick()
    assert p.run.algorithm == with_prior(wb.GPBO(acquisition="ei"), {"x": 0.25})
    assert p.head["algorithm"] == "GP-BO · EI"
    p.command({"cmd": "algorithm", "value": "Random"})
    pump.tick()
    assert (p.run.algorithm, p.editor.prior) == (wb.Random(), {"x": 0.25})


def test_a_prior_given_in_python_is_shown(panel):
    p = panel(algorithm=wb.TPE())
    p.run.configure(algorithm=wb.TPE(prior={"kind": {"a": 3, "b": 1}}))
    pump.tick()
    assert p.editor.draft["prior"] == [["kind", [["a", 3.0], ["b", 1.0]]]]


def test_a_wish_becomes_a_child_with_its_prior_and_the_editor_shows_the_runs_space_again(panel):
    p = panel(n=3, algorithm=wb.TPE())
    pump.tick()
    draw(p, lambda d: (add_option(d), d.update(prior=[["kind", [["c", 1]]], ["x", [[0.25, 1]]]])))
    assert p.run.space == SPACE
    assert p.run.algorithm == wb.TPE(prior={"x": 0.25})
    assert p.editor.wish["kind"].options == ("a", "b", "c")
    assert p.family.family["wish"]
    p.editor._hear({"cmd": "child"})
    pump.tick()
    (child,) = p.run.children
    assert child.space["kind"].options == ("a", "b", "c")
    assert dict(whole_prior(child.algorithm)).keys() == {"kind", "x"}
    assert child.descent.n_imported == 3
    assert p.editor.wish is None
    assert p.editor.draft["params"][1]["options"] == ["a", "b"]
    assert (p.editor.prior, p.editor.doubts) == ({"x": 0.25}, {})
    assert p.family.family["wish"] == ""


def test_what_cannot_be_made_a_child_is_said_on_the_panel(panel):
    p = panel(n=2)
    draw(p, add_option)
    p.run.child = None  # as if it went wrong
    p.editor._hear({"cmd": "child"})
    pump.tick()
    assert "not callable" in p.said["text"]
    assert p.editor.wish is not None


def test_looking_back_at_a_moment_without_trials_does_not_free_the_structure(panel):
    p = panel(n=3)
    p.playhead.jump(0)
    pump.tick()
    draw(p, add_option)
    assert p.editor.wish is not None
    assert p.said == {}
