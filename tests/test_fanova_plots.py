"""Pictures of functional ANOVA: shares, the curve of a parameter, the map of a pair."""

import numpy as np
import plotly.graph_objects as go
import pytest

from workbench.importance.fanova import fanova
from workbench.importance.quantity import Quantity
from workbench.plots import fanova as plots
from workbench.plots.whose import named
from workbench.space import Choice, Float, Int, Space
from workbench.trials import Trials

HOSTILE = "<img src=x onerror=alert(1)>"
SPACE = Space({"lr": Float(1e-5, 1e-1, log=True), "opt": Choice("adam", "sgd", "lion"), "mom": Float(0, 1, when={"opt": "sgd"}),
               "depth": Int(1, 9), "width": Int(1, 4000, log=True)})


def found(space=SPACE, n=120, *, quantity=None, loss=None):
    rng = np.random.default_rng(0)
    x = space.sample_unit(n, rng)
    u = np.nan_to_num(x, nan=0.5)
    y = 4 * (u[:, 0] - 0.6) ** 2 + (u[:, 1] > 0.6) * u[:, 0] + 0.2 * u[:, -1] if loss is None else loss(u)
    return fanova(space, x, y, n_trees=16, quantity=quantity)


@pytest.fixture(scope="module")
def f():
    return found()


def trace(drawn, name):
    return next(t for t in drawn["data"] if t["name"] == name)


def texts(node):
    if isinstance(node, dict):
        return [s for k, v in node.items() if k not in ("type", "mode") for s in texts(v)]
    if isinstance(node, (list, tuple)):
        return [s for v in node for s in texts(v)]
    return [node] if isinstance(node, str) else []


# ---- shares ------------------------------------------------------------------------------------------------------------


def test_bars_are_the_shares_the_largest_on_top_with_the_spread_between_trees(f):
    drawn = plots.importance(f)
    bars = trace(drawn, "one alone")
    order = np.argsort(-f.single, kind="stable")
    np.testing.assert_allclose(bars["x"], 100 * f.single[order])
    np.testing.assert_allclose(bars["error_x"]["array"], 100 * f.single_spread[order])
    assert drawn["layout"]["yaxis"]["ticktext"][:5] == [f.names[j] for j in order]
    assert (np.diff(bars["y"]) == 1).all()
    assert drawn["layout"]["yaxis"]["range"][0] > drawn["layout"]["yaxis"]["range"][1]  # the first on top


def test_pairs_follow_below_and_are_hatched_so_that_colour_is_not_all_that_tells_them(f):
    drawn = plots.importance(f)
    pairs = trace(drawn, "two together, beyond each alone")
    strongest = [p for p in f.pairs()[:plots.PAIRS] if p[2] >= plots.LEAST]
    np.testing.assert_allclose(pairs["x"], [100 * p[2] for p in strongest])
    assert pairs["y"].min() > trace(drawn, "one alone")["y"].max() + 1
    assert pairs["marker"]["pattern"]["shape"]
    assert "pattern" not in trace(drawn, "one alone")["marker"]
    assert " × ".join(strongest[0][:2]) in drawn["layout"]["yaxis"]["ticktext"]


def test_the_title_says_what_is_explained_and_what_is_left(f):
    alone, both = f.single.sum(), f.total()
    said = plots.rest(f)
    assert plots.percent(alone) in said
    assert plots.percent(both - alone) in said
    assert f"three and more together {plots.percent(max(1 - both, 0))}" in said
    assert said in plots.importance(f)["layout"]["title"]["text"]


def test_a_loss_that_never_changes_is_said_in_words():
    flat = found(loss=lambda u: np.ones(len(u)))
    assert "look alike" in plots.rest(flat)
    assert go.Figure(plots.importance(flat))


def test_every_height_of_the_picture_belongs_to_the_bar_there_and_gaps_to_none(f):
    bars = plots.bars_of(f)
    for bar in bars:
        assert plots.bar_at(f, bar.at + 0.3).names == bar.names
    last = bars[-1].at
    assert plots.bar_at(f, -0.7) is None
    assert plots.bar_at(f, last + 0.7) is None


def test_the_chosen_bar_is_marked_in_words_and_behind_it(f):
    drawn = plots.importance(f, ("lr",))
    marked = [t for t in drawn["layout"]["yaxis"]["ticktext"] if "▸" in t]
    assert marked == ["<b>▸ lr</b>"]
    assert len(drawn["layout"]["shapes"]) == 1


def test_of_many_parameters_the_others_are_counted():
    space = Space({f"x{k}": Float(0, 1) for k in range(20)})
    drawn = plots.importance(found(space))
    assert len(trace(drawn, "one alone")["x"]) == plots.MOST
    assert "4 more parameters explain less" in drawn["layout"]["title"]["text"]


def test_a_single_parameter_has_no_pairs():
    one = found(Space({"x": Float(0, 1)}), loss=lambda u: u[:, 0])
    assert [t["name"] for t in plots.importance(one)["data"]] == ["one alone", "shares"]
    assert plots.rest(one) == "There is one parameter: it explains 100 %"


# ---- one parameter -----------------------------------------------------------------------------------------------------


def test_a_curve_is_the_marginal_with_its_band_in_the_middle_of_its_cells(f):
    drawn, c = plots.curve(f, "lr"), f.curve("lr")
    line = trace(drawn, "mean")
    np.testing.assert_allclose(line["x"], (c.edges[1:] + c.edges[:-1]) / 2)
    np.testing.assert_allclose(line["y"], c.mean)
    np.testing.assert_allclose(trace(drawn, "mean ± spread")["y"], c.mean + c.spread)
    np.testing.assert_allclose(trace(drawn, "mean ± spread (lower edge)")["y"], c.mean - c.spread)
    low, high = drawn["layout"]["yaxis"]["range"]
    assert low < (c.mean - c.spread).min() < (c.mean + c.spread).max() < high


def test_a_logarithmic_parameter_has_ticks_in_its_own_units(f):
    ticks = plots.curve(f, "lr")["layout"]["xaxis"]["ticktext"]
    assert ticks == ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "0.1"]


def test_options_are_cells_with_error_bars(f):
    drawn, c = plots.curve(f, "opt"), f.curve("opt")
    dots = trace(drawn, "mean ± spread")
    np.testing.assert_allclose(dots["y"], c.mean)
    np.testing.assert_allclose(dots["error_y"]["array"], c.spread)
    assert dots["text"] == ["adam", "sgd", "lion"]
    cells = trace(drawn, "mean")
    assert np.isnan(cells["y"]).sum() == 3  # nothing lies between options


def test_trials_stand_below_and_the_best_tenth_by_another_shape(f):
    drawn = plots.curve(f, "lr")
    rug, good = trace(drawn, "trials"), trace(drawn, "best tenth")
    assert len(good["x"]) == 12
    assert len(rug["x"]) + len(good["x"]) == f.n_trials
    assert rug["marker"]["symbol"] != good["marker"]["symbol"]
    assert np.concatenate([rug["y"], good["y"]]).max() < (f.curve("lr").mean - f.curve("lr").spread).min()


def test_of_many_trials_some_are_marked():
    drawn = plots.curve(found(n=1000), "lr")
    assert len(trace(drawn, "trials")["x"]) == plots.MAX_TRIALS
    assert len(trace(drawn, "best tenth")["x"]) == 100


def test_the_best_trial_is_ringed_on_the_curve_and_is_a_row_of_the_trials(f):
    ring = trace(plots.curve(f, "depth"), "best")
    best = int(np.argmin(f.y))
    assert ring["x"][0] == f.x[best, SPACE.column("depth")]
    assert ring["customdata"].tolist() == [best]
    assert ring["meta"] == "rows and words"


def test_marks_become_trials_that_can_be_clicked(f):
    drawn = named(plots.curve(f, "lr"), Trials(), list(range(100, 100 + f.n_trials)))
    rug = trace(drawn, "trials")
    assert rug["meta"] == "trials"
    assert rug["customdata"].min() >= 100


def test_a_condition_is_said_and_the_best_trial_left_out_where_it_is_inactive(f):
    drawn = plots.curve(f, "mom")
    assert "where it is active (33 % of the space)" in drawn["layout"]["title"]["text"]
    inactive = np.isnan(f.x[np.argmin(f.y), SPACE.column("mom")])
    assert ("best" not in [t["name"] for t in drawn["data"]]) == inactive


def test_whoever_maximises_sees_their_own_values():
    up = found(quantity=Quantity("accuracy", -1.0))
    drawn = plots.curve(up, "lr")
    np.testing.assert_allclose(trace(drawn, "mean")["y"], -up.curve("lr").mean)
    assert drawn["layout"]["yaxis"]["title"]["text"] == "mean accuracy (larger is better)"
    assert plots.surface(up, "lr", "depth")["data"][0]["reversescale"] is False


# ---- two parameters ----------------------------------------------------------------------------------------------------


def test_a_map_is_the_marginal_of_two_over_their_cells(f):
    drawn, s = plots.surface(f, "lr", "opt"), f.surface("lr", "opt")
    heat = drawn["data"][0]
    np.testing.assert_allclose(heat["z"], s.mean.T)
    np.testing.assert_allclose(heat["x"], s.edges_a)
    np.testing.assert_allclose(heat["y"], s.edges_b)
    assert np.shape(heat["text"]) == heat["z"].shape
    assert "opt = lion" in heat["text"][2][0]
    assert heat["reversescale"] is True  # the smaller, the lighter: better is yellow everywhere


def test_the_title_of_a_map_says_what_the_pair_adds(f):
    assert f"lr × opt explain {plots.percent(f.pair('lr', 'opt'))} beyond each alone" in \
        plots.surface(f, "lr", "opt")["layout"]["title"]["text"]


def test_on_a_map_stand_the_trials_that_have_both(f):
    drawn = plots.surface(f, "lr", "mom")
    both = np.isfinite(f.x[:, SPACE.column("mom")]).sum()
    assert len(trace(drawn, "trials")["x"]) == both


def test_a_pair_that_is_never_active_together_is_said():
    space = Space({"k": Choice("a", "b"), "x": Float(0, 1, when={"k": "a"}), "y": Float(0, 1, when={"k": "b"})})
    drawn = plots.surface(found(space), "x", "y")
    assert drawn["data"] == []
    assert "never active together" in drawn["layout"]["annotations"][0]["text"]


# ---- all ---------------------------------------------------------------------------------------------------------------


def test_figure_draws_shares_curves_and_maps(f):
    for fig, name in ((f.figure(), "one alone"), (f.figure("lr"), "mean"), (f.figure(pair=("lr", "opt")), "mean")):
        assert isinstance(fig, go.Figure)
        assert name in [t.name for t in fig.data]


def test_names_of_users_stay_text():
    space = Space({HOSTILE: Choice("<b>a</b>", HOSTILE), "b <i>": Float(0, 1)})
    hostile = found(space, loss=lambda u: u[:, 0] * u[:, 1] + u[:, 1], quantity=Quantity(HOSTILE))
    for drawn in (plots.importance(hostile, (HOSTILE,)), plots.curve(hostile, HOSTILE), plots.surface(hostile, HOSTILE, "b <i>")):
        for text in texts(drawn):
            assert "<img" not in text
            assert "<i>" not in text


def test_a_sentence_names_the_parameter_and_the_pair_that_explain_most(f):
    a, b, share = f.pairs()[0]
    assert plots.summary(f) == (f"lr matters most: alone it explains {plots.percent(f.single.max())}. Of the pairs {a} × {b} adds "
                                f"most: {plots.percent(share)}.")
    assert plots.summary(found(loss=lambda u: np.ones(len(u)))).startswith("No parameter changes")
