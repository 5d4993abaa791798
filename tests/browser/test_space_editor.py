"""The space editor with mouse and keyboard: first on a bare page with a model of our own, then in real JupyterLab."""

import json
from importlib.metadata import version

import pytest
from playwright.sync_api import expect

import workbench as wb
from tests.browser.space_bench import make

expect.set_options(timeout=20_000)
HOSTILE = "<img src=x onerror=alert(1)> \"'🙂"


# ---- ranges --------------------------------------------------------------------------------------------------------


def test_five_presses_of_an_arrow_are_five_steps_and_the_focus_stays(bench):
    b = bench()
    knob = b.slider("lr, lowest value")
    knob.focus()
    for _ in range(5):
        b.page.keyboard.press("ArrowRight")
    assert b.param("lr")["low"] == pytest.approx(10 ** -4.75, rel=1e-2)  # twentieths of a decade, to three digits
    expect(b.slider("lr, lowest value")).to_be_focused()
    b.page.keyboard.press("PageUp")
    assert b.param("lr")["low"] == pytest.approx(10 ** -3.75, rel=1e-2)
    b.page.keyboard.press("End")
    assert b.param("lr")["low"] == b.param("lr")["high"] == 0.1
    b.page.keyboard.press("Home")
    assert b.param("lr")["low"] == 1e-6
    assert b.page.evaluate("keys") == 0  # nothing reached the page: JupyterLab has commands on these keys


def test_a_handle_is_dragged_with_the_mouse_and_the_draft_changes_once(bench):
    b = bench()
    knob, track = b.slider("lr, highest value"), b.card("lr").locator(".wbs-track").bounding_box()
    box = knob.bounding_box()
    b.page.mouse.move(box["x"] + 8, box["y"] + 8)
    b.page.mouse.down()
    b.page.mouse.move(box["x"] + 8 - track["width"] / 6, box["y"] + 8, steps=5)  # six decades are shown: one to the left
    expect(b.box("lr, highest value")).to_have_value("0.01")
    b.page.mouse.up()
    assert b.param("lr")["high"] == 0.01
    assert b.page.evaluate("model.sent") == 1


def test_low_cannot_be_pulled_over_high(bench):
    b = bench()
    b.drag(b.slider("momentum, lowest value"), b.card("momentum").locator(".wbs-tick").last)
    assert b.param("momentum")["low"] == b.param("momentum")["high"] == 0.99


def test_a_number_is_typed_exactly_and_the_focus_moves_on_with_tab(bench):
    b = bench()
    b.type("lr, lowest value", "0.000123456", end="Tab")
    assert b.param("lr")["low"] == 0.000123456
    expect(b.slider("lr, lowest value")).to_be_focused()


def test_what_is_typed_wrong_stays_in_the_box_with_the_reason_beside_it(bench):
    b = bench()
    box = b.box("lr, lowest value")
    box.fill("ten")
    expect(b.body("lr").locator(".wbs-err:visible")).to_contain_text("Float needs two finite numbers, got low='ten'")  # at once
    b.page.keyboard.press("Enter")
    expect(box).to_have_value("ten")
    expect(box).to_have_attribute("aria-invalid", "true")
    assert b.param("lr")["low"] == "ten"
    b.type("lr, lowest value", "5")
    expect(b.body("lr").locator(".wbs-err:visible")).to_contain_text("low must not exceed high, got low=5 and high=0.1")
    expect(b.page.locator(".wbs-state")).to_contain_text("not valid yet")
    b.type("lr, lowest value", "1e-3")
    expect(b.page.locator(".wbs-err:visible")).to_have_count(0)


def test_the_kernels_answer_does_not_disturb_somebody_typing(bench):
    b = bench()
    box = b.box("lr, lowest value")
    box.fill("0.00")
    b.page.evaluate("model.set('errors', {momentum: {low: 'the kernel says no'}})")
    expect(b.body("momentum").locator(".wbs-err:visible")).to_contain_text("the kernel says no")
    expect(box).to_be_focused()
    b.page.keyboard.type("1")
    expect(box).to_have_value("0.001")


def test_answers_to_older_drafts_are_not_shown(bench):
    b = bench(busy=True)
    b.type("lr, lowest value", "1e-4")
    b.page.evaluate("model.set('errors', {lr: {low: 'that was about the draft before'}})")
    expect(b.page.locator(".wbs-err:visible")).to_have_count(0)
    expect(b.page.locator(".wbs-state")).to_contain_text("the kernel is busy", timeout=3000)
    b.page.evaluate("model.answer()")
    expect(b.page.locator(".wbs-err:visible")).to_have_count(1)


def test_the_log_switch_changes_the_axis_and_explains_a_range_that_has_no_logarithm(bench):
    b = bench()
    ticks = b.card("lr").locator(".wbs-tick i")
    assert "10⁻⁵" in ticks.all_inner_texts()
    b.label("log for lr").click()
    assert "log" not in b.param("lr")
    assert "10⁻⁵" not in ticks.all_inner_texts()
    b.label("log for momentum").click()
    expect(b.body("momentum").locator(".wbs-err:visible")).to_contain_text("a log scale needs low > 0")


def test_the_type_switch_and_back_loses_nothing(bench):
    b = bench()
    before = b.param("lr")
    b.label("Type of lr").select_option("choice")
    assert b.param("lr") == {"name": "lr", "type": "choice", "options": [1e-5, 0.1]}
    b.label("Type of lr").select_option("int")
    b.label("Type of lr").select_option("float")
    assert b.param("lr") == before


def test_step_and_default_stand_under_more(bench):
    b = bench()
    b.button("Details of momentum").click()
    b.type("step of momentum", "0.33")
    b.type("default of momentum", "0.5")
    expect(b.body("momentum").locator(".wbs-err:visible")).to_contain_text("must be 0 plus a multiple of 0.33")
    b.type("default of momentum", "0.66")
    b.type("step of momentum", "")
    assert b.param("momentum") == make().to_json()["params"][2] | {"low": 0, "default": 0.66}


# ---- choices and conditions ----------------------------------------------------------------------------------------


def test_options_are_added_renamed_reordered_and_deleted(bench):
    b = bench()
    b.type("New option of optimizer", "lion")
    expect(b.label("New option of optimizer")).to_be_focused()  # ready for one more
    b.page.keyboard.type("8")
    b.page.keyboard.press("Enter")
    assert b.param("optimizer")["options"] == ["adam", "sgd", "rmsprop", "lion", 8]
    b.type("Option 2 of optimizer", "SGD")
    assert b.param("momentum")["when"] == {"optimizer": ["SGD", "rmsprop"]}  # conditions follow
    b.label("Option 1 of optimizer").focus()
    b.page.keyboard.press("Alt+ArrowRight")
    assert b.param("optimizer")["options"][:2] == ["SGD", "adam"]
    b.drag(b.card("optimizer").locator(".wbs-chip .wbs-grip").nth(0), b.card("optimizer").locator(".wbs-chip").nth(3))
    assert b.param("optimizer")["options"] == ["adam", "rmsprop", "lion", "SGD", 8]
    b.button("Delete option 8 of optimizer").click()
    b.label("ordered for optimizer").click()
    assert b.param("optimizer") == {"name": "optimizer", "type": "choice", "ordered": True,
                                    "options": ["adam", "rmsprop", "lion", "SGD"]}


def test_an_option_twice_is_refused_and_the_text_stays(bench):
    b = bench()
    b.type("Option 1 of optimizer", "sgd")
    expect(b.body("optimizer").locator(".wbs-err:visible")).to_contain_text("options must differ, got 'sgd' twice")
    expect(b.label("Option 1 of optimizer")).to_have_value("sgd")
    assert b.param("optimizer")["options"] == ["adam", "sgd", "rmsprop"]


def test_values_keep_their_type_through_the_boxes(bench):
    b = bench(wb.Space(x=wb.Choice(None, True, 1.5, "1.5", "None", "it's", "")))
    shown = [e.input_value() for e in b.card("x").locator(".wbs-chip input").all()]
    assert shown == ["None", "True", "1.5", "'1.5'", "'None'", "it's", "''"]
    b.type("Option 2 of x", "False")
    b.type("Option 3 of x", "'7'")
    assert b.param("x")["options"] == [None, False, "7", "1.5", "None", "it's", ""]


def test_a_parameter_is_made_conditional_by_dropdown_on_several_values_and_several_parents(bench):
    b = bench()
    b.button("Details of lr").click()
    b.label("Condition of lr").select_option("optimizer")
    assert b.param("lr")["when"] == {"optimizer": ["adam"]}
    b.body("lr").get_by_label("optimizer is sgd").check()
    assert b.param("lr")["when"] == {"optimizer": ["adam", "sgd"]}
    b.label("Condition 2 of lr").select_option("depth")  # a small Int is a parent, too
    b.body("lr").get_by_label("depth is 3").check()
    assert b.param("lr")["when"] == {"optimizer": ["adam", "sgd"], "depth": [1, 3]}
    expect(b.page.get_by_role("group", name="Active when optimizer is adam or sgd").locator(".wbs-card")).to_have_count(1)
    b.label("Condition 2 of lr").select_option("")
    b.label("Condition of lr").focus()
    b.label("Condition of lr").select_option("")
    assert "when" not in b.param("lr")
    expect(b.label("Condition of lr")).to_be_focused()


def test_a_card_is_dragged_onto_an_option_and_out_again(bench):
    b = bench()
    b.drag(b.button("Move depth"), b.card("optimizer").locator(".wbs-chip").nth(1))
    assert b.param("depth")["when"] == {"optimizer": ["sgd"]}
    branch = b.page.get_by_role("group", name="Active when optimizer is sgd or rmsprop")
    b.drag(b.button("Move lr"), branch.locator(".wbs-if").first)
    assert b.param("lr")["when"] == {"optimizer": ["sgd", "rmsprop"]}
    b.drag(b.button("Move depth"), b.label("Name of the new parameter"))
    assert "when" not in b.param("depth")


def test_a_card_cannot_be_dragged_onto_its_own_child_and_escape_ends_a_drag(bench):
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Choice("p", "q", when={"a": "x"}))
    b = bench(space)
    b.drag(b.button("Move a"), b.card("b").locator(".wbs-chip").first)
    assert b.draft == space.to_json()
    grip, chip = b.button("Move b").bounding_box(), b.card("a").locator(".wbs-chip").nth(1).bounding_box()
    b.page.mouse.move(grip["x"] + 5, grip["y"] + 5)
    b.page.mouse.down()
    b.page.mouse.move(chip["x"] + 20, chip["y"] + 5, steps=4)
    b.page.keyboard.press("Escape")
    b.page.mouse.up()
    assert b.draft == space.to_json()
    expect(b.page.locator(".wbs-ghost")).to_have_count(0)


def test_conditions_are_nested_to_any_depth(bench):
    params = {"p0": wb.Choice("x", "y")} | {f"p{k}": wb.Choice("x", "y", when={f"p{k - 1}": "x"}) for k in range(1, 8)}
    b = bench(wb.Space(params))
    assert b.page.locator(" ".join(f".wbs-card[data-name=p{k}]" for k in range(8))).count() == 1
    expect(b.page.locator(".wbs-summary")).to_contain_text("1 to 8 active at once · 9 configurations")


def test_children_of_a_deleted_option_go_with_it_and_come_back_by_undo(bench):
    b = bench()
    b.button("Delete option sgd of optimizer").click()
    assert b.param("momentum")["when"] == {"optimizer": ["rmsprop"]}
    b.button("Delete option rmsprop of optimizer").click()
    assert "momentum" not in b.names()
    expect(b.page.locator(".wbs-notice")).to_contain_text("only active with it: momentum")
    b.page.locator(".wbs-notice").get_by_role("button", name="Undo").click()
    b.page.get_by_role("button", name="Undo (Ctrl+Z)").click()
    assert b.draft == make().to_json() | {"params": json.loads(json.dumps(make().to_json()["params"]))}


# ---- parameters ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("button", "made"), [
    ("+ Float", {"type": "float", "low": 0, "high": 1}),
    ("+ Int", {"type": "int", "low": 1, "high": 10}),
    ("+ Choice", {"type": "choice", "options": ["a", "b"]}),
])
def test_a_parameter_is_added(bench, button, made):
    b = bench()
    b.label("Name of the new parameter").fill("fresh")
    b.button(button).click()
    assert b.param("fresh") == {"name": "fresh"} | made
    expect(b.label("Name of the new parameter")).to_have_value("")


def test_a_new_parameter_needs_a_name_of_its_own(bench):
    b = bench()
    b.button("+ Float").click()
    expect(b.page.locator(".wbs-add .wbs-err")).to_contain_text("Type a name first")
    b.label("Name of the new parameter").fill("lr")
    b.button("+ Float").click()
    expect(b.page.locator(".wbs-add .wbs-err")).to_contain_text("names must be unique, got 'lr' twice")
    assert b.draft == make().to_json()


def test_renaming_takes_conditions_and_forbidden_combinations_along(bench):
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Float(0, 1, when={"a": "x"}), c=wb.Int(1, 2), forbidden=[{"a": "y", "c": 2}])
    b = bench(space)
    b.type("Name of a", "solver")
    assert b.param("b")["when"] == {"solver": ["x"]}
    assert b.draft["forbidden"] == [{"solver": ["y"], "c": [2]}]
    b.type("Name of b", "c")
    expect(b.body("b").locator(".wbs-err:visible")).to_contain_text("names must be unique, got 'c' twice")
    expect(b.label("Name of b")).to_have_value("c")
    assert b.names() == ["solver", "b", "c"]


def test_deleting_a_parameter_takes_what_hangs_on_it_along(bench):
    b = bench()
    b.button("Delete optimizer").click()
    assert b.names() == ["lr", "depth"]
    expect(b.page.locator(".wbs-notice")).to_contain_text("Deleted optimizer, and with it momentum")


def test_cards_change_places_by_keyboard_and_by_mouse(bench):
    b = bench()
    b.button("Move lr").focus()
    b.page.keyboard.press("Alt+ArrowDown")
    assert b.names()[0] == "optimizer"
    expect(b.button("Move lr")).to_be_focused()
    b.drag(b.button("Move depth"), b.card("optimizer").get_by_label("Name of optimizer"))
    assert b.names() == ["depth", "optimizer", "lr", "momentum"]


def test_undo_and_redo_by_keys_and_a_box_keeps_its_own_undo(bench):
    b = bench()
    b.type("lr, lowest value", "1e-4")
    b.button("Delete depth").click()
    b.slider("lr, lowest value").focus()
    b.page.keyboard.press("Control+z")
    assert "depth" in b.names()
    b.page.keyboard.press("Control+z")
    assert b.draft["params"][0]["low"] == 1e-5
    b.page.keyboard.press("Control+Shift+z")
    b.page.keyboard.press("Control+y")
    assert "depth" not in b.names()
    b.box("lr, highest value").press_sequentially("99")
    b.page.keyboard.press("Control+z")  # of the typing, not of the space
    assert "depth" not in b.names()


def test_a_held_key_is_one_step_of_undo(bench):
    b = bench()
    b.slider("lr, lowest value").focus()
    for _ in range(8):
        b.page.keyboard.press("ArrowRight")
    b.page.keyboard.press("Control+z")
    assert b.param("lr")["low"] == 1e-5


def test_combinations_are_forbidden_and_allowed_again(bench):
    b = bench()
    b.label("Forbid optimizer rmsprop").check()
    b.label("Forbid optimizer adam").uncheck()
    b.label("Forbid depth 1").uncheck()
    expect(b.button("Forbid")).to_be_disabled()  # no value of depth
    b.label("Forbid depth 3").check()
    b.button("Forbid").click()
    assert b.draft["forbidden"] == [{"optimizer": ["rmsprop"], "depth": [3]}]
    expect(b.page.locator(".wbs-forbidden li")).to_contain_text("optimizer is rmsprop and depth is 3")
    b.button("Allow combination 1 again").click()
    assert b.draft["forbidden"] == []


def test_a_combination_has_several_values_of_three_parameters_and_is_changed_later(bench):
    b = bench(wb.Space(**make().params, size=wb.Choice("s", "m")))
    b.label("Forbid optimizer sgd").check()
    b.button("and …").click()
    expect(b.label("Forbidden parameter 3")).to_be_focused()
    expect(b.label("Forbidden parameter 3")).to_have_value("size")
    b.label("Forbid size m").check()
    b.button("Forbid").click()
    clause = {"optimizer": ["adam", "sgd"], "depth": [1], "size": ["s", "m"]}
    assert b.draft["forbidden"] == [clause]
    b.button("Change combination 1").click()
    b.button("Leave size out of the combination").click()
    b.label("Forbid depth 2").check()
    b.button("Take the change").click()
    assert b.draft["forbidden"] == [{"optimizer": ["adam", "sgd"], "depth": [1, 2]}]
    b.button("Undo (Ctrl+Z)").click()
    assert b.draft["forbidden"] == [clause]


# ---- summary, modes, looks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [
    wb.Space(a=wb.Choice("x", "y"), b=wb.Int(1, 4, when={"a": "x"}), c=wb.Float(0, 1, step=0.25, when={"b": [1, 2]}),
             d=wb.Choice(1, 2, 3)),
    wb.Space(a=wb.Choice("x", "y"), b=wb.Int(1, 4), c=wb.Choice("p", "q", when={"a": "y", "b": [2, 3]}),
             forbidden=[{"a": "x", "b": [1, 4]}, {"c": "p", "b": 2}]),
])
def test_the_summary_counts_as_brute_force_does(bench, space):
    import itertools

    levels = [space[n].values() for n in space]
    full = [dict(zip(space, values, strict=True)) for values in itertools.product(*levels)]
    configs = {tuple(sorted((n, str(v)) for n, v in c.items() if space.is_active(n, c))) for c in full}
    valid = [c for c in full if space.contains({n: v for n, v in c.items() if space.is_active(n, c)})]
    kept = {tuple(sorted((n, str(v)) for n, v in c.items() if space.is_active(n, c))) for c in valid}
    assert kept <= configs
    sizes = {len(c) for c in kept}
    b = bench(space)
    expect(b.page.locator(".wbs-summary")).to_have_text(
        f"{len(space)} parameters · {min(sizes)} to {max(sizes)} active at once · {len(kept)} configurations")


def test_the_code_can_be_copied_as_python_and_json(bench):
    b = bench(code=repr(make()))
    b.button("Code").click()
    assert b.label("Python").input_value() == repr(make())
    assert json.loads(b.label("JSON").input_value()) == make().to_json()
    b.page.locator(".wbs-codehead button").first.click()
    expect(b.page.locator(".wbs-codehead button").first).to_have_text("Copied")


def test_read_only_shows_everything_and_changes_nothing(bench):
    b = bench(editable=False)
    assert b.page.locator(":is(.wbs-root input):not([readonly]):not(:disabled), :is(.wbs-root select):not(:disabled)").count() == 0
    assert b.page.get_by_role("slider").count() == 0
    expect(b.box("lr, lowest value")).to_have_value("1e-5")
    expect(b.button("Delete lr")).to_have_count(0)
    b.page.locator(".wbs-more").first.click()
    assert b.page.locator(".wbs-details input:not([readonly]):not(:disabled), .wbs-details select:not(:disabled)").count() == 0
    assert b.page.evaluate("model.sent") == 0


def test_while_a_run_has_trials_a_range_changes_it_and_an_option_asks_for_a_new_run(bench):
    b = bench(locked=True, base=make().to_json())
    bar = b.page.get_by_role("group", name="A new run")
    b.type("lr, lowest value", "1e-4")
    b.slider("depth, highest value").press("ArrowRight")
    assert (b.param("lr")["low"], b.param("depth")["high"]) == (1e-4, 4)
    expect(bar).to_be_hidden()
    b.type("New option of optimizer", "lion")
    expect(bar).to_contain_text("This needs a new run, which imports the trials that still fit: the options of optimizer.")
    b.button("Make child run").click()
    assert b.page.evaluate("model.said") == [{"cmd": "child"}]
    expect(b.button("Make child run")).to_be_disabled()  # until Python has heard of it
    b.page.evaluate("model.hear({ cmd: 'child' })")
    expect(b.button("Make child run")).to_be_enabled()
    b.type("lr, lowest value", "9")
    expect(b.button("Make child run")).to_be_disabled()  # no space yet
    b.button("Take back").click()
    assert b.draft == json.loads(json.dumps(make().to_json()))
    expect(bar).to_be_hidden()
    b.button("Undo (Ctrl+Z)").click()
    expect(bar).to_be_visible()


def test_no_child_run_is_made_of_an_empty_space(bench):
    b = bench(wb.Space(x=wb.Float(0, 1)), locked=True, base=wb.Space(x=wb.Float(0, 1)).to_json())
    b.button("Delete x").click()
    expect(b.button("Make child run")).to_be_disabled()


def test_without_a_run_to_make_a_child_of_no_button_offers_one(bench):
    b = bench(locked=True, base=make().to_json(), offers_child=False)
    b.button("Delete depth").click()
    expect(b.page.get_by_role("group", name="A new run")).to_contain_text("depth is gone")
    expect(b.button("Make child run")).to_have_count(0)


def test_a_busy_kernel_is_said_to_keep_the_child_run_waiting(bench):
    b = bench(locked=True, base=make().to_json())
    b.button("Delete depth").click()
    b.button("Make child run").click()
    expect(b.page.locator(".wbs-state")).to_contain_text("the kernel is busy; your child run is waiting")


def test_hostile_names_are_text(bench):
    space = wb.Space({HOSTILE: wb.Choice(HOSTILE, "b"), "__proto__": wb.Float(0, 1, when={HOSTILE: HOSTILE}),
                      "constructor": wb.Int(1, 2)}, forbidden=[{HOSTILE: HOSTILE, "constructor": 2}])
    b = bench(space, errors={HOSTILE: {"options": HOSTILE}})
    assert b.page.locator("img").count() == 0
    assert b.page.get_by_role("group", name=f"Active when {HOSTILE} is {HOSTILE}").count() == 1
    b.type("Name of constructor", "<script>alert(2)</script>")
    b.type("New option of " + HOSTILE, "</textarea><img src=x onerror=alert(3)>")
    b.button("Code").click()
    assert b.page.locator("img, script").count() == 0
    assert b.names() == [HOSTILE, "__proto__", "<script>alert(2)</script>"]


@pytest.mark.parametrize("draft", [
    {},
    {"params": 7},
    {"params": [None, {"name": "a"}]},
    {"params": [{"name": "a", "type": "evil", "low": {}, "high": []}]},
    {"params": [{"name": "a", "type": "choice", "when": {"a": ["x"]}}]},
    {"params": [{"type": "int", "low": 3}], "forbidden": [None, {"q": 3}]},
    {"params": [{"name": "a", "type": "float", "low": 0, "high": 1e308, "log": True},
                {"name": "a", "type": "int", "low": -1e300, "high": 1e300}]},
    {"params": [{"name": "a", "type": "choice", "options": [1, 2], "when": {"b": [1]}},
                {"name": "b", "type": "choice", "options": [1, 2], "when": {"a": [1]}}]},
])
def test_a_malformed_draft_is_drawn_all_the_same(bench, draft):
    b = bench(draft)
    expect(b.label("Name of the new parameter")).to_be_visible()
    b.label("Name of the new parameter").fill("fresh")
    b.button("+ Float").click()
    assert b.param("fresh")


def test_every_control_has_a_name_and_errors_are_tied_to_their_boxes(bench):
    b = bench()
    b.button("Details of momentum").click()
    b.button("Details of optimizer").click()
    nameless = b.page.evaluate("""[...document.querySelectorAll('.wbs :is(input, select, button, textarea, [role=slider])')]
        .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label'))).length""")
    assert nameless == 0
    described = b.box("lr, lowest value").get_attribute("aria-describedby")
    assert b.page.locator(f"[id='{described}']").count() == 1


@pytest.mark.parametrize("width", [500, 420, 360])
def test_nothing_sticks_out_of_a_narrow_column(bench, width):
    b = bench(prior={"lr": {1e-3: 1, (1e-4, 1e-2): 2}, "optimizer": {"sgd": 2, "adam": 1}}, locked=True, base=make().to_json())
    b.page.set_viewport_size({"width": width, "height": 900})
    b.button("Details of momentum").click()
    b.button("Details of lr").click()
    b.type("New option of optimizer", "a rather long name of an option")
    for name in ("Help: keys", "Code", "Paste"):
        b.button(name).click()
    assert b.page.evaluate("document.documentElement.scrollWidth") <= width
    n_out = b.page.evaluate("""(width) => [...document.querySelectorAll('.wbs :is(button, input, select, .wbs-knob)')].filter((e) =>
        e.getClientRects().length && !e.closest('.wbs-scroll, .wbs-sr') && e.getBoundingClientRect().right > width).length""", width)
    assert n_out == 0


def test_in_a_large_space_a_change_of_one_number_redraws_one_card(bench):
    models = {f"model {k}": [f"model {k}: p{j}" for j in range(12)] for k in range(15)}
    params = {"model": wb.Choice(*models)} | {n: wb.Float(1e-3, 1, log=True, when={"model": m})
                                              for m, ns in models.items() for n in ns}
    layers = {f"l{k}{s}": wb.Choice(1, 2, when={f"l{k - 1}{t}": 1 for t in "ab"} if k else None)
              for k in range(12) for s in "ab"}
    b = bench(wb.Space(params | layers))  # 205 parameters; twelve layers of two parents each: 4096 paths
    assert b.page.locator(".wbs-card").count() == 205
    b.page.evaluate("document.querySelectorAll('.wbs-body').forEach((e) => { e.old = true; })")
    b.slider("model 0: p0, lowest value").focus()
    for _ in range(5):
        b.page.keyboard.press("ArrowRight")
    assert b.param("model 0: p0")["low"] == pytest.approx(10 ** -2.75, rel=1e-2)
    assert b.page.evaluate("[...document.querySelectorAll('.wbs-body')].filter((e) => !e.old).length") == 1
    expect(b.page.locator(".wbs-summary")).to_contain_text("15 to 37 active at once")  # 1 + 12 + the first layer, or all


def test_a_closed_view_listens_no_more(bench):
    b = bench()
    b.page.evaluate("close()")
    b.page.evaluate("model.set('draft', {params: []})")
    assert b.card("lr").count() == 1


# ---- in JupyterLab -------------------------------------------------------------------------------------------------

CELL = """
import time
import ipywidgets
import workbench as wb
from workbench_widgets.space_editor import SpaceEditor
space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd", "rmsprop"),
                 momentum=wb.Float(0.0, 0.99, when={"optimizer": ["sgd", "rmsprop"]}), depth=wb.Int(1, 3),
                 units_3=wb.Int(16, 512, log=True, when={"depth": 3}), forbidden=[{"optimizer": "rmsprop", "depth": 3}])
editor, said = SpaceEditor(space), ipywidgets.Label("waiting")
def heard(change):
    said.value = "python has " + repr(change["new"]).replace("\\n", " ")
editor.observe(heard, "space")
ipywidgets.VBox([editor, said])
"""


def test_edits_reach_python_and_wrong_ones_do_not(notebook):
    page = notebook([CELL])
    said = page.locator(".widget-label", has_text="python has")
    low = page.get_by_role("slider", name="lr, lowest value")
    low.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("lr=wb.Float(1.78e-05, 0.1, log=True)")
    expect(low).to_be_focused()
    box = page.get_by_role("textbox", name="lr, lowest value")
    box.fill("7")
    box.press("Enter")
    expect(page.locator(".wbs-err:visible")).to_contain_text("low must not exceed high")
    page.wait_for_function("document.querySelector('.wbs-err:not([hidden])').textContent.includes('low=7.0')")  # Python's words
    expect(said).to_contain_text("lr=wb.Float(1.78e-05, 0.1")
    notebook.both(page, "-error")
    page.keyboard.press("Control+z")
    expect(page.locator(".wbs-err:visible")).to_have_count(0)
    page.get_by_label("Name of the new parameter").fill("dropout")
    page.get_by_role("button", name="+ Float", exact=True).click()
    expect(said).to_contain_text("dropout=wb.Float(0.0, 1.0)")
    grip, chip = page.get_by_role("button", name="Move dropout").bounding_box(), page.locator(".wbs-chip").nth(1).bounding_box()
    page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(chip["x"] + 30, chip["y"] + 10, steps=8)
    notebook.shot(page, "-drag")
    page.mouse.up()
    expect(said).to_contain_text("when={'optimizer': 'sgd'}")
    page.get_by_role("button", name="Details of dropout").click()
    notebook.both(page)


KERNEL = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"


@pytest.mark.skipif(tuple(map(int, version("ipykernel").split(".")[:2])) < (7, 4),
                    reason="older kernels answer edits beside the cell, so none ever waits")
def test_it_works_while_the_kernel_is_busy(notebook):
    page = notebook([CELL])
    low = page.get_by_role("textbox", name="lr, lowest value")
    expect(low).to_be_visible()
    page.evaluate(f"{{ {KERNEL}.requestExecute({{ code: 'time.sleep(8)' }}); }}")
    page.wait_for_function(f"{KERNEL}.status === 'busy'")
    low.fill("3")
    low.press("Enter")
    expect(page.locator(".wbs-err:visible")).to_contain_text("low must not exceed high", timeout=2000)
    low.fill("0.001")
    low.press("Enter")
    page.get_by_role("button", name="Delete depth", exact=True).click()
    expect(page.locator(".wbs-card")).to_have_count(3, timeout=2000)
    assert page.evaluate(f"{KERNEL}.status") == "busy"
    expect(page.locator(".wbs-state")).to_contain_text("the kernel is busy; your edit is waiting")
    said = page.locator(".widget-label", has_text="python has")
    expect(said).to_contain_text("lr=wb.Float(0.001, 0.1", timeout=20_000)
    assert "depth" not in said.inner_text()
    expect(page.locator(".wbs-state")).to_be_empty()


def test_a_reload_shows_the_draft_as_it_was(notebook):
    page = notebook([CELL])
    box = page.get_by_role("textbox", name="lr, lowest value")
    box.fill("ten")
    box.press("Enter")
    page.wait_for_function("document.querySelector('.wbs-err:not([hidden])')?.textContent.includes(\"low='ten'\")")
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(500)
    page.reload()
    page.wait_for_selector(".wbs-card")
    expect(page.get_by_role("textbox", name="lr, lowest value")).to_have_value("ten")
    expect(page.locator(".wbs-err:visible")).to_contain_text("Float needs two finite numbers")


FAINT = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (c) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const over = ([r, g, b, a], under) => [r, g, b].map((v, k) => v * a / 255 + under[k] * (1 - a / 255));
  const back = (e) => (e === null ? [255, 255, 255] : e.matches('.wbs-tick, .wbs-track') ? back(e.parentElement) : over(rgba(getComputedStyle(e).backgroundColor), back(e.parentElement)));
  const light = (c) => c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, k) => s + v * [0.2126, 0.7152, 0.0722][k], 0);
  const texts = [...document.querySelectorAll('.wbs *')].filter((e) => e.getClientRects().length && !e.matches(':disabled, option, .wbs-sr')
    && (e.matches('input[type=text]') || [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())));
  return [texts.length, texts.map((e) => {
    const under = back(e), [a, b] = [light(over(rgba(getComputedStyle(e).color), under)), light(under)];
    return [e.className || e.tagName, e.textContent, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  }).filter(([, , ratio]) => ratio < 4.5)]; }"""


def test_all_text_stands_out_in_both_themes_also_read_only_and_locked(notebook):
    page = notebook([CELL + "\nipywidgets.VBox([SpaceEditor(space, editable=False), SpaceEditor(space, locked=True), editor])"])
    expect(page.locator(".wbs")).to_have_count(3)
    page.get_by_role("textbox", name="lr, lowest value").last.fill("ten")
    for theme in (notebook.light, notebook.dark):
        theme(page)
        n, faint = page.evaluate(FAINT)
        assert n > 100
        assert faint == []  # contrast of at least 4.5 : 1
    notebook.light(page)
    notebook.both(page)


def ask(page, code):
    """What this code prints in the notebook's kernel."""
    return page.evaluate(f"""(code) => new Promise((done) => {{
        {KERNEL}.requestExecute({{ code }}).onIOPub = (m) => {{ if (m.content.text) done(m.content.text.trim()); }}; }})""", code)


def test_in_the_panel_of_a_run_it_edits_the_space_of_the_run(notebook):
    page = notebook([CELL + "run = wb.optimize(lambda c: c['lr'], space, n_trials=3)\nrun"])
    page.locator(".wb-panel").get_by_role("button", name="Space").click()
    page.locator(".wb-panel").get_by_role("slider", name="lr, lowest value").focus()
    page.keyboard.press("PageUp")
    page.keyboard.press("s")  # a key of the panel: in the editor it is not one
    page.wait_for_timeout(500)
    for _ in range(40):
        if ask(page, "print(run.space['lr'].low)") == "0.0001":
            break
        page.wait_for_timeout(250)
    assert ask(page, "print(f\"{run.space['lr'].low} {len(run.trials)}\")") == "0.0001 0"  # one message
    notebook.both(page)
