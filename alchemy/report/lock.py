"""What was promised before a run: a claim's sentence, presets and checks, digested into a file that is committed first.

The digest covers the claim's fields, its presets but for smoke, the code of `check` with all it uses of the experiments,
and the method of judging. A verdict names the lock it was judged under; when the promise changes after a verdict, the next
lock has a generation of its own, whose seeds and test problems were never used before.
"""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from alchemy.discover import source
from alchemy.errors import UserError
from alchemy.record import plain, read_json, write_json
from alchemy.report.results import METHOD

SEEDS = 1000
"""Seeds that belong to each generation: the first of generation g is g times this."""
IGNORED = {"ctx", "kind", "type_comment", "type_params"}
"""Fields of syntax trees that say nothing, or that some versions of Python do not have."""
CODE = "experiments"
"""The package whose code a promise may rest on, beside the claim's own."""


@dataclass(frozen=True)
class Lock:
    """One claim's promise, and the seeds and test problems that it is judged on."""

    claim: str
    digest: str
    generation: int
    """From 1 on; seeds and test problems of generation 0 were used before there were locks."""
    promise: Mapping[str, Any]
    """The claim's fields, its presets, the method, and hashes of the code that the checks rest on."""
    code: Mapping[str, str]
    """That code, for readers."""
    reason: str = ""
    """Why it replaces a promise that was judged."""

    @property
    def first_seed(self) -> int:
        return self.generation * SEEDS

    @property
    def tests(self) -> int:
        """The stream of test problems."""
        return self.generation


def promised(module: ModuleType) -> dict[str, Any]:
    """What a claim's module promises now."""
    presets = {name: plain(config) for name, config in module.PRESETS.items() if name != "smoke"}
    return {
        "claim": plain(module.CLAIM),
        "presets": presets,
        "method": METHOD,
        "checks": {name: _hash(_canonical(code)) for name, code in _checks(module).items()},
    }


def locked(name: str, module: ModuleType, folder: Path) -> Lock | None:
    """The lock of a claim in `folder`, or None if there is none or it is of another promise than the module makes."""
    lock = read(name, folder)
    return lock if lock and lock.digest == _digest(promised(module)) else None


def read(name: str, folder: Path) -> Lock | None:
    """The lock of a claim, whatever the claim promises now; None if there is none."""
    path = folder / f"{name}.json"
    return Lock(**read_json(path)) if path.exists() else None


def read_all(folder: Path) -> dict[str, Lock]:
    """Every lock of a folder, by claim."""
    return {path.stem: Lock(**read_json(path)) for path in sorted(folder.glob("[!.]*.json"))}


def renew(name: str, module: ModuleType, folder: Path, judged: set[str], reason: str = "") -> Lock:
    """The lock of what a claim promises now, written to `folder` if it was not locked.

    `judged` are the digests under which verdicts were published: a promise that replaces one of them gets fresh seeds and
    test problems, and needs a reason. Raises `UserError` if it has none.
    """
    promise, before = promised(module), read(name, folder)
    digest = _digest(promise)
    if before and before.digest == digest:
        return before
    replaces = before is not None and before.digest in judged
    if replaces and not reason:
        raise UserError(f"{name}: its promise was judged; say why it changes: alchemy lock {name} --reason '...'")
    generation = before.generation + replaces if before else 1
    code = {name: ast.unparse(statement) for name, statement in _checks(module).items()}
    lock = Lock(name, digest, generation, promise, code, reason if replaces else before.reason if before else "")
    write_json(folder / f"{name}.json", asdict(lock))
    return lock


def must_be_publishable(name: str, module: ModuleType, config: Any, preset: str, folder: Path, tree: str) -> Lock:
    """The committed lock under which a verdict may be published.

    Raises `UserError` unless the config is exactly the preset, the tree is committed, and so is the lock of what the claim
    promises now.
    """
    if preset not in module.PRESETS or config != module.PRESETS[preset]:
        raise UserError(f"{name}: only an unchanged preset is published; the config differs from {preset!r}")
    if not tree or tree.endswith("-dirty"):
        raise UserError(
            f"{name}: a verdict is published from a committed tree, not from {tree or 'outside a repository'}"
        )
    lock = locked(name, module, folder)
    if lock is None:
        raise UserError(f"{name}: its checks are not locked; run `alchemy lock {name}` and commit {folder / name}.json")
    if not _committed(folder / f"{name}.json"):
        raise UserError(f"{name}: commit {folder / name}.json before the run that it binds")
    return lock


def _committed(path: Path) -> bool:
    """Whether git has the file as it is."""
    command = ["git", "status", "--porcelain", "--ignored", "--", path.name]
    status = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    return status.returncode == 0 and not status.stdout.strip()


def _digest(promise: Mapping[str, Any]) -> str:
    return _hash(json.dumps(plain(promise), sort_keys=True))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _checks(module: ModuleType) -> dict[str, ast.stmt]:
    return code_of(Path(str(module.__file__)), module.__name__, "check")


def code_of(path: Path, module: str, name: str) -> dict[str, ast.stmt]:
    """The code of a function and of everything in `CODE` that it uses, by module and name, without docstrings.

    Layout and comments are no part of it.
    """
    code: dict[str, ast.stmt] = {}
    waiting = [(path, module, name)]
    while waiting:
        path, module, name = waiting.pop()
        if f"{module}.{name}" in code:
            continue
        statements = _parsed(path.read_text())
        if (statement := _defining(statements, name)) is not None:
            code[f"{module}.{name}"] = _without_docstrings(deepcopy(statement))
            waiting += [(path, module, used) for used in _names(statement)]
        elif (origin := _imported(statements, name, {CODE, module.partition(".")[0]})) is not None:
            file = _file(path, module, origin[0])
            if file is None:  # a package: what is used of the module could not be told
                raise UserError(f"{path.name}: import what checks use by name, not the module {'.'.join(origin)}")
            waiting.append((file, *origin))
    return dict(sorted(code.items()))


@lru_cache(maxsize=256)
def _parsed(source: str) -> list[ast.stmt]:
    return ast.parse(source).body


def _canonical(node: Any) -> str:
    """A syntax tree as text that is the same for all versions of Python."""
    if isinstance(node, ast.AST):
        fields = {
            name: value for name, value in ast.iter_fields(node) if value not in (None, []) and name not in IGNORED
        }
        return f"{type(node).__name__}({', '.join(f'{name}={_canonical(value)}' for name, value in fields.items())})"
    return f"[{', '.join(map(_canonical, node))}]" if isinstance(node, list) else repr(node)


def _defining(statements: list[ast.stmt], name: str) -> ast.stmt | None:
    """The statement of a module that defines a function, class or constant."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.name == name:
            return statement
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        if any(isinstance(node, ast.Name) and node.id == name for target in targets for node in ast.walk(target)):
            return statement
    return None


def _imported(statements: list[ast.stmt], name: str, packages: set[str]) -> tuple[str, str] | None:
    """The module of one of the packages, and the name in it, that a name was imported from."""
    for statement in statements:
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").partition(".")[0] in packages:
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    return str(statement.module), alias.name
    return None


def _names(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} - {"CLAIM", "PRESETS"}


def _file(path: Path, module: str, other: str) -> Path | None:
    """The file of another module than that at `path`, in the same tree or where its package is installed, if it is one."""
    beside = path.parents[module.count(".")] / (other.replace(".", "/") + ".py")
    return (
        beside if beside.is_file() else None if other.partition(".")[0] == module.partition(".")[0] else source(other)
    )


def _without_docstrings(statement: ast.stmt) -> ast.stmt:
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.ClassDef):  # the strings below fields
            node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
    return statement


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
