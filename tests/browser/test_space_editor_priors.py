"""Priors in the space editor: curves with knobs, weights of options, fields; and that they are the densities of Python."""

import numpy as np
import pytest
from playwright.sync_api import expect

import workbench as wb
from tests.browser.space_bench import make
from workbench.search.beliefs import Beliefs
from workbench_widgets.space_editor import HERE, read_prior

SPACE = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), x=wb.Float(-1, 3), n=wb.Int(1, 300, log=True), few=wb.Int(0, 3),
                 wide=wb.Int(0, 10_000), p=wb.Float(0, 0.5, step=0.05), kind=wb.Choice("a", "b", "c"),
                 size=wb.Choice("s", "m", "l", ordered=True))
SAID = {"lr": 1e-3, "x": {(0.0, 1.0): 3, 2.5: 1}, "n": (10, 100), "few": 2, "wide": (100, 120), "p": {0.1: 1, (0.3, 0.5): 2},
        "kind": {"a": 7, "b": 3}, "size": "m"}


def test_a_prior_is_added_and_its_knob_is_pulled_and_pushed(bench):
    b = bench()
    b.button("Add a prior of lr").click()
    assert b.prior == {"lr": [[0.001, 1]]}
    expect(b.slider("lr, likely value")).to_be_focused()
    expect(b.page.locator(".wbs-priornote")).to_contain_text("TPE takes it into account.")
    b.page.keyboard.press("PageDown")
    assert b.prior["lr"] == [[0.0001, 1]]
    expect(b.slider("lr, likely value")).to_be_focused()
    expect(b.label("likely value of lr")).to_have_value("0.0001")
    b.pull(b.slider("lr, likely value"), 4 / 6)  # six decades from 1e-6
    assert b.prior["lr"][0][0] == pytest.approx(0.01, rel=0.06)
    b.slider("lr, likely value").press("End")
    assert b.prior["lr"][0][0] == 0.1  # not beyond the range
    b.page.keyboard.press("Delete")
    assert b.draft == make().to_json() | {"params": b.draft["params"]}
    expect(b.page.locator(".wbs-curve")).to_have_count(0)
    expect(b.label("Prior of lr")).to_be_focused()


def test_an_interval_has_a_knob_at_each_end_and_one_that_moves_both(bench):
    b = bench()
    b.button("Details of momentum").click()
    b.label("Prior of momentum").select_option("between")
    (low, high), _ = b.prior["momentum"][0]
    assert (low, high) == (pytest.approx(0.33, abs=0.01), pytest.approx(0.66, abs=0.01))
    b.slider("momentum, lower end of the likely interval").press("ArrowLeft")
    b.slider("momentum, upper end of the likely interval").press("PageUp")
    (low, high), _ = b.prior["momentum"][0]
    assert (low, high) == (pytest.approx(0.32, abs=0.011), pytest.approx(0.76, abs=0.011))
    b.slider("momentum, lower end of the likely interval").press("End")  # not onto the other end
    assert b.prior["momentum"][0][0] == [low, high]
    b.slider("momentum, middle of the likely interval").press("PageDown")
    (lower, higher), _ = b.prior["momentum"][0]
    assert lower == pytest.approx(low - 0.1, abs=0.02)
    assert higher - lower == pytest.approx(high - low, abs=0.02)
    b.type("lower end of momentum", "0.9")
    expect(b.body("momentum").locator(".wbs-err:visible")).to_contain_text("needs a lower and an upper end, in this order")
    expect(b.body("momentum").locator(".wbs-err:visible")).to_contain_text("left out until it fits")
    b.type("upper end of momentum", "0.95")
    assert b.prior["momentum"] == [[[0.9, 0.95], 1]]
    expect(b.page.locator(".wbs-err:visible")).to_have_count(0)


def test_several_things_are_likely_with_weights(bench):
    b = bench(prior={"lr": 1e-3})
    b.button("Details of lr").click()
    b.button("or …").click()
    b.type("Weight 2 of lr", "0.5")
    b.label("Prior 2 of lr").select_option("between")
    assert [w for _, w in b.prior["lr"]] == [1, 0.5]
    expect(b.page.locator(".wbs-likely")).to_have_count(4)
    b.type("Weight 1 of lr", "-1")
    expect(b.body("lr").locator(".wbs-err:visible")).to_contain_text("weights must be positive numbers, got -1")
    b.page.keyboard.press("Escape")
    b.label("Prior of lr").select_option("")
    assert len(b.prior["lr"]) == 1


def test_weights_of_options_are_pulled_and_typed_and_say_the_share_of_draws(bench):
    b = bench()
    b.button("Add a prior of optimizer").click()
    assert b.prior["optimizer"] == [["adam", 3], ["sgd", 1], ["rmsprop", 1]]
    knob = b.slider("Weight of sgd in the prior of optimizer")
    b.pull(knob, 1.0)
    assert b.prior["optimizer"][1] == ["sgd", 10]
    for _ in range(2):
        b.slider("Weight of rmsprop in the prior of optimizer").press("ArrowLeft")
    assert [o for o, _ in b.prior["optimizer"]] == ["adam", "sgd"]
    expect(b.page.locator(".wbs-share")).to_have_text(["24 %", "73 %", "3 %"])  # 0.1 / 3 + 0.9 w
    b.type("Weight of adam of optimizer", "0")
    assert b.prior["optimizer"] == [["sgd", 10]]
    b.type("Weight of sgd of optimizer", "0.5")
    expect(b.slider("Weight of sgd in the prior of optimizer")).to_have_attribute("aria-valuemax", "10")  # the axis stays
    b.slider("Weight of sgd in the prior of optimizer").press("Home")
    assert b.prior == {}


def test_a_prior_follows_names_options_and_types_and_one_undo_is_for_both(bench):
    said = {"lr": 1e-3, "optimizer": {"sgd": 2, "adam": 1}, "depth": 2}
    b = bench(prior=said)
    b.type("Name of lr", "rate")
    b.type("Option 2 of optimizer", "SGD")
    assert b.prior == {"rate": [[0.001, 1]], "optimizer": [["SGD", 2], ["adam", 1]], "depth": [[2, 1]]}
    b.button("Delete option adam of optimizer").click()
    assert b.prior["optimizer"] == [["SGD", 2]]
    b.label("Type of depth").select_option("choice")
    assert b.prior["depth"] == [[2, 1]]  # the option 2
    b.button("Delete optimizer").click()
    b.label("Type of rate").select_option("choice")
    assert b.prior == {"depth": [[2, 1]]}
    for _ in range(6):
        b.button("Undo (Ctrl+Z)").click()
    assert b.prior == {"lr": [[0.001, 1]], "optimizer": [["sgd", 2], ["adam", 1]], "depth": [[2, 1]]}


def test_a_range_that_leaves_the_likely_value_outside_says_so_beside_it(bench):
    b = bench(prior={"lr": 1e-4})
    b.type("lr, lowest value", "1e-3")
    expect(b.body("lr").locator(".wbs-err:visible")).to_contain_text("must lie between 0.001 and 0.1, got 0.0001. It is left out until it fits.")
    assert b.prior == {"lr": [[0.0001, 1]]}  # nothing is lost
    b.type("lr, lowest value", "1e-5")
    expect(b.slider("lr, likely value")).to_be_visible()


def test_read_only_shows_curves_and_weights_without_knobs(bench):
    b = bench(editable=False, prior={"lr": 1e-3, "optimizer": {"sgd": 2, "adam": 1}})
    expect(b.page.locator(".wbs-curve")).to_have_count(1)
    expect(b.page.locator(".wbs-share").first).to_be_visible()
    assert b.page.get_by_role("slider").count() == 0


PARTS = ("model", "scale", "beliefs", "sample")
PURE = """async ([js, names]) => {
  const text = `${js}\\nexport { ${names} };`;
  globalThis.pure = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" }))); }"""


@pytest.fixture
def pure(browser):
    """The pure functions of the editor's script."""
    page = browser.new_page()
    js = "\n".join((HERE / f"space_editor_{part}.js").read_text(encoding="utf-8") for part in PARTS)
    page.evaluate(PURE, [js, "unitOf, valueAt, densityOf, doubtsOf, needsRun, sampled, forbiddenShare, drawnBelief, generator"])
    yield lambda code, *args: page.evaluate(f"(args) => {code}", list(args))
    page.close()


def things(name):
    from workbench_widgets.space_editor import draft_of

    return dict(draft_of(SPACE, SAID)["prior"])[name]


def entry(name):
    return next(p for p in SPACE.to_json()["params"] if p["name"] == name)


@pytest.mark.parametrize("name", SAID)
def test_the_drawn_density_is_that_of_the_search(pure, name):
    u = (np.arange(200) + 0.5) / 200
    theirs = pure("args[2].map(pure.densityOf(args[0], args[1]))", entry(name), things(name), u.tolist())
    x = np.full((200, len(SPACE)), np.nan)
    x[:, SPACE.column(name)] = u
    ours = np.exp(Beliefs.of(SPACE, {name: SAID[name]}).log_density(x))
    many = name in ("wide",)  # more levels than are drawn one by one: a curve through them
    np.testing.assert_allclose(theirs, ours, rtol=0.02 if many else 1e-5, atol=2e-3 if many else 0)


@pytest.mark.parametrize("name", SAID)
def test_the_browser_maps_values_to_the_unit_interval_as_python_does(pure, name):
    p, u = SPACE[name], np.linspace(0.001, 0.999, 41)
    values = [p.from_unit(v) for v in u]
    assert pure("args[1].map((u) => pure.valueAt(args[0], u))", entry(name), u.tolist()) == pytest.approx(values, rel=1e-9) \
        if not isinstance(p, wb.Choice) else values
    back = pure("args[1].map((v) => pure.unitOf(args[0], v))", entry(name), values)
    np.testing.assert_allclose(back, [p.to_unit(v) for v in values], atol=1e-9)


def test_a_draw_of_the_prior_has_the_quantiles_of_its_density(pure):
    for name in ("lr", "x", "kind"):
        drawn = np.array(pure("{ const r = pure.generator(3); return Array.from({ length: 4000 }, () => pure.drawnBelief(args[0], args[1], r)); }",
                              entry(name), things(name)))
        x = Beliefs.of(SPACE, {name: SAID[name]}).sample(4000, np.random.default_rng(0))[:, SPACE.column(name)]
        np.testing.assert_allclose(np.quantile(drawn, [0.1, 0.3, 0.5, 0.7, 0.9]), np.quantile(x, [0.1, 0.3, 0.5, 0.7, 0.9]), atol=0.04)


@pytest.mark.parametrize("entries", [
    [["lr", [[5, 1]]]], [["lr", [["ten", 1]]]], [["lr", [[[0.1, 0.01], 1]]]], [["lr", [[[1e-6, 0.01], 1]]]], [["lr", [[0.01, 0]]]],
    [["kind", [["z", 1]]]], [["kind", [[["a", "b"], 1]]]], [["size", [[["s", "l"], 1]]]], [["few", [[1.5, 1]]]], [["p", [[0.12, 1]]]],
    [["x", [[0.5, 2]]], ["n", [[[2, 9], 1]]]],
])
def test_the_browser_doubts_what_python_doubts(pure, entries):
    draft = SPACE.to_json() | {"prior": entries}
    assert set(pure("pure.doubtsOf(args[0], {})", draft)) == set(read_prior(draft, SPACE)[1])
