"""The tab on architectures, in the panel of a run whose configurations are cells: the cell, its truth, where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import anywidget
import ipywidgets
import traitlets as t

from workbench.events import Event
from workbench.nas.baselines import Baselines
from workbench.nas.cells import CellSpace
from workbench.nas.encodings import cells_of
from workbench.nas.evolution import EvolutionExplanation
from workbench.nas.nao import NaoExplanation
from workbench.nas.pnas import PnasExplanation, SmallestCells
from workbench.nas.policy import PolicyExplanation
from workbench.nas_search import table_of
from workbench.recording import Recording
from workbench.run import Run
from workbench.search.surrogate_why import SurrogateExplanation
from workbench.trials import Trials
from workbench_widgets.assets import script, styles
from workbench_widgets.nas_words import percent
from workbench_widgets.view import FigureView, Selection
from workbench_widgets.views.architecture import (
    BeliefView,
    EmbeddingView,
    FamilyTreeView,
    PickRankView,
    PolicyView,
    TrialCellView,
    WideningView,
    reason,
    shown,
)

KINDS: dict[str, Any] = {"family": EvolutionExplanation, "policy": PolicyExplanation,
                         "widening": PnasExplanation | SmallestCells, "embedding": NaoExplanation, "belief": SurrogateExplanation}


class ArchitecturePage(anywidget.AnyWidget):
    """What a run knows of its architectures. The panel of the run folds its events and draws it.

    Parameters
    ----------
    run
        The run, or a recording of one.
    cells
        The space of cells that it searches.
    trials, selection
        Shared by all views of the panel.
    """

    _esm = script("architecture_page")
    _css = styles("nas_panel")
    content = t.Dict().tag(sync=True)
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(self, run: Run | Recording, cells: CellSpace, trials: Trials, selection: Selection) -> None:
        self.run, self.cells, self.trials, self.selection = run, cells, trials, selection
        self.table = table_of(run)
        self.front = False
        self._kinds: set[str] = set()  # of reasons that were met
        self._known = 0
        shared = trials, selection
        self.figures: dict[str, FigureView] = {
            "cell": TrialCellView(cells, *shared), "family": FamilyTreeView(*shared), "policy": PolicyView(*shared),
            "widening": WideningView(*shared), "embedding": EmbeddingView(*shared),
            "belief": BeliefView(self.table, *shared), "rank": PickRankView(lambda: self.baselines, run.n_trials, *shared)}
        super().__init__(parts={name: view.live for name, view in self.figures.items()}, content=self._content())

    @cached_property
    def baselines(self) -> Baselines | None:
        """What the table, if there is one, tells of all architectures."""
        return None if self.table is None else Baselines(self.table)

    # ---- what comes in ---------------------------------------------------------------------------------------------

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events; the trials are folded by the panel."""
        events = list(events)
        for view in self.figures.values():
            view.fold(events)

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far."""
        self._kinds.clear()
        self._known = 0
        for view in self.figures.values():
            view.rewind(events)

    # ---- what goes out ---------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether there is something that still has to be drawn."""
        return self.front and any(view.waits for view in self.figures.values())

    @property
    def n_drawn(self) -> int:
        """How many of its figures on screen the last tick has changed."""
        return sum(view.n_drawn for view in self.figures.values())

    def draw(self) -> None:
        """Bring it up to date, while its tab is open."""
        if not self.front:
            return
        content = self._content()
        if content != self.content:
            self.content = content
        for view in self.figures.values():
            view.draw()

    def _content(self) -> dict[str, Any]:
        """Return which pictures there are, and what is known of the trial that is shown."""
        self._meet()
        figures = ["cell", *(name for name in ("family", "policy", "widening", "embedding") if name in self._kinds)]
        if self.table is not None:
            figures += [*(["belief"] if "belief" in self._kinds else []), "rank"]
        trial = shown(self.trials, self.selection)
        return {"figures": figures, "facts": [] if trial is None or not self.front else self._facts(trial.whole_config),
                "operations": [] if trial is None else [[f"{i} → {j}", op] for (i, j), op in zip(
                    self.cells.edges, self.cells.architecture(trial.whole_config), strict=True)],
                "known": self.table is not None}

    def _meet(self) -> None:
        """Learn from new trials what kinds of reasons there are."""
        trials = list(self.trials.by_number.values())
        for trial in trials[self._known:]:
            why = reason(trial)
            self._kinds |= {name for name, kind in KINDS.items() if isinstance(why, kind)}
        self._known = len(trials)

    def _facts(self, config: dict[str, Any]) -> list[list[str]]:
        table, baselines = self.table, self.baselines
        if table is None or baselines is None:
            return []
        about, n = baselines.about(), max(len(self.trials.told), 1)
        known = baselines.random_of(n)
        biggest = about["biggest"]
        return [["trained on its own", percent(baselines.accuracy(config)), f"number {table.rank(config)} of {table.n_distinct}"],
                ["parameters", f"{table.parameters(config):,}".replace(",", " "), ""],
                [f"best of {n} random cells", percent(known["random_accuracy"]), f"number {known['random_rank']:.0f}, expected"],
                ["the biggest model", percent(biggest["accuracy"]), f"number {biggest['rank']:.0f}"],
                ["the best of all", percent(about["best_accuracy"]), "number 1"]]

    def close(self) -> None:
        """Take it away."""
        for part in self.parts.values():
            part.close()
        super().close()


def page_for(run: Run | Recording, trials: Trials, selection: Selection) -> ArchitecturePage | None:
    """Return the page of a run that searches cells; None for any other run."""
    cells = None if run.space is None else cells_of(run.space)
    return None if cells is None else ArchitecturePage(run, cells, trials, selection)
