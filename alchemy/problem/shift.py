"""A shift is data: the fields of a task it changes, along which axis, by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal

from alchemy.errors import UserError, nearest
from alchemy.problem.task import T


class Axis(Enum):
    """The three ways a test distribution can leave the training distribution (arXiv:2508.01191, section 3)."""

    TASK = "task"
    LENGTH = "length"
    FORMAT = "format"


Mode = Literal["insert", "delete", "modify", "hybrid"]
MODES: tuple[Mode, ...] = ("insert", "delete", "modify", "hybrid")


@dataclass(frozen=True)
class Noise:
    """Format noise: each prompt token of the named field is hit with probability `p`; gold is untouched.

    insert: a noise symbol before the token; delete: the token goes; modify: it becomes the noise symbol;
    hybrid: one of the three, uniformly (arXiv:2508.01191, section 7).
    """

    mode: Mode
    p: float
    field: str = "all"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UserError(f"noise mode {self.mode!r} is unknown{nearest(self.mode, MODES)}")
        if not 0 <= self.p <= 1:
            raise UserError(f"noise probability {self.p} is outside [0, 1]")


@dataclass(frozen=True)
class Shift:
    """A named change of a task's fields; printed, compared and stored as it is."""

    name: str
    axis: tuple[Axis, ...]
    size: float
    changes: Mapping[str, Any] = field(hash=False)

    def __call__(self, task: T) -> T:
        """The shifted task; raises `UserError` from the task's own checks if the result is impossible."""
        return replace(task, **self.changes)

    def __add__(self, other: Shift) -> Shift:
        """Both shifts at once; they must change different fields."""
        both = self.changes.keys() & other.changes.keys()
        if both:
            raise UserError(f"shifts {self.name!r} and {other.name!r} both change {', '.join(sorted(both))}")
        axes = tuple(dict.fromkeys(self.axis + other.axis))
        return Shift(f"{self.name}+{other.name}", axes, self.size + other.size, {**self.changes, **other.changes})
