"""The panel of a race: progress and controls, the curves, the ranks, and the outcome in words."""

from __future__ import annotations

import html
import math
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as w

from workbench.events import EventLog
from workbench.plots.race import race as draw
from workbench.race_results import RaceResults
from workbench.racing import ALIVE, Race
from workbench_widgets.live_figure import LiveFigure
from workbench_widgets.pump import pump
from workbench_widgets.threads import answer_at_once
from workbench_widgets.words import number

SHAPES = {"ready": "○", "running": "●", "pausing": "◐", "paused": "‖", "stopping": "◧", "stopped": "■", "done": "✓",
          "failed": "✗"}


class Style(anywidget.AnyWidget):
    """Brings the panel's style sheet to the page."""

    _esm = "export default { render({ el }) { el.style.display = 'none'; } };"
    _css = Path(__file__).parent / "race_panel.css"


class RacePanel(w.VBox):  # type: ignore[misc]
    """Live panel of a race."""

    def __init__(self, race: Race) -> None:
        self.race = race
        self._drawn: tuple[Any, ...] | None = None
        self._head, self._table = w.HTML(), w.HTML()
        self.live = LiveFigure(draw(race.results), on_shown=lambda: pump.ask(self))
        self.live.layout = w.Layout(width="100%")
        self._go = self._button("Start", "play", self._toggle, "Start, pause or go on")
        self._halt = self._button("Stop", "stop", race.stop, "End the race; finished laps are kept")
        super().__init__([self._head, w.HBox([self._go, self._halt]), self.live, self._table, Style()])
        self.add_class("wb-race")
        self._events = EventLog()  # a race has none; the pump looks at it ten times a second, as at a run
        self.draw()
        pump.attach(self, self._events)

    def _button(self, label: str, icon: str, act: Any, tooltip: str) -> Any:
        button = w.Button(description=label, icon=icon, tooltip=tooltip, layout={"width": "auto"})
        answer_at_once(button)

        def clicked(_: Any) -> None:
            act()
            pump.ask(self)

        button.on_click(clicked)
        return button

    def _toggle(self) -> None:
        if self.race.state == "running":
            self.race.pause()
        else:
            self.race.start()

    @property
    def waits(self) -> bool:
        """Whether there is something to draw: it runs, or its last state was not drawn yet."""
        return self.race.state in ALIVE or self._drawn is None or self._drawn[0] != self.race.state

    @property
    def n_drawn(self) -> int:
        """How many of its pictures the page may have to draw."""
        return int(self.live.shown)

    def fold(self, events: Any) -> None:
        """Take in events: a race has none."""

    def draw(self) -> None:
        """Bring the panel up to date."""
        race = self.race
        state, results = race.state, race.results
        self._put(self._head, "value", head(race))
        label, icon = ("Pause", "pause") if state == "running" else \
            ("Start", "play") if state == "ready" else ("Go on", "play")
        self._put(self._go, "description", label)
        self._put(self._go, "icon", icon)
        self._put(self._go, "disabled", state in ("done", "stopping"))
        self._put(self._halt, "disabled", state not in ("running", "pausing", "paused"))
        if self._drawn is None or self._drawn[1] != len(results.laps):
            self.live.update(draw(results))
            self._put(self._table, "value", outcome(results))
        self._drawn = (state, len(results.laps))

    @staticmethod
    def _put(widget: Any, name: str, value: Any) -> None:
        if getattr(widget, name) != value:
            setattr(widget, name, value)

    def close(self) -> None:
        """Take the panel away; the race goes on."""
        pump.detach(self)
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.live.push_once()
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self.race), "text/html": self.race._repr_html_()}, meta


def clock(seconds: float) -> str:
    """Write a time: 00:41, or 2 h 10 min."""
    s = round(seconds)
    return f"{s // 60:02d}:{s % 60:02d}" if s < 3600 else f"{s // 3600} h {s % 3600 // 60} min"


def head(race: Race) -> str:
    """Say whether it runs, how far it is, and how long it will take."""
    n = len(race.results.laps)
    facts = [f"{n} / {race.n_laps} laps", f"{len(race.makers)} algorithms × {len(race.seeds)} seeds × "
             f"{race.course.n_trials} trials"]
    if race.state != "ready":
        eta = race.eta_s
        left = f", about {clock(eta)} left" if eta is not None and race.state == "running" else ""
        facts.append(f"{clock(race.elapsed_s)}{left}")
    share = 100 * race.progress
    detail = f"<div>{html.escape(race.detail)}</div>" if race.detail else ""
    return (f"<div><b>Race on {html.escape(race.name)}</b></div>"
            f"<div role='status'><span aria-hidden='true'>{SHAPES[race.state]}</span> <b>{race.state.capitalize()}</b> &nbsp; "
            f"{' · '.join(facts)}</div>{detail}"
            f"<div class='wb-race-bar' role='progressbar' aria-label='Race done' aria-valuenow='{share:.0f}' "
            f"aria-valuemin='0' aria-valuemax='100'><i style='width:{share:.1f}%'></i></div>")


def outcome(results: RaceResults) -> str:
    """Return the ranks as a table, and the verdicts."""
    n = len(results.complete_seeds)
    if not n:
        return "<p class='wb-soft'>Ranks appear when every algorithm has finished its first seed.</p>"
    table = results.table()
    what = "distance from the optimum" if results.optimum is not None else "final loss"
    names = ["", "algorithm", "average rank", f"seeds won (of {n})", f"median {what}", "middle half", "failed trials",
             "ms per suggestion"]
    rows = []
    for place, (name, r) in enumerate(table.iterrows(), 1):
        middle = r["median regret" if results.optimum is not None else "median loss"]
        cells = [str(place), html.escape(str(name)), f"{r['rank']:.2f}", number(r["won"]), _short(middle),
                 f"{_short(r['lower quartile'])} – {_short(r['upper quartile'])}", number(r["failed trials"]),
                 _short(r["ms per suggestion"])]
        rows.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    heads = "".join(f"<th scope='col'>{h}</th>" for h in names)
    words = "".join(f"<li>{html.escape(s)}</li>" for s in results.words())
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table><ul>{words}</ul>"


def _short(value: float) -> str:
    return "none" if math.isinf(value) else number(float(value))


def show(race: Race, **kwargs: Any) -> Any:
    """Return the mime bundle of the race's panel; the same panel is shown again if there is one."""
    panel = getattr(race, "_panel", None)
    if panel is None or panel.comm is None:
        panel = race._panel = RacePanel(race)  # type: ignore[attr-defined]
    return panel._repr_mimebundle_(**kwargs)
