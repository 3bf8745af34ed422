"""What a `Hops` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Vocabulary
from alchemy.problem.text_format import TextFormat

PROMPT_FIELDS = ("hops", "text", "instruction")
COMMA, THINK = ",", "<think>"
TEXT_FORMAT = TextFormat(answer_mark="<answer>", step_mark=COMMA)
ALPHABET = "ABCDEFGHIJKLMNOP"
LONGEST = 128
"""Letters of the longest text there can be; its places are numbers of the vocabulary."""
MOST_HOPS = 16


@dataclass(frozen=True)
class Spec:
    """The distribution: texts, and how many hops are taken in them."""

    letters: int = 8
    """Different letters that a text is drawn from."""
    length: int = 64
    """Letters of a text."""
    hops: tuple[int, ...] = (1, 2, 3, 4)
    """Numbers of hops, any alike."""
    cot: bool = True
    """The text has the place and the letter after each hop in it; otherwise the answer comes at once."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        if not 3 <= self.letters <= len(ALPHABET):
            raise UserError(f"letters {self.letters} is outside 3 to {len(ALPHABET)}")
        if not 3 <= self.length <= LONGEST:
            raise UserError(f"length {self.length} is outside 3 to {LONGEST}")
        if not self.hops:
            raise UserError(f"hops is empty, expected numbers from 1 to {MOST_HOPS}")
        for hops in self.hops:
            if not 1 <= hops <= MOST_HOPS:
                raise UserError(f"hops {hops} is outside 1 to {MOST_HOPS}")
        if max(self.hops) * (self.letters - 1) >= self.length:
            most = (self.length - 1) // (self.letters - 1)
            raise UserError(
                f"hops {max(self.hops)} is too many: {self.length} of {self.letters} letters have room for {most} or fewer"
            )
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        numbers = map(str, range(1, LONGEST + 1))
        return Vocabulary.of((COMMA, THINK, TEXT_FORMAT.answer_mark, *ALPHABET, *numbers))

    @property
    def first_letter(self) -> int:
        """The id of A; those of the others follow it in order."""
        return self.vocabulary.index[ALPHABET[0]]

    @property
    def one(self) -> int:
        """The id of the number 1; those of the others follow it in order."""
        return self.vocabulary.index["1"]

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The letters and the numbers of places."""
        return tuple(range(self.first_letter, len(self.vocabulary)))

    @property
    def kinds(self) -> np.ndarray:
        """A number for each id, int (v,): the same for all letters, and for all numbers."""
        kinds = np.arange(len(self.vocabulary))
        kinds[self.first_letter : self.one], kinds[self.one :] = self.first_letter, self.one
        return kinds

    @property
    def longest_prompt(self) -> int:
        """Tokens of every prompt before noise: the number of hops, the text, and `<think>`."""
        return self.length + 2

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.longest_prompt

    @property
    def clean_len(self) -> int:
        """Tokens of the longest line before noise; in a chain the answer mark stands in place of the last comma."""
        return self.longest_prompt + (3 * max(self.hops) - 1) * self.cot + len((TEXT_FORMAT.answer_mark, "A", "</s>"))
