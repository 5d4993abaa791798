"""How many configurations get how many steps: the published tables, and integers throughout."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import RunError
from workbench.fidelity import brackets
from workbench.fidelity.brackets import Rung

# Li et al. 2018, Table 1 (R = 81, eta = 3), as printed
PRINTED_81 = [[(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)], [(27, 3), (9, 9), (3, 27), (1, 81)], [(9, 9), (3, 27), (1, 81)],
              [(6, 27), (2, 81)], [(5, 81)]]


def numbers(table):
    return [[(rung.n, rung.r) for rung in bracket] for bracket in table]


def by_the_formula(R, eta):
    """Algorithm 1, lines 1 to 6, in fractions."""
    s_max = max(s for s in range(99) if eta**s <= R)
    B = (s_max + 1) * R
    out = []
    for s in range(s_max, -1, -1):
        n = math.ceil(Fraction(B, R) * Fraction(eta**s, s + 1))
        r = Fraction(R, eta**s)
        out.append([(math.floor(n * Fraction(1, eta**i)), math.floor(r * eta**i)) for i in range(s + 1)])
    return out


def test_the_printed_table_is_that_of_the_paper_and_the_lecture():
    assert numbers(brackets.hyperband(81, 3, table="printed")) == PRINTED_81


def test_the_formula_gives_more_configurations_than_the_printed_table():
    table = brackets.hyperband(81, 3)
    assert [bracket[0].n for bracket in table] == [81, 34, 15, 8, 5]
    assert [brackets.cost_from_the_start(bracket) for bracket in table] == [405, 363, 351, 378, 405]


@pytest.mark.parametrize("eta", [2, 3, 4, 10])
@pytest.mark.parametrize("R", [1, 2, 3, 27, 81, 100, 125, 243, 256, 1000, 3**12])
def test_the_table_is_that_of_algorithm_1_in_fractions(R, eta):
    assert numbers(brackets.hyperband(R, eta)) == by_the_formula(R, eta)


@pytest.mark.parametrize(("R", "eta", "s"), [(81, 3, 4), (243, 3, 5), (242, 3, 4), (256, 4, 4), (255, 4, 3), (100, 3, 4),
                                             (1000, 10, 3), (125, 5, 3), (1, 3, 0), (3**30, 3, 30), (3**40 - 1, 3, 39)])
def test_the_number_of_halvings_is_exact(R, eta, s):
    assert brackets.s_max(R, eta) == s
    assert len(brackets.hyperband(R, eta)) == s + 1 if s < 20 else True


def test_a_floating_point_logarithm_would_lose_brackets():
    assert int(math.log(243) / math.log(3)) == 4  # what s_max must not do
    assert int(math.log(1000, 10)) == 2
    assert brackets.s_max(243, 3) == 5 and brackets.s_max(1000, 10) == 3


def test_steps_that_are_no_power_are_rounded_down():
    assert [rung.r for rung in brackets.hyperband(100, 3)[0]] == [1, 3, 11, 33, 100]
    assert [rung.r for rung in brackets.hyperband(256, 4)[0]] == [1, 4, 16, 64, 256]
    assert [rung.r for rung in brackets.hyperband(256, 3)[0]] == [1, 3, 9, 28, 85, 256]


def test_fewest_steps_take_the_place_of_the_first_rungs():
    table = brackets.hyperband(81, 3, 3)
    assert [bracket[0].n for bracket in table] == [27, 12, 6, 4]
    assert [bracket[0].r for bracket in table] == [3, 9, 27, 81]
    assert [rung.r for rung in brackets.hyperband(100, 3, 5)[0]] == [11, 33, 100]
    assert brackets.hyperband(9, 3, 9) == ((Rung(1, 9),),)


def test_steps_that_go_on_cost_less_than_steps_from_the_start():
    bracket = brackets.hyperband(81, 3)[0]
    assert brackets.cost(bracket) == 81 * 1 + 27 * 2 + 9 * 6 + 3 * 18 + 1 * 54
    assert brackets.cost_from_the_start(bracket) == 5 * 81
    alone = brackets.hyperband(81, 3)[-1]
    assert brackets.cost(alone) == brackets.cost_from_the_start(alone) == 5 * 81


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 5000), st.integers(2, 7), st.data(), st.sampled_from(["formula", "printed"]))
def test_every_table_is_made_of_rungs_that_narrow_and_lengthen_up_to_R(R, eta, data, table):
    r_min = data.draw(st.integers(1, R))
    rounds = brackets.hyperband(R, eta, r_min, table)
    assert len(rounds) == brackets.s_max(R, eta, r_min) + 1
    for k, bracket in enumerate(rounds):
        assert len(bracket) == len(rounds) - k
        assert bracket[-1].r == R and bracket[0].r >= r_min
        for a, b in zip(bracket, bracket[1:], strict=False):
            assert a.r < b.r
            assert b.n == a.n // eta >= 1  # top_k(T, L, ⌊n_i/η⌋), line 8
        assert brackets.cost(bracket) <= brackets.cost_from_the_start(bracket)
        assert all(isinstance(x, int) for rung in bracket for x in (rung.n, rung.r))


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 300), st.integers(2, 5), st.integers(1, 40))
def test_a_bracket_of_few_configurations_keeps_one_to_the_end(R, eta, n):
    bracket = brackets.rungs(n, brackets.s_max(R, eta), R, eta)
    assert bracket[0].n == n
    assert bracket[-1].n >= 1
    assert [max(n // eta**i, 1) for i in range(len(bracket))] == [rung.n for rung in bracket]


@pytest.mark.parametrize(("R", "eta", "r_min", "what"), [
    (0, 3, 1, "max_steps"), (81.0, 3, 1, "max_steps"), (True, 3, 1, "max_steps"), (81, 1, 1, "eta"), (81, 2.5, 1, "eta"),
    (81, 3, 0, "min_steps"), (81, 3, 1.0, "min_steps"), (9, 3, 10, "min_steps must not exceed max_steps, got 10 and 9")])
def test_numbers_with_which_nothing_can_be_halved_are_refused(R, eta, r_min, what):
    with pytest.raises(RunError, match=what):
        brackets.check(R, eta, r_min)
