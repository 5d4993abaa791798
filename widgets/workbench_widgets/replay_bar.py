"""Of the run panel: the bar that replays a run. A slider over its events, play and pause, steps from trial to trial."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import anywidget
import traitlets as t

from workbench.reel import Course, said
from workbench.timeline import Timeline
from workbench.trials import Trials
from workbench_widgets.assets import HERE, script
from workbench_widgets.inbox import waiting
from workbench_widgets.playhead import Playhead
from workbench_widgets.threads import answer_at_once
from workbench_widgets.words import number

SPEEDS = {"1": "1 trial a second", "4": "4 trials a second", "20": "20 trials a second", "ran": "as it ran, waits cut short"}
N_TICKS = 250  # places for ticks along the slider


class ReplayBar(anywidget.AnyWidget):
    """The bar. ``obey`` goes to the moment that was asked for, before the panel draws; ``draw`` shows where it is.

    Parameters
    ----------
    head
        What the panel shows; the bar moves it.
    trials, timeline, course
        States at the moment that is shown; folded by the panel.
    ask
        Asks for the panel to be drawn soon.
    moved
        Told after a jump by hand: what is on screen should follow at once, not at its own pace as while it plays.
    recorded
        Whether there is no run behind the log: then the bar is open from the beginning.
    """

    _esm = script("replay_bar")
    _css = HERE / "replay_bar.css"
    bar = t.Dict().tag(sync=True)
    ticks = t.Dict().tag(sync=True)

    def __init__(self, head: Playhead, trials: Trials, timeline: Timeline, course: Course, *, ask: Callable[[], object],
                 moved: Callable[[], object], recorded: bool) -> None:
        self._moved = moved
        self._head, self._trials, self._timeline, self._course = head, trials, timeline, course
        self._ask = ask
        self._recorded = recorded
        self._open = recorded
        self._commands: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._playing = False
        self._speed = "4"
        self._place = 0.0  # where it plays: a moment, or trials done
        self._ticked = 0.0
        super().__init__(bar=self._content(), ticks=self._ticks())
        self.on_msg(lambda _, message, __: self.command(message))
        answer_at_once(self)

    # ---- what comes in ---------------------------------------------------------------------------------------------------

    def command(self, message: dict[str, Any]) -> None:
        """Take a command of the page; any thread. It is carried out by the pump."""
        self._commands.put(message)
        self._ask()

    def obey(self) -> None:
        """Carry out what was asked, and play on. Of many moves of the slider only the last one counts."""
        to: int | None = None
        for message in waiting(self._commands):
            to = int(message["at"]) if message.get("cmd") == "jump" and isinstance(message.get("at"), int) else to
            if message.get("cmd") != "jump":
                if to is not None:
                    self._go(to)
                    to = None
                self._do(message)
        if to is not None:
            self._go(to)
        if self._playing:
            self._play_on()

    def _do(self, message: dict[str, Any]) -> None:
        reel, at = self._head.reel, self._head.at
        match message:
            case {"cmd": "now"}:
                self._go(None)
            case {"cmd": "next"}:
                self._go(reel.next_end(at))
            case {"cmd": "back"}:
                self._go(reel.last_end(at))
            case {"cmd": "play"}:
                self._toggle()
            case {"cmd": "speed", "speed": str(speed)} if speed in SPEEDS:
                self._speed = speed
                self._set_off()
            case {"cmd": "open", "open": bool(is_open)}:
                self._open = is_open
            case _:
                pass

    def _go(self, at: int | None) -> None:
        """Go to a moment by hand: playing goes on from there."""
        self._head.jump(at)
        self._moved()
        self._set_off()
        self._playing = self._playing and not self._head.follows

    # ---- playing ---------------------------------------------------------------------------------------------------------

    def _toggle(self) -> None:
        if self._playing:
            self._playing = False
            return
        if self._head.at >= self._head.total:  # at the end there is nothing to play: from the beginning
            self._head.jump(0)
        self._playing = True
        self._set_off()

    def _set_off(self) -> None:
        at = float(self._head.at)
        self._place = at if self._speed == "ran" else self._head.reel.progress(at)
        self._ticked = time.monotonic()

    def _play_on(self) -> None:
        now = time.monotonic()
        passed, self._ticked = now - self._ticked, now
        reel = self._head.reel
        if self._speed == "ran":
            self._place = at = reel.after(self._place, passed)
        else:
            self._place += passed * float(self._speed)
            at = reel.at_progress(self._place)
        if int(at) != self._head.at:
            self._head.jump(int(at))
        self._playing = not self._head.follows

    # ---- what goes out ---------------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether it plays."""
        return self._playing

    def draw(self) -> None:
        """Bring the bar up to date. Called by the pump alone."""
        content = self._content()
        if content != self.bar:
            self.bar = content
        ticks = self._ticks()
        if ticks != self.ticks:
            self.ticks = ticks

    def _content(self) -> dict[str, Any]:
        """Return where the bar is, and what was so then; of a closed one that shows the present, hardly anything."""
        head, trials = self._head, self._trials
        quiet = {"any": head.total > 0 and bool(head.reel.ends), "follows": head.follows, "open": self._open,
                 "recorded": self._recorded}
        if head.follows and not self._open:
            return quiet
        last = head.reel.log[head.at - 1] if head.at else None
        words = "nothing has happened yet" if last is None else said(last)
        trial = trials.by_number.get(getattr(last, "trial", -1))
        if trial is not None and trial.ended is not None and trial.loss is not None and words.endswith("is done"):
            words += f": {number(trials.value(trial.loss))}"
        return {**quiet, "at": head.at, "total": head.total, "playing": self._playing, "speed": self._speed,
                "speeds": list(SPEEDS.items()), "seconds": round(self._timeline.now, 1), "ended": len(trials.told),
                "newest": trials.told[-1] if trials.told else None, "event": words}

    def _ticks(self) -> dict[str, Any]:
        """Return where trials end along the slider, and where there was a new best, in N_TICKS steps."""
        if not self._open or not self._head.total:
            return {}
        reel, total = self._head.reel, self._head.total
        return {"of": N_TICKS, "ends": sorted({round(N_TICKS * at / total) for at in reel.ends}),
                "better": sorted({round(N_TICKS * at / total) for at in reel.better})}
