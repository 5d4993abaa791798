"""The family tree of an evolution and the bars of a policy: made from events, the same from a saved log."""

import json

import numpy as np
import pytest

import workbench as wb
from workbench.event_file import dumps, loads
from workbench.nas.cells import NANO
from workbench.nas.evolution import deaths
from workbench.nas.relaxation import Relaxation
from workbench.plots import nas_anytime, nas_evolution, nas_policy
from workbench.plots.figure import figure
from workbench.plots.model import model
from workbench.seen import Replay
from workbench.trials import Trials


def loss(config):
    if config["e01"] == "pool3" and config["e02"] == "pool3":
        raise ValueError("does not train")
    return sum(v != "conv3" for v in config.values()) + NANO.index(NANO.architecture(config)) * 1e-5


def run_of(algorithm, n, **settings):
    return wb.optimize(loss, NANO.space, algorithm=algorithm, n_trials=n, seed=0, **settings).start().wait()


@pytest.fixture(scope="module")
def evolved():
    return {ageing: run_of(wb.nas.RegularizedEvolution(8, ageing=ageing), 40) for ageing in (True, False)}


def trace(drawn, name):
    return next(t for t in drawn["data"] if t["name"] == name)


def shown(drawn, name):
    """Trials of the dots of this kind, those at the edge included."""
    return {k for t in drawn["data"] if t["name"] in (name, f"{name}, worse than the axis reaches") for k in t["customdata"]}


def plain(drawn):
    return json.dumps(drawn, default=lambda a: a.tolist(), sort_keys=True)


@pytest.mark.parametrize("ageing", [True, False])
def test_who_lives_and_who_is_dead_are_told_apart(evolved, ageing):
    trials = evolved[ageing].trials
    drawn = nas_evolution.family_tree(trials)
    why = trials.by_number[39].why
    numbers = Replay(trials).trials_before(39)
    assert shown(drawn, "living") == {numbers[r] for r in why.population}
    assert shown(drawn, "dead") == set(numbers) - {numbers[r] for r in why.population}
    assert trace(drawn, "its winner, the parent")["customdata"].tolist() == [numbers[why.parent]]
    assert (trace(drawn, "dead")["marker"]["opacity"] < trace(drawn, "living")["marker"]["opacity"].min()).all()


def test_a_life_reaches_from_birth_to_death(evolved):
    trials = evolved[True].trials
    x = trace(nas_evolution.family_tree(trials), "lived")["x"].reshape(-1, 3)
    np.testing.assert_array_equal(x[:, 1] - x[:, 0], 9.0)  # eight results, and the one that it makes room for
    history = Replay(trials).history_before(39)
    died = deaths(history.y, 8, ageing=True)
    np.testing.assert_array_equal(x[:, 1], died[np.isfinite(died)] + 1)
    kept = trace(nas_evolution.family_tree(evolved[False].trials), "lives")["x"].reshape(-1, 3)
    assert (kept[:, 1] - kept[:, 0]).max() > 15  # without ageing the good live on


def test_lines_go_from_parents_to_children(evolved):
    trials = evolved[True].trials
    x = trace(nas_evolution.family_tree(trials), "parent to child")["x"].reshape(-1, 3)
    whys = {n: t.why for n, t in trials.by_number.items()}
    wanted = {(whys[k].parent + 1.0, k + 1.0) for k in range(39) if hasattr(whys[k], "parent")}
    assert {(a, b) for a, b, _ in x} == wanted


def test_the_past_is_drawn_as_it_was(evolved):
    trials = evolved[True].trials
    drawn = nas_evolution.family_tree(trials, 20)
    assert shown(drawn, "living") == set(Replay(trials).trials_before(20)[-8:])
    assert drawn["layout"]["xaxis"]["range"][1] < 22


def test_failed_and_very_bad_ones_stand_at_the_edge(evolved):
    drawn = nas_evolution.family_tree(evolved[True].trials)
    low, high = drawn["layout"]["yaxis"]["range"]
    for t in drawn["data"]:
        if t["name"].startswith(("living", "dead")):
            assert (low <= t["y"]).all() and (t["y"] <= high).all()
    assert len(trace(drawn, "dead, worse than the axis reaches")["x"])


def test_of_a_long_run_the_newest_are_drawn():
    drawn = nas_evolution.family_tree(run_of(wb.nas.RegularizedEvolution(5), 230).trials)
    assert len(shown(drawn, "living") | shown(drawn, "dead")) == nas_evolution.WINDOW
    assert "newest 150" in drawn["layout"]["xaxis"]["title"]["text"]


@pytest.mark.parametrize("ageing", [True, False])
def test_a_saved_log_draws_the_same_tree(evolved, ageing):
    run = evolved[ageing]
    again = Trials([loads(dumps(e)) for e in run.log])
    assert plain(nas_evolution.family_tree(again)) == plain(nas_evolution.family_tree(run.trials))
    figure(nas_evolution.family_tree(again)).to_json()


def test_somebody_who_maximises_sees_values(evolved):
    run = wb.optimize(lambda c: -loss(c), NANO.space, algorithm=wb.nas.RegularizedEvolution(8), n_trials=40, seed=0,
                      direction="maximize").start().wait()
    up, down = nas_evolution.family_tree(run.trials), nas_evolution.family_tree(evolved[True].trials)
    np.testing.assert_allclose(trace(up, "living")["y"], -trace(down, "living")["y"])
    assert up["layout"]["yaxis"]["title"]["text"] == "value (larger is better)"


def test_before_the_first_child_the_picture_says_what_will_be_here():
    assert "first child" in json.dumps(nas_evolution.family_tree(Trials()))
    assert "first child" in json.dumps(nas_evolution.family_tree(run_of(wb.nas.RegularizedEvolution(8), 3).trials))
    assert "first suggestion" in json.dumps(nas_policy.policy(Trials()))


@pytest.fixture(scope="module")
def taught():
    return run_of(wb.nas.Reinforce(learning_rate=0.1), 60)


def test_bars_of_a_decision_add_up_to_one_and_a_frame_is_round_what_was_drawn(taught):
    why = taught.trials.by_number[59].why
    drawn = nas_policy.bars(why)
    total = np.zeros(6)
    for t in drawn["data"]:
        total[t["x"]] += t["y"]
    np.testing.assert_allclose(total, 1.0)
    assert [t["name"] for t in drawn["data"]] == list(NANO.operations)
    frames = {round(f["x0"] + nas_policy.WIDTH / 2): f["y1"] - f["y0"] for f in drawn["layout"]["shapes"]}
    for t, k in enumerate(why.drawn):
        assert frames[t] == pytest.approx(why.probabilities[t, k])


def test_rewards_their_average_and_entropy_are_those_of_the_run(taught):
    drawn = nas_policy.policy(taught.trials)
    trials = [taught.trials.by_number[k] for k in range(60)]
    np.testing.assert_array_equal(trace(drawn, "baseline")["y"], [t.why.baseline for t in trials])
    np.testing.assert_array_equal(trace(drawn, "entropy")["y"], [t.why.entropy for t in trials])
    rewards, foot = trace(drawn, "reward"), drawn["layout"]["yaxis2"]["range"][0]
    inside = {t.number: -t.loss for t in trials if t.loss is not None and -t.loss >= foot}
    assert {int(k): v for k, v in zip(rewards["customdata"], rewards["y"], strict=True) if np.isfinite(v)} == inside
    below = trace(drawn, "reward, below the axis")
    assert set(below["customdata"]) == {t.number for t in trials if t.loss is not None and -t.loss < foot}
    assert (below["y"] == foot).all()


def test_a_policy_of_the_past_and_of_a_saved_log_is_drawn_as_it_was(taught):
    early = nas_policy.policy(taught.trials, 10)
    assert max(trace(early, "reward")["customdata"]) == 10
    again = Trials([loads(dumps(e)) for e in taught.log])
    assert plain(nas_policy.policy(again)) == plain(nas_policy.policy(taught.trials))
    figure(nas_policy.policy(again)).to_json()


def test_decisions_with_options_of_their_own_are_drawn_too():
    space = wb.Space(algo=wb.Choice("svm", "knn"), C=wb.Float(1e-2, 1e2, log=True, when={"algo": "svm"}), k=wb.Int(1, 3))
    run = wb.optimize(lambda c: float(c["k"]), space, algorithm=wb.nas.Reinforce(), n_trials=8, seed=0).start().wait()
    drawn = nas_policy.policy(run.trials)
    assert drawn["layout"]["xaxis"]["ticktext"] == ["algo", "C", "k"]
    figure(drawn).to_json()


def test_a_relaxation_is_drawn_alike():
    why = Relaxation(np.full((6, 4), 0.25), NANO.edges, NANO.operations, ("conv3",) * 6)
    drawn = nas_policy.bars(why)
    assert drawn["layout"]["xaxis"]["ticktext"][0] == "0 → 1"
    assert len(drawn["layout"]["shapes"]) == 6


def test_the_model_tab_shows_them(evolved, taught):
    for run, n in ((evolved[True], 39), (taught, 59)):
        trials = run.trials
        drawn = model(Replay(trials).history_before(n), trials.by_number[n].why, "e01", trials=trials)
        assert len(drawn["data"]) > 4
    assert len(model(Replay(trials).history_before(n), trials.by_number[n].why, "e01")["data"]) == 4  # bars alone


def test_bands_hold_the_middle_half_of_the_runs():
    at = np.linspace(100, 1000, 10)
    rng = np.random.default_rng(0)
    curves = {"a": np.maximum.accumulate(rng.random((20, 10)), axis=1), "b <i>": rng.random((20, 10))}
    curves["b <i>"][3, :2] = np.nan
    drawn = nas_anytime.bands(curves, at, best=1.2, biggest=0.5, name="toys")
    line = trace(drawn, "a")  # the band's upper edge comes first
    np.testing.assert_allclose(trace(drawn, "a (lower edge)")["y"], np.quantile(curves["a"], 0.25, axis=0))
    assert len(line["x"]) == 10
    assert [len(t["x"]) for t in drawn["data"] if t["name"].startswith("b &lt;i&gt;")] == [8, 8, 8]  # from the third on all have one
    assert [a["text"] for a in drawn["layout"]["annotations"]] == ["the best there is", "the biggest"]
    assert "20 runs" in drawn["layout"]["title"]["text"]
    low, high = drawn["layout"]["yaxis"]["range"]
    assert low < 0.5 and high > 1.2
    figure(drawn).to_json()
    assert "one run" in json.dumps(nas_anytime.bands({}, at))


def test_long_times_are_told_in_hours():
    drawn = nas_anytime.bands({"a": np.ones((1, 3))}, np.array([3600.0, 7200.0, 36000.0]))
    assert drawn["data"][-1]["x"].tolist() == [1.0, 2.0, 10.0]
    assert drawn["layout"]["xaxis"]["title"]["text"] == "simulated hours of training"
    assert len(drawn["data"]) == 1  # no band of one run
