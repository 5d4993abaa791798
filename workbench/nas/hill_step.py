"""What a step of hill climbing tells: a child and its parent, what was done to it, and who goes on.

No torch is needed to read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.history import Explanation
from workbench.nas.net_plan import NetPlan


@dataclass(frozen=True, slots=True, eq=False)
class Child(Explanation):
    """A network of the search after its training.

    Attributes
    ----------
    name, parent
        "2.3" is the third child of the second climb; the first network is "0.1" and has no parent.
    morphisms
        What was done to the parent, in words; nothing for the child that is the parent itself.
    plan
        Its layers, as JSON data (``NetPlan.from_json``).
    inherited, accuracy
        Accuracy on the validation data before and after its training.
    train_loss
        Mean loss in its last epoch.
    parameters, epochs, cpu_s
        Weights, epochs of its training, and the CPU seconds that these took.
    """

    name: str
    parent: str
    morphisms: tuple[str, ...]
    plan: dict[str, Any]
    inherited: float
    accuracy: float
    train_loss: float
    parameters: int
    epochs: int
    cpu_s: float

    def summary(self) -> str:
        """Say what it is and what became of it."""
        done = "; ".join(self.morphisms) or ("the first network" if not self.parent else "its parent, trained on")
        return (f"{self.name}: {done}. {self.parameters} weights; accuracy {100 * self.inherited:.1f} % before its training, "
                f"{100 * self.accuracy:.1f} % after it.")


@dataclass(frozen=True, slots=True, eq=False)
class HillStep(Explanation):
    """Where the climb stands after a child was trained.

    Attributes
    ----------
    climb
        0 for the first network, then 1, 2, …
    parent
        Name of the network that this climb started from; "" for the first.
    children
        Those of this climb that are trained so far, the newest last.
    best
        Name of the one that would go on now.
    total_cpu_s
        CPU seconds of all training so far.
    over
        Whether all of this climb's children are trained.
    """

    climb: int
    parent: str
    children: tuple[Child, ...]
    best: str
    total_cpu_s: float
    over: bool

    @property
    def child(self) -> Child:
        """The one that was trained in this step."""
        return self.children[-1]

    @property
    def winner(self) -> Child:
        """The one that would go on."""
        return next(c for c in self.children if c.name == self.best)

    @property
    def plan(self) -> NetPlan:
        """Layers of the one that would go on."""
        return NetPlan.from_json(self.winner.plan)

    @property
    def layers(self) -> tuple[str, ...]:
        """Its layers in words, one text a layer."""
        plan = self.plan
        return tuple(f"{k.name}: {plan.says(k.name)}" for k in plan.layers)

    @property
    def epochs_alike(self) -> int:
        """For how many epochs the winner could be trained in all the time that the search has taken."""
        return max(1, round(self.total_cpu_s / max(self.winner.cpu_s, 1e-9) * self.winner.epochs))

    def summary(self) -> str:
        """Say which child goes on."""
        if len(self.children) == 1 and self.over:
            return self.child.summary()
        best = self.winner
        done = "; ".join(best.morphisms) or "no morphism, only more training"
        word = "goes on" if self.over else "is ahead"
        return (f"Of {len(self.children)} children of {self.parent}, {best.name} {word} with {100 * best.accuracy:.1f} % "
                f"({best.parameters} weights): {done}.")
