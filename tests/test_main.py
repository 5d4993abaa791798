"""``python -m workbench`` copies the notebooks and opens JupyterLab."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from workbench import __main__ as front

ROOT = Path(__file__).parents[1]


def test_the_notebooks_are_listed():
    done = subprocess.run([sys.executable, "-m", "workbench", "--list"], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "00_start.ipynb"


def test_notebooks_and_their_data_are_copied_and_changed_ones_are_kept(tmp_path):
    source = front.notebooks_folder()
    copied, kept = front.copy_notebooks(source, tmp_path)
    assert "00_start.ipynb" in copied
    assert "data/penguins.csv" in copied
    assert (tmp_path / "data" / "penguins.csv").read_bytes() == (source / "data" / "penguins.csv").read_bytes()
    assert kept == []
    (tmp_path / "00_start.ipynb").write_text("mine")
    copied, kept = front.copy_notebooks(source, tmp_path)
    assert copied == []
    assert kept == ["00_start.ipynb"]
    assert (tmp_path / "00_start.ipynb").read_text() == "mine"


class FakeProcess:
    """JupyterLab that is interrupted twice before it ends."""

    def __init__(self, command, cwd):
        type(self).called = {"command": command, "cwd": cwd}
        self.interrupts = 2

    def wait(self):
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        return 0


def test_jupyterlab_is_opened_at_the_start_notebook_and_an_interrupt_does_not_kill_it(tmp_path, monkeypatch):
    monkeypatch.setattr(front.subprocess, "Popen", FakeProcess)
    assert front.main(["--dir", str(tmp_path / "books"), "--no-browser", "--port", "9999", "--allow-root"]) == 0
    assert FakeProcess.called["cwd"] == tmp_path / "books"
    assert FakeProcess.called["command"][1:] == ["-m", "jupyterlab", "00_start.ipynb", "--no-browser",
                                                 "--ServerApp.port=9999", "--allow-root"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert front.main(["--dir", str(tmp_path / "file")]) == 1
    assert "Choose another folder with --dir" in capsys.readouterr().out


def test_a_missing_jupyterlab_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(front.importlib.util, "find_spec", lambda name: None)
    assert front.main(["--dir", str(tmp_path)]) == 1
    assert "automl-workbench[lab]" in capsys.readouterr().out


def test_the_wheel_ships_notebooks_styles_and_scripts(tmp_path):
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=ROOT, check=True,
                   capture_output=True, timeout=120)
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"workbench/_notebooks/{path.name}" in names
    assert {"workbench/_notebooks/data/penguins.csv", "workbench/_notebooks/data/README.md"} <= names
    assert {"workbench/py.typed", "workbench/nas/nano_table.npz"} <= names
    widgets = ROOT / "widgets"
    for path in widgets.rglob("*"):
        if path.suffix in (".js", ".css", ".py") and "__pycache__" not in path.parts:
            assert path.relative_to(widgets).as_posix() in names
    assert not [n for n in names if n.startswith(("tests/", "binder/"))]
