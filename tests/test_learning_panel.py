"""The panel of what learns step by step: its tabs, its pictures, its words; and the pictures of MAML in it."""

import numpy as np
import pytest

import workbench as wb
from tests.test_nas_panel import labels, make, until  # noqa: F401 - a fixture among them
from workbench.events import StepTaken
from workbench.meta.meta_step import MetaStep
from workbench.meta.plain_network import descent, outputs
from workbench.plots.figure import figure
from workbench.plots.maml import LOOKS, adaptation, curves, losses_against_steps
from workbench.step_run import StepRun
from workbench_widgets.views.nas import said


def maml(**settings):
    return wb.learn(wb.meta.MAML(**{"iterations": 6, "report_every": 2, "tasks_per_step": 3, "shots": 5, **settings}), name="waves")


@pytest.fixture
def panel(make):  # noqa: F811
    made = make(maml())
    made.run.start().wait()
    until(lambda: made.head["state"] == "done" and made.shown["total"] == 3)
    return made


def named(picture, name):
    return [t for t in picture["data"] if t["name"] == name]


def test_before_the_first_step_there_is_already_its_first_tab(make):  # noqa: F811
    panel = make(maml())
    assert labels(panel) == ["Learned", "Progress", "Log", "Export"]
    assert "No step yet" in panel.figures["learned"].picture()["layout"]["annotations"][0]["text"]
    assert (panel.head["kind"], panel.head["where"]) == ("learning", "seed 0")


def test_its_tabs_are_what_was_learned_and_how(panel):
    assert labels(panel) == ["Adaptation", "Progress", "Log", "Export"]
    assert panel.shown["why"].startswith("On new tasks the loss is")
    after = panel.run.metrics["after 1 step"]
    assert panel.head["metrics"][1] == f"after one gradient step {after:.3g}"
    assert panel.figures["learned"].picture()["layout"]["title"]["text"].startswith("After step 3")
    assert named(panel.figures["progress"].picture(), "loss on new tasks, 1 gradient step")
    assert panel._pictured is panel.figures["learned"]


def test_no_word_of_it_speaks_of_architectures_or_a_search(panel):
    told = str([panel.head, panel.shown, list(panel.lines), repr(panel.run), panel.run._repr_html_(),
                panel.figures["learned"].picture()["layout"], panel.figures["progress"].picture()["layout"]])
    for word in ("rchitecture", "earch", "ell"):
        assert word not in told, word


def test_an_earlier_step_can_be_looked_at_and_a_log_shows_the_same(panel, make, tmp_path):  # noqa: F811
    last = panel.figures["learned"].picture()
    panel.command({"cmd": "look", "at": 1})
    until(lambda: panel.shown["at"] == 1)
    first = panel.figures["learned"].picture()
    assert first["layout"]["title"]["text"].startswith("After step 1")
    np.testing.assert_array_equal(named(first, "the wave")[0]["y"], named(last, "the wave")[0]["y"])  # the same tasks throughout
    panel.command({"cmd": "look", "at": None})
    panel.run.log.save(tmp_path / "waves.jsonl")
    again = make(wb.replay(tmp_path / "waves.jsonl"))
    assert str(again.figures["learned"].picture()) == str(last)
    assert again.head["kind"] == "learning"


def test_reasons_without_a_picture_get_no_tab(make):  # noqa: F811
    run = StepRun(lambda: iter([StepTaken(1, {"train_loss": 1.0})]), label="Plain", n_steps=1)
    panel = make(run)
    run.start().wait()
    until(lambda: panel.head["state"] == "done")
    assert labels(panel) == ["Progress", "Log", "Export"]


def test_files_are_named_after_the_kind_of_run(make):  # noqa: F811
    run = wb.learn(wb.meta.MAML(iterations=1, tasks_per_step=2))
    panel, sent = make(run), []
    panel.send = lambda content, buffers: sent.append(content["name"])
    panel.command({"cmd": "get", "what": "metrics", "to": "download"})
    until(lambda: sent)
    assert sent == ["learning-metrics.csv"]


def test_the_log_says_who_spoke():
    from workbench.events import RunFinished

    assert said(RunFinished("done"), 0, "learning") == ("learning", "done", "state")
    assert said(RunFinished("done"), 0)[0] == "search"


# ---- pictures --------------------------------------------------------------------------------------------------------

def told(**settings):
    *_, last = wb.meta.MAML(**{"iterations": 2, "report_every": 2, "tasks_per_step": 3, "shots": 5, **settings}).steps(seed=1)
    return last


def test_waves_stand_before_and_after_gradient_steps_on_their_points():
    step = told(inner_rate=0.02)
    why, drawn = step.why, adaptation([step])
    assert why.support.shape == (3, 5, 2)
    assert why.inner_rate == 0.02
    line = named(drawn, "after 10 steps")[1]
    became = descent([w.astype(float) for w in why.weights], why.support[1, :, :1], why.support[1, :, 1:], steps=10, rate=0.02)
    np.testing.assert_allclose(line["y"], outputs(became[10], line["x"][:, None])[:, 0])
    np.testing.assert_array_equal(named(drawn, "the 5 points")[1]["x"], why.support[1, :, 0])
    assert (np.diff(why.query[..., 0]) >= 0).all()
    figure(drawn)


def test_tasks_of_several_inputs_leave_the_losses_alone():
    drawn = adaptation([StepTaken(1, {}, MetaStep((), np.array([2.0, 1.0, 0.5])))])
    assert [t["name"] for t in drawn["data"]] == ["mean over new tasks"]
    assert "after one gradient step 1.00" in drawn["layout"]["title"]["text"]
    assert "No step" in adaptation([])["layout"]["annotations"][0]["text"]


def test_a_network_that_diverges_is_drawn_as_far_as_it_goes():
    drawn = adaptation([told(inner_rate=1e4)])
    figure(drawn)
    assert named(drawn, "before")


def test_losses_of_learners_are_told_apart_without_colour():
    found = {name: np.array([3.0, 1.0, 0.5]) / (k + 1) for k, name in enumerate([*LOOKS, "<mine>", "another"])}
    drawn = losses_against_steps(found)
    looks = {(t["line"]["dash"], t["marker"]["symbol"]) for t in drawn["data"]}
    assert len(looks) == len(found) == 6
    assert drawn["layout"]["title"]["text"] == "After 2 gradient steps: another has the least loss, 0.0833"
    assert 1.0 in drawn["layout"]["yaxis"]["tickvals"]
    assert "<mine>" not in str(drawn)
    assert len(curves(found, upto=1)[0]["x"]) == 2
    assert "learners" in losses_against_steps({})["layout"]["annotations"][0]["text"]
