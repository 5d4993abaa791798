"""What happened in a run, in order, as frozen plain data."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any, Literal

from workbench.history import Explanation
from workbench.losses import Direction, Goals, Loss
from workbench.schedule import Action
from workbench.space import Config

TrialState = Literal["running", "complete", "pruned", "failed", "interrupted"]
RunState = Literal["ready", "running", "pausing", "paused", "stopping", "stopped", "done", "failed", "watching"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began or went on. ``space`` is the space as JSON data; ``n_trials`` None means no limit.

    ``scheduler`` holds the scheduler's settings as JSON data, if there is one; ``fixed`` what the run holds fixed (``Fixed``).

    Of a search that takes steps ``n_trials`` are these, and ``about`` says what it works on and is compared with.

    In a run of several losses ``directions`` has one entry for each, ``losses`` their names, and ``direction`` says
    nothing. ``losses`` also holds the name of a single loss that has one.
    """

    name: str | None
    algorithm: str
    space: dict[str, Any]
    n_trials: int | None
    n_workers: int = 1
    direction: Direction = "minimize"
    seed: int = 0
    time: float = field(default_factory=time)
    directions: tuple[Direction, ...] = ()
    losses: tuple[str, ...] = ()
    scheduler: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, goals: Goals, name: str | None, algorithm: str, space: dict[str, Any], n_trials: int | None,
           n_workers: int = 1, seed: int = 0, scheduler: dict[str, Any] | None = None,
           fixed: dict[str, Any] | None = None) -> RunStarted:
        """Tell what a run of one loss or several wants."""
        if goals.several:
            return cls(name, algorithm, space, n_trials, n_workers, seed=seed, directions=goals.directions,
                       losses=goals.labels, fixed=fixed or {})
        return cls(name, algorithm, space, n_trials, n_workers, goals.directions[0], seed, losses=goals.names,
                   scheduler=scheduler or {}, fixed=fixed or {})

    @property
    def goals(self) -> Goals:
        """Directions, and the names of the losses."""
        return Goals(self.directions or (self.direction,), self.losses)


@dataclass(frozen=True, slots=True)
class TrialSuggested:
    """A trial began with this configuration (active parameters only).

    ``origin`` says where the result comes from of a trial that this run has not run: imported from another run, or given by
    hand. ``fixed`` are the values that the run holds fixed: the objective gets them besides.
    """

    trial: int
    config: Config
    why: Explanation | None = None
    time: float = field(default_factory=time)
    origin: str = ""
    fixed: Config = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialReported:
    """A trial finished a step (counted from 1). ``loss`` is always minimised; of several, in ``losses``, it is nan."""

    trial: int
    step: int
    loss: float
    time: float = field(default_factory=time)
    losses: tuple[float, ...] = ()

    @classmethod
    def of(cls, trial: int, step: int, loss: Loss, time: float) -> TrialReported:
        """Report one loss, or several."""
        return cls(trial, step, math.nan, time, loss) if isinstance(loss, tuple) else cls(trial, step, loss, time)


@dataclass(frozen=True, slots=True)
class TrialJudged:
    """A scheduler's word on a trial after so many steps: go on, wait for others, stop, or finish."""

    trial: int
    step: int
    action: Action
    why: Explanation | None = None
    time: float = field(default_factory=time)


@dataclass(frozen=True, slots=True)
class TrialShelved:
    """A waiting trial gave its place in memory up. If it goes on, its steps run again, or it goes on from its ``state``."""

    trial: int
    step: int
    state: bool = False
    time: float = field(default_factory=time)


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A trial ended. ``loss`` is None where there is none; ``error`` is the whole traceback of a failed one.

    ``seconds`` are what its steps took, if the algorithm goes by costs.

    Several losses stand in ``losses``, all minimised; ``loss`` is None then.
    """

    trial: int
    state: TrialState
    loss: float | None
    error: str | None = None
    time: float = field(default_factory=time)
    losses: tuple[float, ...] = ()
    seconds: float | None = None

    @classmethod
    def of(cls, trial: int, state: TrialState, loss: Loss | None, error: str | None, time: float,
           seconds: float | None = None) -> TrialFinished:
        """End with one loss, or several, or none."""
        if isinstance(loss, tuple):
            return cls(trial, state, None, error, time, loss, seconds)
        return cls(trial, state, loss, error, time, seconds=seconds)


@dataclass(frozen=True, slots=True)
class Printed:
    """A line that the objective printed."""

    trial: int
    text: str
    time: float = field(default_factory=time)


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A search that is no list of trials took a step (one-shot NAS, meta-training)."""

    step: int
    metrics: dict[str, float]
    why: Explanation | None = None
    time: float = field(default_factory=time)


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The run is now in this state; ``detail`` says what it waits for or what went wrong."""

    state: RunState
    detail: str = ""
    time: float = field(default_factory=time)


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run ended."""

    reason: Literal["done", "stopped", "failed"]
    error: str | None = None
    time: float = field(default_factory=time)


Event = (RunStarted | TrialSuggested | TrialReported | TrialJudged | TrialShelved | TrialFinished | Printed | StepTaken
         | StateChanged | RunFinished)


class Folded:
    """What is folded from events, such as ``Trials``: in pieces or at once, the same comes out."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        raise NotImplementedError

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        raise NotImplementedError

    def refold(self, events: Iterable[Event]) -> None:
        """Become what these events alone make, so that all who share the object go back in time with it."""
        self.__dict__ = type(self)(events).__dict__


class EventLog:
    """Append-only list of events. Readers keep a cursor and ask for what is new: ``log.since(cursor)``."""

    def __init__(self, events: tuple[Event, ...] = ()) -> None:
        self._events: list[Event] = list(events)
        self._grew = threading.Condition()

    def append(self, event: Event) -> None:
        """Add an event; wakes whoever waits in ``wait``."""
        with self._grew:
            self._events.append(event)
            self._grew.notify_all()

    def since(self, cursor: int) -> tuple[Event, ...]:
        """Return the events from number ``cursor`` on."""
        return tuple(self._events[cursor:])

    def wait(self, cursor: int, timeout: float | None = None) -> bool:
        """Wait until there are more than ``cursor`` events; False if the time ran out."""
        with self._grew:
            return self._grew.wait_for(lambda: len(self._events) > cursor, timeout)

    def __len__(self) -> int:
        """Count the events."""
        return len(self._events)

    def __getitem__(self, i: int) -> Event:
        """Return one event."""
        return self._events[i]

    def __iter__(self) -> Iterator[Event]:
        """Iterate over the events known now."""
        return iter(tuple(self._events))

    def save(self, path: str | Path) -> None:
        """Write the log to a file, one JSON object a line."""
        from workbench.event_file import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> EventLog:
        """Read a log from a file; LogError if it is malformed. Nothing in it is executed."""
        from workbench.event_file import load

        return load(path)
