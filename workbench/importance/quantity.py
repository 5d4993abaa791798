"""What a surrogate predicts, as a person calls it."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True)
class Quantity:
    """Name and sign of what was measured: losses are minimised, but whoever maximises wants to see their own values.

    Attributes
    ----------
    name
        For axes and tables: "loss", "accuracy", "loss after 27 steps".
    sign
        -1 if the user maximises: the value is then the negative loss.
    """

    name: str = "loss"
    sign: float = 1.0

    def value(self, loss: float) -> float:
        """Turn a loss into the user's value."""
        return self.sign * loss + 0.0  # no "-0"

    @property
    def better(self) -> str:
        """Which values are the better ones."""
        return "larger is better" if self.sign < 0 else "smaller is better"


LOSS = Quantity()


def as_html(title: str, sentences: Iterable[str], frame: pd.DataFrame) -> str:
    """Write a table under its title and what it says in words; columns without a word are left out."""
    frame = frame.loc[:, [bool((frame[c] != "").any()) for c in frame.columns]] if len(frame) else frame
    said = "".join(f"<p>{html.escape(s)}</p>" for s in sentences)
    table = frame.to_html(escape=True, index=False, na_rep="–", float_format=lambda v: f"{v:.4g}", max_rows=60)
    return f"<p><b>{html.escape(title)}</b></p>{said}{table}"
