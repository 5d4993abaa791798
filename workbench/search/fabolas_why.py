"""What FABOLAS decided, and its beliefs along the share of the data for plots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.history import Explanation, History
from workbench.models.subset_gp import SubsetHyperparameters
from workbench.search.fabolas_belief import SubsetBelief, seconds_of
from workbench.search.fabolas_maximise import GainPerSecond
from workbench.search.gp_candidates import keys
from workbench.search.shares import Share
from workbench.search.wording import about
from workbench.space import Array

N_CURVE = 17  # positions of the share at which an explanation keeps the gain
N_SHOWN = 5
N_LINE = 65  # points of a line in a picture


@dataclass(frozen=True, slots=True, eq=False)
class FabolasExplanation(Explanation):
    """Why this configuration is tried on this share of the data. Losses are in the user's units, gains in bits.

    Attributes
    ----------
    x
        The chosen point of the unit cube, share included, shape (d,).
    parameter
        Name of the share; None where every trial uses all the data.
    share, predicted_seconds
        The chosen share of the data, of 1, and what the trial is expected to take; 0 where no seconds are known.
    gain, gain_per_second
        What the trial is expected to tell about where the minimum is, and that per second, overhead included.
    entropy
        How much is not known about it, of ``log2(n_representers)`` at most.
    predicted, predicted_sd
        Loss of the chosen configuration on all the data.
    incumbent, incumbent_loss, incumbent_sd
        The configuration with the least loss predicted on all the data, and that loss.
    shares, gains
        Gain per second of the chosen configuration by the share, shape (k,).
    candidates, scores
        The best points found, the chosen one first, and their gain per second.
    overhead_s
        Seconds that every trial takes besides its training.
    lengthscale, factor, noise, cost_lengthscale, cost_factor, cost_noise
        Hyperparameters of both processes (``factor`` is A of ``models/subset_gp.py``); those of seconds are empty where none are
        known.
    note
        Why the gain did not decide, if so.
    """

    x: Array
    parameter: str | None
    share: float
    predicted_seconds: float
    gain: float
    gain_per_second: float
    entropy: float
    n_representers: int
    predicted: float
    predicted_sd: float
    incumbent: Array
    incumbent_loss: float
    incumbent_sd: float
    shares: Array
    gains: Array
    candidates: Array
    scores: Array
    overhead_s: float
    lengthscale: Array
    factor: Array
    noise: float
    cost_lengthscale: Array
    cost_factor: Array
    cost_noise: float
    n_pending: int = 0
    note: str = field(default="", kw_only=True)

    def belief(self, history: History) -> SubsetBelief:
        """Rebuild the processes that chose ``x`` from the history that they saw, without another fit."""
        cost = SubsetHyperparameters(self.cost_lengthscale, self.cost_factor, self.cost_noise) if len(self.cost_factor) else None
        return SubsetBelief.of(history, Share.of(history.space, self.parameter),
                               SubsetHyperparameters(self.lengthscale, self.factor, self.noise), cost)

    @property
    def timed(self) -> bool:
        """Whether seconds of trials were known."""
        return bool(len(self.cost_factor))

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        on = "all the data" if self.share > 0.995 else f"{percent(self.share)} of the data"
        took = f" in about {seconds(self.predicted_seconds)}" if self.timed else ""
        tells = (f"It tells most per {'second' if self.timed else 'share of the data'} about where the minimum is: "
                 f"{self.gain:.2g} of {self.entropy:.2g} bits{took}, on {on}.")
        if self.note:
            tells = self.note
        text = (f"{tells} Predicted on all the data: {about(self.predicted, self.predicted_sd)}; "
                f"best so far {about(self.incumbent_loss, self.incumbent_sd)}.")
        if self.n_pending:
            text += f" {self.n_pending} running trial{'s were' if self.n_pending > 1 else ' was'} taken into account."
        return text


def percent(share: float) -> str:
    """Write a share: "25 %", "1.6 %"."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def seconds(value: float) -> str:
    """Write a time: "12 ms", "3.1 s", "14 min", "2.5 h"."""
    for limit, factor, unit in ((1.0, 1e3, "ms"), (120.0, 1.0, "s"), (7200.0, 1 / 60, "min")):
        if value < limit:
            return f"{value * factor:.2g} {unit}"
    return f"{value / 3600:.2g} h"


def explain(history: History, value: GainPerSecond, x: Array, scores: Array, parameter: str | None,
            note: str = "") -> FabolasExplanation:
    """Keep what was decided: rows ``x`` were the best, the best first."""
    belief, share = value.belief, value.belief.share
    chosen, best = share.place(x[:1], 1.0), belief.incumbent()[None]
    (mean, best_mean), low, high = belief.losses(np.vstack([chosen, best]))
    sd, best_sd = (high - low) / (2 * 1.96)
    along = along_share(share, x[0], N_CURVE)
    first = np.unique(belief.features.groups, return_index=True)[1]  # one feature of each group
    empty, loss, cost = np.empty(0), belief.loss, belief.cost
    fitted: dict[str, Any] = {"lengthscale": loss.lengthscale[first], "factor": loss.A, "noise": loss.noise,
              "cost_lengthscale": cost.lengthscale[first] if cost else empty, "cost_factor": cost.A if cost else empty,
              "cost_noise": cost.noise if cost else 0.0}
    return FabolasExplanation(
        x[0], parameter, share=_one(share.of_data(share.position(x[:1]))),
        predicted_seconds=_one(belief.seconds(x[:1])) if cost else 0.0, gain=_one(value.gain(*belief.features(x[:1]))),
        gain_per_second=float(scores[0]), entropy=value.gain.entropy, n_representers=len(value.gain.Z),
        predicted=float(mean), predicted_sd=float(sd), incumbent=best[0], incumbent_loss=float(best_mean),
        incumbent_sd=float(best_sd), shares=share.of_data(share.position(along)), gains=value(along), candidates=x[:N_SHOWN],
        scores=scores[:N_SHOWN], overhead_s=value.overhead_s, n_pending=len(history.pending), note=note, **fitted)


def _one(values: Array) -> float:
    return float(values[0])


def along_share(share: Share, point: Array, n: int) -> Array:
    """Rows that go from the smallest share to all the data through a point, each level once."""
    if share.column is None or share.low == share.high:
        return point[None]
    x = share.place(np.tile(point, (n, 1)), np.linspace(0.0, 1.0, n))
    return x[np.sort(np.unique(keys(x), return_index=True)[1])]


@dataclass(frozen=True, slots=True, eq=False)
class ShareCurve:
    """What is believed of one configuration along the share of the data, and what it showed; of 1, the user's units, seconds."""

    shares: Array
    loss: Array
    loss_low: Array
    loss_high: Array
    seconds: Array
    seconds_low: Array
    seconds_high: Array
    seen_share: Array
    seen_loss: Array
    seen_seconds: Array


@dataclass(frozen=True, slots=True, eq=False)
class ShareSlices:
    """The chosen configuration and the incumbent beside it (None where they are the same), and all trials."""

    chosen: ShareCurve
    incumbent: ShareCurve | None
    share: Array  # of all finished trials
    loss: Array
    seconds: Array


def share_slices(history: History, why: FabolasExplanation, n: int = N_LINE) -> ShareSlices:
    """Compute again what was believed along the share."""
    belief = why.belief(history)
    at_full = belief.share.place(np.vstack([why.x, why.incumbent]), 1.0)
    same = len(set(keys(at_full))) == 1
    shares = belief.share.of_data(belief.share.position(history.x))
    return ShareSlices(_curve(history, belief, why.x, n), None if same else _curve(history, belief, why.incumbent, n), shares,
                       history.y, seconds_of(history))


def _curve(history: History, belief: SubsetBelief, point: Array, n: int) -> ShareCurve:
    share = belief.share
    x = along_share(share, point, n)
    own = np.array(keys(share.place(history.x, 1.0))) == keys(share.place(point[None], 1.0))[0]
    return ShareCurve(share.of_data(share.position(x)), *belief.losses(x), belief.seconds(x), *belief.seconds_band(x),
                      share.of_data(share.position(history.x[own])), history.y[own], seconds_of(history)[own])
