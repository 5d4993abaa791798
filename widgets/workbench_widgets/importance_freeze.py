"""Of the importance panel: what could be held fixed because it does not matter, and what a run without it would begin with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.child import foresee
from workbench.errors import WorkbenchError
from workbench.plots import fanova as fanova_plots
from workbench.recording import Recording
from workbench.run import Run
from workbench.space import Config, Space
from workbench_widgets.family import free_name
from workbench_widgets.importance_ask import Answer
from workbench_widgets.words import short

Take = Literal["all", "near", "exact"]
TAKES: dict[Take, str] = {"all": "whatever they had there", "near": "those near these values", "exact": "those with these values"}
THRESHOLD = 5  # per cent: what explains less is proposed to be held fixed


@dataclass
class Freeze:
    """Which parameters are ticked: those below the threshold, and whatever the user has said otherwise.

    Attributes
    ----------
    below
        Threshold in per cent.
    said
        What the user has ticked and unticked, by name.
    picked
        Hold the values of the picked trial, not those of the best.
    take
        Which trials the child begins with (see ``Run.child``): all, by default, for what is held hardly matters.
    """

    below: float = THRESHOLD
    said: dict[str, bool] = field(default_factory=dict)
    picked: bool = False
    take: Take = "all"

    def ticked(self, shares: Mapping[str, float], config: Config) -> list[str]:
        """Return the names that are ticked: only parameters that ``config`` has a value for can be."""
        return [name for name, share in shares.items() if name in config and self.said.get(name, 100 * share < self.below)]

    def fixed(self, answer: Answer, config: Config) -> Config:
        """Return the values that are ticked."""
        return {name: config[name] for name in self.ticked(answer.outcome.shares, config)}


def hint(space: Space, name: str, config: Config, share: float, trial: str) -> str:
    """Say why a parameter is not proposed; "" if the number says it."""
    if name not in config:
        parent = " and ".join(f"{p} is {config[p]}" for p, _ in space[name].when if p in config)
        return f"inactive in {trial}{f', where {parent}' if parent else ''}"
    return "the same at both ends of the path" if math.isnan(share) else ""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would happen.

    Attributes
    ----------
    stay
        Parameters that the child would search.
    words
        It in sentences.
    can
        Whether it can be done here.
    """

    stay: tuple[str, ...]
    words: str
    can: bool


def foreseen(run: Run | Recording, space: Space, fixed: Config, *, trial: str, take: Take) -> Foreseen:
    """Say what a child with these values would search, and how many trials it would begin with."""
    if not fixed:
        return Foreseen(space.names, "Nothing is ticked: tick what shall be held fixed.", False)
    try:
        if isinstance(run, Recording):
            return Foreseen((), f"{_held(fixed, trial)} This is a recording: the code below does it with the run itself.", False)
        left, descent = foresee(run, fixed=fixed, import_trials=take)
    except WorkbenchError as error:
        return Foreseen((), str(error), False)
    stay = () if left is None else left.names
    n, of = descent.n_imported, descent.n_imported + descent.n_left_out
    gone = [name for name in space.names if name not in stay and name not in fixed]
    used = f"{n} of {of} trials can be used." if n < of else f"All {of} trials can be used."
    words = [f"{_count(len(stay), len(space))} {_listed(stay)}.", _held(fixed, trial),
             f"{', '.join(gone)} cannot be active then." if gone else "", used]
    if run.read_only:
        words.append("This run is only watched: give run.child an objective too.")
    return Foreseen(stay, " ".join(w for w in words if w), not run.read_only)


def _held(fixed: Config, trial: str) -> str:
    return f"{len(fixed)} {'is' if len(fixed) == 1 else 'are'} held at the values of {trial}."


def _count(n: int, of: int) -> str:
    return f"{n} of {of} parameters {'stays' if n == 1 else 'stay'}:"


def _listed(names: tuple[str, ...], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def content(run: Run | Recording, answer: Answer, freeze: Freeze, holder: tuple[Config, str], seen: Foreseen) -> dict[str, Any]:
    """Return what the section shows: a row a parameter, the largest share first, and what would happen.

    ``holder``: the configuration whose values are held, and what it is called.
    """
    space, shares, alone, (config, trial) = answer.seen.space, answer.outcome.shares, answer.outcome.alone, holder
    fixed = freeze.fixed(answer, config)
    order = sorted(space.names, key=lambda name: (math.isnan(shares[name]), -shares[name]))
    rows = [{"name": name, "share": percent(shares[name]), "alone": percent(alone[name]) if alone else "",
             "width": 0.0 if math.isnan(shares[name]) else round(100 * min(max(shares[name], 0.0), 1.0), 1),
             "on": name in fixed, "can": name in config, "value": short(config[name]) if name in config else "",
             "note": hint(space, name, config, shares[name], trial.split(",", maxsplit=1)[0])} for name in order]
    return {"rows": rows, "below": freeze.below, "picked": freeze.picked, "words": seen.words, "can": seen.can,
            "takes": [list(pair) for pair in TAKES.items()], "take": freeze.take,
            "code": code_of(run, fixed, freeze.take) if fixed else "", "alone": bool(alone), "trial": trial}


def percent(share: float) -> str:
    """Write a share; a dash where there is none."""
    return "–" if math.isnan(share) else fanova_plots.percent(max(share, 0.0))


def code_of(run: Run | Recording, fixed: Mapping[str, Any], take: Take) -> str:
    """Return Python code that makes and starts that child."""
    name = free_name(run) if isinstance(run, Run) else None
    more = (f", import_trials={take!r}" if take != "near" else "") + (f", name={name!r}" if name is not None else "")
    objective = ", objective=objective" if run.read_only else ""
    return f"child = run.child(fixed={dict(fixed)!r}{more}{objective})\nchild.start()"
