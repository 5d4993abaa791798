"""Successive halving with promotion (Jamieson & Talwalkar 2016; the inner loop of Li et al. 2018, Algorithm 1).

::

    1  n_0 configurations begin, and run to r_0 steps
    2  for i = 0, 1, …: when all n_i have r_i steps, the n_(i+1) best go on to r_(i+1) steps, from where they stopped;
       the others stop
    3  what has R steps is finished; the next bracket begins

The result is that of the paper whatever the number of workers, and none of them waits longer than it must:

* a configuration that n_(i+1) others beat already is stopped at once;
* a worker that would wait for the last of a rung takes one that is certain to be promoted: at rank k, with m results of the
  rung still open, k + m ≤ n_(i+1);
* if there is none, it begins the next bracket.

Notation
--------
=========  ====================================================================
n_i, r_i   configurations of rung i, and the steps that they reach (``Rung``)
R          most steps of a configuration: those of a bracket's last rung
k          rank of a configuration in its rung, from 1; of equals the one that began first is better
m          results of the rung that are still open
=========  ====================================================================

Differences from the papers: steps are never run twice, as paused trials keep what they have learnt. A trial that ends by itself
before its rung's steps counts with its last loss on all later rungs, a failed one as the worst. A bracket that is cut short
because no more trials begin is halved in the same proportions.

The books may be rebuilt trial by trial, each with its whole curve at once: a trial that reports from beyond its rung's steps has
evidently been promoted. An interrupted trial's place is taken by the one that is begun instead; what its result has led
to stands, and it brings a new result to the rung on which it was.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from workbench.errors import RunError
from workbench.fidelity import brackets
from workbench.fidelity.brackets import Bracket
from workbench.fidelity.words import go_on, steps
from workbench.history import Explanation
from workbench.schedule import Action, Verdict, finite


@dataclass(frozen=True, slots=True)
class OnRung(Explanation):
    """Where a trial stands in its bracket, and what follows.

    Attributes
    ----------
    bracket, rung
        Counted from 0.
    n_rungs
        Rungs of the bracket.
    action
        As in ``Verdict``.
    goal
        Steps that the trial may run to now.
    rank
        In its rung, from 1, among ``known`` results; 0 while it has none there.
    size, promoted
        n_i and n_(i+1); the latter is 0 on the last rung.
    """

    bracket: int
    rung: int
    n_rungs: int
    action: Action
    goal: int
    rank: int = 0
    known: int = 0
    size: int = 0
    promoted: int = 0

    def summary(self) -> str:
        """Say in one plain sentence where the trial stands."""
        where = f"bracket {self.bracket + 1}, rung {self.rung + 1} of {self.n_rungs}"
        if not self.rank:
            return f"Begins in {where}, with {steps(self.goal)}."
        place = f"{where}: rank {self.rank} of {self.known} known so far, {self.size} in all"
        match self.action:
            case "go":
                return f"Promoted to {self.goal} steps from {place}; {go_on(self.promoted)}."
            case "stop":
                return f"Stopped in {place}; only {go_on(self.promoted)}."
            case "wait":
                return f"Waits in {place}; {go_on(self.promoted)}."
        return f"Finished with {steps(self.goal)} in {place}."


@dataclass(slots=True)
class _Rung:
    """Results of one rung, sorted, and what was decided."""

    n: int
    r: int
    results: list[tuple[float, int, int]] = field(default_factory=list)  # (loss, seat, trial)
    passed: set[int] = field(default_factory=set)  # promoted from here
    out: set[int] = field(default_factory=set)

    @property
    def open(self) -> int:
        """Results that are still to come."""
        return self.n - len(self.results)

    @property
    def undecided(self) -> list[int]:
        """Trials that wait for a decision, the best first."""
        return [trial for _, _, trial in self.results if trial not in self.passed and trial not in self.out]

    def has(self, trial: int) -> bool:
        """Whether the trial has a result here."""
        return any(t == trial for _, _, t in self.results)


class _Bracket:
    """A bracket under way."""

    def __init__(self, index: int, plan: Bracket) -> None:
        self.index, self.plan = index, plan
        self.rungs = [_Rung(rung.n, rung.r) for rung in plan]
        self.n_begun = 0

    @property
    def room(self) -> int:
        return self.rungs[0].n - self.n_begun

    def size(self, i: int) -> int:
        """How many reach rung i; none beyond the last."""
        return self.rungs[i].n if i < len(self.rungs) else 0

    def cut(self) -> None:
        """Make do with the trials that have begun, in the same proportions."""
        for planned, rung, before in zip(self.plan, self.rungs, [None, *self.rungs], strict=False):
            least = 1 if before is None else max(1, len(before.passed))
            rung.n = max(min(rung.n, self.n_begun * planned.n // self.plan[0].n), least)


@dataclass(slots=True)
class _Place:
    bracket: _Bracket
    seat: int  # how many began in the bracket before
    rung: int = 0
    ended: float | None = None  # the last loss of a trial that ended by itself


class Brackets:
    """The books of brackets that follow each other: ``order(k)`` is the k-th."""

    def __init__(self, order: Callable[[int], Bracket], budgets: Sequence[int]) -> None:
        self._order = order
        self._budgets = tuple(budgets)
        self._brackets: list[_Bracket] = []
        self._places: dict[int, _Place] = {}
        self._unsure: list[_Bracket] = []  # brackets with undecided results

    @property
    def budgets(self) -> tuple[int, ...]:
        """Steps at which trials are compared, ascending."""
        return self._budgets

    def begin(self, trial: int, *, instead_of: int | None = None) -> Verdict:
        """Give a new trial its place: that of an interrupted one, or the next in the newest bracket, or in a new one."""
        if instead_of is not None and instead_of in self._places:
            before = self._places.pop(instead_of)
            place = self._places[trial] = _Place(before.bracket, before.seat, before.rung)
            rung = place.bracket.rungs[place.rung]
            rung.results = [result for result in rung.results if result[-1] != instead_of]  # it will come there again
            rung.out.discard(instead_of)
        else:
            if not self._brackets or not self._brackets[-1].room:
                self._brackets.append(_Bracket(len(self._brackets), self._order(len(self._brackets))))
                self._unsure = [b for b in self._unsure if self._undecided(b)] + self._brackets[-1:]
            bracket = self._brackets[-1]
            place = self._places[trial] = _Place(bracket, bracket.n_begun)
            bracket.n_begun += 1
        return Verdict(trial, "go", self._word(place, "go"))

    def goal(self, trial: int) -> int:
        """Steps that the trial may run to."""
        place = self._places[trial]
        return place.bracket.rungs[place.rung].r

    def report(self, trial: int, step: int, loss: float) -> list[Verdict]:
        """Hear the loss of a step; at the goal the rung decides."""
        place = self._places[trial]
        if place.bracket.rungs[place.rung].has(trial):
            self._pass(trial, place)
        rung = place.bracket.rungs[place.rung]
        if step < rung.r or rung.has(trial):
            return []
        verdicts = self._result(trial, place, finite(loss))
        if not any(v.trial == trial for v in verdicts):
            verdicts.insert(0, Verdict(trial, "wait", self._word(place, "wait", trial)))
        return verdicts

    def end(self, trial: int, loss: float | None, *, stopped: bool | None = None) -> list[Verdict]:  # noqa: ARG002
        """Hear that a trial has ended; unless it is out its last loss counts on this and all later rungs."""
        place = self._places[trial]
        rung = place.bracket.rungs[place.rung]
        if place.ended is not None or trial in rung.out:
            return []
        place.ended = finite(loss)
        if rung.has(trial):  # failed or ended while it waited: the loss that it had stands
            return []
        return [v for v in self._result(trial, place, place.ended) if v.trial != trial]

    def free(self) -> list[Verdict]:
        """Promote what is certain to be promoted, if the alternative is a new bracket."""
        if self._brackets and self._brackets[-1].room:
            return []
        for bracket in self._unsure:
            for i, rung in enumerate(bracket.rungs[:-1]):
                certain = bracket.size(i + 1) - len(rung.passed) - rung.open  # k + m ≤ n_(i+1)
                for trial in rung.undecided[:max(certain, 0)]:
                    if self._places[trial].ended is None:
                        return self._promote(trial, bracket, i)
        return []

    def close(self) -> list[Verdict]:
        """Hear that no further trial will begin: a bracket with empty places makes do with what it has."""
        if not self._brackets or not self._brackets[-1].room:
            return []
        bracket = self._brackets[-1]
        bracket.cut()
        return [v for i in range(len(bracket.rungs)) for v in self._decide(bracket, i)]

    # ---- one rung ----------------------------------------------------------------------------------------------------

    def _undecided(self, bracket: _Bracket) -> bool:
        return bool(bracket.room) or any(rung.open or len(rung.passed) + len(rung.out) < rung.n for rung in bracket.rungs[:-1])

    def _result(self, trial: int, place: _Place, loss: float) -> list[Verdict]:
        bracket, i = place.bracket, place.rung
        insort(bracket.rungs[i].results, (loss, place.seat, trial))
        if i + 1 == len(bracket.rungs):
            return [Verdict(trial, "finish", self._word(place, "finish", trial))]
        return self._decide(bracket, i)

    def _decide(self, bracket: _Bracket, i: int) -> list[Verdict]:
        """Stop who cannot be promoted any more; when the rung is full, promote the others."""
        if i + 1 == len(bracket.rungs):
            return []
        rung = bracket.rungs[i]
        undecided, room = rung.undecided, max(bracket.size(i + 1) - len(rung.passed), 0)
        verdicts = []
        for trial in undecided[room:]:
            rung.out.add(trial)
            if self._places[trial].ended is None:
                verdicts.append(Verdict(trial, "stop", self._word(self._places[trial], "stop", trial)))
        if rung.open <= 0:
            for trial in undecided[:room]:
                verdicts += self._promote(trial, bracket, i)
        return verdicts

    def _promote(self, trial: int, bracket: _Bracket, i: int) -> list[Verdict]:
        """Let a trial go on to the next rung; one that has ended takes its loss there."""
        place = self._places[trial]
        word = self._word(place, "go", trial, goal=bracket.rungs[i + 1].r)
        self._pass(trial, place)
        if place.ended is not None:
            return [v for v in self._result(trial, place, place.ended) if v.trial != trial]
        return [Verdict(trial, "go", word)]

    def _pass(self, trial: int, place: _Place) -> None:
        """Move a trial to the next rung, if there is one."""
        if place.rung + 1 < len(place.bracket.rungs):
            rung = place.bracket.rungs[place.rung]
            rung.passed.add(trial)
            rung.out.discard(trial)
            place.rung += 1

    def _word(self, place: _Place, action: Action, trial: int | None = None, goal: int | None = None) -> OnRung:
        bracket, i = place.bracket, place.rung
        rung = bracket.rungs[i]
        rank = 0
        if trial is not None:
            rank = 1 + next(k for k, (_, _, t) in enumerate(rung.results) if t == trial)
        return OnRung(bracket.index, i, len(bracket.rungs), action, goal or rung.r, rank, len(rung.results), rung.n,
                      bracket.size(i + 1))


class Rounds:
    """What schedulers of brackets share: a round of brackets, that is run again and again."""

    __slots__ = ()

    @property
    def brackets(self) -> tuple[Bracket, ...]:
        """The brackets of one round, in their order."""
        raise NotImplementedError

    @property
    def n_trials(self) -> int:
        """Trials of one round."""
        return sum(bracket[0].n for bracket in self.brackets)

    @property
    def round_steps(self) -> int:
        """Steps of one round, if none ends by itself."""
        return sum(map(brackets.cost, self.brackets))

    def schedule(self) -> Brackets:
        """Open the books of a run."""
        table = self.brackets
        return Brackets(lambda k: table[k % len(table)], sorted({rung.r for bracket in table for rung in bracket}))


@dataclass(frozen=True, slots=True)
class SuccessiveHalving(Rounds):
    """Many configurations with few steps each; the best of them go on with more.

    Parameters
    ----------
    max_steps
        R: steps of the configurations that are never stopped.
    min_steps
        Steps after which configurations are first compared.
    eta
        Of so many configurations one is promoted, and gets so many times the steps.
    n
        Configurations that begin in a bracket; default eta^s, so that one reaches ``max_steps``.
    """

    max_steps: int
    min_steps: int = 1
    eta: int = 3
    n: int | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        brackets.check(self.max_steps, self.eta, self.min_steps)
        if self.n is not None and (isinstance(self.n, bool) or not isinstance(self.n, int) or self.n < 1):
            raise RunError(f"n must be a whole number, at least 1, got {self.n!r}.")

    @property
    def brackets(self) -> tuple[Bracket, ...]:
        """The one bracket that is repeated."""
        s = brackets.s_max(self.max_steps, self.eta, self.min_steps)
        return (brackets.rungs(self.n or self.eta**s, s, self.max_steps, self.eta),)
