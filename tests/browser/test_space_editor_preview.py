"""The preview of the space editor: drawn in the browser, valid configurations, gaps, drawn again, what is forbidden."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from playwright.sync_api import expect

import workbench as wb
from tests.browser.test_space_editor_priors import pure  # noqa: F401 - a fixture
from tests.space_strategies import spaces
from workbench.run import check_same_study


def lines(b):
    return b.page.locator(".wbs-line")


def test_twenty_lines_with_gaps_where_a_parameter_is_inactive(bench):
    b = bench()
    expect(lines(b)).to_have_count(20)
    n_active = b.page.evaluate("[...document.querySelectorAll('.wbs-line')].map((g) => g.querySelectorAll('circle').length)")
    assert set(n_active) == {3, 4}  # with momentum and without
    runs = b.page.evaluate("[...document.querySelectorAll('.wbs-line')].map((g) => g.querySelectorAll('path:not(.wbs-hit)').length)")
    assert all(r == 1 for r in runs)
    assert all((n == 4) == (len(p) == 1 and p[0].count("L") == 3) for n, p in zip(n_active, b.page.evaluate(
        "[...document.querySelectorAll('.wbs-line')].map((g) => [...g.querySelectorAll('path:not(.wbs-hit)')].map((e) => e.getAttribute('d')))"),
        strict=True))


def picture(b):
    return b.page.evaluate("[...document.querySelectorAll('.wbs-line path')].map((e) => e.getAttribute('d')).join()")


def test_each_edit_draws_anew_and_so_does_draw_again(bench):
    b = bench()
    first = picture(b)
    b.button("Draw again").click()
    second = picture(b)
    assert first != second
    b.label("log for lr").click()
    assert b.page.locator(".wbs-parallel text", has_text="0.1").count() == 1
    b.button("Delete momentum").click()
    expect(b.page.locator(".wbs-axisname")).to_have_count(3)
    b.type("lr, lowest value", "9")
    expect(b.page.locator(".wbs-drawnwords")).to_have_text("The picture waits until the space is valid.")
    b.type("lr, lowest value", "0.01")
    expect(lines(b)).to_have_count(20)


def test_it_is_drawn_while_the_kernel_does_not_answer(bench):
    b = bench(busy=True)
    b.button("Delete depth").click()
    expect(b.page.locator(".wbs-axisname")).to_have_count(3)


def test_a_configuration_is_read_by_pointing_and_by_walking(bench):
    b = bench()
    words = b.page.locator(".wbs-drawnwords")
    b.button("The next configuration").click()
    expect(words).to_contain_text("1 of 20: lr ")
    b.button("The configuration before").click()
    expect(words).to_contain_text("20 of 20: lr ")
    expect(b.page.locator(".wbs-picked")).to_have_count(1)
    lines(b).nth(4).locator("circle").first.hover(force=True)
    expect(words).to_contain_text("optimizer ")


def test_the_share_of_forbidden_draws_is_said_and_an_empty_space_too(bench):
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Choice(1, 2), forbidden=[{"a": "x", "b": 1}])
    b = bench(space)
    share = b.page.locator(".wbs-previewhead .wbs-soft").last
    expect(share).to_contain_text("% of the draws are forbidden, and drawn again")
    assert abs(int(share.inner_text().split()[1]) - 25) < 5
    b.button("Change combination 1").click()
    for label in ("Forbid a y", "Forbid b 2"):
        b.label(label).check()
    b.button("Take the change").click()
    expect(b.page.locator(".wbs-preview .wbs-empty")).to_contain_text("The forbidden combinations leave (almost) nothing")
    expect(b.button("Draw again")).to_be_disabled()


def test_as_the_prior_says(bench):
    b = bench(prior={"lr": (9e-3, 1.1e-2)})
    before = picture(b)
    b.label("How configurations are drawn").select_option("prior")
    assert picture(b) != before
    b.button("The next configuration").click()
    ys = b.page.evaluate("[...document.querySelectorAll('.wbs-line circle:first-of-type')].map((e) => Number(e.getAttribute('cy')))")
    assert np.std(ys) < 25  # of 104 pixels: most lie near one place; a uniform draw has 30


def test_a_large_space_shows_its_first_parameters(bench):
    b = bench(wb.Space({f"p{k}": wb.Float(0, 1) for k in range(50)}))
    expect(b.page.locator(".wbs-axisname")).to_have_count(40)
    expect(b.page.locator(".wbs-parallel")).to_contain_text("… 10 more")
    expect(b.page.locator(".wbs-summary")).to_have_text("50 parameters · continuous")


def test_the_preview_is_folded_away(bench):
    b = bench()
    b.button("Preview").click()
    expect(b.page.locator(".wbs-preview")).to_be_hidden()
    expect(b.button("Preview")).to_have_attribute("aria-expanded", "false")
    b.button("Delete depth").click()
    b.button("Preview").click()
    expect(b.page.locator(".wbs-axisname")).to_have_count(3)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spaces(tame=True))
def test_what_the_browser_draws_is_a_configuration_of_the_space(pure, space):  # noqa: F811
    draft = space.to_json()
    drawn = pure("pure.sampled(args[0], 20, 5).map((m) => [...m])", draft)
    for config in drawn:
        assert space.contains(dict(config)), config
    share = pure("pure.forbiddenShare(args[0])", draft)
    assert (share is None) == (not space.forbidden)
    if share is not None:
        x = space.snap(np.random.default_rng(0).random((2000, len(space))))
        assert share == pytest.approx(space.is_forbidden(x).mean(), abs=0.07)  # 1000 draws: four standard deviations


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spaces(tame=True), spaces(tame=True))
def test_the_browser_asks_for_a_new_run_where_python_does(pure, a, b):  # noqa: F811
    for new in (a, b, wb.Space({n: _wider(p) for n, p in a.params.items()})):
        try:
            check_same_study(a, new)
            same = True
        except wb.SpaceError:
            same = False
        assert (pure("pure.needsRun(args[0], args[1])", a.to_json(), new.to_json()) == []) == same


def _wider(p):
    """The parameter with another range and default."""
    if isinstance(p, wb.Choice):
        return wb.Choice(*p.options, ordered=p.ordered, when=p.when, default=p.options[-1])
    return type(p)(p.low, p.high + (p.step or 1) * 4, log=p.log, step=p.step, when=p.when)

