"""Algorithms by name: labels, JSON and code that make them again."""

import json
from dataclasses import dataclass

import optuna
import pytest

import workbench as wb
from workbench.errors import StorageError
from workbench.search import catalogue

CHANGED = [wb.GPBO(acquisition="ei", prior={"lr": (1e-4, 1e-2), "optimizer": {"sgd": 7, "adam": 3}}), wb.GPBO(noise=0.1),
           wb.OneScale(wb.TPE(gamma=0.2)), wb.TPE(gamma=0.2, prior={"lr": 1e-3}), wb.RFBO(n_trees=10), wb.Grid(k=4, refine=True), wb.QuasiRandom("halton"),
           wb.WarmStart(wb.GPBO(acquisition="ei"), [{"lr": 0.1, "c": None}, {"lr": 0.2, "c": True}], why=["best there", "2nd best"])]


@dataclass(frozen=True)
class GPBO:
    """Somebody's own algorithm that is called like one of ours."""

    acquisition: str = "mine"

    def suggest(self, history, rng):
        """Choose."""


@pytest.mark.parametrize("algorithm", [*catalogue.LABELLED.values(), *CHANGED], ids=catalogue.code)
def test_code_and_json_make_an_algorithm_again(algorithm):
    assert eval(catalogue.code(algorithm, "wb."), {"wb": wb}) == algorithm
    assert catalogue.from_json(json.loads(json.dumps(catalogue.to_json(algorithm)))) == algorithm


@pytest.mark.parametrize("cls", [cls for cls in catalogue.ALGORITHMS.values() if not catalogue.needs_another(cls)])
def test_only_what_differs_from_the_defaults_is_written(cls):
    assert catalogue.code(cls()) == f"{cls.__name__}()"
    assert catalogue.to_json(cls()) == {"type": cls.__name__}


def test_a_label_is_a_name_or_the_code_or_says_whose_it_is():
    assert catalogue.label(wb.GPBO(acquisition="ei")) == "GP-BO · EI"
    assert catalogue.label(wb.GPBO(beta=3.0)) == "GPBO(beta=3.0)"
    assert catalogue.label(GPBO()) == "GPBO"
    assert catalogue.label(wb.WarmStart(wb.TPE(), [{"x": 0.5}])) == "TPE, after 1 given"
    assert catalogue.label(optuna.samplers.RandomSampler()) == "Optuna's RandomSampler"


def test_what_is_only_called_like_one_of_ours_is_not_written_as_ours():
    assert not catalogue.knows(GPBO())
    assert not catalogue.knows(wb.OneScale(GPBO()))
    assert catalogue.label(wb.OneScale(GPBO())) == "OneScale(algorithm=GPBO(acquisition='mine'))"
    assert catalogue.from_json(catalogue.to_json(wb.OneScale(GPBO()))) is None
    assert catalogue.to_json(GPBO()) == {"type": "GPBO", "foreign": True}
    assert catalogue.from_json({"type": "GPBO", "foreign": True}) is None


@pytest.mark.parametrize("data", [{"type": "Oracle"}, {"type": "GPBO", "acquisition": "luck"}, {"type": "GPBO", "depth": 3},
                                  {}, "GPBO"])
def test_what_makes_no_algorithm_is_refused(data):
    with pytest.raises(StorageError):
        catalogue.from_json(data)


# ---- what a panel offers ---------------------------------------------------------------------------------------------


def test_a_panel_offers_what_makes_sense_for_the_run():
    space = wb.Space(x=wb.Float(0, 1))
    one, two = catalogue.offered(space), catalogue.offered(space, n_losses=2)
    assert "GP-BO · log-EI" in one
    assert not {"BOHB", "TPE · all budgets", "NSGA-II", "FABOLAS"} & set(one)
    assert set(two) == {"NSGA-II", "GP · expected hypervolume", "Random", "Sobol", "Halton"}
    assert {"BOHB", "TPE · all budgets", "TPE"} <= set(catalogue.offered(space, scheduled=True))
    assert "FABOLAS" in catalogue.offered(wb.Space(x=wb.Float(0, 1), share=wb.Float(0.1, 1)))


def test_what_needs_torch_is_not_offered_without_it(monkeypatch):
    monkeypatch.setattr(catalogue, "has_torch", lambda: False)
    assert not [text for text in catalogue.offered(wb.Space(x=wb.Float(0, 1))) if "DNGO" in text or "BOHAMIANN" in text]
