import math
import traceback

import pytest

from workbench_widgets.words import first_line, number, short


@pytest.mark.parametrize(("value", "text"), [
    (None, ""), (0.0, "0"), (3.0, "3"), (-3.0, "−3"), (0.03123, "0.0312"), (1234.5678, "1235"), (1e-7, "1.00×10⁻⁷"),
    (float("nan"), "–"), (math.inf, "∞"), (-0.5, "−0.500")])
def test_numbers_have_three_significant_digits(value, text):
    assert number(value) == text


def test_long_values_are_cut_with_an_ellipsis():
    assert short("x" * 100) == "x" * 39 + "…"
    assert short(True) == "True"
    assert short(None) == "None"


def raised(error):
    try:
        raise error
    except Exception:
        return traceback.format_exc()


def test_the_first_line_of_a_traceback_names_the_error():
    assert first_line(raised(ValueError("too large"))) == "ValueError: too large"
    assert first_line(raised(ValueError("first\nsecond\n  third"))) == "ValueError: first"
    assert first_line("time limit of 3 s reached") == "time limit of 3 s reached"
    assert first_line(None) == ""
    assert first_line("  \n") == ""


def test_the_first_line_is_that_of_the_last_error_in_a_chain():
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise RuntimeError("outer") from inner
    except RuntimeError:
        assert first_line(traceback.format_exc()) == "RuntimeError: outer"
