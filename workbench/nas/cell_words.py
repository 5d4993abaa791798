"""Canonical forms of cells as formulas: "((0)@conv3+0)@pool3" is pool3(conv3(x) + x)."""

from __future__ import annotations

from workbench.errors import SpaceError
from workbench.nas.cells import NOTHING


def readable(form: str) -> str:
    """Write a canonical form as a formula in the cell's input x, equal terms of a sum as multiples.

    Raises
    ------
    SpaceError
        If it is no canonical form.
    """
    if form == NOTHING:
        return "0"
    text, end = _sum(form, 0)
    if end != len(form):
        raise SpaceError(f"a canonical form is what CellSpace.canonical writes, like (0)@conv3+0; got {form!r}.")
    return text


def _sum(form: str, at: int) -> tuple[str, int]:
    """Read terms joined by plus signs from a place on; return them and where they end."""
    terms: list[str] = []
    while True:
        term, at = _term(form, at)
        terms.append(term)
        if at >= len(form) or form[at] != "+":
            break
        at += 1
    counts = {term: terms.count(term) for term in terms}
    return " + ".join(term if n == 1 else f"{n} {term}" for term, n in counts.items()), at


def _term(form: str, at: int) -> tuple[str, int]:
    """Read one term: the input, or an operation of a sum."""
    if form[at:at + 1] == "0":
        return "x", at + 1
    if form[at:at + 1] != "(":
        raise SpaceError(f"a canonical form is what CellSpace.canonical writes, like (0)@conv3+0; got {form!r}.")
    inner, at = _sum(form, at + 1)
    end = min((k for k in (form.find("+", at + 2), form.find(")", at + 2)) if k >= 0), default=len(form))
    if form[at:at + 2] != ")@" or end == at + 2:
        raise SpaceError(f"a canonical form is what CellSpace.canonical writes, like (0)@conv3+0; got {form!r}.")
    return f"{form[at + 2:end]}({inner})", end
