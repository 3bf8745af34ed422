"""What a `Search` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Problem, Vocabulary
from alchemy.problem.text_format import TextFormat

PROMPT_FIELDS = ("world", "start", "path", "budget", "instruction")
TEXT_FORMAT = TextFormat(answer_mark="<answer>")
SEARCH, FOUND, STRAY, NONE, THINK, UNTOLD = "<search>", "<found>", "<stray>", "<none>", "<think>", "?"
NAMES = "abcdefghijklmnopqrstuvwxyz"
MOST_RELATIONS = 8
RELATIONS = tuple(f"R{number + 1}" for number in range(MOST_RELATIONS))
DIGITS, BASE = 5, 64
"""The numbers that name a world, and the values that each can have."""
MOST_SEARCHES = 32
MOST_LOOKS = 16
"""Searches of the largest budget where results have no tags: there are many more partitions of larger numbers."""
TURN, SAID = 5, 3
"""Tokens of a search and its result without letters, and how many of them the searcher writes; the rest is told."""
MOST_CHAIN = 8
Joins = Literal["any", "seen", "unseen"]
JOINS: tuple[Joins, ...] = get_args(Joins)


class Named:
    """Where the vocabulary of a world has entities, relations and numbers."""

    vocabulary: Vocabulary

    @property
    def nothing(self) -> int:
        """The number that stands for no entity, above those of all entities."""
        return len(NAMES)

    @property
    def first_entity(self) -> int:
        """The id of entity a; those of the others follow it in order, and last that of none."""
        return self.vocabulary.index[NAMES[0]]

    @property
    def first_relation(self) -> int:
        """The id of R1; those of the others follow it in order."""
        return self.vocabulary.index[RELATIONS[0]]

    @property
    def first_number(self) -> int:
        """The id of 0; those of the others follow it in order."""
        return self.vocabulary.index["0"]


@dataclass(frozen=True)
class Spec(Named):
    """The distribution: worlds, questions about them, how far results can be trusted, and how many searches are allowed."""

    entities: int = 16
    """Entities of a world, named by letters."""
    relations: int = 8
    """Relations of a world: each leads from every entity to one, any alike, or to none."""
    hops: tuple[int, ...] = (1, 2, 3, 4)
    """Relations of a question, no two the same; their numbers are any of these alike."""
    budgets: tuple[int, ...] = (8,)
    """Searches that may be made before the answer; any of these alike."""
    announced: bool = True
    """The prompt says the budget; otherwise searches end there unforeseen."""
    tracked: bool = False
    """After each result the environment says how many searches are left (arXiv:2511.17006)."""
    reliability: float = 1.0
    """The probability that a result is what the world holds; otherwise it is any entity."""
    tags: bool = True
    """A result says which of the two it is."""
    missing: float = 0.0
    """The probability that a relation leads from an entity to none: a question may then have none as its answer."""
    joins: Joins = "seen"
    """Relations side by side in questions: no relation is followed by the next one of the world; or there is one such pair at
    least, where there are two relations; or any."""
    price: float = 0.0
    """What a search has to add to the probability of a right answer for the text to make it, where results have no tags."""
    chain: int = 0
    """Letters that a result comes with: the entity it means is found by going through them (`tasks/search/chains.py`)."""
    letters: int = 4
    """Letters that there are."""
    thoughts: tuple[int, ...] = (0,)
    """How many of these steps are written behind each result, said in the prompt; any of these alike. The others have to be taken
    in the head."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        if not 2 <= self.entities <= len(NAMES):
            raise UserError(f"entities {self.entities} is outside 2 to {len(NAMES)}")
        if not 3 <= self.relations <= MOST_RELATIONS:
            raise UserError(f"relations {self.relations} is outside 3 to {MOST_RELATIONS}")
        for what, values, low, high in (
            ("hops", self.hops, 1, self.relations),
            ("budgets", self.budgets, 0, MOST_SEARCHES),
            ("thoughts", self.thoughts, 0, self.chain),
        ):
            if not values:
                raise UserError(f"{what} is empty, expected numbers from {low} to {high}")
            for value in values:
                if not low <= value <= high:
                    raise UserError(f"{what} {value} is outside {low} to {high}")
        if not 1 <= self.letters <= BASE:
            raise UserError(f"letters {self.letters} is outside 1 to {BASE}")
        if not 0 <= self.chain <= MOST_CHAIN:
            raise UserError(f"chain {self.chain} is outside 0 to {MOST_CHAIN}")
        if not 0 < self.reliability <= 1:
            raise UserError(f"reliability {self.reliability} is outside (0, 1]")
        if not 0 <= self.missing < 1:
            raise UserError(f"missing {self.missing} is outside [0, 1)")
        if self.missing and not self.tags:
            raise UserError(f"missing {self.missing} without tags: expected 0, as no best searcher of these is known")
        if self.reliability < 1 and not self.tags and max(self.budgets) > MOST_LOOKS:
            raise UserError(
                f"budgets {max(self.budgets)} without tags is above {MOST_LOOKS}, up to which the best is computed"
            )
        if self.joins not in JOINS:
            raise UserError(f"joins {self.joins!r} is unknown{nearest(self.joins, JOINS)}")
        if not 0 <= self.price < 1:
            raise UserError(f"price {self.price} is outside [0, 1)")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Marks, entities, relations and numbers."""
        marks = (SEARCH, FOUND, STRAY, TEXT_FORMAT.answer_mark, THINK, UNTOLD)
        return Vocabulary.of((*marks, *NAMES, NONE, *RELATIONS, *map(str, range(BASE))))

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The entities."""
        return tuple(range(self.first_entity, self.first_entity + self.entities))

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The marks that end a result."""
        return self.vocabulary.index[FOUND], self.vocabulary.index[STRAY]

    @property
    def turn(self) -> int:
        """Tokens of a search, its result and what is thought of it."""
        return TURN + 2 * self.chain + self.tracked

    @property
    def mark(self) -> int:
        """The place in a turn of the mark behind its result."""
        return SAID + 1 + self.chain

    @property
    def thinks(self) -> int:
        """The place in a turn of the first thought, behind the mark and the number of searches that are left."""
        return self.mark + 1 + self.tracked

    @property
    def unthought(self) -> int:
        """The id of what stands where a thought is not written."""
        return self.vocabulary.index[UNTOLD]

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else DIGITS + min(self.hops) + 3 + bool(self.chain)

    @property
    def longest_prompt(self) -> int:
        """Positions of the longest prompt: the world, an entity, relations, the budgets and `<think>`."""
        return DIGITS + max(self.hops) + 3 + bool(self.chain)

    @property
    def clean_len(self) -> int:
        """Positions of the longest line: a search for each of the largest budget, an answer and the end."""
        return self.longest_prompt + self.turn * max(self.budgets) + 3

    @staticmethod
    def digits(problem: Problem) -> np.ndarray:
        """The numbers that name worlds, int (n, 5)."""
        return named_digits(problem["world"])


def named_digits(world: np.ndarray) -> np.ndarray:
    """The numbers that name worlds int (n,): int (n, 5)."""
    return np.asarray(world[:, None] // BASE ** np.arange(DIGITS - 1, -1, -1) % BASE)
