"""Of the run panel: the commands of whoever looks at it, carried out one by one on the pump's thread."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from workbench.search import catalogue
from workbench.space import Space
from workbench_widgets.inbox import trouble, waiting

if TYPE_CHECKING:
    from workbench_widgets.run_panel import RunPanel

Message = dict[str, Any]


class Commands:
    """A queue of messages from the page. Any thread puts, the pump obeys."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Message] = SimpleQueue()

    def put(self, message: Message) -> None:
        """Take a message; any thread."""
        self._waiting.put(message)

    def obey(self, panel: RunPanel) -> int:
        """Carry out what waits, and say on the panel what could not be done; returns how many the page waits for."""
        n = 0
        for message in waiting(self._waiting):
            n += "space" not in message
            try:
                do(panel, message)
                if panel.said:
                    panel.said = {}
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it; the pump must go on
                panel.said = trouble(error)
        return n


def do(panel: RunPanel, m: Message) -> None:
    """Carry out one command: those that change the run are here."""
    run = panel.run
    match m:
        case {"cmd": "start"}:
            run.start()
        case {"cmd": "pause"}:
            run.pause()
        case {"cmd": "step"}:
            run.step(block=False)
        case {"cmd": "stop"}:
            run.stop()
        case {"cmd": "n_trials" | "n_workers" as what, "value": value}:
            run.configure(**{what: value})
        case {"cmd": "algorithm", "value": str(label)} if label in catalogue.LABELLED:
            _switch(panel, catalogue.LABELLED[label])
        case {"cmd": "advice"}:
            _switch(panel, panel.headline.advised.algorithm)
        case {"cmd": "space", "space": Space() as space} if panel.drawn is not None:
            panel.drawn.take(space, m.get("prior"))
        case {"cmd": "child"} if panel.family is not None:
            panel.family.make(m.get("fixed"))
        case {"cmd": "show", "child": int() | None as k} if panel.family is not None:
            panel.family.show_child(k)
        case {"cmd": "again", "trial": int(trial)}:
            run.enqueue(panel.trials.by_number[trial].config)
        case _:
            look(panel, m)


def _switch(panel: RunPanel, algorithm: Any) -> None:
    """Change the algorithm; the prior that is drawn goes along."""
    if panel.drawn is None:
        panel.run.configure(algorithm=algorithm)
    else:
        panel.drawn.switch(algorithm)


def look(panel: RunPanel, m: Message) -> None:
    """Carry out what changes the view alone."""
    match m:
        case {"cmd": "pick", "trial": int(trial)}:
            panel.selection.pick(trial if trial in panel.trials.by_number else None)
        case {"cmd": "pick"}:
            panel.selection.pick(None)
        case {"cmd": "pin", "trial": int() | None as trial} if trial is None or trial in panel.trials.by_number:
            panel.selection.pin(trial)
        case {"cmd": "escape"} if panel.selection.brushes:
            panel.selection.brush(None)
        case {"cmd": "escape"}:
            panel.selection.pick(None)
        case {"cmd": "lift", "by": str(source), "axis": str(axis)} if source == panel.coordinates_view.source and axis:
            panel.coordinates_view.lift(axis)
        case {"cmd": "lift", "by": str(source)}:
            panel.selection.brush(None, source)
        case {"cmd": "lift"}:
            panel.selection.brush(None)
        case {"cmd": "move", "by": int(by)}:
            panel.move(by)
        case {"cmd": "tab", "tab": str(tab)}:
            panel.bring_to_front(tab)
        case {"cmd": "page", "page": int(page)}:
            panel.table_view.turn_to(page)
        case {"cmd": "sort", "by": str(column)}:
            panel.table_view.sort_by(column)
        case _:
            tune(panel, m)


def tune(panel: RunPanel, m: Message) -> None:
    """Carry out what changes one picture."""
    match m:
        case {"cmd": "along", "x": str(x)}:
            panel.model_view.along(x, m.get("y") or None)
        case {"cmd": "contour", "x": str(x), "y": str(y)}:
            panel.contour_view.along(x, y)
        case {"cmd": "bracket", "bracket": int() | None as bracket} if panel.race_view is not None:
            panel.race_view.choose(bracket)
        case {"cmd": "pair", "low": int() | None as low, "high": int() | None as high} if panel.ranks_view is not None:
            panel.ranks_view.choose(low, high)
        case {"cmd": "delta", "value": int() | float() | None as delta} if panel.looks_view is not None:
            panel.looks_view.choose(delta)
        case {"cmd": "log_steps", "on": bool(on)}:
            panel.curves_view.set_log(on=on)
        case {"cmd": "brush", "axis": str(key), "from": int() | float() as low, "to": int() | float() as high}:
            panel.coordinates_view.brush(key, low, high, add=bool(m.get("add")))
