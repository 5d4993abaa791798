"""The left column of the application as data: the recipe, what users do to it, and what is shown of it."""

from __future__ import annotations

import ast
import functools
import inspect
import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.automl.recipe import Recipe
from workbench.automl.recipe_code import script
from workbench.automl.recipe_data import Data, Table, picture
from workbench.automl.recipe_models import AUTO, ESTIMATORS, candidates
from workbench.automl.recipe_plan import Plan
from workbench.errors import WorkbenchError
from workbench.fidelity import catalogue as schedulers
from workbench.search import catalogue
from workbench.search.beliefs import Prior, takes_prior
from workbench.search.recommend import describe
from workbench.space import Space
from workbench_widgets import workbench_sources as sources

OF_TABLE = ("target", "leave_out", "task", "metric")  # what is forgotten when another table is chosen
WHOLE = ("folds", "max_steps", "warm_start", "n_trials", "workers", "seed")
FIELDS = ("target", "task", "metric", "estimator", "direction", "algorithm", "fidelity", "scheduler", "timeout", "name", *WHOLE)
FIDELITIES = {"rows": "rows: a share of the rows first", "epochs": "epochs: few passes first", "trees": "trees: few trees first"}
STEP_OF = {"data": 1, "target": 1, "leave_out": 1, "task": 1, "metric": 1, "folds": 1, "objective": 1, "direction": 1,
           "estimator": 2, "space": 2}  # which step of the column a field stands in; the others in 3
NOTHING_DRAWN: tuple[Space | None, Prior] = None, ()
MOST_COLUMNS, MOST_ROWS = 200, 8  # shown of a table
LONG, MOST_TEXT = 40, 4000  # characters of a cell, and of an objective's source


@dataclass(frozen=True, eq=False)
class Cooked:
    """What a recipe came to."""

    recipe: Recipe
    plan: Plan
    table: Table | None
    code: str


class Setup:
    """A recipe under construction. Any thread may call ``do``; results of looking at it come back by ``take``."""

    def __init__(self, recipe: Recipe, given: Mapping[str, Any]) -> None:
        self.recipe, self.given = recipe, dict(given)
        self.source = source_of(recipe) or "example"
        self.cooked: Cooked | None = None
        self._by_source: dict[str, Any] = {}
        self._by_table: dict[Data, dict[str, Any]] = {}
        self._edited: dict[Any, tuple[Space | None, Prior]] = {}  # what was drawn, by the default space that it changes
        self._usual: Any = None  # of which default space the recipe's space is a change

    @property
    def names(self) -> Mapping[str, Any]:
        """The notebook's variables."""
        return sources.namespace(self.given)

    @property
    def current(self) -> bool:
        """Whether the recipe was looked at as it is."""
        return self.cooked is not None and self.cooked.recipe == self.recipe

    # ---- what users do -----------------------------------------------------------------------------------------------

    def change_source(self, source: str) -> None:
        """Look for data elsewhere; what was chosen there before is chosen again."""
        if source not in ("example", "kernel", "csv", "objective"):
            raise WorkbenchError(f"data come from 'example', 'kernel', 'csv' or 'objective', got {source!r}.")
        if source == self.source:
            return
        self._by_source[self.source] = self.recipe.objective if self.source == "objective" else self.recipe.data
        self.source, before = source, self._by_source.get(source)
        if source == "objective":
            self.choose_objective(before)
        else:
            self.choose(before)

    def choose(self, data: Data | None) -> None:
        """Take another table; what was chosen for it before holds again."""
        old = self.recipe
        if old.data is not None:
            self._by_table[old.data] = {name: getattr(old, name) for name in OF_TABLE}
        kept: dict[str, Any] = dict.fromkeys(OF_TABLE) | (self._by_table.get(data, {}) if data is not None else {})
        if data is not None:
            self.source = data.kind
        self.recipe = replace(old, data=data, objective=None, **self._for_data(old), **kept)

    def _for_data(self, old: Recipe) -> dict[str, Any]:
        """Return what does not go with tables, once an objective was chosen."""
        return {} if old.objective is None else {"scheduler": None, "fidelity": None}

    def choose_objective(self, name: str | None) -> None:
        """Take an objective of the notebook instead of a table."""
        self.source = "objective"
        self.recipe = replace(self.recipe, objective=name, data=None, fidelity=None, scheduler=None, warm_start=0)

    def assign(self, field: str, value: Any) -> None:
        """Take what was typed or chosen at a field; what is no number stays as it is, and is a fault."""
        if field not in FIELDS:
            raise WorkbenchError(f"there is no field {field!r} to set.")
        text = value.strip() if isinstance(value, str) else value
        text = None if text == "" else text
        match field:
            case "algorithm":
                value = None if text is None else catalogue.LABELLED.get(str(text), self.recipe.algorithm)
            case "scheduler":
                self._schedule(text)
                return
            case "max_steps":
                self._steps(number(text))
                return
            case "fidelity":
                value = text
                if text is None:
                    self.recipe = replace(self.recipe, scheduler=None)
            case "timeout":
                minutes = number(text, whole=False)
                value = minutes * 60 if isinstance(minutes, (int, float)) else minutes
            case "target" if isinstance(text, str) and text.startswith("variable "):
                self._other_target(text.removeprefix("variable "))
                return
            case "target":
                value = text
                if self.recipe.data is not None and self.recipe.data.y is not None and text is not None:
                    self.recipe = replace(self.recipe, data=replace(self.recipe.data, y=None))
                self.recipe = replace(self.recipe, task=None, metric=None, leave_out=None)
            case "task":
                value = text
                self.recipe = replace(self.recipe, metric=None)
            case "estimator":
                value = text or AUTO
                self.recipe = replace(self.recipe, fidelity=None, scheduler=None)
            case "warm_start":
                value = 0 if text is None else number(text)
            case _ if field in WHOLE:
                value = number(text)
            case _:
                value = text
        self.recipe = replace(self.recipe, **{field: value})

    def _other_target(self, name: str) -> None:
        if self.recipe.data is not None:
            self.choose(Data("kernel", self.recipe.data.name, name))

    def _schedule(self, label: Any) -> None:
        if label is None:
            self.recipe = replace(self.recipe, scheduler=None)
        elif label in schedulers.LABELLED:
            steps = self.recipe.n_steps
            made = schedulers.LABELLED[label](steps if isinstance(steps, int) and steps > 0 else 27)
            self.recipe = replace(self.recipe, scheduler=made)

    def _steps(self, steps: Any) -> None:
        self.recipe = replace(self.recipe, max_steps=steps)
        label = scheduler_kind(self.recipe.scheduler)
        if label is not None and isinstance(steps, int) and steps > 0:
            self.recipe = replace(self.recipe, scheduler=schedulers.LABELLED[label](steps))

    def use_column(self, name: str, *, on: bool) -> None:
        """Learn from a column, or leave it out."""
        if self.cooked is None or self.cooked.table is None or name not in self.cooked.table.names:
            raise WorkbenchError(f"there is no column {name!r}.")
        out = [c for c in self.cooked.plan.left_out if c != name]
        self.recipe = replace(self.recipe, leave_out=tuple(out if on else [*out, name]))

    def draw_space(self, space: Space, prior: Prior = ()) -> None:
        """Take the space of the editor, and what is believed of it."""
        if self.cooked is None:
            return
        usual = self.cooked.plan.usual_space
        drawn = None if space == usual or (usual is None and not len(space)) else space
        self._edited[self._usual] = drawn, prior
        self.recipe = replace(self.recipe, space=drawn, prior=prior)

    def default_space(self) -> None:
        """Search the default space again."""
        self._edited.pop(self._usual, None)
        self.recipe = replace(self.recipe, space=None, prior=())

    def take_recipe(self, recipe: Recipe) -> None:
        """Put the settings of a run back."""
        self.recipe, self._usual = recipe, "anew"
        self.source = source_of(recipe) or self.source

    # ---- looking at it -----------------------------------------------------------------------------------------------

    def cook(self, recipe: Recipe, table: Table | None) -> Cooked:
        """Look at a recipe closely; a table of the same data is not read again. Takes long now and then."""
        plan = recipe.plan(self.names, table)
        usual = (recipe.objective, None if plan.usual_space is None else plan.usual_space.names)
        drawn = recipe.space, recipe.prior
        if self._usual == "anew" or (self._usual is None and drawn != NOTHING_DRAWN):
            self._edited[usual] = drawn
        elif usual != self._usual and drawn != (before := self._edited.get(usual, NOTHING_DRAWN)):
            recipe = replace(recipe, space=before[0], prior=before[1])
            plan = recipe.plan(self.names, plan.table)
        if plan.table is not None or plan.own:
            self._usual = usual
        return Cooked(recipe, plan, plan.table, script(plan))

    def take(self, asked: Recipe, cooked: Cooked) -> None:
        """Take what came of looking, if the recipe is still the one that was looked at."""
        if self.recipe == asked:
            self.recipe = cooked.recipe
        self.cooked = cooked

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def content(self, wrong_space: str = "") -> dict[str, Any]:
        """Return the column's fields: values, options, faults, reasons, and each step in a line."""
        r, plan = self.recipe, None if self.cooked is None else self.cooked.plan
        faults = {} if plan is None else dict(plan.faults)
        if wrong_space:
            faults["space"] = wrong_space
        return {
            "source": self.source, "values": self._values(plan), "faults": faults, "why": {} if plan is None else dict(plan.why),
            "options": {} if plan is None else self._options(plan), "own": r.objective is not None or self.source == "objective",
            "there": plan is not None and (plan.table is not None or bool(plan.way)), "way": "" if plan is None else plan.way,
            "source_code": {} if plan is None or not plan.own else source_code(plan.objective),
            "edited": (r.space is not None or bool(r.prior)) and plan is not None and plan.usual_space is not None,
            "steps": [self._line_of_data(plan), self._line_of_space(plan), self._line_of_budget(plan)],
            "wrong": sorted({STEP_OF.get(field, 3) for field in faults}),
        }

    def _values(self, plan: Plan | None) -> dict[str, Any]:
        r = self.recipe
        minutes = r.timeout / 60 if isinstance(r.timeout, (int, float)) else r.timeout
        data = r.data
        target = f"variable {data.y}" if data is not None and data.y is not None else (plan.target if plan else None) or r.target
        return {
            "data": "" if data is None else data.name, "objective": r.objective or "", "target": target or "",
            "task": (plan.task if plan else None) or r.task or "", "metric": (plan.metric if plan else None) or r.metric or "",
            "estimator": r.estimator, "direction": r.direction, "folds": text_of(r.folds),
            "algorithm": "" if r.algorithm is None else catalogue.label(r.algorithm), "fidelity": r.fidelity or "",
            "scheduler": scheduler_kind(r.effective_scheduler) or "", "max_steps": text_of(r.n_steps),
            "warm_start": text_of(r.warm_start) if r.warm_start else "",
            "n_trials": text_of(r.n_trials), "timeout": text_of(minutes), "workers": text_of(r.workers), "seed": text_of(r.seed),
            "name": r.name or ""}

    def _options(self, plan: Plan) -> dict[str, Any]:
        r, out = self.recipe, dict[str, Any]()
        if plan.table is not None and r.data is not None:
            own = plan.table.names if r.data.y is None else plan.table.names[:-1]
            out["target"] = [[n, n] for n in own]
            if r.data.kind == "kernel":
                out["target"] += [[f"variable {n}", f"{n}, a variable"] for n in sources.targets(self.names, r.data.name)]
        out["metric"] = [[m.name, m.label] for m in plan.metrics]
        if plan.task is not None:
            many = len(candidates(plan.task, 0 if plan.table is None else len(plan.table.frame)))
            out["estimator"] = [[AUTO, f"Let it choose among {many}"], *([k.name, k.label] for k in ESTIMATORS[plan.task])]
        if plan.recommendation is not None:
            best = plan.recommendation.label
            labels = [] if plan.space is None else catalogue.offered(plan.space, scheduled=r.effective_scheduler is not None)
            known = "" if r.algorithm is None else catalogue.label(r.algorithm)
            out["algorithm"] = [["", f"Recommended: {best}"], *([n, n] for n in labels)]
            if known and known not in labels:
                out["algorithm"].append([known, known])
        if plan.models and not plan.auto:
            out["fidelity"] = [["", "none: train each in full"], *([f, FIDELITIES[f]] for f in plan.models[0].fidelities)]
        stepwise = plan.way in ("steps", "budget", "optuna") if plan.own else r.fidelity is not None
        if stepwise:
            budgets = plan.way == "budget" or r.fidelity == "rows"
            labels = [n for n, make in schedulers.LABELLED.items() if not budgets or make(27).schedule().budgets]
            out["scheduler"] = [*([["", "none: let each run to its end"]] if plan.own and plan.way != "budget" else []),
                                *([n, n] for n in labels)]
        return out

    def _line_of_data(self, plan: Plan | None) -> str:
        if plan is None:
            return ""
        if plan.own:
            better = "the larger the better" if self.recipe.direction == "maximize" else "the smaller the better"
            return f"{self.recipe.objective} · {better}" if plan.way else ""
        if plan.table is None or plan.task is None:
            return ""
        metric = next((m.label for m in plan.metrics if m.name == plan.metric), plan.metric)
        return (f"{plan.table.data.name} · {len(plan.table.frame)} rows · {plan.task} of {plan.target} · {metric} · "
                f"{self.recipe.folds} folds")

    def _line_of_space(self, plan: Plan | None) -> str:
        if plan is None or (plan.space is None and plan.way != "optuna"):
            return ""
        what = "made on the way" if plan.space is None else describe(plan.space)
        if plan.own or not plan.models:
            return what
        return f"best of {len(plan.models)} · {what}" if plan.auto else f"{plan.models[0].label} · {what}"

    def _line_of_budget(self, plan: Plan | None) -> str:
        r = self.recipe
        if plan is None or plan.recommendation is None:
            return ""
        label = catalogue.label(r.algorithm) if r.algorithm is not None else plan.recommendation.label
        parts = [label]
        if r.effective_scheduler is not None:
            parts.append(schedulers.label(r.effective_scheduler))
        if r.warm_start:
            parts.append(f"{r.warm_start} from past tasks first")
        parts.append("no limit on trials" if r.n_trials is None else f"{r.n_trials} trials")
        if isinstance(r.timeout, (int, float)):
            parts.append(f"at most {text_of(round(r.timeout / 60, 2))} min")
        if r.workers != 1:
            parts.append(f"{r.workers} workers")
        return " · ".join([*parts, f"kept as {r.name}" if r.name else "not kept"])


def fate_of_prior(plan: Plan) -> str:
    """Say what becomes of what is believed of good values."""
    algorithm = plan.recipe.algorithm or (plan.recommendation.algorithm if plan.recommendation is not None else None)
    if algorithm is None:
        return "An algorithm that takes it begins with it."
    name = catalogue.label(algorithm)
    takes = ", ".join(text for text in ("GP-BO · log-EI", "TPE") if takes_prior(catalogue.LABELLED[text]))
    return f"{name} takes it into account." if takes_prior(algorithm) else f"{name} knows no prior. Those that do: {takes}."


def source_of(recipe: Recipe) -> str | None:
    """Return where a recipe's data come from; None if it has none."""
    if recipe.objective is not None:
        return "objective"
    return None if recipe.data is None else recipe.data.kind


def source_code(objective: Any) -> dict[str, Any]:
    """Return an objective's source, and what it reads from its configuration; nothing where there is none to be had."""
    try:
        text = textwrap.dedent(inspect.getsource(objective))
        first = next(iter(inspect.signature(objective).parameters))
        tree = ast.parse(text)
    except (OSError, TypeError, ValueError, SyntaxError, StopIteration):
        return {}
    reads = [node.slice.value for node in ast.walk(tree) if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
             and node.value.id == first and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)]
    return {"text": text[:MOST_TEXT], "reads": list(dict.fromkeys(reads))}


def scheduler_kind(scheduler: Any) -> str | None:
    """Return the name in the catalogue that makes such a scheduler; None if it has none."""
    if scheduler is None:
        return None
    most = getattr(scheduler, "max_steps", None)
    return next((n for n, make in schedulers.LABELLED.items() if make(most or 27) == scheduler), None)


def number(text: Any, *, whole: bool = True) -> Any:
    """Read a number; what is none stays as it is."""
    if isinstance(text, str):
        try:
            return int(text)
        except ValueError:
            pass
        try:
            value = float(text)
        except ValueError:
            return text
        return int(value) if value.is_integer() else text if whole or not math.isfinite(value) else value
    return text


def text_of(value: Any) -> str:
    """Write a field's value."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


# ---- the table -------------------------------------------------------------------------------------------------------

def table_content(plan: Plan) -> dict[str, Any]:
    """Return what is shown of a table: size, target, columns, first rows."""
    table = plan.table
    if table is None:
        return {}
    shown = table.columns[:MOST_COLUMNS]
    missing = sum(c.n_missing for c in table.columns)
    n, p = table.frame.shape
    return {
        "name": table.data.name, "rows": n, "columns": p, "missing": missing, "used": len(plan.columns), "target": plan.target,
        "task": plan.task, "picture": _picture(table, plan.target, plan.task), "more": p - len(shown),
        "facts": [{"name": c.name, "kind": c.kind, "missing": c.n_missing, "distinct": c.n_distinct, "why": c.why,
                   "usable": c.usable, "used": c.name in plan.columns, "target": c.name == plan.target, "bars": list(c.bars),
                   "low": c.low, "high": c.high, "labels": [short(v) for v in c.labels]} for c in shown],
        "first": [[short(v) for v in row] for row in table.frame.iloc[:MOST_ROWS, :len(shown)].itertuples(index=False)],
    }


@functools.lru_cache(maxsize=1)
def _picture(table: Table, target: str | None, task: Any) -> dict[str, Any]:
    """Draw the target once for each choice: a table may have a million rows."""
    return picture(table.values(target), task) if target is not None and task is not None else {}


def short(value: Any) -> str:
    """Write a cell; a missing value is a dash."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = "–" if text in ("nan", "NaT", "<NA>", "None") else text
    return text if len(text) <= LONG else text[:LONG - 1] + "…"
