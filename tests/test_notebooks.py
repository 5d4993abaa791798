"""Every notebook runs from top to bottom within a minute, its exercises can be solved, and it is kept without outputs."""

import re
import resource
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SOLUTION = re.compile(r"<details>.*?```python\n(.*?)```|<details>.*?`([^`]+)`", re.DOTALL)


def solved(book):
    """For every exercise (the cell before a folded solution) a cell more: the same with the solution in it."""
    cells = []
    for before, cell in zip(book.cells, book.cells[1:], strict=False):
        if cell.cell_type == "markdown" and (found := SOLUTION.search(cell.source)):
            assert "\ncheck(" in before.source
            start, end = before.source.split("\ncheck(")
            cells.append(nbformat.v4.new_code_cell(f"{start}\n{found[1] or found[2]}\ncheck({end}"))
    return cells


def texts(cell):
    return "\n".join(o.get("text", "") + str(o.get("data", {}).get("text/plain", "")) for o in cell.outputs)


def test_the_chapters_are_there():
    assert [p.stem for p in NOTEBOOKS] == ["00_start", "01_search_spaces", "02_gaussian_process",
                                           "03_bayesian_optimisation", "04_tpe", "05_grid_and_random",
                                           "06_surrogates", "07_cma_es_and_evolution", "08_conditional_spaces_and_cash",
                                           "09_you_are_the_optimiser", "10_which_optimiser", "11_learning_curves", "12_multi_fidelity",
                                           "13_successive_halving", "14_hyperband", "15_bohb", "16_importance", "17_compare_and_export",
                                           "18_hypergradients",
                                           "20_nas_spaces", "21_rl_evolution_random", "22_nas_surrogates",
                                           "23_network_morphism", "24_one_shot", "25_darts", "26_reading_the_tables",
                                           "30_top_k_and_portfolios", "31_space_design", "32_meta_features_and_neighbours", "33_collaborative_filtering",
                                           "34_transfer_and_few_shot", "35_maml", "36_overtuning",
                                           "40_data_scientist"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_runs_from_top_to_bottom_and_its_exercises_can_be_solved(path, tmp_path, monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # one core; OpenMP's threads would spin against whatever else runs
    book = nbformat.read(path, as_version=4)
    exercises = [c for c in book.cells if c.cell_type == "code" and "\ncheck(" in c.source]
    solutions = solved(book)
    assert len(solutions) == len(exercises)
    book.cells += solutions
    shutil.copytree(FOLDER / "data", tmp_path / "data")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    NotebookClient(book, timeout=300, kernel_name="python3", store_widget_state=False,
                   resources={"metadata": {"path": str(tmp_path)}}).execute()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)  # of the kernel, which has ended by now
    assert 0.5 < after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60
    assert "widgets" not in book.metadata
    assert not [o for c in book.cells if c.cell_type == "code" for o in c.outputs if o.output_type == "error"]
    for cell in exercises:
        assert "Right" not in texts(cell)  # nobody has answered yet
    for cell in solutions:
        assert "Right. " in texts(cell)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_is_kept_without_outputs_and_widget_state(path):
    book = nbformat.read(path, as_version=4)
    assert "widgets" not in book.metadata
    for cell in book.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_its_links_lead_somewhere(path):
    book = nbformat.read(path, as_version=4)
    text = "\n".join(c.source for c in book.cells if c.cell_type == "markdown")
    headings = {h.strip().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert target[1:] in headings if target.startswith("#") else (FOLDER / target).exists()
