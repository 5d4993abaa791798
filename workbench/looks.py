"""All looks that a run with ``CurveStop`` has taken at its learning curves, and what another δ would have made of them.

A look keeps its probability, so another δ needs no new forecast: the trial would have stopped at its first look below that δ.
Two things cannot be known. What was stopped has no end, so nobody knows whether it was right; and what a smaller δ would have let
go on would have been looked at again. The best at each look is the run's, though another δ might have lost it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from workbench.events import Event, Folded, TrialFinished, TrialJudged
from workbench.fidelity.curve_stop import CurveForecast

Outcome = Literal["stopped rightly", "stopped wrongly", "stopped, nobody knows", "goes on", "goes on, nobody knows"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a δ would have made of a trial.

    Attributes
    ----------
    look
        The one that stops it; None if it goes on.
    saved
        Steps that it then would not have had, of T.
    """

    trial: int
    outcome: Outcome
    look: CurveForecast | None
    saved: int


class Looks(Folded):
    """Looks by trial, in their order, and how trials ended; kept up to date by ``fold``."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.by_trial: dict[int, list[CurveForecast]] = {}
        self.ends: dict[int, float | None] = {}  # the last loss of a trial that is complete; None for the others
        self.newest: int | None = None
        self.spent_s = 0.0
        self.fold(events)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        for e in events:
            match e:
                case TrialJudged(why=CurveForecast(looked=True) as why):
                    self.by_trial.setdefault(e.trial, []).append(why)
                    self.newest = e.trial
                    self.spent_s += why.seconds
                case TrialFinished():
                    assert not isinstance(e.loss, tuple)
                    self.ends[e.trial] = e.loss if e.state == "complete" else None
                case _:
                    pass

    def __len__(self) -> int:
        """Return how many looks there were."""
        return sum(len(some) for some in self.by_trial.values())

    @property
    def delta(self) -> float | None:
        """The run's own δ; None before the first look."""
        return None if self.newest is None else self.by_trial[self.newest][-1].delta

    def judge(self, delta: float) -> list[Judged]:
        """Say of every trial that was looked at what this δ would have made of it."""
        return [self._judge(trial, looks, delta) for trial, looks in list(self.by_trial.items())]

    def _judge(self, trial: int, looks: list[CurveForecast], delta: float) -> Judged:
        stop = next((look for look in looks if look.probability < delta), None)
        end = self.ends.get(trial)
        if stop is None:
            return Judged(trial, "goes on" if looks[-1].action == "go" else "goes on, nobody knows", None, 0)
        saved = stop.max_steps - stop.step
        if end is None:
            return Judged(trial, "stopped, nobody knows", stop, saved)
        return Judged(trial, "stopped wrongly" if end < stop.best else "stopped rightly", stop, saved)
