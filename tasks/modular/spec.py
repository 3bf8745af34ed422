"""What a `Modular` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Vocabulary
from alchemy.problem.text_format import TextFormat

PROMPT_FIELDS = ("product", "term", "instruction")
TIMES, PLUS, THINK = "x", "+", "<think>"
TEXT_FORMAT = TextFormat(answer_mark="<answer>")
MODULI = (5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
"""Primes, so that factors other than 0 have every product equally often."""


@dataclass(frozen=True)
class Spec:
    """The distribution: the numbers there are, factors in a product, and how often training text is wrong."""

    modulus: int = 23
    """Numbers are counted modulo this prime."""
    factors: int = 2
    """Factors of the product."""
    prompt_noise: float = 0.0
    """How often one of the factors that a prompt shows is not the one that trace and answer are computed from."""
    trace_noise: float = 0.0
    """How often the product in the trace is not the one that the answer is computed from."""
    cot: bool = True
    """The text has the product in it; otherwise the answer comes at once."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        if self.modulus not in MODULI:
            near = min(MODULI, key=lambda prime: abs(prime - self.modulus))
            raise UserError(f"modulus {self.modulus} is not a prime from 5 to 97; the nearest is {near}")
        if not 2 <= self.factors <= 9:
            raise UserError(f"factors {self.factors} is outside 2 to 9")
        for name in ("prompt_noise", "trace_noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} {getattr(self, name)} is outside [0, 1]")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary.of((TIMES, PLUS, THINK, TEXT_FORMAT.answer_mark, *map(str, range(self.modulus))))

    @property
    def zero(self) -> int:
        """The id of the number 0; those of the others follow it in order."""
        return self.vocabulary.index["0"]

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The numbers."""
        return tuple(range(self.zero, self.zero + self.modulus))

    @property
    def longest_prompt(self) -> int:
        """Tokens of every prompt before noise: factors and a term with a sign between each two, and `<think>`."""
        return 2 * self.factors + 2

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.longest_prompt

    @property
    def clean_len(self) -> int:
        """Tokens of every line before noise."""
        return self.longest_prompt + 3 * self.cot + 3

    def product(self, factors: np.ndarray) -> np.ndarray:
        """The products of rows of factors int (n, k), int16 (n,)."""
        product = factors[:, 0].astype(np.int64)
        for factor in factors[:, 1:].T:
            product = product * factor % self.modulus
        return product.astype(np.int16)
