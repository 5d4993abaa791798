"""The game "you are the optimiser": states, rivals, verdicts, pictures, and the thin shell."""

import numpy as np
import pytest

import workbench as wb
from workbench.history import History
from workbench.plots.figure import figure
from workbench_widgets.lessons import YouAreTheOptimiser, bo_state
from workbench_widgets.lessons.game_pictures import draw
from workbench_widgets.lessons.game_state import (
    N_EVALUATIONS,
    RIVALS,
    YOU,
    GameState,
    Round,
    mystery,
    play,
    rivals,
)
from workbench_widgets.lessons.you_are_the_optimiser import formula, listed, question, score, summary, verdict


def chance(x, y, rng):
    return rng.random(x.shape[1])


def names(drawn):
    return {t["name"] for t in drawn["data"]}


# ---- the hidden functions ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_hidden_function_is_the_same_for_the_same_number_and_spans_a_hundred(dimensions):
    grid = bo_state.LINE if dimensions == 1 else bo_state.PLANE
    y = mystery(dimensions, 3).f(grid)
    assert np.ptp(y) == pytest.approx(100)
    mystery.cache_clear()
    assert np.array_equal(mystery(dimensions, 3).f(grid), y)
    assert not np.allclose(mystery(dimensions, 4).f(grid) - mystery(dimensions, 4).minimum, y - mystery(dimensions, 3).minimum)


def test_hidden_functions_have_several_valleys_and_their_floor_cannot_be_guessed():
    valleys = []
    for seed in range(30):
        y = mystery(1, seed).f(bo_state.LINE)
        valleys.append(int(((y[1:-1] < y[:-2]) & (y[1:-1] < y[2:])).sum()))
    assert 1.5 < np.mean(valleys) < 5
    assert np.std([mystery(1, seed).minimum for seed in range(30)]) > 50


def test_the_minimum_is_below_all_that_a_fine_grid_finds():
    for seed in range(5):
        hidden = mystery(2, seed)
        fine = np.stack(np.meshgrid(*[np.linspace(0, 1, 401)] * 2), axis=-1).reshape(-1, 2)
        assert hidden.minimum <= hidden.f(fine).min() + 1e-6


# ---- rivals ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dimensions", [1, 2])
def test_rivals_play_the_same_function_with_as_many_evaluations_and_know_their_own_points_alone(dimensions):
    played = rivals(dimensions, 5)
    assert set(played) == set(RIVALS) == {"GP-BO", "TPE", "random"}
    space = wb.Space({f"x{i + 1}": wb.Float(0, 1) for i in range(dimensions)})
    for name, (points, y) in played.items():
        assert len(y) == N_EVALUATIONS
        assert list(y) == [mystery(dimensions, 5)(p) for p in points]
        history = History.of(space, np.array(points[:7]), np.array(y[:7]), seed=5)
        again = RIVALS[name].suggest(history, np.random.default_rng([5, 7])).x
        assert tuple(again.tolist()) == points[7]


def test_gp_bo_is_the_strongest_rival_and_a_player_who_guesses_is_no_better_than_chance():
    rounds = [play(chance, 1, seed).rounds[-1] for seed in range(1, 25)]
    place = {name: np.mean([r.place(name) for r in rounds]) for name in (YOU, *RIVALS)}
    assert place["GP-BO"] < min(place["TPE"], place["random"], place[YOU]) - 0.5
    assert abs(place[YOU] - place["random"]) < 1.0


# ---- the game ----------------------------------------------------------------------------------------------------------

def test_ten_evaluations_end_the_game_and_enter_it_into_the_score():
    state = GameState.begin(1, 2)
    for k in range(12):
        assert state.is_over == (k >= N_EVALUATIONS)
        state = state.evaluate((k / 12,))
    assert len(state.y) == N_EVALUATIONS
    assert len(state.rounds) == 1
    assert dict(state.rounds[0].regrets)[YOU] == pytest.approx(min(state.y) - state.hidden.minimum)
    assert state.ask() is state
    assert state.move(0, 0.1) is state
    again = state.again()
    assert (again.seed, again.y, again.rounds) == (3, (), state.rounds)


def test_points_outside_land_on_the_border_and_a_line_takes_only_the_x_of_a_click():
    assert GameState.begin(1).evaluate((1.7, -55.0)).points == ((1.0,),)
    assert GameState.begin(2).evaluate((-1.0, 0.25)).points == ((0.0, 0.25),)


def test_the_cursor_moves_within_the_range():
    state = GameState.begin(2).move(0, 0.1).move(1, -0.9)
    assert state.cursor == (0.6, 0.0)
    assert GameState.begin(1).move(1, 0.1) == GameState.begin(1)


def test_a_hint_is_the_point_of_highest_expected_improvement_and_counts_once():
    state = GameState.begin(1, 4).ask()
    assert state.hint == (0.5,)
    for x in (0.1, 0.5, 0.9):
        state = state.evaluate((x,))
    assert state.hint is None
    asked = state.ask()
    other = bo_state.BOState(state.points, state.y)  # the lesson's own EI, from the same points
    assert asked.hint == other.choice("EI")
    assert asked.hints == 2
    assert asked.ask() is asked


def test_whoever_follows_the_hints_plays_well():
    def follower(x, y, rng):
        state = GameState.begin(1, seed)
        for p in x:
            state = state.evaluate(p)
        return state.advice() if len(y) else (0.3,)

    own, blind = [], []
    for seed in range(1, 13):
        own.append(dict(play(follower, 1, seed).rounds[0].regrets)[YOU])
        blind.append(dict(play(chance, 1, seed).rounds[0].regrets)[YOU])
    assert np.median(own) < 0.3 * np.median(blind)


# ---- words -------------------------------------------------------------------------------------------------------------

def result(**regrets):
    return Round(1, 1, tuple({YOU: 1.0, "GP-BO": 2.0, "TPE": 3.0, "random": 4.0, **regrets}.items()))


@pytest.mark.parametrize(("regrets", "words"), [
    ({}, "You win: 1.00 above the minimum, before GP-BO (2.00), TPE (3.00) and random (4.00)."),
    ({YOU: 3.5}, "GP-BO wins: 2.00 above the minimum. You are 3rd with 3.50."),
    ({YOU: 9.0}, "GP-BO wins: 2.00 above the minimum. You are 4th with 9.00."),
    ({YOU: 2.0}, "You share the first place with GP-BO: 2.00 above the minimum."),
    ({YOU: 1e-5}, "You win: less than 0.01 above the minimum, before GP-BO (2.00), TPE (3.00) and random (4.00).")])
def test_the_verdict_names_winner_place_and_distance(regrets, words):
    assert verdict(result(**regrets)) == words


def test_hints_are_told_with_the_verdict():
    assert verdict(Round(1, 1, result().regrets, 2)).endswith("You took 2 hints.")


def test_the_score_counts_wins_and_mean_places():
    rounds = (result(), result(**{YOU: 2.5}), result(**{"GP-BO": 1.0}))
    assert score(rounds) == {YOU: (2, 4 / 3), "GP-BO": (2, 4 / 3), "TPE": (0, 3.0), "random": (0, 4.0)}
    assert score(()) == {YOU: (0, 0.0), "GP-BO": (0, 0.0), "TPE": (0, 0.0), "random": (0, 0.0)}
    assert listed(["a"]) == "a"


def test_question_summary_and_side_follow_the_game():
    state = GameState.begin(2)
    assert "Click" in question(state)
    assert "Rules" in formula(state)
    state = state.evaluate((0.2, 0.3)).ask()
    assert "just the middle" in summary(state)
    for k in range(8):
        state = state.evaluate((k / 8, 0.5))
    assert "last one" in question(state)
    state = state.evaluate((0.5, 0.5))
    assert question(state) in summary(state)
    assert "Score after 1 game<" in formula(state)


# ---- pictures ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dimensions", [1, 2])
def test_nothing_of_the_function_or_the_rivals_is_drawn_before_the_end(dimensions):
    state = GameState.begin(dimensions, 3)
    while not state.is_over:
        drawn = draw(state)
        assert names(drawn) <= {"your evaluations", "best so far", "cursor", "EI would look here"}
        assert len(drawn["data"][0]["x"]) == len(state.y)
        figure(drawn)
        state = state.ask().evaluate([0.1 + 0.07 * len(state.y)] * dimensions)
    drawn = draw(state)
    assert {YOU, *RIVALS, "hidden function", "minimum"} <= names(drawn)
    figure(drawn)
    for name, (points, y) in state.players().items():
        dots, line = (t for t in drawn["data"] if t["name"] == name)
        assert dots["x"].tolist() == [p[0] for p in points]
        assert line["y"][-1] == pytest.approx(max(min(y) - state.hidden.minimum, 0.01))


# ---- the shell ---------------------------------------------------------------------------------------------------------

def test_clicks_and_keys_play_and_nothing_can_be_taken_back():
    game = YouAreTheOptimiser()
    game.live.clicked = {"x": 0.3, "y": -900.0, "subplot": "xy", "n": 1}
    assert game.state.points == ((0.3,),)
    for meant, shift in (("right", True), ("left", False), ("evaluate", False), ("hint", False)):
        game._key({"type": "key", "meant": meant, "shift": shift})
    assert game.state.points == ((0.3,), (0.39,))
    assert game.state.hints == 1
    assert "Back" not in [getattr(b, "description", "") for row in game.children for b in getattr(row, "children", ())]
    game._key({"type": "key", "meant": "back"})
    game._key({"type": "key", "meant": "again"})  # not before the end
    assert len(game.state.points) == 2


def test_another_dimension_or_number_begins_a_new_game_and_keeps_the_score():
    game = YouAreTheOptimiser(play(chance, 1, 1))
    assert not game._again_button.disabled
    game._again_button.click()
    assert (game.state.seed, len(game.state.rounds)) == (2, 1)
    game._inputs["dimensions"].value = 2
    assert (game.state.dimensions, game.state.cursor, len(game.state.rounds)) == (2, (0.5, 0.5), 1)
    game._inputs["seed"].value = 77
    assert (game.state.seed, len(game.state.rounds)) == (77, 1)
    game.change(lambda s: s.evaluate((0.5, 0.5)))
    game.reset()
    assert (game.state.y, len(game.state.rounds)) == (game.start.y, 1)
