"""One trial among the others: rank, places in ranges, neighbours, who did it when."""

import math

import pytest

import workbench as wb
from workbench.events import RunStarted, TrialFinished, TrialSuggested
from workbench.fates import Fates
from workbench.losses import Goals
from workbench.plots.coordinates import table
from workbench.timeline import Timeline
from workbench.trials import Trials
from workbench_widgets import trial_facts as f

SPACE = wb.Space(lr=wb.Float(1e-4, 1.0, log=True), n=wb.Int(0, 10), kind=wb.Choice("a", "b", "c"),
                 momentum=wb.Float(0.0, 1.0, when={"kind": "b"}))


def trials_of(configs, losses=None, **started):
    events = [RunStarted(None, "Random", SPACE.to_json(), 9, **started)]
    for k, config in enumerate(configs):
        loss = k if losses is None else losses[k]
        events += [TrialSuggested(k, config, time=10.0), TrialFinished(k, "failed" if loss is None else "complete", loss, time=12.5)]
    return Trials(events)


def at(**config):
    return {"lr": 1e-2, "n": 5, "kind": "a", **config}


@pytest.mark.parametrize(("k", "word"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"),
                                         (21, "21st"), (42, "42nd"), (103, "103rd"), (111, "111th")])
def test_ordinals(k, word):
    assert f.ordinal(k) == word


def test_the_rank_is_among_complete_trials_and_equals_share_the_better_one():
    trials = trials_of([at()] * 5, [3.0, 1.0, 1.0, None, math.inf])
    assert [f.rank(trials, trials.by_number[k]) for k in range(5)] == ["3rd of 3", "1st of 3", "1st of 3", "", ""]


def test_whoever_maximises_has_the_largest_value_first():
    trials = trials_of([at()] * 2, [-3.0, -1.0], direction="maximize")
    assert f.rank(trials, trials.by_number[0]) == "1st of 2"


def test_of_several_losses_the_rank_says_who_is_dominated():
    goals = Goals(("minimize", "minimize"), ("a", "b"))
    events = [RunStarted.of(goals, None, "Random", {}, None)]
    for k, losses in enumerate([(1.0, 2.0), (2.0, 1.0), (2.0, 3.0), (1.0, 2.0)]):
        events += [TrialSuggested(k, {}), TrialFinished.of(k, "complete", losses, None, 0.0)]
    trials = Trials(events)
    said = [f.rank(trials, t) for t in trials.by_number.values()]
    assert said == ["in the Pareto set", "in the Pareto set", "dominated by 3 trials", "in the Pareto set"]


def test_rows_place_each_value_in_its_range_and_say_how_far_the_other_is():
    trials = trials_of([at(lr=1e-2, n=5), at(lr=1e-3, n=8, kind="b", momentum=0.5)])
    mine, other = trials.by_number.values()
    rows = {r["name"]: r for r in f.rows(mine, other, table(trials).axes)}
    assert list(rows) == ["lr", "n", "kind", "momentum"]
    assert rows["lr"]["place"] == pytest.approx(0.5)
    assert rows["lr"]["beside_place"] == pytest.approx(0.25)
    assert rows["lr"]["difference"] == "× 10"
    assert rows["lr"]["range"] == "10⁻⁴ – 1, log"
    assert rows["n"]["difference"] == "−3"
    assert (rows["kind"]["difference"], rows["kind"]["range"]) == ("other", "one of 3")
    assert (rows["momentum"]["value"], rows["momentum"]["difference"], rows["momentum"]["place"]) == ("–", "only there", None)
    assert all(r["differs"] for r in rows.values())


def test_without_another_trial_nothing_differs_from_it():
    trials = trials_of([at()])
    assert [r["beside"] for r in f.rows(trials.by_number[0], None, table(trials).axes)] == ["–"] * 3


def test_differing_tells_true_from_one_and_not_one_from_one():
    assert f.differing({"a": True, "b": 1, "c": 2}, {"a": 1, "b": 1.0, "d": 2}) == ["a", "c", "d"]


def test_neighbours_are_the_nearest_by_places_on_the_axes_options_count_whole():
    trials = trials_of([at(), at(lr=2e-2), at(n=6), at(kind="c"), at(lr=1.0, n=10, kind="b", momentum=0.1), at()])
    found = f.neighbours(trials.by_number[0], table(trials), n=9)
    assert [k.trial.number for k in found] == [5, 2, 1, 3, 4] or [k.trial.number for k in found] == [5, 1, 2, 3, 4]
    assert found[0].distance == 0
    step = math.log(2) / math.log(1e4)
    assert {k.trial.number: k.distance for k in found}[1] == pytest.approx(step / 2)  # one of four parameters, squared mean
    assert {k.trial.number: k.distance for k in found}[3] == pytest.approx(0.5)


def test_near_says_what_differs_there():
    trials = trials_of([at(), at(n=6), at()])
    said = f.near(trials, trials.by_number[0], table(trials))
    assert [(k["trial"], k["differs"]) for k in said] == [(2, "the same configuration"), (1, "n 6")]


def test_a_running_trial_has_neighbours_too():
    trials = trials_of([at()])
    trials.fold([TrialSuggested(1, at(n=6))])
    assert [k.trial.number for k in f.neighbours(trials.by_number[1], table(trials))] == [0]


def test_facts_tell_times_worker_steps_and_what_the_scheduler_made_of_it():
    def objective(c):
        for step in range(9):
            yield c["x"] + 1 / (step + 1)

    run = wb.optimize(objective, wb.Space(x=wb.Float(0, 1)), algorithm=wb.Random(), scheduler=wb.SuccessiveHalving(9), n_trials=9,
                      seed=0).start().wait()
    log = list(run.log)
    trials, fates, timeline = Trials(log), Fates(log), Timeline(log)
    best = max(trials.by_number.values(), key=lambda t: t.n_steps)
    told = dict(f.facts(best, fates, timeline, "12:00:00"))
    assert told["begun"] == "12:00:00"
    assert told["steps"] == "9"
    assert told["worker"] == "1"
    assert told["scheduler"] == "finished"
    assert told["rung"].startswith("3 of 3")
    assert told["took"].endswith(" s")
