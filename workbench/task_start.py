"""What a run tries first: configurations that were given, or those of past tasks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna

from workbench.errors import ConfigError, RunError
from workbench.search.warm_start import WarmStart
from workbench.space import Space
from workbench.task_record import About
from workbench.task_similar import SimilarTasks
from workbench.task_store import past_tasks


def warm_started(algorithm: Any, start: int | SimilarTasks | Sequence[Mapping[str, Any]], space: Space | None,
                 about: About | None, name: str | None) -> tuple[Any, About | None]:
    """Return the algorithm with what it tries first, and the data with their meta-features, if those had to be computed.

    Raises
    ------
    RunError
        If there is no space, the algorithm is one of Optuna's, or ``start`` is not what it should be.
    ConfigError
        If a given configuration does not belong to the space.
    """
    if space is None:
        raise RunError("a warm start needs a space, but an Optuna objective makes its own as it goes. Give space=, or enqueue "
                       "trials: run.enqueue(config).")
    if isinstance(algorithm, optuna.samplers.BaseSampler):
        raise RunError("a warm start goes before one of the workbench's algorithms, got one of Optuna's samplers. Take wb.TPE(), "
                       "or enqueue trials: run.enqueue(config).")
    if isinstance(start, bool) or (isinstance(start, int) and start < 1):
        raise RunError(f"warm_start counts configurations, at least 1, got {start!r}. Leave it out to start without any.")
    if isinstance(start, int):
        return _from_past(algorithm, start, space, about, name)
    if isinstance(start, SimilarTasks):
        return _after(algorithm, start, len(start), space), about
    if not isinstance(start, Sequence) or isinstance(start, str) or not start or not all(isinstance(c, Mapping) for c in start):
        raise RunError("warm_start is a number of configurations, a list of them, or wb.past_tasks().similar(X, y), got "
                       f"{start!r}.")
    for i, config in enumerate(start):
        try:
            space.validate(config)
        except ConfigError as error:
            raise ConfigError(f"warm_start[{i}] does not belong to the space: {error}", parameter=error.parameter,
                              rule=error.rule, value=error.value) from error
    return WarmStart(algorithm, [dict(c) for c in start]), about


def _from_past(algorithm: Any, n: int, space: Space, about: About | None, name: str | None) -> tuple[Any, About | None]:
    past = past_tasks()
    if not len(past):
        warnings.warn(f"there is no past task in {past.folder} yet, so this run starts without one. wb.past_tasks() lists them.",
                      stacklevel=4)
        return algorithm, about
    about = None if about is None else about.measured()
    try:
        similar = past.similar(about, k=max(n, 5), space=space, but=name)
    except RunError as error:
        warnings.warn(f"{error} So this run starts without one.", stacklevel=4)
        return algorithm, about
    return _after(algorithm, similar, n, space), about


def _after(algorithm: Any, similar: SimilarTasks, n: int, space: Space) -> WarmStart:
    """Put the n best of what was found before the algorithm."""
    tries = [t for t in similar if space.contains(t.config)][:n]
    if not tries:
        raise RunError("none of the configurations of the similar tasks belongs to the space. Ask for them with it: "
                       "wb.past_tasks().similar(X, y, space=space).")
    return WarmStart(algorithm, [t.config for t in tries], [t.why for t in tries])
