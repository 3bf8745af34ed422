"""Facts that no prompt shows, and questions that compose two of them: where do two relations lead from an entity?

E12 R3 R5 <think> E12 R3 E7 , E7 R5 E30 <answer> E30

Relation 3 leads from entity 12 to entity 7, the bridge, and relation 5 from there to entity 30. A world is a random graph of such facts,
and training has every fact as a question of one relation; of the questions of two it has a share. A fact that is `apart` stands in none of
these. So who composes facts, and has not learned the composed questions by heart, is known from composed questions that training left
out, and who composes any two facts from those made of facts that are apart (arXiv:2405.15071, section 3). The chain of thought recites the
facts, one after the other.

All facts are in one part of a split, which is the training part of the standard one: what was never told cannot be known. Floors of readers who
do not compose are exact (`tasks/facts/laws.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alchemy.problem import gold
from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Shift
from alchemy.problem.steps import Step
from alchemy.problem.task import Batch, Judgement, Problem
from alchemy.problem.text_format import TextFormat
from tasks.facts import questions, shifts, words
from tasks.facts.identity import identity, surface
from tasks.facts.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.facts.write import follow, other_state, write


@dataclass(frozen=True)
class Facts(Spec, TaskDefaults):
    """Say where one relation, or two of them, lead from an entity of a world of facts."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`head` int16 (n,): an entity; `path` int8 (n, 2): relations, -1 for none. Every question of the task is as likely."""
        every = questions.every(self)
        rows = rng.integers(len(every["head"]), size=n)
        return {name: values[rows] for name, values in every.items()}

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m) against the gold ones; well formed is what has entities and relations where these do."""
        mark = self.vocabulary.index[TEXT_FORMAT.answer_mark]
        return gold.judge(gold.of(self.write(batch.problem), mark), completion, self.kinds, mark)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the question, whatever the world; the same for all questions of one relation."""
        return identity(problem)

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the question with its noise; of a clean prompt its identity."""
        return surface(self, batch)

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The facts that are left, from the entity that the step ends with, and the answer at their end."""
        return follow(self, batch.problem, completion, step)

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """The step ends with another entity, any other alike."""
        return other_state(self, batch.problem, completion, step, rng)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """The number of facts of a question, and how many of them are apart."""
        return {"hops": questions.hops(problem), "apart": questions.apart(self, problem)}

    @property
    def instructions(self) -> str:
        """The facts, the rules and the format, in English."""
        return words.instructions(self)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The steps of anybody's text to one problem (n = 1), each with its mark."""
        return words.steps(self, problem, self.gold_text(problem), text)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a prompt; raises `UserError`."""
        return words.parse(self, text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift called `name`: the grammar is in `tasks/facts/shifts.py`."""
        return shifts.parse(self, name)
