"""What a `Recheck` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Vocabulary
from alchemy.problem.text_format import TextFormat

PROMPT_FIELDS = ("class", "hops", "rechecks", "map", "start", "instruction")
CLASSES = ("help", "flat", "hurt", "mend", "mixed")
"""Marks that a prompt can carry."""
KINDS = ("help", "flat", "hurt", "mend", "mixed, hurt", "mixed, mend")
"""What dials are set for; the two kinds of mixed problems share a mark."""
Maps = Literal["cycle", "permutation", "function"]
MARKS = ("<think>", "<wait>", "<answer>", "*")
TEXT_FORMAT = TextFormat(answer_mark="<answer>", wait_mark="<wait>")
MAX_DIGIT = 9  # hops and re-checks are told by one digit


@dataclass(frozen=True)
class Spec:
    """The distribution: classes of problems, maps, hops, and what re-checks do to drafts."""

    classes: tuple[str, ...] = CLASSES
    """Classes of problems, equally frequent."""
    hops: tuple[int, ...] = (6,)
    """Hops in a problem of the class help, drawn uniformly from these."""
    alphabet: str = "ABCDEFGHIJ"
    """The letters."""
    maps: Maps = "cycle"
    """Maps that are one cycle through all letters, so that only the right number of hops ends right; or any permutation;
    or any function."""
    right: tuple[float, ...] = (1.0, 1.0, 0.9, 0.4, 0.95, 0.1)
    """How often the first draft is right in noisy text, for each of `KINDS`."""
    breaks: tuple[float, ...] = (0.0, 0.0, 0.25, 0.1, 0.2, 0.05)
    """How often a re-check turns a right draft wrong."""
    mends: tuple[float, ...] = (1.0, 1.0, 0.15, 0.4, 0.05, 0.6)
    """How often a re-check turns a wrong draft right."""
    again: tuple[float, ...] = (0.5, 0.5, 0.5, 0.5, 0.35, 0.65)
    """How often a draft is re-checked, whatever it is, where the prompt does not tell how many re-checks there are."""
    most: int = 8
    """Re-checks that there are at most, 0 to 9."""
    told: float = 0.5
    """Share of prompts that tell the number of re-checks, any from 0 to `most` alike; the others show `*`."""
    asked: int = -1
    """Every prompt tells this number instead, unless it is -1."""
    noisy: bool = False
    """The text shows drafts as re-checks make them; otherwise all are right."""
    waits: bool = True
    """There are re-checks; otherwise no text has one, nor a prompt that tells how many."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        _check_problems(self)
        _check_dials(self)
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary.of((*[f"[{name}]" for name in CLASSES], *"0123456789", *MARKS, *self.alphabet))

    @cached_property
    def letters(self) -> np.ndarray:
        """Ids of the letters, int32 (number of letters,)."""
        return np.arange(len(self.vocabulary) - len(self.alphabet), len(self.vocabulary), dtype=np.int32)

    @property
    def mark_ids(self) -> tuple[int, ...]:
        """The ids of `MARKS`."""
        return tuple(self.vocabulary.index[mark] for mark in MARKS)

    @property
    def answer_mark_id(self) -> int:
        """The id of `<answer>`."""
        return self.vocabulary.index[TEXT_FORMAT.answer_mark]

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The letters: each one written is a draft, and so is the answer."""
        return tuple(self.letters.tolist())

    @property
    def longest_prompt(self) -> int:
        """Tokens of every prompt before noise."""
        return len(self.alphabet) + 5

    @property
    def longest_walk(self) -> int:
        """Hops of the longest problem."""
        return max(self.hops) if "help" in self.classes else 1

    @property
    def max_rechecks(self) -> int:
        """Re-checks of the longest text."""
        return max(self.most, self.asked) if self.waits else 0

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.longest_prompt

    @property
    def clean_len(self) -> int:
        """Tokens of the longest line before noise."""
        return self.longest_prompt + self.longest_walk + 2 * self.max_rechecks + 3


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UserError(message)


def _check_problems(spec: Spec) -> None:
    for name in spec.classes:
        _require(name in CLASSES, f"class {name!r} is unknown{nearest(name, CLASSES)}")
    _require(bool(spec.classes), "classes is empty")
    _require(len(set(spec.classes)) == len(spec.classes), f"classes {spec.classes} has one twice")
    _require(bool(spec.hops), "hops is empty")
    for hops in spec.hops:
        _require(1 <= hops <= MAX_DIGIT, f"hops {hops} is outside 1 to {MAX_DIGIT}")
    kinds = Maps.__args__
    _require(spec.maps in kinds, f"maps {spec.maps!r} are unknown{nearest(spec.maps, kinds)}")
    letters = spec.alphabet
    _require(letters.isascii() and letters.isalpha(), f"alphabet {letters!r} must be ASCII letters")
    _require(len(set(letters)) == len(letters), f"alphabet {letters!r} has a letter twice")
    _require(len(letters) >= 3, f"alphabet {letters!r} has fewer than 3 letters")


def _check_dials(spec: Spec) -> None:
    for name in ("right", "breaks", "mends", "again"):
        dial = getattr(spec, name)
        _require(len(dial) == len(KINDS), f"{name} has {len(dial)} values, expected one for each of {', '.join(KINDS)}")
        outside = [value for value in dial if not 0 <= value <= 1]
        _require(not outside, f"{name} {outside[:1]} is outside [0, 1]")
    _require(0 <= spec.most <= MAX_DIGIT, f"most {spec.most} is outside 0 to {MAX_DIGIT}")
    _require(0 <= spec.told <= 1, f"told {spec.told} is outside [0, 1]")
    _require(-1 <= spec.asked <= MAX_DIGIT, f"asked {spec.asked} is outside 0 to {MAX_DIGIT}, or -1 for any")
    _require(spec.waits or spec.asked < 0, f"asked {spec.asked}: without waits no prompt tells a number of re-checks")
