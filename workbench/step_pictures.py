"""Which picture shows the reason of a step: one table, from the type of an explanation to a function that draws it.

A picture takes the steps up to the one that is looked at, whose newest reason is of that type (``reason``), and returns a plain
plotly dict. It is imported when it is first drawn, so a table of many costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from workbench.events import StepTaken
from workbench.history import Explanation


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of what was learned.

    Attributes
    ----------
    label
        Of its tab.
    where
        Module and function, ``"workbench.plots.maml:adaptation"``.
    """

    label: str
    where: str

    def __call__(self, steps: Sequence[StepTaken]) -> dict[str, Any]:
        """Draw the steps as a plain plotly dict."""
        module, function = self.where.split(":")
        drawn: dict[str, Any] = getattr(import_module(module), function)(steps)
        return drawn


# of learners, and of other runs that search no architecture: the panel has a tab for it. A line for each type, "module:class"
LEARNED: dict[str, Picture] = {
    "workbench.gradient.hyper_step:HyperStep": Picture("Hyperparameters", "workbench.plots.hypergradient:moves"),
    "workbench.meta.meta_step:MetaStep": Picture("Adaptation", "workbench.plots.maml:adaptation"),
    "workbench.meta.few_shot_step:EmbeddingStep": Picture("Embedding", "workbench.plots.few_shot:embedding"),
    "workbench.meta.few_shot_step:AdaptationStep": Picture("Adaptation", "workbench.plots.few_shot:adaptation"),
    "workbench.meta.black_box_step:UpdateRule": Picture("Update rule", "workbench.plots.black_box_learners:gates"),
    "workbench.meta.black_box_step:MemoryStep": Picture("Instances", "workbench.plots.black_box_learners:instances"),
    "workbench.meta.black_box_step:AttentiveStep": Picture("Attention", "workbench.plots.black_box_learners:attention"),
    "workbench.meta.transfer_step:TransferStep": Picture("Transfer", "workbench.plots.transfer:over_repetitions"),
    "workbench.automl.nested:NestedFolds": Picture("Folds", "workbench.step_pictures:folds"),
}
# of architecture searches, which have tabs of their own
SEARCHED: dict[str, Picture] = {
    "workbench.nas.relaxation:Relaxation": Picture("Weights", "workbench.plots.nas_relaxation:alpha_map"),
    "workbench.nas.ranking:Ranking": Picture("Ranking", "workbench.step_pictures:ranking"),
    "workbench.nas.hill_step:HillStep": Picture("Family", "workbench.step_pictures:family"),
}


def reason(steps: Sequence[StepTaken]) -> Explanation | None:
    """Return the newest reason; None if no step tells one."""
    return next((s.why for s in reversed(steps) if s.why is not None), None)


def picture_of(why: Explanation | None, table: Mapping[str, Picture] = LEARNED) -> Picture | None:
    """Find the picture of a reason, by its type or the nearest that it is a child of; None if the table has none."""
    names = (f"{cls.__module__}:{cls.__qualname__}" for cls in type(why).__mro__)
    return next((table[name] for name in names if name in table), None)


def newest(steps: Sequence[StepTaken], about: Mapping[str, Any], *, total: int | None = None) -> dict[str, Any]:
    """Draw the newest reason; the metrics over the steps, if there is none or no picture of it."""
    drawing = picture_of(reason(steps), LEARNED | SEARCHED)
    if drawing is not None:
        return drawing(steps)
    if about.get("operations"):
        from workbench.plots.nas_progress import progress

        return progress(steps, about, total=total)
    from workbench.plots.step_metrics import step_metrics

    return step_metrics(steps, total=total)


def ranking(steps: Sequence[StepTaken]) -> dict[str, Any]:
    """Draw what a one-shot search believes of architectures, beside the truth if that is known."""
    from workbench.plots.nas_one_shot import score_against_truth

    return score_against_truth(reason(steps), steps[-1].metrics)


def folds(steps: Sequence[StepTaken]) -> dict[str, Any]:
    """Draw nested cross-validation, fold by fold."""
    from workbench.automl.nested import NestedFolds
    from workbench.plots.overtuning import nested

    why = reason(steps)
    assert isinstance(why, NestedFolds)
    return nested(why)


def family(steps: Sequence[StepTaken]) -> dict[str, Any]:
    """Draw the networks of a hill climb as a family."""
    from workbench.nas.hill_step import HillStep
    from workbench.plots.nas_morphism import hill_tree

    return hill_tree([s.why for s in steps if isinstance(s.why, HillStep)])


__all__ = ["LEARNED", "SEARCHED", "Picture", "newest", "picture_of", "reason"]
