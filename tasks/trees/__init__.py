"""Expressions modulo a prime whose operators stand in trees of several shapes; the chain of thought is the value of each operator.

( ( 3 + 4 ) x ( 2 - 6 ) ) <think> 0 3 0 <answer> 0        modulo 7

Brackets close in the order in which operators can be worked out: the j-th step of a chain is the value of the j-th bracket
that closes. What a tree's shape asks for can be told from its size in two ways. With as many operators, the trees that lean left,
lean right or bend from one side to the other are all as deep as they have operators, and balanced ones are as shallow as they can be.
With the same depth, the former have as many operators as that, and balanced ones up to 2^depth - 1 (after arXiv:2512.01775,
where the shape of expressions that are searched for counts beside their depth). What readers who do not work an expression out
score is in `tasks/trees/laws.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alchemy.problem import gold
from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import Batch, Judgement, Problem
from alchemy.problem.text_format import TextFormat
from tasks.trees import draw, shifts, words
from tasks.trees.fold import depths, leans
from tasks.trees.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.trees.write import follow, infix, write


@dataclass(frozen=True)
class Trees(Spec, TaskDefaults):
    """Work out an expression modulo a prime."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`leaves` int8 (n, k + 1), `signs` and `order` int8 (n, k), filled with 0, -1 and -1: `tasks/trees/draw.py`."""
        return draw.draw(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m) against the gold ones; well formed is what has numbers where these have them."""
        kinds, mark = np.arange(len(self.vocabulary)), self.vocabulary.index[TEXT_FORMAT.answer_mark]
        kinds[self.zero :] = self.zero
        return gold.judge(gold.of(self.write(batch.problem), mark), completion, kinds, mark)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the expression with all its brackets: it is in the same part in both notations."""
        text = infix(self, problem)
        return hash_rows(text, text > 0)

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the expression and the noise in a prompt; of a clean one its identity."""
        if self.notation == "prefix":  # which has no noise
            return self.identity(batch.problem)
        width = int(batch.prompt_len.max(initial=0))
        return hash_rows(batch.text[:, :width], batch.field[:, :width] == 0)

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The values that the operators left have with that of the step, and the last as the answer."""
        return follow(self, batch.problem, self.solve(batch.problem), completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """Operators, the depth of the tree, and operators that are right operands less those that are left ones."""
        order = problem["order"]
        return {"operators": (order >= 0).sum(axis=1), "depth": depths(order).max(axis=1), "lean": leans(order)}

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The steps of anybody's text to one problem (n = 1), each with its mark."""
        return words.steps(self, problem, text)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt; raises `UserError`."""
        return words.parse(self, text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift called `name`: the grammar is in `tasks/trees/shifts.py`."""
        return shifts.parse(self, name)
