"""Few-shot learning by similarity: scikit-learn's classifiers on the same episodes, gradients by differences, what learning brings."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.neighbors import KNeighborsClassifier, NearestCentroid  # noqa: E402

from workbench.meta import (  # noqa: E402
    Matching,
    NearestExamples,
    Prototypes,
    Sinusoids,
    accuracy_by_shots,
    accuracy_of,
    few_shot_digits,
    few_shot_signals,
)
from workbench.meta.prototypes import by_attention, by_nearest, by_prototypes, prototypes_of  # noqa: E402


def drawn(seed):
    return torch.Generator().manual_seed(seed)


def episode(shots=5, n_tasks=6, make=few_shot_signals):
    return make(shots=shots).episode(n_tasks, drawn(0), held_out=True)


# ---- as they are, these are classifiers that others have written ---------------------------------------------------


@pytest.mark.parametrize("make", [few_shot_signals, few_shot_digits])
def test_without_an_embedding_prototypes_are_nearest_centroids(make):
    xs, ys, xq, _ = episode(make=make)
    found = by_prototypes(xs, ys, xq).argmax(dim=2)
    for k in range(len(xs)):
        theirs = NearestCentroid().fit(xs[k].numpy(), ys[k].numpy())
        np.testing.assert_array_equal(found[k], theirs.predict(xq[k].numpy()))
        np.testing.assert_allclose(prototypes_of(xs, ys)[k], theirs.centroids_, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("k", [1, 4])
def test_the_nearest_examples_vote_as_in_scikit_learn(k):
    xs, ys, xq, _ = episode()
    scores = NearestExamples(k)(xs, ys, xq)
    for t in range(len(xs)):
        shares = KNeighborsClassifier(k).fit(xs[t].numpy(), ys[t].numpy()).predict_proba(xq[t].numpy())
        np.testing.assert_array_equal(np.floor(scores[t].numpy() + 1e-6), np.round(k * shares))


def test_of_as_many_votes_the_nearer_count_more():
    xs = torch.tensor([[[0.0], [1.0], [1.9], [9.0]]])
    ys, xq = torch.tensor([[0, 1, 1, 0]]), torch.tensor([[[0.4], [0.6], [8.0]]])
    assert by_nearest(xs, ys, xq, k=2).argmax(dim=2).tolist() == [[0, 1, 0]]


def test_attention_is_a_softmax_of_cosines_over_examples():
    xs, ys, xq, _ = episode(shots=3, n_tasks=2)
    p = by_attention(xs, ys, xq, temperature=0.2).exp()
    torch.testing.assert_close(p.sum(dim=2), torch.ones(2, xq.shape[1]))
    x, z = xs[1].double().numpy(), xq[1, 4].double().numpy()
    a = np.exp(x @ z / np.linalg.norm(x, axis=1) / np.linalg.norm(z) / 0.2)
    np.testing.assert_allclose(p[1, 4], [a[ys[1].numpy() == c].sum() / a.sum() for c in range(5)], rtol=1e-4)


def test_with_little_temperature_attention_is_the_nearest_by_angle():
    xs, ys, xq, _ = episode()
    cosine = KNeighborsClassifier(1, metric="cosine").fit(xs[0].numpy(), ys[0].numpy())
    np.testing.assert_array_equal(by_attention(xs, ys, xq, 1e-3)[0].argmax(dim=1), cosine.predict(xq[0].numpy()))


# ---- learning ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learner", [Prototypes(hidden=(5,), units=3), Matching(hidden=(5,), units=3, temperature=0.5)])
def test_the_gradient_of_the_loss_is_that_of_differences(learner):
    xs, ys, xq, yq = few_shot_signals(ways=3, shots=2, queries=2).episode(2, drawn(4))
    part = (xs[..., ::8].double(), ys, xq[..., ::8].double(), yq)  # five inputs
    weights = tuple(w.requires_grad_() for w in learner.network(5).start(drawn(1), torch.float64))
    for w in weights[1::2]:
        torch.nn.init.normal_(w, generator=drawn(2))  # away from the corners of ReLU
    assert torch.autograd.gradcheck(lambda *w: learner.loss(w, *part), weights, atol=1e-6)


def test_the_loss_is_the_cross_entropy_of_the_scores():
    learner = Prototypes(hidden=(8,), units=4)
    tasks = few_shot_digits(shots=2)
    e = tasks.episode(3, drawn(1))
    weights = learner.network(64).start(drawn(0))
    f = learner.network(64)
    z = by_prototypes(f(weights, e[0]), e[1], f(weights, e[2])).numpy().astype(float)
    p = np.exp(z) / np.exp(z).sum(axis=2, keepdims=True)
    expected = -np.log(np.take_along_axis(p, e[3].numpy()[..., None], 2)).mean()
    assert float(learner.loss(weights, *e)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("learner", [Prototypes(iterations=30, report_every=20), Matching(iterations=30, report_every=20)])
def test_steps_can_be_repeated_and_tell_what_became_of_a_task(learner):
    tasks = few_shot_signals(ways=4, shots=3, queries=2)
    first, again = list(learner.steps(tasks, seed=3)), list(learner.steps(tasks, seed=3))
    assert [s.metrics["iteration"] for s in first] == [20, 30]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.why.weights[0], b.why.weights[0])
    why = first[-1].why
    assert not np.array_equal(first[0].why.weights[0], why.weights[0])
    assert why.points.shape == (4 * 3 + 4 * 2, 2) and why.prototypes.shape == (4, 2) and why.is_support.sum() == 12
    for c in range(4):
        np.testing.assert_allclose(why.points[why.is_support & (why.labels == c)].mean(axis=0), why.prototypes[c], atol=1e-5)
    assert why.summary().startswith("Of new tasks with 4 classes and 3 examples of each")
    assert first[-1].metrics["held_out_accuracy"] == why.accuracy == accuracy_of(learner.classifier(why), tasks, n_tasks=200, seed=3)[0]


def test_a_learned_embedding_tells_new_characters_that_raw_signals_do_not():
    """1,000 iterations: .74, .84, .86 of 1, 5, 10 shots with prototypes; raw neighbours .23, .33, .40."""
    tasks = few_shot_signals(shots=5)
    learner = Prototypes(iterations=300, report_every=300)
    *_, last = learner.steps(tasks)
    table = accuracy_by_shots({"nearest": NearestExamples(), "prototypes": learner.classifier(last.why)}, tasks, (1, 5))
    found = table.set_index(["learner", "shots"]).accuracy
    assert found["prototypes", 1] > 0.5 > 0.3 > found["nearest", 1]
    assert found["prototypes", 5] > found["prototypes", 1] + 0.05
    assert found["nearest", 5] < 0.45


@pytest.mark.slow
def test_of_turned_digits_seven_are_too_few_to_learn_an_embedding_that_is_better_than_pixels():
    """Pixels .84 with one shot, learned embeddings .64: what seven digits need is not what the other three need."""
    tasks = few_shot_digits(shots=1)
    learner = Prototypes(iterations=500, report_every=500)
    *_, last = learner.steps(tasks)
    assert accuracy_of(learner.classifier(last.why), tasks)[0] < accuracy_of(NearestExamples(), tasks)[0] - 0.1
    assert last.metrics["train_loss"] < 0.3  # it learned what it was given


def test_accuracy_counts_right_answers_on_new_tasks():
    tasks = replace(few_shot_digits(), shots=1)

    def knows_nothing(xs, ys, xq):
        return torch.zeros(len(xs), xq.shape[1], 5).index_fill(2, torch.tensor(2), 1.0)  # always class 2

    mean, error = accuracy_of(knows_nothing, tasks, n_tasks=50)
    assert mean == pytest.approx(0.2)
    assert error == pytest.approx(0.0)  # each task has as many of each class


@pytest.mark.parametrize(("make", "text"), [(lambda: NearestExamples(0), "at least 1"), (lambda: Matching(temperature=0.0), "positive"),
                                            (lambda: Prototypes(hidden=(0,)), "at least a unit"),
                                            (lambda: Prototypes(iterations=0), "at least 1")])
def test_settings_that_make_no_sense(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_tasks_without_classes_are_refused():
    with pytest.raises(TypeError, match="few_shot_signals"):
        next(Prototypes().steps(Sinusoids()))
