"""A plain training of recursive reasoners on any boards, and what they solve by number of trajectories and by depth.

Dimension letters: `s` seeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, make_dataclass
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np

from alchemy.discover import entries, find
from alchemy.errors import UserError
from alchemy.lab import room
from alchemy.lab.lab import Lab
from alchemy.lab.reasoners import Reasoned, fit, reason, sized
from alchemy.lab.trainings import Plan
from alchemy.latent import selectors
from alchemy.latent.reasoner import Reasoner
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.boards import BoardTask
from alchemy.problem.task import Task

TRAINING = TrainConfig(steps=600, batch=32, optimizer="muon", matrix_rate=0.01, weight_decay=1.0)
"""How long to train by default: a minute on two CPU cores for boards of four rows."""
HELD_OUT = "held out"
"""The test without a shift."""


@dataclass(frozen=True)
class How:
    """How reasoners are trained and how long they reason, beside the fields of the task, the reasoner and the training."""

    shift: str = ""
    """Train under this shift of the task."""
    limit: int = 0
    """Only so many training boards, drawn once for each seed; 0 for fresh ones at every step."""
    seeds: int = 1
    """Reasoners, which differ by weights, training boards and test boards."""
    test: int = 200
    """Held-out boards in each test of each seed."""
    shifts: tuple[str, ...] = ()
    """Test under these shifts of the trained task, too."""
    width: int = 1
    """Trajectories of a board at most."""
    times: int = 4
    """How many times the depth of training at most."""
    noise: float = 0.0
    """Standard deviation of what is added to the state before every step, in reasoning alone."""
    relabelled: bool = False
    """Whether each trajectory but the first sees the board under a symmetry of its own."""


class Row(NamedTuple):
    """What so many trajectories of so many steps solve of a test, float (s,), and what that costs a board."""

    test: str
    trajectories: int
    steps: int
    checked: np.ndarray  # solved by one of them after some step
    vote: np.ndarray  # by the board that most of them end with
    found: np.ndarray  # distinct solutions that any of them has after some step, as a share of those there are
    latent_steps: float
    depth: float
    flops: float


def with_boards() -> list[str]:
    """The tasks whose problems are boards, by name."""
    return [name for name in entries("task") if hasattr(find("task", name), "board_vocabulary")]


def config(task: Task, reasoner: Reasoner, train: TrainConfig = TRAINING) -> Any:
    """A dataclass of a task, a reasoner and a way to train it, all fields of which have defaults."""
    parts = {"task": task, "reasoner": reasoner, "train": train}
    members = [(part, type(value), field(default_factory=lambda value=value: value)) for part, value in parts.items()]
    return make_dataclass("Reasoning", members, frozen=True)()


@dataclass(frozen=True)
class Plain:
    """A plain training of reasoners that was checked; raises `UserError`, before anything is made, if it cannot be.

    `parts` has a task, a reasoner and a `TrainConfig`, by the names of `config`.
    """

    parts: Any
    how: How

    def __post_init__(self) -> None:
        how = self.how
        if not hasattr(self.parts.task, "board_vocabulary"):
            name = type(self.parts.task).__name__
            raise UserError(f"{name} has no boards to read; tasks that have: {', '.join(with_boards())}")
        for name, least in {"seeds": 1, "test": 1, "limit": 0, "width": 1, "times": 1, "noise": 0}.items():
            if getattr(how, name) < least:
                raise UserError(f"{name} must be at least {least}, not {getattr(how, name)}")
        for name, power in {"width": how.width, "times": how.times}.items():
            if power & (power - 1):
                raise UserError(
                    f"{name} must be a power of two, not {power}; the nearest is {1 << power.bit_length() - 1}"
                )
        if how.width > 1 and not (how.noise or how.relabelled or self._draws):
            raise UserError(
                f"{how.width} trajectories of a reasoner that draws nothing are all the same: choose --noise, --relabelled, "
                "--reasoner.start-noise or --reasoner.guide"
            )
        for task in self.tests.values():
            room.check_lines(how.test * how.seeds * how.width * self.depth, task.cells)

    @property
    def _draws(self) -> bool:
        return bool(self.parts.reasoner.learns_noise or getattr(self.parts.reasoner, "start_noise", 0))

    @property
    def depth(self) -> int:
        """Steps of a trajectory at most."""
        return self.how.times * cast(Reasoner, self.parts.reasoner).supervision

    @cached_property
    def task(self) -> BoardTask:
        """What is trained on."""
        task = self.parts.task
        return cast(BoardTask, task.shift(self.how.shift)(task) if self.how.shift else task)

    @cached_property
    def tests(self) -> dict[str, BoardTask]:
        """What is tested, by name; raises `UserError` if a shift changes how many cells a board has."""
        shifted = {name: cast(BoardTask, self.task.shift(name)(self.task)) for name in self.how.shifts}
        for name, task in shifted.items():
            if (task.cells, task.values) != (self.task.cells, self.task.values):
                raise UserError(
                    f"shift {name!r} has boards of {task.cells} cells and {task.values} values, and reasoners are trained "
                    f"for {self.task.cells} and {self.task.values}"
                )
        return {HELD_OUT: self.task, **shifted}

    def plan(self, lab: Lab) -> Plan:
        """What would be trained, and where it would be kept."""
        model = sized(self.parts.reasoner, self.task)
        how = {"seeds": self.how.seeds, "limit": self.how.limit}
        return lab.plan(cast(Any, model), self.task, self.parts.train, loss="board", **how)

    def run(self, lab: Lab) -> tuple[Runs, list[Row]]:
        """The reasoners, and what they solve in each test by number of trajectories and depth."""
        how = self.how
        runs = fit(lab, self.parts.reasoner, self.task, self.parts.train, seeds=how.seeds, limit=how.limit)
        spent = {"width": how.width, "depth": self.depth, "noise": how.noise, "relabelled": how.relabelled}
        rows: list[Row] = []
        for name, task in self.tests.items():
            reasoned = reason(lab, runs, task, how.test, label=f"reason, {name}", **cast(Any, spent))
            rows += _rows(name, reasoned, how.width, how.times)
        return runs, rows


def _rows(test: str, reasoned: Reasoned, width: int, times: int) -> Iterator[Row]:
    """A row for each power of two of trajectories and of multiples of the depth of training: parts of one roll-out."""
    for power in range(times.bit_length()):
        steps = reasoned.model.supervision << power
        for trajectories in (1 << number for number in range(width.bit_length())):
            part = reasoned.part(trajectories, steps)
            bill = part.bill()
            solution = part.solution.reshape(*part.count.shape, -1)
            yield Row(
                test,
                trajectories,
                steps,
                checked=selectors.checked(part.solved, every_step=True).mean(axis=1),
                vote=selectors.majority(part.rollout.filled, part.solved).mean(axis=1),
                found=selectors.coverage(solution, part.count).mean(axis=1),
                latent_steps=float(bill.written.mean()),
                depth=float(bill.depth.mean()),
                flops=float(bill.flops.mean()),
            )
