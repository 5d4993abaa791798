"""Public names of the packages that import lazily: a module of the same name would hide them once it is imported."""

from importlib import import_module
from pathlib import Path

import pytest


@pytest.mark.parametrize("package", ["workbench.gradient", "workbench.meta", "workbench.nas"])
def test_no_module_is_called_like_a_public_name(package):
    made = import_module(package)
    modules = {p.stem for p in Path(made.__file__).parent.glob("*.py")}
    assert not modules & set(made.__all__)
    assert set(made._HOME) == set(made.__all__)
    for name in made.__all__:
        assert getattr(made, name) is getattr(import_module(f".{made._HOME[name]}", package), name)
