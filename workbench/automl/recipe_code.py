"""A recipe as a Python script that does the same: nothing is hidden in the application."""

from __future__ import annotations

from typing import Any

from workbench.automl.estimator_code import estimator_code, merged
from workbench.automl.recipe_data import MANY_CATEGORIES, TARGET, Table
from workbench.automl.recipe_models import MODEL, PREPARE, Known, Wants, encoder, number_steps
from workbench.automl.recipe_plan import Plan
from workbench.fidelity import catalogue as schedulers
from workbench.search import catalogue

WIDTH = 110
BEST = "run.best.loss, run.best.config"


def script(plan: Plan) -> str:
    """Write the script; of a recipe at fault, what is missing."""
    if plan.faults:
        return "".join(f"# {what.replace('_', ' ')}: {text}\n" for what, text in plan.faults.items())
    writer = _Writer(plan)
    body = writer.own() if plan.own else writer.table_and_models()
    ours = {line for line in writer.imports if "workbench" in line}
    parts = ["\n".join(merged(writer.imports - ours)), "\n".join(merged(ours)), *body]
    return "\n\n".join(part for part in parts if part) + "\n"


def quoted(names: tuple[str, ...] | list[str]) -> str:
    """Write a list of texts, in as many lines as it takes."""
    flat = "[" + ", ".join(map(repr, names)) + "]"
    if len(flat) <= WIDTH - 20:
        return flat
    lines = [""]
    for name in names:
        if lines[-1] and len(lines[-1]) + len(repr(name)) > WIDTH - 8:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{name!r},"
    return "[\n    " + "\n    ".join(lines) + "\n]"


class _Writer:
    """Writes the parts of a script, and collects what they import."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.recipe = plan, plan.recipe
        self.imports = {"import workbench as wb"}

    # ---- an objective of one's own

    def own(self) -> list[str]:
        """Return the parts of a script around an objective of the user's own."""
        r, plan = self.recipe, self.plan
        settings = self._settings()
        if r.direction != "minimize":
            settings.insert(0, f"direction={r.direction!r}")
        if r.scheduler is not None:
            settings.insert(0, f"scheduler={self._scheduler(r.scheduler)}")
        intro = f"# {r.objective} is the objective in your notebook"
        if plan.space is None:
            return [intro, self._call(f"wb.optimize({r.objective}", settings), self._end(BEST)]
        return [f"{intro}\nspace = {plan.space!r}", self._call(f"wb.optimize({r.objective}, space", settings), self._end(BEST)]

    # ---- a table and estimators

    def table_and_models(self) -> list[str]:
        """Return the parts of a script that reads a table and tunes an estimator, or chooses one."""
        plan, r = self.plan, self.recipe
        parts = [self._table(), self._models()]
        shared = [f"scoring={plan.metric!r}", f"cv={r.folds}"]
        if r.fidelity is not None:
            scheduler = r.effective_scheduler
            shared += [f"fidelity={r.fidelity!r}", f"max_steps={r.n_steps}", f"scheduler={self._scheduler(scheduler)}"]
        tune = f"wb.tune({'models' if plan.auto else 'model'}, X, y, space=space"
        first = []
        if r.warm_start:
            first = [f"similar = wb.past_tasks().similar(X, y, k={r.similar}, space=space)  # past tasks most like this table\n"
                     f"first = similar.first({r.warm_start})  # each says why"]
        parts += [f"space = {plan.space!r}", *first, self._call(tune, [*shared, *self._settings()]),
                  self._end("run.best_score_, run.best_params_", "model = run.best_estimator_  # the best, fitted on all rows")]
        return parts

    def _table(self) -> str:
        plan, table = self.plan, self.plan.table
        assert table is not None and plan.target is not None
        lines = self._read(table)
        if table[plan.target].n_missing:
            lines.append(f"table = table.dropna(subset=[{plan.target!r}])  # rows without a target teach nothing")
        if len(plan.left_out) and set(plan.left_out) - {plan.target}:
            lines.append(f"X = table.drop(columns={quoted([*plan.left_out, plan.target])})")
        else:
            lines.append(f"X = table.drop(columns={plan.target!r})")
        lines.append(f"y = table[{plan.target!r}].to_numpy()")
        return "\n".join(lines)

    def _read(self, table: Table) -> list[str]:
        data = table.data
        match data.kind:
            case "example":
                self.imports |= {"import pandas as pd", "from workbench.problems import data_set"}
                return [f"data = data_set({data.name!r})",
                        f"table = pd.DataFrame(data.X, columns=list(data.features)).assign({TARGET}=data.y)"]
            case "csv":
                self.imports.add("import pandas as pd")
                options = "".join(f", {k}={v!r}" for k, v in table.read.items())
                lines = [f"table = pd.read_csv({data.name!r}{options})"]
                if data.name.startswith("~"):
                    self.imports.add("from pathlib import Path")
                    lines = [f"table = pd.read_csv(Path({data.name!r}).expanduser(){options})"]
                return lines + self._names(table)
        self.imports |= {"import numpy as np"} if data.y is not None else set()
        self.imports |= {"import pandas as pd"}
        lines = [f"table = pd.DataFrame({data.name})  # {data.name} is the one in your notebook"]
        if data.y is not None:
            lines.append(f"table = table.assign({TARGET}=np.asarray({data.y}).ravel())")
        return lines + self._names(table)

    def _names(self, table: Table) -> list[str]:
        return [f"table.columns = {quoted(list(table.names))}"] if table.renamed else []

    def _models(self) -> str:
        wants, plan = self.plan.wants, self.plan
        lines = self._columns(wants) if wants.categories else []
        prepare: dict[tuple[str, ...], str] = {}  # by their steps for numbers, under a name for each
        for model in plan.models if wants.categories else ():
            steps = tuple(name for name, _ in number_steps(model, wants))
            if steps not in prepare:
                prepare[steps] = ("scaled" if "scale" in steps else "filled" if steps else "as_it_is") if plan.auto else PREPARE
                lines.append(f"{prepare[steps]} = {self._transformer(model, wants)}")
        made = [self._pipeline(model, wants, prepare) for model in plan.models]
        if not plan.auto:
            return "\n".join([*lines, f"model = {made[0]}"])
        entries = [f"    {k.short!r}: {code}," for k, code in zip(plan.models, made, strict=True)]
        return "\n".join([*lines, "models = {", *entries, "}"])

    def _columns(self, wants: Wants) -> list[str]:
        rare = f", the rare ones of more than {MANY_CATEGORIES} together" if wants.many else ""
        return [*([f"numbers = {quoted(wants.numbers)}"] if wants.numbers else []), f"categories = {quoted(wants.categories)}",
                f"encode = {self._code(encoder(wants))}  # a column for each category{rare}"]

    def _transformer(self, model: Known, wants: Wants) -> str:
        self.imports.add("from sklearn.compose import ColumnTransformer")
        steps = [(name, self._code(step)) for name, step in number_steps(model, wants)]
        how = "'passthrough'" if not steps else steps[0][1] if len(steps) == 1 else self._chain(steps)
        numbers = f"    ('numbers', {how}, numbers),\n" if wants.numbers else ""
        return f"ColumnTransformer([\n{numbers}    ('categories', encode, categories),\n])"

    def _pipeline(self, model: Known, wants: Wants, prepare: dict[tuple[str, ...], str]) -> str:
        """Write the estimator behind what its table needs."""
        steps = [(name, self._code(step)) for name, step in number_steps(model, wants)]
        if prepare:
            steps = [(PREPARE, prepare[tuple(name for name, _ in steps)])]
        made = self._code(model.make())
        return self._chain([*steps, (MODEL, made)]) if steps else made

    def _chain(self, steps: list[tuple[str, str]]) -> str:
        self.imports.add("from sklearn.pipeline import Pipeline")
        return f"Pipeline([{', '.join(f'({name!r}, {code})' for name, code in steps)}])"

    def _code(self, estimator: Any) -> str:
        imports, code = estimator_code(estimator)
        self.imports |= set(imports)
        return code

    # ---- the run

    def _settings(self) -> list[str]:
        r = self.recipe
        algorithm = self.plan.settled_algorithm
        code = "" if algorithm is None else catalogue.code(algorithm, "wb.")
        if r.warm_start:
            code = f"wb.WarmStart({code}, [f.config for f in first], [f.why for f in first])"
        out = [f"algorithm={code}"] if code else []
        out.append(f"n_trials={r.n_trials}")
        if r.timeout is not None:
            out.append(f"timeout={r.timeout!r}")
        if r.workers != 1:
            out.append(f"n_workers={r.workers}")
        if r.seed is not None:
            out.append(f"seed={r.seed}")
        if r.name is not None:
            out.append(f"name={r.name!r}")
        return out

    def _scheduler(self, scheduler: Any) -> str:
        return f"wb.{schedulers.code(scheduler)}" if schedulers.knows(scheduler) else f"{scheduler!r}"

    def _call(self, head: str, settings: list[str]) -> str:
        """Write a call, broken into lines under its opening bracket."""
        lines, indent = [f"run = {head}"], " " * (len("run = ") + head.index("(") + 1)
        for setting in settings:
            if len(lines[-1]) + len(setting) + 3 > WIDTH:
                lines[-1] += ","
                lines.append(indent + setting)
            else:
                lines[-1] += f", {setting}"
        return "\n".join(lines) + ")"

    def _end(self, shown: str, *more: str) -> str:
        return "\n".join(["run.start().wait()  # in a notebook `run` alone shows its panel, with Start and Pause",
                          f"print({shown})", *more])
