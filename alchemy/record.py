"""What a run leaves behind: trained models and answers by content, records of claims, committed verdicts."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from alchemy.errors import UserError

VERSION = 2
"""Raised when training, decoding or a generator changes what it makes; older stored results are then not reused."""


def plain(value: Any) -> Any:
    """A value as JSON can hold it: dataclasses with their class name, arrays as lists, paths as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"class": type(value).__name__, **{name: plain(each) for name, each in asdict(value).items()}}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def fingerprint(key: Mapping[str, Any]) -> str:
    """A short name for a stored result: the hash of everything it depends on."""
    text = json.dumps(plain({**key, "version": VERSION}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def digest(*arrays: np.ndarray) -> str:
    """A name for what arrays hold."""
    return hashlib.sha256(b"".join(one.tobytes() for one in arrays)).hexdigest()[:20]


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place; on any failure nothing is left.

    Raises `UserError` naming the path where it cannot be written.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(scratch)
        os.replace(scratch, path)
    except OSError as fault:
        raise UserError(f"cannot write {path}: {fault.strerror or fault}") from fault
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """A JSON file, whole or not at all; infinities become null."""
    text = json.dumps(_finite(plain(value)), indent=1, allow_nan=False) + "\n"
    write_whole(path, lambda scratch: scratch.write_text(text))


def read_json(path: Path) -> Any:
    """A JSON file; raises `UserError` naming it if it is damaged."""
    try:
        return json.loads(path.read_text())
    except (ValueError, UnicodeDecodeError) as fault:
        raise UserError(f"{path} is not valid JSON ({fault}); remove it and run again") from None


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


@cache
def commit() -> str:
    """The commit of the running tree, `-dirty` where the tree differs from it; empty outside a repository."""
    here = Path(__file__).parent
    try:
        name = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return name.stdout.strip()
