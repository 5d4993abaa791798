"""Runs beside each other: the best so far, ranks, distributions, and whether a difference is more than chance.

::

    wb.compare([run_a, run_b])                                     # two runs
    wb.compare(["mlp tpe", "mlp gp", study])                       # named runs, Optuna studies, storages
    wb.compare({"TPE": tpe_runs, "GP-BO": gp_runs}).table()        # several seeds each

What differs between runs of different lengths is the length first of all. So numbers are compared after as many trials (seconds,
steps) as all have had, the *common end*, unless another moment is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from optuna.storages import BaseStorage

from workbench.compare_export import to_csv, to_json, to_python
from workbench.compared import Member, group_members, label_members, source_of
from workbench.errors import RunError
from workbench.losses import Goals, times
from workbench.notebook import mimebundle
from workbench.over_seeds import a12, mean_and_error, quartiles, ranked
from workbench.pictures import picture
from workbench.space import Array
from workbench.verdict import Outcome, Sample

X = Literal["trials", "seconds", "steps"]
Band = Literal["quartiles", "error"]
Kind = Literal["best_so_far", "ranks", "edf", "final"]
POINTS = 300  # of a line


def compare(runs: Any, *, group: bool = True, paired: bool | None = None, storage: str | BaseStorage | None = None,
            reference: Sequence[float] | Mapping[str, float] | None = None, name: str = "") -> Comparison:
    """Compare runs; live in a notebook.

    Parameters
    ----------
    runs
        A list, or a dict ``{label: run or list of runs}`` whose lists hold the seeds of one algorithm. Each run is a run, a
        recording or a log; the name of a named run; an Optuna study, a storage or its URL, the path of a journal file, or a
        pair (URL, name of a study).
    group
        Of a list: whether runs of one algorithm in the same parameters are taken for its seeds. False: each run by itself.
    paired
        Whether groups are compared seed by seed. By default where all have the same seeds, each once. True: where seeds do not
        tell, by their places in the lists: runs on the same problems, say. False: never.
    storage
        Where names are looked up, instead of the folder of named runs.
    reference
        Of several losses: values worse than all worth having, for the hypervolume. By default the worst of all that are
        compared; then it changes with what is added.
    name
        For titles.

    Raises
    ------
    RunError
        If the runs want different things, or there is nothing to compare.
    StorageError
        If there is no such run or study.
    """
    members: list[Member] = []
    if isinstance(runs, Mapping):
        for label, some in runs.items():
            several = isinstance(some, (list, tuple)) and not _is_pair(some)
            seeds = some if several else [some]
            members += [Member(source_of(s, storage), group=str(label)) for s in seeds]
            if not isinstance(label, str) or not label.strip():
                raise RunError(f"groups are named by texts that are not empty, got {label!r}.")
            if not len(seeds):
                raise RunError(f"the group {label!r} has no run. Leave it out, or give it one.")
    else:
        alone = isinstance(runs, (str, Path)) or not isinstance(runs, Sequence) or _is_pair(runs)
        members = [Member(source_of(r, storage)) for r in ([runs] if alone else runs)]
    if not members:
        raise RunError("there is nothing to compare. Give runs, names of runs or Optuna studies: wb.compare([run_a, run_b]). "
                       "wb.runs() lists the named runs.")
    for m in members:
        m.fold()
    label_members(members)
    group_members(members, together=group)
    return Comparison(members, name=name, paired=paired, reference=reference)


def _is_pair(given: Any) -> bool:
    """Whether it is (URL, name of a study), not two names of runs."""
    return isinstance(given, tuple) and len(given) == 2 and (
        isinstance(given[0], BaseStorage) or (isinstance(given[0], str) and "://" in given[0]))


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """What a group's runs had found when, in the objective's own values: middle, and the edges of the band."""

    group: str
    at: Array
    low: Array
    middle: Array
    high: Array
    n_runs: int
    singles: tuple[tuple[str, Array, Array], ...]  # label, positions, best value


class Comparison:
    """Runs in groups, side by side. Made by ``compare``. It follows them: all that it says is as of now.

    Parameters
    ----------
    members
        Labelled and grouped.
    order
        Names of all groups there are, where these members are some of more: they keep their colours.
    looks
        Whether storages are read before anything is said. False for whoever reads them by himself.
    """

    def __init__(self, members: Sequence[Member], *, name: str = "", paired: bool | None = None,
                 reference: Sequence[float] | Mapping[str, float] | None = None, order: Sequence[str] | None = None,
                 looks: bool = True) -> None:
        self.members, self.name, self.paired, self.reference, self._looks = list(members), name, paired, reference, looks
        self.order = list(dict.fromkeys([*(order or ()), *(m.group for m in members)]))
        check_alike(self.members)
        if paired and self._blocks(self.groups) is None:
            sizes = {g: len(ms) for g, ms in self.groups.items()}
            raise RunError(f"groups are paired seed by seed, or place by place: all need as many runs, got {sizes!r}.")

    # ---- what it is ------------------------------------------------------------------------------------------------------

    @property
    def groups(self) -> dict[str, list[Member]]:
        """Members by their group, in the order given."""
        found: dict[str, list[Member]] = {g: [] for g in self.order}
        for m in self.members:
            found[m.group].append(m)
        return {g: ms for g, ms in found.items() if ms}

    @property
    def goals(self) -> Goals:
        """Directions, and the names of the losses."""
        return self.members[0].goals if self.members else Goals()

    @property
    def sign(self) -> float:
        """Factor between losses and what is shown: the objective's values, or the hypervolume."""
        return -1.0 if self.goals.several or self.goals.directions == ("maximize",) else 1.0

    @property
    def quantity(self) -> str:
        """What is shown."""
        if self.goals.several:
            return "hypervolume"
        return self.goals.names[0] if self.goals.names else "value" if self.sign < 0 else "loss"

    def refresh(self) -> Comparison:
        """Take in what has happened since; all other methods do so first."""
        for m in self.members:
            if self._looks:
                m.source.look()
            m.fold()
        self.__dict__.pop("_reference", None)
        return self

    @cached_property
    def _reference(self) -> Array | None:
        """Reference point of the hypervolume as losses; None for one loss, or while nothing is known."""
        if not self.goals.several:
            return None
        goals = self.goals
        if self.reference is None:
            known = [y for m in self.members for y in m.progress.several]
            return np.max(known, axis=0) if known else np.zeros(len(goals))
        given = self.reference
        if isinstance(given, Mapping):
            if set(given) != set(goals.labels):
                raise RunError(f"the reference point needs a value for each of {list(goals.labels)!r}, got {list(given)!r}.")
            given = [given[label] for label in goals.labels]
        if len(given) != len(goals) or not all(map(math.isfinite, given)):
            raise RunError(f"the reference point needs {len(goals)} finite values, one for each loss, got {list(given)!r}.")
        return np.array(times(goals.sign, tuple(map(float, given))))

    # ---- curves ----------------------------------------------------------------------------------------------------------

    def course(self, member: Member, x: X) -> tuple[Array, Array]:
        """Return where a run learnt something, ascending, and its best loss from there on; both of shape (n,)."""
        if x not in get_args(X):
            raise RunError(f"runs are compared by {', '.join(map(repr, get_args(X)))}, got {x!r}.")
        progress = member.progress
        if x == "steps":
            if self.goals.several:
                raise RunError("the steps of several losses cannot be compared. Take x='trials' or x='seconds'.")
            best = progress.best_by_step()
            return np.arange(1.0, len(best) + 1), best
        best = progress.best(self._reference)
        if self.goals.several and len(best):
            best = np.where(best == 0, np.inf, best)  # nothing below the reference yet
        return (np.array(progress.seconds) if x == "seconds" else np.arange(1.0, len(best) + 1)), best

    def common_end(self, x: X = "trials") -> float:
        """Return how far all runs have come that have come anywhere; 0 if none has."""
        ends = [float(at[-1]) for m in self.members if len(at := self.course(m, x)[0])]
        return min(ends, default=0.0)

    def _begun(self, x: X) -> dict[str, list[Member]]:
        """Members with a result, by group."""
        begun = {g: [m for m in ms if len(self.course(m, x)[0])] for g, ms in self.groups.items()}
        return {g: ms for g, ms in begun.items() if ms}

    def _best(self, members: Sequence[Member], x: X, at: Array) -> Array:
        """Best losses at these positions, shape (members, len(at)); inf where nothing is known yet."""
        rows = []
        for member in members:
            places, best = self.course(member, x)
            k = np.searchsorted(places, at, side="right")
            rows.append(np.concatenate([[np.inf], best])[k])
        return np.array(rows).reshape(len(members), len(at))

    def _places(self, members: Sequence[Member], x: X, end: float) -> Array:
        """Positions up to ``end`` where something may change: all, or an even choice of many."""
        if x == "seconds":
            places = np.unique(np.concatenate([self.course(m, x)[0] for m in members]))
            places = np.append(places[places < end], end)
        else:
            places = np.arange(1.0, end + 1)
        if len(places) > POINTS:
            thin = np.linspace(0, len(places) - 1, POINTS - 100).round()
            early = np.geomspace(1, len(places), 100).round() - 1  # a log axis shows them far apart
            places = places[np.unique(np.concatenate([thin, early]).astype(int))]
        return places

    def lines(self, x: X = "trials", band: Band = "quartiles") -> list[Line]:
        """Return the best so far of each group, in its own values; a group's line ends with its shortest run.

        ``band``: "quartiles" for the median and the middle half of the runs, "error" for mean ± its standard error.
        """
        if band not in get_args(Band):
            raise RunError(f"a band shows 'quartiles' or 'error' (of the mean), got {band!r}.")
        self.refresh()
        middle = quartiles if band == "quartiles" else mean_and_error
        out = []
        for group, members in self._begun(x).items():
            end = min(float(self.course(m, x)[0][-1]) for m in members)
            at = self._places(members, x, end)
            three = np.where(np.isfinite(found := middle(self._best(members, x, at))), found, np.nan) * self.sign
            singles = []
            for m in members:
                own = self._places([m], x, float(self.course(m, x)[0][-1]))
                best = self._best([m], x, own)[0]
                singles.append((m.label, own, np.where(np.isfinite(best), best, np.nan) * self.sign))
            low, high = np.minimum(three[0], three[2]), np.maximum(three[0], three[2])
            out.append(Line(group, at, low, three[1], high, len(members), tuple(singles)))
        return out

    def values(self) -> dict[str, Array]:
        """Return the values of all complete trials of each group, sorted: what an empirical distribution is of."""
        if self.goals.several:
            raise RunError("the distribution of values is that of one loss. Of several the hypervolume can be compared.")
        self.refresh()
        found = {g: np.array([v for m in ms for v in m.progress.losses], dtype=float) for g, ms in self.groups.items()}
        return {g: np.sort(self.sign * v[np.isfinite(v)]) for g, v in found.items() if np.isfinite(v).any()}

    # ---- at one moment ---------------------------------------------------------------------------------------------------

    def _blocks(self, groups: Mapping[str, Sequence[Member]]) -> list[list[Member]] | None:
        """Members side by side, one row a block; None where they cannot be paired."""
        if self.paired is False or not groups:
            return None
        seeds = [{m.seed: m for m in ms} for ms in groups.values()]
        known = all(None not in by and len(by) == len(ms) for by, ms in zip(seeds, groups.values(), strict=True))
        if known and all(by.keys() == seeds[0].keys() for by in seeds):
            return [[by[s] for by in seeds] for s in seeds[0]]
        if self.paired and len({len(ms) for ms in groups.values()}) == 1:
            return [list(row) for row in zip(*groups.values(), strict=True)]
        return None

    def outcome(self, x: X = "trials", at: float | None = None) -> Outcome:
        """Return what all runs had found at one moment, the common end by default, ready for ranks and tests."""
        self.refresh()
        begun = self._begun(x)
        moment = self.common_end(x) if at is None else float(at)
        rows = self._blocks({g: self.groups[g] for g in begun})
        if rows is not None:
            rows = [row for row in rows if all(m in begun[m.group] for m in row)] or None
        samples = []
        for k, (group, members) in enumerate(begun.items()):
            compared = members if rows is None else [row[k] for row in rows]
            end = min(float(self.course(m, x)[0][-1]) for m in members)
            places = self._places(members, x, end)
            samples.append(Sample(group, self._best(compared, x, np.array([moment]))[:, 0], places,
                                  quartiles(self._best(members, x, places))[1],
                                  self._best(members, x, np.array([moment]))[:, 0],
                                  sum(len(m.progress) for m in members)))
        waiting = [m.label for m in self.members if m not in begun.get(m.group, [])]
        by_seed = rows is not None and len({row[0].seed for row in rows} - {None}) == len(rows) and all(
            m.seed == row[0].seed for row in rows for m in row)
        return Outcome(tuple(samples), x, moment, self.sign, self.quantity, rows is not None, "seed" if by_seed else "pair",
                       tuple(waiting))

    def ranks(self, x: X = "trials") -> pd.DataFrame:
        """Return average ranks over time up to the common end, 1 = best; one column a group.

        Where groups are paired: the mean of the ranks within each seed. Else what a run drawn from each group would have on
        average: 1 + the sum over the others of the probability that theirs is better, ties as one half.
        """
        self.refresh()
        begun = self._begun(x)
        members = [m for ms in begun.values() for m in ms]
        if not members:
            return pd.DataFrame()
        at = self._places(members, x, self.common_end(x))
        rows = self._blocks({g: self.groups[g] for g in begun})
        if rows is not None and (rows := [row for row in rows if all(m in begun[m.group] for m in row)]):
            best = np.array([self._best(row, x, at) for row in rows])  # (blocks, groups, positions)
            means = ranked(best).mean(axis=0).T
        else:
            curves = [self._best(ms, x, at) for ms in begun.values()]
            means = np.array([[1 + sum(a12(b[:, j], a[:, j]) for b in curves if b is not a) for a in curves]
                              for j in range(len(at))])
        return pd.DataFrame(means.reshape(len(at), len(begun)), index=pd.Index(at, name=x), columns=list(begun))

    # ---- tables and words ------------------------------------------------------------------------------------------------

    def frame(self) -> pd.DataFrame:
        """One row a result: group, run, seed, its place, number, state, value, best so far, seconds.

        Of several losses ``value`` is left out and the best is the hypervolume.
        """
        self.refresh()
        rows: list[dict[str, Any]] = []
        for m in self.members:
            p = m.progress
            best = self.sign * self.course(m, "trials")[1]
            for k, (number, state, loss, seconds) in enumerate(zip(p.numbers, p.states, p.losses, p.seconds, strict=True)):
                value = math.nan if isinstance(loss, tuple) or math.isinf(loss) else self.sign * loss
                rows.append({"group": m.group, "run": m.label, "seed": m.seed, "result": k + 1, "trial": number, "state": state,
                             "value": value, "best": best[k] if math.isfinite(best[k]) else math.nan, "seconds": seconds})
        columns = ["group", "run", "seed", "result", "trial", "state", "value", "best", "seconds"]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.drop(columns="value").rename(columns={"best": "hypervolume"}) if self.goals.several else frame

    def table(self, x: X = "trials", at: float | None = None) -> pd.DataFrame:
        """One row a group, the best average rank first: how many runs and results; rank; best, mean, median, quartiles.

        The last column says after how many trials (seconds, steps) the group's median was as good as the best of the other
        groups at the moment of comparison; NaN if it never was.
        """
        return self.outcome(x, at).table()

    def pairs(self, x: X = "trials", at: float | None = None) -> pd.DataFrame:
        """One row a pair of groups, the better first: how often it was better, the size of the effect, and a test."""
        return self.outcome(x, at).pairs()

    def words(self, x: X = "trials", at: float | None = None) -> list[str]:
        """Say the outcome in plain sentences."""
        return self.outcome(x, at).words()

    # ---- pictures and exports --------------------------------------------------------------------------------------------

    def figure(self, kind: Kind = "best_so_far", *, x: X = "trials", band: Band = "quartiles", log: bool | None = None,
               single: bool = False) -> Any:
        """Return a picture as a plotly figure.

        Parameters
        ----------
        kind
            "best_so_far"; "ranks" over time; "edf", the share of trials below each value; or "final", every run's best.
        x, band
            As in ``lines``.
        log
            Whether the axis of values is logarithmic; by default if that helps.
        single
            Whether every run is drawn too.
        """
        if kind not in get_args(Kind):
            raise RunError(f"a comparison is drawn as {', '.join(map(repr, get_args(Kind)))}, got {kind!r}.")
        return picture("compare", self, kind, x=x, band=band, log=log, single=single)

    def export(self, kind: Literal["json", "python", "csv"], path: str | Path | None = None) -> str:
        """Return the comparison as text, and write it to ``path`` if one is given.

        ``"csv"``: all results; ``"json"``: all results, tables and words; ``"python"``: code that makes it again.
        """
        makers = {"json": to_json, "python": to_python, "csv": to_csv}
        if kind not in makers:
            raise RunError(f"a comparison is exported as 'json', 'python' or 'csv', got {kind!r}.")
        text = makers[kind](self)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def __repr__(self) -> str:
        """One line: groups, runs, results."""
        self.refresh()
        n = sum(len(m.progress) for m in self.members)
        groups = ", ".join(f"{g} ({len(ms)})" if len(ms) > 1 else g for g, ms in self.groups.items())
        return f"<Comparison{' ' + self.name if self.name else ''}: {groups}; {n} result{'s' * (n != 1)}>"

    def _repr_html_(self) -> str:
        """Return table and words, for places without widgets."""
        outcome = self.outcome()
        words = "".join(f"<li>{escape(w)}</li>" for w in outcome.words())
        table = outcome.table()
        shown = str(table.to_html(escape=True, float_format=lambda v: f"{v:.3g}")) if len(table) else ""
        return f"<p><b>{escape(repr(self)[1:-1])}</b></p>{shown}<ul>{words}</ul>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the live panel in a notebook; a table where the notebook side is missing."""
        return mimebundle(self, "compare_panel", **kwargs)


def check_alike(members: Sequence[Member]) -> None:
    """Raise RunError unless all want the same: as many losses, in the same directions."""
    for m in members[1:]:
        first = members[0]
        if m.goals.directions != first.goals.directions:
            raise RunError(f"runs that are compared must want the same, but {first.label!r} wants {_wants(first)} and "
                           f"{m.label!r} {_wants(m)}. Compare them apart.")


def _wants(m: Member) -> str:
    return " and ".join(f"to {d} {n}" for d, n in zip(m.goals.directions, m.goals.labels or ("its value",), strict=True))
