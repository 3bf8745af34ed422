"""What a task offers to verifiers that write a check: an answer taken part by part, each with what has to be written to see whether it holds.

Dimension letters: `n` problems, `m` tokens of a completion, `r` parts of a check, `w` tokens of a part.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from alchemy.problem.task import Problem, Task


class Parts(NamedTuple):
    """Checks of completions, part by part."""

    text: (
        np.ndarray
    )  # int32 (n, r, w): what is written to see whether a part holds; padding where there is no answer to check
    holds: np.ndarray  # bool (n, r): an answer all of whose parts hold is right, and no other


class Checkable(Task, Protocol):
    """A task whose answers can be checked without solving the problem."""

    @property
    def part_shape(self) -> tuple[int, int]:
        """Parts of a check, and tokens of each."""

    def parts(self, problem: Problem, completion: np.ndarray) -> Parts:
        """The checks of the answers in completions int32 (n, m); raises `UserError` where an answer cannot be checked so."""
