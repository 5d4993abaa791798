"""What a run has found: the trials, the best, the table, exports, and why a configuration was tried."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping, Sequence
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
import pandas as pd

from workbench import files
from workbench.errors import RunError
from workbench.event_file import dumps
from workbench.events import EventLog, RunState
from workbench.fidelity import catalogue as schedulers
from workbench.history import Explanation, History
from workbench.inferred import InferredSpace
from workbench.insight import Insight
from workbench.ledger import Ledger, Saw
from workbench.losses import Direction, Goals
from workbench.notebook import mimebundle
from workbench.propose import Settings, history_before, told_trials
from workbench.search import catalogue
from workbench.space import Config, Space
from workbench.trials import Trial, Trials
from workbench.what_if import Question, WhatIf, chosen


class Results(Insight):
    """The half of a run that only reads."""

    name: str | None
    seed: int
    log: EventLog
    state: RunState
    _ledger: Ledger
    _settings: Settings
    _spaces: list[Space | None]
    _algorithms: list[Any]
    _inferred: InferredSpace
    _trials: Trials
    _folded: int
    _lock: threading.RLock

    @property
    def space(self) -> Space | None:
        """The search space. An Optuna objective makes it as it goes: then it is read off the trials, None at first."""
        if self._settings.space is not None:
            return self._settings.space
        return self._inferred.space if len(self._inferred.space) else None

    @property
    def algorithm(self) -> Any:
        """The algorithm that suggests configurations."""
        return self._settings.algorithm

    @property
    def scheduler(self) -> Any:
        """How many steps each trial gets; None if each runs to its end."""
        return self._settings.scheduler

    @property
    def fixed(self) -> Config:
        """What the run holds fixed: the objective gets these values besides, where they are active."""
        return {} if self._settings.fixed is None else dict(self._settings.fixed.values)

    @property
    def n_trials(self) -> int | None:
        """How many trials end the run; None for no limit."""
        return self._settings.n_trials

    @property
    def n_workers(self) -> int:
        """How many trials run at once."""
        return self._settings.n_workers

    @property
    def goals(self) -> Goals:
        """Directions, and the names of the losses."""
        return self._ledger.goals

    @property
    def direction(self) -> Direction | list[Direction] | dict[str, Direction]:
        """Whether the objective's values are minimised or maximised; of several losses a list, or a dict if they have names."""
        return self.goals.as_given

    # ---- trials ----------------------------------------------------------------------------------------------------

    @property
    def trials(self) -> Trials:
        """The trials so far."""
        with self._lock:
            new = self.log.since(self._folded)
            self._folded += len(new)
            self._trials.fold(new)
        return self._trials

    @property
    def n_done(self) -> int:
        """Trials that this run has run to an end and that count: complete, pruned or failed."""
        return self.trials.n_done

    @property
    def best(self) -> Trial | None:
        """The complete trial with the smallest loss (the largest value if maximised); None before there is one.

        Raises
        ------
        RunError
            If the run has several losses: there is no best then, but a Pareto set.

        Notes
        -----
        ``best.config`` holds what is searched; ``best.whole_config`` also what the run holds fixed.
        """
        if self.goals.several:
            raise RunError(f"of {len(self.goals)} losses no trial is the best. run.pareto holds those that no other trial "
                           "beats in every loss; run.frame() has them all.")
        return self.trials.best

    @property
    def pareto(self) -> list[Trial]:
        """The Pareto set of several losses: the complete trials that no other dominates, by their first loss."""
        if not self.goals.several:
            raise RunError("a Pareto set needs several losses, got a run of one. run.best is its best trial.")
        return self.trials.pareto

    def hypervolume(self, reference: Sequence[float] | Mapping[str, float] | None = None) -> float:
        """Return the volume between the Pareto set and a reference point: the larger, the better the set.

        Parameters
        ----------
        reference
            Values worse than all worth having, in the objective's own units: one for each loss, or a dict by name. By
            default the worst values seen so far, so that runs can only be compared with a reference of your own.
        """
        if not self.goals.several:
            raise RunError("a hypervolume needs several losses, got a run of one. run.best is its best trial.")
        return self.trials.hypervolume(reference)

    def frame(self) -> pd.DataFrame:
        """Return the trials as a DataFrame, one row each."""
        return self.trials.frame()

    # ---- why -------------------------------------------------------------------------------------------------------

    def history(self, before: int | None = None) -> History:
        """Return what the algorithm would see now; with ``before=k`` what it saw when it suggested trial k."""
        saw = None if before is None else self._saw(before)
        space = self.space if saw is None or self._settings.space is None else self._spaces[saw.space]
        if space is None:
            raise RunError("there is no space yet: an Optuna objective makes it as it goes. Wait for the first trial.")
        trials, sign, budgets = self._ledger.trials(), self._ledger.sign, self._settings.budgets
        if saw is None:
            over = {t.number for t in trials if t.state.is_finished()}
            running = [t for t in list(self.trials.by_number.values()) if t.ended is None and t.number not in over]
            saw = Saw(len(told_trials(trials)), tuple(t.number for t in running), steps=tuple(len(t.curve) for t in running))
        return history_before(trials, space, sign, self.seed, saw, budgets)

    def question(self, before: int | None = None) -> Question:
        """Return a moment at which algorithms can be asked: now, or with ``before=k`` when trial k was suggested."""
        history = self.history(before)
        trials = self.trials.by_number
        number = max(trials, default=-1) + 1 if before is None else before
        return Question(history, number, None if before is None else trials[before], self.goals,
                        scheduled=self.scheduler is not None)

    def what_if(self, before: int | None = None, algorithms: Sequence[Any] | None = None, *, n: int = 1) -> WhatIf:
        """Ask what other algorithms would have suggested; the run is not touched.

        Parameters
        ----------
        before
            Instead of this trial, with what was known when it was suggested. By default: next, with what is known now.
        algorithms
            Objects such as ``wb.TPE()``, or names such as ``"CMA-ES"``. By default GP-BO, TPE, CMA-ES, RF-BO and random
            search. Those that cannot serve such a run are left out, and it is said why.
        n
            Suggestions of each. The first is drawn with the trial's own generator: the run's own algorithm then gives the
            configuration that was tried. The others show how much is chance.

        Raises
        ------
        RunError
            If there is no such trial or algorithm, or the space is not known yet. What goes wrong with one algorithm stands
            in its row.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise RunError(f"n must be a whole number of at least 1, got {n!r}: the suggestions of each algorithm.")
        question = self.question(before)
        return WhatIf(question, tuple(question.ask(chosen(algorithms, len(self.goals)), n)))

    def _saw(self, number: int) -> Saw | None:
        if number not in self.trials.by_number:
            raise RunError(f"there is no trial {number}; there are {len(self.trials)}.")
        saw = self._ledger.saw(number)
        if saw is not None and (saw.space >= len(self._spaces) or saw.algorithm >= len(self._algorithms)):
            raise RunError(f"trial {number} was suggested under settings that are not kept with this run.")
        return saw

    def explain(self, number: int) -> Explanation:
        """Say why trial ``number`` was suggested, by asking its algorithm again with what it saw then.

        Raises
        ------
        RunError
            If no algorithm of the workbench suggested it.
        """
        saw = self._saw(number)
        origin = self.trials.by_number[number].origin
        if origin:
            raise RunError(f"trial {number} was not chosen in this run: its result is {origin}.")
        if saw is None or not saw.drawn:
            raise RunError(f"trial {number} was given, no algorithm of the workbench chose it.")
        algorithm = self._algorithms[saw.algorithm]
        if algorithm is None or isinstance(algorithm, optuna.samplers.BaseSampler):
            raise RunError("Optuna's samplers give no reasons. The workbench's algorithms do.")
        if self._settings.space is None:
            kept = self.trials.by_number[number].why
            if kept is None:
                raise RunError("the reasons for the trials of an Optuna objective are kept in the session that ran it "
                               "only. With a space (wb.Space) they can be asked for at any time.")
            return kept
        rng = np.random.default_rng([self.seed, number])
        why: Explanation = algorithm.suggest(self.history(before=number), rng).why
        return why

    # ---- pictures and reports --------------------------------------------------------------------------------------

    @property
    def figures(self) -> list[str]:
        """The pictures that there are of this run, by name: what ``figure`` can draw."""
        made = import_module("workbench.figures")  # plotly is loaded when a picture is asked for
        return list(made.kinds(made.Told(self.log.since(0))))

    def figure(self, kind: str = "progress", *, trial: int | None = None, x: str | None = None, y: str | None = None,
               bracket: int | None = None, budgets: tuple[int, int] | None = None, delta: float | None = None,
               log_steps: bool | None = None, loss: int | str | None = None, budget: int | None = None) -> Any:
        """Return a picture as a ``plotly.graph_objects.Figure``: what the panel's tab shows, now.

        In a notebook it shows itself; ``write_html(path)`` keeps it as a page. ``write_image(path)`` makes PNG, SVG or PDF, but
        needs the package kaleido and a Chrome, which the workbench does not install; the live pictures and the panel's Export
        tab save PNG and SVG without them.

        Parameters
        ----------
        kind
            "progress", "model", "curves", "coordinates" or "contour"; under a scheduler also "brackets", "gantt" and "ranks";
            of extrapolated learning curves "forecast" and "looks". About the parameters: "importance", "ped_anova",
            "local_importance", "tunability" and "ablation". ``figures`` names those that this run has.
        trial
            Is marked; of "model", "forecast" the one that is explained, by default the newest that can be; of
            "local_importance" the one around which, of "ablation" the one to which changes lead, by default the best.
        x, y
            Parameters along the axes of "contour" and "model"; "model" is drawn along one, unless ``y`` is given. Of
            "importance": draw the curve of ``x``, or the map of both, not the shares.
        bracket
            Of "brackets": which, counted from 0.
        budgets
            Of "ranks": the two numbers of steps to compare.
        delta
            Of "looks": the probability below which a trial would have been stopped.
        log_steps
            Of "curves": a log scale of steps; by default under a scheduler.
        loss, budget
            Of pictures about the parameters: which losses (see ``Insight``). By default the first of several.

        Raises
        ------
        RunError
            If the run has no such picture, or a setting does not belong to it.
        """
        made = import_module("workbench.figures")
        told = made.Told(self.log.since(0))
        drawn = made.drawn(told, kind, trial=trial, x=x, y=y, bracket=bracket, budgets=budgets, delta=delta, log_steps=log_steps,
                           loss=loss, budget=budget)
        return import_module("workbench.plots.figure").figure(drawn)

    def report(self, path: str | Path | None = None, *, title: str | None = None) -> Any:
        """Return the run as one HTML page, and write it to ``path`` if one is given.

        Setting and search space, the best configuration, all pictures (they can be zoomed), the table of trials, what failed
        and why, and the code to do it again. The page opens without a kernel and without a network; it takes about 5 MB, since
        plotly.js is in it.

        Returns
        -------
        Report
            With ``html``, ``path``, ``n_bytes`` and ``save(path)``.

        Raises
        ------
        StorageError
            If the file cannot be written.
        """
        made = import_module("workbench.report").report(self, title=title)
        return made if path is None else made.save(path)

    def facts(self) -> list[tuple[str, str]]:
        """Return what the run was set to do, as pairs of words, for reports."""
        return list(import_module("workbench.report").facts(self))

    # ---- exports ---------------------------------------------------------------------------------------------------

    def export(self, kind: Literal["json", "python", "csv", "events"], path: str | Path | None = None) -> str:
        """Return the results as text, and write them to ``path`` if one is given.

        ``"json"``: settings, space, trials and the best; ``"python"``: code with the space and the best
        configuration; ``"csv"``: the table of trials; ``"events"``: all that happened, as JSON lines that ``wb.replay`` reads.
        Of several losses the Pareto set stands for the best.
        """
        makers = {"json": self._json, "python": self._python, "csv": self._csv, "events": self._events}
        if kind not in makers:
            raise RunError(f"a run is exported as 'json', 'python', 'csv' or 'events', got {kind!r}.")
        text = makers[kind]()
        if path is not None:
            files.write(path, text)
        return text

    def _events(self) -> str:
        return "".join(f"{dumps(event)}\n" for event in self.log.since(0))

    def _csv(self) -> str:
        return str(self.frame().to_csv())

    def _json(self) -> str:
        trials = self.trials
        rows = [{"trial": t.number, "state": t.state, **self._values_json(t), "config": t.whole_config,
                 "steps": t.n_steps, "seconds": t.seconds, "error": t.error, **({"origin": t.origin} if t.origin else {})}
                for t in list(trials.by_number.values())]
        best = trials.best
        found: dict[str, Any] = {"best": None if best is None else {
            "trial": best.number, "config": best.whole_config, "value": finite(trials.value(best.loss))}}
        if self.goals.several:
            found = {"losses": list(self.goals.labels), "pareto": [
                {"trial": t.number, "config": t.whole_config, "values": self._values_json(t)["values"]} for t in self.pareto]}
        data = {"name": self.name, "state": self.state, "algorithm": catalogue.to_json(self.algorithm),
                "scheduler": schedulers.to_json(self.scheduler), "seed": self.seed, "n_trials": self.n_trials,
                "n_workers": self.n_workers, "direction": self.direction, "versions": files.versions(),
                "space": None if self.space is None else self.space.to_json(),
                **({"fixed": self.fixed} if self.fixed else {}), **found, "trials": rows}
        return json.dumps(data, indent=1, allow_nan=False)

    def _values_json(self, t: Trial) -> dict[str, Any]:
        trials = self.trials
        if not self.goals.several:
            return {"value": finite(trials.value(t.loss)), "curve": [[k, finite(trials.value(v))] for k, v in t.curve]}
        return {"values": [finite(v) for v in trials.values(t.losses)] or None,
                "curve": [[k, [finite(v) for v in trials.values(losses)]] for k, losses in t.curves]}

    def _python(self) -> str:
        lines = ["import workbench as wb", ""]
        fixed = self._settings.fixed
        space = self.space if fixed is None else fixed.space
        if space is not None:
            lines += [f"space = {space!r}", ""]
        if fixed is not None:
            lines += [f"fixed = {self.fixed!r}", ""]
        best = self.trials.best
        if best is not None:
            lines += [f"# trial {best.number}, value {self.trials.value(best.loss)!r}", f"best = {best.whole_config!r}", ""]
        if self.goals.several:
            lines += [f"# the Pareto set of {', '.join(self.goals.labels)}, by the first",
                      "pareto = [", *(f"    {t.whole_config!r},  # trial {t.number}: {_values_text(self.trials.values(t.losses))}"
                                      for t in self.pareto), "]", ""]
        if self._settings.space is not None:
            name = "" if self.name is None else f", name={self.name + ' again'!r}"
            algorithm = f"algorithm={catalogue.code(self.algorithm, 'wb.')}, " if catalogue.knows(self.algorithm) else ""
            lines += ["# the search again (objective: your function, config -> loss):",
                      f"# run = wb.optimize(objective, space, {algorithm}{scheduler_code(self.scheduler)}"
                      f"n_trials={self.n_trials}, seed={self.seed}, direction={self.direction!r}{name})"]
            if fixed is not None:
                lines += ["# run = run.child(fixed=fixed)"]
        return "\n".join(lines) + "\n"

    # ---- how it shows ----------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        """One line: name, state, progress, best."""
        best = self.trials.best
        of = "" if self.n_trials is None else f" / {self.n_trials}"
        value = "" if best is None else f", best {self.trials.value(best.loss):.4g} (trial {best.number})"
        if self.goals.several and self.n_done:
            value = f", {len(self.pareto)} in the Pareto set"
        imported = f" + {self.trials.n_imported} imported" if self.trials.n_imported else ""
        return f"<Run {self.name or 'unnamed'}: {self.state}, {self.n_done}{of} trials{imported}{value}>"

    def _repr_html_(self) -> str:
        """Return a static table of the best trials, for places without widgets."""
        frame = self.frame()
        head = f"<p><b>{escape(repr(self)[1:-1])}</b></p>"
        if not len(frame):
            return head + "<p>No trial yet. Call start(), or step() for one at a time.</p>"
        if self.goals.several:
            order = frame.loc[[t.number for t in self.pareto[:20]]]
        else:
            order = frame.sort_values("value", ascending=not self.trials.maximize).head(10)
        return head + str(order.to_html(escape=True, max_cols=20))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the live panel in a notebook; a table where the notebook side is missing."""
        return mimebundle(self, "run_panel", **kwargs)


def scheduler_code(scheduler: Any) -> str:
    """Write the argument that gives a scheduler of ours: ``scheduler=wb.Hyperband(max_steps=81), ``; empty for others."""
    return f"scheduler=wb.{schedulers.code(scheduler)}, " if schedulers.knows(scheduler) else ""


def _values_text(values: Sequence[float]) -> str:
    return ", ".join(f"{v:.6g}" for v in values)


def finite(value: float | None) -> float | str | None:
    """JSON has no inf and nan: they are written as text."""
    return value if value is None or math.isfinite(value) else str(value)
