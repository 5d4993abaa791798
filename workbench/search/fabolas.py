"""FABOLAS: learn on small shares of the data which configuration is best on all of it.

Klein, Falkner, Bartels, Hennig & Hutter 2017, "Fast Bayesian optimization of machine learning hyperparameters on large
datasets". The share of the data that a trial is trained on is a parameter of the space, chosen by the search::

    space = wb.Space(C=wb.Float(1e-3, 1e3, log=True), gamma=wb.Float(1e-5, 10, log=True), share=wb.Float(1/64, 1, log=True))
    search = wb.Fabolas()
    run = wb.optimize(wb.objectives.sklearn_share(SVC(), X, y), space, algorithm=search, n_trials=60).start().wait()
    search.incumbent(run.history())                   the best configuration on all the data, as far as is known

    for trial = 1, 2, …                                                                    Algorithm 1
        if trial <= 4 n_startup: a random configuration on 1/64, 1/32, 1/16 and 1/8 of the data, then the next one
        fit one process to the losses, and one to log seconds                              fabolas_belief.py, models/subset_gp.py
        draw R configurations where the minimum on all the data may be                     fabolas_maximise.py
        x, s = argmax (information about which of them it is) / (seconds + overhead)       models/information_gain.py
    return the tried configuration with the least loss predicted on all the data

Trials on small shares have losses of their own: ``run.best`` compares across shares, ``incumbent`` does not.

Notation
--------
========  ===============================================================================================================
``s``     where the share stands between the smallest (0) and all the data (1), on a log scale: ``shares.py``
``R``     representers: configurations among which the minimum is looked for
========  ===============================================================================================================

Differences from the paper: hyperparameters by maximum a posteriori, where it samples them; p_min counted over draws, where it
uses expectation propagation; representers drawn from a finite pool, where it uses MCMC; the gain is maximised over candidates and
changes of the best of them; the overhead is a setting, since what is measured would differ from one replay to the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.history import Drawn, History, Suggestion
from workbench.models.information_gain import InformationGain
from workbench.search.fabolas_belief import believe
from workbench.search.fabolas_maximise import GainPerSecond, maximise, representers
from workbench.search.fabolas_why import FabolasExplanation, explain, percent
from workbench.search.gp_candidates import keys
from workbench.search.shares import Share
from workbench.search.untried import at_random
from workbench.space import Array, Config

__all__ = ["Fabolas", "FabolasExplanation"]


@dataclass(frozen=True, slots=True)
class Fabolas:
    """Bayesian optimisation on shares of the data (FABOLAS).

    Attributes
    ----------
    share
        Name of the parameter that is the share of the data, or the number of rows: a number above 0 whose high end means all the
        data. None for a search that tries everything on all the data: entropy search per second.
    n_startup
        Configurations that are tried on four small shares each before the model takes over.
    overhead_s
        Seconds that a trial takes besides what is measured of it, such as the time to choose it (about half a second). The
        smaller it is beside the trials, the smaller are the shares that pay.
    """

    several_costs: ClassVar[bool] = True

    share: str | None = "share"
    n_startup: int = 5
    overhead_s: float = 0.5

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.n_startup < 0 or not 0 <= self.overhead_s < math.inf:
            raise ValueError("n_startup and overhead_s must not be negative and overhead_s be finite, got "
                             f"{self.n_startup} and {self.overhead_s}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next configuration and share. Same history, same rng: same answer, whatever the memo holds."""
        if not len(history.space):
            return Suggestion(np.empty(0), Drawn("the space has no parameters"))
        share = Share.of(history.space, self.share)
        seen = set(keys(np.vstack([history.x, history.pending])))
        if len(history) + len(history.pending) < self.n_startup * len(share.start()) or len(history) < 2:
            return self._start(history, share, seen, rng)
        belief = believe(history, share)
        places = representers(history, belief, rng)
        value = GainPerSecond(belief, InformationGain.of(belief.loss, *belief.features(places), rng), self.overhead_s)
        x, scores = maximise(history, value, places, seen, rng)
        if not len(x):
            return at_random(history, rng, "no untried candidate was found")
        note = ""
        if scores[0] <= 0.0:
            x, scores, note = self._nothing_to_learn(belief.incumbent(), x, scores, seen)
        return Suggestion(x[0].copy(), explain(history, value, x, scores, self.share, note))

    def _nothing_to_learn(self, incumbent: Array, x: Array, scores: Array, seen: set[bytes]) -> tuple[Array, Array, str]:
        """Try the incumbent on all the data, or what comes first if that is known."""
        note = "No trial is expected to tell anything about where the minimum is"
        if keys(incumbent[None])[0] in seen:
            return x, scores, f"{note}, so any new one will do."
        return np.vstack([incumbent, x]), np.append(0.0, scores), f"{note}, so the best so far is tried on all the data."

    def _start(self, history: History, share: Share, seen: set[bytes], rng: np.random.Generator) -> Suggestion:
        """Take the next start point that is untried: every configuration goes through all shares of the start."""
        number, shares = len(history) + len(history.pending), share.start()
        n = self.n_startup * len(shares)
        configs = history.space.sample_unit(max(self.n_startup, 2) + 8, np.random.default_rng([history.seed, 3]))
        x = share.place(np.repeat(configs, len(shares), axis=0), np.tile(shares, len(configs)))
        allowed = ~history.space.is_forbidden(x)
        for k, key in enumerate(keys(x[number:]), start=number):
            if key not in seen and allowed[k]:
                place = f"{number + 1} of {n} to start with" if number < n else "until there are two results"
                part = float(share.of_data(share.position(x[k:k + 1]))[0])
                on = "" if share.column is None else f" on {percent(part)} of the data"
                return Suggestion(x[k].copy(), Drawn(f"random configuration {k // len(shares) + 1}{on}, {place}"))
        return at_random(history, rng, "no start point is left that is new")

    def incumbent(self, history: History) -> Config:
        """Return the tried configuration with the least loss predicted on all the data, its share set to all of them.

        Parameters
        ----------
        history
            Of a run: ``run.history()``.
        """
        if not np.isfinite(history.y).any():
            raise ValueError(f"an incumbent needs a trial that has worked, got {len(history)} finished trials of which none has. "
                             "Ask again later.")
        config: Config = history.space.from_unit(believe(history, Share.of(history.space, self.share)).incumbent())
        return config
