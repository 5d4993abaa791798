"""Of the run panel: where a run comes from, what it holds fixed, and its child runs, which can be looked at in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import anywidget
import ipywidgets
import traitlets as t

from workbench import store
from workbench.run import Run
from workbench.space import Space
from workbench_widgets.assets import HERE, script
from workbench_widgets.threads import answer_at_once
from workbench_widgets.words import short

WISH = "This change needs a run of its own: with trials told, parameters and options cannot change in one run."


class Family(anywidget.AnyWidget):
    """The line of a run's family. The panel carries out its commands; ``draw`` follows the run.

    Parameters
    ----------
    run
        Whose family.
    wish
        Returns the space that the user has drawn and that needs a child run; None if there is none.
    made
        Called after a child was made of that space.
    command
        Takes a command for the panel.
    """

    _esm = script("family")
    _css = HERE / "family.css"
    family = t.Dict().tag(sync=True)
    shown = t.Int(None, allow_none=True).tag(sync=True)  # which child stands in the panel's place
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)  # the panels of children that were looked at

    def __init__(self, run: Run, *, wish: Callable[[], Space | None], made: Callable[[], object],
                 command: Callable[[dict[str, Any]], object]) -> None:
        self._run, self._wish, self._made = run, wish, made
        super().__init__(family=self._content())
        self.on_msg(lambda _, message, __: command(message))
        answer_at_once(self)

    def obey(self) -> None:
        """There is nothing to do: the panel carries out the commands, so that it can say what went wrong."""

    def make(self, fixed: Mapping[str, Any] | None = None, import_trials: Literal["near", "exact", "all"] = "near") -> Run:
        """Make a child: of what is drawn in the space editor, or with these values fixed."""
        space = None if fixed else self._wish()
        child = self._run.child(space, fixed=fixed, name=free_name(self._run), import_trials=import_trials)
        if space is not None:
            self._made()
        return child

    def show_child(self, k: int | None) -> None:
        """Let a child's panel stand in the place of this one; None: this one again."""
        if k is None:
            self.shown = None
            return
        from workbench_widgets.run_panel import panel_of

        key = f"child {k}"
        if key not in self.parts:
            self.parts = {**self.parts, key: panel_of(self._run.children[k])}
        self.shown = k

    @property
    def waits(self) -> bool:
        """Whether a child has another state than the one that is listed."""
        return [child.state for child in self._run.children] != [child["state"] for child in self.family["children"]]

    def draw(self) -> None:
        """Say what is so now."""
        content = self._content()
        if content != self.family:
            self.family = content

    def _content(self) -> dict[str, Any]:
        run = self._run
        descent = run.descent
        children = [{"title": child.name or f"child {k + 1}", "state": child.state, "about": about(child)}
                    for k, child in enumerate(run.children)]
        return {"name": run.name or "the parent", "descent": "" if descent is None else descent.summary(),
                "fixed": [[name, short(value)] for name, value in run.fixed.items()], "children": children,
                "wish": WISH if self._wish() is not None else ""}


def about(child: Run) -> str:
    """Say what a child is, in a few words."""
    assert child.descent is not None
    fixed = "".join(f", {name} fixed at {short(value)}" for name, value in child.fixed.items())
    n, out = child.descent.n_imported, child.descent.n_left_out
    return f"{n} trial{'s' * (n != 1)} imported{f', {out} left out' if out else ''}{fixed}"


def free_name(run: Run) -> str | None:
    """Return a name for the next child of a run that is kept; None for one in memory."""
    if not run.saved or run.name is None:
        return None
    taken = {child.name for child in run.children}
    k = 1
    while (name := f"{run.name} child {k}") in taken or store.journal_path(name).exists():
        k += 1
    return name
