"""What a `Rules` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Vocabulary
from alchemy.problem.text_format import TextFormat

PROMPT_FIELDS = ("rule", "times", "letter", "instruction")
THINK = "<think>"
TEXT_FORMAT = TextFormat(answer_mark="<answer>")
ALPHABET = "ABCDEFGHIJKLMNOP"
MOST_TIMES = 16


@dataclass(frozen=True)
class Spec:
    """The distribution: rules, and how often they are applied."""

    letters: int = 7
    """Letters that a rule permutes; any of their permutations is as likely."""
    times: tuple[int, ...] = (1, 2)
    """Numbers of applications, any alike."""
    cot: bool = True
    """The text has the letter after each application in it; otherwise the answer comes at once."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        if not 4 <= self.letters <= len(ALPHABET):
            raise UserError(f"letters {self.letters} is outside 4 to {len(ALPHABET)}")
        if not self.times:
            raise UserError(f"times is empty, expected numbers from 1 to {MOST_TIMES}")
        for times in self.times:
            if not 1 <= times <= MOST_TIMES:
                raise UserError(f"times {times} is outside 1 to {MOST_TIMES}")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        numbers = map(str, range(1, MOST_TIMES + 1))
        return Vocabulary.of((THINK, TEXT_FORMAT.answer_mark, *ALPHABET, *numbers))

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
        """The letters that rules permute."""
        return tuple(range(self.first_letter, self.first_letter + self.letters))

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The letters: each one written is a step, and so is the answer."""
        return self.state_tokens

    @property
    def kinds(self) -> np.ndarray:
        """A number for each id, int (v,): the same for all letters that rules permute."""
        kinds = np.arange(len(self.vocabulary))
        kinds[list(self.state_tokens)] = self.first_letter
        return kinds

    @property
    def longest_prompt(self) -> int:
        """Tokens of every prompt before noise: the rule, how often it is applied, the letter, and `<think>`."""
        return self.letters + 3

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.longest_prompt

    @property
    def clean_len(self) -> int:
        """Tokens of the longest line before noise."""
        return self.longest_prompt + max(self.times) * self.cot + len((TEXT_FORMAT.answer_mark, "A", "</s>"))
