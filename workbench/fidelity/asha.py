"""Asynchronous successive halving, ASHA (Li, Jamieson, Rostamizadeh, Gonina, Hardt, Recht & Talwalkar 2020, Algorithm 2).

::

    get_job:  for k = K - 1, …, 1, 0:                                                          (lines 13 to 18)
                  if one of the best ⌊|rung k| / η⌋ of rung k is not yet promoted: it goes on to r_(k+1) steps
              otherwise a new configuration begins, with r_0 steps                             (lines 19 and 20)

Nobody waits for a rung to be full: a worker always finds something to do. The price is that some are promoted which a
synchronous bracket would have stopped, in the order of √n of n (section 3.3), as those that come early have few rivals.

``stop=True`` is the variant that pauses nobody: a configuration that reaches a rung goes on if it is among the best
max(⌊m/η⌋, 1) of the m that have reached it, itself included, and stops otherwise. So it can run where trials cannot be paused,
such as a plain Optuna script (``wb.Pruner``). What is stopped never comes back, and the first few of a rung go on easily.

Notation
--------
=========  ====================================================================================
r_k        steps of rung k = 0, …, K; r_0 is at least ``min_steps``, r_K = R = ``max_steps``
eta (η)    of η configurations one is promoted
m          results of a rung so far, |rung k|
=========  ====================================================================================

Differences from the paper: its early-stopping rate s is ``min_steps``, r_0 = r η^s. Steps that are no power of η are rounded down
as in ``brackets.py``. A promoted trial goes on where it stopped. One that ends by itself counts with its last loss on its
rung and, while it is among the best, on those above; a failed one as the worst. Of equals the one that began first is better.
The paper has no ``stop``; Ray Tune and Syne Tune call their stopping variants ASHA too. Ours stops what Optuna's
``SuccessiveHalvingPruner`` stops, equals apart.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.errors import RunError
from workbench.fidelity import brackets
from workbench.fidelity.words import go_on, steps
from workbench.history import Explanation
from workbench.schedule import Action, Verdict, finite


@dataclass(frozen=True, slots=True)
class OnLadder(Explanation):
    """Where a trial stands among those that have reached the same rung, and what follows.

    Attributes
    ----------
    rung
        Counted from 0.
    n_rungs
        K + 1.
    action
        As in ``Verdict``.
    goal
        Steps that the trial may run to now.
    rank
        On its rung, from 1, among ``known`` results; 0 while it has none there.
    top
        How many of the ``known`` go on.
    """

    rung: int
    n_rungs: int
    action: Action
    goal: int
    rank: int = 0
    known: int = 0
    top: int = 0

    def summary(self) -> str:
        """Say in one plain sentence where the trial stands."""
        where = f"rung {self.rung + 1} of {self.n_rungs}"
        if not self.rank:
            return f"Begins on {where}, with {steps(self.goal)}."
        place = f"{where}: rank {self.rank} of {self.known} so far"
        match self.action:
            case "go":
                return f"Promoted to {self.goal} steps from {place}; {go_on(self.top)}."
            case "stop":
                return f"Stopped on {place}; only {go_on(self.top)}."
            case "wait":
                return f"Waits on {place}; {go_on(self.top) if self.top else 'none goes on yet'}."
        return f"Finished with {steps(self.goal)} on {place}."


@dataclass(slots=True)
class _Rung:
    """What has reached a number of steps, sorted, and what went on from there."""

    r: int
    results: list[tuple[float, int, int]] = field(default_factory=list)  # (loss, seat, trial)
    there: set[int] = field(default_factory=set)
    promoted: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Place:
    seat: int  # how many began before
    rung: int = 0
    ended: float | None = None  # the last loss of a trial that ended by itself
    out: bool = False


class Ladder:
    """The books of a run: one ladder of rungs for all trials."""

    def __init__(self, budgets: Sequence[int], eta: int, *, stop: bool) -> None:
        self._rungs = [_Rung(r) for r in budgets]
        self._eta, self._stop = eta, stop
        self._places: dict[int, _Place] = {}
        self._n_begun = 0

    @property
    def budgets(self) -> tuple[int, ...]:
        """Steps at which trials are compared, ascending."""
        return tuple(rung.r for rung in self._rungs)

    def begin(self, trial: int, *, instead_of: int | None = None) -> Verdict:
        """Give a new trial its place: the lowest rung, or the rung of an interrupted one."""
        if instead_of is not None and instead_of in self._places:
            before = self._places.pop(instead_of)
            place = self._places[trial] = _Place(before.seat, before.rung)
            rung = self._rungs[place.rung]
            rung.results = [result for result in rung.results if result[-1] != instead_of]  # it will come there again
            rung.there.discard(instead_of)
        else:
            place = self._places[trial] = _Place(self._n_begun)
            self._n_begun += 1
        return Verdict(trial, "go", OnLadder(place.rung, len(self._rungs), "go", self._rungs[place.rung].r))

    def goal(self, trial: int) -> int:
        """Steps that the trial may run to."""
        return self._rungs[self._places[trial].rung].r

    def report(self, trial: int, step: int, loss: float) -> list[Verdict]:
        """Hear the loss of a step; on a rung it waits, or the rung decides.

        A trial that reports from beyond its rung has evidently gone on, whatever was said.
        """
        place = self._places[trial]
        if trial in self._rungs[place.rung].there:
            self._promote(trial)
        rung = self._rungs[place.rung]
        if step < rung.r or trial in rung.there:
            return []
        self._enter(trial, finite(loss))
        if rung is self._rungs[-1]:
            return [Verdict(trial, "finish", self._word(trial, "finish"))]
        if not self._stop:
            self._raise_ended()
            return [Verdict(trial, "wait", self._word(trial, "wait"))]
        place.out = not self._is_among_the_best(trial)
        if place.out:
            return [Verdict(trial, "stop", self._word(trial, "stop"))]
        return [self._go(trial)]

    def end(self, trial: int, loss: float | None, *, stopped: bool | None = None) -> list[Verdict]:
        """Hear that a trial has ended; by itself, then while it is among the best its last loss counts on the rungs above too."""
        place = self._places[trial]
        if place.ended is not None or place.out:
            return []
        if stopped or trial in self._rungs[place.rung].there:  # given up while it waited, or finished
            place.out = True
            return []
        place.ended = finite(loss)
        self._enter(trial, place.ended)
        self._raise_ended()
        return []

    def free(self) -> list[Verdict]:
        """Promote the best that can be, from the top rung down; otherwise a new trial shall begin."""
        if self._stop:
            return []
        for k in range(len(self._rungs) - 2, -1, -1):  # lines 13 to 18
            for trial in self._promotable(k):
                if self._places[trial].ended is None:
                    return [self._go(trial)]
        return []

    def close(self) -> list[Verdict]:
        """Hear that no further trial will begin: the others wait for nothing that could still come."""
        return []

    # ---- one rung ----------------------------------------------------------------------------------------------------

    def _enter(self, trial: int, loss: float) -> None:
        """Write a result down."""
        place = self._places[trial]
        rung = self._rungs[place.rung]
        insort(rung.results, (loss, place.seat, trial))
        rung.there.add(trial)

    def _top(self, rung: _Rung) -> int:
        """How many go on: ⌊m/η⌋, and where nobody can wait at least one."""
        return max(len(rung.results) // self._eta, int(self._stop))

    def _is_among_the_best(self, trial: int) -> bool:
        rung = self._rungs[self._places[trial].rung]
        return any(t == trial for _, _, t in rung.results[:self._top(rung)])

    def _promotable(self, k: int) -> list[int]:
        """Trials that may go on from rung k, the best first (lines 14 and 15)."""
        rung = self._rungs[k]
        best = [trial for _, _, trial in rung.results[:self._top(rung)] if trial not in rung.promoted]
        return [trial for trial in best if not self._places[trial].out]

    def _raise_ended(self) -> None:
        """Take trials that have ended by themselves up the ladder as far as they are among the best."""
        for k in range(len(self._rungs) - 1):
            for trial in self._promotable(k):
                loss = self._places[trial].ended
                if loss is not None:
                    self._promote(trial)
                    self._enter(trial, loss)

    def _promote(self, trial: int) -> None:
        """Move a trial to the next rung, if there is one."""
        place = self._places[trial]
        place.out = False
        if place.rung + 1 < len(self._rungs):
            self._rungs[place.rung].promoted.add(trial)
            place.rung += 1

    def _go(self, trial: int) -> Verdict:
        word = self._word(trial, "go", self._rungs[self._places[trial].rung + 1].r)
        self._promote(trial)
        return Verdict(trial, "go", word)

    def _word(self, trial: int, action: Action, goal: int | None = None) -> OnLadder:
        place = self._places[trial]
        rung = self._rungs[place.rung]
        rank = 1 + next(k for k, (_, _, t) in enumerate(rung.results) if t == trial)
        return OnLadder(place.rung, len(self._rungs), action, goal or rung.r, rank, len(rung.results), self._top(rung))


@dataclass(frozen=True, slots=True)
class ASHA:
    """Successive halving in which nobody waits for a rung to be full.

    Parameters
    ----------
    max_steps
        R: most steps of a configuration.
    min_steps
        Steps after which configurations are first compared.
    eta
        Of so many configurations one is promoted, and gets so many times the steps.
    stop
        Stop what is not among the best when it reaches a rung, instead of letting it wait until it is.
    """

    max_steps: int
    min_steps: int = 1
    eta: int = 3
    stop: bool = False

    def __post_init__(self) -> None:
        """Check the numbers."""
        brackets.check(self.max_steps, self.eta, self.min_steps)
        if not isinstance(self.stop, bool):
            raise RunError(f"stop must be True or False, got {self.stop!r}.")

    @property
    def n_trials(self) -> None:
        """There are no rounds."""
        return

    @property
    def only_stops(self) -> bool:
        """Whether no trial ever waits."""
        return self.stop

    def schedule(self) -> Ladder:
        """Open the books of a run."""
        s = brackets.s_max(self.max_steps, self.eta, self.min_steps)
        rungs = brackets.rungs(self.eta**s, s, self.max_steps, self.eta)
        return Ladder([rung.r for rung in rungs], self.eta, stop=self.stop)
