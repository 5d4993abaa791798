"""A search for an architecture that is yet to be made, as plain data: what can be chosen, what goes together, the code of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import Any

from workbench import nas
from workbench.errors import RunError
from workbench.nas.cells import NANO, NASBENCH201, CellSpace
from workbench.nas_search import N_TRIALS, search
from workbench.run import Run
from workbench.search import catalogue
from workbench.step_run import StepRun

SPACES: dict[str, tuple[str, CellSpace]] = {"nano": ("NANO", NANO), "NAS-Bench-201": ("NASBENCH201", NASBENCH201)}
LOOK_UP = "the table (nothing is trained)"
DATA = {"MNIST-1D": "mnist1d()", "digits": "digits()"}
STEPPING: dict[str, tuple[str, dict[str, Any]]] = {
    "DARTS · first order": ("DARTS", {}),
    "DARTS · second order": ("DARTS", {"order": 2}),
    "GDAS": ("GDAS", {}),
    "SNAS": ("SNAS", {}),
    "ProxylessNAS": ("ProxylessNAS", {}),
    "ENAS": ("ENAS", {}),
    "Path dropout (one-shot)": ("PathDropout", {}),
    "Random search, shared weights": ("RandomWeightSharing", {}),
    "SMASH": ("SMASH", {}),
    "Lamarckian evolution": ("Lamarckian", {}),
    "Hill climbing by morphisms": ("HillClimbing", {}),
}
LENGTHS = {"Lamarckian": "children", "HillClimbing": "climbs"}  # what a longer search has more of; the others: epochs
TRIALS = "architectures"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is chosen.

    Attributes
    ----------
    space
        A key of ``SPACES``.
    strategy
        A key of ``STEPPING``, or the label of an algorithm.
    data
        A key of ``DATA``, or ``LOOK_UP``.
    length
        Epochs, or whatever the strategy counts; its own default if None.
    seed
        Of the search.
    """

    space: str = "nano"
    strategy: str = "DARTS · first order"
    data: str = "MNIST-1D"
    length: int | None = None
    seed: int = 0

    @property
    def steps(self) -> bool:
        """Whether the strategy takes steps."""
        return self.strategy in STEPPING

    @property
    def cells(self) -> CellSpace:
        """The space of cells."""
        return SPACES[self.space][1]

    # ---- what can be chosen ------------------------------------------------------------------------------------------

    def strategies(self) -> dict[str, list[str]]:
        """Name what can search, by kind; without torch nothing that trains a network for all."""
        stepping = list(STEPPING) if catalogue.has_torch() else []
        return {"one network for all, step by step": stepping,
                "one architecture after the other": catalogue.offered(self.cells.space)}

    def data_sets(self) -> list[str]:
        """Name what it can search on: a table only for algorithms, and where there is one."""
        train = list(DATA) if catalogue.has_torch() else []
        return train if self.steps else [*([LOOK_UP] if self.cells == NANO else []), *train]

    @property
    def counts(self) -> str:
        """What ``length`` counts."""
        return LENGTHS.get(STEPPING[self.strategy][0], "epochs") if self.steps else TRIALS

    @property
    def own_length(self) -> int:
        """The length that is meant if none is given."""
        return int(getattr(self._plain(), self.counts)) if self.steps else N_TRIALS

    def fitting(self) -> Plan:
        """Return the nearest plan whose parts go together.

        Raises
        ------
        RunError
            If a part is none of those that can be chosen.
        """
        if self.space not in SPACES:
            raise RunError(f"the space is one of {', '.join(SPACES)}, got {self.space!r}.")
        if not any(self.strategy in names for names in self.strategies().values()):
            raise RunError(f"{self.strategy!r} cannot search {self.space}. Choose one of the list.")
        for what, value, least in (("length", self.length, 1), ("seed", self.seed, 0)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise RunError(f"{self.counts if what == 'length' else what} must be a whole number of at least {least}, "
                               f"got {value!r}.")
        sets = self.data_sets()
        if not sets:
            raise RunError("training networks needs torch, which is not installed: pip install \"automl-workbench[nas]\". "
                           "Algorithms can look results up in the table of the nano space.")
        return self if self.data in sets else replace(self, data=sets[0])

    # ---- what comes of it --------------------------------------------------------------------------------------------

    def _plain(self) -> Any:
        name, settings = STEPPING[self.strategy]
        return getattr(nas, name)(**settings)

    def made(self) -> Any:
        """Return the strategy or the algorithm."""
        if not self.steps:
            return catalogue.LABELLED[self.strategy]
        plain = self._plain()
        return plain if self.length is None else dataclasses.replace(plain, **{self.counts: self.length})

    def search(self) -> Run | StepRun:
        """Make the search; it waits for its start."""
        data = None if self.data == LOOK_UP else getattr(nas, DATA[self.data].removesuffix("()"))()
        n_trials = self.length or N_TRIALS
        made: Run | StepRun = search(self.made(), data, cells=self.cells, seed=self.seed, n_trials=n_trials)
        return made

    def code(self) -> str:
        """Write the same search as Python."""
        if self.steps:
            name, settings = STEPPING[self.strategy]
            more = settings if self.length is None else {**settings, self.counts: self.length}
            strategy = f"wb.nas.{name}({', '.join(f'{k}={v!r}' for k, v in more.items())})"
        else:
            strategy = catalogue.code(self.made(), "wb.")
        given = ["wb.nas.nano_table()" if self.data == LOOK_UP else f"wb.nas.{DATA[self.data]}"]
        if self.space != "nano":
            given.append(f"cells=wb.nas.{SPACES[self.space][0]}")
        if not self.steps:
            given.append(f"n_trials={self.length or N_TRIALS}")
        return f"run = wb.nas.search({', '.join([strategy, *given, f'seed={self.seed}'])})"


__all__ = ["DATA", "LOOK_UP", "SPACES", "STEPPING", "Plan"]
