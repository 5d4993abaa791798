"""Brackets of successive halving: how many configurations get how many steps, in integers.

::

    rungs(n, r, R, eta):   n_i = ⌊n η⁻ⁱ⌋ configurations reach r_i = r ηⁱ steps, up to R

    hyperband(R, eta):     s_max = ⌊log_η(R / r_min)⌋,  B = (s_max + 1) R                   (Li et al. 2018, Algorithm 1)
                           for s = s_max, …, 0:  n = ⌈B/R · η^s / (s + 1)⌉,  r = R η⁻ˢ

The formula gives n = 81, 34, 15, 8, 5 for R = 81 and η = 3. The table that the paper prints beside it (and many slides) has
81, 27, 9, 6, 5: that is n = ⌊B/R / (s + 1)⌋ η^s, as in the authors' first program and in HpBandSter.

Sources: Jamieson & Talwalkar 2016 (successive halving); Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar 2018 (Hyperband).

Notation
--------
=========  ==========================================================
R, r_min   most and fewest steps of a configuration
eta (η)    of η configurations one is promoted
s          number of halvings in a bracket
n_i, r_i   configurations of rung i, and the steps that they reach
=========  ==========================================================

Difference from the paper: r_i is rounded down to whole steps, where R is no power of η.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbench.errors import RunError

Table = Literal["formula", "printed"]


@dataclass(frozen=True, slots=True)
class Rung:
    """``n`` configurations reach ``r`` steps."""

    n: int
    r: int


Bracket = tuple[Rung, ...]


def check(R: int, eta: int, r_min: int) -> None:
    """Refuse numbers with which there is nothing to halve."""
    for name, value, low in (("max_steps", R, 1), ("eta", eta, 2), ("min_steps", r_min, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise RunError(f"{name} must be a whole number, at least {low}, got {value!r}.")
    if r_min > R:
        raise RunError(f"min_steps must not exceed max_steps, got {r_min} and {R}.")


def s_max(R: int, eta: int, r_min: int = 1) -> int:
    """Largest s with r_min η^s ≤ R. Floating-point logarithms get 243 = 3^5 wrong."""
    s = 0
    while r_min * eta ** (s + 1) <= R:
        s += 1
    return s


def rungs(n: int, s: int, R: int, eta: int) -> Bracket:
    """Return a bracket of s halvings that begins with n configurations: (n_i, r_i) for i = 0 … s."""
    return tuple(Rung(max(n // eta**i, 1), max(R // eta ** (s - i), 1)) for i in range(s + 1))


def hyperband(R: int, eta: int, r_min: int = 1, table: Table = "formula") -> tuple[Bracket, ...]:
    """Return the brackets of one round of Hyperband, the most aggressive first."""
    most = s_max(R, eta, r_min)
    out = []
    for s in range(most, -1, -1):
        n = -(-(most + 1) * eta**s // (s + 1)) if table == "formula" else (most + 1) // (s + 1) * eta**s
        out.append(rungs(n, s, R, eta))
    return tuple(out)


def cost(bracket: Bracket) -> int:
    """Steps of a bracket whose trials go on where they stopped: no step is run twice."""
    before = 0
    total = 0
    for rung in bracket:
        total += rung.n * (rung.r - before)
        before = rung.r
    return total


def cost_from_the_start(bracket: Bracket) -> int:
    """Steps of a bracket that begins every configuration anew on each rung, as Algorithm 1 counts."""
    return sum(rung.n * rung.r for rung in bracket)
