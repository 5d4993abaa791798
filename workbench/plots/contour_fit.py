"""A model of the loss for the map over two parameters, where the run's own search has none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from workbench.history import History
from workbench.models.map_fit import Hyperparameters, NegativeLogPosterior, Prior, maximise_posterior
from workbench.models.mixed_features import features_of
from workbench.models.output_transform import OutputTransform
from workbench.search.gp_posterior import TREND, posterior
from workbench.search.surrogate_why import Belief, SurrogateExplanation
from workbench.space import Array

FEWEST = 5  # results from which a map is drawn
GP_UP_TO = 100  # results; beyond, a forest is quicker
TREES = 60
FEW_TREES = 30  # of very many results
MANY = 600  # results; beyond, fewer and coarser trees, so that a map costs much the same however many there are


@dataclass(frozen=True, slots=True, eq=False)
class FittedGP(SurrogateExplanation):
    """A Gaussian process with a length-scale per parameter, as in GP-BO."""

    MODEL: ClassVar[str] = "a Gaussian process fitted to the results"

    def belief(self, history: History) -> Belief:
        """Fit it, once: GP-BO's chain of fits from one number of trials to the next would take as many times longer."""
        features, y = features_of(history.space), OutputTransform.of(history.y).forward(history.y)
        prior = Prior(len(history.space))
        objective = NegativeLogPosterior(features(history.x), y, groups=features.groups, prior=prior, trend=TREND)
        phi = maximise_posterior(objective, [prior.start(objective.n_groups)])
        return posterior(history, Hyperparameters.of(phi))


@dataclass(frozen=True, slots=True, eq=False)
class FittedForest(SurrogateExplanation):
    """Extremely randomised trees (Geurts, Ernst & Wehenkel 2006), quick for many results."""

    MODEL: ClassVar[str] = "a forest fitted to the results"

    def belief(self, history: History) -> Belief:
        """Fit it."""
        return Forest.fit(history)


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees and the transform of their targets."""

    transform: OutputTransform
    features: Any
    trees: Any

    @classmethod
    def fit(cls, history: History) -> Forest:
        """Fit trees to all finished trials."""
        from sklearn.ensemble import ExtraTreesRegressor

        transform, features = OutputTransform.of(history.y), features_of(history.space)
        n = len(history)
        n_trees = max(FEW_TREES, round(TREES * min(1.0, MANY / n)))
        trees = ExtraTreesRegressor(n_trees, min_samples_leaf=2 + n // MANY, random_state=0)
        return cls(transform, features, trees.fit(features(history.x), transform.forward(history.y)))

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return the mean and the deviation between the trees."""
        Z = self.features(x)
        votes = np.array([tree.predict(Z) for tree in self.trees.estimators_])
        return votes.mean(axis=0), votes.std(axis=0)


def fitted(history: History) -> SurrogateExplanation | None:
    """Choose a model to be fitted to the results; None while there are too few, or none is finite."""
    finite = np.isfinite(history.y)
    if int(finite.sum()) < FEWEST:
        return None
    best = int(np.argmin(np.where(finite, history.y, np.inf)))
    x, loss = history.x[best], float(history.y[best])
    kind = FittedGP if len(history) <= GP_UP_TO else FittedForest
    return kind(x, "lcb", 0.0, math.nan, loss, x, loss, 0.0, x[None], np.zeros(1))
