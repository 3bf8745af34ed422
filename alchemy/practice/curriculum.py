"""Curricula: a training whose problems come from one distribution after another, as data.

Dimension letters: `b` lines of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import jax
import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.learning.data import Examples, joined
from alchemy.problem.streams import stream
from alchemy.problem.task import Task

Order = Literal["mix", "rising", "falling", "promote", "last"]


@dataclass(frozen=True)
class Curriculum:
    """Levels of a task, and when each is trained on.

    `mix` draws every line of every step from any level; `rising` trains on the first for an equal share of the steps, then on
    the second, and so on, `falling` the other way round; `promote` goes on to the next level where enough answers to fresh
    training problems of the present one are right, seed by seed (arXiv:2505.24760), and stays at the last. `last` trains on
    the last level throughout, so that with the levels before it as `rehearsal` it is one stage of several trainings, each of which
    goes on from the one before with a rate of its own (arXiv:2412.06769).
    """

    levels: tuple[str, ...] = ()
    """Shifts of the trained task, the easiest first; none for the task alone."""
    order: Order = "rising"
    rehearsal: float = 0.0
    """Share of the lines that are of levels that were left behind, any of them; of no use to `mix`."""
    threshold: float = 0.9
    """Right answers behind valid chains at which `promote` goes on."""
    every: int = 100
    """Steps between two looks of `promote`; a multiple of the steps of a device call, or they are cut to it."""
    problems: int = 128
    """Fresh training problems of each look."""

    def __post_init__(self) -> None:
        if self.order not in get_args(Order):
            raise UserError(f"order {self.order!r} is unknown{nearest(self.order, get_args(Order))}")
        for name in ("rehearsal", "threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} {getattr(self, name)} is outside [0, 1]")
        for name in ("every", "problems"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, not {getattr(self, name)}")

    def tasks(self, task: Task) -> list[Task]:
        """The levels as tasks."""
        return [task.shift(level)(task) for level in self.levels]


@dataclass(frozen=True, eq=False)
class Course:
    """Which level each line of a training is of."""

    curriculum: Curriculum
    steps: int
    """Of the whole training."""
    reached: Mapping[int, Sequence[int]] = field(default_factory=dict)
    """Under `promote`: the level of each seed in each stretch of `every` steps, as far as it is known."""

    def level(self, seed: int, step: int) -> int:
        """The level that is trained on at a step, where one is."""
        last = len(self.curriculum.levels) - 1
        if self.curriculum.order == "promote":
            return self.reached[seed][step // self.curriculum.every]
        if self.curriculum.order == "last":
            return last
        level = step * (last + 1) // self.steps
        return last - level if self.curriculum.order == "falling" else level

    def lines(self, seed: int, start: int, steps: int, batch: int) -> np.ndarray:
        """The level of each line, int (steps, b): the same for the same arguments."""
        rng, shape = stream("levels of lines", seed, start), (steps, batch)
        if self.curriculum.order == "mix":
            return rng.integers(len(self.curriculum.levels), size=shape)
        present = np.array([self.level(seed, step) for step in range(start, start + steps)])[:, None]
        falling = self.curriculum.order == "falling"
        behind = len(self.curriculum.levels) - 1 - present if falling else present
        again = rng.random(shape) < self.curriculum.rehearsal  # of the first level, where nothing was left behind
        past = rng.integers(np.broadcast_to(np.maximum(behind, 1), shape))
        return np.where(again, len(self.curriculum.levels) - 1 - past if falling else past, present)


@dataclass(frozen=True, eq=False)
class Staged:
    """Training data of a course; `draw(level, seed, number, n)` makes `n` examples of a level, all equally long."""

    course: Course
    draw: Callable[[int, int, int, int], Examples]
    unscored: int = 0

    def table(self) -> None:
        return None

    def chunk(self, seed: int, start: int, steps: int, batch: int) -> Examples:
        levels = self.course.lines(seed, start, steps, batch).reshape(-1)
        counts = np.bincount(levels)
        drawn = joined([self.draw(level, seed, start, int(counts[level])) for level in np.flatnonzero(counts)])
        place = np.argsort(
            np.argsort(levels, kind="stable")
        )  # lines lie by level, and each goes to where its level is due

        def placed(rows: np.ndarray) -> Any:
            return rows[place].reshape(steps, batch, *rows.shape[1:])

        return Examples(*(jax.tree.map(placed, rows) for rows in drawn))
