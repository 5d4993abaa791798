"""The lesson that edits a cell: states and words without a browser, and the shell around them."""

import itertools

import numpy as np
import pytest

from workbench.nas.cells import NANO
from workbench.plots.nas_layout import layout
from workbench_widgets.lessons import CellLesson
from workbench_widgets.lessons.edit_a_cell import CellState, draw, edge_at, formula, question, summary

START = CellState()


def test_menus_of_the_state_are_the_edges_of_the_space():
    assert START.architecture == tuple(getattr(START, name) for name in NANO.names)
    for a in itertools.islice(NANO, 0, None, 411):
        assert START.put(a).architecture == a


def test_a_click_on_a_label_finds_its_edge_and_one_beside_finds_none():
    at = layout(NANO.graph(START.architecture))
    assert [edge_at(*at.labels[k]) for k in range(6)] == list(range(6))
    assert edge_at(0.1, -1.9) is None


def test_clicks_go_through_the_operations_and_come_back():
    lesson = CellLesson()
    x, y = layout(NANO.graph(START.architecture)).labels[3]
    seen = []
    for _ in range(4):
        seen.append(lesson.state.e03)
        lesson.change(lambda s: lesson.clicked(s, x, y, "xy"))
    assert seen == ["none", "skip", "conv3", "pool3"] and lesson.state.e03 == "none"


def test_menus_and_the_state_follow_each_other():
    lesson = CellLesson()
    lesson._inputs["e01"].value = "pool3"
    assert lesson.state.e01 == "pool3"
    lesson.back()
    assert lesson.state.e01 == "conv3" == lesson._inputs["e01"].value


def test_a_step_changes_one_edge_and_the_next_another_draw():
    lesson = CellLesson()
    before = lesson.state.architecture
    for n in range(1, 6):
        lesson.step()
        after = lesson.state.architecture
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 1 and lesson.state.steps == n
        before = after


def test_predict_first_hides_the_formula_and_the_count_until_a_guess():
    lesson = CellLesson()
    lesson.predict_first = True
    assert not lesson.state.shown
    assert "are this cell" not in lesson.summary(lesson.state) and "are this cell" not in draw(lesson.state)["layout"]["title"]["text"]
    assert "…" in formula(lesson.state)
    assert not lesson.change(lesson.reveal)
    lesson._inputs["guess"].value = lesson.state.truth
    assert lesson.change(lesson.reveal)
    assert "right, it is" in question(lesson.state)
    lesson._inputs["e01"].value = "pool3"
    assert not lesson.state.shown and lesson.state.guess == ""  # hidden again for the new cell


@pytest.mark.parametrize("a", [("none",) * 6, ("conv3",) * 6, ("none", "skip", "conv3", "none", "pool3", "conv3"),
                               ("none", "none", "none", "conv3", "none", "none")])
def test_numbers_and_words_are_those_of_the_space(a):
    state = START.put(a)
    assert state.live == frozenset(NANO.live_edges(a))
    assert set(state.dead) == {e for e, op in zip(NANO.edges, a, strict=True) if op != "none"} - state.live
    n = NANO.n_equal(a)
    assert state.truth == ("1" if n == 1 else "few" if n < 10 else "tens" if n < 100 else "hundreds")
    assert f"{n} strings are this cell" in summary(state)
    assert f"<th>{n}</th>" in formula(state)
    if state.dead:
        i, j = state.dead[0]
        assert f"{i}→{j} is dead" in question(state)


def test_a_dead_edge_may_carry_anything():
    """What the question says."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        state = START.put(NANO.sample(rng))
        for dead in state.dead:
            k = NANO.edges.index(dead)
            forms = {NANO.canonical((*state.architecture[:k], op, *state.architecture[k + 1:])) for op in NANO.operations}
            assert len(forms) == 1


def test_fewest_edges_is_the_same_cell():
    lesson = CellLesson(START.put(("none", "skip", "conv3", "none", "pool3", "conv3")))
    form = NANO.canonical(lesson.state.architecture)
    lesson.change(lesson._smallest)
    assert NANO.canonical(lesson.state.architecture) == form and lesson.state.dead == ()


def test_a_term_of_the_formula_lights_its_edges():
    state = START.put(("none", "skip", "conv3", "none", "pool3", "conv3"))
    faint = [[s["opacity"] < 0.3 for s in draw(state, lit)["layout"]["shapes"]] for lit in ("live", "dead")]
    assert [sum(f) for f in faint] == [4, 4]
