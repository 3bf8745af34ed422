"""Boards to be completed, all of whose solutions are known: queens, colours of a graph, Latin squares, Sudoku, shortest paths.

1 . 3 . . 4 . 2 2 . 4 . . 3 . 1 <think> 2 , 4 , ... <answer> 1 2 3 4 3 4 1 2 2 1 4 3 4 3 2 1

A problem is a board with blanks, or a graph whose nodes are the cells of one. The chain of thought fills in the blanks in their
order, and the answer is the whole board; any that obeys the rules is right. How many do is exact and asked for: one, or some.
Beside the text there is the board itself, for models that read all cells at once (`alchemy/problem/boards.py`), as those of
arXiv:2605.19376 and arXiv:2510.04871 do, whose tasks these are in small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alchemy.problem.boards import Board
from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import PAD, Batch, Judgement, Problem
from alchemy.problem.text_format import TextFormat
from tasks.boards import judge, picture, shifts, structure, words
from tasks.boards.constraints import adjacent, conflicts
from tasks.boards.draw import draw
from tasks.boards.spec import NODES, ON_PATH, PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.boards.symmetry import relabelled
from tasks.boards.write import identity, surface, write

BLANK, FIRST_VALUE = 1, 2
FIRST_END = FIRST_VALUE + len(NODES)
FIRST_NEIGHBOUR = FIRST_END + 2
"""Ids of what a cell of a board carries: blank, values, the start and the goal of a path, neighbours."""


@dataclass(frozen=True)
class Boards(Spec, TaskDefaults):
    """Complete a board so that it obeys the rules."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`given` and `filled` int8 (n, cells), -1 for blanks, and `solutions` int32 (n,), how many there are; on a graph
        `graph` uint16 (n, nodes), the neighbours of each as bits, and of paths `ends` int8 (n, 2).

        Raises `UserError` if problems with as many solutions are too rare to be found.
        """
        return draw(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m): any solution counts, and any chain whose values are part of one."""
        return judge.verify(self, batch, completion)

    def judge_texts(self, problem: Problem, texts: list[str]) -> tuple[Judgement, Mapping[str, np.ndarray]]:
        """Verdicts on completions as text."""
        return self.verify(self.write(problem), self.encoded(texts)), {}

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the graph, the ends and the board with its blanks."""
        return identity(self, problem)

    def structure(self, problem: Problem) -> np.ndarray:
        """The same up to names: of numbers, of colours and nodes; of queens up to turns and reflections."""
        return structure.keys(self, problem)

    def surface(self, batch: Batch) -> np.ndarray:
        """The identity's hash of what a prompt says, with its noise."""
        return surface(batch)

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The rest of a solution that has what was filled in as far as any has; the answer says all that was filled in."""
        return judge.follow(self, batch.problem, completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """Blanks and solutions, and of a graph its edges; of paths their nodes."""
        features = {"blanks": (problem["given"] < 0).sum(axis=1), "solutions": problem["solutions"]}
        if self.is_graph:
            features["edges"] = np.bitwise_count(problem["graph"]).sum(axis=1, dtype=np.int64) // 2
        if self.kind == "paths":
            features["nodes"] = (problem["filled"] == ON_PATH).sum(axis=1)
        return features

    def board(self, problem: Problem) -> Board:
        """Problems cell by cell: the value of each cell or blank, and on a graph whether it is an end, and its neighbours."""
        given, filled = problem["given"], problem["filled"].astype(np.int32)
        tokens = [np.where(given < 0, BLANK, given + np.int32(FIRST_VALUE))[:, :, None]]
        if self.kind == "paths":
            ends = problem["ends"][:, None] == np.arange(self.cells)[:, None]  # (n, k, 2)
            tokens.append(np.where(ends.any(axis=2), FIRST_END + ends.argmax(axis=2), PAD)[:, :, None])
        if self.is_graph:
            near = np.where(adjacent(problem["graph"]), FIRST_NEIGHBOUR + np.arange(self.cells), PAD)
            tokens.append(-np.sort(-near, axis=2)[:, :, : self.cells - 1])
        return Board(np.concatenate(tokens, axis=2).astype(np.int32), filled, given < 0)

    def conflicts(self, problem: Problem, filled: np.ndarray) -> np.ndarray:
        """Constraints that boards int (n, cells) violate, int32 (n,), changed givens included."""
        return conflicts(self, problem, filled)

    def solution_count(self, problem: Problem) -> np.ndarray:
        """How many solutions each problem has, int64 (n,)."""
        return problem["solutions"].astype(np.int64)

    def solution_ids(self, problem: Problem, filled: np.ndarray) -> np.ndarray:
        """A hash of boards int (n, cells) that solve the problems, -1 for others: int64 (n,)."""
        solved = conflicts(self, problem, filled) == 0
        hashed = (hash_rows(np.where(solved[:, None], filled, 0), np.ones(filled.shape, bool)) >> np.uint64(1)).astype(
            np.int64
        )
        return np.where(solved, hashed, -1)

    def relabelled(
        self, problem: Problem, rng: np.random.Generator
    ) -> tuple[Problem, Callable[[np.ndarray], np.ndarray]]:
        """The problems under a symmetry drawn for each, and what takes boards int (n, cells) back."""
        return relabelled(self, problem, rng)

    def picture(self, problem: Problem, filled: np.ndarray) -> str:
        """One problem (n = 1) with boards int (t, cells) filled in one after the other, as one SVG."""
        return picture.strip(self, problem, filled)

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The steps of anybody's text to one problem (n = 1), each with its mark."""
        return words.steps(self, problem, text)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt, with one of its solutions; raises `UserError`."""
        return words.parse(self, text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift called `name`: the grammar is in `tasks/boards/shifts.py`."""
        return shifts.parse(self, name)
