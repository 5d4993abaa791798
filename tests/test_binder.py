"""The Binder folder: what repo2docker makes of it, and the traps that it does not see."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"


def environment():
    """The conda requirements, without the packages that pip would install."""
    data = yaml.safe_load((BINDER / "environment.yml").read_text())
    return data["channels"], [Requirement(re.sub(r"(?<![<>=!])=(?!=)", "==", d)) for d in data["dependencies"]]


def test_repo2docker_makes_a_dockerfile_that_does_everything_in_order(tmp_path):
    pytest.importorskip("repo2docker", reason="jupyter-repo2docker is not installed")
    shutil.copytree(BINDER, tmp_path / "binder")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    done = subprocess.run([sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(tmp_path)],
                          capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "conda environment for python=3.12" in said  # not the base image's default, which is too old
    steps = [r'env update .*--file "binder/environment.yml"', r"COPY .* src/ \$\{REPO_DIR\}/", r"RUN ./binder/postBuild",
             r'R2D_ENTRYPOINT="\$\{REPO_DIR\}/binder/start"']
    at = [re.search(step, said) for step in steps]
    assert all(at), steps
    assert [m.start() for m in at] == sorted(m.start() for m in at)


def test_there_is_one_folder_of_settings():
    """With two repo2docker stops; with a binder folder it ignores settings at the top, which would mislead."""
    for name in (".binder", "environment.yml", "requirements.txt", "runtime.txt", "postBuild", "start", "apt.txt"):
        assert not (ROOT / name).exists()


def test_python_is_named_and_is_one_that_the_package_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    _, requirements = environment()
    [python] = [r for r in requirements if r.name == "python"]
    [version] = python.specifier
    assert version.version in SpecifierSet(project["requires-python"])


def test_the_kernel_can_update_widgets_from_threads_and_torch_comes_without_cuda():
    channels, requirements = environment()
    [kernel] = [r for r in requirements if r.name == "ipykernel"]
    assert "7.0.1" not in kernel.specifier  # frozen in the base image; it loses the updates
    assert "7.4.0" in kernel.specifier
    names = {r.name for r in requirements}
    assert "pytorch-cpu" in names
    assert "pip" in names  # or conda's solver leaves it out
    assert channels == ["conda-forge", "nodefaults"]


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_scripts_are_executable_and_well_formed(name):
    path = BINDER / name
    assert path.read_text().startswith("#!")
    assert path.stat().st_mode & 0o100
    assert b"\r" not in path.read_bytes()
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_the_build_stops_at_the_first_error_and_installs_the_package():
    """A binder folder switches off the automatic install of the package."""
    lines = [line for line in (BINDER / "postBuild").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "set -euxo pipefail"
    assert any(re.match(r'pip install --no-cache-dir "?\.(\[lab\])?"?$', line) for line in lines)
    json.loads((BINDER / "overrides.json").read_text())


def test_the_start_script_hands_over(tmp_path):
    assert (BINDER / "start").read_text().rstrip().endswith('exec "$@"')
    done = subprocess.run([str(BINDER / "start"), "echo", "two words", "$HOME"], capture_output=True, text=True, check=True)
    assert done.stdout == "two words $HOME\n"
