"""How large files of splits become, estimated from a few of their lines before any is written."""

from __future__ import annotations

import shutil
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from alchemy.dataset.recipe import Recipe
from alchemy.errors import UserError
from alchemy.problem.task import Task
from alchemy.terminal import sized

SAMPLE = 1_000
"""Problems of each file that are drawn to tell its size."""


class Size(NamedTuple):
    """What a file takes."""

    lines: int
    bytes: float
    """As JSON lines."""
    seconds: float
    """To draw the problems and write them down, on one core."""


def sizes(recipe: Recipe) -> dict[str, Size]:
    """The size of each file of a recipe; `UserError` as drawing its problems raises it."""
    return {name: size_of(file.task, file.count) for name, file in recipe.files.items()}


def size_of(task: Task, lines: int) -> Size:
    """The size of so many problems of a task."""
    few, began = min(lines, SAMPLE), perf_counter()
    written = len(task.jsonl(task.sample(np.random.default_rng(0), few)))
    return Size(lines, written / few * lines, (perf_counter() - began) / few * lines)


def check_room(path: Path, lines: int, size: float) -> None:
    """Raises `UserError`, with the numbers, if the disk that a path is on has less room than so many bytes."""
    home = path.absolute()
    while not home.exists():
        home = home.parent
    disk = shutil.disk_usage(home)
    if size > disk.free and disk.total:  # of what is no disk nothing is known
        raise UserError(f"{path}: {lines:,} lines take about {sized(size)}, and the disk has {sized(disk.free)} left")
