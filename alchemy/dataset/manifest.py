"""The manifest of a directory of splits, manifest.json: from it to the recipe that writes the directory again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from alchemy.dataset.recipe import FORMAT, Recipe, Suffix
from alchemy.discover import find
from alchemy.errors import UserError
from alchemy.output import inside
from alchemy.problem.split import Split
from alchemy.problem.task import Task
from alchemy.record import BEFORE, NUMBER, check_fields

MANIFEST = "manifest.json"
DESCRIBED = {"task": str, "seed": int, "train": int, "test": int, "config": dict, "split": {"test_share": NUMBER}}
DESCRIBED_FILE = {"part": str, "count": int, "shift": (dict, NoneType)}
SHIFT = {"name": str, "axis": [str]}


def dumps(manifest: Mapping[str, Any]) -> str:
    """The manifest as text; configs inside it become objects."""
    return json.dumps(manifest, indent=2, default=asdict) + "\n"


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a directory; raises `UserError` if there is none or it is not one of ours."""
    path = Path(directory) / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is corrupt: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"{path} is corrupt or foreign: expected an object with format {FORMAT!r}")
    _check_files(manifest.get("files"), path)
    return manifest


def _check_files(files: Any, path: Path) -> None:
    """Raises `UserError`, naming `path`, unless a manifest lists its files with their checksums."""
    if not isinstance(files, dict):
        raise UserError(f"{path} is corrupt: expected a list of files with their checksums, by name")
    for name, entry in files.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("sha256"), str):
            raise UserError(f"{path} is corrupt: file {name!r} has no checksum")
        inside(path.parent, name)


def recipe_of(manifest: Mapping[str, Any], path: Path) -> Recipe:
    """The recipe a manifest was written from; raises `UserError`, naming `path`, if it makes no sense."""
    try:
        recipe = Recipe(
            task=task_of(manifest),
            split=from_json(Split, manifest["split"]),
            seed=_convert(int, manifest["seed"], "seed"),
            train=_convert(int, manifest["train"], "train"),
            test=_convert(int, manifest["test"], "test"),
            shifts=_convert(tuple[str, ...], manifest["shifts"], "shifts"),
            suffix=_convert(Suffix, manifest.get("suffix", "jsonl"), "suffix"),
        )
        recipe.files  # noqa: B018  raises on a shift that makes no sense
        return recipe
    except KeyError as missing:
        raise UserError(f"{path} is corrupt: no field {missing}") from None
    except (UserError, MemoryError) as error:
        raise UserError(f"{path} is corrupt: {error}") from None


def read_recipe(directory: Path) -> Recipe:
    """The recipe of a directory of splits; raises `UserError` if it has no manifest, or a corrupt one."""
    return recipe_of(read_manifest(directory), Path(directory) / MANIFEST)


def check_described(manifest: Mapping[str, Any], path: Path) -> None:
    """Raises `UserError`, naming `path`, unless a manifest says of itself and of its files what a card tells."""
    place = f"{path} is corrupt"
    check_fields(manifest, DESCRIBED, place)
    for name, entry in manifest["files"].items():
        check_fields(entry, DESCRIBED_FILE, f"{place}: {name!r}")
        check_fields(entry["shift"] or {"name": "", "axis": []}, SHIFT, f"{place}: {name!r}: shift")
        for measured in ("discrepancy", "overlap"):
            check_fields(entry.get(measured, {}), {}, f"{place}: {name!r}: {measured}")
            check_fields([*entry.get(measured, {}).values()], [NUMBER], f"{place}: {name!r}: {measured}")


def task_of(manifest: Mapping[str, Any]) -> Task:
    """The task a manifest names, with its config."""
    task: Task = from_json(find("task", _convert(str, manifest["task"], "task")), manifest["config"])
    return task


def from_json(kind: type, values: Any) -> Any:
    """A dataclass from its JSON object: lists become tuples, objects the dataclass that the field asks for.

    A field that was `added` may be missing, and is what held before. Raises `UserError` if another one is, or one is unknown or of
    another type.
    """
    types = get_type_hints(kind)
    hints = {field.name: types[field.name] for field in fields(kind)}
    if not isinstance(values, dict):
        raise UserError(f"expected the fields of {kind.__name__}, got {json.dumps(values)[:60]}")
    known_before = {field.name for field in fields(kind) if BEFORE in field.metadata}
    wrong = sorted((values.keys() ^ hints.keys()) - (known_before - values.keys()))
    if wrong:
        raise UserError(f"{kind.__name__} {'has no' if wrong[0] in values else 'needs a'} field {wrong[0]!r}")
    return kind(**{name: _convert(hint, values[name], name) for name, hint in hints.items() if name in values})


def _convert(hint: Any, value: Any, name: str) -> Any:
    """A JSON value as what a field's type hint asks for; raises `UserError` if it is something else."""
    inner = get_args(hint)
    if get_origin(hint) is tuple and isinstance(value, list):
        if Ellipsis not in inner and len(value) != len(inner):
            raise UserError(f"{name} is {json.dumps(value)[:60]}, expected {len(inner)} of them")
        return tuple(_convert(inner[0], member, name) for member in value)
    if get_origin(hint) is UnionType:
        if value is None and NoneType in inner:
            return None
        fitting = [choice for choice in inner if isinstance(value, dict) == is_dataclass(choice)]
        return _convert(fitting[0] if fitting else inner[0], value, name)
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, dict):
        return from_json(hint, value)
    if value in inner if get_origin(hint) is Literal else type(value) in ((int, float) if hint is float else (hint,)):
        return value
    raise UserError(f"{name} is {json.dumps(value)}, expected {getattr(hint, '__name__', hint)}")
