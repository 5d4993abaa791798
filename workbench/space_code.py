"""Spaces and beliefs from Python code that somebody pasted: read, never executed.

::

    import workbench as wb

    space = wb.Space(
        lr=wb.Float(1e-5, 1e-1, log=True),
        optimizer=wb.Choice("adam", "sgd"),
    )
    prior = {"lr": 1e-3, "optimizer": {"sgd": 7, "adam": 3}}

What may stand in it: imports (they are passed over), one space, and one dictionary called ``prior``. All arguments are
literals; the only calls are those of ``Space``, ``Float``, ``Int`` and ``Choice``.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from textwrap import dedent
from typing import Any

from workbench.errors import SpaceError
from workbench.search.beliefs import Beliefs, as_prior, as_said
from workbench.space import Choice, Float, Int, Space
from workbench.space_formats import to_code

MAX_CHARACTERS = 1_000_000
ALONE = "Paste the wb.Space(...) alone."
PARAMS: dict[str, Callable[..., Any]] = {"Float": Float, "Int": Int, "Choice": Choice}


def read_code(text: str) -> tuple[Space, dict[str, Any]]:
    """Read Python code as a space and what is believed of it (``{}`` if the code says nothing).

    Raises
    ------
    SpaceError
        With the line, if it is no Python, if it is more than literals and the four known calls, or if the space is none.
    """
    tree = _parsed(text)
    space: Space | None = None
    prior: tuple[ast.stmt, Any] | None = None
    for node in tree.body:
        match node:
            case ast.Import() | ast.ImportFrom():
                continue
            case (ast.Assign(targets=[ast.Name(id=name)], value=value)
                  | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)):
                pass
            case ast.Expr(value=value):
                name = ""
            case _:
                raise _at(node, f"only a space, a prior and imports can be read, got {_source(node)}. {ALONE}")
        if name == "prior":
            prior = node, _literal(value)
        elif _called(value) == "Space":
            if space is not None:
                raise _at(node, "one space can be read at a time, got a second one. Paste one of them.")
            space = _space(value)
        else:
            raise _at(node, f"only wb.Space(...) and prior = {{...}} can be read, got {_source(node)}. {ALONE}")
    if space is None:
        raise SpaceError("there is no wb.Space(...) in this code. Paste it whole, from wb.Space( to the last bracket.")
    return space, {} if prior is None else _prior(*prior, space)


def to_script(space: Space, prior: Mapping[str, Any] | None = None) -> str:
    """Return the space as code, and the prior beside it if there is one; ``read_code`` reads both back."""
    if not prior:
        return to_code(space)
    return f"space = {to_code(space)}\nprior = {dict(prior)!r}"


# ---- the parts -------------------------------------------------------------------------------------------------------


def _parsed(text: str) -> ast.Module:
    if len(text) > MAX_CHARACTERS:
        raise SpaceError(f"code of at most {MAX_CHARACTERS} characters can be read, got {len(text)}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of an odd escape in somebody's text
            return ast.parse(dedent(text))
    except SyntaxError as error:
        raise SpaceError(f"line {error.lineno or 1}: this is no Python: {error.msg}.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SpaceError(f"this is no Python that can be read: {error or type(error).__name__}.") from None


def _at(node: Any, why: str) -> SpaceError:
    return SpaceError(f"line {node.lineno}: {why}")


def _source(node: ast.AST) -> str:
    """Show a piece of code: never long."""
    try:
        text = " ".join(ast.unparse(node).split())
    except (RecursionError, ValueError):
        return "something too deep"
    return text if len(text) <= 60 else f"{text[:57]}…"


def _called(node: ast.AST) -> str | None:
    """Name what is called: ``Float`` of both ``Float(...)`` and ``wb.Float(...)``; None if this is no such call."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(value=ast.Name(), attr=name)):
            return name
    return None


def _space(call: ast.AST) -> Space:
    assert isinstance(call, ast.Call)
    if len(call.args) > 1:
        raise _at(call.args[1], "Space takes at most one mapping before its keywords.")
    pairs = [pair for arg in call.args for pair in _pairs(arg)]
    forbidden: Any = ()
    for word in call.keywords:
        if word.arg is None:
            raise _at(word, f"what ** stands for is not known here, got **{_source(word.value)}. Write the parameters out.")
        if word.arg == "forbidden":
            forbidden = _literal(word.value)
        else:
            pairs.append((word.arg, word.value))
    params = [(name, _param(name, node)) for name, node in pairs]
    try:
        return Space(params, forbidden=forbidden)
    except SpaceError as error:
        raise _at(call, str(error)) from None
    except (TypeError, ValueError):
        raise _at(call, "forbidden combinations are a list of mappings, such as [{'solver': 'liblinear'}].") from None


def _pairs(arg: ast.expr) -> list[tuple[str, ast.expr]]:
    """Return names and parameters of the mapping, or the list of pairs, that a space begins with."""
    out: list[tuple[Any, ast.expr]] = []
    match arg:
        case ast.Dict(keys=keys, values=values) if None not in keys:
            out = [(_literal(key), value) for key, value in zip(keys, values, strict=True) if key is not None]
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            for element in elements:
                match element:
                    case ast.Tuple(elts=[key, value]) | ast.List(elts=[key, value]):
                        out.append((_literal(key), value))
                    case _:
                        raise _at(element, f"a parameter is a pair of a name and what it is, got {_source(element)}.")
        case _:
            raise _at(arg, f"Space takes a mapping of names to parameters, got {_source(arg)}. Write the parameters out.")
    for name, value in out:
        if not isinstance(name, str):
            raise _at(value, f"a parameter's name must be a text, got {name!r}.")
    return out


def _param(name: str, node: ast.expr) -> Any:
    kind = _called(node)
    if kind not in PARAMS:
        raise _at(node, f"{name!r} must be wb.Float(...), wb.Int(...) or wb.Choice(...), got {_source(node)}.")
    assert isinstance(node, ast.Call)
    args: list[Any] = []
    for arg in node.args:
        if not isinstance(arg, ast.Starred):
            args.append(_literal(arg))
            continue
        several = _literal(arg.value)
        if not isinstance(several, (list, tuple)):
            raise _at(arg, f"what * stands for is not known here, got {_source(arg)}. Write the options out.")
        args += several
    words: dict[str, Any] = {}
    for word in node.keywords:
        if word.arg is None:
            raise _at(word, f"what ** stands for is not known here, got **{_source(word.value)}. Write the arguments out.")
        words[word.arg] = _literal(word.value)
    try:
        return PARAMS[kind](*args, **words)
    except SpaceError as error:
        raise _at(node, f"{name!r}: {error}") from None
    except (TypeError, ValueError) as error:  # an argument that it does not have, or too few of them
        raise _at(node, f"{name!r}: {str(error).replace('.__init__', '')}.") from None


def _literal(node: ast.expr) -> Any:
    """Return the value of a literal. Nothing is computed, but for the sign of a number."""
    match node:
        case ast.Constant(value=None | bool() | int() | float() | str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)) if not isinstance(value, bool):
            return -value
        case ast.List(elts=elements):
            return [_literal(e) for e in elements]
        case ast.Tuple(elts=elements):
            return tuple(_literal(e) for e in elements)
        case ast.Dict(keys=keys, values=values) if None not in keys:
            try:
                return {_literal(k): _literal(v) for k, v in zip(keys, values, strict=True) if k is not None}
            except TypeError:
                raise _at(node, f"the keys of a dictionary must be plain values, got {_source(node)}.") from None
    raise _at(node, f"only literal values can be read, got {_source(node)}. Write the value itself.")


def _prior(node: ast.stmt, said: Any, space: Space) -> dict[str, Any]:
    try:
        Beliefs.of(space, said)
        return as_said(as_prior(said))
    except SpaceError as error:
        raise _at(node, str(error)) from None
