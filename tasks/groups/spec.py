"""What a `Groups` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from collections.abc import Mapping
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
from tasks.groups.table import LETTERS, MAX_ORDER, Group, group, names, pairs

PROMPT_FIELDS = ("word", "instruction")
THINK = "<think>"
TEXT_FORMAT = TextFormat(answer_mark="<answer>")
LONGEST = 108
"""Letters of the longest word there can be: a chain has no more steps than a line can number."""
LOAD = "load"
MAX_NAMES = 70
"""Names that letters can have at most; arXiv:2604.25800 draws from as many."""
Trace = Literal["states", "named", "signposts", "numbered"]
TRACES: tuple[Trace, ...] = get_args(Trace)
WIDTHS: Mapping[Trace, int] = {"states": 1, "named": 3, "signposts": 5, "numbered": 2}
"""Tokens of a step; its element is the last of them."""


@dataclass(frozen=True)
class Spec:
    """The distribution: words of two letters, what they do, and how much of the way a line shows."""

    group: str = "A5"
    """A5, A4xZ5 and Z60 have 60 elements, S5 has 120, and Zq, q up to 120, are the numbers modulo q with addition."""
    length: int = 16
    """Letters of a word, either as likely."""
    pair: int = 0
    """Which of the group's pairs of generators the letters are."""
    stride: int = 1
    """The chain says the element after every so many letters, and after the last."""
    cot: bool = True
    """The text has a chain in it; otherwise the answer comes at once."""
    noise: Noise | None = None
    """Format noise on the prompts."""
    trace: Trace = added(before="states")
    """What a step of the chain says: the element alone; or each letter of the prompt has a name before it, and a step says name,
    letter and element (named), or first `load` and the name, and then these (signposts, arXiv:2604.25800); or a letter and its name
    are one symbol, in the prompt and in a step, which says it and the element (numbered)."""
    names: int = added(before=MAX_NAMES)
    """Names from which those of a word are drawn."""
    alike: bool = added(before=False)
    """Whether all letters of a word have the same name, drawn for the word: a control, as it says of no letter which it is."""

    def __post_init__(self) -> None:
        if self.group not in names():
            raise UserError(f"group {self.group!r} is unknown{nearest(self.group, names())}")
        if not 1 <= self.length <= LONGEST:
            raise UserError(f"length {self.length} is outside 1 to {LONGEST}")
        if not 0 <= self.pair < len(pairs(self.group)):
            raise UserError(
                f"pair {self.pair} is outside 0 to {len(pairs(self.group)) - 1}, the pairs that {self.group} has"
            )
        if not 1 <= self.stride <= LONGEST:
            raise UserError(f"stride {self.stride} is outside 1 to {LONGEST}")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)
        if self.trace not in TRACES:
            raise UserError(f"trace {self.trace!r} is unknown{nearest(self.trace, TRACES)}")
        if self.has_names and self.stride > 1:
            raise UserError(f"stride {self.stride} with names: expected 1, as a step names one letter")
        if not 1 <= self.names <= MAX_NAMES:
            raise UserError(f"names {self.names} is outside 1 to {MAX_NAMES}")
        if self.has_names and not self.alike and self.length > self.names:
            raise UserError(f"length {self.length} is outside 1 to {self.names}, the names there are")
        if self.alike and not self.has_names:
            raise UserError(
                f"alike with the trace {self.trace!r}: expected named, signposts or numbered, which have names"
            )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        numbers = range(1, self.names + 1)
        names = (LOAD, *(f"#{number}" for number in numbers)) if self.named else ()
        if self.numbered:
            names = tuple(f"{letter}{number}" for letter in LETTERS for number in numbers)
        return Vocabulary.of((THINK, TEXT_FORMAT.answer_mark, *LETTERS, *map(str, range(MAX_ORDER)), *names))

    @property
    def named(self) -> bool:
        """Whether names are symbols of their own, before letters."""
        return self.trace in ("named", "signposts")

    @property
    def numbered(self) -> bool:
        """Whether letters with their names are symbols: a with the first name, with the second, ..., then b."""
        return self.trace == "numbered"

    @property
    def has_names(self) -> bool:
        """Whether letters have names."""
        return self.named or self.numbered

    @property
    def first_name(self) -> int:
        """The id of the first name there is, or would be, alone or with a letter; those of the others follow it."""
        return self.zero + MAX_ORDER + (not self.numbered)

    @property
    def table(self) -> Group:
        """The group, and what its letters do."""
        return group(self.group, self.pair)

    @property
    def first_letter(self) -> int:
        """The id of a; that of b follows it."""
        return self.vocabulary.index[LETTERS[0]]

    @property
    def zero(self) -> int:
        """The id of element 0; those of the others follow it in order."""
        return self.vocabulary.index["0"]

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The group's elements."""
        return tuple(range(self.zero, self.zero + self.table.order))

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The elements: each one written is a step, and so is the answer."""
        return self.state_tokens

    @property
    def kinds(self) -> np.ndarray:
        """A number for each id, int (v,): the same for all elements of the group."""
        kinds = np.arange(len(self.vocabulary))
        kinds[list(self.state_tokens)] = self.zero
        kinds[self.first_name :] = self.first_name
        return kinds

    @property
    def shown(self) -> np.ndarray:
        """The letters, counted from 0, behind which a chain says the element, int (k,)."""
        return np.minimum(np.arange(self.stride - 1, self.length + self.stride - 1, self.stride), self.length - 1)

    @property
    def longest_prompt(self) -> int:
        """Tokens of every prompt before noise: the word, with its names, and `<think>`."""
        return self.length * (1 + self.named) + 1

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.longest_prompt

    @property
    def clean_len(self) -> int:
        """Tokens of every line before noise."""
        return self.longest_prompt + self.chain_length * self.step_width + len((TEXT_FORMAT.answer_mark, "0", "</s>"))

    @property
    def chain_length(self) -> int:
        """Steps of every chain."""
        return len(self.shown) * self.cot

    @property
    def step_width(self) -> int:
        """Tokens of a step; its element is the last of them."""
        return WIDTHS[self.trace]

    def states(self, word: np.ndarray) -> np.ndarray:
        """The element after each letter of words int8 (n, length), from element 0 on: int16 (n, length)."""
        return self.onwards(np.zeros(len(word), np.int16), word)

    def onwards(self, start: np.ndarray, word: np.ndarray) -> np.ndarray:
        """The same from elements int (n,) on."""
        states, at = np.empty(word.shape, np.int16), start
        for place, letter in enumerate(word.T):
            states[:, place] = at = self.table.step[at, letter]
        return states
