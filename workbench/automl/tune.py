"""Tune a scikit-learn estimator: its default space, a cross-validated loss, and the refitted best."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from optuna.storages import BaseStorage

from workbench import api
from workbench.automl.cash import ROOT, CashObjective
from workbench.automl.cross_validation import CrossValidation
from workbench.automl.default_spaces import default_space
from workbench.automl.estimator_code import estimator_code, merged
from workbench.automl.fidelity import Fidelity, fixed_size, objective
from workbench.automl.overtuning import Overtuning, of_run
from workbench.automl.save_estimator import SavedEstimator, save_estimator
from workbench.automl.tune_code import data_code, known_data, tune_code
from workbench.errors import RunError, SpaceError
from workbench.fidelity.hyperband import EagerHyperband
from workbench.results import scheduler_code
from workbench.run import Run
from workbench.schedule import Scheduler
from workbench.search import catalogue
from workbench.space import Choice, Config, Space
from workbench.subspace import without
from workbench.task_record import About, TaskRecord, is_complete, keep, record_path
from workbench.task_similar import SimilarTasks
from workbench.trials import Trial

Judge = CrossValidation | CashObjective


class TuneRun(Run):
    """A run that tunes an estimator, or chooses one, too. Made by ``tune``.

    Attributes
    ----------
    cross_validation
        The objective: the estimator, or those to choose from, the data, the folds, and what the loss is.
    """

    cross_validation: Judge
    _asked: dict[str, Any]  # what ``tune`` was given to judge a configuration: scoring, cv, groups, fidelity, max_steps
    _fitted: tuple[Config, Any] | None = None

    @classmethod
    def of(cls, run: Run, cross_validation: Judge, asked: dict[str, Any] | None = None) -> TuneRun:
        """Turn a run of that objective into one that knows the estimator; ``asked``: how ``tune`` was told to judge."""
        run.__class__ = cls  # the same object: who holds the run already (a panel, the file's owner) holds this one
        assert isinstance(run, TuneRun)
        run.cross_validation, run._asked = cross_validation, asked or {}
        return run

    @property
    def best_estimator_(self) -> Any:
        """The estimator with the best configuration so far, fitted on all the data. Fitted once for each new best.

        Raises
        ------
        RunError
            Before any trial is complete.
        """
        config = self._best_trial().whole_config
        if self._fitted is None or self._fitted[0] != config:
            self._fitted = dict(config), self.cross_validation.fitted(config)
        return self._fitted[1]

    @property
    def best_params_(self) -> Config:
        """The best configuration so far, with what the run holds fixed."""
        return self._best_trial().whole_config

    @property
    def best_score_(self) -> float:
        """The best mean score over the folds so far, as ``scoring`` counts it."""
        loss = self._best_trial().loss
        assert loss is not None
        return self.cross_validation.score(loss)

    def child(self, space: Space | None = None, *, objective: Any = None, **options: Any) -> TuneRun:
        """Make a run in a changed or reduced space that tunes the same estimator on the same folds; see ``Run.child``.

        Raises
        ------
        SpaceError
            If the estimator has no parameter of that name.
        RunError
            If an objective is given: it belongs to the estimator and the data.
        """
        if objective is not None:
            raise RunError("a run of wb.tune keeps its objective, got objective=. wb.optimize(objective, space) takes any.")
        if isinstance(space, Space):
            _check_space(self.cross_validation, space)
        child = TuneRun.of(super().child(space, **options), self.cross_validation, self._asked)
        _describe(child)
        return child

    def save_estimator(self, path: str | Path, format: Literal["joblib", "skops"] | None = None) -> SavedEstimator:
        """Write ``best_estimator_`` to a file, and beside it a JSON file that says what it is and how to load it.

        Parameters
        ----------
        path
            Such as "model.joblib" or "model.skops".
        format
            "joblib": what scikit-learn itself brings; such a file runs code when it is loaded. "skops": only known types are
            loaded (``pip install 'automl-workbench[skops]'``). By default the file's suffix tells.

        Returns
        -------
        SavedEstimator
            Where it is, what it is, and the code that loads it.

        Raises
        ------
        RunError
            Before any trial is complete, or if the estimator cannot be written in this format.
        MissingExtra
            If skops is not installed.
        StorageError
            If the file cannot be written.
        """
        return save_estimator(self, path, format)

    def overtuning(self, X: Any, y: Any) -> Overtuning:
        """Compare what validation said of each best-so-far with what it does on a test set; only those are fitted.

        Parameters
        ----------
        X, y
            Rows that the run has not seen.

        Raises
        ------
        RunError
            Before any trial is complete.
        """
        return of_run(self, X, y)

    def facts(self) -> list[tuple[str, str]]:
        """Return what the run was set to do, as pairs of words, for reports."""
        cross = self.cross_validation
        shape = " × ".join(map(str, getattr(cross.X, "shape", (len(cross.X),))))
        some = cross.estimators if isinstance(cross, CashObjective) else {"": cross.estimator}
        words = [" ".join(f"{name} {estimator!r}".split()) for name, estimator in some.items()]
        return [("Estimator" if len(words) == 1 else "Estimators", "; ".join(words)),
                ("Data", f"{type(cross.X).__name__}, {shape}"),
                ("Judged by", f"{cross.loss}, the mean over {len(cross.folds)} folds"), *super().facts()]

    def _best_trial(self) -> Trial:
        best = self.best
        if best is None:
            why = "all trials so far failed; run.frame() shows why" if self.n_done else "no trial is complete yet"
            raise RunError(f"there is no best estimator: {why}. Start the run, or call step().")
        return best

    def _python(self) -> str:
        """Return code with the data if they are known, the best estimator, the space, and the search again."""
        best, fixed, cross = self.best, self._settings.fixed, self.cross_validation
        space = self.space if fixed is None else fixed.space
        imports, data = data_code(cross.X, cross.y)
        made: list[str] = []
        if best is not None:
            made.append(f"# trial {best.number}: {cross.loss} = {best.loss!r}")
            try:
                more, code = estimator_code(cross.made(best.whole_config))
                imports |= set(more)
                made.append(f"model = {code}")
            except RunError as error:
                made += [f"# {line}" for line in str(error).splitlines()]
                made.append(f"model = estimator.set_params(**{best.whole_config!r})  # estimator: yours")
            made += [f"model.fit(X{'' if cross.y is None else ', y'})", ""]
        needs, call = tune_code(cross, self._asked)
        algorithm = f"algorithm={catalogue.code(self.algorithm, 'wb.')}, " if catalogue.knows(self.algorithm) else ""
        search = [f"# run = wb.tune({call}, space=space, {algorithm}{scheduler_code(self.scheduler)}n_trials={self.n_trials}, "
                  f"seed={self.seed})"]
        if fixed is not None:
            search.append(f"# run = run.child(fixed={self.fixed!r})")
        lines = [*merged(imports), "", *data, "", *made, "# the search again:", "import workbench as wb", "",
                 f"space = {space!r}", *(f"# {line}" for line in merged(needs - imports)), *search]
        return "\n".join(lines).lstrip("\n") + "\n"


def tune(estimator: Any, X: Any, y: Any = None, *, space: Space | None = None, scoring: Any = None, cv: Any = 5,
         groups: Any = None, algorithm: Any = None, n_trials: int | api.Auto | None = "auto", n_workers: int = 1,
         seed: int | None = None, name: str | None = None, storage: str | BaseStorage | None = None,
         trial_timeout: float | None = None, timeout: float | None = None, resume: bool = False,
         fidelity: Fidelity | None = None, max_steps: int = 27, scheduler: Scheduler | None = None,
         warm_start: int | SimilarTasks | Sequence[Mapping[str, Any]] | None = None) -> TuneRun:
    """Make a run that tunes a scikit-learn estimator or pipeline by cross-validation, or chooses among several.

    Parameters
    ----------
    estimator
        Any scikit-learn estimator; a Pipeline's parameters are named ``step__parameter``. It is cloned, not changed. Or
        several by name, such as ``{"svc": SVC(), "tree": DecisionTreeClassifier()}``: the search chooses among them, too
        (CASH), and a parameter is named ``svc.C``.
    X, y
        The data.
    space
        The search space; the default space of the estimator if left out. What you have set in the estimator yourself
        is not in its default space.
    scoring
        Name of a scikit-learn score, or a scorer. The loss is 1 - score for scores whose best is 1, -score for others;
        by default 1 - accuracy, or 1 - R².
    cv
        Number of folds, a splitter, or a list of (train, test) rows; ``groups`` go to the splitter.
    seed
        Seed of the run, of the folds, and of the estimator's ``random_state`` where that is None. Drawn if not given.
    algorithm, n_trials, n_workers, name, storage, trial_timeout, timeout
        As for ``optimize``.
    resume
        Goes on with the run of that name, which an earlier kernel has left: same estimator, data, folds and fidelity. Its
        other settings are kept with it; ``run.configure`` changes them.
    fidelity
        Gives most configurations only a part of the training: "epochs" (``partial_fit``), "trees" (``warm_start``), or "rows",
        a share of the training rows. The best go on with more.
    max_steps
        In how many steps a whole training is cut, if there is a fidelity: so many epochs, or shares of the trees or rows.
    scheduler
        Which configurations go on; by default ``EagerHyperband(max_steps)``.
    warm_start
        What is tried first: how many configurations, such as 5, from those past tasks that are most like these data; what
        ``wb.past_tasks().similar(X, y)`` has found; or a list of configurations. With a name this run becomes a past task for
        later ones: numbers about the data are kept beside it, never a row of them.

    Returns
    -------
    TuneRun
        A run with ``best_estimator_``, ``best_params_`` and ``best_score_``.
    """
    if resume:
        return _resumed(estimator, X, y, name=name, storage=storage, scoring=scoring, cv=cv, groups=groups, fidelity=fidelity,
                        max_steps=max_steps)
    if isinstance(estimator, Mapping) and fidelity is not None:
        raise RunError(f"a fidelity is for one estimator, got {fidelity!r} and {len(estimator)} to choose from. Leave it out.")
    if fidelity is None and scheduler is not None:
        raise RunError('a scheduler needs something to give little or much of: give fidelity="rows", "epochs" or "trees".')
    seed = secrets.randbelow(2**31) if seed is None else int(seed)
    cross = _objective(estimator, X, y, fidelity, max_steps, scoring=scoring, cv=cv, groups=groups, seed=seed)
    fixed = None if isinstance(cross, CashObjective) else fixed_size(cross)
    if space is None and isinstance(cross, CashObjective):
        space = cross.space
    elif space is None:
        space = default_space(estimator)
        space = space if fixed not in space.names else without(space, [fixed])
    if isinstance(space, Space):
        _check_space(cross, space)
    if fidelity is not None and scheduler is None:
        scheduler = EagerHyperband(max_steps)
    asked = {"scoring": scoring, "cv": cv, "groups": groups, "fidelity": fidelity, "max_steps": max_steps}
    run = api.optimize(cross, space, algorithm=algorithm, n_trials=n_trials, n_workers=n_workers, seed=seed, name=name,
                       storage=storage, trial_timeout=trial_timeout, timeout=timeout, scheduler=scheduler,
                       data=_about(cross), warm_start=warm_start)
    return TuneRun.of(run, cross, asked)


def _objective(estimator: Any, X: Any, y: Any, fidelity: Fidelity | None, max_steps: int, **options: Any) -> Judge:
    if isinstance(estimator, Mapping):
        return CashObjective(estimator, X, y, **options)
    if fidelity is None:
        return CrossValidation(estimator, X, y, **options)
    return objective(estimator, X, y, fidelity, max_steps, **options)


def _resumed(estimator: Any, X: Any, y: Any, *, name: str | None, storage: str | BaseStorage | None,
             fidelity: Fidelity | None, max_steps: int, **options: Any) -> TuneRun:
    if name is None:
        raise RunError("resume=True needs the name of the run to go on with. Give name=.")
    seen = api.open(name, storage=storage)
    seed = seen.seed if seen.descent is None else seen.descent.first_seed  # all runs of a family are judged on the same folds
    cross = _objective(estimator, X, y, fidelity, max_steps, seed=seed, **options)
    asked = {**options, "fidelity": fidelity, "max_steps": max_steps}
    run = TuneRun.of(api.open(name, cross, storage=storage), cross, asked)
    _describe(run)
    return run


def _about(cross: Judge) -> About:
    """Say what the data of a run are, and what is tuned."""
    some = cross.estimators.values() if isinstance(cross, CashObjective) else [cross.estimator]
    names = ", ".join(type(estimator).__name__ for estimator in some)
    return About(cross.X, cross.y, label=lambda: known_data(cross.X, cross.y), estimator=names, metric=cross.loss)


def _describe(run: TuneRun) -> None:
    """Keep beside a run what its data are like, unless that is known already."""
    owner = run._owner
    if owner is None or not owner.held:
        return
    path, fixed = record_path(owner.journal), run._settings.fixed
    if not is_complete(path):
        keep(path, TaskRecord(run.name or "", space=run.space if fixed is None else fixed.space), _about(run.cross_validation))


def _check_space(cross: Judge, space: Space) -> None:
    """Raise SpaceError for parameters that the estimator does not have, and for what the steps set."""
    if isinstance(cross, CashObjective):
        return _check_choice(cross, space)
    _check_names(type(cross.estimator).__name__, sorted(cross.estimator.get_params(deep=True)), space)
    size = fixed_size(cross)
    if size in space.names:
        raise SpaceError(f'with fidelity="trees" the steps set {size!r}: set its full value in the estimator, and leave it '
                         "out of the space.")
    return None


def _check_choice(cross: CashObjective, space: Space) -> None:
    """Raise SpaceError for parameters that none of the estimators has, and for a choice among others."""
    known = [f"{name}.{p}" for name, estimator in cross.estimators.items() for p in sorted(estimator.get_params(deep=True))]
    _check_names("the choice", [ROOT, *known], space)
    root = space.params.get(ROOT)
    if not isinstance(root, Choice) or not set(root.options) <= set(cross.estimators):
        raise SpaceError(f"a space that chooses needs {ROOT}=wb.Choice(...) with options among {list(cross.estimators)}, got "
                         f"{root!r}.")


def _check_names(whose: str, known: list[str], space: Space) -> None:
    """Raise SpaceError for parameters that are not known."""
    for name in space.names:
        if name not in known:
            near = get_close_matches(name, known, n=3)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"It has {', '.join(known[:12])}, …"
            raise SpaceError(f"{whose} has no parameter {name!r}. {hint}")
