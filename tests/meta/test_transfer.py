"""Transfer: what is copied and frozen, training side by side against training alone, and when it helps or hurts."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from workbench.meta import RelatedTeachers, RewiredDigits, SmallNetwork, Transfer  # noqa: E402
from workbench.meta.transfer import begin, judged, losses_of, rewired, train  # noqa: E402
from workbench.meta.transfer_step import MODES, TransferStep  # noqa: E402

NETWORK = SmallNetwork((4, 6, 5, 2), "tanh")


def drawn(seed):
    return torch.Generator().manual_seed(seed)


def targets(n_targets=2, n=30, classes=False):
    g = drawn(5)
    x = torch.randn(n_targets, n, 4, generator=g, dtype=torch.float64)
    y = torch.stack([x[..., 0] * x[..., 1], x[..., 2]], dim=2)
    return (x, y.argmax(dim=2)) if classes else (x, y)


def begun(n_targets=2):
    source, fresh = NETWORK.start(drawn(1), torch.float64), NETWORK.start(drawn(2), torch.float64)
    weights, learned = begin(MODES, source, fresh, n_targets)
    return source, fresh, weights, tuple(a.double() for a in learned)


# ---- what is copied, what is frozen --------------------------------------------------------------------------------


def test_all_but_the_last_layer_are_copied_except_from_scratch():
    source, fresh, weights, _ = begun()
    for k, w in enumerate(weights):
        for b, mode in enumerate(np.repeat(MODES, 2)):
            torch.testing.assert_close(w[b].view_as(fresh[k]), source[k] if mode != "scratch" and k < 4 else fresh[k])


@pytest.mark.parametrize("classes", [False, True])
def test_frozen_weights_stay_as_they_are_and_the_others_move(classes):
    _, _, weights, learned = begun()
    x, y = targets(classes=classes)
    became = train(NETWORK, weights, learned, x.repeat(4, 1, 1), y.repeat(4, *[1] * (y.ndim - 1)), classes=classes, steps=40, rate=0.01)
    frozen = {"scratch": 0, "reuse": 4, "freeze first": 2, "fine-tune": 0}  # tensors of the first layers
    for k, (w, v) in enumerate(zip(weights, became, strict=True)):
        for b, mode in enumerate(np.repeat(MODES, 2)):
            assert torch.equal(w[b], v[b]) == (k < frozen[mode])


def test_networks_that_are_trained_side_by_side_are_those_trained_alone():
    _, _, weights, learned = begun()
    x, y = targets()
    became = train(NETWORK, weights, learned, x.repeat(4, 1, 1), y.repeat(4, 1, 1), classes=False, steps=25, rate=0.01)
    for b in (1, 3, 5, 7):  # each mode on the second target
        alone = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 5), torch.nn.Tanh(),
                                    torch.nn.Linear(5, 2)).double()
        with torch.no_grad():
            for p, w in zip(alone.parameters(), weights, strict=True):
                p.copy_(w[b].T if p.ndim == 2 else w[b, 0])
        for p, free in zip(alone.parameters(), learned, strict=True):
            p.requires_grad_(bool(free[b]))
        adam = torch.optim.Adam([p for p in alone.parameters() if p.requires_grad], lr=0.01)
        for _ in range(25):
            adam.zero_grad()
            torch.nn.functional.mse_loss(alone(x[1]), y[1]).backward()
            adam.step()
        torch.testing.assert_close(NETWORK(tuple(w[b:b + 1] for w in became), x[1:])[0], alone(x[1]).detach())


def test_reused_features_end_at_the_least_squares_solution_of_the_last_layer():
    _, _, weights, learned = begun(1)
    x, y = targets(1, n=60)
    pick = slice(1, 2)  # "reuse"
    became = train(NETWORK, [w[pick] for w in weights], [a[pick] for a in learned], x, y, classes=False, steps=2000, rate=0.03)
    features = torch.tanh(torch.tanh(x[0] @ weights[0][1] + weights[1][1]) @ weights[2][1] + weights[3][1])
    design = torch.cat([features, torch.ones(60, 1, dtype=torch.float64)], dim=1)
    best = design @ torch.linalg.lstsq(design, y[0]).solution
    assert float(losses_of(NETWORK(became, x), y, classes=False)) == pytest.approx(float((best - y[0]).square().mean()), rel=0.01)


def test_losses_and_measures_are_those_of_each_network():
    _, y = targets(3)
    out = torch.randn(y.shape, generator=drawn(0), dtype=torch.float64)
    torch.testing.assert_close(losses_of(out, y, classes=False)[1], torch.nn.functional.mse_loss(out[1], y[1]))
    constant = y.mean(dim=(1, 2), keepdim=True).expand_as(y)
    np.testing.assert_allclose(judged(constant, y, classes=False), 1.0, rtol=0.02)  # a constant explains nothing; n / (n − 1)
    labels = y.argmax(dim=2)
    torch.testing.assert_close(losses_of(out, labels, classes=True)[2], torch.nn.functional.cross_entropy(out[2], labels[2]))
    np.testing.assert_allclose(judged(y, labels, classes=True), 0.0)


# ---- tasks ---------------------------------------------------------------------------------------------------------


def test_at_similarity_1_the_hidden_units_of_the_source_explain_the_target_and_at_0_they_do_not():
    left = {s: [] for s in (0.0, 0.5, 1.0)}
    for seed in range(5):
        r = RelatedTeachers(noise=0.0, source_outputs=10, hidden=5).draw(tuple(left), 400, drawn(seed))
        outputs = r.source_y  # 10 outputs span the 5 hidden units, as functions of x; a target at s = 1 is a sum of them
        assert torch.linalg.matrix_rank(outputs, rtol=1e-4) == 5
        hidden = _hidden_of(seed, 5)
        for k, s in enumerate(left):
            h = torch.tanh(r.x[k] @ hidden)
            design = torch.cat([h, torch.ones(len(h), 1)], dim=1)
            left[s].append(float((design @ torch.linalg.lstsq(design, r.y[k]).solution - r.y[k]).square().mean()))
    assert max(left[1.0]) < 1e-9
    assert 0.05 < np.mean(left[0.5]) < np.mean(left[0.0])


def _hidden_of(seed, H, d=10):
    return 1.5 / d**0.5 * torch.randn(d, H, generator=drawn(seed))  # the first numbers that are drawn


def test_targets_of_teachers_vary_by_1_and_share_inputs():
    r = RelatedTeachers().draw((0.0, 0.7, 1.0), 50, drawn(3))
    assert r.x.shape == (3, 50, 10) and r.y.shape == (3, 50, 1) and r.test_y.shape == (3, 500, 1)
    torch.testing.assert_close(r.test_y.std(dim=1), torch.ones(3, 1))
    assert torch.equal(r.x[0], r.x[2]) and not torch.equal(r.y[0], r.y[2])


@pytest.mark.parametrize(("s", "moved"), [(1.0, 0), (0.75, 16), (0.0, 64)])
def test_a_share_of_the_pixels_is_moved(s, moved):
    at = rewired(torch.randperm(64, generator=drawn(0)), s)
    assert int((at != torch.arange(64)).sum()) == moved
    assert torch.equal(at.sort().values, torch.arange(64))


def test_source_and_target_of_digits_have_other_images():
    r = RewiredDigits().draw((1.0, 0.0), 60, drawn(1))
    assert len(r.source_x) == 900 and r.x.shape == (2, 60, 64) and r.test_x.shape == (2, 837, 64)
    whole = {row.numpy().tobytes() for row in r.source_x}
    assert not whole & {row.numpy().tobytes() for row in r.x[0]}
    torch.testing.assert_close(r.x[0].sort(dim=1).values, r.x[1].sort(dim=1).values)  # the same pixels elsewhere


# ---- the study -----------------------------------------------------------------------------------------------------


QUICK = Transfer(similarities=(0.0, 1.0), target_sizes=(30, 100), repetitions=4, target_steps=300)


@pytest.fixture(scope="module")
def found():
    return QUICK.compare(RelatedTeachers(), seed=0)


def test_of_a_similar_task_with_few_rows_transfer_beats_scratch_each_time(found):
    against = found.against_scratch().set_index(["mode", "rows", "similarity"])
    for mode in ("reuse", "freeze first", "fine-tune"):
        assert against.loc[(mode, 30, 1.0), "better in"] == 1
        assert against.loc[(mode, 30, 1.0), "gained"] > 3 * against.loc[(mode, 30, 1.0), "error"]
    assert against.loc[("reuse", 30, 1.0), "loss"] < 0.4 * against.loc[("reuse", 30, 1.0), "loss from scratch"]


def test_of_an_unlike_task_frozen_features_hurt(found):
    """Over 5 repetitions of 500 steps, with 100 rows: .20 from scratch, .34 with frozen features; with 30 rows .31 and .51."""
    against = found.against_scratch().set_index(["mode", "rows", "similarity"])
    assert against.loc[("reuse", 100, 0.0), "better in"] == 0
    assert against.loc[("reuse", 100, 0.0), "gained"] < -2 * against.loc[("reuse", 100, 0.0), "error"]
    assert against.loc[("reuse", 30, 0.0), "gained"] < 0


def test_the_table_has_a_row_for_each_network_and_differences_are_taken_within_a_repetition(found):
    frame = found.frame()
    assert len(frame) == found.losses.size == 4 * 4 * 2 * 2
    part = frame[(frame["mode"] == "fine-tune") & (frame.similarity == 1.0) & (frame.rows == 30)].set_index("repetition").loss
    scratch = frame[(frame["mode"] == "scratch") & (frame.similarity == 1.0) & (frame.rows == 30)].set_index("repetition").loss
    row = found.against_scratch().set_index(["mode", "rows", "similarity"]).loc[("fine-tune", 30, 1.0)]
    assert row.gained == pytest.approx((scratch - part).mean())
    assert row.error == pytest.approx((scratch - part).sem())
    assert found.summary().startswith("With 30 rows reuse has ")


def test_steps_tell_the_losses_so_far_and_can_be_repeated():
    small = Transfer(similarities=(1.0,), target_sizes=(5, 9), modes=("scratch", "reuse"), repetitions=2, hidden=(8,), source_steps=20,
                     target_steps=10)
    first, again = list(small.steps(RewiredDigits(), seed=2)), list(small.steps(RewiredDigits(), seed=2))
    assert small.n_steps == len(first) == 2
    assert [s.why.losses.shape for s in first] == [(1, 2, 2, 1), (2, 2, 2, 1)]
    np.testing.assert_array_equal(first[1].why.losses, again[1].why.losses)
    np.testing.assert_array_equal(first[0].why.losses, first[1].why.losses[:1])
    assert first[-1].metrics["reuse loss"] == pytest.approx(first[-1].why.losses[:, 1, 0].mean())
    assert not np.array_equal(list(small.steps(RewiredDigits(), seed=3))[-1].why.losses, first[-1].why.losses)


@pytest.mark.slow
def test_digits_on_moved_pixels_show_where_each_mode_hurts():
    """With 30 rows over 5 repetitions: scratch .31; reuse .16 at 1 and .54 at 0; fine-tune .20 and .345."""
    against = Transfer(similarities=(0.0, 1.0), target_sizes=(30,), repetitions=5).compare(RewiredDigits()).against_scratch()
    found = against.set_index(["mode", "similarity"]).gained
    assert found[("reuse", 1.0)] > 0.1 and found[("fine-tune", 1.0)] > 0.07
    assert found[("reuse", 0.0)] < -0.15 and found[("fine-tune", 0.0)] < 0.0


@pytest.mark.parametrize(("wrong", "match"), [({"similarities": (0.5, 1.2)}, "between 0 and 1"), ({"modes": ("copy",)}, "each once"),
                                              ({"hidden": ()}, "hidden layer"), ({"target_sizes": (0,)}, "numbers of rows"),
                                              ({"rate": 0.0}, "positive"), ({"repetitions": 0}, "at least 1")])
def test_settings_that_make_no_sense(wrong, match):
    with pytest.raises(ValueError, match=match):
        Transfer(**wrong)


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match="fewer target rows"):
        RewiredDigits().draw((1.0,), 1000, drawn(0))


def test_without_scratch_there_is_nothing_to_compare_with():
    with pytest.raises(ValueError, match="from scratch"):
        TransferStep(("reuse",), (1.0,), (10,), np.ones((1, 1, 1, 1)), "loss").against_scratch()
