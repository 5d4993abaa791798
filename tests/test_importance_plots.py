"""Pictures of ablation, local importance, tunability and PED-ANOVA."""

import numpy as np
import plotly.graph_objects as go
import pytest

from workbench.importance.ablation import Ablation, AblationStep, ablation
from workbench.importance.local import local_importance
from workbench.importance.quantity import Quantity
from workbench.importance.tunability import Task, tunability
from workbench.optuna_importance import ped_anova
from workbench.plots import local_importance as local_plot
from workbench.plots.ablation import MOST
from workbench.plots.ablation import ablation as draw_ablation
from workbench.plots.local_importance import local_importance as draw_local
from workbench.plots.ped_anova import ped_anova as draw_ped
from workbench.plots.tunability import tunability as draw_tunability
from workbench.space import Choice, Float, Int, Space

HOSTILE = "<img src=x onerror=alert(1)> & <b>"
SPACE = Space({"lr": Float(1e-5, 1e-1, log=True), "opt": Choice("adam", "sgd", "lion"), "mom": Float(0, 1, when={"opt": "sgd"}),
               "depth": Int(1, 9), "width": Int(1, 4000, log=True)})


def data(space=SPACE, n=200):
    rng = np.random.default_rng(0)
    x = space.sample_unit(n, rng)
    return x, (np.nan_to_num(x, nan=0.9) ** 2) @ np.arange(len(space), 0.0, -1)


def named(drawn, name):
    return next(t for t in drawn["data"] if t["name"] == name)


def texts(node):
    if isinstance(node, dict):
        return [s for k, v in node.items() if k not in ("type", "mode") for s in texts(v)]
    if isinstance(node, (list, tuple)):
        return [s for v in node for s in texts(v)]
    return [node] if isinstance(node, str) else []


# ---- ablation ------------------------------------------------------------------------------------------------------------


def steps_of(gains):
    loss, steps = 10.0, []
    for k, g in enumerate(gains):
        loss -= g
        steps.append(AblationStep((f"x{k}",), {f"x{k}": 0.0}, {f"x{k}": 0.5}, loss, g, 0.1, (((f"x{k}",), loss),)))
    return tuple(steps)


def path_of(gains, **settings):
    return Ablation(SPACE, 50, {}, {}, 10.0, steps_of(gains), **settings)


def test_every_bar_begins_where_the_one_before_ended():
    drawn = draw_ablation(path_of([4.0, 2.0, -1.0]))
    better, worse = named(drawn, "better"), named(drawn, "worse")
    np.testing.assert_array_equal(better["base"], [10, 6])
    np.testing.assert_array_equal(better["x"], [-4, -2])
    np.testing.assert_array_equal(worse["base"], [4])
    np.testing.assert_array_equal(worse["x"], [1])
    assert worse["text"] == ["+1.00"]  # never by colour alone
    np.testing.assert_array_equal(named(drawn, "ends")["x"], [10, 5])
    assert drawn["layout"]["yaxis"]["ticktext"] == ["the default", "x0 → 0.500", "x1 → 0.500", "x2 → 0.500", "the best"]
    low, high = drawn["layout"]["xaxis"]["range"]
    assert low < 4 < 10 < high


def test_whoever_maximises_sees_bars_that_rise_to_the_better():
    drawn = draw_ablation(path_of([4.0, -1.0], quantity=Quantity("accuracy", -1.0)))
    np.testing.assert_array_equal(named(drawn, "better")["x"], [4])
    np.testing.assert_array_equal(named(drawn, "worse")["x"], [-1])
    assert drawn["layout"]["xaxis"]["title"]["text"] == "predicted accuracy (larger is better)"


def test_of_many_changes_the_small_ones_stand_together_and_nothing_is_lost():
    gains = [0.01] * 20 + [1.0] + [0.01] * 30 + [2.0] + [-0.005] * 10
    drawn = draw_ablation(path_of(gains))
    bars = [t for t in drawn["data"] if t["type"] == "bar"]
    assert sum(len(t["x"]) for t in bars) <= MOST
    assert sum(float(np.sum(t["x"])) for t in bars) == pytest.approx(-sum(gains))
    assert any("small changes" in t for t in drawn["layout"]["yaxis"]["ticktext"])


def test_hovering_tells_the_values_what_came_along_and_the_next_best():
    start = {"lr": 1e-3, "opt": "adam", "depth": 5, "width": 63}
    found = ablation(SPACE, *data(), start=start, end={"lr": 1e-5, "opt": "sgd", "mom": 0.25, "depth": 1, "width": 63})
    drawn = draw_ablation(found)
    hover = " ".join(h for t in drawn["data"] for h in t["hovertext"])
    assert "<b>opt</b>: adam → sgd" in hover
    assert "with it: mom = 0.25" in hover
    assert "next best here:" in hover
    assert isinstance(found.figure(), go.Figure)


def test_a_path_without_steps_says_so():
    drawn = draw_ablation(path_of([]))
    assert not drawn["data"]
    assert "same" in drawn["layout"]["annotations"][0]["text"]


# ---- local importance ----------------------------------------------------------------------------------------------------


def test_every_active_parameter_has_a_small_picture_with_a_ring_at_its_value():
    found = local_importance(SPACE, *data(), config={"lr": 1e-3, "opt": "adam", "depth": 3, "width": 100}, name="trial 7")
    drawn = draw_local(found)
    rings = [t for t in drawn["data"] if t["name"] == "here"]
    assert len(rings) == 4
    u = SPACE.to_unit(found.config)
    assert [r["x"][0] for r in rings] == [u[SPACE.column(n)] for n in found.order]
    assert {float(r["y"][0]) for r in rings} == {found.loss}
    titles = [a["text"] for a in drawn["layout"]["annotations"]]
    assert titles[0].startswith(f"<b>{found.order[0]}</b>")
    assert "trial 7" in drawn["layout"]["title"]["text"]
    ranges = {tuple(v["range"]) for k, v in drawn["layout"].items() if k.startswith("yaxis")}
    assert len(ranges) == 1  # heights can be compared
    assert isinstance(found.figure(), go.Figure)


def test_lines_stay_short_and_keep_their_mean():
    found = local_importance(SPACE, *data(n=400))
    drawn = draw_local(found)
    assert len(found.curve("lr").mean) > 200
    line = next(t for t in drawn["data"] if t["name"] == "lr" and t.get("text"))
    assert len(line["x"]) <= local_plot.MOST_POINTS + 1
    exact = float(found.curve("lr").mean @ np.diff(found.curve("lr").edges))
    assert float(line["y"][:-1].mean()) == pytest.approx(exact)
    assert line["text"][0] == "1.00×10⁻⁵"


def test_levels_are_dots_with_bars_and_forbidden_ones_have_none():
    space = Space(a=Choice("p", "q"), b=Choice("x", "y"), forbidden=[{"a": "q", "b": "y"}])
    found = local_importance(space, *data(space), config={"a": "q", "b": "x"})
    drawn = draw_local(found)
    dots = named(drawn, "b")
    assert dots["mode"] == "markers"
    assert np.isnan(dots["y"]).tolist() == [False, True]


def test_of_many_parameters_the_most_important_are_shown_and_the_rest_counted():
    space = Space({f"x{k}": Float(0, 1) for k in range(15)})
    drawn = draw_local(local_importance(space, *data(space, 60), n_trees=8))
    assert sum(t["name"] == "here" for t in drawn["data"]) == local_plot.MOST
    assert "3 more not shown" in drawn["layout"]["title"]["text"]


# ---- tunability ----------------------------------------------------------------------------------------------------------


def test_bars_are_the_gains_and_a_pairs_parts_add_up():
    found = tunability(Task(SPACE, *data()), default={"lr": 1e-1, "opt": "adam", "depth": 9, "width": 60})
    drawn = draw_tunability(found)
    assert named(drawn, "all together")["x"] == pytest.approx([found.total_gain])
    alone = named(drawn, "one alone")
    assert alone["x"].tolist() == sorted((g for g in found.gain if not np.isnan(g)), reverse=True)
    first, second = named(drawn, "the better one of two"), named(drawn, "what the second adds")
    np.testing.assert_allclose(first["x"] + second["x"], [p[2] for p in found.pairs()[:5]])
    np.testing.assert_array_equal(second["base"], first["x"])
    assert "default 0.100, tuned" in alone["hovertext"][0]
    assert drawn["layout"]["annotations"][0]["text"] == "inactive at the default: active only when opt is 'sgd'"
    assert isinstance(found.figure(), go.Figure)


def test_no_gain_and_no_pairs_are_drawn_too():
    space = Space(x=Float(0, 1))
    found = tunability(Task(space, np.linspace(0, 1, 12)[:, None], np.ones(12)))
    drawn = draw_tunability(found)
    assert [t["name"] for t in drawn["data"]] == ["all together", "one alone"]
    low, high = drawn["layout"]["xaxis"]["range"]
    assert low < high


def test_of_several_tasks_the_title_says_that_gains_are_means():
    x, y = data()
    found = tunability(Task(SPACE, x, y), Task(SPACE, x, -y), pairs=False)
    drawn = draw_tunability(found)
    assert "mean of 2 tasks" in drawn["layout"]["title"]["text"]
    assert "between the tasks" in named(drawn, "one alone")["hovertext"][0]


# ---- PED-ANOVA, and all ------------------------------------------------------------------------------------------------------


def test_shares_are_bars_the_largest_at_the_top():
    found = ped_anova(SPACE, *data())
    drawn = draw_ped(found)
    shares = drawn["data"][0]["x"]
    assert (np.diff(shares) <= 0).all()
    assert shares.sum() == pytest.approx(100)
    assert isinstance(found.figure(), go.Figure)


def test_names_and_options_are_never_markup():
    space = Space({HOSTILE: Choice(HOSTILE, "q"), "x" + HOSTILE: Float(0, 1, when={HOSTILE: "q"}), "y": Int(0, 5)})
    x, y = data(space, 80)
    quantity = Quantity(HOSTILE)
    start, end = {HOSTILE: HOSTILE, "y": 1}, {HOSTILE: "q", "x" + HOSTILE: 0.2, "y": 3}
    found = [draw_ablation(ablation(space, x, y, start=start, end=end, names=(HOSTILE, HOSTILE), quantity=quantity)),
             draw_local(local_importance(space, x, y, name=HOSTILE, quantity=quantity)),
             draw_tunability(tunability(Task(space, x, y), quantity=quantity)),
             draw_ped(ped_anova(space, x, y, quantity=quantity))]
    for drawn in found:
        assert not [t for t in texts(drawn) if "<img" in t]
