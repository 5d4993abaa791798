"""Optuna's own test suites over every algorithm, through the one bridge."""

import warnings

import optuna
import pytest
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)

import workbench as wb

# a grid is soon finished, and says so
pytestmark = pytest.mark.filterwarnings("ignore:The grid is finished")

ALGORITHMS = {
    "Random": wb.Random(),
    "Grid": wb.Grid(k=5),
    "FinerGrid": wb.Grid(k=3, refine=True),
    "Sobol": wb.QuasiRandom(),
    "Halton": wb.QuasiRandom("halton"),
    # few start-up trials: the suites tell few trials, and the models should be met too
    "TPE": wb.TPE(n_startup=2),
    "BOHB": wb.BOHB(rho=0.1),
    "Fabolas": wb.Fabolas(share=None, n_startup=2),  # the suites' spaces have no share of the data
    "OneScale": wb.OneScale(wb.TPE(n_startup=2)),
    "WarmStart": wb.WarmStart(wb.TPE(n_startup=2), [{"x": 0.5}, {"y": 0.5}]),
    "CMAES": wb.CMAES(population=4),
    "Genetic": wb.Genetic(population_size=2),
    "NSGA2": wb.NSGA2(population_size=2),
    "EHVI": wb.EHVI(n_startup=2),
    "DifferentialEvolution": wb.DifferentialEvolution(population_size=4),
    "ParticleSwarm": wb.ParticleSwarm(swarm_size=2),
    "GPBO": wb.GPBO(n_startup=2),
    "RFBO": wb.RFBO(n_startup=2),
    "ArcGP": wb.nas.ArcGP(n_startup=2),
    "PredictorSearch": wb.nas.PredictorSearch(n_startup=2, every=1),
    "LSTMs": wb.nas.PredictorSearch("rnn", n_startup=2, every=5),
    "NAO": wb.nas.NAO(n_startup=2, hidden=6, fit_steps=5, most_steps=4),
    "DNGO": wb.DNGO(n_startup=2, n_networks=2, steps=10),
    "BOHAMIANN": wb.BOHAMIANN(n_startup=2, n_steps=20, n_chains=2),
    "LatentBO": wb.LatentBO(n_startup=2, steps=10),
    "RegularizedEvolution": wb.nas.RegularizedEvolution(population=2),
    "RandomCells": wb.nas.RandomCells(),
    "Reinforce": wb.nas.Reinforce(),
    "Controller": wb.nas.Controller(hidden=6, layers=1),
}


SEVERAL = [name for name, a in ALGORITHMS.items() if getattr(a, "several_losses", False)]


class Quiet:
    @pytest.fixture
    def sampler(self, request):
        return lambda: wb.Sampler(ALGORITHMS[request.param], seed=0)

    @pytest.fixture(autouse=True)
    def _quiet(self):
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            # the suites ask for more trials than some grids have points; the bridge says so and starts over
            warnings.filterwarnings("ignore", message=".*points of the grid have been tried.*")
            yield
        optuna.logging.set_verbosity(before)


@pytest.mark.parametrize("sampler", list(ALGORITHMS), indirect=True)
class TestEveryAlgorithmPassesOptunasSuites(Quiet, BasicSamplerTestCase, RelativeSamplerTestCase):
    pass


@pytest.mark.parametrize("sampler", [name for name in ALGORITHMS if name not in SEVERAL], indirect=True)
class TestSearchesForOneLossRefuseSeveral(Quiet, SingleOnlySamplerTestCase):
    pass


@pytest.mark.parametrize("sampler", SEVERAL, indirect=True)
class TestSearchesForSeveralLossesPassOptunasSuite(Quiet, MultiObjectiveSamplerTestCase):
    pass
