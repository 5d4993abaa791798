"""The tab on importance, without a page: what is computed and when, what is said, and what becomes a child run."""

import threading
import time

import numpy as np
import pytest

import workbench as wb
from workbench.errors import RunError
from workbench.events import TrialReported
from workbench.trials import Trials
from workbench_widgets import importance_words as words
from workbench_widgets.beside import REST, Beside, Pace
from workbench_widgets.importance_ask import FULL_TREES, KINDS, LIVE_TREES, Question
from workbench_widgets.importance_freeze import Freeze, foreseen
from workbench_widgets.importance_panel import ImportancePanel
from workbench_widgets.pump import pump
from workbench_widgets.run_panel import RunPanel
from workbench_widgets.view import Selection

SPACE = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), opt=wb.Choice("adam", "sgd"), mom=wb.Float(0, 1, when={"opt": "sgd"}),
                 depth=wb.Int(1, 9), dust=wb.Float(0, 1))


def loss(c):
    return (np.log10(c["lr"]) + 3) ** 2 + (c["opt"] == "adam") * c["depth"] / 9 + 0.3 * c.get("mom", 0)


def several(c):
    return {"error": loss(c), "speed": c["depth"]}


def steps(c):
    for k in range(4):
        yield loss(c) + 1 / (1 + k)


def run_of(objective=loss, n=40, **settings):
    settings = {"algorithm": wb.Random(), "seed": 0, **settings}
    return wb.optimize(objective, SPACE, n_trials=n, **settings).start().wait(60)


@pytest.fixture(scope="module")
def run():
    return run_of()


@pytest.fixture(autouse=True)
def by_hand(monkeypatch):
    """Nothing is drawn but by the test."""
    monkeypatch.setattr(pump, "ask", lambda view: None)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def panel_of(run, *, seen=True, trials=None, **settings):
    trials = Trials(run.log.since(0)) if trials is None else trials
    panel = ImportancePanel(run, trials, settings.pop("selection", None), front=True, pace=settings.pop("pace", None) or Pace(),
                            **settings)
    see(panel, on=seen)
    return panel


def see(panel, *, on=True):
    panel.bars.live.shown = panel.detail.live.shown = on


def settle(panel, timeout_s=20):
    """Draw until nothing is under way."""
    end = time.monotonic() + timeout_s
    panel.draw()
    while panel.beside.busy or not panel._queue.empty():
        assert time.monotonic() < end, "no answer"
        time.sleep(0.01)
        panel.draw()
    panel._drawn_at = -1e9
    panel.draw()
    return panel.content


def say(panel, **message):
    panel.command(message)
    return settle(panel)


def title(view):
    return view.live.spec["layout"].get("title", {}).get("text", "")


def note(view):
    return view.live.spec["layout"]["annotations"][0]["text"].replace("<br>", " ")


# ---- pace --------------------------------------------------------------------------------------------------------------


def test_the_next_piece_begins_after_twenty_times_what_the_last_took():
    clock = Clock()
    pace = Pace(clock)
    assert pace.wait_s(running=True) == 0
    pace.spent(0.5)
    assert pace.wait_s(running=True) == pytest.approx(REST * 0.5)
    clock.now += 9.0
    assert pace.wait_s(running=True) == pytest.approx(1.0)
    clock.now += 1.0
    assert pace.wait_s(running=True) == 0


def test_pieces_that_could_not_wait_make_the_next_one_wait_for_all_of_them():
    pace = Pace(Clock())
    pace.spent(0.5)
    pace.spent(0.1)
    assert pace.wait_s(running=True) == pytest.approx(REST * 0.6)


def test_what_is_done_elsewhere_because_of_a_piece_counts_too():
    pace = Pace(Clock())
    pace.spent(0.5)
    pace.also(0.1)
    assert pace.wait_s(running=True) == pytest.approx(REST * 0.6)
    assert pace.wait_s(running=False) == pytest.approx(0.5)


def test_gathering_and_drawing_an_answer_are_counted(run, monkeypatch):
    monkeypatch.setattr(ImportancePanel, "running", True)
    pace = Pace(Clock())
    panel = panel_of(run, pace=pace)
    settle(panel)
    before = pace.wait_s(running=True)
    slow = panel.detail.picture
    panel.detail.picture = lambda: time.sleep(0.1) or slow()
    panel.detail.touch()
    panel.draw()
    assert pace.wait_s(running=True) >= before + REST * 0.1
    panel.close()


def test_while_the_run_goes_on_what_a_child_would_take_is_not_counted_anew_for_each_trial(run, monkeypatch):
    asked = []
    real = foreseen
    monkeypatch.setattr("workbench_widgets.importance_panel.foreseen", lambda *a, **k: asked.append(1) or real(*a, **k))
    monkeypatch.setattr(ImportancePanel, "running", True)
    events, clock = run.log.since(0), Clock()
    cuts = [next(i for i, e in enumerate(events) if getattr(e, "trial", 0) == k) for k in (30, 33, 39)]
    trials = Trials(events[:cuts[0]])
    panel = panel_of(run, trials=trials, pace=Pace(clock))
    say(panel, cmd="below", value=0)
    say(panel, cmd="tick", name="dust", on=True)
    n = len(asked)
    for low, high, more in ((*cuts[:2], 0), (*cuts[1:], 1)):  # 33 trials are not a quarter more than 30, 39 are
        trials.fold(events[low:high])
        panel.fold(events[low:high])
        clock.now += 1000
        settle(panel)
        assert len(asked) - n == more
    panel.close()


def test_where_no_run_goes_on_a_piece_waits_only_as_long_as_the_last_took():
    clock = Clock()
    pace = Pace(clock)
    pace.spent(0.5)
    assert pace.wait_s(running=False) == pytest.approx(0.5)


def test_over_a_long_time_a_run_loses_at_most_one_part_in_twenty_one():
    clock, busy = Clock(), 0.0
    pace, rng = Pace(clock), np.random.default_rng(0)
    while clock.now < 11_000:
        clock.now += pace.wait_s(running=True)
        cost = rng.exponential(0.5)
        clock.now += cost
        busy += cost
        pace.spent(cost)
    assert busy / 10_000 == pytest.approx(1 / (1 + REST), rel=0.05)


def heard_of(**settings):
    heard, come = [], threading.Event()

    def done(work, answer):
        heard.append((answer, threading.current_thread().name))
        come.set()

    return Beside("importance", done, Pace(), **settings), heard, come


def test_work_is_done_on_a_thread_of_its_own_and_counted():
    beside, heard, come = heard_of()
    beside.start(lambda check: time.sleep(0.05) or 42)
    assert beside.busy
    assert come.wait(10)
    assert heard == [(42, "workbench importance")]
    assert not beside.busy
    assert beside.pace.wait_s(running=True) > 0.5 * REST * 0.05


def test_what_is_stopped_ends_at_its_next_check_and_is_not_heard_of():
    beside, heard, _ = heard_of()
    go, ended = threading.Event(), threading.Event()

    def work(check):
        try:
            assert go.wait(10)
            check()
        finally:
            ended.set()

    beside.start(work)
    beside.stop()
    go.set()
    assert ended.wait(10)
    time.sleep(0.05)
    assert heard == []


def test_an_error_is_handed_over_as_the_answer():
    beside, heard, come = heard_of()
    beside.start(lambda check: 1 / 0)
    assert come.wait(10)
    assert isinstance(heard[0][0], ZeroDivisionError)


def test_preparing_is_not_counted():
    beside, _, come = heard_of(prepare=lambda: time.sleep(0.2))
    beside.start(lambda check: None)
    assert come.wait(10)
    assert beside.pace.wait_s(running=True) < REST * 0.1


# ---- when it is computed -----------------------------------------------------------------------------------------------


def test_at_rest_it_says_what_the_run_says(run):
    panel = panel_of(run)
    content = settle(panel)
    np.testing.assert_array_equal(panel.answer.found.single, run.importance().single)
    assert content["basis"] == f"all 40 trials · final loss · {FULL_TREES} trees"
    assert content["moment"] == "As of trial 39."
    assert content["summary"].startswith("lr matters most: alone it explains ")
    assert "lr alone explains" in title(panel.detail)
    assert panel.csv.startswith("parameters,order,share,spread\nlr,1,")
    panel.close()


def test_nothing_is_computed_while_nobody_sees_it(run):
    panel = panel_of(run, seen=False)
    panel.draw()
    assert not panel.beside.busy
    assert not panel.stale or not panel.waits or panel._dirty
    panel.front = False
    see(panel)
    panel.draw()
    assert not panel.beside.busy
    panel.front = True
    assert settle(panel)["summary"]
    panel.close()


def test_a_closed_panel_computes_nothing_more_and_hears_nothing_more(run):
    panel = panel_of(run)
    panel.draw()
    assert panel.beside.busy
    panel.close()
    assert not panel.beside.busy
    panel.draw()
    assert not panel.beside.busy
    assert panel.answer is None


def test_while_the_run_goes_on_fewer_trees_are_grown_and_it_is_said(run, monkeypatch):
    monkeypatch.setattr(ImportancePanel, "running", True)
    panel = panel_of(run)
    content = settle(panel)
    assert panel.answer.found.n_trees == LIVE_TREES
    assert f"{LIVE_TREES} trees while the run goes on, {FULL_TREES} at its end" in content["basis"]
    monkeypatch.setattr(ImportancePanel, "running", False)
    assert panel.stale
    panel.beside.pace._cost = 0.0
    settle(panel)
    assert panel.answer.found.n_trees == FULL_TREES
    panel.close()


def test_a_newer_answer_waits_for_its_time_and_the_old_one_says_how_old_it_is(run, monkeypatch):
    monkeypatch.setattr(ImportancePanel, "running", True)
    events, clock = run.log.since(0), Clock()
    cut = next(i for i, e in enumerate(events) if getattr(e, "trial", 0) == 30)
    trials = Trials(events[:cut])
    panel = panel_of(run, trials=trials, pace=Pace(clock))
    settle(panel)
    panel.beside.pace.spent(0.4)
    trials.fold(events[cut:])
    panel.fold(events[cut:])
    content = settle(panel)
    assert content["moment"].startswith("As of trial 29; newer in about ")
    assert panel.answer.newest == 29
    assert panel.waits
    clock.now += 1000
    content = settle(panel)
    assert content["moment"] == "As of trial 39."
    panel.close()


def test_whoever_clicks_does_not_wait(run, monkeypatch):
    monkeypatch.setattr(ImportancePanel, "running", True)
    panel = panel_of(run, pace=Pace(Clock()))
    settle(panel)
    panel.beside.pace.spent(100.0)
    content = say(panel, cmd="kind", value="local")
    assert content["summary"].startswith("Around trial")
    panel.close()


def test_steps_of_trials_under_way_do_not_start_anything(run):
    panel = panel_of(run)
    settle(panel)
    panel.beside.pace._cost = 0.0
    started = []
    panel.beside.start = started.append
    panel.fold([TrialReported(5, 1, 0.5, time=0.0)])
    assert panel.stale
    settle(panel)
    assert started == []
    assert not panel.stale
    panel.close()


def test_with_few_trials_it_says_how_many_are_needed():
    panel = panel_of(run_of(n=7))
    settle(panel)
    assert note(panel.bars) == ("About 20 trials are needed before this means anything; there are 7. A first answer comes with 10 "
                                "that have a loss.")
    assert panel.content["freeze"] == {}
    panel.close()
    fresh = panel_of(wb.optimize(loss, SPACE, n_trials=9))
    settle(fresh)
    assert "Press Start: the answer begins with 10 trials" in note(fresh.bars)
    fresh.close()


def test_few_trials_and_a_search_that_leads_are_warned_of():
    led = panel_of(run_of(n=16, algorithm=wb.TPE(n_startup=4)))
    said = settle(led)["warnings"]
    assert said[0].startswith("Only 16 trials for 5 parameters: the shares are rough. About 20 would do.")
    assert "12 of 16 trials were chosen by the search near what looked good" in said[1]
    led.close()


def test_an_answer_that_comes_after_another_question_is_not_taken_for_its_answer(run):
    panel = panel_of(run)
    panel.draw()
    late = panel._asking[0]
    while panel.beside.busy:
        time.sleep(0.01)
    found = panel._queue.get_nowait()["found"]
    panel.command({"cmd": "kind", "value": "local"})
    panel.draw()
    panel._found(late, found)
    content = settle(panel)
    assert content["kind"] == "local"
    assert type(panel.answer.found).__name__ == "LocalImportance"
    panel.close()


def test_an_error_is_said_where_the_answer_would_stand(run, monkeypatch):
    def broken(*_):
        raise ValueError("no forest today")

    monkeypatch.setattr("workbench_widgets.importance_panel.find", broken)
    panel = panel_of(run)
    settle(panel)
    assert note(panel.bars) == "no forest today"
    panel.draw()
    assert not panel.beside.busy  # not tried again and again
    panel.close()


# ---- what is asked -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_question_a_warning_a_picture_a_table_and_code(run, kind):
    panel = panel_of(run)
    content = say(panel, cmd="kind", value=kind)
    assert content["kind"] == kind
    assert content["question"].endswith("?")
    assert content["misleads"].endswith(".")
    assert title(panel.bars)
    assert len(content["freeze"]["rows"]) == len(SPACE)
    assert panel.csv.count("\n") > 3
    found = eval(content["code"], {"run": run})
    assert type(found) is type(panel.answer.found)
    assert found.frame().to_csv(index=False) == panel.csv
    panel.close()


def test_of_several_losses_one_is_chosen():
    run = run_of(several, direction={"error": "minimize", "speed": "maximize"})
    panel = panel_of(run)
    content = settle(panel)
    assert content["losses"] == ["error", "speed"]
    assert (content["loss"], content["code"]) == ("error", "run.importance(loss='error')")
    content = say(panel, cmd="loss", value="speed")
    assert "speed" in content["basis"]
    assert panel.shown == ("lr",)  # what was chosen stays
    assert max(content["freeze"]["rows"], key=lambda r: r["width"])["name"] == "depth"
    say(panel, cmd="loss", value="nonsense")
    assert panel.loss == "speed"
    panel.close()


def test_under_a_scheduler_the_budget_is_chosen_and_said():
    run = run_of(steps, n=60, scheduler=wb.Hyperband(max_steps=4, eta=2))
    panel = panel_of(run)
    content = settle(panel)
    assert content["budgets"] == [1, 2, 4]
    assert content["budget"] is None
    content = say(panel, cmd="budget", value=1)
    assert "loss after 1 step ·" in content["basis"]
    assert content["code"] == "run.importance(budget=1)"
    panel.close()


def test_local_importance_and_paths_can_be_of_the_picked_trial(run):
    selection = Selection()
    panel = panel_of(run, selection=selection)
    say(panel, cmd="kind", value="local")
    selection.pick(3)
    content = say(panel, cmd="around", picked=True)
    assert content["summary"].startswith("Around trial 3,")
    assert content["code"] == "run.local_importance(at=3)"
    content = say(panel, cmd="kind", value="ablation")
    assert content["code"] == "run.ablation(end=3)"
    panel.close()


def test_the_code_of_a_question_leaves_out_what_goes_without_saying():
    assert Question("ped_anova", "error", 9, None, 64).code == 'run.importance("ped_anova", loss=\'error\', budget=9)'


# ---- pictures ----------------------------------------------------------------------------------------------------------


def test_a_click_on_a_bar_shows_its_curve_and_on_a_pair_its_map(run):
    panel = panel_of(run)
    settle(panel)
    axis = panel.bars.picture()["layout"]["yaxis"]
    places = dict(zip(axis["ticktext"], axis["tickvals"], strict=True))
    panel.bars.live.clicked = {"x": 1.0, "y": places["depth"] + 0.2, "trial": None, "n": 1}
    assert settle(panel)["shown"] == ["depth"]
    assert "depth alone explains" in title(panel.detail)
    assert "<b>▸ depth</b>" in panel.bars.picture()["layout"]["yaxis"]["ticktext"]
    pair = next(text for text in places if "×" in text)
    say(panel, cmd="bar", y=places[pair])
    assert "beyond each alone" in title(panel.detail)
    say(panel, cmd="bar", y=99.0)
    assert " × ".join(panel.shown) == pair
    panel.close()


def test_names_that_are_no_parameters_are_not_shown(run):
    panel = panel_of(run)
    settle(panel)
    for names in (["rate"], ["lr", "lr"], ["lr", "opt", "depth"], []):
        assert say(panel, cmd="show", names=names)["shown"] == ["lr"]
    assert say(panel, cmd="show", names=["opt", "lr"])["shown"] == ["opt", "lr"]
    panel.close()


def test_a_click_on_a_trial_under_the_curve_picks_it(run):
    selection = Selection()
    panel = panel_of(run, selection=selection)
    settle(panel)
    panel.detail.live.clicked = {"x": 0.5, "y": 0.0, "trial": 7, "n": 1}
    assert selection.trial == 7
    assert any(t["name"] == "picked" for t in panel.detail.picture()["data"])
    panel.close()


# ---- replaying ---------------------------------------------------------------------------------------------------------


def test_an_old_moment_shows_what_was_known_then(run):
    whole, then = RunPanel(run), run.log.since(0)
    pump.detach(whole)
    panel = whole.pages["importance"]
    panel.front = True
    panel.beside.pace = Pace()
    settle(panel)
    see(panel)
    cut = next(i for i, e in enumerate(then) if type(e).__name__ == "TrialFinished" and e.trial == 24) + 1
    whole.playhead.jump(cut)
    content = settle(panel)
    assert content["moment"] == "The moment that is replayed. As of trial 24."
    alone = panel_of(run, trials=Trials(then[:cut]))
    settle(alone)
    np.testing.assert_array_equal(panel.answer.found.single, alone.answer.found.single)
    panel.beside.pace._cost = 0.0
    whole.playhead.jump(None)
    assert settle(panel)["moment"] == "As of trial 39."
    np.testing.assert_array_equal(panel.answer.found.single, run.importance().single)
    whole.close()
    alone.close()


def test_a_recording_has_importance_too_but_makes_no_child(run):
    panel = panel_of(wb.replay(run))
    content = say(panel, cmd="below", value=30)
    assert content["summary"]
    freeze = content["freeze"]
    assert not freeze["can"]
    assert "This is a recording: the code below does it with the run itself." in freeze["words"]
    assert "objective=objective" in freeze["code"]
    panel.close()


# ---- freezing ----------------------------------------------------------------------------------------------------------


def child_of(parent):
    return lambda fixed, take: parent.child(fixed=fixed, import_trials=take)


def rows_of(content):
    return {r["name"]: r for r in content["freeze"]["rows"]}


def test_parameters_below_the_threshold_are_ticked_and_whoever_ticks_otherwise_is_obeyed(run):
    panel = panel_of(run)
    shares = {n: 100 * s for n, s in (settle(panel), panel.answer.outcome.shares)[1].items()}
    best = run.trials.best.config
    for below in (0, 5, 12, 30):
        rows = rows_of(say(panel, cmd="below", value=below))
        assert {n for n, r in rows.items() if r["on"]} == {n for n, s in shares.items() if s < below and n in best}
    say(panel, cmd="below", value=12)
    assert rows_of(panel.content)["dust"]["on"]
    assert not rows_of(say(panel, cmd="tick", name="dust", on=False))["dust"]["on"]
    assert rows_of(say(panel, cmd="tick", name="lr", on=True))["lr"]["on"]
    assert rows_of(say(panel, cmd="below", value=11))["lr"]["on"] is False  # a new threshold begins anew
    panel.close()


def test_shares_of_a_parameter_hold_its_pairs(run):
    panel = panel_of(run)
    settle(panel)
    f, shares = panel.answer.found, panel.answer.outcome.shares
    for j, name in enumerate(f.names):
        assert shares[name] == pytest.approx(f.single[j] + sum(s for a, b, s in f.pairs() if name in (a, b)))
    panel.close()


def test_what_would_happen_is_said_before_it_happens_and_then_happens(run):
    parent = run_of()
    panel = panel_of(parent, make=child_of(parent))
    settle(panel)
    say(panel, cmd="below", value=0)
    assert not panel.content["freeze"]["can"]
    assert panel.content["freeze"]["words"] == "Nothing is ticked: tick what shall be held fixed."
    say(panel, cmd="freeze")
    assert panel.said["text"].startswith("nothing is ticked")
    content = say(panel, cmd="tick", name="dust", on=True)
    freeze = content["freeze"]
    best = parent.trials.best
    assert freeze["can"]
    assert "4 of 5 parameters stay: lr, opt, mom, depth." in freeze["words"]
    assert f"1 is held at the values of trial {best.number}, the best." in freeze["words"]
    assert "All 40 trials can be used." in freeze["words"]
    assert freeze["code"] == (f"child = run.child(fixed={{'dust': {best.config['dust']!r}}}, import_trials='all')\n"
                              "child.start()")
    freeze = say(panel, cmd="take", value="near")["freeze"]
    assert freeze["code"] == f"child = run.child(fixed={{'dust': {best.config['dust']!r}}})\nchild.start()"
    content = say(panel, cmd="freeze")
    assert panel.said == {}
    child = parent.children[0]
    assert f"{child.descent.n_imported} of 40 trials can be used" in freeze["words"]
    assert child.fixed == {"dust": best.config["dust"]}
    assert child.space.names == ("lr", "opt", "mom", "depth")
    assert content["freeze"]["child"] == "Child run made and started: child 1."
    child.wait(60)
    assert child.state == "done"
    panel.close()


def test_the_child_can_be_shown(run):
    parent, shown = run_of(), []
    panel = panel_of(parent, make=child_of(parent), show_child=shown.append)
    settle(panel)
    say(panel, cmd="see")
    say(panel, cmd="tick", name="dust", on=True)
    say(panel, cmd="freeze")
    say(panel, cmd="see")
    assert shown == [0]
    parent.children[0].wait(60)
    panel.close()


def test_values_of_the_picked_trial_are_held_if_so_wished(run):
    selection = Selection()
    panel = panel_of(run, selection=selection)
    settle(panel)
    say(panel, cmd="tick", name="dust", on=True)
    other = next(t for t in run.trials.by_number.values() if t is not run.trials.best and t.config["opt"] == "adam")
    selection.pick(other.number)
    content = say(panel, cmd="values", picked=True)
    assert f"'dust': {other.config['dust']!r}" in content["freeze"]["code"]
    row = rows_of(content)["mom"]  # adam has no momentum
    assert not row["can"]
    assert not row["on"]
    assert row["note"] == f"inactive in trial {other.number}, where opt is adam"
    selection.pick(None)
    settle(panel)
    assert f"trial {run.trials.best.number}, the best" in panel.content["freeze"]["words"]
    panel.close()


def test_not_everything_can_be_held(run):
    panel = panel_of(run)
    settle(panel)
    for name in run.trials.best.config:
        content = say(panel, cmd="tick", name=name, on=True)
    if "mom" not in run.trials.best.config:
        say(panel, cmd="tick", name="opt", on=True)
    assert not content["freeze"]["can"]
    assert "no parameter is left to search" in content["freeze"]["words"]
    panel.close()


def test_a_fault_of_making_the_child_is_said_in_the_tab(run):
    def refused(fixed, take):
        raise RunError("no room for children.")

    panel = panel_of(run, make=refused)
    settle(panel)
    say(panel, cmd="tick", name="dust", on=True)
    say(panel, cmd="freeze")
    assert panel.said["text"] == "no room for children."
    panel.close()


def test_of_a_path_what_is_the_same_at_both_ends_is_not_proposed(run):
    panel = panel_of(run)
    content = say(panel, cmd="kind", value="ablation")
    same = [r for r in content["freeze"]["rows"] if r["share"] == "–"]
    assert all(not r["on"] for r in same)
    assert {r["name"] for r in same} == set(SPACE.names) - {n for s in panel.answer.found.steps for n in s.names}
    panel.close()


def test_thresholds_only_tick_what_the_configuration_has():
    freeze = Freeze(below=50)
    assert freeze.ticked({"a": 0.1, "b": 0.2, "c": float("nan")}, {"a": 1, "c": 2}) == ["a"]


def test_a_child_is_made_by_the_panel_of_the_run(run):
    parent = run_of()
    whole = RunPanel(parent)
    pump.detach(whole)
    panel = whole.pages["importance"]
    panel.front = True
    settle(panel)
    see(panel)
    say(panel, cmd="tick", name="dust", on=True)
    say(panel, cmd="freeze")
    parent.children[0].wait(60)
    whole.draw()
    assert "dust fixed at" in whole.family.family["children"][0]["about"]
    say(panel, cmd="see")
    assert whole.family.shown == 0
    whole.close()


def test_words_of_few_trials_count_what_was_told():
    trials = Trials()
    assert words.too_few(trials, 5, "x").startswith("Which parameters matter? Press Start")
    assert words.enough_for(3) == 20
    assert words.enough_for(10) == 30
