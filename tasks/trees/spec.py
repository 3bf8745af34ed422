"""What a `Trees` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar, get_args

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Vocabulary
from alchemy.problem.text_format import TextFormat

PROMPT_FIELDS = ("expression", "instruction")
OPEN, CLOSE, THINK = "(", ")", "<think>"
TEXT_FORMAT = TextFormat(answer_mark="<answer>")
SIGNS = ("+", "-", "x")
PRIMES = (5, 7, 11, 13)
MOST_OPERATORS = 15
MOST_OF_ANY_SHAPE = 10
"""Operators of which all trees are listed: 16,796."""
Shape = Literal["left", "right", "bent", "balanced", "any"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
FEWEST_BENT = 3
"""Operators of the smallest tree that is as deep as it has operators and leans neither left nor right throughout."""
Count = TypeVar("Count", int, np.ndarray)
Notation = Literal["infix", "prefix"]


@dataclass(frozen=True)
class Spec:
    """The distribution: numbers, signs, how many operators, and in which trees."""

    modulus: int = 7
    """Numbers are counted modulo this prime; those of an expression are not 0, so that a product with one is any number."""
    operators: tuple[int, ...] = (7,)
    """Numbers of operators, any alike."""
    shapes: tuple[Shape, ...] = ("left", "balanced")
    """Shapes of trees, any alike. In the first three each operator but the deepest has a number on one side and an operator on the
    other: on the left always, on the right always, or now on one side and now on the other. Balanced trees divide the numbers in
    half at each operator, the larger half on the left. `any` is any tree alike."""
    signs: tuple[str, ...] = SIGNS
    """Signs of operators, any alike."""
    notation: Notation = "infix"
    """With a sign between its operands and a pair of brackets for each operator, or with the sign before both and no brackets."""
    cot: bool = True
    """The text has the value of each operator in it; otherwise the answer comes at once."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        if self.modulus not in PRIMES:
            near = min(PRIMES, key=lambda prime: abs(prime - self.modulus))
            raise UserError(
                f"modulus {self.modulus} is not one of {', '.join(map(str, PRIMES))}; the nearest is {near}"
            )
        for name, known in (("shapes", SHAPES), ("signs", SIGNS)):
            values = getattr(self, name)
            if not values:
                raise UserError(f"{name} is empty, expected one or more of {', '.join(known)}")
            for value in values:
                if value not in known:
                    raise UserError(f"{name[:-1]} {value!r} is unknown{nearest(value, known)}")
        if not self.operators:
            raise UserError(f"operators is empty, expected numbers from 1 to {MOST_OPERATORS}")
        for shape in self.shapes:
            low = FEWEST_BENT if shape == "bent" else 1
            high = MOST_OF_ANY_SHAPE if shape == "any" else MOST_OPERATORS
            for operators in self.operators:
                if not low <= operators <= high:
                    raise UserError(f"operators {operators} is outside {low} to {high}, with shape {shape!r}")
        if self.notation not in get_args(Notation):
            raise UserError(f"notation {self.notation!r} is unknown{nearest(self.notation, get_args(Notation))}")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)
            if self.notation == "prefix":
                raise UserError(
                    "noise with notation 'prefix': expected 'infix', in which all that is left of a text is read"
                )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        marks = (OPEN, CLOSE, *SIGNS, THINK, TEXT_FORMAT.answer_mark)
        return Vocabulary.of((*marks, *map(str, range(self.modulus))))

    @property
    def zero(self) -> int:
        """The id of the number 0; those of the others follow it in order."""
        return self.vocabulary.index["0"]

    @property
    def first_sign(self) -> int:
        """The id of the first sign; those of the others follow it in order."""
        return self.vocabulary.index[SIGNS[0]]

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The numbers."""
        return tuple(range(self.zero, self.zero + self.modulus))

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The numbers: each one written is a step, and so is the answer."""
        return self.state_tokens

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt before noise: the expression and `<think>`."""
        return self.expression_len(max(self.operators)) + 1

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.expression_len(min(self.operators)) + 1

    @property
    def clean_len(self) -> int:
        """Tokens of the longest line before noise."""
        return self.longest_prompt + max(self.operators) * self.cot + len((TEXT_FORMAT.answer_mark, "0", "</s>"))

    def expression_len(self, operators: Count) -> Count:
        """Tokens of an expression: numbers, signs and, in infix notation, brackets."""
        return (4 if self.notation == "infix" else 2) * operators + 1

    @property
    def table(self) -> np.ndarray:
        """What each of `SIGNS` makes of two numbers, int8 (3, modulus, modulus)."""
        left, right = np.ogrid[: self.modulus, : self.modulus]
        return (np.stack([left + right, left - right, left * right]) % self.modulus).astype(np.int8)
