"""Of the importance panel: what is asked, how it is answered beside the run, and how answers read in a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from workbench.evidence import Evidence
from workbench.importance.ablation import Ablation, ablation
from workbench.importance.fanova import Fanova, fanova
from workbench.importance.local import LocalImportance, local_importance
from workbench.importance.tunability import Task, Tunability, tunability
from workbench.optuna_importance import PedAnova, ped_anova
from workbench.plots import fanova as fanova_plots
from workbench.plots.ablation import ablation as draw_ablation
from workbench.plots.local_importance import local_importance as draw_local
from workbench.plots.ped_anova import ped_anova as draw_ped_anova
from workbench.plots.tunability import tunability as draw_tunability
from workbench.space import Config

Kind = Literal["fanova", "ped_anova", "local", "tunability", "ablation"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Found = Fanova | PedAnova | LocalImportance | Tunability | Ablation
FULL_TREES, LIVE_TREES = 64, 16  # at rest, as Run.importance; while the run goes on


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes
    ----------
    loss, budget
        Which losses, as in ``Insight``; None: the only one, and whatever budget fits.
    around
        Trial around which, or to which the path leads; None: the best.
    """

    kind: Kind
    loss: str | None
    budget: int | None
    around: int | None
    n_trees: int

    @property
    def code(self) -> str:
        """Python code that asks the same of ``run``."""
        call, first = {"fanova": ("importance", ""), "ped_anova": ("importance", '"ped_anova"'), "tunability": ("tunability", ""),
                       "local": ("local_importance", ""), "ablation": ("ablation", "")}[self.kind]
        around = {"local": f"at={self.around}", "ablation": f"end={self.around}"}.get(self.kind, "")
        given = [first, around if self.around is not None else "", f"loss={self.loss!r}" if self.loss is not None else "",
                 f"budget={self.budget}" if self.budget is not None else ""]
        return f"run.{call}({', '.join(g for g in given if g)})"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Numbers, and what is read off them for tables: computed beside the run too.

    Attributes
    ----------
    shares, alone
        How much each parameter matters (``shares_of``); and alone, where the answer knows of others too.
    summary
        What was found, in a sentence.
    """

    found: Found
    shares: Mapping[str, float]
    alone: Mapping[str, float]
    csv: str
    summary: str

    @classmethod
    def of(cls, found: Found) -> Outcome:
        """Read the tables off the numbers."""
        alone = found.shares() if isinstance(found, Fanova) else {}
        said = fanova_plots.summary(found) if isinstance(found, Fanova) else found.summary()
        return cls(found, shares_of(found), alone, str(found.frame().to_csv(index=False)), said)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What was found.

    Attributes
    ----------
    outcome
        The numbers, and what is read off them.
    version
        Which state of the panel's trials it is of.
    newest
        Number of the trial whose result was the last one known.
    """

    question: Question
    seen: Evidence
    outcome: Outcome
    version: int
    newest: int

    @property
    def found(self) -> Found:
        """The numbers."""
        return self.outcome.found


def find(q: Question, seen: Evidence, around: tuple[Config, str], check: Callable[[], None]) -> Outcome:
    """Answer a question, with the seed of ``Run.importance``; ``around``: a configuration and what it is called."""
    found = _found(q, seen, around, check)
    check()
    return Outcome.of(found)


def _found(q: Question, seen: Evidence, around: tuple[Config, str], check: Callable[[], None]) -> Found:
    space, x, y, quantity = seen.space, seen.x, seen.y, seen.quantity
    config, name = around
    match q.kind:
        case "ped_anova":
            return ped_anova(space, x, y, quantity=quantity)
        case "local":
            return local_importance(space, x, y, config=config, name=name, n_trees=q.n_trees, quantity=quantity)
        case "tunability":
            return tunability(Task(space, x, y), n_trees=q.n_trees, quantity=quantity)
        case "ablation":
            return ablation(space, x, y, end=config, names=("the default", name), n_trees=q.n_trees, quantity=quantity)
    found = fanova(space, x, y, n_trees=q.n_trees, quantity=quantity)
    check()
    for k, a in enumerate(found.names):  # they are kept, and drawn later on another thread
        for b in found.names[k + 1:]:
            found.pair(a, b)
            check()
    return found


def picture_of(found: Found, chosen: tuple[str, ...] = ()) -> dict[str, Any]:
    """Draw an answer; ``chosen`` is the bar of functional ANOVA whose curve or map stands beside it."""
    match found:
        case Fanova():
            return fanova_plots.importance(found, chosen)
        case PedAnova():
            return draw_ped_anova(found)
        case LocalImportance():
            return draw_local(found)
        case Tunability():
            return draw_tunability(found)
        case Ablation():
            return draw_ablation(found)


def shares_of(found: Found) -> dict[str, float]:
    """Return how much each parameter matters, as a share; nan where the answer does not say.

    Of functional ANOVA: alone and in pairs. Of tunability: what tuning it adds, alone or beside one other. Of an ablation path:
    the change of the loss that it makes there, of all changes.
    """
    match found:
        case Fanova():
            return found.shares(with_pairs=True)
        case PedAnova() | LocalImportance():
            return dict(zip(found.names, found.single.tolist(), strict=True))
        case Tunability():
            return _gains(found)
        case Ablation():
            change = dict.fromkeys(found.space.names, math.nan)
            for s in found.steps:
                for name in s.names:
                    change[name] = abs(s.gain) / len(s.names)
            whole = sum(v for v in change.values() if not math.isnan(v)) or 1.0
            return {name: v / whole for name, v in change.items()}


def _gains(found: Tunability) -> dict[str, float]:
    alone = found.gain
    gains = dict(zip(found.names, alone.tolist(), strict=True))
    for a, b, gain, _ in found.pairs() if found.double is not None else ():
        for one, other in ((a, b), (b, a)):
            gains[one] = float(np.fmax(gains[one], gain - np.nan_to_num(alone[found.space.column(other)])))
    whole = found.total_gain or 1.0
    return {name: gain / whole for name, gain in gains.items()}
