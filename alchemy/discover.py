"""The folder is the registry: a task, a model, a reasoner, a strategy or a claim is found by being there, under its file's name.

Files are read as text to see what they hold, so that listing them imports nothing. Packages that others install add theirs
through entry points: `NAME = "package.NAME:Class"` in the group `alchemy.tasks`, `alchemy.models`, `alchemy.reasoners` or
`alchemy.strategies`, and `NAME = "package.NAME"` in `alchemy.claims`, where NAME is that of the module.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple, overload

from alchemy.errors import UserError, nearest

Kind = Literal["task", "model", "reasoner", "strategy", "claim"]


class Entry(NamedTuple):
    """One file of a folder, without having imported it."""

    name: str
    sentence: str
    """The first sentence or line of its docstring."""
    symbol: str
    """What to take from the module: the name of its class, or `CLAIM`."""
    path: Path
    module: str
    """The name to import it by."""

    @property
    def file(self) -> str:
        """Where it lies in the repository, such as `experiments/mirage/task_shift.py`, or in another package."""
        package = self.module.partition(".")[0]
        parts = self.path.parts
        return "/".join(parts[len(parts) - 1 - parts[::-1].index(package) :]) if package in parts else self.path.name


def entries(kind: Kind) -> dict[str, Entry]:
    """The tasks, models, reasoners, strategies or claims there are, by name; empty if their folder is missing.

    A file `NAME.py` of the folder or of a folder in it, or a package `NAME`, or what an installed package adds. Raises
    `UserError` if two have one name, if an entry point leads nowhere, or if a package of another is in the folder's way.
    """
    by_name: dict[str, Entry] = {}
    own = [_read(kind, module, path, path.stat().st_mtime_ns) for module, path in _modules(FOLDERS[kind])]
    if not any(own):
        _check_way(FOLDERS[kind])
    for entry in (*filter(None, own), *_added(kind)):
        if entry.name in by_name:
            raise UserError(f"{entry.name!r} names a {kind} twice: {by_name[entry.name].path} and {entry.path}")
        by_name[entry.name] = entry
    return dict(sorted(by_name.items()))


def tasks() -> dict[str, type[Any]]:
    """The problem families, by name."""
    return {name: _loaded("task", entry) for name, entry in entries("task").items()}


def experiments() -> dict[str, ModuleType]:
    """The modules of all claims, by name."""
    return {name: _loaded("claim", entry) for name, entry in entries("claim").items()}


@overload
def find(kind: Literal["claim"], name: str) -> ModuleType: ...


@overload
def find(kind: Literal["task", "model", "reasoner", "strategy"], name: str) -> type[Any]: ...


def find(kind: Kind, name: str) -> ModuleType | type[Any]:
    """The class of a task, model, reasoner or strategy, or the module of a claim; raises `UserError` if it is unknown."""
    known = entries(kind)
    if name not in known:
        raise UserError(f"{kind} {name!r} is unknown{nearest(name, known) if known else f'; there is no {kind} yet'}")
    return _loaded(kind, known[name])


def _loaded(kind: Kind, entry: Entry) -> Any:
    """What an entry names: a module if it is a claim, otherwise a class of it."""
    module = importlib.import_module(entry.module)
    return module if kind == "claim" else getattr(module, entry.symbol)


def can_be_imported(name: str) -> bool:
    """Whether there is a module of this name, whoever's it is."""
    return importlib.util.find_spec(name) is not None


def verdict_file(name: str) -> Path | None:
    """The file with a claim's committed verdicts, or None if it has none."""
    path = claim_folder(name, "verdicts") / f"{name}.json"
    return path if path.is_file() else None


def claim_folder(name: str, folder: str) -> Path:
    """Where a claim's `verdicts` or `locks` are, or would be: beside all claims, or beside the file that a package adds."""
    added = added_claim(name)
    return next((home / folder for home in ([added.parent] if added else _locations(FOLDERS["claim"]))), Path(folder))


def added_claim(name: str) -> Path | None:
    """The file of a claim that an installed package has added; None for those of the lab's own folder."""
    entry = entries("claim").get(name)
    return entry.path if entry and entry.module.partition(".")[0] != FOLDERS["claim"] else None


def source(module: str) -> Path | None:
    """The file of a module that is one, by the name it is imported by; None if there is none."""
    package, _, rest = module.partition(".")
    files = (home / f"{rest.replace('.', '/')}.py" for home in _locations(package))
    return next((path for path in files if rest and path.is_file()), None)


def _added(kind: Kind) -> Iterator[Entry]:
    """What installed packages add; raises `UserError`, naming the entry point, where it is none of this kind."""
    group = GROUPS[kind]
    for point in _points(group, tuple(sys.path)):
        origin = f"entry point {point.name} = {point.value} of group {group}"
        try:
            spec = importlib.util.find_spec(point.module)
        except (ImportError, ValueError) as fault:
            raise UserError(f"{origin}: {fault}") from None
        if spec is None or not spec.origin or not Path(spec.origin).is_file():
            raise UserError(f"{origin}: there is no module {point.module}")
        path = Path(spec.origin)
        entry = _read(kind, point.module, path, path.stat().st_mtime_ns)
        if entry is None or (point.attr and point.attr != entry.symbol):
            raise UserError(f"{origin}: {path} has no {kind} {point.attr or (entry and entry.symbol) or ''}".rstrip())
        if entry.name != point.name:
            raise UserError(f"{origin}: the name has to be that of the module, {entry.name}")
        yield entry


@cache
def _points(group: str, _path: tuple[str, ...]) -> tuple[importlib.metadata.EntryPoint, ...]:
    """The entry points of a group; looked for once for each search path."""
    return tuple(importlib.metadata.entry_points(group=group))


def _check_way(folder: str) -> None:
    """Raises `UserError` if another package is imported where the one beside `alchemy` is meant."""
    meant = Path(__file__).parents[1] / folder.replace(".", "/")
    for location in _locations(folder):
        if meant.is_dir() and location.resolve() != meant.resolve():
            raise UserError(
                f"{location} is in the way of {meant}, and has nothing of its own for alchemy: rename it, or work elsewhere"
            )


def _locations(folder: str) -> list[Path]:
    """Where a top-level package lies."""
    spec = importlib.util.find_spec(folder)
    return [Path(location) for location in (spec and spec.submodule_search_locations) or ()]


def _modules(folder: str) -> Iterator[tuple[str, Path]]:
    """The modules of a package and of the packages in it, by the names they are imported by."""
    for location in _locations(folder):
        for path in sorted(location.glob("[!_.]*.py")):
            yield f"{folder}.{path.stem}", path
        for package in sorted(location.glob("[!.]*/__init__.py")):
            name = f"{folder}.{package.parent.name}"
            yield name, package
            for path in sorted(package.parent.glob("[!_.]*.py")):
                yield f"{name}.{path.stem}", path


@cache
def _read(kind: Kind, module: str, path: Path, _changed: int) -> Entry | None:
    """The entry a file makes, or None if it is only part of one; read again if it has changed."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    symbol = next((symbol for node in tree.body if (symbol := SYMBOLS[kind](node))), None)
    if symbol is None:
        return None
    lines = (ast.get_docstring(tree) or "").splitlines() or [""]
    return Entry(module.rpartition(".")[2], lines[0], symbol, path, module)


def _task(node: ast.stmt) -> str | None:
    """The name of a class that has `prompt_fields`."""
    return node.name if isinstance(node, ast.ClassDef) and "prompt_fields" in _assigned(node.body) else None


def _model(node: ast.stmt) -> str | None:
    """The name of a class that has the methods of a model."""
    return node.name if isinstance(node, ast.ClassDef) and _methods(node) >= {"init", "apply"} else None


def _reasoner(node: ast.stmt) -> str | None:
    """The name of a class that has the methods of a recursive reasoner."""
    return node.name if isinstance(node, ast.ClassDef) and _methods(node) >= {"start", "step", "read"} else None


def _strategy(node: ast.stmt) -> str | None:
    """The name of a dataclass that answers by searching, by replaying, or by forcing."""
    spends = {"answer", "replay", "forcing"}
    return node.name if isinstance(node, ast.ClassDef) and node.decorator_list and _methods(node) & spends else None


def _claim(node: ast.stmt) -> str | None:
    return "CLAIM" if "CLAIM" in _assigned([node]) else None


def _methods(node: ast.ClassDef) -> set[str]:
    return {member.name for member in node.body if isinstance(member, ast.FunctionDef)}


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
    "reasoner": "models",
    "strategy": "alchemy.strategies",
    "claim": "experiments",
}
GROUPS: dict[Kind, str] = {
    "task": "alchemy.tasks",
    "model": "alchemy.models",
    "reasoner": "alchemy.reasoners",
    "strategy": "alchemy.strategies",
    "claim": "alchemy.claims",
}
"""Of the entry points by which installed packages add theirs."""
SYMBOLS: dict[Kind, Callable[[ast.stmt], str | None]] = {
    "task": _task,
    "model": _model,
    "reasoner": _reasoner,
    "strategy": _strategy,
    "claim": _claim,
}
