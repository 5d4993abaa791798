"""Live views of a run that takes steps: the cell of an architecture search and what its picks are worth; what was learned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from workbench.events import Event, RunFinished, StateChanged, StepTaken
from workbench.nas.cells import CellSpace
from workbench.nas.hill_step import HillStep
from workbench.nas.ranking import Ranking
from workbench.nas.relaxation import Relaxation
from workbench.nas.relaxed_steps import DARTSStep
from workbench.plots.figure import empty
from workbench.plots.nas_graph import graph_figure
from workbench.plots.nas_morphism import hill_tree
from workbench.plots.nas_one_shot import sampled_accuracy, score_against_truth
from workbench.plots.nas_progress import NO_STEP, progress, truth
from workbench.plots.nas_relaxation import alpha_map, gap_over_time, gradients, weights_over_time
from workbench.plots.step_metrics import step_metrics
from workbench.step_pictures import Picture, picture_of
from workbench.step_run import LEARNING
from workbench.steps import Steps
from workbench.trials import Trials
from workbench_widgets.view import FigureView, Paced
from workbench_widgets.words import number

HEIGHT = 380
LABELS = {"learned": "Learned", "cell": "Cell", "weights": "Weights", "gradients": "Gradients", "ranking": "Ranking",
          "family": "Family", "progress": "Progress", "truth": "Truth", "log": "Log", "export": "Export"}
LINES = 400  # of the log that are kept
WIDTH = 2000  # characters of one line


class Moment:
    """The steps, folded by the panel, and the one that is looked at.

    Attributes
    ----------
    steps
        All steps so far.
    about
        What the search works on and is compared with; known before its first event.
    total
        How many steps there will be; None if unknown.
    at
        How many steps are looked at; None: all, and those that come.
    """

    def __init__(self, steps: Steps, about: Mapping[str, Any], total: int | None) -> None:
        self.steps, self.about, self.total = steps, about, total
        self.at: int | None = None

    @property
    def place(self) -> int:
        """How many steps are looked at."""
        return len(self.steps) if self.at is None else min(self.at, len(self.steps))

    @property
    def shown(self) -> Sequence[StepTaken]:
        """The steps up to the one that is looked at."""
        return self.steps.taken[:self.place]

    @property
    def why(self) -> Any:
        """What the search believed then."""
        return next((s.why for s in reversed(self.shown) if s.why is not None), None)

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers of that step."""
        shown = self.shown
        return shown[-1].metrics if shown else {}

    @property
    def learns(self) -> bool:
        """Whether it is no search for an architecture: its settings say so, or its reasons."""
        return self.about.get("kind") == LEARNING or self.drawing is not None

    @property
    def drawing(self) -> Picture | None:
        """The picture of what was learned, by the type of the newest reason; None if there is none."""
        return picture_of(self.steps.why)

    @property
    def cells(self) -> CellSpace | None:
        """The space of cells, as the settings tell it."""
        about = self.about
        if not {"n_nodes", "operations"} <= set(about):
            return None
        return CellSpace(str(about.get("cells", "cell")), int(about["n_nodes"]), tuple(about["operations"]))


class StepView(FigureView):
    """A view of the steps. A child says what the picture is; the panel folds the events."""

    every_s = 0.15

    def __init__(self, moment: Moment) -> None:
        self.moment = moment
        super().__init__(Trials())

    def rewind(self, events: Sequence[Event]) -> None:  # noqa: ARG002
        """Draw anew: steps that are shared have gone back already."""
        self.hasten()


class LearnedView(StepView):
    """What was learned, in the picture that belongs to its kind."""

    every_s = 0.3

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        drawing, shown = self.moment.drawing, self.moment.shown
        return empty(NO_STEP, height=HEIGHT) if drawing is None or not shown else drawing(shown)


class CellView(StepView):
    """The cell with all its operations, as wide as their weights; or the one that would be kept now (``discretised``).

    Of a search that changes whole networks: the network that would go on.
    """

    def __init__(self, moment: Moment) -> None:
        self.discretised = False
        super().__init__(moment)

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        why, place, cells = self.moment.why, self.moment.place, self.moment.cells
        if isinstance(why, HillStep):
            return graph_figure(why.plan.graph(), height=HEIGHT, title=f"The network that goes on after step {place}")
        if isinstance(why, Relaxation):
            cells = CellSpace("cell" if cells is None else cells.name, max(j for _, j in why.edges) + 1, why.operations)
            weights = np.clip(np.asarray(why.weights, dtype=float), 0.0, 1.0).ravel()
            if self.discretised:
                return graph_figure(cells.supergraph(), weights=weights, chosen=cells.chosen(why.chosen), height=HEIGHT,
                                    title=f"The cell that is kept after step {place}")
            return graph_figure(cells.supergraph(), weights=weights, height=HEIGHT,
                                title=f"Weights of the operations after step {place}")
        if cells is None:
            return empty(NO_STEP, height=HEIGHT)
        if why is not None and len(getattr(why, "chosen", ())) == len(cells.edges):
            return graph_figure(cells.graph(why.chosen), height=HEIGHT, title=f"The best cell so far, after step {place}")
        uniform = np.full(len(cells.edges) * len(cells.operations), 1.0 / len(cells.operations))
        return graph_figure(cells.supergraph(), weights=uniform, height=HEIGHT,
                            title="All operations on all edges, before the first step")


class HeatView(StepView):
    """Weights of all operations on all edges, now."""

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return alpha_map(self.moment.shown[-1:])


class AreasView(StepView):
    """How the weights came about, edge by edge."""

    every_s = 0.4

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return weights_over_time(self.moment.shown, total=self.moment.total)


class GradientsView(StepView):
    """Both gradients of the architecture, and the angle between them."""

    every_s = 0.3

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return gradients(self.moment.shown)


class GapView(StepView):
    """What discretisation would cost, step by step."""

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return gap_over_time(self.moment.shown, total=self.moment.total)


class RankingView(StepView):
    """Scores with shared weights against the truth."""

    every_s = 0.3

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        moment = self.moment
        return score_against_truth(moment.why, {**moment.about, **moment.metrics})


class SampledView(StepView):
    """How well sampled architectures do with the shared weights, step by step."""

    every_s = 0.3

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        moment = self.moment
        return sampled_accuracy(moment.steps.taken, total=moment.total, at=None if moment.at is None else moment.place)


class TreeView(StepView):
    """The networks of a hill climb as a family."""

    every_s = 0.3

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        whys = [s.why for s in self.moment.shown if isinstance(s.why, HillStep)]
        return hill_tree(whys) if whys else empty(NO_STEP)


class ProgressView(StepView):
    """Metrics step by step, and what they are compared with."""

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        moment = self.moment
        steps, at = list(moment.steps.taken), None if moment.at is None else moment.place
        if moment.learns:
            return step_metrics(steps, total=moment.total, at=at)
        return progress(steps, moment.about, total=moment.total, at=at)


class TruthView(StepView):
    """The true rank of the pick, step by step."""

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        steps, moment = self.moment.steps, self.moment
        return truth(list(steps.taken), moment.about, total=moment.total, at=None if moment.at is None else moment.place)


def tabs(moment: Moment) -> list[tuple[str, str]]:
    """Return the tabs that have something to show, or will have, each with its label: a search's reasons say what it is."""
    why, about = moment.steps.why, moment.about
    of_cells = "operations" in about or isinstance(why, Relaxation)
    there = {
        "learned": moment.drawing is not None or (moment.learns and why is None),
        "cell": of_cells or isinstance(why, HillStep),
        "weights": of_cells and (why is None or isinstance(why, Relaxation)),
        "gradients": isinstance(why, DARTSStep),
        "ranking": isinstance(why, Ranking),
        "family": isinstance(why, HillStep),
        "truth": "n_distinct" in about,
    }
    labels = {**LABELS, "cell": "Network"} if isinstance(why, HillStep) else dict(LABELS)
    if moment.drawing is not None:
        labels["learned"] = moment.drawing.label
    return [(key, label) for key, label in labels.items() if there.get(key, True)]


class StepLog(Paced):
    """A line for each step, and what the run says. ``sink`` gets all lines as ``[time, who, text, kind]``."""

    every_s = 0.25

    def __init__(self, sink: Callable[[list[list[str]]], object], who: str = "search") -> None:
        super().__init__(Trials())
        self._sink, self._who = sink, who
        self.front = False
        self.lines: list[list[str]] = []
        self._n = 0  # steps so far

    @property
    def seen(self) -> bool:
        """Whether it is on screen."""
        return self.front

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        for e in events:
            self._n += isinstance(e, StepTaken)
            line = said(e, self._n, self._who)
            if line is not None:
                self.lines.append([time.strftime("%H:%M:%S", time.localtime(e.time)), *line])
                self._dirty = True
        del self.lines[:-LINES]

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far."""
        self.lines, self._n = [], 0
        self.fold(events)
        self.hasten()

    def show(self) -> None:
        """Hand the lines out."""
        self._sink([list(line) for line in self.lines])


def said(e: Event, n: int, who: str = "search") -> tuple[str, str, str] | None:
    """Say an event, the n-th step if it is one, as who, text and kind; None for one that says nothing."""
    match e:
        case StepTaken():
            return f"step {n}", " · ".join(f"{k.replace('_', ' ')} {number(v)}" for k, v in e.metrics.items()), "print"
        case StateChanged() if e.detail:
            return who, f"{e.state}: {e.detail}"[:WIDTH], "error" if e.state == "failed" else "state"
        case RunFinished(error=str(error)):
            return who, error[-WIDTH:], "error"
        case RunFinished():
            return who, e.reason, "state"
    return None
