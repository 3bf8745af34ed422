"""What a `Facts` task is: its fields, which of their values are possible, and what follows from them alone."""

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
from tasks.facts.world import World, world

PROMPT_FIELDS = ("head", "relations", "instruction")
COMMA, THINK = ",", "<think>"
TEXT_FORMAT = TextFormat(answer_mark="<answer>", step_mark=COMMA)
MOST_ENTITIES, MOST_RELATIONS, MOST_HOPS = 256, 32, 2
WORLDS = 1 << 30
Unseen = Literal["none", "first", "second", "both"]
UNSEEN: tuple[Unseen, ...] = get_args(Unseen)


@dataclass(frozen=True)
class Spec:
    """The distribution: the facts of a world, and which questions compose two of them."""

    world: int = 0
    """The number of the world: another one has other facts about the same entities."""
    entities: int = 64
    relations: int = 8
    """Each leads from every entity to one, any alike."""
    hops: tuple[int, ...] = (1, 2)
    """Facts of a question: one, which is a fact itself, or two."""
    ratio: float = 4.0
    """Composed questions for each fact that is not apart, before a split holds some of them out (arXiv:2405.15071, section 3)."""
    apart: float = 0.25
    """Share of the facts that stand in no composed question but those that `unseen` asks for."""
    unseen: Unseen = "none"
    """Which facts of composed questions are apart; where any is, all questions of that kind are asked, and `ratio` does not count."""
    cot: bool = True
    """The text recites the facts before it answers; otherwise the answer comes at once."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        for what, low, value, high in (
            ("world", 0, self.world, WORLDS - 1),
            ("entities", 2, self.entities, MOST_ENTITIES),
            ("relations", 1, self.relations, MOST_RELATIONS),
            *(("hops", 1, value, MOST_HOPS) for value in self.hops),
        ):
            if not low <= value <= high:
                raise UserError(f"{what} {value} is outside {low} to {high}")
        if not self.hops:
            raise UserError(f"hops is empty, expected numbers from 1 to {MOST_HOPS}")
        if not 0 <= self.apart < 1:
            raise UserError(f"apart {self.apart:g} is outside [0, 1)")
        if self.unseen not in UNSEEN:
            raise UserError(f"unseen {self.unseen!r} is unknown{nearest(self.unseen, UNSEEN)}")
        if not 0 < self.ratio <= self.known.most:
            raise UserError(
                f"ratio {self.ratio:g} is outside 0 to {self.known.most:.2f}, the composed questions that world {self.world} "
                "has for each fact that is not apart"
            )
        if self.unseen != "none" and not (self.known.unseen == UNSEEN.index(self.unseen)).any():
            raise UserError(
                f"unseen {self.unseen!r}: world {self.world} has no such question, as {self.apart:g} is apart"
            )
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @property
    def known(self) -> World:
        """The facts."""
        return world(self.world, self.entities, self.relations, self.apart)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Marks, the names of entities, and those of relations."""
        entities, relations = range(1, self.entities + 1), range(1, self.relations + 1)
        marks = (COMMA, THINK, TEXT_FORMAT.answer_mark)
        return Vocabulary.of((*marks, *(f"E{number}" for number in entities), *(f"R{number}" for number in relations)))

    @property
    def first_entity(self) -> int:
        """The id of E1; those of the others follow it in order."""
        return self.vocabulary.index["E1"]

    @property
    def first_relation(self) -> int:
        """The id of R1; those of the others follow it in order."""
        return self.vocabulary.index["R1"]

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The entities."""
        return tuple(range(self.first_entity, self.first_relation))

    @property
    def kinds(self) -> np.ndarray:
        """A number for each id, int (v,): the same for all entities, and for all relations."""
        kinds = np.arange(len(self.vocabulary))
        kinds[self.first_entity : self.first_relation] = self.first_entity
        kinds[self.first_relation :] = self.first_relation
        return kinds

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt before noise: an entity, relations, and `<think>`."""
        return max(self.hops) + 2

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else min(self.hops) + 2

    @property
    def longest_completion(self) -> int:
        """In a chain the answer mark stands in place of the last comma."""
        return (4 * max(self.hops) - 1) * self.cot + len((TEXT_FORMAT.answer_mark, "E1", "</s>"))

    @property
    def clean_len(self) -> int:
        """Tokens of the longest line before noise."""
        return self.longest_prompt + self.longest_completion
