"""What a task offers to models that read a whole board at once: cells of which some are given, and all of its solutions.

Dimension letters: `n` problems, `k` cells of a board, `c` ids a cell carries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from alchemy.problem.task import Problem, Task


class Board(NamedTuple):
    """Problems as a model reads them that sees all cells at once, and one solution of each."""

    tokens: np.ndarray  # int32 (n, k, c): ids that a cell carries, summed: its value or blank, its neighbours; 0 pads
    target: np.ndarray  # int32 (n, k): the values of one solution, any as likely, which the problem records
    blank: np.ndarray  # bool (n, k): cells that are not given


class BoardTask(Task, Protocol):
    """A task whose problems are boards, all of the same number of cells, and whose sets of solutions are exact."""

    @property
    def cells(self) -> int:
        """Cells of a board."""

    @property
    def values(self) -> int:
        """Values that a cell can have: 0, 1, ..., values - 1."""

    @property
    def board_vocabulary(self) -> int:
        """Ids that there are in `Board.tokens`, the same for boards of every size."""

    def board(self, problem: Problem) -> Board:
        """Problems cell by cell."""

    def conflicts(self, problem: Problem, filled: np.ndarray) -> np.ndarray:
        """Constraints that boards int (n, k) violate, int32 (n,), changed givens included: 0 for solutions and for no others."""

    def solution_count(self, problem: Problem) -> np.ndarray:
        """How many solutions each problem has, int64 (n,)."""

    def solution_ids(self, problem: Problem, filled: np.ndarray) -> np.ndarray:
        """int64 (n,) of boards int (n, k): equal for equal boards, -1 for what is no solution."""

    def picture(self, problem: Problem, filled: np.ndarray) -> str:
        """One problem (n = 1) with boards int (t, k) filled in one after the other, as one SVG that stands by itself."""

    def relabelled(
        self, problem: Problem, rng: np.random.Generator
    ) -> tuple[Problem, Callable[[np.ndarray], np.ndarray]]:
        """The problems under a symmetry drawn for each, and what takes boards int (n, k) back to the original's values and
        places: solutions become solutions, and others do not."""
