"""Comparing runs: what is spent when, groups, ranks, tests, tables, words, exports, named runs."""

import json
import math
import threading
import time

import numpy as np
import optuna
import pytest
from scipy.stats import friedmanchisquare, mannwhitneyu, wilcoxon

import workbench as wb
from tests.compare_helpers import SPACE, log_of, seeds_of, study_of, two_losses
from workbench import store
from workbench.comparing import Comparison
from workbench.events import EventLog, RunStarted, StateChanged, TrialFinished, TrialSuggested
from workbench.models import pareto
from workbench.over_seeds import (
    a12,
    critical_difference,
    effect,
    friedman_test,
    kruskal_test,
    least_p,
    mean_and_error,
    rank_sum_test,
)
from workbench.plots.anytime import losses_in_order
from workbench.progress import IDLE_S, Progress
from workbench.race_results import Lap, RaceResults
from workbench.verdict import amount


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- what is spent when ------------------------------------------------------------------------------------------------

def test_best_so_far_by_hand():
    p = Progress(log_of([3.0, None, 2.0, 5.0, 1.0]))
    assert p.best().tolist() == [3.0, 3.0, 2.0, 2.0, 1.0]
    assert p.seconds == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert p.states == ["complete", "failed", "complete", "complete", "complete"]


def test_folding_in_pieces_equals_folding_at_once():
    events = list(log_of([3.0, None, 2.0, 5.0, 1.0], steps=None))
    whole, pieces = Progress(events), Progress()
    for e in events:
        pieces.fold([e])
    assert (whole.seconds, whole.losses, whole.step_losses) == (pieces.seconds, pieces.losses, pieces.step_losses)


def test_interrupted_trials_are_no_results_and_pruned_ones_spend_a_trial_without_counting():
    log = log_of([3.0])
    for k, state in ((1, "interrupted"), (2, "pruned")):
        log.append(TrialSuggested(k, {}, time=1.0))
        log.append(TrialFinished(k, state, 0.5, time=2.0))
    p = Progress(log)
    assert p.numbers == [0, 2]
    assert p.best().tolist() == [3.0, 3.0]


def test_pauses_and_the_time_between_sessions_do_not_count_but_thinking_does():
    log = EventLog()
    for e in (StateChanged("running", time=100.0), TrialSuggested(0, {}, time=107.0), TrialFinished(0, "complete", 1.0, time=110.0),
              StateChanged("paused", time=111.0), StateChanged("running", time=500.0), TrialSuggested(1, {}, time=502.0),
              TrialFinished(1, "complete", 1.0, time=503.0), StateChanged("stopped", time=503.0),
              StateChanged("running", time=9000.0), TrialSuggested(2, {}, time=9001.0), TrialFinished(2, "complete", 1.0, time=9004.0)):
        log.append(e)
    assert Progress(log).seconds == [10.0, 14.0, 18.0]


def test_of_a_stored_run_gaps_without_a_trial_count_up_to_a_minute():
    log = EventLog()
    at = 1000.0
    for k, gap in enumerate((0.0, IDLE_S - 1, 10 * IDLE_S)):
        at += gap
        log.append(TrialSuggested(k, {}, time=at))
        at += 5 * IDLE_S  # a long trial counts in full
        log.append(TrialFinished(k, "complete", 1.0, time=at))
    assert Progress(log).seconds == [5 * IDLE_S, 11 * IDLE_S - 1, 16 * IDLE_S - 1]


def test_watching_begins_after_what_is_watched_and_does_not_stop_the_clock():
    log = EventLog()
    log.append(StateChanged("watching", time=9999.0))
    log.append(TrialSuggested(0, {}, time=10.0))
    log.append(TrialFinished(0, "complete", 1.0, time=13.0))
    assert Progress(log).seconds == [3.0]


def test_steps_are_counted_as_for_anytime_curves():
    log = log_of([2.0, 1.0], steps=3)
    p = Progress(log)
    assert p.step_losses == losses_in_order(log).tolist() == [3.0, 2.5, 2.0, 2.0, 1.5, 1.0]
    assert p.best_by_step().tolist() == [3.0, 2.5, 2.0, 2.0, 1.5, 1.0]
    assert Progress(log_of([2.0, None, 1.0])).step_losses == [2.0, math.inf, 1.0]


def test_what_an_objective_returns_but_never_reported_counts_at_its_last_step():
    log = log_of([2.0], steps=2)  # its reports were 3 and 2.5
    assert Progress(log).step_losses == [3.0, 2.0]


# ---- statistics against scipy and by hand ------------------------------------------------------------------------------

def test_a12_is_the_share_of_pairs_that_a_wins_ties_as_one_half():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    assert a12(a, b) == (4 + 0.5) / 6
    assert a12(a, b) + a12(b, a) == 1
    u = mannwhitneyu(a, b).statistic
    assert a12(a, b) == 1 - u / (len(a) * len(b))
    assert [effect(s) for s in (0.5, 0.57, 0.36, 0.71, 0.05)] == ["negligible", "small", "medium", "large", "large"]


def test_nemenyis_critical_difference_is_that_of_demsars_table():
    # Demšar 2006, table 5 (a): q_0.05 for 2, 3, 4, 5, 10 classifiers
    for k, q in {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 10: 3.164}.items():
        n = 14
        assert critical_difference(k, n) == pytest.approx(q * math.sqrt(k * (k + 1) / (6 * n)), rel=3e-4)  # three decimals


def test_the_tests_are_scipys_and_equal_everything_gives_one():
    rng = np.random.default_rng(0)
    final = rng.random((8, 3)) + np.array([0.0, 0.4, 0.1])
    assert friedman_test(final) == friedmanchisquare(*final.T).pvalue
    assert rank_sum_test(final[:, 0], final[:, 1]) == mannwhitneyu(final[:, 0], final[:, 1]).pvalue
    assert friedman_test(np.ones((5, 3))) == kruskal_test([np.ones(3)] * 3) == rank_sum_test(np.ones(4), np.ones(4)) == 1.0


def test_the_least_p_value_is_reached_where_one_is_always_better():
    for n in (3, 5, 6, 8):
        a, b = np.arange(n) * 1.0, np.arange(n) + 100.0
        assert least_p(n, n, paired=True) == pytest.approx(wilcoxon(a - b - np.arange(n)).pvalue)
        assert least_p(n, n, paired=False) == pytest.approx(mannwhitneyu(a, b, method="exact").pvalue)


def test_mean_and_error_by_hand():
    low, mean, high = mean_and_error(np.array([[1.0, np.inf], [3.0, 1.0]]))
    assert mean.tolist() == [2.0, np.inf]
    assert high[0] - mean[0] == pytest.approx(np.std([1, 3], ddof=1) / math.sqrt(2)) == mean[0] - low[0]
    assert mean_and_error(np.array([[1.0, 2.0]])).tolist() == [[1.0, 2.0]] * 3


# ---- groups ------------------------------------------------------------------------------------------------------------

def test_seeds_of_one_algorithm_become_a_group_and_what_is_alone_keeps_its_name():
    c = wb.compare([*seeds_of("TPE", [1, 2]), *seeds_of("GP", [1], name="mlp gp")])
    assert {g: [m.label for m in ms] for g, ms in c.groups.items()} == {
        "TPE": ["TPE · seed 0", "TPE · seed 1"], "mlp gp": ["mlp gp"]}
    apart = wb.compare(seeds_of("TPE", [1, 2]), group=False)
    assert list(apart.groups) == ["TPE · seed 0", "TPE · seed 1"]


def test_runs_in_different_parameters_are_no_seeds_of_each_other():
    other = wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1))
    runs = [wb.optimize(lambda c: c["x"], space, algorithm=wb.Random(), seed=s) for space in (SPACE, other) for s in (0, 1)]
    assert {g: len(ms) for g, ms in wb.compare(runs).groups.items()} == {"Random": 2, "Random (2)": 2}


def test_labels_are_made_different():
    c = wb.compare(seeds_of("TPE", [1]) + seeds_of("TPE", [2]))
    assert [m.label for m in c.members] == ["TPE · seed 0", "TPE · seed 0 (2)"]


def test_a_dict_names_the_groups_and_one_run_needs_no_list():
    c = wb.compare({"mine": seeds_of("TPE", [1, 2]), "theirs": log_of([3.0])})
    assert {g: len(ms) for g, ms in c.groups.items()} == {"mine": 2, "theirs": 1}


def test_an_algorithm_that_was_changed_on_the_way_is_told_and_so_is_a_scheduler():
    log = log_of([1.0])
    log.append(RunStarted(None, "GP", {}, 1))
    run = wb.optimize(lambda c: c["x"], SPACE, algorithm=wb.TPE(), scheduler=wb.ASHA(9), seed=3)
    labels = [m.algorithm for m in wb.compare([log, run]).members]
    assert labels == ["A → GP", "TPE · all budgets + ASHA · 9 steps"]


# ---- curves ------------------------------------------------------------------------------------------------------------

def test_lines_are_medians_with_quartiles_as_in_a_race():
    rng = np.random.default_rng(1)
    losses = rng.random((5, 12))
    c = wb.compare([log_of(row.tolist(), seed=s) for s, row in enumerate(losses)])
    line, = c.lines()
    ranked = np.sort(np.minimum.accumulate(losses, axis=1), axis=0)
    assert line.at.tolist() == list(range(1, 13))
    assert (line.low.tolist(), line.middle.tolist(), line.high.tolist()) == tuple(ranked[k].tolist() for k in (1, 2, 3))
    mean, = c.lines(band="error")
    assert mean.middle == pytest.approx(np.minimum.accumulate(losses, axis=1).mean(axis=0))


def test_whoever_maximises_sees_his_own_values_rise():
    c = wb.compare([log_of([-1.0, -3.0, -2.0], direction="maximize", seed=s) for s in (0, 1)])
    line, = c.lines()
    assert line.middle.tolist() == [1.0, 3.0, 3.0]
    assert c.quantity == "value"
    assert c.table()["best"].tolist() == [3.0]


def test_a_line_ends_with_its_shortest_run_and_begins_with_its_first_value():
    line, = wb.compare([log_of([None, 2.0, 1.0], seed=0), log_of([3.0, 1.0], seed=1)]).lines()
    assert line.at.tolist() == [1.0, 2.0]
    assert np.isnan(line.high[0])
    assert line.middle.tolist() == [3.0, 1.0]


def test_by_seconds_a_line_steps_when_a_result_came():
    fast, slow = log_of([3.0, 1.0], step_s=1.0), log_of([2.0, 0.5], step_s=10.0, algorithm="B")
    lines = {line.group: line for line in wb.compare([fast, slow]).lines("seconds")}
    a, b = lines["A · seed 0"], lines["B · seed 0"]
    assert (a.at.tolist(), a.middle.tolist()) == ([1.0, 2.0], [3.0, 1.0])
    assert (b.at.tolist(), b.middle.tolist()) == ([10.0, 20.0], [2.0, 0.5])
    assert wb.compare([fast, slow]).common_end("seconds") == 2.0


def test_by_steps_trials_that_were_stopped_early_cost_less():
    def f(config):
        for step in range(1, 10):
            yield config["x"] + 1 / step

    runs = [wb.optimize(f, SPACE, algorithm=wb.Random(), scheduler=s, seed=0, n_trials=9).start().wait(60)
            for s in (None, wb.SuccessiveHalving(9))]
    c = wb.compare(runs)
    ends = {line.group: line.at[-1] for line in c.lines("steps")}
    assert list(ends.values()) == [81.0, float(runs[1].scheduler.round_steps)]
    assert [line.middle[-1] for line in c.lines("steps")] == [r.best.loss for r in runs]


def test_long_lines_keep_their_ends_and_have_few_points():
    line, = wb.compare([log_of(list(np.linspace(1, 0, 3000)))]).lines()
    assert (line.at[0], line.at[-1]) == (1.0, 3000.0)
    assert len(line.at) <= 300
    assert line.middle[-1] == 0.0


def test_best_so_far_is_optunas_optimisation_history():
    rng = np.random.default_rng(2)
    study = study_of(rng.random(20).tolist())
    theirs = next(t for t in optuna.visualization.plot_optimization_history(study).data if t.name == "Best Value")
    line, = wb.compare([study]).lines()
    assert line.middle.tolist() == list(theirs.y)


def test_the_distribution_is_optunas():
    rng = np.random.default_rng(3)
    studies = [study_of(rng.random(15).tolist(), study_name=n) for n in ("a", "b")]
    found = wb.compare(studies, group=False).values()
    for theirs in optuna.visualization.plot_edf(studies).data:
        values = found[theirs.name]
        assert [np.mean(values <= x) for x in theirs.x] == pytest.approx(list(theirs.y))


# ---- at one moment -----------------------------------------------------------------------------------------------------

def finals(rng, n=8):
    return {"a": rng.random(n), "b": rng.random(n) + 0.6, "c": rng.random(n) + 0.1}


def test_ranks_and_pairs_are_those_of_a_race():
    found = finals(np.random.default_rng(4))
    c = wb.compare([log for a, v in found.items() for log in seeds_of(a, v)])
    laps = tuple(Lap(a, s, (v + 1.0, v), (0.1, 0.2)) for a, vs in found.items() for s, v in enumerate(vs))
    race = RaceResults("made up", tuple(found), 2, tuple(range(8)), laps)
    assert c.table()["rank"].to_dict() == race.table()["rank"].to_dict()
    assert c.table()["median"].to_dict() == race.table()["median loss"].to_dict()
    ours, theirs = c.pairs(), race.pairs()
    for column in ("a", "b", "a better", "b better", "ties"):
        assert ours[column].tolist() == theirs[column].tolist()
    assert ours["p"].tolist() == theirs["p wilcoxon"].tolist()
    assert ours["p holm"].tolist() == theirs["p holm"].tolist()
    assert c.ranks().iloc[-1].to_dict() == c.table()["rank"].reindex(["a", "b", "c"]).to_dict()


def test_with_other_seeds_runs_are_not_paired_and_ranks_are_those_of_runs_drawn_from_each_group():
    rng = np.random.default_rng(5)
    a, b = rng.random(6), rng.random(6) + 0.3
    c = wb.compare({"a": seeds_of("a", a), "b": [log_of([v + 1, v], seed=100 + s) for s, v in enumerate(b)]})
    row = c.pairs().iloc[0]
    assert (row["a"], row["test"], row["p"]) == ("a", "Mann-Whitney", mannwhitneyu(a, b).pvalue)
    assert row["A12"] == np.mean(a[:, None] < b[None, :])
    assert c.table()["rank"].tolist() == pytest.approx([1 + (1 - row["A12"]), 1 + row["A12"]])
    assert c.ranks().iloc[-1].tolist() == pytest.approx(c.table()["rank"].tolist())


def test_pairing_can_be_asked_for_and_refused():
    a, b = [log_of([1.0, v], seed=0) for v in (1.0, 2.0, 3.0)], [log_of([1.5, v], seed=0) for v in (2.0, 3.0, 4.0)]
    assert wb.compare({"a": a, "b": b}).outcome().n_blocks == 0
    paired = wb.compare({"a": a, "b": b}, paired=True).outcome()
    assert (paired.n_blocks, paired.block) == (3, "pair")
    assert wb.compare({"a": seeds_of("a", [1, 2]), "b": seeds_of("b", [1, 2])}, paired=False).outcome().n_blocks == 0
    with pytest.raises(wb.RunError, match=r"as many runs, got \{'a': 3, 'b': 2\}"):
        wb.compare({"a": a, "b": b[:2]}, paired=True)


def test_trials_to_what_the_other_had_at_the_end():
    a, b = log_of([5.0, 3.0, 2.0, 1.0], algorithm="a"), log_of([6.0, 5.0, 4.0, 3.0], algorithm="b")
    row = wb.compare({"a": a, "b": b}).pairs().iloc[0]
    assert row["a needs"] == 2.0
    assert math.isnan(row["b needs"])
    assert wb.compare({"a": a, "b": b}).table()["trials to the others' best"].tolist()[0] == 2.0
    assert "a needed 2 trials for what b had after 4 trials." in " ".join(wb.compare({"a": a, "b": b}).words())


def test_runs_of_different_length_are_compared_where_all_have_come_or_where_one_says():
    c = wb.compare({"a": log_of([5.0, 1.0, 0.5]), "b": log_of([4.0, 2.0])})
    assert c.common_end() == 2.0
    assert c.table()["best"].to_dict() == {"a": 1.0, "b": 2.0}
    assert c.table(at=1)["best"].to_dict() == {"a": 5.0, "b": 4.0}
    assert c.table(at=3)["best"].to_dict() == {"a": 0.5, "b": 2.0}


def test_the_words_say_when_no_test_can_tell():
    few = wb.compare([*seeds_of("a", [1, 1, 1]), *seeds_of("b", [2, 2, 2])]).words()
    assert "in 3 of 3 seeds" in few[1]
    assert "with 3 seeds no test can tell" in few[1]
    one = " ".join(wb.compare({"a": log_of([1.0]), "b": log_of([2.0])}).words())
    assert "one run each cannot tell skill from luck" in one


def test_the_words_of_a_clear_case_and_of_three_groups():
    rng = np.random.default_rng(6)
    base = rng.random(10)
    two = " ".join(wb.compare([*seeds_of("a", base), *seeds_of("b", base + 1)]).words())
    p = wilcoxon(base - (base + 1)).pvalue
    assert f"a was better than b in 10 of 10 seeds (A12 = 1.00, a large effect); sign test p = 0.002, Wilcoxon p = {p:.2g}" in two
    assert "more than chance" in two
    three = wb.compare([*seeds_of("a", base), *seeds_of("b", base + 1), *seeds_of("c", base + 2)])
    assert three.outcome().together == ("Friedman", friedmanchisquare(base, base + 1, base + 2).pvalue)
    assert three.outcome().critical_difference == critical_difference(3, 10)
    assert "not all equally good" in three.words()[-1]


def test_a_run_without_a_result_is_named_and_left_out():
    c = wb.compare({"a": log_of([1.0]), "b": log_of([])})
    assert c.words()[-1] == "Without a result yet, and left out: A · seed 0 (2)."
    assert list(c.table().index) == ["a"]
    assert wb.compare([log_of([])]).table().empty


@pytest.mark.parametrize(("x", "n", "text"), [("trials", 1, "1 trial"), ("steps", 1200, "1200 steps"), ("seconds", 3.14159, "3.14 s"),
                                              ("seconds", 600, "10 min")])
def test_amounts_are_written_with_their_unit(x, n, text):
    assert amount(x, n) == text


# ---- several losses ----------------------------------------------------------------------------------------------------

def test_of_several_losses_the_hypervolume_below_a_common_reference_is_the_curve():
    runs = [two_losses(s) for s in (0, 1)]
    c = wb.compare(runs, group=False)
    losses = [np.array([t.losses for t in r.trials.by_number.values()]) for r in runs]
    reference = np.max(np.concatenate(losses), axis=0)
    for line, Y in zip(c.lines(), losses, strict=True):
        by_hand = [pareto.hypervolume(Y[:k], reference) for k in range(1, 9)]
        assert line.middle == pytest.approx([v or math.nan for v in by_hand], nan_ok=True)
    given = wb.compare(runs, group=False, reference=[2.0, 2.0])
    assert given.table()["best"].max() == pytest.approx(max(r.hypervolume([2.0, 2.0]) for r in runs))
    assert "hypervolume" in c.frame().columns
    with pytest.raises(wb.RunError, match="one loss"):
        c.values()
    with pytest.raises(wb.RunError, match="steps of several losses"):
        c.lines("steps")
    with pytest.raises(wb.RunError, match="2 finite values"):
        wb.compare(runs, reference=[1.0]).table()


# ---- what can be compared ----------------------------------------------------------------------------------------------

def kept(name, algorithm, seed, n=4):
    run = wb.optimize(lambda c: (c["x"] - 0.3) ** 2, SPACE, algorithm=algorithm, n_trials=n, seed=seed, name=name)
    run.start().wait(30)
    run.close()
    return run


def test_named_runs_are_found_by_their_names_and_listed(here):
    first, second = kept("mlp tpe", wb.TPE(), 1), kept("mlp random", wb.Random(), 2)
    c = wb.compare(["mlp tpe", "mlp random"])
    assert [(m.label, m.algorithm, m.seed) for m in c.members] == [("mlp tpe", "TPE", 1), ("mlp random", "Random", 2)]
    assert c.table()["best"].to_dict() == {"mlp tpe": first.best.loss, "mlp random": second.best.loss}
    table = wb.runs()
    assert set(table.index) == {"mlp tpe", "mlp random"}
    row = table.loc["mlp tpe"]
    assert (row["algorithm"], row["trials"], row["best"], bool(row["in use"])) == ("TPE", 4, first.best.loss, False)
    with pytest.raises(wb.StorageError, match=r"no run 'mlp gp'.*wb.runs\(\)"):
        wb.compare(["mlp gp"])


def test_a_damaged_file_is_listed_with_what_is_wrong_and_an_empty_folder_gives_an_empty_table(here):
    assert wb.runs().empty
    kept("good", wb.Random(), 0)
    (store.FOLDER / "bad.journal").write_text("no journal\n" * 3)
    table = wb.runs()
    assert table.loc["bad", "trouble"]
    assert table.loc["good", "trouble"] == ""


def test_a_named_run_that_goes_on_in_this_process_is_followed(here):
    go = threading.Event()
    run = wb.optimize(lambda c: go.wait(10) and c["x"], SPACE, algorithm=wb.Random(), n_trials=3, seed=0, name="live")
    run.start()
    c = wb.compare(["live"])
    assert len(c.frame()) == 0
    go.set()
    run.wait(30)
    assert len(c.frame()) == 3
    run.close()


def test_a_study_in_a_database_is_read_again_whenever_one_looks(here):
    url = "sqlite:///studies.db"
    study = study_of([3.0, 2.0], storage=url, study_name="one")
    c = wb.compare([url, ("sqlite:///studies.db", "one"), study])
    assert c.table()["best"].tolist() == [2.0, 2.0, 2.0]  # whose sampler is not known is no seed of the others
    study.add_trial(optuna.trial.create_trial(value=1.0))
    for m in c.members:
        m.source._looked_at = -1e9
    assert wb.compare([url]).table()["best"].tolist() == [1.0]
    assert c.frame().groupby("run").size().tolist() == [3, 3, 3]
    study_of([5.0], storage=url, study_name="two")
    with pytest.raises(wb.StorageError, match="holds 2 studies"):
        wb.compare([url])


def test_optuna_studies_have_no_seed_and_are_not_paired():
    c = wb.compare({"a": [study_of([1.0]), study_of([2.0])], "b": [study_of([3.0]), study_of([4.0])]})
    assert [m.seed for m in c.members] == [None] * 4
    assert c.outcome().n_blocks == 0


def test_a_saved_log_is_compared_like_its_run(tmp_path):
    log_of([3.0, 1.0]).save(tmp_path / "a.log")
    c = wb.compare({"saved": EventLog.load(tmp_path / "a.log"), "here": log_of([2.0])})
    assert c.table(at=2)["best"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(("given", "message"), [
    ([], "nothing to compare"), (None, "can be compared, got None"), ([3], "can be compared, got 3"),
    ({"a": []}, "'a' has no run"), ({"": log_of([1.0])}, "named by texts")])
def test_what_cannot_be_compared_is_refused(given, message):
    with pytest.raises(wb.RunError, match=message):
        wb.compare(given)


def test_runs_that_want_different_things_are_refused():
    with pytest.raises(wb.RunError, match=r"'A · seed 0' wants to minimize its value and 'A · seed 0 \(2\)' to maximize"):
        wb.compare([log_of([1.0]), log_of([1.0], direction="maximize")])


@pytest.mark.parametrize("act", [lambda c: c.lines("epochs"), lambda c: c.lines(band="sd"), lambda c: c.figure("bars"),
                                 lambda c: c.export("xml")])
def test_other_settings_are_refused_with_those_there_are(act):
    with pytest.raises(wb.RunError, match="got '"):
        act(wb.compare([log_of([1.0])]))


# ---- exports -----------------------------------------------------------------------------------------------------------

def test_frame_csv_and_json_hold_all_results():
    c = wb.compare({"a": log_of([3.0, None, 2.0]), "b": log_of([1.0])})
    frame = c.frame()
    assert frame["best"].tolist() == [3.0, 3.0, 2.0, 1.0]
    assert frame["seconds"].tolist() == [1.0, 2.0, 3.0, 1.0]
    assert c.export("csv").splitlines()[1].startswith("a,A · seed 0,0,1,0,complete,3.0,3.0,1.0")
    data = json.loads(c.export("json"))
    assert [len(r["results"]) for r in data["runs"]] == [3, 1]
    assert data["runs"][0]["results"][1]["value"] is None
    assert data["words"] == c.words()


def test_the_code_makes_the_comparison_again(here, tmp_path):
    kept("mlp tpe", wb.TPE(), 1)
    study_of([1.0], storage="sqlite:///s.db", study_name="st")
    c = wb.compare({"ours": ["mlp tpe"], "theirs": [("sqlite:///s.db", "st")], "gone": [log_of([1.0])]}, name="mlp")
    code = c.export("python", tmp_path / "again.py")
    assert "in the memory of a kernel only" in code
    names = {}
    exec((tmp_path / "again.py").read_text(), names)
    again = names["comparison"]
    assert isinstance(again, Comparison)
    assert {g: len(ms) for g, ms in again.groups.items()} == {"ours": 1, "theirs": 1}
    assert again.name == "mlp"
    assert again.table().loc["ours", "best"] == c.table().loc["ours", "best"]


def test_the_static_form_escapes_names():
    c = wb.compare({"<b>a</b>": log_of([1.0]), "b": log_of([2.0])})
    assert "<b>a</b>" not in c._repr_html_()
    assert repr(c) == "<Comparison: <b>a</b>, b; 2 results>"


def test_a_comparison_of_many_runs_is_quick():
    rng = np.random.default_rng(7)
    c = wb.compare([log_of(rng.random(60).tolist(), algorithm=a, seed=s) for a in "abcd" for s in range(10)])
    c.words()
    began = time.perf_counter()
    c.words(), c.lines(), c.ranks()
    assert time.perf_counter() - began < 2.0  # about 0.15 s here; the machine may be busy
