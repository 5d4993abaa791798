"""Functional ANOVA: brute force on product grids, Optuna's evaluator, and functions whose shares are known."""

import itertools
import warnings

import numpy as np
import pytest
from optuna.importance._fanova._tree import _FanovaTree

from workbench.importance.fanova import Fanova, fanova
from workbench.importance.leaf_boxes import LeafBoxes
from workbench.importance.quantity import Quantity
from workbench.models.forest import grow, tree_features
from workbench.space import Choice, Float, Int, Space

LINEAR = Space(x0=Float(0, 1), x1=Float(0, 1), x2=Float(0, 1), x3=Float(0, 1))
MIXED = Space(lr=Float(1e-4, 1, log=True), opt=Choice("adam", "sgd", "lion"), n=Int(1, 6, log=True),
              mom=Float(0, 1, when={"opt": ["sgd", "lion"]}), deep=Choice("a", "b", "c", when={"n": [2, 3, 6]}))


def trials(space, n=120, seed=0):
    rng = np.random.default_rng(seed)
    x = space.sample_unit(n, rng)
    z = np.nan_to_num(x, nan=-0.5)
    return x, np.sin(4 * z[:, 0]) + z @ rng.standard_normal(len(space)) + z[:, 0] * z[:, 1] + 0.1 * rng.standard_normal(n)


def of_trees(space, n_trees=3, n=120):
    """The decomposition of trees that stand beside it."""
    x, y = trials(space, n)
    Z = tree_features(space)(x)
    trees = [grow(Z, y, np.random.default_rng(b)) for b in range(n_trees)]
    return trees, Fanova(space, n, LeafBoxes.of(space, trees), 0.0, 1.0, x, y, Quantity())


def on_product(space, trees, boxes):
    """Predictions of every tree on all cells of the product grid, shape (B, K1, ..., Kd), and the cells' widths."""
    edges = [np.unique(g.edges) for g in boxes.grids]
    u = np.array(list(itertools.product(*((e[:-1] + e[1:]) / 2 for e in edges))))
    Z = tree_features(space)(space.snap(u))
    shape = [len(e) - 1 for e in edges]
    return np.stack([t.regressor.predict(Z).reshape(shape) for t in trees]), [np.diff(e) for e in edges], edges


def marginal(f, widths, keep):
    """Average a table over all axes but some, by brute force."""
    for j in reversed(range(len(widths))):
        if j not in keep:
            f = np.tensordot(f, widths[j], axes=(j, 0))
    return f


def variance(f, widths):
    w = np.array([np.prod(v) for v in itertools.product(*widths)]).reshape(f.shape)
    return ((f - (f * w).sum()) ** 2 * w).sum()


# ---- oracles: brute force ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("space", "n"), [(LINEAR, 40), (MIXED, 120)], ids=["numbers", "choices and conditions"])
def test_shares_of_parameters_and_pairs_are_those_of_sums_over_the_product_grid(space, n):
    trees, found = of_trees(space, n=n)
    tables, widths, _ = on_product(space, trees, found.boxes)
    for b, f in enumerate(tables):
        V = variance(f, widths)
        assert found.variance[b] == pytest.approx(V)
        alone = [variance(marginal(f, widths, [j]), [widths[j]]) / V for j in range(len(space))]
        np.testing.assert_allclose(found.single_by_tree[b], alone, atol=1e-12)
        for i, j in itertools.combinations(range(len(space)), 2):
            both = variance(marginal(f, widths, [i, j]), [widths[i], widths[j]]) / V
            got = found.pair_by_tree(space.names[i], space.names[j])[b]
            assert got == pytest.approx(both - alone[i] - alone[j], abs=1e-12)


def test_a_pair_is_the_same_in_either_order_and_however_few_trees_are_held_at_once(monkeypatch):
    _, whole = of_trees(MIXED)
    monkeypatch.setattr("workbench.importance.fanova.CHUNK", 1)
    _, piecewise = of_trees(MIXED)
    np.testing.assert_allclose(piecewise.pair_by_tree("mom", "opt"), whole.pair_by_tree("opt", "mom"), atol=1e-14)


def averaged(steps, widths, edges, cells):
    """Mean of a step function in other cells."""
    middles = np.linspace(0, 1, 200_001)[:-1] + 2.5e-6
    at = steps[np.searchsorted(edges, middles) - 1]
    return np.array([at[(middles > a) & (middles < b)].mean() for a, b in itertools.pairwise(cells)])


@pytest.mark.parametrize("name", MIXED.names)
def test_a_curve_is_the_mean_of_all_that_is_active(name):
    trees, found = of_trees(MIXED)
    j = MIXED.column(name)
    u = np.random.default_rng(5).random((60_000, len(MIXED)))
    keep = MIXED.active(u)[:, j]
    curve = found.curve(name)
    assert curve.active == pytest.approx(keep.mean(), abs=0.01)
    Z = tree_features(MIXED)(MIXED.snap(u[keep]))
    f = np.stack([t.regressor.predict(Z) for t in trees])
    cell = np.clip(np.searchsorted(curve.edges, u[keep, j]) - 1, 0, len(curve.mean) - 1)
    n = np.bincount(cell, minlength=len(curve.mean))
    sampled = np.stack([np.bincount(cell, v, len(n)) / n for v in f])
    error = 5 * f.std() / np.sqrt(n.min())  # five standard errors of the smallest cell
    np.testing.assert_allclose(curve.mean, sampled.mean(axis=0), atol=error)
    np.testing.assert_allclose(curve.spread, sampled.std(axis=0), atol=error)


def test_curves_of_levels_and_options_have_their_cells_and_continuous_ones_are_cut_evenly():
    _, found = of_trees(MIXED)
    np.testing.assert_array_equal(found.curve("n").edges, MIXED["n"].edges())
    np.testing.assert_allclose(found.curve("opt").edges, [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(found.curve("lr").edges, np.linspace(0, 1, 129))


def test_a_curve_of_even_cells_averages_the_exact_steps():
    trees, found = of_trees(LINEAR, n=40)
    tables, widths, edges = on_product(LINEAR, trees, found.boxes)
    curve = found.curve("x0")
    exact = np.stack([averaged(marginal(f, widths, [0]), widths[0], edges[0], curve.edges) for f in tables])
    # 1,500 points a cell find a step's place to 1/1,500 of it
    np.testing.assert_allclose(curve.mean, exact.mean(axis=0), atol=2e-3)
    np.testing.assert_allclose(curve.spread, exact.std(axis=0), atol=2e-3)


def test_a_surface_averages_to_the_curves_of_its_sides():
    space = Space(a=Float(0, 1), k=Choice("p", "q", "r"), c=Int(1, 5))
    _, found = of_trees(space)
    s = found.surface("a", "k")
    assert s.mean.shape == (32, 3)
    k = found.curve("k")
    np.testing.assert_allclose(np.diff(s.edges_a) @ s.mean, k.mean, atol=1e-12)
    a = found.curve("a").mean.reshape(32, 4).mean(axis=1)
    np.testing.assert_allclose(s.mean @ np.diff(s.edges_b), a, atol=1e-12)
    turned = found.surface("k", "a")
    np.testing.assert_allclose(turned.mean, s.mean.T, atol=1e-12)
    np.testing.assert_allclose(turned.spread, s.spread.T, atol=1e-12)


def test_a_surface_of_two_conditional_parameters_is_over_where_both_are_active():
    space = Space(k=Choice("a", "b", "c"), x=Float(0, 1, when={"k": ["a", "b"]}), z=Float(0, 1, when={"k": ["b", "c"]}))
    trees, found = of_trees(space, n=300)
    s = found.surface("x", "z")
    assert s.active == pytest.approx(1 / 3)
    u = np.random.default_rng(0).random((200, 3))
    u[:, 0] = 0.5  # k = b
    fine = np.stack([t.regressor.predict(tree_features(space)(u)) for t in trees]).mean()
    assert s.mean.mean() == pytest.approx(fine, abs=0.2)
    apart = Space(k=Choice("a", "b"), x=Float(0, 1, when={"k": "a"}), z=Float(0, 1, when={"k": "b"}))
    _, found = of_trees(apart)
    assert found.surface("x", "z").active == 0
    assert np.isnan(found.surface("x", "z").mean).all()
    assert found.pair("x", "z") == pytest.approx(0, abs=1e-12)


# ---- oracles: Optuna -----------------------------------------------------------------------------------------------


def test_on_a_linear_space_the_shares_are_optunas_of_the_same_trees():
    trees, found = of_trees(LINEAR, n=60)
    for b, t in enumerate(trees):
        theirs = _FanovaTree(t.regressor.tree_, np.array([[0.0, 1.0]] * 4))
        alone = [theirs.get_marginal_variance(np.array([j])) / theirs.variance for j in range(4)]
        np.testing.assert_allclose(found.single_by_tree[b], alone, atol=1e-12)
        both = theirs.get_marginal_variance(np.array([0, 2])) / theirs.variance
        assert found.pair_by_tree("x0", "x2")[b] == pytest.approx(both - alone[0] - alone[2], abs=1e-12)


# ---- known shares --------------------------------------------------------------------------------------------------


def known(f, d, n, seed=0):
    space = Space({f"x{j}": Float(0, 1) for j in range(d)})
    u = np.random.default_rng(seed).random((n, d))
    return fanova(space, u, f(u))


def test_shares_by_name_are_alone_or_with_all_pairs():
    x, y = trials(MIXED)
    found = fanova(MIXED, x, y, n_trees=8)
    assert found.shares() == pytest.approx(dict(zip(MIXED.names, found.single, strict=True)))
    more = sum(share for a, b, share in found.pairs() if "opt" in (a, b))
    assert found.shares(with_pairs=True)["opt"] == pytest.approx(found.shares()["opt"] + more)


def test_an_additive_function_has_no_pairs():
    w = np.array([3.0, 2.0, 1.0, 0.0])
    found = known(lambda u: u @ w, 4, 1000)
    np.testing.assert_allclose(found.single, w**2 / (w @ w), atol=0.05)
    assert max(share for _, _, share in found.pairs()) < 0.02
    assert found.total() == pytest.approx(1, abs=0.05)


def test_the_ishigami_function():
    """Its third parameter matters with the first alone (Ishigami & Homma 1990; a = 7, b = 0.1)."""
    def f(u):
        x = (2 * u - 1) * np.pi
        return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])

    V = np.array([0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, 49 / 8, 0.0])
    V13 = 8 * 0.01 * np.pi**8 / 225
    found = known(f, 3, 2000)
    np.testing.assert_allclose(found.single, V / (V.sum() + V13), atol=0.06)
    assert found.pair("x0", "x2") == pytest.approx(V13 / (V.sum() + V13), abs=0.06)
    assert found.pairs()[0][:2] == ("x0", "x2")


def test_sobols_g_function():
    """V_i = 1/3 (1 + a_i)^-2, V = Π (1 + V_i) - 1 (Saltelli & Sobol' 1995)."""
    a = np.array([0.0, 1.0, 4.5, 9.0])
    V = 1 / (3 * (1 + a) ** 2)
    total = np.prod(1 + V) - 1
    found = known(lambda u: np.prod((np.abs(4 * u - 2) + a) / (1 + a), axis=1), 4, 1000)
    np.testing.assert_allclose(found.single, V / total, atol=0.06)
    assert found.pair("x0", "x1") == pytest.approx(V[0] * V[1] / total, abs=0.04)


def test_a_logarithmic_range_counts_on_its_scale():
    space = Space(lr=Float(1e-5, 1e-1, log=True), x=Float(-1, 1))
    x = space.sample_unit(200, np.random.default_rng(0))
    y = [2.0 * (c["lr"] < 1e-3) + 2.0 * (c["x"] < 0) for c in space.from_unit(x)]
    np.testing.assert_allclose(fanova(space, x, np.array(y)).single, [0.5, 0.5], atol=0.05)


def test_options_and_a_condition_have_the_shares_of_the_product_measure():
    """c: three options with 0, 1, 5. s switches on x, which adds 4 x: V_s = (2/2)², V_x = (1/2)² 16/12, V_sx the same."""
    space = Space(c=Choice("p", "q", "r"), s=Choice("on", "off"), x=Float(0, 1, when={"s": "on"}))
    u = space.sample_unit(600, np.random.default_rng(0))
    y = np.array([{"p": 0.0, "q": 1.0, "r": 5.0}[k["c"]] + 4 * k.get("x", 0.0) for k in space.from_unit(u)])
    V = {"c": 14 / 3, "s": 1.0, "x": 1 / 3, "sx": 1 / 3}
    total = sum(V.values())
    found = fanova(space, u, y)
    np.testing.assert_allclose(found.single, np.array([V["c"], V["s"], V["x"]]) / total, atol=0.02)
    assert found.pair("s", "x") == pytest.approx(V["sx"] / total, abs=0.02)
    curve = found.curve("x")
    assert curve.active == pytest.approx(0.5)
    middles = (curve.edges[:-1] + curve.edges[1:]) / 2
    np.testing.assert_allclose(curve.mean[8:-8], 2 + 4 * middles[8:-8], atol=0.3)  # the mean of c is 2


# ---- what has no shares --------------------------------------------------------------------------------------------


def test_constant_losses_have_shares_of_0_and_flat_curves():
    x = np.random.default_rng(0).random((30, 4))
    for y in (np.full(30, 3.0), 0.1 + 1e-17 * np.arange(30)):
        found = fanova(LINEAR, x, y)
        assert found.single.tolist() == [0, 0, 0, 0]
        assert found.single_spread.tolist() == [0, 0, 0, 0]
        assert found.pair("x0", "x1") == 0
        assert found.total() == 0
        np.testing.assert_allclose(found.curve("x0").mean, y[0])
        assert not found.frame().isna().any(axis=None)


def test_trials_without_a_finite_loss_do_not_count():
    x, y = trials(LINEAR, 60)
    bad = np.concatenate([y, [np.nan, np.inf, -np.inf]])
    more = np.concatenate([x, np.random.default_rng(3).random((3, 4))])
    found = fanova(LINEAR, more, bad)
    assert found.n_trials == 60
    np.testing.assert_array_equal(found.single, fanova(LINEAR, x, y).single)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_fewer_than_two_different_configurations_are_refused(n):
    with pytest.raises(ValueError, match=f"two different configurations with finite losses, got {min(n, 1)} among {n} trials"):
        fanova(LINEAR, np.full((n, 4), 0.3), np.arange(n, dtype=float))


def test_two_trials_are_enough():
    found = fanova(LINEAR, np.array([[0.1, 0.2, 0.3, 0.4], [0.9, 0.2, 0.3, 0.4]]), np.array([0.0, 1.0]))
    assert found.single.tolist() == [1, 0, 0, 0]


def test_shapes_that_do_not_belong_together_and_no_trees_are_refused():
    with pytest.raises(ValueError, match=r"4 columns and one loss each, got arrays of shapes \(5, 3\)"):
        fanova(LINEAR, np.zeros((5, 3)), np.zeros(5))
    with pytest.raises(ValueError, match="choose one column"):
        fanova(LINEAR, np.zeros((5, 4)), np.zeros((5, 2)))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        fanova(LINEAR, *trials(LINEAR), n_trees=0)


def test_names_that_are_not_there_or_there_twice_are_refused():
    _, found = of_trees(LINEAR)
    with pytest.raises(ValueError, match="'lr' is no parameter of this space"):
        found.curve("lr")
    with pytest.raises(ValueError, match="a pair is two parameters"):
        found.pair("x0", "x0")
    with pytest.raises(ValueError, match="a surface has two parameters"):
        found.surface("x0", "x0")


def test_huge_losses_overflow_nowhere():
    x, y = trials(LINEAR, 50)
    y[3] = 1e300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fanova(LINEAR, x, y)
        assert np.isfinite(found.single).all()
        assert np.isfinite(found.variance).all()
        assert np.isfinite(found.curve("x0").mean).all()


# ---- what comes out ------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_shares_and_units_of_the_loss_do_not_matter():
    x, y = trials(MIXED)
    one = fanova(MIXED, x, y, seed=1)
    np.testing.assert_array_equal(one.single, fanova(MIXED, x, y, seed=1).single)
    assert not np.array_equal(one.single, fanova(MIXED, x, y, seed=2).single)
    other = fanova(MIXED, x, 1024 * y, seed=1)  # a power of two rounds nothing; otherwise equally good splits may change places
    np.testing.assert_array_equal(other.single, one.single)
    np.testing.assert_array_equal(other.variance, 1024**2 * one.variance)
    np.testing.assert_allclose(other.curve("lr").mean, 1024 * one.curve("lr").mean, rtol=1e-12)


def test_arguments_are_left_as_they_were():
    x, y = trials(MIXED)
    x0, y0 = x.copy(), y.copy()
    fanova(MIXED, x, y)
    np.testing.assert_array_equal(x, x0)
    np.testing.assert_array_equal(y, y0)


def test_the_frame_holds_parameters_and_pairs_the_largest_first():
    found = fanova(MIXED, *trials(MIXED))
    frame = found.frame()
    assert len(frame) == 5 + 10
    assert frame["share"].is_monotonic_decreasing
    assert frame["share"].sum() == pytest.approx(found.total())
    assert found.pairs() == sorted(found.pairs(), key=lambda p: -p[2])
    assert frame.set_index("parameters")["share"]["lr × opt"] == pytest.approx(found.pair("lr", "opt"))


def test_the_html_says_what_the_shares_are_of_and_escapes_names():
    space = Space({"<b>": Float(0, 1), "y": Float(0, 1)})
    x = np.random.default_rng(0).random((40, 2))
    found = fanova(space, x, x[:, 0], quantity=Quantity("accuracy", -1.0))
    page = found._repr_html_()
    assert "&lt;b&gt; × y" in page and "<b> × y" not in page
    assert "variance of the accuracy" in page and "40 trials" in page
    assert repr(found) == "Fanova of 40 trials: <b> 1.00, y 0.00"
