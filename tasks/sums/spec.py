"""What a `Sums` task is: its fields, which of their values are possible, and what follows from them alone."""

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
from alchemy.record import added

PROMPT_FIELDS = ("digits", "instruction")
BEGIN, THINK = "<begin>", "<think>"
TEXT_FORMAT = TextFormat(answer_mark="<answer>")
MAX_MODULUS, MAX_PLACES, MAX_HINTS = 100, 64, 256
Trace = Literal["sums", "changes"]
TRACES: tuple[Trace, ...] = get_args(Trace)


@dataclass(frozen=True)
class Spec:
    """The distribution: digits, the places whose digits count, and how much of the summation a line shows."""

    modulus: int = 5
    """Digits are 0 to modulus - 1, and sums are counted modulo it."""
    places: int = 8
    """Digits of a prompt."""
    counted: tuple[int, ...] = ()
    """The places, from 0 and in increasing order, whose digits are summed; all if empty. No prompt tells them."""
    trace: Trace = "sums"
    """The running sum after each place that counts; or only after the first and wherever it changes (arXiv:2604.25800)."""
    traced: float = 1.0
    """Share of lines with the trace (arXiv:2510.11495); the others have the whole sum in place of it, at once."""
    noise: Noise | None = None
    """Format noise on the prompts."""
    hints: int = added(before=0)
    """Marks of places that there are, or 0: before every digit and every running sum stands that of its place. A line has a row of
    them that begins at any, so that lines of few digits train those of many (arXiv:2310.16028)."""
    opened: bool = added(before=False)
    """Whether lines open with `<begin>`: what tells the first digit from others to models that see no places."""

    def __post_init__(self) -> None:
        if not 2 <= self.modulus <= MAX_MODULUS:
            raise UserError(f"modulus {self.modulus} is outside 2 to {MAX_MODULUS}")
        if not 1 <= self.places <= MAX_PLACES:
            raise UserError(f"places {self.places} is outside 1 to {MAX_PLACES}")
        outside = [place for place in self.counted if not 0 <= place < self.places]
        if outside:
            raise UserError(f"counted {outside[0]} is outside 0 to {self.places - 1}, the places there are")
        if list(self.counted) != sorted(set(self.counted)):
            raise UserError(
                f"counted {self.counted} is not in increasing order: expected {(*sorted(set(self.counted)),)}"
            )
        if self.trace not in TRACES:
            raise UserError(f"trace {self.trace!r} is unknown{nearest(self.trace, TRACES)}")
        if not 0 <= self.traced <= 1:
            raise UserError(f"traced {self.traced} is outside [0, 1]")
        if self.hints and not self.places <= self.hints <= MAX_HINTS:
            raise UserError(
                f"hints {self.hints} is outside {self.places}, the places there are, to {MAX_HINTS}, and not 0"
            )
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        begin = (BEGIN,) if self.opened else ()
        return Vocabulary.of((THINK, TEXT_FORMAT.answer_mark, *begin, *self.hint_names, *map(str, range(self.modulus))))

    @property
    def hint_names(self) -> tuple[str, ...]:
        """The marks of places, where there are any."""
        return tuple(f"<{number}>" for number in range(1, self.hints + 1))

    @property
    def stride(self) -> int:
        """Tokens of a digit, and of a running sum, with its mark."""
        return 2 if self.hints else 1

    @property
    def answer_mark_id(self) -> int:
        """The id of `<answer>`."""
        return self.vocabulary.index[TEXT_FORMAT.answer_mark]

    @property
    def zero(self) -> int:
        """The id of the number 0; those of the others follow it in order."""
        return self.vocabulary.index["0"]

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The numbers, where any lines have the trace: a sum at once is no step, though it stands before the answer."""
        return self._numbers if self.traced else ()

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The numbers: each one written is a step, and so is the answer."""
        return self._numbers

    @property
    def _numbers(self) -> tuple[int, ...]:
        return tuple(range(self.zero, self.zero + self.modulus))

    @property
    def summed(self) -> tuple[int, ...]:
        """The places that count."""
        return self.counted or tuple(range(self.places))

    @property
    def longest_prompt(self) -> int:
        """Tokens of every prompt before noise: the digits and `<think>`, with `<begin>` where lines open with it."""
        return self.opened + self.places * self.stride + 1

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.longest_prompt

    @property
    def clean_len(self) -> int:
        """Tokens of the longest line before noise."""
        return self.longest_prompt + len(self.summed) * self.stride + 3

    def running(self, digits: np.ndarray) -> np.ndarray:
        """The sum after each place that counts, of digits int8 (n, places): int8 (n, k)."""
        return (digits[:, self.summed].cumsum(axis=1, dtype=np.int16) % self.modulus).astype(np.int8)
