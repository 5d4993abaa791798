"""Whatever the user gives becomes an iterator of losses, one per step.

Four kinds of objective are understood:

* a function ``config -> loss``: one step;
* a generator function that yields one loss per epoch: one step each, the last is the result;
* an unchanged Optuna objective ``f(trial)``: its thread is parked inside ``trial.report`` until the next step is
  wanted, so pausing a trial is simply not calling ``next``;
* a function ``(config, budget) -> loss`` for a scheduler: it is called with each budget in turn, and trains from the start.

The last two lines of defence against training twice: a generator function or a function of a budget may take a further
parameter ``state``. It then gives ``wb.Checkpoint(loss, state)``, and gets the last state back if it has to begin anew.
"""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, Protocol

from workbench.errors import ObjectiveError
from workbench.losses import Loss

Objective = Callable[..., Any]
ONE_NUMBER = "the objective must return (or yield) one number"
ONE_LOSS_ONLY = ("{} is for one loss: Optuna forbids it in multi-objective studies. A generator objective with a space "
                 "(wb.Space) may yield tuples.")


@dataclass(frozen=True, slots=True)
class Step:
    """One loss, or one of each. ``last`` says that the trial ends with it (a plain function's value, a return).

    ``names`` are the keys of a dict of losses, in its order; ``state`` is what came with the loss in a ``Checkpoint``.
    """

    number: int
    loss: Loss
    last: bool = False
    names: tuple[str, ...] = ()
    state: Any = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loss, and what is needed to go on from here: a picklable ``state`` such as weights and optimiser.

    A generator may give a function that makes it: it is called only if the trial has to leave memory.
    """

    loss: Any
    state: Any


class Pruned(Exception):
    """The objective gave the trial up by itself (``raise optuna.TrialPruned``)."""


class Steps(Protocol):
    """A trial under way. ``next`` runs one step and raises StopIteration after the last."""

    def __next__(self) -> Step:
        """Run the next step."""
        ...

    def close(self) -> None:
        """Give the trial up and free what it holds."""
        ...


def read_loss(value: Any, rule: str = ONE_NUMBER) -> float:
    """Read what the objective gave as a number; nan and inf pass. ``rule`` begins the complaint.

    Raises
    ------
    ObjectiveError
        For None, text, complex numbers, arrays of more than one element, and all else that is no number.
    """
    if type(value) is float:
        return value
    if value is None:
        raise ObjectiveError(f"{rule}, got None. Does its last line say `return loss`?")
    if isinstance(value, (str, bytes, bytearray)):
        raise ObjectiveError(f"{rule}, got the text {_short(value)}. Return float(...) of it.")
    size = getattr(value, "size", 1)
    if callable(size):  # torch tensors
        size = math.prod(value.shape)
    if size != 1:
        raise ObjectiveError(f"{rule}, got an array of {size} elements ({type(value).__name__}). Return its mean.")
    if isinstance(value, complex) or getattr(getattr(value, "dtype", None), "kind", "f") == "c":
        raise ObjectiveError(f"{rule}, got the complex number {_short(value)}. Return its absolute value.")
    if isinstance(value, (tuple, list, Mapping)):
        way = ' For several losses say so: direction=["minimize", "maximize"].' if rule == ONE_NUMBER else ""
        raise ObjectiveError(f"{rule}, got {_short(value)} ({type(value).__name__}).{way}")
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ObjectiveError(f"{rule}, got {_short(value)} ({type(value).__name__}).") from error


def read_losses(value: Any, n: int) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Read several losses, and their names if they come in a dict.

    Raises
    ------
    ObjectiveError
        If they are no tuple, list, array or dict of ``n`` numbers.
    """
    rule = f"the objective must return (or yield) a tuple or dict of {n} numbers, one for each direction"
    names: tuple[str, ...] = ()
    if isinstance(value, Mapping):
        names, value = tuple(map(str, value)), list(value.values())
    if isinstance(value, (str, bytes, bytearray)) or not hasattr(value, "__len__") or not hasattr(value, "__getitem__"):
        raise ObjectiveError(f"{rule}, got {_short(value)} ({type(value).__name__}).")
    if getattr(value, "ndim", 1) != 1:
        raise ObjectiveError(f"{rule}, got an array of {value.ndim} dimensions.")
    if len(value) != n:
        raise ObjectiveError(f"{rule}, got {len(value)}: {_short(value)}. Return {n}, or change direction=.")
    return tuple(read_loss(v, f"{rule}; as number {k}") for k, v in enumerate(value, start=1)), names


def read_step(value: Any, number: int, n_losses: int, *, last: bool = False) -> Step:
    """Read what one step gave."""
    if isinstance(value, Checkpoint):
        return replace(read_step(value.loss, number, n_losses, last=last), state=value.state)
    if n_losses == 1 and isinstance(value, Mapping) and len(value) == 1:
        (name, one), = value.items()
        return Step(number, read_loss(one), last, (str(name),))
    if n_losses == 1:
        return Step(number, read_loss(value), last)
    losses, names = read_losses(value, n_losses)
    return Step(number, losses, last, names)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def parameters_of(objective: Objective) -> tuple[str, ...]:
    """Names of an objective's parameters after the first; none if they cannot be read."""
    try:
        names = list(inspect.signature(objective).parameters)
    except (TypeError, ValueError):
        return ()
    return tuple(names[1:])


def takes_budget(objective: Objective) -> bool:
    """Whether an objective is a function of configuration and budget."""
    return "budget" in parameters_of(objective)


def takes_state(objective: Objective) -> bool:
    """Whether an objective can go on from a state that it has given in a ``Checkpoint``."""
    return "state" in parameters_of(objective)


class BudgetSteps:
    """Steps of a function ``(config, budget) -> loss``: one for each budget, at ``goal``.

    With a parameter ``state`` it goes on from the last one (None at first), else it trains from the start.
    """

    def __init__(self, objective: Objective, config: Mapping[str, Any], state: Any = None) -> None:
        self._objective, self._config = objective, dict(config)
        self._takes_state = takes_state(objective)
        self.goal, self.state = 0, state

    def __next__(self) -> Step:
        """Train to the goal."""
        more = {"state": self.state} if self._takes_state else {}
        value = self._objective(self._config, budget=self.goal, **more)
        if isinstance(value, Iterator):
            raise ObjectiveError("an objective with a parameter budget must return its loss there, got a generator. Leave "
                                 "budget out: a generator yields one loss per step, and is paused where it stands.")
        return read_step(value, self.goal, 1)

    def close(self) -> None:
        """Let go of the state."""
        self.state = None


class CatchUp:
    """Steps that run anew, in silence, until they are where their trial stood."""

    def __init__(self, steps: Steps, n: int) -> None:
        self._steps, self._n = steps, n

    def __next__(self) -> Step:
        """Run the next step, after those that were taken before."""
        while self._n:
            self._n -= 1
            next(self._steps)
        return next(self._steps)

    def close(self) -> None:
        """Give the trial up."""
        self._steps.close()


class ConfigSteps:
    """Steps of a function or generator function of the configuration.

    ``done`` steps were taken before, if the objective goes on from a ``state``.
    """

    @property
    def begun(self) -> bool:
        """Whether this very object holds a generator under way."""
        return self._losses is not None

    def __init__(self, objective: Objective, config: Mapping[str, Any], n_losses: int = 1, *, state: Any = None,
                 done: int = 0) -> None:
        self._objective = objective
        self._n_losses = n_losses
        self._config = dict(config)
        self._more = {"state": state} if takes_state(objective) else {}
        self._losses: Iterator[Any] | None = None
        self._n = done

    def __next__(self) -> Step:
        """Run one step."""
        if self._losses is None:
            value = self._objective(self._config, **self._more)
            if not isinstance(value, Iterator):
                return read_step(value, 1, self._n_losses, last=True)
            self._losses = value
        try:
            value = next(self._losses)
        except StopIteration:
            if self._n == 0:
                raise ObjectiveError("a generator objective must yield at least one loss, got none.") from None
            raise
        self._n += 1
        return read_step(value, self._n, self._n_losses)

    def close(self) -> None:
        """Close the generator; its ``finally`` blocks run."""
        close = getattr(self._losses, "close", None)
        self._more = {}
        if close is not None:
            close()


class _GivenUp(BaseException):
    """Thrown into a parked Optuna objective to end its thread; no ``except Exception`` stops it."""


class OptunaSteps:
    """Steps of an unchanged Optuna objective ``f(trial)``, one per ``trial.report``.

    The objective runs in a thread of its own. ``trial.report`` hands the loss over and parks the thread until the
    next step is asked for. ``close`` makes it end: at once if it is parked, else at its next ``report`` or
    ``should_prune``.
    """

    def __init__(self, objective: Objective, trial: Any, pruned: type[BaseException], n_losses: int = 1) -> None:
        self._objective = objective
        self._n_losses = n_losses
        self._trial = trial
        self._pruned = pruned
        self._told: SimpleQueue[Step | BaseException | None] = SimpleQueue()
        self._go: SimpleQueue[bool] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ended = False
        self._reported: set[int] = set()
        self._prune = False

    def __next__(self) -> Step:
        """Run until the next ``report``, or to the end."""
        if self._ended:
            raise StopIteration
        if self._thread is None:
            self._trial.report, self._trial.should_prune = self._report, self._should_prune
            context = copy_context()
            self._thread = threading.Thread(target=context.run, args=(self._work,), daemon=True, name="workbench-trial")
            self._thread.start()
        else:
            self._go.put(True)
        told = self._told.get()
        if isinstance(told, Step):
            self._ended = self._ended or told.last
            return told
        self._ended = True
        if isinstance(told, self._pruned):
            raise Pruned
        if told is None:
            raise StopIteration
        raise told

    def close(self) -> None:
        """End the objective's thread at its next word with the trial."""
        if self._thread is not None and not self._ended:
            self._ended = True
            self._go.put(False)

    def prune(self) -> None:
        """Let ``should_prune`` say yes when the objective goes on."""
        self._prune = True

    def _report(self, value: float, step: int) -> None:
        """Stand in for ``trial.report``: the study's own thread writes the value down."""
        if self._ended:
            raise _GivenUp
        if self._n_losses > 1:
            raise NotImplementedError(ONE_LOSS_ONLY.format("trial.report"))
        step, loss = int(step), read_loss(value)
        if step < 0:
            raise ValueError(f"a step must not be negative, got {step}.")
        if step in self._reported:  # Optuna ignores a second report of the same step; so do we
            return
        self._reported.add(step)
        self._told.put(Step(step, loss))
        if not self._go.get():
            raise _GivenUp

    def _should_prune(self) -> bool:
        if self._ended:
            raise _GivenUp
        if self._n_losses > 1:
            raise NotImplementedError(ONE_LOSS_ONLY.format("trial.should_prune"))
        return self._prune

    def _work(self) -> None:
        try:
            value = self._objective(self._trial)
            self._told.put(read_step(value, max(self._reported, default=0) + 1, self._n_losses, last=True))
        except _GivenUp:
            self._told.put(None)
        except BaseException as error:  # noqa: BLE001 - handed to whoever called next, traceback and all
            self._told.put(error)
