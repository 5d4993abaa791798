"""``python -m workbench`` copies the notebooks and opens JupyterLab."""

import subprocess
import sys

import pytest

from workbench import __main__ as front


def test_the_notebooks_are_listed():
    done = subprocess.run([sys.executable, "-m", "workbench", "--list"], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "00_start.ipynb"


def test_notebooks_are_copied_and_changed_ones_are_kept(tmp_path):
    source = front.notebooks_folder()
    copied, kept = front.copy_notebooks(source, tmp_path)
    assert "00_start.ipynb" in copied
    assert kept == []
    (tmp_path / "00_start.ipynb").write_text("mine")
    copied, kept = front.copy_notebooks(source, tmp_path)
    assert copied == []
    assert kept == ["00_start.ipynb"]
    assert (tmp_path / "00_start.ipynb").read_text() == "mine"


def test_jupyterlab_is_opened_at_the_start_notebook_in_the_copy(tmp_path, monkeypatch):
    called = {}

    def run(command, cwd, check):
        called.update(command=command, cwd=cwd)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(front.subprocess, "run", run)
    assert front.main(["--dir", str(tmp_path / "books"), "--no-browser", "--port", "9999"]) == 0
    assert called["cwd"] == tmp_path / "books"
    assert called["command"][1:] == ["-m", "jupyterlab", "00_start.ipynb", "--no-browser", "--ServerApp.port=9999"]


def test_a_missing_jupyterlab_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(front.importlib.util, "find_spec", lambda name: None)
    assert front.main(["--dir", str(tmp_path)]) == 1
    assert "automl-workbench[lab]" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["00_start.ipynb", "04_tpe.ipynb"])
def test_the_wheel_ships_them(name):
    assert (front.notebooks_folder() / name).exists()
