"""Spaces made of other spaces."""

import numpy as np
import pytest

import workbench as wb
from workbench.subspace import prefixed, with_fixed, with_when, without

SVM = wb.Space(
    {"C": wb.Float(1e-2, 1e2, log=True), "kernel": wb.Choice("rbf", "linear", "poly", default="linear"),
     "gamma": wb.Float(1e-4, 1.0, log=True, when={"kernel": ["rbf", "poly"]}),
     "degree": wb.Int(2, 5, when={"kernel": "poly"}), "big": wb.Choice(True, False, when={"degree": [4, 5]})},
    forbidden=[{"kernel": "poly", "degree": 5}, {"kernel": "linear", "big": True}])


def test_another_condition_keeps_everything_else():
    for name in SVM.names:
        moved = with_when(SVM[name], {"x": 1})
        assert moved.when == (("x", (1,)),)
        assert with_when(moved, SVM[name].when) == SVM[name]


def test_a_prefix_is_put_before_names_conditions_and_forbidden_combinations():
    space = prefixed(SVM, "svm__")
    assert space.names == tuple("svm__" + n for n in SVM.names)
    assert space["svm__degree"].when == (("svm__kernel", ("poly",)),)
    assert space.forbidden[0] == (("svm__kernel", ("poly",)), ("svm__degree", (5,)))


def test_leaving_out_a_parent_leaves_out_its_children_and_their_clauses():
    assert without(SVM, {"degree"}).names == ("C", "kernel", "gamma")
    assert without(SVM, {"degree"}).forbidden == ()
    assert without(SVM, {"C"}).forbidden == SVM.forbidden


@pytest.mark.parametrize("kernel", ["rbf", "linear", "poly"])
def test_the_rest_of_a_fixed_configuration_always_completes_it(kernel):
    rest = with_fixed(SVM, {"kernel": kernel})
    drawn = rest.sample(200, np.random.default_rng(0))
    for config in drawn:
        SVM.validate({"kernel": kernel, **config})
    # every configuration of the whole space with that kernel can still be drawn: the same sets of parameters turn up
    whole = {tuple(sorted(c)) for c in SVM.sample(2000, np.random.default_rng(1)) if c["kernel"] == kernel}
    assert {tuple(sorted({"kernel": kernel, **c})) for c in drawn} == whole


def test_unknown_and_inactive_fixed_values_are_ignored():
    assert with_fixed(SVM, {"other": 3}) == SVM
    assert with_fixed(SVM, {"kernel": "linear", "degree": 3}).names == ("C",)
