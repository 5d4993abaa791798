"""Episodes of few-shot classification."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.datasets import load_digits  # noqa: E402

from workbench.meta import FewShot, few_shot_digits, few_shot_signals  # noqa: E402
from workbench.problems.signals import characters, templates  # noqa: E402


def drawn(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("make", [few_shot_signals, few_shot_digits])
@pytest.mark.parametrize("held_out", [False, True])
def test_an_episode_has_so_many_examples_of_so_many_classes_of_one_side(make, held_out):
    tasks = make(ways=4, shots=3, queries=2)
    sx, sy, qx, qy = tasks.episode(6, drawn(0), held_out)
    assert sx.shape == (6, 12, tasks.n_inputs) and qx.shape == (6, 8, tasks.n_inputs)
    assert all(np.bincount(row, minlength=4).tolist() == [3] * 4 for row in sy.numpy())
    assert all(np.bincount(row, minlength=4).tolist() == [2] * 4 for row in qy.numpy())
    side = set(tasks.test_classes if held_out else tasks.train_classes)
    rows = {x.tobytes(): int(c) for x, c in zip(tasks.x, tasks.y, strict=True)}
    for t in range(6):
        of = {}
        for x, label in zip((*sx[t].numpy(), *qx[t].numpy()), (*sy[t].tolist(), *qy[t].tolist()), strict=True):
            of.setdefault(label, set()).add(rows[x.tobytes()])
        assert all(len(classes) == 1 for classes in of.values())  # a label is a class
        assert len(set.union(*of.values())) == 4 and set.union(*of.values()) <= side


def test_support_and_query_share_no_example():
    tasks = few_shot_signals(shots=5, queries=20)
    sx, _, qx, _ = tasks.episode(3, drawn(1))
    for s, q in zip(sx.numpy(), qx.numpy(), strict=True):
        assert not {x.tobytes() for x in s} & {x.tobytes() for x in q}


def test_labels_are_given_anew_in_each_task():
    tasks = few_shot_digits()
    _, sy, _, _ = tasks.episode(200, drawn(2))
    first = np.bincount(sy[:, 0].numpy(), minlength=5) / 200
    assert (first > 0.1).all() and (first < 0.3).all()


def test_same_seed_same_episode():
    tasks = few_shot_signals()
    for a, b in zip(tasks.episode(4, drawn(3)), tasks.episode(4, drawn(3)), strict=True):
        assert torch.equal(a, b)


def test_all_turns_of_a_digit_are_on_one_side():
    tasks = few_shot_digits()
    assert len(tasks.train_classes) == 28 and len(tasks.test_classes) == 12
    assert not {c // 4 for c in tasks.train_classes} & {c // 4 for c in tasks.test_classes}


def test_further_classes_are_rotated_images():
    tasks = few_shot_digits()
    images, digit = load_digits(return_X_y=True)
    one = images[digit == 3][0].reshape(8, 8)
    mine = images[~np.isin(digit, (2, 5, 7))]
    scaled = ((np.rot90(one, 1) - mine.mean()) / mine.std()).astype(np.float32).ravel()
    found = np.flatnonzero(np.abs(tasks.x - scaled).max(axis=1) < 1e-5)
    assert 4 * 3 + 1 in tasks.y[found]


@pytest.mark.parametrize(("make", "least", "most"), [(few_shot_signals, 0.2, 0.4), (few_shot_digits, 0.9, 1.0)])
def test_images_can_be_told_by_the_mean_of_five_examples_and_signals_hardly(make, least, most):
    tasks = make(shots=5)
    sx, sy, qx, qy = tasks.episode(200, drawn(4), held_out=True)
    means = torch.stack([torch.stack([x[y == k].mean(0) for k in range(5)]) for x, y in zip(sx, sy, strict=True)])
    assert least < (torch.cdist(qx, means).argmin(-1) == qy).float().mean() < most


def test_characters_vary_as_much_as_digits_and_are_all_different():
    made = characters(50, np.random.default_rng(0))
    assert made.shape == (50, 12)
    np.testing.assert_allclose(made.std(axis=1), templates().std(axis=1).mean(), rtol=1e-9)
    same = np.corrcoef(made)[np.triu_indices(50, 1)]
    assert same.max() < 0.995


@pytest.mark.parametrize(("wrong", "match"), [({"ways": 1}, "two classes"), ({"ways": 21}, "fewer ways"),
                                              ({"shots": 50, "queries": 20}, "examples of a class")])
def test_what_cannot_be_drawn_is_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        few_shot_signals(**wrong)


def test_a_class_cannot_be_on_both_sides():
    with pytest.raises(ValueError, match="held out as well"):
        FewShot(np.zeros((20, 2), np.float32), np.arange(20) % 4, (0, 1, 2), (2, 3), ways=2, queries=1)
