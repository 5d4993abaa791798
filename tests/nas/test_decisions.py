"""Configurations as sequences of decisions, there and back."""

import numpy as np
import pytest

import workbench as wb
from workbench.nas.cells import NANO
from workbench.nas.decisions import N_CELLS, NOT_MADE, decisions_of

SPACES = {
    "cells": NANO.space,
    "mixed": wb.Space(x=wb.Float(0, 1), n=wb.Int(1, 300, log=True), few=wb.Int(2, 5), c=wb.Choice("a", None, True, 3),
                      o=wb.Choice("s", "m", "l", ordered=True), lone=wb.Float(2, 2)),
    "nested": wb.Space(C=wb.Float(1e-2, 1e2, log=True, when={"algo": "svm"}), algo=wb.Choice("svm", "knn"),
                       k=wb.Int(1, 3, when={"algo": "knn"})),
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_options_of_a_point_make_a_point_with_the_same_options(space):
    d, rng = decisions_of(space), np.random.default_rng(0)
    for x in space.sample_unit(50, rng):
        a = d.indices(x)
        np.testing.assert_array_equal(a == NOT_MADE, np.isnan(x[d.columns]))
        again = d.point(a, rng.random(len(a)))
        assert space.contains(space.from_unit(again))
        fine = [t for t, name in enumerate(d.names) if name != "n"]  # whole numbers may lie in the next cell
        np.testing.assert_array_equal(d.indices(again)[fine], a[fine])


def test_options_are_called_by_their_values_and_cells_by_their_ends():
    d = decisions_of(SPACES["mixed"])
    named = dict(zip(d.names, d.options, strict=True))
    assert named["c"] == ("a", "None", "True", "3")
    assert named["few"] == ("2", "3", "4", "5")
    assert len(named["x"]) == N_CELLS
    assert named["x"][:2] == ("0 to 0.125", "0.125 to 0.25")
    assert len(named["lone"]) == 1


def test_parents_are_decided_first():
    assert decisions_of(SPACES["nested"]).names.index("algo") == 0
