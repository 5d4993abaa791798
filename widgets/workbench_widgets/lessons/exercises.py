"""Exercises that check themselves: the answer is right, not yet right, or not there yet. Never an exception."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check says; ``right`` is None while there is no answer."""

    right: bool | None
    text: str

    def __repr__(self) -> str:
        """Give the words."""
        return self.text

    def _repr_html_(self) -> str:
        mark = {True: "✓", False: "✗", None: "…"}[self.right]
        return f"<p><b>{mark}</b> {html.escape(self.text)}</p>"


def check(answer: T | None, is_right: Callable[[T], object], hint: str, because: str) -> Verdict:
    """Check an answer.

    Parameters
    ----------
    answer
        A value or a function of the learner's; None while there is none.
    is_right
        Whether it is right. What it raises counts as not right, and is shown: the learner's function may raise anything.
    hint
        Helps on after a wrong answer.
    because
        Says why a right answer is right.
    """
    if answer is None:
        return Verdict(None, "Not answered yet: put your answer into the cell and run it again.")
    try:
        right = bool(is_right(answer))
    except Exception as error:  # noqa: BLE001 - shown to the learner
        if "ellipsis" in str(error):
            return Verdict(None, "Not answered yet: put your code in the place of the dots.")
        return Verdict(False, f"Not yet: {type(error).__name__}: {error}. {hint}")
    return Verdict(True, f"Right. {because}") if right else Verdict(False, f"Not yet. {hint}")
