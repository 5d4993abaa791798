"""What Gaussian processes decided when they chose a point for several losses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from workbench.history import Explanation, History
from workbench.models.map_fit import Hyperparameters
from workbench.models.pareto import hypervolume
from workbench.search.ehvi_belief import FrontBelief
from workbench.search.gp_posterior import N_POSTERIOR
from workbench.search.surrogate_why import N_SHOWN
from workbench.search.wording import about
from workbench.space import Array, Space


@dataclass(frozen=True, slots=True, eq=False)
class EHVIExplanation(Explanation):
    """Why expected hypervolume improvement chose a point.

    Attributes
    ----------
    x
        The chosen point of the unit cube, shape (d,), nan where inactive.
    predicted, predicted_sd
        Means and standard deviations of the losses at ``x``, in the user's units, shape (m,).
    front
        Losses of the finished trials that nobody dominates, shape (K, m); as the processes see them where losses are noisy.
    reference
        The reference point as losses, shape (m,).
    gain
        Expected hypervolume improvement at ``x``, as a share of the hypervolume of the present front, on the processes' scale;
        1 if there is no front yet.
    candidates, scores
        The best points found, the chosen one first, shape (k, d), and their log EHVI, shape (k,).
    lengthscale, signal_variance, noise
        Of the processes: shapes (m, d), (m,) and (m,).
    n_pending
        Running trials that were taken into account.
    n_known
        Finished trials that the processes were conditioned on, if not all of them; 0 for all.
    """

    x: Array
    predicted: Array
    predicted_sd: Array
    front: Array
    reference: Array
    gain: float
    candidates: Array
    scores: Array
    lengthscale: Array
    signal_variance: Array
    noise: Array
    n_pending: int = 0
    n_known: int = 0

    def belief(self, history: History) -> FrontBelief:
        """Rebuild the processes that chose ``x`` from the history that they saw, without another fit."""
        return FrontBelief.of(history, [Hyperparameters(*h) for h in zip(self.lengthscale, self.signal_variance.tolist(),
                                                                        self.noise.tolist(), strict=True)])

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        losses = ", ".join(about(a, s) for a, s in zip(self.predicted, self.predicted_sd, strict=True))
        K = len(self.front)
        share = (f"{percent(self.gain)} of what the present front ({K} trial{'s' * (K != 1)}) dominates" if K else
                 "where no trial has worked yet")
        text = f"The expected gain in hypervolume was highest here, {share}: predicted {losses}."
        if self.n_pending:
            text += f" {self.n_pending} running trial{'s were' if self.n_pending > 1 else ' was'} taken into account."
        if self.n_known:
            text += f" The processes know the best and a random choice of all trials, {self.n_known} of them."
        return text


def percent(share: float) -> str:
    """Write a share as a person would: "140 %", "2.3 %", "almost nothing"."""
    if share < 1e-6:
        return "almost nothing"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def explain(history: History, belief: FrontBelief, x: Array, scores: Array) -> EHVIExplanation:
    """Keep what was decided: rows ``x`` were the best, the best first."""
    mean, sd = (a[0] for a in belief.predict(x[:1]))
    front = belief.targets[: len(history)][belief.front]
    volume = hypervolume(front, belief.reference) if len(front) else 0.0
    gain = float(np.exp(scores[0]))
    models = [p.model for p in belief.posteriors]
    made: dict[str, Any] = {
        "lengthscale": np.array([[gp.lengthscale[f] for f in belief.posteriors[0].features.first] for gp in models]),
        "signal_variance": np.array([gp.signal_variance for gp in models]), "noise": np.array([gp.noise for gp in models])}
    return EHVIExplanation(
        x[0], predicted=belief.losses(mean), predicted_sd=(belief.losses(mean + sd) - belief.losses(mean - sd)) / 2.0,
        front=belief.losses(front), reference=belief.losses(belief.reference),
        gain=gain / volume if volume > 0 else 1.0, candidates=x[:N_SHOWN], scores=scores[:N_SHOWN],
        n_pending=len(history.pending), n_known=len(belief.posteriors[0].rows) if len(history) > N_POSTERIOR else 0, **made)


@dataclass(frozen=True, slots=True, eq=False)
class FrontSlice:
    """What the processes believe, in the space of the losses; all in the user's units.

    Attributes
    ----------
    observed
        Losses of the finished trials, shape (n, m); not finite where one failed.
    front, reference, predicted
        As in the explanation.
    region
        Edge of where two losses lie with 95 %, for each pair of them in ``pairs``, shape (pairs, points, 2).
    candidates
        Predicted means of the other candidates, shape (k, m).
    path, path_values
        Predicted means while one parameter goes through its range and the others stay, shape (p, m), and its values; none
        where the chosen point does not have it.
    """

    name: str
    observed: Array
    front: Array
    reference: Array
    predicted: Array
    pairs: tuple[tuple[int, int], ...]
    region: Array
    candidates: Array
    path: Array
    path_values: list[Any]


RADIUS_95 = math.sqrt(-2.0 * math.log(0.05))  # of a standard normal in the plane
MOST_PAIRS = 3  # of losses that are drawn against each other


def front_slice(history: History, why: EHVIExplanation, name: str, n: int = 64) -> FrontSlice:
    """Show the decision among the losses, and where they go along one parameter.

    Parameters
    ----------
    history
        What ``suggest`` saw.
    n
        Points of the path; a parameter with fewer levels gets one point per level.
    """
    belief = why.belief(history)
    pairs = tuple(combinations(range(len(why.predicted)), 2))[:MOST_PAIRS]
    (mean,), (sd,) = belief.predict(why.x[None])
    angle = np.linspace(0.0, 2.0 * np.pi, 73)[:, None]
    region = []
    for i, j in pairs:
        z = np.tile(mean, (len(angle), 1))
        z[:, [i, j]] += RADIUS_95 * sd[[i, j]] * np.hstack([np.cos(angle), np.sin(angle)])
        region.append(belief.losses(z)[:, [i, j]])
    x, u = _along(history.space, why.x, history.space.column(name), n)
    values = [history.space[name].from_unit(float(v)) for v in u]
    return FrontSlice(name, history.y, why.front, why.reference, why.predicted, pairs, np.array(region),
                      belief.losses(belief.predict(why.candidates[1:])[0]), belief.losses(belief.predict(x)[0]), values)


def _along(space: Space, point: Array, j: int, n: int) -> tuple[Array, Array]:
    """Rows that go along column j through a point, (p, d), and that column; what a change opens stands in the middle."""
    param, K = space[space.names[j]], space.columns[j].n_levels
    if np.isnan(point[j]):
        return np.empty((0, len(point))), np.empty(0)
    ends = np.linspace(0.0, 1.0, n)
    u = ends if space.columns[j].kind == "float" else param.points(np.arange(K)) if n >= K else np.unique(param.snap(ends))
    x = np.tile(point, (len(u), 1))
    x[:, j] = u
    x = space.snap(np.where(np.isnan(x), 0.5, x))
    x = x[~space.is_forbidden(x)]
    return x, x[:, j]
