"""Canonical forms as formulas: they compute what the cell does."""

import numpy as np
import pytest

from workbench.errors import SpaceError
from workbench.nas.cell_words import readable
from workbench.nas.cells import NANO

RNG = np.random.default_rng(0)
W = {op: RNG.normal(size=(4, 4)) for op in ("conv3", "pool3")}
X = RNG.normal(size=4)


def output(architecture):
    said = [X]
    operation = dict(zip(NANO.edges, architecture, strict=True))
    for j in range(1, 4):
        parts = [said[i] if operation[i, j] == "skip" else np.tanh(W[operation[i, j]] @ said[i])
                 for i in range(j) if operation[i, j] != "none"]
        said.append(np.sum(parts, axis=0) if parts else np.zeros(4))
    return said[-1]


def test_the_formula_computes_what_the_cell_does():
    for a in list(NANO.distinct().values())[::5]:
        text = readable(NANO.canonical(a))
        for n in "23456789":
            text = text.replace(f"{n} ", f"{n} * ")
        given = {"conv3": lambda v: np.tanh(W["conv3"] @ v), "pool3": lambda v: np.tanh(W["pool3"] @ v), "x": X}
        assert np.allclose(eval(text, {"__builtins__": {}}, given), output(a))


@pytest.mark.parametrize(("form", "text"), [("#", "0"), ("0", "x"), ("((0)@conv3+0)@pool3+0", "pool3(conv3(x) + x) + x"),
                                            ("(0)@conv3+(0)@conv3+0+0", "2 conv3(x) + 2 x")])
def test_formulas(form, text):
    assert readable(form) == text


@pytest.mark.parametrize("wrong", ["", "x", "(0", "(0)", "(0)@", "0)", "0+", "(0)@conv3)"])
def test_what_is_no_form_is_refused(wrong):
    with pytest.raises(SpaceError, match=r"CellSpace\.canonical"):
        readable(wrong)
