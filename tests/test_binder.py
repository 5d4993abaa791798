"""The Binder folder: what repo2docker makes of it, and the traps that it does not see."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"


def test_repo2docker_makes_a_dockerfile_of_it(tmp_path):
    pytest.importorskip("repo2docker", reason="jupyter-repo2docker is not installed")
    shutil.copytree(BINDER, tmp_path / "binder")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    done = subprocess.run([sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(tmp_path)],
                          capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "environment.yml" in said
    assert "postBuild" in said


def test_the_environment_names_python_and_a_kernel_that_can_update_widgets_from_threads():
    text = (BINDER / "environment.yml").read_text()
    assert re.search(r"python=3\.1[2-4]", text)
    assert "ipykernel>=7.1" in text
    assert "pytorch-cpu" in text


def test_scripts_stop_at_the_first_error_install_the_package_and_hand_over():
    build, start = (BINDER / "postBuild").read_text(), (BINDER / "start").read_text()
    assert "set -euxo pipefail" in build
    assert re.search(r'pip install .*"\.(\[lab\])?"', build)
    assert start.rstrip().endswith('exec "$@"')
    for name in ("postBuild", "start"):
        assert (BINDER / name).stat().st_mode & 0o100, f"{name} must be executable"
    json.loads((BINDER / "overrides.json").read_text())
