"""Live views of a run whose configurations are cells: the cell, who its parents are, what a policy or a model believes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from workbench.events import StepTaken
from workbench.nas.baselines import Baselines
from workbench.nas.cells import CellSpace
from workbench.nas.evolution import EvolutionExplanation
from workbench.nas.nao import NaoExplanation
from workbench.nas.policy import PolicyExplanation
from workbench.nas.tables import Table
from workbench.plots import whose
from workbench.plots.figure import empty
from workbench.plots.nas_embedding import NONE as NO_ASCENT
from workbench.plots.nas_embedding import embedding
from workbench.plots.nas_evolution import family_tree
from workbench.plots.nas_graph import graph_figure
from workbench.plots.nas_policy import policy
from workbench.plots.nas_predicted import predicted_now
from workbench.plots.nas_progress import truth
from workbench.plots.nas_widening import widening
from workbench.search.surrogate_why import SurrogateExplanation
from workbench.seen import Replay
from workbench.trials import Trial, Trials
from workbench_widgets.view import FigureView, Selection
from workbench_widgets.words import value_of

HEIGHT = 360
NO_BELIEF = "What a model predicts of all architectures will stand here beside the truth, once it has chosen a trial."
NO_TRIAL = "No architecture yet. Press Start, or Step for one at a time."


def reason(trial: Trial) -> Any:
    """Return why a trial was tried; of an algorithm that was asked by another, that one's reason."""
    return getattr(trial.why, "inner", trial.why)


def shown(trials: Trials, selection: Selection) -> Trial | None:
    """Return the picked trial, else the best one, else the newest one."""
    if selection.trial is not None and selection.trial in trials.by_number:
        return trials.by_number[selection.trial]
    return trials.best or next(reversed(trials.by_number.values()), None)


def chosen_for(trials: Trials, selection: Selection, kind: type[Any]) -> int | None:
    """Return the number of the picked trial if its reason is of a kind, else of the newest one that has such a reason."""
    picked = trials.by_number.get(-1 if selection.trial is None else selection.trial)
    if picked is not None and isinstance(reason(picked), kind):
        return picked.number
    return next((t.number for t in reversed(list(trials.by_number.values())) if isinstance(reason(t), kind)), None)


class TrialCellView(FigureView):
    """The cell of the picked trial, else of the best one."""

    every_s = 0.2

    def __init__(self, cells: CellSpace, trials: Trials, selection: Selection) -> None:
        self.cells = cells
        super().__init__(trials, selection)

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        trial = shown(self.trials, self.selection)
        if trial is None:
            return empty(NO_TRIAL, height=HEIGHT)
        picked = trial.number == self.selection.trial
        who = "the best so far" if trial is self.trials.best else "picked" if picked else "the newest"
        value = value_of(self.trials, trial)
        title = f"Trial {trial.number}, {who}{f': {value}' if value else ''}"
        return graph_figure(self.cells.graph(trial.whole_config), title=title, height=HEIGHT)


class FamilyTreeView(FigureView):
    """The family tree of an evolution when the picked child, or the newest one, was made."""

    every_s, hidden_s = 0.4, None

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        number = chosen_for(self.trials, self.selection, EvolutionExplanation)
        return family_tree(self.trials, number, brushed=self.selection.brushed)


class PolicyView(FigureView):
    """The policy that drew the picked trial, or the newest one."""

    every_s, hidden_s = 0.3, None

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        number = chosen_for(self.trials, self.selection, PolicyExplanation)
        return policy(self.trials, number, brushed=self.selection.brushed)


class WideningView(FigureView):
    """The beams of PNAS, predicted beside measured."""

    every_s, hidden_s = 0.4, None

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return widening(self.trials, brushed=self.selection.brushed)


class EmbeddingView(FigureView):
    """The ascent of NAO that led to the picked trial, or to the newest one that has one."""

    every_s, hidden_s = 2.0, None

    def __init__(self, trials: Trials, selection: Selection) -> None:
        self._memo: dict[Any, Any] = {}  # so that a network is fitted once a round
        super().__init__(trials, selection)

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        number = chosen_for(self.trials, self.selection, NaoExplanation)
        if number is None:
            return empty(NO_ASCENT)
        replay = Replay(self.trials)
        history = replace(replay.history_before(number), memo=self._memo)
        drawn = embedding(history, reason(self.trials.by_number[number]), sign=-1.0 if self.trials.maximize else 1.0)
        return whose.named(drawn, self.trials, replay.trials_before(number), brushed=self.selection.brushed)


class BeliefView(FigureView):
    """What a surrogate predicted of all cells of a table when it chose the picked trial, or the newest one, and the truth."""

    every_s, hidden_s = 1.0, None

    def __init__(self, table: Table | None, trials: Trials, selection: Selection) -> None:
        self.table = table
        super().__init__(trials, selection)

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        number = chosen_for(self.trials, self.selection, SurrogateExplanation)
        if number is None or self.table is None:
            return empty(NO_BELIEF)
        history = Replay(self.trials).history_before(number)
        return predicted_now(history, reason(self.trials.by_number[number]), self.table)


class PickRankView(FigureView):
    """The true rank of the best trial after each result, beside random search and the biggest model."""

    every_s, hidden_s = 0.4, None

    def __init__(self, baselines: Callable[[], Baselines | None], total: int | None, trials: Trials,
                 selection: Selection) -> None:
        self._baselines, self._total = baselines, total
        super().__init__(trials, selection)

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        told = [self.trials.by_number[k] for k in self.trials.told]
        baselines = self._baselines() if told else None
        if baselines is None:
            return truth([])
        best: Trial | None = None
        steps = []
        for n, trial in enumerate(told, start=1):
            if trial.loss is not None and (best is None or best.loss is None or trial.loss < best.loss):
                best = trial
            rank = {} if best is None else {"true_rank": float(baselines.table.rank(best.whole_config))}
            steps.append(StepTaken(n, {**rank, **baselines.random_of(n)}, time=0.0))
        return truth(steps, baselines.about(), total=self._total, of="result")
