"""What FABOLAS believes of a history: losses and seconds of any configuration on any share of the data.

Losses are brought to the scale of a Gaussian process by ``OutputTransform``, seconds by their logarithm. Running trials are
believed to have the loss that is predicted for them. Where no seconds are known (a script of Optuna's, say), they are taken to
be in proportion to the share.

A fit depends on the rows that it is given and on nothing else, so that the same history has the same belief whatever its memo
holds. Up to N_FIT trials every suggestion has its own fit; with more, only milestones have one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.history import History
from workbench.models.mixed_features import features_of
from workbench.models.output_transform import OutputTransform
from workbench.models.subset_gp import Basis, SubsetGP, SubsetHyperparameters, fit
from workbench.search.gp_candidates import keys
from workbench.search.gp_posterior import N_FIT, N_POSTERIOR, best_and_others, milestones
from workbench.search.shares import Share
from workbench.space import Array, Space

LEAST_SECONDS = 1e-6  # what a clock may miss


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Features of configurations without the share, and which length-scale each uses."""

    share: Share
    kept: NDArray[np.intp]  # of the features of the whole space
    groups: NDArray[np.intp]

    @classmethod
    def of(cls, share: Share) -> Features:
        """Leave the share's own feature out."""
        groups = features_of(share.space).groups
        kept = np.flatnonzero(groups != (-1 if share.column is None else share.column))
        return cls(share, kept, np.unique(groups[kept], return_inverse=True)[1].astype(np.intp))

    def __call__(self, x: Array) -> tuple[Array, Array]:
        """Turn rows of the unit cube into features (n, F) and positions of the share (n,)."""
        return features_of(self.share.space)(x)[:, self.kept], self.share.position(x)


@dataclass(frozen=True, slots=True)
class LogSeconds:
    """Standardised logarithms of seconds."""

    mean: float
    scale: float

    @classmethod
    def of(cls, seconds: Array) -> LogSeconds:
        """Take the constants from known seconds, shape (k,)."""
        logs = np.log(np.maximum(seconds, LEAST_SECONDS))
        scale = float(logs.std())
        return cls(float(logs.mean()), scale if scale > 1e-9 else 1.0)

    def forward(self, seconds: Array) -> Array:
        """Turn seconds into targets."""
        return np.asarray((np.log(np.maximum(seconds, LEAST_SECONDS)) - self.mean) / self.scale)

    def inverse(self, z: Array) -> Array:
        """Turn targets into seconds."""
        return np.exp(np.asarray(z) * self.scale + self.mean)


@dataclass(frozen=True, slots=True, eq=False)
class SubsetBelief:
    """The two processes. Make one by ``of``.

    Attributes
    ----------
    features, transform, loss
        Of the losses.
    log_seconds, cost
        Of the seconds; None where none are known.
    tried
        Configurations with a loss, each once, on all the data, shape (m, d).
    """

    features: Features
    transform: OutputTransform
    loss: SubsetGP
    log_seconds: LogSeconds | None
    cost: SubsetGP | None
    tried: Array

    @classmethod
    def of(cls, history: History, share: Share, loss: SubsetHyperparameters, cost: SubsetHyperparameters | None) -> SubsetBelief:
        """Condition on the history with given hyperparameters."""
        features = Features.of(share)
        transform, rows = OutputTransform.of(history.y), known(history, N_POSTERIOR)
        (Z, s), y = features(history.x[rows]), transform.forward(history.y[rows])
        gp = SubsetGP.condition(Z, s, y, loss, features.groups, "loss")
        if len(history.pending):
            Z_running, s_running = features(history.pending)
            believed, _ = gp.predict(Z_running, s_running)
            gp = SubsetGP.condition(np.vstack([Z, Z_running]), np.append(s, s_running), np.append(y, believed), loss,
                                    features.groups, "loss")
        worked = np.isfinite(history.y)
        tried = share.place(history.x[worked if worked.any() else slice(None)], 1.0)
        tried = tried[np.sort(np.unique(keys(tried), return_index=True)[1])]
        log_seconds, costs = None, None
        if cost is not None:
            seconds = seconds_of(history)
            timed = _timed(rows, seconds)
            log_seconds = LogSeconds.of(seconds[~np.isnan(seconds)])
            costs = SubsetGP.condition(*features(history.x[timed]), log_seconds.forward(seconds[timed]), cost, features.groups,
                                       "seconds")
        return cls(features, transform, gp, log_seconds, costs, tried)

    @property
    def share(self) -> Share:
        """The share of the data in the space."""
        return self.features.share

    @property
    def space(self) -> Space:
        """The space."""
        return self.share.space

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target at rows of the unit cube, on their own share."""
        mean, variance = self.loss.predict(*self.features(x))
        return mean, np.sqrt(variance)

    def losses(self, x: Array) -> tuple[Array, Array, Array]:
        """Return the predicted loss and the edges of where it lies with 95 %, in the user's units."""
        mean, sd = self.predict(x)
        back = self.transform.inverse
        return back(mean), back(mean - 1.96 * sd), back(mean + 1.96 * sd)

    def seconds(self, x: Array) -> Array:
        """Predicted seconds, or the share itself where none are known."""
        if self.cost is None or self.log_seconds is None:
            return self.share.of_data(self.share.position(x))
        return self.log_seconds.inverse(self.cost.predict(*self.features(x))[0])

    def seconds_band(self, x: Array) -> tuple[Array, Array]:
        """Edges of where the seconds of a trial lie with 95 %."""
        if self.cost is None or self.log_seconds is None:
            return self.seconds(x), self.seconds(x)
        mean, variance = self.cost.predict(*self.features(x))
        sd = np.sqrt(variance + self.cost.noise)
        return self.log_seconds.inverse(mean - 1.96 * sd), self.log_seconds.inverse(mean + 1.96 * sd)

    def incumbent(self) -> Array:
        """Of the configurations that were tried, the one with the least loss predicted on all the data, shape (d,)."""
        return np.asarray(self.tried[int(np.argmin(self.predict(self.tried)[0]))])


def known(history: History, most: int) -> NDArray[np.intp]:
    """Rows that a model is given: all, or the best and a random choice of the others."""
    return best_and_others(history.y, most, np.random.default_rng([history.seed, len(history)]))


def seconds_of(history: History) -> Array:
    """Seconds of the finished trials, nan where they are not known, shape (n,)."""
    return history.seconds if len(history.seconds) == len(history) else np.full(len(history), np.nan)


def hyperparameters(history: History, share: Share, basis: Basis) -> SubsetHyperparameters | None:
    """Fit one of the processes to the finished trials; None for seconds of which none are known."""
    n = len(history)
    m = n if n <= N_FIT else milestones(n)[-1]
    seconds = seconds_of(history)[:m]
    if basis == "seconds" and np.isnan(seconds).all():
        return None
    key = ("subset gp", basis, share, history.seed, m, history.content(m), seconds.tobytes() if basis == "seconds" else b"")
    if key not in history.memo:
        history.memo[key] = _fit(history[:m], share, basis)
    found: SubsetHyperparameters = history.memo[key]
    return found


def _fit(history: History, share: Share, basis: Basis) -> SubsetHyperparameters:
    features, rows = Features.of(share), known(history, N_FIT)
    if basis == "loss":
        y = OutputTransform.of(history.y).forward(history.y)
    else:
        seconds = seconds_of(history)
        y = LogSeconds.of(seconds[~np.isnan(seconds)]).forward(seconds)
        rows = _timed(rows, seconds)
    return fit(*features(history.x[rows]), y[rows], groups=features.groups, basis=basis)


def _timed(rows: NDArray[np.intp], seconds: Array) -> NDArray[np.intp]:
    """Those of the rows whose seconds are known; if there are none among them, others."""
    found = rows[~np.isnan(seconds[rows])]
    return found if len(found) else np.flatnonzero(~np.isnan(seconds))[:len(rows)]


def believe(history: History, share: Share) -> SubsetBelief:
    """Fit both processes and condition them on the history, at least one trial."""
    loss = hyperparameters(history, share, "loss")
    assert loss is not None
    return SubsetBelief.of(history, share, loss, hyperparameters(history, share, "seconds"))
