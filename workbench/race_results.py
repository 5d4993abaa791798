"""What a race of algorithms found: curves, ranks, and tests between pairs, as plain data.

All algorithms run from the same seeds, so everything is compared pair by pair within a seed: this takes the luck of a
seed (the same start points, where algorithms share them) out of the comparison.

Ranks and pairwise tests as Demšar (2006), "Statistical comparisons of classifiers over multiple data sets", with seeds
in the place of data sets: average ranks; the sign test on wins; Wilcoxon's signed-rank test on the differences of final
losses, its p-values corrected by Holm (1979) for the number of pairs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.errors import RunError
from workbench.over_seeds import LEVEL, difference, holm, p_text, ranked, sign_test, signed_rank_test
from workbench.space import Array

FORMAT = "workbench race 1"


@dataclass(frozen=True, slots=True)
class Lap:
    """One algorithm on one seed.

    Attributes
    ----------
    losses
        Of the trials in the order told; nan where one failed.
    seconds
        When each trial ended, counted from the lap's start.
    thinking_s
        Seconds that went into suggestions.
    errors
        Pairs (trial, last line of its error).
    ended
        "done"; "exhausted" where nothing was left to try; "failed" where the algorithm itself broke, with ``error``.
    """

    algorithm: str
    seed: int
    losses: tuple[float, ...]
    seconds: tuple[float, ...]
    thinking_s: float = 0.0
    errors: tuple[tuple[int, str], ...] = ()
    ended: Literal["done", "exhausted", "failed"] = "done"
    error: str = ""

    def best(self, n: int) -> Array:
        """Return the best loss after 1, 2, … n trials, shape (n,): +inf before the first; what ended early stays."""
        losses = np.array(self.losses[:n] + (math.nan,) * (n - len(self.losses)), dtype=float)
        return np.asarray(np.minimum.accumulate(np.where(np.isnan(losses), np.inf, losses)))


@dataclass(frozen=True, slots=True)
class RaceResults:
    """Laps that are finished. ``optimum`` is the least loss, if the problem knows it."""

    name: str
    algorithms: tuple[str, ...]
    n_trials: int
    seeds: tuple[int, ...]
    laps: tuple[Lap, ...]
    optimum: float | None = None

    # ---- curves ------------------------------------------------------------------------------------------------

    def best(self, algorithm: str, seeds: Sequence[int] | None = None) -> Array:
        """Return best-so-far curves, shape (number of laps, n_trials), in the order of the seeds."""
        found = {lap.seed: lap.best(self.n_trials) for lap in self.laps if lap.algorithm == algorithm}
        rows = [found[s] for s in (self.seeds if seeds is None else seeds) if s in found]
        return np.array(rows).reshape(len(rows), self.n_trials)

    @property
    def complete_seeds(self) -> tuple[int, ...]:
        """Seeds that every algorithm has finished: what is compared."""
        done = {(lap.algorithm, lap.seed) for lap in self.laps}
        return tuple(s for s in self.seeds if all((a, s) in done for a in self.algorithms))

    @property
    def final(self) -> Array:
        """Best loss at the end, shape (number of complete seeds, number of algorithms)."""
        seeds = self.complete_seeds
        if not seeds:
            return np.empty((0, len(self.algorithms)))
        return np.column_stack([self.best(a, seeds)[:, -1] for a in self.algorithms])

    # ---- tables ------------------------------------------------------------------------------------------------

    def frame(self) -> pd.DataFrame:
        """One row per trial: algorithm, seed, trial, loss, best so far, regret, seconds since the start, error."""
        rows = []
        for lap in self.laps:
            errors = dict(lap.errors)
            best = lap.best(len(lap.losses)) if lap.losses else ()
            rows += [(lap.algorithm, lap.seed, k, loss, b, b - self.optimum if self.optimum is not None else math.nan,
                      lap.seconds[k], errors.get(k))
                     for k, (loss, b) in enumerate(zip(lap.losses, best, strict=True))]
        return pd.DataFrame(rows, columns=["algorithm", "seed", "trial", "loss", "best", "regret", "seconds", "error"])

    def table(self) -> pd.DataFrame:
        """One row per algorithm, the best average rank first.

        Columns: average rank of the final losses; seeds won (ties count as shared); median and quartiles of the final
        loss, or of its distance from the optimum if that is known; trials that failed; laps in which the algorithm
        itself failed; milliseconds per suggestion.
        """
        final = self.final
        what = "loss" if self.optimum is None else "regret"
        shift = 0.0 if self.optimum is None else self.optimum
        ranks = ranked(final)
        n = len(final)
        rows = []
        for j, name in enumerate(self.algorithms):
            laps = [lap for lap in self.laps if lap.algorithm == name]
            n_suggested = sum(len(lap.losses) for lap in laps)
            q = np.quantile(final[:, j], [0.25, 0.5, 0.75], method="inverted_cdf") - shift if n else [math.nan] * 3
            best = ranks.min(axis=1, initial=np.inf)
            shared = (ranks == best[:, None]).sum(axis=1) if n else np.empty(0)
            won = float(np.sum((ranks[:, j] == best) / np.maximum(shared, 1))) if n else 0.0
            rows.append({"algorithm": name, "rank": float(ranks[:, j].mean()) if n else math.nan, "won": won,
                         f"median {what}": q[1], "lower quartile": q[0], "upper quartile": q[2],
                         "failed trials": sum(len(lap.errors) for lap in laps),
                         "failed laps": sum(lap.ended == "failed" for lap in laps),
                         "ms per suggestion": 1e3 * sum(lap.thinking_s for lap in laps) / max(n_suggested, 1)})
        return pd.DataFrame(rows).sort_values("rank", kind="stable", na_position="last").set_index("algorithm")

    @property
    def order(self) -> tuple[str, ...]:
        """The algorithms, the best average rank first."""
        return tuple(str(a) for a in self.table().index)

    def pairs(self) -> pd.DataFrame:
        """One row per pair, the better-ranked algorithm first: wins, ties, and the p-values of both tests."""
        final = dict(zip(self.algorithms, self.final.T, strict=True))
        rows: list[dict[str, Any]] = []
        for a, b in combinations(self.order, 2):
            gap = difference(final[a], final[b])
            better, worse = int((gap < 0).sum()), int((gap > 0).sum())
            rows.append({"a": a, "b": b, "a better": better, "b better": worse, "ties": len(gap) - better - worse,
                         "p sign": sign_test(better, worse), "p wilcoxon": signed_rank_test(gap)})
        for row, p in zip(rows, holm([r["p wilcoxon"] for r in rows]), strict=True):
            row["p holm"] = p
        columns = ["a", "b", "a better", "b better", "ties", "p sign", "p wilcoxon", "p holm"]
        return pd.DataFrame(rows, columns=columns)

    def words(self) -> list[str]:
        """Say the outcome in plain sentences."""
        n = len(self.complete_seeds)
        if n == 0 or len(self.algorithms) < 2:
            return []
        table, pairs = self.table(), self.pairs()
        first = self.order[0]
        said = [f"{first} is first: average rank {table['rank'].iloc[0]:.2g} of {len(self.algorithms)} over "
                f"{n} seed{'' if n == 1 else 's'}."]
        said += [_compared(row, n) for row in pairs[pairs["a"] == first].to_dict("records")]
        for lap in self.laps:
            if lap.ended == "failed":
                said.append(f"{lap.algorithm} broke on seed {lap.seed} after {len(lap.losses)} trials and counts with "
                            f"what it had: {lap.error}")
        return said

    # ---- exports -----------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Return all as JSON text; ``from_json`` reads it."""
        laps = [{**asdict(lap), "losses": [None if math.isnan(v) else repr(v) if math.isinf(v) else v for v in lap.losses]}
                for lap in self.laps]
        data = {"format": FORMAT, "name": self.name, "algorithms": self.algorithms, "n_trials": self.n_trials,
                "seeds": self.seeds, "optimum": self.optimum, "laps": laps}
        return json.dumps(data, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> RaceResults:
        """Read what ``to_json`` wrote."""
        data = json.loads(text)
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise RunError(f"this is no exported race: its format must be {FORMAT!r}.")
        laps = tuple(Lap(**{**lap, "losses": tuple(math.nan if v is None else float(v) for v in lap["losses"]),
                            "seconds": tuple(lap["seconds"]), "errors": tuple((k, e) for k, e in lap["errors"])})
                     for lap in data["laps"])
        return cls(data["name"], tuple(data["algorithms"]), data["n_trials"], tuple(data["seeds"]), laps, data["optimum"])

    def to_html(self) -> str:
        """Return ranks and verdicts as a static table."""
        from html import escape

        head = f"<p><b>Race on {escape(self.name)}</b>: {self.n_trials} trials, {len(self.complete_seeds)} of " \
               f"{len(self.seeds)} seeds complete.</p>"
        if not self.complete_seeds:
            return head
        words = "".join(f"<li>{escape(w)}</li>" for w in self.words())
        return head + str(self.table().to_html(escape=True, float_format=lambda v: f"{v:.3g}")) + f"<ul>{words}</ul>"


def _compared(row: Mapping[Any, Any], n: int) -> str:
    text = f"{row['a']} was better than {row['b']} in {row['a better']} of {n} seeds"
    if row["ties"]:
        text += f" (equal in {row['ties']})"
    if n < 6:
        return f"{text}; so few seeds cannot tell skill from luck."
    verdict = "more than chance" if row["p holm"] < LEVEL else "it may be chance"
    return f"{text}; sign test p = {p_text(row['p sign'])}, Wilcoxon p = {p_text(row['p holm'])} after Holm: {verdict}."
