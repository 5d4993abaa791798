"""One way to run any learner that takes steps, in the background and with a panel.

::

    run = wb.learn(wb.meta.MAML(), seed=1)    # waits for start(), or for the Start button of its panel
    run.start().wait()
    run.result, run.frame(), run.figure()
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from inspect import Parameter, signature
from typing import Any, Protocol

from workbench.errors import RunError
from workbench.events import StepTaken
from workbench.nas_search import label
from workbench.step_run import LEARNING, StepRun


class Learner(Protocol):
    """What learns step by step: a frozen dataclass. ``n_steps`` may say how many steps there will be."""

    steps: Callable[..., Iterator[StepTaken]]  # (tasks, *, seed); the last step's ``why`` is the result


def learn(learner: Learner, tasks: Any = None, *, seed: int | None = 0, name: str | None = None) -> StepRun:
    """Make a run of a learner that waits for ``start()`` (or for the Start button of its panel).

    Parameters
    ----------
    learner
        What takes steps: ``wb.meta.MAML()``, a strategy of ``wb.gradient``, or any object with ``steps(tasks, *, seed)`` that
        yields ``StepTaken`` events.
    tasks
        What it learns from: tasks, or a problem. Without: what the learner takes by default.
    seed
        Same seed: same run. None draws one.
    name
        What it is called.

    Raises
    ------
    RunError
        If it takes no steps, or the tasks that it needs are missing.
    """
    if isinstance(learner, type):
        raise RunError(f"give a learner, not its class: {learner.__name__}().")
    steps = getattr(learner, "steps", None)
    if not callable(steps):
        raise RunError(f"a learner has a method steps(tasks, *, seed), got {_known(learner)}. {_way_out(learner)}")
    given = _parameters(steps)
    if "cells" in given:
        raise RunError(f"{type(learner).__name__} searches architectures. Take wb.nas.search({type(learner).__name__}(), data).")
    if "seed" not in given and not any(p.kind is Parameter.VAR_KEYWORD for p in given.values()):
        raise RunError(f"{type(learner).__name__}.steps takes no seed, so nobody could repeat it. Write steps(tasks, *, seed=0).")
    arguments = () if tasks is None else (tasks,)
    seed = secrets.randbelow(2**31) if seed is None else int(seed)
    try:
        signature(steps).bind(*arguments, seed=seed)
    except TypeError as error:
        what = "learns from something" if tasks is None else "does not take these arguments"
        raise RunError(f"{type(learner).__name__} {what}: {error}. Call wb.learn(learner, tasks) with what "
                       f"{type(learner).__name__}.steps asks for.") from error
    about = {"kind": LEARNING} | ({} if tasks is None else {"data": _called(tasks)})
    return StepRun(lambda: steps(*arguments, seed=seed), label=label(learner), name=name, seed=seed,
                   n_steps=getattr(learner, "n_steps", None), about=about)


def _parameters(steps: Callable[..., Any]) -> dict[str, Parameter]:
    return dict(signature(steps).parameters)


def _called(tasks: Any) -> str:
    name = getattr(tasks, "name", None)
    return name if isinstance(name, str) else type(tasks).__name__


def _known(learner: Any) -> str:
    return type(learner).__name__ if callable(getattr(learner, "suggest", None)) else repr(learner)


def _way_out(learner: Any) -> str:
    if callable(getattr(learner, "suggest", None)):
        return f"It suggests trials: take wb.optimize(objective, space, algorithm={type(learner).__name__}())."
    return "Take wb.meta.MAML()."


__all__ = ["Learner", "learn"]
