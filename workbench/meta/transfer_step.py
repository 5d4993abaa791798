"""What a study of transfer finds. Plain data, without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.history import Explanation
from workbench.space import Array

SCRATCH, REUSE, FREEZE_FIRST, FINE_TUNE = "scratch", "reuse", "freeze first", "fine-tune"
MODES = (SCRATCH, REUSE, FREEZE_FIRST, FINE_TUNE)


@dataclass(frozen=True, slots=True, eq=False)
class TransferStep(Explanation):
    """Losses on target tasks so far.

    Attributes
    ----------
    modes
        Ways to use the source network.
    similarities
        Of the target tasks to the source task.
    target_sizes
        Rows of a target task to learn from.
    losses
        On other rows of the target, shape (repetitions, modes, target sizes, similarities).
    measure
        What a loss is.
    """

    modes: tuple[str, ...]
    similarities: tuple[float, ...]
    target_sizes: tuple[int, ...]
    losses: Array
    measure: str

    def frame(self) -> pd.DataFrame:
        """Return a row for each network: repetition, mode, rows, similarity, loss."""
        R = len(self.losses)
        index = pd.MultiIndex.from_product([range(R), self.modes, self.target_sizes, self.similarities],
                                           names=["repetition", "mode", "rows", "similarity"])
        return pd.DataFrame({"loss": self.losses.ravel()}, index=index).reset_index()

    def against_scratch(self) -> pd.DataFrame:
        """Compare with learning from scratch, repetition by repetition.

        Returns
        -------
        DataFrame
            By mode, rows and similarity: mean loss, mean loss from scratch, "gained" (from scratch less with transfer: negative
            where transfer hurts), its standard error over repetitions, and the share of repetitions in which transfer was better.
        """
        if SCRATCH not in self.modes:
            raise ValueError(f"nothing was learned from scratch to compare with, only {', '.join(self.modes)}.")
        scratch, R = self.losses[:, self.modes.index(SCRATCH)], len(self.losses)
        found = []
        for k, mode in enumerate(self.modes):
            if mode == SCRATCH:
                continue
            loss = self.losses[:, k]  # (R, sizes, similarities)
            gained = scratch - loss
            error = gained.std(axis=0, ddof=1) / np.sqrt(R) if R > 1 else np.full(gained.shape[1:], np.nan)
            columns = loss.mean(axis=0), scratch.mean(axis=0), gained.mean(axis=0), error, (gained > 0).mean(axis=0)
            found += [(mode, rows, s, *(column[i, j] for column in columns))
                      for i, rows in enumerate(self.target_sizes) for j, s in enumerate(self.similarities)]
        return pd.DataFrame(found, columns=["mode", "rows", "similarity", "loss", "loss from scratch", "gained", "error",
                                            "better in"])

    def summary(self) -> str:
        """Say in one plain sentence what came of it."""
        k = self.modes.index(REUSE) if REUSE in self.modes else len(self.modes) - 1
        low, high = int(np.argmin(self.similarities)), int(np.argmax(self.similarities))
        means = self.losses[:, k, 0].mean(axis=0)
        text = (f"With {self.target_sizes[0]} rows {self.modes[k]} has {means[high]:.3g} ({self.measure}) on the most similar "
                f"task, {means[low]:.3g} on the least similar one")
        if SCRATCH in self.modes:
            text += f"; from scratch {self.losses[:, self.modes.index(SCRATCH), 0].mean():.3g}"
        return text + "."
