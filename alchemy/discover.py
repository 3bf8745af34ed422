"""The folder is the registry: a task, a model, a strategy or a claim is a file, and its name is the file's name.

Files are read as text to see what they hold, so that listing them imports nothing.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

from alchemy.errors import UserError, nearest

Kind = Literal["task", "model", "strategy", "claim"]


class Entry(NamedTuple):
    """One file of a folder, without having imported it."""

    name: str
    sentence: str
    """The first sentence or line of its docstring."""
    symbol: str
    """What to take from the module: the name of its class, or `CLAIM`."""
    path: Path


def entries(kind: Kind) -> dict[str, Entry]:
    """What the folder of that kind holds, by name; empty if there is no such folder."""
    return {entry.name: entry for path in _files(FOLDERS[kind]) if (entry := _read(kind, path, path.stat().st_mtime_ns))}


def tasks() -> dict[str, type]:
    """The problem families, by name."""
    return {name: find("task", name) for name in entries("task")}


def experiments() -> dict[str, ModuleType]:
    """The modules of all claims, by name."""
    return {name: find("claim", name) for name in entries("claim")}


def find(kind: Kind, name: str) -> type | ModuleType:
    """The class of a task, model or strategy, or the module of a claim; raises `UserError` if there is none of that name."""
    known = entries(kind)
    if name not in known:
        raise UserError(f"{kind} {name!r} is unknown{nearest(name, known) if known else f'; there is no {kind} yet'}")
    module = importlib.import_module(f"{FOLDERS[kind]}.{name}")
    return module if kind == "claim" else getattr(module, known[name].symbol)


def verdicts(name: str) -> Path | None:
    """The file with a claim's committed verdicts, or None if it has none."""
    path = entries("claim")[name].path.parent / "verdicts" / f"{name}.json"
    return path if path.is_file() else None


def _files(folder: str) -> Iterator[Path]:
    """The modules of a top-level package, in alphabetical order."""
    spec = importlib.util.find_spec(folder)
    for location in (spec and spec.submodule_search_locations) or ():
        yield from sorted(Path(location).glob("[!_]*.py"))


@cache
def _read(kind: Kind, path: Path, _changed: int) -> Entry | None:
    """The entry a file makes, or None if it is only part of one; read again if it has changed."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    symbol = next((symbol for node in tree.body if (symbol := SYMBOLS[kind](node))), None)
    if symbol is None:
        return None
    lines = (ast.get_docstring(tree) or "").splitlines() or [""]
    return Entry(path.stem, lines[0], symbol, path)


def _task(node: ast.stmt) -> str | None:
    """The name of a class that has `prompt_fields`."""
    return node.name if isinstance(node, ast.ClassDef) and "prompt_fields" in _assigned(node.body) else None


def _model(node: ast.stmt) -> str | None:
    """The name of a class that has the methods of a model."""
    members = {one.name for one in getattr(node, "body", ()) if isinstance(one, ast.FunctionDef)}
    return node.name if isinstance(node, ast.ClassDef) and {"init", "apply"} <= members else None


def _strategy(node: ast.stmt) -> str | None:
    """The name of a dataclass that answers by searching, by replaying, or by forcing."""
    members = {one.name for one in getattr(node, "body", ()) if isinstance(one, ast.FunctionDef)}
    return node.name if isinstance(node, ast.ClassDef) and node.decorator_list and members & {"answer", "replay", "forcing"} else None


def _claim(node: ast.stmt) -> str | None:
    return "CLAIM" if "CLAIM" in _assigned([node]) else None


def _assigned(body: list[ast.stmt]) -> set[str]:
    """The names that statements assign."""
    targets: list[ast.expr] = []
    for node in body:
        targets += node.targets if isinstance(node, ast.Assign) else []
        targets += [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


FOLDERS: dict[Kind, str] = {
    "task": "tasks",
    "model": "models",
    "strategy": "alchemy.strategies",
    "claim": "experiments",
}
SYMBOLS: dict[Kind, Callable[[ast.stmt], str | None]] = {
    "task": _task,
    "model": _model,
    "strategy": _strategy,
    "claim": _claim,
}
