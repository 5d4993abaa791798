"""A learned distance of tasks: what it must satisfy, its gradient, and what it learns where the truth is known."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.spatial.distance import cdist

from workbench.meta import Siamese, Tasks, neighbours, performance_distances
from workbench.meta.small_network import SmallNetwork
from workbench.meta.task_embedding import euclidean, pair_loss


def linear_family(n=80, seed=0, n_other=10):
    """Losses are linear in two of the meta-features; the others say nothing."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.random((n, 2 + n_other)), columns=[f"f{j}" for j in range(2 + n_other)])
    slopes = np.random.default_rng(99).normal(size=(2, 40))
    losses = np.column_stack([features.to_numpy()[:, :2] @ slopes, np.full(n, -4.0), np.full(n, 4.0)])  # no task scales anew
    return Tasks(tuple(f"t{i}" for i in range(n)), tuple(range(42)), losses, features)


def pairs(x):
    return x[np.triu_indices(len(x), 1)]


# ---- distances -----------------------------------------------------------------------------------------------------


def test_performance_distances_by_hand():
    t = Tasks(("a", "b", "c"), (0, 1, 2), np.array([[0.0, 1.0, 2.0], [10.0, 20.0, 15.0], [1.0, np.nan, 2.0]]))
    np.testing.assert_allclose(performance_distances(t), np.array([[0, 2, 1], [2, 0, 1], [1, 1, 0]]) / 6)  # (0 ½ 1) (0 1 ½) (0 1 1)
    np.testing.assert_allclose(performance_distances(t, "ranks")[0, 1], 1 / 3)
    with pytest.raises(ValueError, match="'error'"):
        performance_distances(t, "error")


def test_distances_are_scipys():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 3))
    np.testing.assert_allclose(euclidean(a, b), cdist(a, b))


def test_the_loss_is_what_it_says_and_its_gradient_that_of_finite_differences():
    network, generator = SmallNetwork((5, 7, 3), "tanh"), torch.Generator().manual_seed(0)
    weights = tuple(w.requires_grad_() for w in network.start(generator, torch.float64))
    f = torch.rand(6, 5, generator=generator, dtype=torch.float64)
    d = torch.rand(6, 6, generator=generator, dtype=torch.float64)
    h = network(weights, f).detach().numpy()
    by_hand = np.mean([(np.linalg.norm(h[i] - h[j]) - float(d[i, j])) ** 2 for i in range(6) for j in range(i + 1, 6)])
    assert float(pair_loss(network, weights, f, d).detach()) == pytest.approx(by_hand)
    assert torch.autograd.gradcheck(lambda *w: pair_loss(network, w, f, d), weights)


def test_tasks_that_are_equal_have_distance_zero_and_do_no_harm():
    t = linear_family(10)
    twins = Tasks(t.names, t.configs, t.losses, t.features.iloc[[0] * 10])
    for step in Siamese(iterations=3, dropout=0.0).steps(twins):
        assert not step.why.distances().any()
        assert all(np.isfinite(w).all() for w in step.why.weights)


def test_learned_distances_are_symmetric_and_zero_from_itself():
    t = linear_family(12)
    embedding = Siamese(iterations=20).fit(t)
    d = euclidean(embedding.places(), embedding.places())
    np.testing.assert_array_equal(d, d.T)
    assert not np.diag(d).any()
    found = embedding.neighbours(t.features.iloc[4])
    assert found.order[0] == 4 and found.distance[0] < 1e-6  # single precision: one row or many at once
    assert (np.diff(found.distance) >= 0).all()
    np.testing.assert_allclose(embedding.embed(t.features.iloc[4]), embedding.places()[4], rtol=1e-5)


# ---- learning ------------------------------------------------------------------------------------------------------


def test_it_finds_the_features_that_matter():
    """On tasks that it has not seen, from which it differs by 80 others."""
    t = linear_family(100)
    own, new = t.some(range(80)), t.some(range(80, 100))
    true = performance_distances(t)[80:, :80].ravel()
    embedding = Siamese(iterations=400, hidden=(), dropout=0.0).fit(own)
    learned = euclidean(embedding.embed(new.features), embedding.places()).ravel()
    plain = [neighbours(own, new.features.iloc[i]) for i in range(20)]
    plain = np.concatenate([n.distance[np.argsort(n.order)] for n in plain])
    assert np.corrcoef(plain, true)[0, 1] < 0.6
    assert np.corrcoef(learned, true)[0, 1] > 0.97
    weights = np.linalg.norm(embedding.weights[0], axis=1)
    assert weights[:2].min() > 4 * weights[2:].max()


def test_steps_say_how_far_it_is_on_tasks_that_only_judge():
    learner = Siamese(iterations=110, report_every=50, held_out=0.25)
    t = linear_family(40)
    steps = list(learner.steps(t, seed=3))
    assert [s.step for s in steps] == [1, 2, 3] and learner.n_steps == 3
    assert [s.metrics["iteration"] for s in steps] == [50, 100, 110]
    last = steps[-1]
    held = list(last.why.held_out)
    own = [i for i in range(40) if i not in held]
    assert len(held) == 10
    d, true = last.why.distances(), performance_distances(t)
    assert last.metrics["correlation"] == pytest.approx(np.corrcoef(pairs(d[np.ix_(own, own)]), pairs(true[np.ix_(own, own)]))[0, 1])
    new = np.ix_(held, own)
    assert last.metrics["held out"] == pytest.approx(np.corrcoef(d[new].ravel(), true[new].ravel())[0, 1])
    assert last.metrics["train_loss"] < steps[0].metrics["train_loss"] / 2
    assert f"{last.metrics['held out']:.2f} where one of the two was not learned from" in last.why.summary()
    embedding = learner.embedding(t, last.why)
    assert embedding.tasks.names == tuple(f"t{i}" for i in own)
    np.testing.assert_allclose(embedding.embed(t.features), last.why.places, rtol=1e-5, atol=1e-6)


def test_what_is_held_out_has_no_influence():
    t = linear_family(20)
    held = next(iter(Siamese(iterations=1, held_out=0.2).steps(t))).why.held_out
    losses, features = t.losses.copy(), t.features.copy()
    losses[list(held)] = np.random.default_rng(0).normal(size=(4, 42))
    features.iloc[list(held)] = 1e6
    other = Tasks(t.names, t.configs, losses, features)
    for a, b in zip(*(list(Siamese(iterations=30, held_out=0.2).steps(x)) for x in (t, other)), strict=True):
        for w, v in zip(a.why.weights, b.why.weights, strict=True):
            np.testing.assert_array_equal(w, v)


def test_a_seed_gives_the_same_again_and_leaves_torchs_own_numbers_alone():
    t, before = linear_family(10), torch.random.get_rng_state()
    a, b, c = (Siamese(iterations=10).fit(t, seed=s).weights[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    assert torch.equal(before, torch.random.get_rng_state())


def test_features_that_are_not_known_do_no_harm():
    t = linear_family(20)
    features = t.features.mask(np.random.default_rng(0).random(t.features.shape) < 0.2)
    embedding = Siamese(iterations=20).fit(Tasks(t.names, t.configs, t.losses, features))
    assert np.isfinite(embedding.places()).all()
    assert np.isfinite(embedding.embed(pd.Series(np.nan, index=t.features.columns))).all()
    shuffled = t.features.iloc[3][::-1]
    np.testing.assert_allclose(embedding.embed(shuffled), embedding.embed(t.features.iloc[3]))


def test_what_is_refused():
    t = linear_family(8)
    for settings in ({"iterations": 0}, {"dropout": 1.0}, {"held_out": -0.1}, {"target": "error"}):
        with pytest.raises(ValueError, match=str(next(iter(settings.values())))):
            Siamese(**settings)
    with pytest.raises(ValueError, match="no meta-features"):
        Siamese().fit(Tasks(t.names, t.configs, t.losses))
    with pytest.raises(ValueError, match="got 2 besides 6"):
        Siamese(held_out=0.75).fit(t)
    with pytest.raises(ValueError, match="'f3'"):
        Siamese(iterations=1).fit(t).embed(t.features.iloc[0].drop("f3"))
