"""What a run leaves behind: trained models and answers by content, records of claims, committed verdicts."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import Field, field, fields, is_dataclass
from enum import Enum
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from alchemy.errors import UserError

VERSION = 2
"""Raised when training, decoding or a generator changes what it makes; older stored results are then not reused."""
NUMBER = (int, float)
"""What JSON has for a number."""
BEFORE = "before"
"""The key in a field's metadata of what held when there was no such field."""


def added(before: Any) -> Any:
    """A field of a dataclass that was added when configs without it were locked, judged and stored.

    Its default is what held `before`, when there was no such field, and stays that. Where it holds, the field is no part of `plain`:
    digests of locks and names of stored results are as they were.
    """
    return field(default=before, metadata={BEFORE: before})


def plain(value: Any, named: bool = True) -> Any:
    """A value as JSON can hold it: arrays as lists, paths as text, dataclasses with their class name, but for those inside of others.

    A field that was `added` is left out where what held before it does.
    """
    if is_dataclass(value) and not isinstance(value, type):
        members = {
            each.name: plain(getattr(value, each.name), named=False)
            for each in fields(value)
            if not _as_before(each, getattr(value, each.name))
        }
        return {"class": type(value).__name__, **members} if named else members
    if isinstance(value, Mapping):
        return {str(name): plain(member, named) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(member, named) for member in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _as_before(each: Field[Any], value: Any) -> bool:
    """Whether a value of a field says nothing that did not hold before there was the field."""
    if BEFORE not in each.metadata:
        return False
    before = each.metadata[BEFORE]
    return type(value) is type(before) and bool(value == before)


def fingerprint(key: Mapping[str, Any]) -> str:
    """The name of a stored result: a hash of everything it depends on."""
    text = json.dumps(plain({**key, "version": VERSION}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def digest(*arrays: np.ndarray) -> str:
    """A hash of the contents of arrays."""
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:20]


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place; on any failure nothing is left.

    A link stays, and what it leads to is replaced; a device or pipe is written to as it is. Raises `UserError` naming the
    path where it cannot be written.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            write(path)
            return
        place = path.resolve()
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = place.with_name(f".{place.name[:100]}.{os.getpid()}.{secrets.token_hex(4)}")  # containers share ids
        try:
            write(scratch)
            os.replace(scratch, place)
        finally:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)
    except BrokenPipeError:
        raise
    except (OSError, RuntimeError) as fault:  # a circle of links is a RuntimeError
        raise UserError(f"cannot write {path}: {getattr(fault, 'strerror', None) or fault}") from fault


def write_json(path: Path, value: Any) -> None:
    """A JSON file, whole or not at all; a number that is not finite becomes "inf", "-inf" or "nan"."""
    text = json_text(value) + "\n"
    write_whole(path, lambda scratch: scratch.write_text(text))


def read_json(path: Path) -> Any:
    """A JSON file; raises `UserError` naming it if it is damaged."""
    try:
        return json.loads(path.read_text())
    except (ValueError, RecursionError) as fault:
        raise UserError(f"{path} is not valid JSON ({fault}); remove it and run again") from None


def check_fields(value: Any, schema: Any, place: str) -> None:
    """Raises `UserError`, which begins with `place`, at the first field that is missing or something else.

    A schema is a type, several of them, texts to choose from, a list of things alike, or an object with at least these fields.
    """
    if isinstance(schema, dict):
        if not isinstance(value, dict) or (missing := schema.keys() - value.keys()):
            fault = f"no field {min(missing)!r}" if isinstance(value, dict) else "no object"
            raise UserError(f"{place}: has {fault}; remove it and run again")
        for name, inner in schema.items():
            check_fields(value[name], inner, f"{place}: {name}")
    elif isinstance(schema, list):
        if not isinstance(value, list):
            raise UserError(f"{place}: is no list; remove it and run again")
        for entry in value:
            check_fields(entry, schema[0], place)
    elif isinstance(schema, tuple) and isinstance(schema[0], str):
        if value not in schema:
            raise UserError(f"{place}: is {value!r:.40}, expected one of {', '.join(schema)}")
    elif not isinstance(value, schema) or (isinstance(value, bool) and schema in (int, NUMBER)):
        raise UserError(f"{place}: is {value!r:.40}, which it cannot be; remove it and run again")


def json_text(value: Any) -> str:
    """A value as JSON: an entry a line, but lists of numbers and words on one."""
    return _laid_out(plain(value), "")


def _laid_out(value: Any, indent: str) -> str:
    inner = f"{indent} "
    if isinstance(value, dict) and value:
        rows = [f"{inner}{json.dumps(name)}: {_laid_out(entry, inner)}" for name, entry in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(entry, (dict, list)) for entry in value):
        return "[\n" + ",\n".join(f"{inner}{_laid_out(entry, inner)}" for entry in value) + f"\n{indent}]"
    if isinstance(value, list):
        return f"[{', '.join(_laid_out(entry, inner) for entry in value)}]"
    if isinstance(value, float) and not isfinite(value):
        return f'"{value}"'
    return json.dumps(value, allow_nan=False)


def numbers(value: Any) -> Any:
    """What `read_json` gave, with "inf", "-inf" and "nan" as the numbers they were."""
    if isinstance(value, dict):
        return {name: numbers(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [numbers(entry) for entry in value]
    return float(value) if isinstance(value, str) and value in ("inf", "-inf", "nan") else value


@cache
def commit(folder: Path = Path(__file__).parent) -> str:
    """The commit of a tree, by default the running one, `-dirty` where it differs from that; empty outside a repository."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return described.stdout.strip()
