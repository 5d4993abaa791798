"""What groups of runs had found at one moment: table, pairs, tests, and what that means in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from workbench.over_seeds import (
    LEVEL,
    a12,
    critical_difference,
    difference,
    effect,
    friedman_test,
    holm,
    kruskal_test,
    least_p,
    p_text,
    quartiles,
    rank_sum_test,
    ranked,
    sign_test,
    signed_rank_test,
)
from workbench.space import Array

FEWEST = 3  # runs of each group, or blocks, for a test of all groups together
UNITS = {"trials": "trial", "seconds": "s", "steps": "step"}
PAIRS = ["a", "b", "a better", "b better", "ties", "A12", "test", "p", "p holm", "a needs", "b needs"]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One group.

    Attributes
    ----------
    final
        Losses at the moment of comparison, one a run, inf where nothing was found; in the order of the blocks if groups are
        paired.
    at, median
        Positions up to the end of its shortest run, and the median loss there.
    all_final
        Losses of all its runs at the moment, also of those that are in no block.
    n_results
        Trials that ended, of all its runs.
    """

    group: str
    final: Array
    at: Array
    median: Array
    all_final: Array
    n_results: int

    def reaches(self, loss: float) -> float:
        """Return where the median was first as good as ``loss``; nan if it never was."""
        found = np.flatnonzero(difference(self.median, np.full(len(self.median), loss)) <= 0)
        return float(self.at[found[0]]) if len(found) and math.isfinite(loss) else math.nan


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Groups at one moment: after ``at`` trials, seconds or steps, by ``x``.

    Attributes
    ----------
    sign, quantity
        From losses to what is shown, and its name.
    paired
        Whether the k-th losses of all groups belong together; ``block`` says by what, "seed" or "pair".
    waiting
        Runs without a result.
    """

    samples: tuple[Sample, ...]
    x: str
    at: float
    sign: float
    quantity: str
    paired: bool
    block: str
    waiting: tuple[str, ...] = ()

    @property
    def n_blocks(self) -> int:
        """How many blocks there are; 0 if groups are not paired."""
        return len(self.samples[0].final) if self.paired and self.samples else 0

    @property
    def ranks(self) -> list[float]:
        """Average rank of each group, 1 = best: within the blocks, or of runs drawn from each group."""
        if self.n_blocks:
            return [float(r) for r in ranked(np.column_stack([s.final for s in self.samples])).mean(axis=0)]
        return [1.0 + sum(a12(o.final, s.final) for o in self.samples if o is not s) for s in self.samples]

    @property
    def by_rank(self) -> list[Sample]:
        """Groups, the best average rank first."""
        places = sorted(range(len(self.samples)), key=lambda k: self.ranks[k])
        return [self.samples[k] for k in places]

    def table(self) -> pd.DataFrame:
        """One row a group; see ``Comparison.table``."""
        rows = []
        medians = {s.group: float(quartiles(s.all_final[:, None])[1, 0]) for s in self.samples}
        for s, rank in zip(self.samples, self.ranks, strict=True):
            losses = s.all_final
            lower, middle, upper = (self.shown(v) for v in quartiles(losses[:, None])[::int(self.sign), 0])
            others = [v for g, v in medians.items() if g != s.group]
            rows.append({"group": s.group, "runs": len(losses), "results": s.n_results, "rank": rank,
                         "best": self.shown(losses.min()), "mean": self.shown(losses.mean()), "median": middle,
                         "lower quartile": lower, "upper quartile": upper,
                         f"{self.x} to the others' best": s.reaches(min(others, default=math.inf))})
        return pd.DataFrame(rows).sort_values("rank", kind="stable").set_index("group") if rows else pd.DataFrame()

    def shown(self, loss: float) -> float:
        """Turn a loss into what is shown; nan if there is none."""
        return self.sign * float(loss) if math.isfinite(loss) else math.nan

    # ---- tests -----------------------------------------------------------------------------------------------------------

    def pairs(self) -> pd.DataFrame:
        """One row a pair, the better-ranked group first.

        Columns: how often a was better, and b, and neither (in the blocks, or over all pairs of their runs); Â12, the
        probability that a run of a is the better one; the test and its p-value, also after Holm's correction for the number of
        pairs (NaN where so few runs could not give a small one); after how much of ``x`` each was as good as the other at the
        moment of comparison.
        """
        rows: list[dict[str, Any]] = []
        for a, b in combinations(self.by_rank, 2):
            gap = difference(a.final, b.final) if self.n_blocks else difference(a.final[:, None], b.final[None, :])
            better, worse = int((gap < 0).sum()), int((gap > 0).sum())
            end_a, end_b = (float(quartiles(s.final[:, None])[1, 0]) for s in (a, b))
            rows.append({"a": a.group, "b": b.group, "a better": better, "b better": worse, "ties": gap.size - better - worse,
                         "A12": a12(a.final, b.final), **self._test(a, b, gap), "a needs": a.reaches(end_b),
                         "b needs": b.reaches(end_a)})
        told = [k for k, r in enumerate(rows) if not math.isnan(r["p"])]
        for k, p in zip(told, holm([rows[k]["p"] for k in told]), strict=True):
            rows[k]["p holm"] = p
        return pd.DataFrame(rows, columns=PAIRS)

    def _test(self, a: Sample, b: Sample, gap: Array) -> dict[str, Any]:
        paired = bool(self.n_blocks)
        if least_p(len(a.final), len(b.final), paired=paired) >= LEVEL:
            return {"test": "", "p": math.nan, "p holm": math.nan}
        if paired:
            return {"test": "Wilcoxon", "p": signed_rank_test(gap), "p holm": math.nan}
        return {"test": "Mann-Whitney", "p": rank_sum_test(a.final, b.final), "p holm": math.nan}

    @property
    def together(self) -> tuple[str, float] | None:
        """Test of whether all are equally good and its p-value, for three groups or more; None with too few runs."""
        if len(self.samples) < 3 or min(len(s.final) for s in self.samples) < FEWEST:
            return None
        if self.n_blocks:
            return "Friedman", friedman_test(np.column_stack([s.final for s in self.samples]))
        return "Kruskal-Wallis", kruskal_test([s.final for s in self.samples])

    @property
    def critical_difference(self) -> float | None:
        """Average ranks that differ by less cannot be told apart (Nemenyi); None without blocks or with few groups."""
        if len(self.samples) < 3 or self.n_blocks < FEWEST:
            return None
        return critical_difference(len(self.samples), self.n_blocks)

    # ---- words -----------------------------------------------------------------------------------------------------------

    def words(self) -> list[str]:
        """Say the outcome in plain sentences."""
        said = []
        if len(self.samples) >= 2:
            said.append(self._first())
            said += [self._compared(row) for row in self.pairs().to_dict("records") if row["a"] == self.by_rank[0].group]
            said += self._all_together()
        elif self.samples:
            said.append(f"{self.samples[0].group} is alone: add another run or group to compare it with.")
        if self.waiting:
            said.append(f"Without a result yet, and left out: {', '.join(self.waiting)}.")
        return said

    def _first(self) -> str:
        best = self.by_rank[0]
        n = len(best.final)
        lead = f"After {amount(self.x, self.at)}, as far as all have come, {best.group} is first"
        value = f"{self.quantity} {_number(self.shown(float(quartiles(best.final[:, None])[1, 0])))}"
        if max(len(s.final) for s in self.samples) == 1:
            return f"{lead}: {value}."
        over = f"over {n} {self.block}{'s' * (n > 1)}" if self.n_blocks else "over all runs"
        return f"{lead}: median {value}, average rank {min(self.ranks):.2f} of {len(self.samples)} {over}."

    def _compared(self, row: Mapping[Any, Any]) -> str:
        a, b = str(row["a"]), str(row["b"])
        n_a, n_b = (len(next(s for s in self.samples if s.group == g).final) for g in (a, b))
        if n_a == n_b == 1:
            text = f"{a} was as good as {b}" if row["ties"] else f"{a} was better than {b}"
            text += ", but one run each cannot tell skill from luck: run several seeds."
        else:
            text = self._odds(row, n_a, n_b) + self._chance(row, n_a, n_b)
        needs = float(row["a needs"])
        if needs < self.at:
            text += f" {a} needed {amount(self.x, needs)} for what {b} had after {amount(self.x, self.at)}."
        return text

    def _odds(self, row: Mapping[Any, Any], n_a: int, n_b: int) -> str:
        size = f"A12 = {row['A12']:.2f}, a {effect(row['A12'])} effect"
        if self.n_blocks:
            equal = f", equal in {row['ties']}" if row["ties"] else ""
            return f"{row['a']} was better than {row['b']} in {row['a better']} of {n_a} {self.block}s{equal} ({size})"
        return f"{row['a']} beats {row['b']} in {100 * row['A12']:.0f} % of the {n_a} × {n_b} pairs of runs ({size})"

    def _chance(self, row: Mapping[Any, Any], n_a: int, n_b: int) -> str:
        if math.isnan(row["p"]):
            runs = f"{n_a} {self.block}s" if self.n_blocks and n_a > 1 else f"{n_a} and {n_b} runs"
            return f"; with {runs} no test can tell skill from luck."
        verdict = "more than chance" if row["p holm"] < LEVEL else "it may be chance"
        after = " after Holm" if len(self.samples) > 2 else ""
        sign = f"sign test p = {p_text(sign_test(row['a better'], row['b better']))}, " if self.n_blocks else ""
        return f"; {sign}{row['test']} p = {p_text(row['p holm'])}{after}: {verdict}."

    def _all_together(self) -> list[str]:
        found = self.together
        if found is None:
            return []
        name, p = found
        text = f"All together: {name} p = {p_text(p)}, so "
        text += "they are not all equally good" if p < LEVEL else "they may all be equally good"
        cd = self.critical_difference
        if cd is not None:
            text += f"; average ranks that differ by less than {cd:.2f} cannot be told apart (Nemenyi)"
        return [f"{text}."]


def amount(x: str, n: float) -> str:
    """Write so many trials, seconds or steps."""
    if x == "seconds":
        return f"{n:.3g} s" if n < 120 else f"{n / 60:.3g} min"
    return f"{n:.0f} {UNITS[x]}{'s' * (round(n) != 1)}"


def _number(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.3g}".replace("-", "−")
