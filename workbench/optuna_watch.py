"""Any Optuna study, local or in a database that others feed, as the events of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from workbench.errors import StorageError
from workbench.events import Event, RunStarted, TrialFinished, TrialReported, TrialSuggested
from workbench.ledger import error_of, loss_of, state_of
from workbench.optuna_distributions import space_from_distributions


def resolve_study(study: optuna.Study | str | BaseStorage, name: str | None = None) -> optuna.Study:
    """Find the study that is meant; StorageError naming the choices if that is not clear."""
    if isinstance(study, optuna.Study):
        found = study
    else:
        try:
            names = optuna.get_all_study_names(study)
        except Exception as error:
            raise StorageError(f"{study} cannot be opened: {type(error).__name__}: {error}. Give a URL such as "
                               "sqlite:///file.db, or a storage object.") from error
        if name is None and len(names) != 1:
            raise StorageError(f"{study} holds {len(names)} studies: {names!r}. Say which: wb.watch(url, name).")
        if name is not None and name not in names:
            raise StorageError(f"{study} holds no study {name!r}; it holds {names!r}.")
        found = optuna.load_study(study_name=name or names[0], storage=study)
    if len(found.directions) > 1:
        raise StorageError(f"{found.study_name!r} has {len(found.directions)} objectives; a run has one. "
                           "optuna-dashboard shows several.")
    return found


def watch_study(study: optuna.Study, *, stop: threading.Event | None = None,
                interval_s: float = 0.5) -> Iterator[Event]:
    """Follow a study until ``stop`` is set: what is there now, then what comes, each trial read only while it is open."""
    stop = threading.Event() if stop is None else stop
    maximize = study.direction == StudyDirection.MAXIMIZE
    sign = -1.0 if maximize else 1.0
    yield RunStarted(study.study_name, type(study.sampler).__name__, {}, None,
                     direction="maximize" if maximize else "minimize")
    seen: dict[int, dict[str, Any]] = {}  # open trials: the parameters and the number of steps already told
    n_known = 0
    while not stop.is_set():
        trials = study.get_trials(deepcopy=False)
        seen |= {t.number: {"params": None, "steps": 0} for t in trials[n_known:]}
        n_known = len(trials)
        ended: list[FrozenTrial] = []
        for number in list(seen):
            t = trials[number]
            if t.state == TrialState.WAITING:
                continue
            yield from _news(t, seen[number], sign)
            if t.state.is_finished():
                ended.append(t)
                del seen[number]
        for t in sorted(ended, key=lambda t: (t.datetime_complete.timestamp() if t.datetime_complete else 0, t.number)):
            end = t.datetime_complete.timestamp() if t.datetime_complete else time.time()
            yield TrialFinished(t.number, state_of(t), loss_of(t, sign), error_of(t), time=end)
        stop.wait(interval_s)


def _news(t: FrozenTrial, told: dict[str, Any], sign: float) -> Iterator[Event]:
    """What is new about an open trial: its parameters, points of its learning curve."""
    if told["params"] != t.params:
        start = t.datetime_start.timestamp() if t.datetime_start else time.time()
        yield TrialSuggested(t.number, dict(t.params), time=start)
        told["params"] = dict(t.params)
    for step in sorted(t.intermediate_values)[told["steps"]:]:
        yield TrialReported(t.number, step, sign * t.intermediate_values[step])
    told["steps"] = len(t.intermediate_values)


__all__ = ["resolve_study", "space_from_distributions", "watch_study"]
