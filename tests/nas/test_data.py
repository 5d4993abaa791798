"""Data for networks: MNIST-1D as its paper describes it, digits, arrays of one's own."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from workbench import nas
from workbench.errors import WorkbenchError
from workbench.problems import signals as made


@pytest.fixture(scope="module")
def mnist1d() -> nas.Data:
    return nas.mnist1d()


def test_the_splits_are_as_published_work_on_small_searches_has_them(mnist1d):
    assert [len(y) for _, y in (mnist1d.train, mnist1d.valid, mnist1d.test)] == [3000, 1000, 1000]
    assert (mnist1d.shape, mnist1d.n_classes, mnist1d.x.dtype, mnist1d.y.dtype) == ((40, 1), 10, np.float32, np.int64)
    assert np.bincount(mnist1d.y).tolist() == [500] * 10


def test_inputs_are_scaled_by_the_training_part_alone(mnist1d):
    x = mnist1d.train[0]
    assert abs(float(x.mean())) < 1e-5 and float(x.std()) == pytest.approx(1, abs=1e-5)
    assert float(mnist1d.test[0].std()) != pytest.approx(1, abs=1e-5)


def test_equal_seeds_give_equal_signals_and_others_do_not():
    a, b, c = nas.mnist1d(200, seed=3), nas.mnist1d(200, seed=3), nas.mnist1d(200, seed=4)
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.y, b.y)
    assert not np.array_equal(a.x, c.x)


def test_a_linear_model_and_neighbours_do_as_well_as_published(mnist1d):
    """Greydanus 2020, table 1: logistic regression 32 %, a fully connected network 68 %; neighbours lie between."""
    x, y = (np.concatenate(pair) for pair in zip(mnist1d.train, mnist1d.valid, strict=True))
    test, answer = mnist1d.test
    linear = LogisticRegression(max_iter=300).fit(x[..., 0], y).score(test[..., 0], answer)
    near = KNeighborsClassifier(5).fit(x[..., 0], y).score(test[..., 0], answer)
    assert 0.27 < linear < 0.37
    assert 0.45 < near < 0.68


def test_signals_without_noise_moved_back_are_their_templates(monkeypatch):
    for name in ("SCALE", "SHEAR", "BLURRED", "WHITE"):
        monkeypatch.setattr(made, name, 0.0)
    monkeypatch.setattr(made, "STRETCH", (1.5, 1.5))
    monkeypatch.setattr(made, "LAST_START", 0)
    x = made.signals(np.arange(10), np.random.default_rng(0))
    fine = np.arange(made.LENGTH)
    at = np.linspace(0, made.LENGTH - 1, made.POINTS)
    wanted = [np.interp(at, fine, np.interp(fine / 1.5, np.arange(12), row, right=0)) for row in made.templates()]
    np.testing.assert_allclose(x, wanted, atol=1e-12)


def test_the_mean_of_a_class_looks_most_like_its_own_template(monkeypatch):
    """Where the start is fixed; with all starts the mean is a blur, which is why shifts must be learned."""
    monkeypatch.setattr(made, "LAST_START", 0)
    y = np.repeat(np.arange(10), 300)
    x = made.signals(y, np.random.default_rng(0))
    means = np.array([x[y == k].mean(axis=0) for k in range(10)])[:, :20]
    at = np.linspace(0, made.LENGTH - 1, made.POINTS)[:20] / 1.25
    wanted = np.array([np.interp(at, np.arange(12), row, right=0) for row in made.templates()])
    distance = np.linalg.norm(means[:, None] - wanted[None], axis=2)
    assert distance.argmin(axis=1).tolist() == list(range(10))


def test_digits_are_images_with_one_channel():
    data = nas.digits()
    assert data.shape == (8, 8, 1) and data.n_classes == 10
    assert [len(y) for _, y in (data.train, data.valid, data.test)] == [900, 450, 447]
    assert KNeighborsClassifier(1).fit(data.train[0].reshape(900, -1), data.train[1]).score(
        data.test[0].reshape(447, -1), data.test[1]) > 0.95


def test_own_arrays_get_a_channel_and_numbers_for_their_classes():
    x = np.arange(60.0).reshape(20, 3)
    data = nas.of_arrays(x, ["b", "a"] * 10, seed=None, name="mine")
    assert data.shape == (3, 1) and data.y.tolist() == [1, 0] * 10 and (data.n_train, data.n_valid) == (12, 4)
    shuffled = nas.of_arrays(x, ["b", "a"] * 10, seed=1)
    assert sorted(shuffled.y.tolist()) == sorted(data.y.tolist()) and not np.array_equal(shuffled.x, data.x)


@pytest.mark.parametrize(("make", "says"), [
    (lambda: nas.mnist1d(10), "five signals for each"),
    (lambda: nas.of_arrays(np.ones((9, 4)), np.ones(8)), "9 inputs"),
    (lambda: nas.of_arrays(np.full((9, 4), np.nan), np.ones(9)), "36 that are not"),
    (lambda: nas.of_arrays(np.ones(9), np.ones(9)), r"\(n, length, channels\)"),
    (lambda: nas.of_arrays(np.ones((9, 4)), np.ones(9), n_train=9), "at least one input each"),
    (lambda: nas.of_arrays(np.ones((9, 4)), [0] * 8 + [1], seed=None), r"\[1\] do not"),
])
def test_what_does_not_fit_is_said_with_a_way_out(make, says):
    with pytest.raises(WorkbenchError, match=says):
        make()
