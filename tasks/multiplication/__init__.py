"""Two factors are multiplied in a small base; the chain of thought is the running sum of each column of the multiplication.

3 1 x 2 4 <think> 6 13 15 7 <answer> 1 0 2 1        base 5, the lowest digit first: 8 times 22 is 176

In the second column, 6 carries 1 over; 3 times 4 is added, then 1 times 2: 13, 15. A digit in the middle of the product depends on
all digits below, and each step on two of them and on the step before. A model that is trained to answer at once learns the
ends of products and not their middles (arXiv:2510.00184). What can be known of each digit without multiplying is in
`tasks/multiplication/laws.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import NOISE, Batch, Problem
from alchemy.problem.text_format import TextFormat
from tasks.multiplication import shifts, words
from tasks.multiplication.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.multiplication.write import columns, follow, other_state, write


@dataclass(frozen=True)
class Multiplication(Spec, TaskDefaults):
    """Multiply two numbers, digit by digit."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`left` and `right` int8 (n, d): the digits of the factors, the lowest first, whichever is written first."""
        digits = rng.integers(self.base, size=(2, n, self.digits), dtype=np.int8)
        if self.zeros:
            digits[rng.random(digits.shape) < self.zeros] = 0
        return dict(zip(("left", "right"), digits, strict=True))

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def columns(self, problem: Problem) -> np.ndarray:
        """The running sum at the end of each column, the lowest first: int16 (n, 2 d - 1)."""
        return columns(self, problem)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the two factors, in any order: both products are in the same part, whichever digit is written first."""
        return _pair(*(hash_rows(problem[name], np.ones(problem[name].shape, bool)) for name in ("left", "right")))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the digits and the noise in a prompt's factors; of a clean one its identity."""
        prompt = np.arange(int(batch.prompt_len.max(initial=0)))
        prompt = prompt if self.first == "low" else prompt[::-1]
        text, field = batch.text[:, prompt], batch.field[:, prompt]
        codes = np.where(text == NOISE, self.base, text - self.zero)
        return _pair(*(hash_rows(codes, (field == side) & (codes >= 0)) for side in (0, 1)))

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """Any other sum that is no higher than factors can have it there."""
        return other_state(self, completion, step, rng)

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The sums that remain, from that of the step on, and the product that all of them make."""
        return follow(self, batch.problem, completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """Zeros among the digits of the factors, and columns that carry something over."""
        zeros = sum((problem[name] == 0).sum(axis=1) for name in ("left", "right"))
        return {"zeros": np.asarray(zeros), "carries": (self.columns(problem) >= self.base).sum(axis=1)}

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The steps of anybody's text to one problem (n = 1), each with its mark."""
        return words.steps(self, problem, self.gold_text(problem), text)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt; raises `UserError`."""
        return words.parse(self, text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift called `name`: the grammar is in `tasks/multiplication/shifts.py`."""
        return shifts.parse(self, name)


def _pair(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """One hash of two, uint64 (n,) each, in any order."""
    both = np.sort(np.stack([left, right], axis=1), axis=1)
    return hash_rows(both, np.ones(both.shape, bool))
