"""Look-ups that bring documents: the one that a search is about, perhaps, and others that are beside the point.

3 14 15 9 28 c R3 R1 6 <think> <search> c R3 ? ? m b c e <found> <search> e R1 o k m p e j <found> <answer> j

The worlds are those of `search`, and no prompt shows them. `<search> c R3` brings up to `slots` documents by R3: the one about c with
probability `reliability`, where there is one, in any place; each other place has one about another entity with probability
`pollution`. These are true, and say nothing of c: whoever reads without fault loses nothing by them (`tasks/documents/laws.py`). Where
relations may lead to none (`missing`), a question may have no answer, and no document says so. A turn may ask for several things side by side
(`queries`). The dial of irrelevant results follows arXiv:2601.05503, several requests a turn 2602.22675.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import Batch, Field, Judgement, Problem
from alchemy.problem.text_format import TextFormat
from tasks.documents import judge, shifts, words, write
from tasks.documents.environment import Library, episodes
from tasks.documents.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.search.draw import questions
from tasks.search.judge import cut
from tasks.search.write import completion_fields, surface


@dataclass(frozen=True)
class Documents(Spec, TaskDefaults):
    """Follow relations from an entity by reading what searches bring."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`world` int32 (n,), `start` int8 (n,), `path` int8 (n, k): relations, -1 behind the last; `budget` int8 (n,)."""
        return questions(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        return write.write(self, problem)

    @property
    def environment(self) -> Library:
        """What answers searches."""
        return Library.of(self)

    def episodes(self, problem: Problem) -> dict[str, np.ndarray]:
        """What the environment has to know of problems: arrays (n, ...)."""
        return episodes(self, problem)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m): any searches that are due and brought the truth make a valid chain."""
        return judge.verify(self, batch, completion)

    def judge_texts(self, problem: Problem, texts: list[str]) -> tuple[Judgement, Mapping[str, np.ndarray]]:
        """Verdicts on completions as text; beside them whether documents led to what is answered, or were searched for in vain where
        that is none, how many turns and searches there are, and of these the shares that repeat what is known, that no question is due for
        and that are not brought what the environment brings; and the share of places that had a document about another entity."""
        completion = self.encoded(texts)
        return self.verify(self.write(problem), completion), judge.habits(self, problem, completion)

    def chain_fields(self, batch: Batch, completion: np.ndarray) -> np.ndarray:
        """A step for each turn and what it was brought."""
        formed = self.verify(batch, completion).well_formed
        fields = completion_fields(self, cut(completion))
        return np.where(formed[:, None], fields, np.int8(Field.PADDING))

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the numbers of the world: every question to it is in the same part."""
        digits = self.digits(problem)
        return hash_rows(digits, np.ones(digits.shape, bool))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the numbers and the noise among them; of a clean prompt its identity."""
        return surface(batch, self.first_number)

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """The documents about what was asked say another entity."""
        return write.other_state(self, completion, step, rng)

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The turns that follow from what the step was brought, and the answer there."""
        return write.follow(self, batch.problem, completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """The relations of the question, and the turns that are allowed."""
        return {"hops": (problem["path"] >= 0).sum(axis=1), "budget": problem["budget"]}

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The steps of anybody's text to one problem (n = 1), each with its mark."""
        return words.steps(self, problem, text)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt; raises `UserError`."""
        return words.parse(self, text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift called `name`: the grammar is in `tasks/documents/shifts.py`."""
        return shifts.parse(self, name)
