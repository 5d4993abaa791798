"""PED-ANOVA, by Optuna's own evaluator: which parameters set the good trials apart from all.

Watanabe, Bansal & Hutter 2023, "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary subspaces"; conditional
parameters as in Optuna 5. In each parameter the density of the best trials (a tenth, say) is compared with that of all by the
Pearson divergence. There is no model of the loss: it takes milliseconds and asks what it takes to be *among the best*, not what
moves the loss anywhere.

Differences from the paper: none of ours. Optuna sees a study made of the rows: losses that are all taken after the same number of
steps, minimised.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import TrialState, create_trial

from workbench.importance.quantity import LOSS, Quantity, as_html
from workbench.optuna_distributions import space_to_distributions
from workbench.pictures import picture
from workbench.space import Array, Space

QUANTILE = 0.1  # share of the trials called good


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PedAnova:
    """How much each parameter decides whether a trial is a good one.

    Attributes
    ----------
    n_good
        Trials among the best ``quantile`` of those with a finite loss.
    divergence
        Optuna's importance before it is normalised, shape (d,); nan for a parameter that no such trial had.
    """

    space: Space
    n_trials: int
    n_good: int
    quantile: float
    region: float
    divergence: Array
    quantity: Quantity = LOSS

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in the order of the space."""
        return self.space.names

    @property
    def single(self) -> Array:
        """The importances as shares of their sum, shape (d,); 0 where nothing sets the good trials apart."""
        total = float(np.nansum(self.divergence))
        return np.asarray(self.divergence / (total or 1.0))

    def frame(self) -> pd.DataFrame:
        """One row a parameter, the largest share first."""
        frame = pd.DataFrame({"parameter": self.names, "share": self.single, "divergence": self.divergence})
        return frame.sort_values("share", ascending=False, na_position="last", kind="stable").reset_index(drop=True)

    def summary(self) -> str:
        """Say in a sentence which parameter decides most."""
        good = f"the best {self.n_good} of {self.n_trials} trials by {self.quantity.name}"
        if not float(np.nansum(self.divergence)) > 0:
            return f"No parameter sets {good} apart."
        j = int(np.nanargmax(self.single))
        return f"{self.names[j]} sets {good} apart most: {self.single[j]:.0%} of the divergence."

    def figure(self) -> Any:
        """Draw the shares as a ``plotly.graph_objects.Figure``."""
        return picture("ped_anova", self)

    def __repr__(self) -> str:
        """The summary."""
        return f"<PedAnova: {self.summary()}>"

    def _repr_html_(self) -> str:
        return as_html(f"PED-ANOVA, from {self.n_trials} trials", [self.summary()], self.frame())


def ped_anova(space: Space, x: Array, y: Array, *, quantile: float = QUANTILE, region: float = 1.0,
              quantity: Quantity = LOSS) -> PedAnova:
    """Ask Optuna's PED-ANOVA about trials: rows of the unit cube x (n, d), nan where inactive, and losses y (n,).

    Parameters
    ----------
    quantile
        Share of the trials that count as good.
    region
        Compare the good ones with this best share of the trials: below 1, what matters among those that are fair already.

    Raises
    ------
    ValueError
        If the quantiles are not 0 < quantile < region <= 1, or fewer than two losses are finite: Optuna leaves the others out.
    """
    if not 0 < quantile < region <= 1:
        raise ValueError(f"it must hold that 0 < quantile < region <= 1, got quantile={quantile} and region={region}. "
                         f"The defaults are {QUANTILE} and 1.")
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    finite = np.isfinite(y)
    if finite.sum() < 2:
        raise ValueError(f"PED-ANOVA needs at least two finite losses, got {int(finite.sum())}.")
    known = space_to_distributions(space)
    study = _study()
    for config, loss in zip(space.from_unit(x[finite]), y[finite].tolist(), strict=True):
        params = {name: _within(value, known[name]) for name, value in config.items()}
        study.add_trial(create_trial(state=TrialState.COMPLETE, value=loss, params=params,
                                     distributions={name: known[name] for name in params}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on equal quantiles and regimes of one trial; frame() shows what came of it
        evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile, region_quantile=region)
        found = evaluator.evaluate(study)
    losses = np.sort(y[finite])
    cut = losses[int(np.ceil(quantile * len(losses))) - 1]
    return PedAnova(space, len(losses), int((losses <= cut).sum()), quantile, region,
                    np.array([found.get(name, np.nan) for name in space.names]), quantity)


def _study() -> optuna.Study:
    """Make a study in memory, and say nothing of it."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study()
    finally:
        optuna.logging.set_verbosity(verbosity)


def _within(value: Any, dist: Any) -> Any:
    """Move a real number by the rounding error that may part our ends of a stepped range from Optuna's."""
    return min(max(value, dist.low), dist.high) if isinstance(dist, optuna.distributions.FloatDistribution) else value
