"""``python -m workbench``: copies the notebooks and their data beside you and opens JupyterLab at the first."""

from __future__ import annotations

import argparse
import filecmp
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = "automl-workbench-notebooks"
START = "00_start.ipynb"


def notebooks_folder() -> Path:
    """Where the notebooks lie: in the installed package, or in the repository beside it."""
    here = Path(__file__).parent
    for folder in (here / "_notebooks", here.parent / "notebooks"):
        if (folder / START).exists():
            return folder
    raise FileNotFoundError("the notebooks did not come with this installation. Install the package again: "
                            "pip install --force-reinstall automl-workbench")


def copy_notebooks(source: Path, target: Path) -> tuple[list[str], list[str]]:
    """Copy the notebooks and their data; files that you have changed are left alone. Returns names (copied, kept)."""
    target.mkdir(parents=True, exist_ok=True)
    copied, kept = [], []
    for path in sorted(p for p in [*source.glob("*.ipynb"), *source.glob("data/*")] if p.is_file()):
        name = path.relative_to(source).as_posix()
        there = target / name
        if not there.exists():
            there.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, there)
            copied.append(name)
        elif not filecmp.cmp(path, there, shallow=False):
            kept.append(name)
    return copied, kept


def main(argv: Sequence[str] | None = None) -> int:
    """Copy, then open JupyterLab; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m workbench", description=__doc__,
                                     epilog="All other options are handed to JupyterLab.")
    parser.add_argument("--dir", type=Path, default=Path(FOLDER), help=f"where to copy the notebooks (default: ./{FOLDER})")
    parser.add_argument("--list", action="store_true", help="only list the notebooks")
    parser.add_argument("--no-browser", action="store_true", help="start the server, open no browser")
    parser.add_argument("--port", type=int, help="port of the server")
    options, more = parser.parse_known_args(argv)
    say = sys.stdout.write
    source = notebooks_folder()
    if options.list:
        say("".join(f"{p.name}\n" for p in sorted(source.glob("*.ipynb"))))
        return 0
    try:
        copied, kept = copy_notebooks(source, options.dir)
    except OSError as error:
        say(f"The notebooks cannot be copied to {options.dir}: {error}. Choose another folder with --dir.\n")
        return 1
    say(f"{len(copied)} files copied to {options.dir}" + (f"; changed by you and kept: {', '.join(kept)}" if kept else "")
        + "\n")
    if importlib.util.find_spec("jupyterlab") is None:
        say('JupyterLab is not installed. Install it with: pip install "automl-workbench[lab]"\n')
        return 1
    command = [sys.executable, "-m", "jupyterlab", START]
    command += ["--no-browser"] if options.no_browser else []
    command += [f"--ServerApp.port={options.port}"] if options.port else []
    return _run([*command, *more], options.dir)


def _run(command: Sequence[str], folder: Path) -> int:
    """Run until it ends. Ctrl-C reaches JupyterLab too, which asks and shuts down by itself: it is not killed here."""
    process = subprocess.Popen(command, cwd=folder)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    raise SystemExit(main())
