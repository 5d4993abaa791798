"""The steps of a search that is no list of trials (one-shot NAS, meta-training), folded from its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from workbench.events import Event, Folded, RunStarted, StepTaken
from workbench.history import Explanation
from workbench.nas.relaxation import Relaxation


class Steps(Folded):
    """What steps were taken, in order.

    Attributes
    ----------
    started
        What the search was when it last began or went on; None if the log does not tell.
    taken
        All steps.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.started: RunStarted | None = None
        self.taken: list[StepTaken] = []
        self.fold(events)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        for e in events:
            match e:
                case StepTaken():
                    self.taken.append(e)
                case RunStarted():
                    self.started = e
                case _:
                    pass

    def __len__(self) -> int:
        """Count the steps."""
        return len(self.taken)

    @property
    def about(self) -> dict[str, Any]:
        """What the search works on and is compared with, as plain data."""
        return {} if self.started is None else self.started.about

    @property
    def total(self) -> int | None:
        """How many steps there will be, if that is known."""
        return None if self.started is None else self.started.n_trials

    @property
    def why(self) -> Explanation | None:
        """The newest reason."""
        return next((s.why for s in reversed(self.taken) if s.why is not None), None)

    @property
    def relaxed(self) -> bool:
        """Whether its reasons are weights of operations on the edges of a cell."""
        return isinstance(self.why, Relaxation)


def metric_names(steps: Sequence[StepTaken]) -> list[str]:
    """Return the names of all metrics, in the order in which they came up."""
    return list(dict.fromkeys(name for s in steps for name in s.metrics))


def frame(steps: Sequence[StepTaken]) -> pd.DataFrame:
    """Return the metrics as a DataFrame, one row a step; nan where a step has no such metric."""
    names = metric_names(steps)
    rows = [[s.metrics.get(name, float("nan")) for name in names] for s in steps]
    return pd.DataFrame(rows, index=pd.Index([s.step for s in steps], name="step"), columns=names, dtype=float)
