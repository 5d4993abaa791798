"""Of the run panel: a configuration by hand. It is tried next, or its known result is added."""

from __future__ import annotations

import math
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import anywidget
import traitlets as t

from workbench.default_config import default_value
from workbench.errors import ConfigError, ObjectiveError
from workbench.run import Run
from workbench.space import Choice, Config, Param, Space, describe
from workbench.trials import Trial, Trials
from workbench_widgets.assets import HERE, script
from workbench_widgets.inbox import waiting, words
from workbench_widgets.threads import answer_at_once
from workbench_widgets.view import Selection

Message = dict[str, Any]


class TryConfig(anywidget.AnyWidget):
    """A form with a field for each active parameter. ``obey`` carries out what was asked, ``draw`` follows the run.

    Parameters
    ----------
    run
        Who tries the configuration, or takes the result; it has a space.
    trials, selection
        Whose configurations may be filled in: the best, and the picked one.
    ask
        Asks for the panel to be drawn soon.
    """

    _esm = script("try_config")
    _css = HERE / "try_config.css"
    form = t.Dict().tag(sync=True)  # the fields, and what may be filled in
    answer = t.Dict().tag(sync=True)  # to the last click: errors by field, or what was done

    def __init__(self, run: Run, trials: Trials, selection: Selection, *, ask: Callable[[], object]) -> None:
        self._run, self._trials, self._selection, self._ask = run, trials, selection, ask
        self._commands: SimpleQueue[Message] = SimpleQueue()
        self._space: Space | None = None
        self._fields: list[Message] = []
        super().__init__(form=self._content(), answer={"n": 0, "errors": {}, "said": ""})
        self.on_msg(lambda _, message, __: self.command(message))
        answer_at_once(self)

    # ---- what comes in ---------------------------------------------------------------------------------------------------

    def command(self, message: Message) -> None:
        """Take a command of the page; any thread. It is carried out by the pump."""
        self._commands.put(message)
        self._ask()

    def obey(self) -> None:
        """Carry out what was asked."""
        for message in waiting(self._commands):
            errors: dict[str, str] = {}
            said = ""
            try:
                said = self._do(message, errors)
            except ConfigError as error:
                errors["" if error.rule == "forbidden" else error.parameter] = str(error)
            except ObjectiveError as error:
                errors["result 0"] = str(error)
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it; the pump must go on
                errors[""] = words(error)
            self.answer = {"n": self.answer["n"] + 1, "errors": errors, "said": said}

    def _do(self, message: Message, errors: dict[str, str]) -> str:
        """Try a configuration or add its result; returns what was done, or fills in the errors."""
        space = self._run.space
        assert space is not None
        config = read(space, message.get("values") or {}, errors)
        match message:
            case {"cmd": "add", "results": list(texts)}:
                results = [self._result(k, text, errors) for k, text in enumerate(texts)]
                if errors:
                    return ""
                self._run.tell(config, results[0] if len(results) == 1 else tuple(results))
                return "Its result is added; the search knows of it."
            case {"cmd": "try"} if not errors:
                self._run.enqueue(config)
                going = self._run.state in ("running", "pausing")
                return "It is tried next." if going else "It is tried next, as soon as the run goes on."
        return ""

    def _result(self, k: int, text: Any, errors: dict[str, str]) -> float:
        try:
            value = float(str(text).strip())
        except ValueError:
            errors[f"result {k}"] = f"the result must be a number, got {text!r}." if str(text).strip() else (
                "Fill in what the objective gave, or let it be tried.")
            return math.nan
        if math.isnan(value):
            errors[f"result {k}"] = "the result must be a number, got nan."
        return value

    # ---- what goes out ---------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Show the space as it is now, and what may be filled in."""
        content = self._content()
        if content != self.form:
            self.form = content

    def _content(self) -> Message:
        space = self._run.space
        assert space is not None
        if space is not self._space:
            self._space, self._fields = space, [field(space, name) for name in space.names]
        picked = self._trials.by_number.get(-1 if self._selection.trial is None else self._selection.trial)
        best = self._trials.best
        fills = [{"key": "defaults", "label": "defaults", "values": written(space, space.default())}]
        fills += [self._fill("best", f"best (trial {best.number})", best)] if best is not None else []
        fills += [self._fill("picked", f"trial {picked.number}", picked)] if picked is not None and picked is not best else []
        goals = self._run.goals
        fixed = [[name, str(value)] for name, value in self._run.fixed.items()]
        return {"fields": self._fields, "fills": [f for f in fills if f["values"] is not None], "fixed": fixed,
                "results": list(goals.labels) or ["result"], "open": self._run.state not in ("failed",)}

    def _fill(self, key: str, label: str, trial: Trial) -> Message:
        space = self._run.space
        assert space is not None
        known = space.contains(trial.config)  # a range may have been narrowed since
        return {"key": key, "label": label, "values": written(space, trial.config) if known else None}


# ---- fields and values as plain data -------------------------------------------------------------------------------------


def field(space: Space, name: str) -> Message:
    """Return what the page needs to know of a parameter.

    A number is written as text, an option as its place among the options; so are the values of a condition.
    """
    p = space[name]
    when = [[parent, [_level(space[parent], v) for v in values]] for parent, values in p.when]
    return {"name": name, "kind": kind(p), "hint": hint(p), "when": when, "why": describe(p.when) if p.when else "",
            "options": [str(o) for o in p.options] if isinstance(p, Choice) else [], "start": _text(p, default_value(p))}


def kind(p: Param) -> str:
    """Say what kind of parameter it is."""
    return type(p).__name__.lower()


def hint(p: Param) -> str:
    """Say what is allowed."""
    if isinstance(p, Choice):
        return f"one of {len(p.options)}"
    range_ = f"{p.low:.10g} to {p.high:.10g}"
    step = "" if p.step is None or (kind(p) == "int" and p.step == 1) else f", in steps of {p.step:.10g}"
    return f"{'whole number, ' if kind(p) == 'int' else ''}{range_}{step}{', log scale' if p.log else ''}"


def written(space: Space, config: Config) -> dict[str, str | int]:
    """Write a configuration as the fields hold it; inactive parameters are at their defaults."""
    return {name: _text(p, config[name] if name in config else default_value(p)) for name, p in space.params.items()}


def _text(p: Param, value: Any) -> str | int:
    return p.index(value) if isinstance(p, Choice) else repr(value)


def _level(p: Param, value: Any) -> Any:
    return p.find(value) if isinstance(p, Choice) else value


def read(space: Space, values: Message, errors: dict[str, str]) -> Config:
    """Read what stands in the fields, and check it; what is wrong with one is put into ``errors`` under its name."""
    config: Config = {}
    for name in space.parents_first():
        if not space.is_active(name, config):
            continue
        p, given = space[name], values.get(name)
        try:
            config[name] = _value(p, given)
        except (TypeError, ValueError, OverflowError, IndexError):
            errors[name] = _complaint(p, "" if given is None else str(given).strip())
            continue
        fault = p.fault(config[name])
        if fault:
            errors[name] = f"{name} {fault[1]}, got {config[name]!r}."
    if not errors:
        space.validate(config)
    return {name: config[name] for name in space.names if name in config}


def _complaint(p: Param, given: str) -> str:
    if isinstance(p, Choice):
        return "Choose one of the options."
    return f"{given!r} is no number. Allowed: {hint(p)}." if given else f"Needs a value: {hint(p)}."


def _value(p: Param, given: Any) -> Any:
    if isinstance(p, Choice):
        k = int(given)
        if k < 0:
            raise IndexError(k)
        return p.options[k]
    text = str(given).strip()
    if kind(p) == "float":
        return float(text)
    value = float(text)
    return int(text) if text.lstrip("+-").isdigit() else int(value) if value.is_integer() else value
