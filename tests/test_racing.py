"""Races: laps, curves, ranks, tests between pairs, controls, and what is shown."""

import json
import math
import threading
import time

import numpy as np
import optuna
import pandas as pd
import pytest
from scipy.stats import binom, friedmanchisquare

import workbench as wb
from workbench import racing
from workbench.events import TrialFinished
from workbench.over_seeds import difference, holm, quartiles, ranked, sign_test, signed_rank_test
from workbench.plots.race import FLOOR
from workbench.plots.race import race as draw
from workbench.problems import branin, forrester
from workbench.race_results import Lap, RaceResults
from workbench_widgets.race_panel import RacePanel, clock, head, outcome

SPACE = wb.Space(x=wb.Float(0.0, 1.0))


def f(c):
    return (c["x"] - 0.3) ** 2


def results_of(**losses):
    """Results of algorithms by their final losses, seed by seed."""
    n = len(next(iter(losses.values())))
    laps = tuple(Lap(a, s, (v + 1.0, v), (0.1, 0.2)) for a, vs in losses.items() for s, v in enumerate(vs))
    return RaceResults("made up", tuple(losses), 2, tuple(range(n)), laps)


def raced(algorithms, objective=f, **more):
    return wb.race(objective, algorithms, space=SPACE, **{"n_trials": 6, "seeds": 3, **more})


# ---- laps --------------------------------------------------------------------------------------------------------------

def test_a_lap_is_the_same_search_as_a_run_of_that_seed():
    race = raced({"TPE": wb.TPE(n_startup=3), "random": wb.Random()}, seeds=[4, 9]).start().wait()
    for lap in race.results.laps:
        algorithm = {"TPE": wb.TPE(n_startup=3), "random": wb.Random()}[lap.algorithm]
        run = wb.optimize(f, SPACE, algorithm=algorithm, n_trials=6, seed=lap.seed).start().wait()
        assert list(lap.losses) == [t.loss for t in run.trials.by_number.values()]


def test_a_pause_between_two_trials_is_neither_running_nor_thinking_time():
    course = racing.Course(f, SPACE, 3)
    steps = racing.run_lap(course, lambda seed: wb.Random(), "random", 0)
    for _ in range(3):
        assert next(steps) is None
        time.sleep(0.5)
    lap = next(steps)
    assert lap.thinking_s <= lap.seconds[-1] < 0.5  # three trials of a parabola; three pauses would be 1.5 s


def test_a_prior_that_names_no_parameter_is_refused_before_the_race():
    with pytest.raises(wb.SpaceError, match=r"names 'lr'.*There are \['x'\]"):
        raced({"GP": wb.GPBO(prior={"lr": 0.1})})


def test_all_algorithms_run_the_same_seeds_and_equal_algorithms_tie():
    race = raced({"a": wb.Random(), "b": wb.Random()}).start().wait()
    assert [(lap.algorithm, lap.seed) for lap in race.results.laps] == [(a, s) for s in range(3) for a in "ab"]
    assert race.pairs()["ties"].tolist() == [3]
    assert race.table()["rank"].tolist() == [1.5, 1.5]
    assert race.table()["won"].tolist() == [1.5, 1.5]


def test_optunas_samplers_race_too_and_are_made_anew_for_every_seed():
    race = raced({"class": optuna.samplers.TPESampler, "function": lambda seed: optuna.samplers.TPESampler(seed=seed)})
    final = race.start().wait().results
    assert [lap.losses for lap in final.laps[::2]] == [lap.losses for lap in final.laps[1::2]]
    assert len({lap.losses for lap in final.laps}) == 3  # seeds differ
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(lambda t: f({"x": t.suggest_float("x", 0.0, 1.0)}), n_trials=6)
    assert [t.value for t in study.trials] == list(final.laps[2].losses)


def test_a_failed_trial_is_kept_and_counts_as_nothing_found():
    def sometimes(c):
        if c["x"] > 0.5:
            raise ValueError("too far")
        return c["x"]

    race = raced({"random": wb.Random()}, sometimes, n_trials=12).start().wait()
    frame = race.frame()
    assert frame["error"].dropna().eq("ValueError: too far").all()
    assert frame["error"].notna().tolist() == frame["loss"].isna().tolist()
    assert race.table()["failed trials"].tolist() == [frame["loss"].isna().sum()]
    for lap in race.results.laps:
        best = np.minimum.accumulate(np.where(np.isnan(lap.losses), np.inf, lap.losses))
        assert lap.best(12).tolist() == best.tolist()


def test_an_algorithm_that_breaks_loses_its_lap_and_not_the_race():
    class Broken:
        def suggest(self, history, rng):
            if len(history) >= 2:
                raise ZeroDivisionError("by me")
            return wb.Random().suggest(history, rng)

    def no_sampler(seed):
        raise TypeError("no such setting")

    race = raced({"broken": Broken(), "unmade": no_sampler, "random": wb.Random()}).start().wait()
    laps = {(lap.algorithm, lap.seed): lap for lap in race.results.laps}
    assert laps["broken", 0].ended == "failed"
    assert len(laps["broken", 0].losses) == 2
    assert "by me" in laps["broken", 0].error
    assert laps["unmade", 1].losses == ()
    assert laps["unmade", 1].error == "TypeError: no such setting"
    assert laps["random", 2].ended == "done"
    assert race.results.order[-1] == "unmade"
    assert any("broke on seed 0 after 2 trials" in w for w in race.words())
    race.figure()
    assert race.table()["failed laps"]["broken"] == 3


def test_a_finished_grid_keeps_its_best_to_the_end():
    race = wb.race(f, {"grid": wb.Grid()}, space=wb.Space(x=wb.Int(0, 2)), n_trials=9, seeds=1).start().wait()
    lap, = race.results.laps
    assert (lap.ended, len(lap.losses)) == ("exhausted", 3)
    assert lap.best(9)[3:].tolist() == [min(lap.losses)] * 6


# ---- ranks and tests ---------------------------------------------------------------------------------------------------

def test_ranks_and_wins_share_ties():
    results = results_of(a=[1.0, 1.0, 3.0, 0.0], b=[2.0, 1.0, 2.0, 5.0], c=[3.0, 9.0, 1.0, math.inf])
    table = results.table()
    assert table["rank"].to_dict() == {"a": (1 + 1.5 + 3 + 1) / 4, "b": (2 + 1.5 + 2 + 2) / 4, "c": (3 + 3 + 1 + 3) / 4}
    assert table["won"].to_dict() == {"a": 2.5, "b": 0.5, "c": 1.0}
    assert results.order == ("a", "b", "c")


def test_average_ranks_agree_with_friedmans_statistic():
    rng = np.random.default_rng(0)
    final = rng.random((12, 4))
    n, k = final.shape
    mean = ranked(final).mean(axis=0)
    chi = 12 * n / (k * (k + 1)) * (np.sum(mean**2) - k * (k + 1) ** 2 / 4)  # Demsar 2006, section 3.2.2
    assert chi == pytest.approx(friedmanchisquare(*final.T).statistic)


@pytest.mark.parametrize(("better", "worse"), [(8, 2), (10, 0), (3, 3), (0, 7)])
def test_the_sign_test_is_a_binomial_tail_on_both_sides(better, worse):
    n, k = better + worse, max(better, worse)
    assert sign_test(better, worse) == pytest.approx(min(1.0, 2 * binom.sf(k - 1, n, 0.5)))


def test_the_signed_rank_test_is_exact_for_few_seeds():
    gap = np.array([-1.0, -2.0, -3.0, 4.0, -5.0, -6.0])
    signs = np.array(np.meshgrid(*[[0, 1]] * 6)).reshape(6, -1)  # all ways to give the ranks 1 to 6 their signs
    W = (np.arange(1, 7)[:, None] * signs).sum(axis=0)
    assert signed_rank_test(gap) == pytest.approx(2 * np.mean(W <= 4))
    assert signed_rank_test(np.zeros(5)) == 1.0
    assert signed_rank_test(np.r_[gap, 0.0, 0.0]) == signed_rank_test(gap)


def test_holms_correction_is_that_of_the_paper():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_infinite_and_equal_losses_have_differences():
    gap = difference(np.array([math.inf, math.inf, 1.0, 0.1 + 0.2]), np.array([math.inf, 1.0, math.inf, 0.3]))
    assert np.sign(gap).tolist() == [0, 1, -1, 0]


def test_the_words_name_wins_and_do_not_call_luck_skill():
    a = [0.1 * k for k in range(10)]
    clear = results_of(TPE=a, random=[v + 1 + 0.1 * k for k, v in enumerate(a)])
    assert clear.words()[1].startswith("TPE was better than random in 10 of 10 seeds; sign test p = 0.002, Wilcoxon p = 0.002")
    assert clear.words()[1].endswith("more than chance.")
    mixed = results_of(TPE=a, random=[v + (1 if k < 7 else -1) for k, v in enumerate(a)])
    assert "better than random in 7 of 10 seeds" in mixed.words()[1]
    assert mixed.words()[1].endswith("it may be chance.")
    few = results_of(TPE=a[:3], random=[9.0] * 3)
    assert "so few seeds" in few.words()[1]
    assert results_of(alone=[1.0]).words() == []


def test_only_seeds_that_all_have_finished_are_compared():
    whole = results_of(a=[1.0, 2.0, 0.0], b=[2.0, 1.0, 9.0])
    part = RaceResults(whole.name, whole.algorithms, 2, whole.seeds, whole.laps[:-1])
    assert part.complete_seeds == (0, 1)
    assert part.final.tolist() == [[1.0, 2.0], [2.0, 1.0]]
    line = next(t for t in draw(part)["data"] if t.get("line", {}).get("color"))
    assert line["y"][-1] == quartiles(part.best("a", (0, 1)))[1][-1]


# ---- controls ----------------------------------------------------------------------------------------------------------

def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_it_pauses_between_trials_goes_on_and_gives_the_same_as_without_a_pause():
    calls, gate = [], threading.Event()

    def watched(c):
        calls.append(c)
        gate.wait(0.01)
        return f(c)

    race = raced({"random": wb.Random(), "TPE": wb.TPE(n_startup=2)}, watched).start()
    until(lambda: len(calls) >= 3)
    race.pause()
    until(lambda: race.state == "paused")
    n, used = len(calls), race.elapsed_s
    time.sleep(0.15)
    assert len(calls) == n
    assert race.elapsed_s == used
    with pytest.raises(wb.RunError, match="never end"):
        race.wait()
    race.resume().wait()
    other = raced({"random": wb.Random(), "TPE": wb.TPE(n_startup=2)}).start().wait()
    assert [lap.losses for lap in race.results.laps] == [lap.losses for lap in other.results.laps]
    assert race.progress == 1.0



def test_a_stop_keeps_finished_laps_and_a_start_goes_on():
    gate = threading.Event()

    def slow(c):
        gate.wait(0.02)
        return f(c)

    race = raced({"random": wb.Random()}, slow, seeds=4).start()
    until(lambda: len(race.results.laps) >= 1)
    assert race.eta_s > 0
    race.stop()
    until(lambda: race.state == "stopped")
    kept = race.results.laps
    assert 1 <= len(kept) < 4
    gate.set()
    race.start().wait()
    assert race.state == "done"
    assert race.results.laps[:len(kept)] == kept
    assert [lap.seed for lap in race.results.laps] == [0, 1, 2, 3]


def test_processes_give_the_same_laps():
    problem = forrester()
    algorithms = {"TPE": wb.TPE(n_startup=3), "sampler": optuna.samplers.RandomSampler}
    here = wb.race(problem, algorithms, n_trials=5, seeds=2).start().wait().results
    there = wb.race(problem, algorithms, n_trials=5, seeds=2, n_workers=2).start().wait(120).results
    assert {(lap.algorithm, lap.seed): lap.losses for lap in here.laps} == \
        {(lap.algorithm, lap.seed): lap.losses for lap in there.laps}


@pytest.mark.parametrize(("arguments", "message"), [
    ({"algorithms": {}}, "by name"), ({"algorithms": [wb.TPE()]}, "by name"),
    ({"algorithms": {"TPE": optuna.samplers.TPESampler()}}, r"lambda seed: optuna.samplers.TPESampler\(seed=seed\)"),
    ({"algorithms": {"TPE": wb.TPE}}, r"not its class: TPE\(\)"), ({"algorithms": {"TPE": "TPE"}}, "method suggest"),
    ({"seeds": []}, "at least one seed"), ({"seeds": [1, 1]}, "each once"), ({"n_trials": 0}, "n_trials"),
    ({"n_workers": -1}, "n_workers"), ({"space": None}, "space=wb.Space"), ({"problem": 7}, "needs a problem")])
def test_what_is_not_clear_is_refused_with_a_way_out(arguments, message):
    given = {"problem": f, "algorithms": {"TPE": wb.TPE()}, "space": SPACE, **arguments}
    with pytest.raises(wb.WorkbenchError, match=message):
        wb.race(given.pop("problem"), given.pop("algorithms"), **given)


# ---- what comes out ----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def branin_race():
    return wb.race(branin(), {"GP": wb.GPBO(n_startup=4), "<b>random</b>": wb.Random()}, n_trials=8, seeds=3).start().wait()


def test_the_export_reads_back_equal_with_failures_and_infinities(branin_race, tmp_path):
    branin_race.export(tmp_path / "race.json")
    assert RaceResults.from_json((tmp_path / "race.json").read_text()) == branin_race.results
    odd = RaceResults("odd", ("a",), 3, (0,), (Lap("a", 0, (math.nan, math.inf, 1e300), (0.0, 0.1, 0.2), 0.0, ((0, "no"),)),))
    again = RaceResults.from_json(odd.to_json())
    assert repr(again) == repr(odd)  # nan equals nan in writing
    json.loads(odd.to_json(), parse_constant=lambda c: pytest.fail(f"{c} is no JSON"))
    with pytest.raises(wb.RunError, match="no exported race"):
        RaceResults.from_json("{}")


def test_the_frame_holds_every_trial_with_its_best_so_far_and_regret(branin_race):
    frame = branin_race.frame()
    assert len(frame) == 2 * 3 * 8
    for _, lap in frame.groupby(["algorithm", "seed"]):
        assert lap["best"].tolist() == lap["loss"].cummin().tolist()
        assert np.allclose(lap["regret"], lap["best"] - branin().optimum)
        assert lap["seconds"].is_monotonic_increasing
    assert isinstance(branin_race.table(), pd.DataFrame)


def test_the_picture_shows_median_and_middle_half_of_the_regret_on_a_log_axis_best_first(branin_race):
    drawn = draw(branin_race.results)
    lines = [t for t in drawn["data"] if t.get("line", {}).get("color")]
    assert [t["name"][:2] for t in lines] == ["1.", "2."]
    first = branin_race.results.order[0]
    regret = np.maximum(branin_race.results.best(first) - branin().optimum, FLOOR)
    assert lines[0]["y"].tolist() == np.median(regret, axis=0).tolist()
    assert drawn["layout"]["yaxis"]["type"] == "log"
    assert not [t for t in drawn["data"] if "<b>" in t["name"]]
    assert branin_race.figure().to_plotly_json()["data"]


def test_nothing_found_yet_is_no_point_of_a_curve():
    laps = (Lap("a", 0, (math.nan, 1.0), (0.0, 0.1)), Lap("a", 1, (math.nan, 2.0), (0.0, 0.1)))
    drawn = draw(RaceResults("x", ("a",), 2, (0, 1), laps))
    assert np.isnan([t["y"][0] for t in drawn["data"]]).all()


def test_the_static_table_escapes_names_and_says_the_outcome(branin_race):
    html = branin_race._repr_html_()
    assert "&lt;b&gt;random" in html
    assert "<b>random" not in html
    assert "is first" in html
    assert "0 of 2 seeds complete" in raced({"a": wb.Random()}, seeds=2)._repr_html_()


def test_the_panel_starts_pauses_and_shows_ranks_and_words(branin_race):
    panel = RacePanel(branin_race)
    assert "&lt;b&gt;random" in panel._table.value
    assert "1." in str([t["name"] for t in panel.live.spec["data"]])
    assert panel._go.disabled
    race = raced({"a": wb.Random(), "b": wb.TPE()})
    panel = RacePanel(race)
    panel._go.click()
    race.wait()
    panel.draw()
    assert "6 / 6 laps" in panel._head.value
    assert "average rank" in panel._table.value
    panel.close()
    assert outcome(RaceResults("x", ("a",), 2, (0,), ())).startswith("<p")
    assert "Ready" in head(raced({"a": wb.Random()}))
    assert (clock(41.2), clock(7800)) == ("00:41", "2 h 10 min")


def test_a_race_shows_a_panel_in_a_notebook(branin_race):
    data, _ = branin_race._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "is first" in data["text/html"]


def test_seconds_count_from_the_start_of_a_lap():
    assert TrialFinished(0, "complete", 1.0).time > 0
    race = raced({"random": wb.Random()}, seeds=1).start().wait()
    lap, = race.results.laps
    assert 0 <= lap.thinking_s <= lap.seconds[-1] < 60
