"""What a `Multiplication` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Vocabulary
from alchemy.problem.text_format import TextFormat
from tasks.multiplication.columns import most

PROMPT_FIELDS = ("left", "right", "instruction")
TIMES, THINK = "x", "<think>"
TEXT_FORMAT = TextFormat(answer_mark="<answer>")
LARGEST_BASE, MOST_DIGITS = 10, 8
Trace = Literal["products", "columns", "none"]
TRACES: tuple[Trace, ...] = get_args(Trace)
First = Literal["low", "high"]
FIRSTS: tuple[First, ...] = get_args(First)


@dataclass(frozen=True)
class Spec:
    """The distribution: how long the factors are, in which base, and how much of the multiplication a line shows."""

    base: int = 5
    """Digits are 0 to base - 1."""
    digits: int = 3
    """Digits of each factor; the product has twice as many."""
    zeros: float = 0.0
    """How often a digit of a factor is made 0."""
    trace: Trace = "products"
    """The running sum of each column after every product of two digits, or at its end, or the answer at once."""
    first: First = "low"
    """Which digit of a number is written first."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        if not 2 <= self.base <= LARGEST_BASE:
            raise UserError(f"base {self.base} is outside 2 to {LARGEST_BASE}")
        if not 1 <= self.digits <= MOST_DIGITS:
            raise UserError(f"digits {self.digits} is outside 1 to {MOST_DIGITS}")
        if not 0 <= self.zeros <= 1:
            raise UserError(f"zeros {self.zeros} is outside [0, 1]")
        for name, value, known in (("trace", self.trace, TRACES), ("first", self.first, FIRSTS)):
            if value not in known:
                raise UserError(f"{name} {value!r} is unknown{nearest(value, known)}")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Marks, and every number up to the largest running sum of the longest factors."""
        largest = int(most(self.base, MOST_DIGITS).max())
        return Vocabulary.of((TIMES, THINK, TEXT_FORMAT.answer_mark, *map(str, range(largest + 1))))

    @property
    def zero(self) -> int:
        """The id of the number 0; those of the others follow it in order."""
        return self.vocabulary.index["0"]

    @property
    def answer_mark_id(self) -> int:
        """The id of `<answer>`."""
        return self.vocabulary.index[TEXT_FORMAT.answer_mark]

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The numbers."""
        return tuple(range(self.zero, len(self.vocabulary)))

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The numbers: each running sum is a step, and each digit of the answer."""
        return self.state_tokens

    @property
    def longest_prompt(self) -> int:
        """Tokens of every prompt before noise: two factors, `x` and `<think>`."""
        return 2 * self.digits + 2

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.longest_prompt

    @property
    def chain_len(self) -> int:
        """Running sums of a line."""
        return {"products": self.digits**2, "columns": 2 * self.digits - 1, "none": 0}[self.trace]

    @property
    def clean_len(self) -> int:
        """Tokens of every line before noise."""
        return self.longest_prompt + self.chain_len + 2 * self.digits + 2

    def numbers(self, tokens: np.ndarray) -> np.ndarray:
        """The numbers that ids int (...) stand for, int16 (...); -1 for those that stand for none."""
        return np.maximum(tokens - self.zero, -1).astype(np.int16)
