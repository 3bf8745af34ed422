"""What a `Documents` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Problem, Vocabulary
from alchemy.problem.text_format import TextFormat
from alchemy.record import added
from tasks.search.spec import (
    BASE,
    DIGITS,
    FOUND,
    JOINS,
    MOST_RELATIONS,
    MOST_SEARCHES,
    NAMES,
    NONE,
    RELATIONS,
    SAID,
    SEARCH,
    THINK,
    UNTOLD,
    Joins,
    Named,
    named_digits,
)

PROMPT_FIELDS = ("world", "start", "path", "budget", "instruction")
TEXT_FORMAT = TextFormat(answer_mark="<answer>")
MOST_SLOTS, MOST_QUERIES = 4, 4


@dataclass(frozen=True)
class Spec(Named):
    """The distribution: worlds, questions about them, what a search brings, and how many turns of searches are allowed."""

    entities: int = 16
    """Entities of a world, named by letters."""
    relations: int = 8
    """Relations of a world: each leads from every entity to one, any alike, or to none."""
    hops: tuple[int, ...] = (1, 2)
    """Relations of a question, no two the same; their numbers are any of these alike."""
    budgets: tuple[int, ...] = (6,)
    """Turns of searches before the answer; any of these alike."""
    queries: int = 1
    """Searches of a turn: they are asked side by side, and answered together."""
    announced: bool = True
    """The prompt says the budget; otherwise searches end there unforeseen."""
    reliability: float = 0.7
    """The probability that a search brings the document that it is about, where there is one."""
    slots: int = 3
    """Documents that a search has room for."""
    pollution: float = 0.5
    """The probability that a place which is not taken by the right document has one about another entity; otherwise it is empty."""
    missing: float = 0.0
    """The probability that a relation leads from an entity to none: of this there is no document, and a question may have none as
    its answer."""
    joins: Joins = "seen"
    """Relations side by side in questions, as `search` has them."""
    noise: Noise | None = added(before=None)
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        for what, low, value, high in (
            ("entities", 2, self.entities, len(NAMES)),
            ("relations", 3, self.relations, MOST_RELATIONS),
            ("queries", 1, self.queries, MOST_QUERIES),
            ("slots", 1, self.slots, MOST_SLOTS),
            *(("hops", 1, value, self.relations) for value in self.hops),
            *(("budgets", 0, value, MOST_SEARCHES) for value in self.budgets),
            ("pollution", 0, self.pollution, 1),
        ):
            if not low <= value <= high:
                raise UserError(f"{what} {value} is outside {low} to {high}")
        for what, values in (("hops", self.hops), ("budgets", self.budgets)):
            if not values:
                raise UserError(f"{what} is empty, expected one number at least")
        if not 0 < self.reliability <= 1:
            raise UserError(f"reliability {self.reliability} is outside (0, 1]")
        if not 0 <= self.missing < 1:
            raise UserError(f"missing {self.missing} is outside [0, 1)")
        if self.joins not in JOINS:
            raise UserError(f"joins {self.joins!r} is unknown{nearest(self.joins, JOINS)}")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Marks, entities, relations and numbers."""
        marks = (SEARCH, FOUND, TEXT_FORMAT.answer_mark, THINK, UNTOLD)
        return Vocabulary.of((*marks, *NAMES, NONE, *RELATIONS, *map(str, range(BASE))))

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The entities."""
        return tuple(range(self.first_entity, self.first_entity + self.entities))

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The mark that ends a turn."""
        return (self.vocabulary.index[FOUND],)

    @property
    def said(self) -> int:
        """Tokens of a turn that the searcher writes."""
        return SAID * self.queries

    @property
    def turn(self) -> int:
        """Tokens of a turn: its searches, their documents, of two tokens each, and a mark."""
        return self.said + 2 * self.slots * self.queries + 1

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else DIGITS + min(self.hops) + 3

    @property
    def longest_prompt(self) -> int:
        """Positions of the longest prompt: the world, an entity, relations, the budget and `<think>`."""
        return DIGITS + max(self.hops) + 3

    @property
    def clean_len(self) -> int:
        """Positions of the longest line: all turns of the largest budget, an answer and the end."""
        return self.longest_prompt + self.turn * max(self.budgets) + 3

    @staticmethod
    def digits(problem: Problem) -> np.ndarray:
        """The numbers that name worlds, int (n, 5)."""
        return named_digits(problem["world"])
