"""What a run has learnt about its parameters: importance, tunability, the ablation path, importance around one trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from workbench.errors import RunError, WorkbenchError
from workbench.space import Config, Space
from workbench.trials import Trials

if TYPE_CHECKING:
    from workbench.evidence import Evidence
    from workbench.importance.ablation import Ablation
    from workbench.importance.fanova import Fanova
    from workbench.importance.local import LocalImportance
    from workbench.importance.tunability import Tunability
    from workbench.optuna_importance import PedAnova

T = TypeVar("T")


class Insight:
    """The questions that a run can answer about its parameters.

    All of them take the losses of ``run.trials``, and share two arguments:

    loss
        In a run of several losses, which: its name, or its place from 0.
    budget
        Take the losses after so many steps, of the trials that got there. If not given, the final losses are taken as long as no
        trial was stopped early; otherwise those at the largest budget that enough trials have reached (20, or 3 for each
        parameter). The result's ``quantity`` says which.

    A failed trial counts as the worst loss there is; fANOVA and PED-ANOVA leave it out. With fewer than 10 finite losses they
    raise RunError.
    """

    @property
    def space(self) -> Space | None:
        """The search space."""
        raise NotImplementedError

    @property
    def trials(self) -> Trials:
        """The trials so far."""
        raise NotImplementedError

    @overload
    def importance(self, kind: Literal["fanova"] = ..., *, loss: int | str | None = ..., budget: int | None = ...,
                   n_trees: int = ..., seed: int = ..., quantile: float = ...) -> Fanova: ...
    @overload
    def importance(self, kind: Literal["ped_anova"], *, loss: int | str | None = ..., budget: int | None = ...,
                   n_trees: int = ..., seed: int = ..., quantile: float = ...) -> PedAnova: ...

    def importance(self, kind: str = "fanova", *, loss: int | str | None = None, budget: int | None = None, n_trees: int = 64,
                   seed: int = 0, quantile: float = 0.1) -> Any:
        """Say how much each parameter matters.

        Parameters
        ----------
        kind
            ``"fanova"``: which share of the variance of the loss over the whole space a parameter, or a pair, explains.
            ``"ped_anova"``: which parameters set the best trials apart from all, by Optuna; takes milliseconds.
        loss, budget
            Which losses (see ``Insight``).
        n_trees, seed
            Of fANOVA's forest.
        quantile
            Share of the trials that PED-ANOVA calls the best.
        """
        if kind not in ("fanova", "ped_anova"):
            raise RunError(f"importance is of the kind 'fanova' or 'ped_anova', got {kind!r}.")
        seen = self._evidence(loss, budget)
        if kind == "ped_anova":
            from workbench.optuna_importance import ped_anova

            return _asked(lambda: ped_anova(seen.space, seen.x, seen.y, quantile=quantile, quantity=seen.quantity))
        from workbench.importance.fanova import fanova

        return _asked(lambda: fanova(seen.space, seen.x, seen.y, n_trees=n_trees, seed=seed, quantity=seen.quantity))

    def tunability(self, default: Config | int | None = None, *, loss: int | str | None = None, budget: int | None = None,
                   pairs: bool = True, n_trees: int = 64, seed: int = 0) -> Tunability:
        """Say what tuning gains over the default: each parameter alone, every two, and all together.

        Parameters
        ----------
        default
            What is tuned: a configuration, a trial's number, or the space's default if not given.
        loss, budget
            Which losses (see ``Insight``).
        pairs
            Tune every two parameters too; it takes most of the time.
        """
        from workbench.evidence import config_of
        from workbench.importance.tunability import Task, tunability

        seen = self._evidence(loss, budget)
        config = None if default is None else config_of(self.trials, seen.space, default)[0]
        task = Task(seen.space, seen.x, seen.y)
        return _asked(lambda: tunability(task, default=config, pairs=pairs, n_trees=n_trees, seed=seed, quantity=seen.quantity))

    def ablation(self, start: Config | int | None = None, end: Config | int | None = None, *, backwards: bool = False,
                 loss: int | str | None = None, budget: int | None = None, n_trees: int = 64, seed: int = 0) -> Ablation:
        """Find which changes lead from the default to the best trial, one after the other, the most helpful first.

        Parameters
        ----------
        start, end
            Configurations or numbers of trials; the space's default, and the trial with the least loss, if not given.
        backwards
            Go from the end to the start: the change that hurts least comes first.
        loss, budget
            Which losses (see ``Insight``).
        """
        from workbench.evidence import config_of
        from workbench.importance.ablation import ablation

        seen = self._evidence(loss, budget)
        first = (seen.space.default(), "the default") if start is None else config_of(self.trials, seen.space, start)
        last = config_of(self.trials, seen.space, seen.best if end is None else end)
        names = first[1], f"{last[1]} (best)" if end is None else last[1]
        return _asked(lambda: ablation(seen.space, seen.x, seen.y, start=first[0], end=last[0], names=names, backwards=backwards,
                                       n_trees=n_trees, seed=seed, quantity=seen.quantity))

    def local_importance(self, at: Config | int | None = None, *, loss: int | str | None = None, budget: int | None = None,
                         n_trees: int = 64, seed: int = 0) -> LocalImportance:
        """Say how much each parameter matters around one configuration, the others held.

        Parameters
        ----------
        at
            A configuration or a trial's number; the trial with the least loss if not given.
        loss, budget
            Which losses (see ``Insight``).
        """
        from workbench.evidence import config_of
        from workbench.importance.local import local_importance

        seen = self._evidence(loss, budget)
        config, name = config_of(self.trials, seen.space, seen.best if at is None else at)
        return _asked(lambda: local_importance(seen.space, seen.x, seen.y, config=config, name=name, n_trees=n_trees, seed=seed,
                                               quantity=seen.quantity))

    def _evidence(self, loss: int | str | None, budget: int | None) -> Evidence:
        from workbench.evidence import evidence

        space = self.space
        if space is None:
            raise RunError("there is no space yet: an Optuna objective makes it as it goes. Wait for the first trial.")
        return evidence(self.trials, space, loss=loss, budget=budget)


def _asked(ask: Callable[[], T]) -> T:
    """Say as a run's error what the numbers do not allow."""
    try:
        return ask()
    except WorkbenchError:
        raise
    except ValueError as error:
        raise RunError(str(error)) from error
