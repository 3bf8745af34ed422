"""Trees of arrays on disk, whole or not at all (orbax)."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np

from alchemy.errors import UserError

SLACK = 1 << 18
"""Bytes a checkpoint may take beyond its arrays."""
LATE = "Event loop is closed"
"""What is reported to an event loop that is gone."""


def save(directory: Path, step: int, tree: Any) -> None:
    """Write `tree` as step `step` under `directory`, then drop the older steps; a reader never sees half of one.

    Raises `UserError` that names the directory, and leaves nothing of this step, if it cannot be written.
    """
    import orbax.checkpoint as ocp

    logging.getLogger("absl").setLevel(logging.CRITICAL)
    target = directory.absolute() / str(step)
    tree = jax.tree.map(np.asarray, tree)
    try:
        _check_room(directory, sum(leaf.nbytes for leaf in jax.tree.leaves(tree)))
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(target, tree, force=True)
            checkpointer.wait_until_finished()
    except (OSError, ValueError) as fault:  # the storage library's ValueError has the error number in its text
        _ignore_late_reports()
        for half in directory.glob(f"{step}.*tmp*"):
            shutil.rmtree(half, ignore_errors=True)
        raise UserError(f"cannot write checkpoint {target}: {_reason(fault)}") from fault
    for older in _steps(directory):
        if older != step:
            shutil.rmtree(directory / str(older))


def load(directory: Path, like: Any) -> Any | None:
    """The newest tree under `directory`, with the structure of `like`; None where there is none.

    Raises `UserError` that names the directory if what is there cannot be read or does not fit `like`.
    """
    import orbax.checkpoint as ocp

    steps = _steps(directory)
    if not steps:
        return None
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    target = directory.absolute() / str(max(steps))
    shapes = jax.tree.map(lambda x: np.empty(np.shape(x), x.dtype), like)
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            tree = checkpointer.restore(target, shapes)
    except Exception as fault:  # orbax and what it stands on raise many kinds
        _ignore_late_reports()
        raise UserError(f"checkpoint {target} is damaged ({type(fault).__name__}); remove that directory") from fault
    for path, stored, expected in _shapes(tree, shapes):
        if stored != expected:
            raise UserError(f"checkpoint {target} holds {path} of shape {stored}, not {expected}")
    return jax.tree.map(np.asarray, tree)


def exists(directory: Path) -> bool:
    """Whether there is a tree under `directory`."""
    return bool(_steps(directory))


def _check_room(directory: Path, size: int) -> None:
    """Raises `OSError` on a full disk, before threads of the storage library run into it and report it at length."""
    directory.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(directory).free < size + SLACK:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _ignore_late_reports() -> None:
    """What the storage library still had under way when one part failed reports to an event loop that is gone.

    Its threads print some of that as exceptions nobody caught, and some as exceptions nobody can; the loop logs the rest.
    """
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    unraisable, uncaught = sys.unraisablehook, sys.excepthook

    def hook_unraisable(event: Any) -> None:
        if str(event.exc_value) != LATE:
            unraisable(event)

    def hook_uncaught(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        if str(value) != LATE:
            uncaught(kind, value, trace)

    sys.unraisablehook, sys.excepthook = hook_unraisable, hook_uncaught


def _reason(fault: Exception) -> str:
    number = re.search(r"os_error_code='(\d+)'", str(fault))
    if number:
        return os.strerror(int(number[1]))
    return getattr(fault, "strerror", None) or next(iter(str(fault).splitlines()), type(fault).__name__)


def _shapes(tree: Any, like: Any) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """The path of every leaf, its shape, and that of the same leaf of `like`."""
    pairs = zip(jax.tree_util.tree_leaves_with_path(tree), jax.tree.leaves(like), strict=True)
    return [(jax.tree_util.keystr(path), np.shape(leaf), np.shape(other)) for (path, leaf), other in pairs]


def _steps(directory: Path) -> list[int]:
    return [int(path.name) for path in directory.glob("*") if path.name.isdigit()] if directory.is_dir() else []


def drop(directory: Path) -> None:
    """Remove every step under `directory`."""
    shutil.rmtree(directory, ignore_errors=True)
