"""The lesson on Hyperband's table: its numbers, its words, and what it refuses."""

import re

import pytest

from workbench.fidelity import brackets
from workbench.fidelity.hyperband import Hyperband
from workbench.plots.figure import figure
from workbench_widgets.lessons import HyperbandTableLesson
from workbench_widgets.lessons.hyperband_table import (
    MOST_BRACKETS,
    TABLES,
    HyperbandTableState,
    costliest,
    draw,
    explain,
    formula,
    question,
    wrong,
)


def cells(html):
    return [re.sub(r"<[^>]+>", "", c) for c in re.findall(r"<td>(.*?)</td>", html)]


def test_both_tables_are_those_of_the_scheduler():
    html = formula(HyperbandTableState())
    for t, table in enumerate(TABLES):
        for k, bracket in enumerate(Hyperband(81, table=table).brackets):
            for i, rung in enumerate(bracket):
                assert f"<span data-term=cell-{k}-{i}-{t}>{rung.n} × {rung.r}</span>" in html


def test_costs_are_hidden_until_they_are_asked_for():
    hidden, shown = formula(HyperbandTableState()), formula(HyperbandTableState(shown=True))
    assert "405" not in "".join(cells(hidden))
    for table in TABLES:
        made = Hyperband(81, table=table).brackets
        assert f"Σ {sum(map(brackets.cost, made))}" in shown
        assert f"Σ {sum(map(brackets.cost_from_the_start, made))}" in shown


def test_a_step_walks_through_the_cells_in_the_order_of_the_algorithm():
    state, seen = HyperbandTableState(R=9), []
    while not seen or seen[-1] != (state.bracket, state.rung):
        seen.append((state.bracket, state.rung))
        state = state.step()
    assert seen == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0)]


def test_a_cell_says_where_it_comes_from():
    state = HyperbandTableState()
    assert explain(state, 1, 0, "formula").startswith("s = 3, i = 0 (formula): n = ⌈5 · 3^3 / 4⌉ = 34 configurations begin, up to r = 81 / 3^3 = 3 ")
    assert "⌊5 / 4⌋ · 3^3 = 27 configurations" in explain(state, 1, 0, "printed")
    assert "of 81 the best ⌊81 / 3^1⌋ = 27 go on" in explain(state, 0, 1, "formula")
    assert "27 × (3 − 1) = 54, from the start 27 × 3 = 81" in explain(state, 0, 1, "formula")
    assert "1 goes on" in explain(state, 0, 4, "formula")
    assert "rounded down" in explain(HyperbandTableState(R=100), 0, 0, "formula")


@pytest.mark.parametrize(("R", "eta", "part"), [(0, 3, "R must be"), (81, 1, "η must be"), (10**6, 2, "there is room for")])
def test_what_makes_no_table_is_refused_in_words(R, eta, part):
    assert part in wrong(R, eta)


def test_every_size_that_is_allowed_can_be_drawn_in_every_state():
    for R, eta in ((1, 2), (2, 3), (81, 3), (100, 3), (2 ** (MOST_BRACKETS - 1), 2), (243, 3)):
        assert not wrong(R, eta)
        for table in TABLES:
            for shown in (False, True):
                state = HyperbandTableState(R, eta, table, shown=shown, guess=0)
                figure(draw(state))
                figure(draw(state, "cell-0-0-1"))
                assert "nan" not in formula(state) + question(state) + explain(state, 0, 0, table)


def test_the_bars_are_the_costs():
    drawn = draw(HyperbandTableState(shown=True))
    bars = [t for t in drawn["data"] if t.get("xaxis") == "x2"]
    for k, bracket in enumerate(Hyperband(81).brackets):
        ends = {dy: max(x for t in bars for x, y in zip(t["x"], t["y"], strict=True) if abs(y - k - dy) < 0.01) for dy in (-0.16, 0.16)}
        assert (ends[-0.16], ends[0.16]) == (brackets.cost(bracket), brackets.cost_from_the_start(bracket))


def test_a_guess_is_judged():
    state = HyperbandTableState(shown=True, guess=0)
    assert costliest(state) == [4]
    assert "You guessed s = 4, it is s = 0" in question(state)
    assert question(HyperbandTableState(shown=True, guess=4)).startswith("Right")


def test_wrong_numbers_leave_the_tables_and_say_why():
    lesson = HyperbandTableLesson()
    lesson._inputs["R"].value = 0
    assert lesson.state.R == 81
    assert "R must be a whole number, at least 1, got 0" in lesson._status.value
    lesson._inputs["R"].value = 27
    assert lesson.state.R == 27
    assert lesson.state.s_max == 3
    lesson._inputs["eta"].value = 1
    assert "η must be" in lesson._status.value
    lesson.reset()
    assert (lesson._inputs["R"].value, lesson._inputs["eta"].value) == (81, 3)


def test_pointing_at_a_cell_explains_it_and_leaving_it_brings_the_present_one_back():
    lesson = HyperbandTableLesson()
    before = lesson._status.value
    lesson._ears.lit = "cell-2-1-1"
    assert lesson._status.value == explain(lesson.state, 2, 1, "printed")
    lesson._ears.lit = ""
    assert lesson._status.value == before


def test_clicks_choose_a_cell_on_the_left_and_guess_on_the_right():
    lesson = HyperbandTableLesson()
    lesson.live.clicked = {"x": 4.1, "y": 2.2, "subplot": "xy", "n": 1}
    assert (lesson.state.bracket, lesson.state.rung) == (2, 1)
    lesson.live.clicked = {"x": 1.0, "y": 2.2, "subplot": "xy", "n": 2}  # there is no rung of one step
    assert (lesson.state.bracket, lesson.state.rung) == (2, 1)
    lesson.live.clicked = {"x": 100.0, "y": 3.9, "subplot": "x2y", "n": 3}
    assert lesson.state.guess == 4
