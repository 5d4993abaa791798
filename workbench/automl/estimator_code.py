"""A fitted estimator's recipe as Python code: imports, and an expression that makes it again."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import numpy as np

from workbench.automl.default_spaces import changed_params
from workbench.errors import RunError


def estimator_code(estimator: Any) -> tuple[list[str], str]:
    """Return import lines and an expression.

    Raises
    ------
    RunError
        If a parameter cannot be written as code (an array, a lambda, an object of another kind).
    """
    return value_code(estimator)


def value_code(value: Any) -> tuple[list[str], str]:
    """Return import lines and an expression for a value that an estimator, or a function about it, takes.

    Raises
    ------
    RunError
        As ``estimator_code``.
    """
    imports: set[str] = set()
    code = _code(value, imports)
    return sorted(imports), code


def merged(imports: Iterable[str]) -> list[str]:
    """Sort import lines, and take together what comes from one module."""
    plain, of = [], dict[str, list[str]]()
    for line in sorted(imports):
        if line.startswith("from "):
            module, name = line.removeprefix("from ").split(" import ")
            of.setdefault(module, []).append(name)
        else:
            plain.append(line)
    return plain + [f"from {module} import {', '.join(sorted(names))}" for module, names in of.items()]


def _code(value: Any, imports: set[str]) -> str:
    match value:
        case float() if not math.isfinite(value):
            return f"float({str(value)!r})"
        case None | bool() | int() | float() | str():
            return repr(value)
        case list():
            return f"[{', '.join(_code(v, imports) for v in value)}]"
        case tuple():
            return f"({', '.join(_code(v, imports) for v in value)}{',' if len(value) == 1 else ''})"
        case dict():
            return "{" + ", ".join(f"{_code(k, imports)}: {_code(v, imports)}" for k, v in value.items()) + "}"
    if hasattr(value, "get_params") and not isinstance(value, type):
        _import(type(value), imports)
        args = [f"{name}={_code(v, imports)}" for name, v in changed_params(value).items()]
        return f"{type(value).__name__}({', '.join(args)})"
    if inspect.isroutine(value) or isinstance(value, (type, np.ufunc)):
        return _import(value, imports)
    raise RunError(f"a {type(value).__name__} cannot be written as code. Set it in your own code, then use "
                   "estimator.set_params(**run.best.config).")


def _import(thing: Any, imports: set[str]) -> str:
    """Import a class or function from the shortest public module that has it."""
    name, module = thing.__name__, getattr(thing, "__module__", None) or "numpy"  # ufuncs do not tell theirs
    if module == "__main__":
        imports.add(f"# {name} is the one defined in your notebook or script")
        return str(name)
    parts = module.split(".")
    for n in range(1, len(parts) + 1):
        path = ".".join(parts[:n])
        if getattr(import_module(path), name, None) is thing:
            imports.add(f"from {path} import {name}")
            return str(name)
    raise RunError(f"{name!r} of {module} cannot be imported by name, so it cannot be written as code.")
