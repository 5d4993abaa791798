"""Numbers in the sentences of schedulers."""

from __future__ import annotations


def steps(n: int) -> str:
    """Write "1 step", "2 steps"."""
    return f"{n} step{'s' * (n != 1)}"


def go_on(n: int) -> str:
    """Write "1 goes on", "2 go on"."""
    return f"{n} go{'es' * (n == 1)} on"
