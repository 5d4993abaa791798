"""Points of a search space as features."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from workbench.models.mixed_features import MixedFeatures
from workbench.space import Choice, Float, Int, Space

SPACE = Space(kind=Choice("a", "b", "c"), lr=Float(1e-3, 1, log=True), n=Int(1, 9, when={"kind": "a"}),
              sub=Choice("x", "y", when={"kind": ["a", "b"]}), size=Choice("s", "m", "l", ordered=True))


def test_two_options_are_at_distance_1_whatever_their_number():
    for K in (2, 3, 10):
        space = Space(c=Choice(*range(K)))
        Z = MixedFeatures.of(space)((np.arange(K)[:, None] + 0.5) / K)
        assert cdist(Z, Z, "sqeuclidean") == pytest.approx(1 - np.eye(K), abs=1e-14)


def test_ordered_choices_are_levels_with_one_feature():
    m = MixedFeatures.of(Space(size=Choice("s", "m", "l", ordered=True)))
    assert m(np.array([[1 / 6], [0.5], [5 / 6]])) == pytest.approx(np.array([[1 / 6], [0.5], [5 / 6]]))


def test_features_of_a_choice_share_a_length_scale():
    m = MixedFeatures.of(SPACE)
    assert m.groups.tolist() == [0, 0, 0, 1, 2, 3, 3, 4]
    assert m.floats.tolist() == [1]
    assert m.float_features.tolist() == [3]


def test_inactive_parameters_stand_at_a_constant():
    x = SPACE.to_unit([{"kind": "c", "lr": 0.1, "size": "s"},
                       {"kind": "a", "lr": 0.1, "n": 2, "sub": "y", "size": "s"}])
    Z = MixedFeatures.of(SPACE)(x)
    assert np.isfinite(Z).all()
    assert Z[0, 4] == 0.5
    assert (Z[0, 5:7] == 0).all()
    assert Z[1, 5:7] == pytest.approx([0, np.sqrt(0.5)])
