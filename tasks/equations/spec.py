"""What an `Equations` task is: its fields, which of their values are possible, and what follows from them alone."""

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

PROMPT_FIELDS = ("equations", "asked", "instruction")
EQUALS, COMMA, ALL, THINK = "=", ",", "all", "<think>"
TEXT_FORMAT = TextFormat(answer_mark="<answer>", step_mark=COMMA)
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31)
MOST_UNKNOWNS = 6
Asked = Literal["all", "one"]


@dataclass(frozen=True)
class Spec:
    """The distribution: how many unknowns, in which field, how many zeros, and which unknowns are asked for."""

    modulus: int = 5
    """Numbers are counted modulo this prime."""
    unknowns: int = 3
    """Unknowns, and as many equations."""
    zeros: float = 0.0
    """How often an entry of the triangular factors of the matrix that is off their diagonals is made 0."""
    asked: Asked = "all"
    """The answer is all unknowns, or the one that the prompt names, any of them alike."""
    cot: bool = True
    """The text has the elimination in it; otherwise the answer comes at once."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        if self.modulus not in PRIMES:
            near = min(PRIMES, key=lambda prime: abs(prime - self.modulus))
            raise UserError(f"modulus {self.modulus} is not a prime from 2 to 31; the nearest is {near}")
        if not 1 <= self.unknowns <= MOST_UNKNOWNS:
            raise UserError(f"unknowns {self.unknowns} is outside 1 to {MOST_UNKNOWNS}")
        if not 0 <= self.zeros <= 1:
            raise UserError(f"zeros {self.zeros} is outside [0, 1]")
        if self.asked not in get_args(Asked):
            raise UserError(f"asked {self.asked!r} is unknown{nearest(self.asked, get_args(Asked))}")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        names = [f"x{number}" for number in range(1, MOST_UNKNOWNS + 1)]
        marks = (EQUALS, COMMA, THINK, TEXT_FORMAT.answer_mark, ALL)
        return Vocabulary.of((*marks, *names, *map(str, range(self.modulus))))

    @property
    def zero(self) -> int:
        """The id of the number 0; those of the others follow it in order."""
        return self.vocabulary.index["0"]

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The numbers."""
        return tuple(range(self.zero, self.zero + self.modulus))

    @property
    def row_len(self) -> int:
        """Tokens of an equation with the comma behind it."""
        return self.unknowns + 3

    @property
    def longest_prompt(self) -> int:
        """Tokens of every prompt before noise: the equations, what is asked for, and `<think>`."""
        return self.unknowns * self.row_len + 2

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.longest_prompt

    @property
    def chain_len(self) -> int:
        """Tokens of the elimination; the answer mark stands in place of the last comma."""
        return self.unknowns**2 * self.row_len - 1 if self.cot else 0

    @property
    def answer_len(self) -> int:
        """Numbers of an answer."""
        return self.unknowns if self.asked == "all" else 1

    @property
    def clean_len(self) -> int:
        """Tokens of every line before noise."""
        return self.longest_prompt + self.chain_len + self.answer_len + 2

    def numbers(self, tokens: np.ndarray) -> np.ndarray:
        """The numbers that ids int (...) stand for, int16 (...); -1 for those that stand for none."""
        values = tokens - self.zero
        return np.where((values >= 0) & (values < self.modulus), values, -1).astype(np.int16)
