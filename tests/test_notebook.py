"""What is displayed is a live panel, or its static form where the notebook side is missing."""

import importlib

import pytest

import workbench as wb
from workbench import notebook

SPACE = wb.Space(x=wb.Float(0, 1))


def things():
    yield wb.optimize(lambda c: c["x"], SPACE, n_trials=3), "run_panel"
    yield wb.race(lambda c: c["x"], {"random": wb.Random()}, space=SPACE, n_trials=3, seeds=2), "race_panel"


@pytest.mark.parametrize("missing", ["anywidget", "ipywidgets", "workbench_widgets"])
def test_without_the_notebook_side_the_static_form_is_shown(missing, monkeypatch):
    def gone(name):
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr(notebook, "import_module", gone)
    for thing, _ in things():
        bundle = thing._repr_mimebundle_()
        assert bundle == {"text/plain": repr(thing), "text/html": thing._repr_html_()}


def test_another_missing_module_is_an_error(monkeypatch):
    def gone(name):
        raise ModuleNotFoundError("No module named 'plotly'", name="plotly")

    monkeypatch.setattr(notebook, "import_module", gone)
    for thing, _ in things():
        with pytest.raises(ModuleNotFoundError, match="plotly"):
            thing._repr_mimebundle_()


def test_with_it_the_same_panel_is_shown_again():
    for thing, module in things():
        first, again = (thing._repr_mimebundle_()[0] for _ in range(2))
        assert first["application/vnd.jupyter.widget-view+json"] == again["application/vnd.jupyter.widget-view+json"]
        assert importlib.import_module(f"workbench_widgets.{module}")
