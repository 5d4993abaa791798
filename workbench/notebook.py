"""The one door from the core to the notebook side: opened when something is displayed, never by an import."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from workbench.errors import MissingExtra

MISSING = {"workbench_widgets", "ipywidgets", "anywidget", "traitlets"}


class Shown(Protocol):
    """Something with a static form, for places without widgets."""

    def _repr_html_(self) -> str: ...


def mimebundle(thing: Shown, panel: str, **kwargs: Any) -> Any:
    """Return the live panel ``workbench_widgets.<panel>`` of a thing; its static form where the notebook side is missing."""
    try:
        module = import_module(f"workbench_widgets.{panel}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in MISSING:
            raise
        return {"text/plain": repr(thing), "text/html": thing._repr_html_()}
    return module.show(thing, **kwargs)


def Workbench(data: Any = None, target: str | None = None, *, objective: Any = None, space: Any = None,
              **settings: Any) -> Any:
    """Make the application: choose data, a space and an algorithm, start, and watch; in one cell, without writing code.

    Everything can be chosen in it; what is given here is chosen already.

    Parameters
    ----------
    data
        A DataFrame; an array of two dimensions, or ``(X, y)``; the name of an example set, such as ``"wine"``; the path of a
        CSV file.
    target
        The column to predict.
    objective
        Instead of data: an objective of your own, as for ``optimize``, or its name in the notebook.
    space
        The search space; a default space for estimators if not given.
    **settings
        What else a ``workbench.automl.recipe.Recipe`` holds: ``estimator="SVC"``, ``metric``, ``folds``, ``algorithm``,
        ``fidelity``, ``scheduler``, ``n_trials``, ``timeout``, ``workers``, ``seed``, ``name``.

    Returns
    -------
    workbench_widgets.workbench.Workbench
        A widget with ``run`` (the run that is shown), ``runs`` (all of them by label), ``recipe`` and ``close()``.

    Raises
    ------
    MissingExtra
        If the notebook side is not installed. ``optimize`` and ``tune`` do without it.
    """
    module = _opened("workbench", "wb.tune and wb.optimize do the same in code")
    return module.make(data, target, objective=objective, space=space, **settings)


def lab(**settings: Any) -> Any:
    """Make the lab of architecture search: choose space, strategy, data and seed, start, and watch, without writing code.

    Everything can be chosen in it; what is given here is chosen already.

    Parameters
    ----------
    **settings
        What a ``workbench.nas_plan.Plan`` holds: ``strategy="ENAS"``, ``space="nano"``, ``data="MNIST-1D"``, ``length=20``,
        ``seed=1``.

    Returns
    -------
    workbench_widgets.nas_lab.NasLab
        A widget with ``run`` (the search that is shown), ``runs`` and ``close()``.

    Raises
    ------
    MissingExtra
        If the notebook side is not installed. ``wb.nas.search`` does without it.
    """
    module = _opened("nas_lab", "wb.nas.search does the same in code")
    return module.make(**settings)


def _opened(name: str, instead: str) -> Any:
    """Import a module of the notebook side; MissingExtra with what does the same if it cannot be."""
    try:
        return import_module(f"workbench_widgets.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in MISSING | {"IPython"}:
            raise
        raise MissingExtra(f"the application needs {error.name}, which is not installed here: pip install ipywidgets anywidget. "
                           f"Without it, {instead}.") from error
