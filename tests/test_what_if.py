import html
import math
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

import workbench as wb
from workbench.errors import RunError
from workbench.events import RunStarted, TrialSuggested
from workbench.plots.what_if import beliefs, has_slices, lines, over_two, what_if
from workbench.search import catalogue
from workbench.what_if import FOR_LOSSES, PRESET, distance
from workbench_widgets.pump import pump
from workbench_widgets.run_panel import RunPanel

SPACE = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), kind=wb.Choice("a", "b"), depth=wb.Int(1, 5, when={"kind": "b"}))


def loss(config):
    return (math.log10(config["lr"]) + 3) ** 2 + config.get("depth", 0.5)


def curve(config):
    for epoch in range(3):
        yield loss(config) + 1 / (1 + epoch)


def make(objective=loss, space=SPACE, **settings):
    settings = {"algorithm": wb.TPE(n_startup=5), "n_trials": 16, "seed": 0, **settings}
    return wb.optimize(objective, space, **settings)


@pytest.fixture(scope="module")
def run():
    return make().start().wait(60)


# ---- whom is asked, and what comes back --------------------------------------------------------------------------------

@pytest.mark.parametrize("settings", [
    {}, {"algorithm": wb.GPBO(n_startup=4), "n_trials": 8}, {"algorithm": wb.CMAES()},
    {"objective": curve, "scheduler": wb.Hyperband(max_steps=3, eta=3), "n_trials": 12},
    {"objective": curve, "scheduler": wb.ASHA(max_steps=3, eta=3), "n_trials": 12, "algorithm": wb.BOHB()},
    {"objective": lambda c: (loss(c), c["lr"]), "direction": ["minimize", "maximize"], "algorithm": wb.NSGA2()},
    {"n_workers": 2}], ids=["TPE", "GP-BO", "CMA-ES", "Hyperband", "ASHA and BOHB", "two losses", "two workers"])
def test_the_runs_own_algorithm_gives_what_was_really_tried(settings):
    r = make(**settings).start().wait(60)
    own = r.algorithm.algorithm if isinstance(r.algorithm, wb.OneScale) else r.algorithm
    for k in (0, 5, len(r.trials) - 1):
        answer, = r.what_if(before=k, algorithms=[own]).answers
        assert not answer.error
        assert answer.distance == (0.0,)
        assert r.space.to_unit(answer.configs[0]) == pytest.approx(r.space.to_unit(r.trials.by_number[k].config), nan_ok=True)


def test_by_default_five_answer_each_in_a_row_under_what_was_tried(run):
    frame = run.what_if(before=12).frame()
    assert frame.index.get_level_values("algorithm").tolist() == ["really tried: trial 12", *PRESET]
    assert list(frame.columns) == ["lr", "kind", "depth", "why", "distance", "seconds", "error"]
    assert frame["distance"].between(0, 1).all()
    assert (frame["seconds"].iloc[1:] >= 0).all()
    assert frame["why"].str.len().gt(10).all()
    assert not frame["error"].any()
    for _, row in frame.iterrows():
        SPACE.validate({k: row[k] for k in ("lr", "kind")} | ({} if math.isnan(row["depth"]) else {"depth": int(row["depth"])}))


def test_of_the_present_there_is_nothing_tried_to_compare_with(run):
    w = run.what_if()
    assert w.question.trial is None
    assert w.question.number == 16
    assert len(w.question.history) == 16
    assert w.frame()["distance"].isna().all()
    assert "next" in repr(w)


def test_the_same_question_has_the_same_answer_and_leaves_the_run_as_it_was(run):
    before, n = run.frame(), len(run.log)
    a, b = (run.what_if(before=9, n=2).frame().drop(columns="seconds") for _ in range(2))
    assert a.equals(b)
    assert run.frame().equals(before)
    assert len(run.log) == n
    assert run.settings_json() == make().settings_json()


def test_several_suggestions_show_what_is_chance_and_the_first_is_the_trials_own(run):
    w = run.what_if(before=9, algorithms=["Random", "Grid"], n=3)
    random, grid = w.answers
    one, = run.what_if(before=9, algorithms=["Random"]).answers
    assert random.configs[0] == one.configs[0]
    assert len({c["lr"] for c in random.configs}) == 3
    assert len({c["lr"] for c in grid.configs}) == 1
    assert w.frame().loc["Random"].index.tolist() == [1, 2, 3]


def test_what_goes_wrong_with_one_stands_in_its_row(run, monkeypatch):
    @dataclass(frozen=True)
    class Broken:
        def suggest(self, history, rng):
            raise ZeroDivisionError("the model is singular")

    small = make(space=wb.Space(kind=wb.Choice("a", "b")), objective=lambda c: 1.0, algorithm=wb.Grid(), n_trials=2)
    small.start().wait(30)
    frame = small.what_if(algorithms=[wb.Grid(), Broken(), wb.TPE(prior={"nothing": 1}), "Random"]).frame()
    assert frame.loc["Random", "error"].tolist() == [""]
    assert "ZeroDivisionError: the model is singular" in frame.loc["Broken", "error"].iloc[0]
    assert "grid" in frame.loc["Grid", "error"].iloc[0].lower()
    assert "nothing" in frame[frame["error"] != ""].loc[lambda f: f.index.get_level_values(0).str.startswith("TPE"), "error"].iloc[0]
    monkeypatch.setattr("workbench.search.nn_bo.DNGO.suggest", lambda *_: (_ for _ in ()).throw(wb.MissingExtra("needs torch")))
    assert "needs torch" in run.what_if(algorithms=["BO with DNGO"]).frame()["error"].iloc[0]


def test_names_that_are_not_known_and_classes_are_refused(run):
    with pytest.raises(RunError, match="no algorithm 'TPF'"):
        run.what_if(algorithms=["TPF"])
    with pytest.raises(RunError, match=r"Write wb.TPE\(\)"):
        run.what_if(algorithms=[wb.TPE])
    with pytest.raises(RunError, match="no trial 99"):
        run.what_if(before=99)
    with pytest.raises(RunError, match="at least 1, got 0"):
        run.what_if(n=0)
    assert run.what_if(algorithms=["CMAES"]).answers[0].algorithm == "CMA-ES"


def test_of_several_losses_those_that_know_one_are_left_out_and_it_is_said_why():
    r = make(lambda c: (loss(c), c["lr"]), direction=["minimize", "minimize"], algorithm=wb.Random(), n_trials=12).start().wait(30)
    w = r.what_if(before=8)
    assert set(w.left_out) == set(PRESET) - {"Random"}
    assert all("one loss, got a run of 2" in why for why in w.left_out.values())
    answered = [a.algorithm for a in w.answers if not a.left_out]
    assert answered == [*FOR_LOSSES, "Random"]
    assert all(len(a.x) == 1 for a in w.answers if not a.left_out)
    assert w.figure().data


def test_the_space_of_an_optuna_objective_is_read_off_the_trials():
    def objective(trial):
        kind = trial.suggest_categorical("kind", ["a", "b"])
        return trial.suggest_float("x", 0, 1) + (trial.suggest_int("n", 1, 4) if kind == "b" else 0)

    r = wb.optimize(objective, algorithm=wb.TPE(n_startup=3), n_trials=15, seed=0)
    with pytest.raises(RunError, match="no space yet"):
        r.what_if()
    r.start().wait(60)
    w = r.what_if(before=14)
    assert all(not a.error for a in w.answers)
    assert w.question.tried is not None
    own, = r.what_if(before=14, algorithms=[wb.TPE(n_startup=3)]).answers
    assert own.distance == (0.0,)


def test_optunas_samplers_are_left_out(run):
    optuna = pytest.importorskip("optuna")
    w = run.what_if(algorithms=[optuna.samplers.TPESampler()])
    assert "study of their own" in w.left_out["Optuna's TPESampler"]


def test_running_trials_are_known_to_those_who_are_asked_now():
    gate, inside = threading.Event(), threading.Event()

    def objective(config):
        inside.set()
        gate.wait(20)
        return loss(config)

    r = make(objective, n_trials=1).start()
    inside.wait(20)
    w = r.what_if(algorithms=["Random"])
    assert len(w.question.history.pending) == 1
    assert w.question.words == "next, from 0 results and 1 running trial"
    gate.set()
    r.wait(20)
    assert len(r.what_if(algorithms=["Random"]).question.history.pending) == 0


def test_a_recording_gives_the_same_answers(run, tmp_path):
    run.log.save(tmp_path / "log.jsonl")
    recording = wb.replay(tmp_path / "log.jsonl")
    for k in (7, None):
        a, b = (r.what_if(before=k, algorithms=["TPE", "GP-BO · log-EI", "CMA-ES"]).frame().drop(columns="seconds")
                for r in (run, recording))
        assert a.equals(b)


def test_a_parameter_may_be_called_like_a_column_and_markup_stays_text():
    space = wb.Space({"why": wb.Float(0, 1), "<b>": wb.Choice("<i>x</i>", "y")})
    r = make(lambda c: c["why"], space, algorithm=wb.Random(), n_trials=3).start().wait(30)
    w = r.what_if(algorithms=["Random"])
    assert "param why" in w.frame().columns
    assert "<i>x" not in w._repr_html_()
    assert "&lt;b&gt;" in w._repr_html_()
    long = r.what_if(before=2, algorithms=["GP-BO · log-EI"])
    assert max(map(len, long.frame()["why"])) > 50
    assert all(html.escape(why) in long._repr_html_() for why in long.frame()["why"])  # whole sentences


# ---- distance ----------------------------------------------------------------------------------------------------------

def test_the_distance_is_gowers():
    def apart(a, b):
        return distance(SPACE, SPACE.to_unit(a), SPACE.to_unit(b))

    low, high = {"lr": 1e-5, "kind": "a"}, {"lr": 1e-1, "kind": "a"}
    assert apart(low, low) == 0
    assert apart(low, high) == pytest.approx(1 / 2)  # as far as can be in one of two parameters
    assert apart({"lr": 1e-3, "kind": "a"}, high) == pytest.approx(0.5 / 2)
    assert apart(low, {"lr": 1e-1, "kind": "b", "depth": 3}) == 1  # one lacks depth
    assert apart({"lr": 1e-5, "kind": "b", "depth": 1}, {"lr": 1e-5, "kind": "b", "depth": 5}) == pytest.approx(
        (SPACE["depth"].to_unit(5) - SPACE["depth"].to_unit(1)) / 3)
    assert math.isnan(distance(wb.Space(), np.empty(0), np.empty(0)))


# ---- pictures ----------------------------------------------------------------------------------------------------------

def test_each_suggestion_is_a_line_across_the_parameters_with_a_gap_where_one_is_inactive(run):
    w = run.what_if(before=12)
    drawn = lines(w)
    by_name = {t["name"]: t for t in drawn["data"]}
    for a in w.answers:
        assert by_name[a.algorithm]["y"] == pytest.approx(a.x[0], nan_ok=True)
    assert by_name["trial 12, really tried"]["y"] == pytest.approx(w.question.tried, nan_ok=True)
    assert len({(t["marker"]["symbol"], t["marker"]["color"]) for t in drawn["data"] if t["name"] in PRESET}) == 5
    assert "trial 12" in drawn["layout"]["title"]["text"]
    assert "TPE" not in PRESET[0]


def test_over_two_parameters_suggestions_stand_where_they_are(run):
    w = run.what_if(before=12)
    drawn = over_two(w, "lr", "kind", selected=2)
    marks = {t["name"]: t for t in drawn["data"] if t["name"] in PRESET}
    for a in w.answers:
        assert (marks[a.algorithm]["x"][0], marks[a.algorithm]["y"][0]) == pytest.approx(tuple(a.x[0][:2]))
    assert marks[PRESET[2]]["marker"]["size"] > marks[PRESET[1]]["marker"]["size"]
    assert [marks[name]["customdata"] for name in PRESET] == [[-1 - k] for k in range(5)]  # a click tells which


def test_beliefs_stand_side_by_side_and_the_line_is_where_each_suggests(run):
    w = run.what_if(before=12)
    drawn = beliefs(w, "lr")
    with_slices = [a for a in w.answers if has_slices(a.why[0])]
    assert [a.algorithm for a in with_slices] == list(PRESET[:4])
    at = [s["x0"] for s in drawn["layout"]["shapes"] if s["xref"] in ("x", "x3", "x5", "x7")]
    assert at == [a.x[0][0] for a in with_slices]
    text = " ".join(note["text"] for note in drawn["layout"]["annotations"])
    assert all(a.algorithm in text for a in with_slices)
    for name in SPACE.names:
        assert beliefs(w, name)["data"]


def test_with_a_scheduler_beliefs_are_on_the_one_scale():
    r = make(curve, scheduler=wb.Hyperband(max_steps=3, eta=3), n_trials=20).start().wait(60)
    w = r.what_if(before=18, n=4, algorithms=["GP-BO · log-EI", "TPE", "BOHB"])
    assert all(not a.error for a in w.answers)
    assert what_if(w, "lr")["data"] or "None of these" in what_if(w, "lr")["layout"]["annotations"][0]["text"]


def test_whoever_maximises_sees_his_own_values():
    r = make(lambda c: 100 - loss(c), direction="maximize").start().wait(30)
    drawn = beliefs(r.what_if(before=14, algorithms=["GP-BO · log-EI"]), "lr")
    mean = next(t for t in drawn["data"] if t["name"] == "mean")
    assert np.nanmin(mean["y"]) > 50


def test_without_any_suggestion_the_picture_says_so(run):
    w = run.what_if(algorithms=["FABOLAS"])
    assert w.answers[0].error
    assert "No suggestion" in what_if(w)["layout"]["annotations"][0]["text"]
    assert "any model" not in what_if(run.what_if(before=2), "lr")["layout"]["annotations"][0]["text"]


# ---- in the panel ------------------------------------------------------------------------------------------------------

def until(true, timeout=20.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


@pytest.fixture
def panel():
    r = make(n_trials=12).start().wait(60)
    r.configure(n_trials=20)
    p = RunPanel(r)
    p.what_if_fold.command({"cmd": "open", "open": True})
    until(lambda: p.what_if_fold.asked.get("preset"))
    yield p
    if r.state in ("running", "paused"):
        r.stop()
    p.close()


def ask(p, *names, n=1):
    p.what_if_fold.command({"cmd": "ask", "names": list(names), "n": n})
    until(lambda: p.what_if_fold.asked["rows"] and not p.what_if_fold.asked["thinking"])
    return p.what_if_fold.asked


def test_at_an_old_moment_they_are_asked_with_what_was_known_then(panel):
    panel.playhead.jump(panel.playhead.reel.ends[7])
    asked = ask(panel, "TPE", "Random")
    assert asked["moment"].startswith("instead of trial 8")
    assert asked["words"] == "instead of trial 8, from 8 results"
    expected = panel.run.what_if(before=8, algorithms=["Random"]).answers[0]
    assert [r["algorithm"] for r in asked["rows"]] == ["TPE", "Random"]
    assert asked["rows"][1]["code"] == repr(expected.configs[0])
    assert asked["really"]["trial"] == 8
    until(lambda: any(t["name"] == "TPE" for t in panel.what_if_fold.live._figure["data"]))


def test_now_they_are_asked_what_comes_next_and_a_suggestion_can_be_tried(panel):
    asked = ask(panel, "CMA-ES", "Random")
    assert asked["moment"] == "next, with what is known now"
    assert asked["really"] is None
    for message in ({"cmd": "choose", "k": 1}, {"cmd": "try", "k": 1}):
        panel.what_if_fold.command(message)
    until(lambda: panel.what_if_fold.asked["said"])
    assert "as soon as the run goes on" in panel.what_if_fold.asked["said"]
    panel.run.step()
    tried = [e.config for e in panel.run.log if isinstance(e, TrialSuggested)][-1]
    assert repr(tried) == asked["rows"][1]["code"]


def test_they_think_on_a_thread_of_their_own_and_who_is_dropped_asks_no_further(panel, monkeypatch):
    gate, threads = threading.Event(), []

    def suggest(self, history, rng):
        threads.append(threading.current_thread().name)
        gate.wait(20)
        return wb.QuasiRandom().suggest(history, rng)

    monkeypatch.setattr(wb.Random, "suggest", suggest)
    panel.what_if_fold.command({"cmd": "ask", "names": ["Random", "TPE"], "n": 1})
    until(lambda: panel.what_if_fold.asked["thinking"] == "Random is thinking (1 of 2)")
    panel.command({"cmd": "pick", "trial": 3})  # the pump answers meanwhile
    until(lambda: panel.picked.get("trial") == 3)
    panel.what_if_fold.command({"cmd": "drop"})
    until(lambda: panel.what_if_fold.asked["thinking"] == "")
    gate.set()
    until(lambda: panel.what_if_fold.asked.get("dropped") and panel.what_if_fold.asked["rows"])
    time.sleep(0.1)
    assert [r["algorithm"] for r in panel.what_if_fold.asked["rows"]] == ["Random"]
    assert threads == ["workbench what if"]


def test_the_picture_and_the_chosen_suggestion_follow_the_clicks(panel):
    ask(panel, "GP-BO · log-EI", "TPE")
    fold = panel.what_if_fold
    fold.command({"cmd": "view", "kind": "beliefs", "x": "lr", "y": ""})
    until(lambda: "believes along lr" in fold.live.title())
    fold.command({"cmd": "view", "kind": "map", "x": "kind", "y": "lr"})
    until(lambda: fold.asked["view"]["kind"] == "map")
    fold.live.clicked = {"trial": -2}  # a click on the mark of the second suggestion
    until(lambda: fold.asked["chosen"] == 1)
    fold.live.clicked = {"trial": 5}  # and on what was really tried
    until(lambda: panel.selection.trial == 5)


@pytest.mark.parametrize("message", [
    {}, {"cmd": "ask"}, {"cmd": "ask", "names": [], "n": 1}, {"cmd": "ask", "names": ["__import__('os')"], "n": 1},
    {"cmd": "ask", "names": ["Random"], "n": "many"}, {"cmd": "view", "kind": "x", "x": 1}, {"cmd": "mark", "mark": "a"},
    {"cmd": "choose", "k": 99}, {"cmd": "try", "k": -1}, {"cmd": "try", "k": 5}])
def test_nonsense_from_the_page_harms_nothing(panel, message):
    panel.what_if_fold.command(message)
    assert ask(panel, "Random")["rows"][0]["algorithm"] == "Random"


def test_a_recordings_panel_can_be_asked_but_tries_nothing(run):
    p = RunPanel(wb.replay(run))
    p.what_if_fold.command({"cmd": "open", "open": True})
    until(lambda: p.what_if_fold.asked.get("preset"))
    asked = ask(p, "TPE")
    assert not asked["writable"]
    p.what_if_fold.command({"cmd": "try", "k": 0})
    until(lambda: "recording" in p.what_if_fold.asked["said"])
    p.close()


def test_of_several_losses_the_panel_offers_those_who_know_them():
    r = make(lambda c: (loss(c), c["lr"]), direction=["minimize", "minimize"], algorithm=wb.Random(), n_trials=6).start().wait(30)
    p = RunPanel(r)
    pump.detach(p)
    p.what_if_fold.command({"cmd": "open", "open": True})
    p.draw()
    assert p.what_if_fold.asked["preset"] == [*FOR_LOSSES, "Random"]
    assert "GP-BO · log-EI, TPE, CMA-ES, RF-BO (SMAC) are left out" in p.what_if_fold.asked["left_out"]
    assert catalogue.has_torch() or "BO with DNGO" not in p.what_if_fold.asked["others"]
    p.close()


def test_the_log_tells_the_space_that_recordings_use(run):
    assert any(isinstance(e, RunStarted) and e.space for e in run.log)
