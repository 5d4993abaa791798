"""Live view: what the model of the search believes, along one parameter or over two."""

from __future__ import annotations

from typing import Any

from workbench.history import Drawn
from workbench.plots import whose
from workbench.plots.figure import empty
from workbench.plots.model import HEIGHT, model, without
from workbench.search.cma_why import CMAExplanation
from workbench.search.differential_evolution import DEExplanation
from workbench.search.one_scale import OneScaleExplanation
from workbench.search.particle_swarm import SwarmExplanation
from workbench.search.surrogate_why import SurrogateExplanation
from workbench.space import Space
from workbench.trials import Trial
from workbench_widgets.views.along import AlongView

OVER_TWO = (SurrogateExplanation, CMAExplanation, DEExplanation, SwarmExplanation)  # can be shown over two parameters


class ModelView(AlongView):
    """Posterior and acquisition of GP-BO, or the densities of TPE, as they were when a trial was suggested.

    That trial is the picked one; if none is picked, the newest that a model suggested.
    """

    every_s = 0.1

    def _content(self) -> dict[str, Any]:
        """Return what stands beside the picture: the parameters, which are shown, which trial, why."""
        trial, space = self._explained()
        if trial is None or space is None:
            return {"names": [], "x": None, "y": None, "maps": False, "trial": None, "why": ""}
        x, y = self._axes(space)
        why = trial.why.inner if isinstance(trial.why, OneScaleExplanation) else trial.why
        maps = isinstance(why, OVER_TWO) and len(space) > 1
        return {"names": list(space.names), "x": x, "y": y if maps else None, "maps": maps, "trial": trial.number,
                "why": "" if trial.why is None else trial.why.summary(), "newest": self.selection.trial is None}

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        trial, space = self._explained()
        if trial is None:
            return empty("The model appears with the first suggestion. Press Start, or Step.", height=HEIGHT)
        if space is None:
            return empty("An Optuna objective makes its space as it goes. Declare the space (wb.Space) to see the "
                         "model.", height=HEIGHT)
        if isinstance(trial.why, Drawn) or trial.why is None or not len(space):
            return without(trial.why)
        x, y = self._axes(space)
        drawn = model(self._replay.history_before(trial.number), trial.why, x, y, maximize=self.trials.maximize,
                      trials=self.trials)
        return whose.named(drawn, self.trials, self._replay.trials_before(trial.number), brushed=self.selection.brushed,
                           selected=self.selection.trial)

    def _axes(self, space: Space) -> tuple[str, str | None]:
        x, y = self._along
        if x is None or x not in space.params:
            numeric = [c.name for c in space.columns if c.kind != "choice"]
            x = (numeric or list(space.names))[0]
        return x, y if y in space.params and y != x else None

    def _explained(self) -> tuple[Trial | None, Space | None]:
        trial = self._trial()
        if trial is None:
            return None, None
        return trial, self._replay.space_of(trial.number)

    def _trial(self) -> Trial | None:
        trials = self.trials.by_number
        picked = trials.get(-1 if self.selection.trial is None else self.selection.trial)
        if picked is not None:
            return picked
        newest = list(trials.values())
        by_model = (t for t in reversed(newest[-50:]) if t.why is not None and not isinstance(t.why, Drawn))
        return next(by_model, newest[-1] if newest else None)
