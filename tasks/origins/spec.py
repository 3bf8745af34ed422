"""What an `Origins` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Problem, Vocabulary
from alchemy.problem.text_format import TextFormat
from alchemy.record import added
from tasks.search.spec import (
    BASE,
    DIGITS,
    FOUND,
    MOST_RELATIONS,
    NAMES,
    NONE,
    RELATIONS,
    THINK,
    TURN,
    UNTOLD,
    Named,
    named_digits,
)

PROMPT_FIELDS = ("world", "end", "path", "badge", "budget", "instruction")
TEXT_FORMAT = TextFormat(answer_mark="<answer>")
BACK, NEXT, LOOK, BADGE = "<back>", "<next>", "<look>", "<badge>"


@dataclass(frozen=True)
class Spec(Named):
    """The distribution: worlds, questions about them, and how many searches are allowed."""

    entities: int = 16
    """Entities of a world, named by letters."""
    relations: int = 8
    """Relations of a world: each leads from every entity to one, any alike, so that to some no entity leads and to some several."""
    hops: tuple[int, ...] = (1, 2)
    """Relations of a question, no two the same; their numbers are any of these alike."""
    budgets: tuple[int, ...] = (16,)
    """Searches that may be made before the answer; any of these alike."""
    announced: bool = True
    """The prompt says the budget; otherwise searches end there unforeseen."""
    shown: bool = False
    """Where one comes from is thought and not looked up: the prompt names each relation of the question, and behind it has the first
    entity that it leads from to a, b, ..., and the next one beside a, b, ...; only badges are told."""
    noise: Noise | None = None
    """Format noise on the prompts."""
    reliability: float = added(before=1.0)
    """The probability that a search is told what it finds; otherwise it is told nothing, and has to be made again."""
    badge: int | None = added(before=None)
    """The number that every question asks for, so that a look says by itself whether the entity is found; otherwise any."""

    def __post_init__(self) -> None:
        if not 2 <= self.entities <= len(NAMES):
            raise UserError(f"entities {self.entities} is outside 2 to {len(NAMES)}")
        if not 3 <= self.relations <= MOST_RELATIONS:
            raise UserError(f"relations {self.relations} is outside 3 to {MOST_RELATIONS}")
        for what, values, low, high in (
            ("hops", self.hops, 1, self.relations),
            ("budgets", self.budgets, 0, BASE - 1),
        ):
            if not values:
                raise UserError(f"{what} is empty, expected numbers from {low} to {high}")
            for value in values:
                if not low <= value <= high:
                    raise UserError(f"{what} {value} is outside {low} to {high}")
        if not 0 < self.reliability <= 1:
            raise UserError(f"reliability {self.reliability} is outside (0, 1]")
        if self.reliability < 1 and self.shown:
            raise UserError(f"reliability {self.reliability} where the world is shown: expected 1")
        if self.badge is not None and not 0 <= self.badge < self.entities:
            raise UserError(f"badge {self.badge} is outside 0 to {self.entities - 1}")
        if self.noise is not None and self.shown:
            raise UserError(f"noise {self.noise.mode} where the world is shown: expected none")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Marks, entities, relations and numbers."""
        marks = (BACK, NEXT, LOOK, BADGE, FOUND, TEXT_FORMAT.answer_mark, THINK, UNTOLD)
        return Vocabulary.of((*marks, *NAMES, NONE, *RELATIONS, *map(str, range(BASE))))

    @property
    def turn(self) -> int:
        """Tokens of a search and its result."""
        return TURN + self.shown

    @property
    def untold(self) -> int:
        """The id of what stands where nothing is told or thought."""
        return self.vocabulary.index[UNTOLD]

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """What searches find: entities, and the numbers that they bear."""
        starts = (self.first_entity, self.first_number)
        return tuple(start + place for start in starts for place in range(self.entities))

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The mark behind what is told."""
        return (self.vocabulary.index[FOUND],)

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else DIGITS + self.table(min(self.hops)) + min(self.hops) + 4

    @property
    def asked(self) -> range:
        """The numbers that questions ask for."""
        return range(self.entities) if self.badge is None else range(self.badge, self.badge + 1)

    def table(self, hops: int) -> int:
        """Tokens of a prompt that show the world to a question of so many relations."""
        return (1 + 2 * self.entities) * hops * self.shown

    @property
    def longest_prompt(self) -> int:
        """Positions of the longest prompt: the world, an entity, relations, a badge, the budget and `<think>`."""
        return DIGITS + self.table(max(self.hops)) + max(self.hops) + 4

    @property
    def clean_len(self) -> int:
        """Positions of the longest line: a search for each of the largest budget, an answer and the end."""
        return self.longest_prompt + self.turn * max(self.budgets) + 3

    @staticmethod
    def digits(problem: Problem) -> np.ndarray:
        """The numbers that name worlds, int (n, 5)."""
        return named_digits(problem["world"])
