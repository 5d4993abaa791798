"""Numbers as people write them, for the sentences that explain a suggestion."""

from __future__ import annotations


def about(mean: float, sd: float) -> str:
    """Write a prediction and its standard deviation: "0.0281 ± 0.0042", "989 ± 1000"."""
    return f"{mean:.3g} ± {f'{sd:.0f}' if 99.5 <= sd < 1e5 else f'{sd:.2g}'}"
