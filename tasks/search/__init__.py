"""Look-ups in a world that no prompt shows: relations are followed from an entity, and each can only be searched for.

3 14 15 9 26 c R3 R1 8 <think> <search> c R3 k <found> <search> k R1 d <found> <answer> d          8 searches are allowed

Five numbers name a world, and nobody can compute it from them. A searcher writes `<search> c R3`; the environment writes
where R3 leads from c, and a mark. Three regimes: results are what the world holds, and accuracy at a budget is the distribution
of hops; or results are that only with probability `reliability`, and say so (`tags`); or they do not say it, and it takes looks
that agree. What is the best that can be known with so many searches is in `tasks/search/laws.py`. The design follows
arXiv:2503.09516 (what is told has no loss) and 2511.17006 (budgets that are announced).

Results may have to be worked out before the next search (`chain`): `<search> c R3 k 2 0 <found> d b` is told that R3 leads from c
to where letters 2 and 0 lead from k, and writes where that is, step by step, as far as steps are allowed (`thoughts`).
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
from tasks.search import draw, judge, shifts, words
from tasks.search.environment import Lookup, episodes
from tasks.search.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.search.write import completion_fields, follow, other_state, surface, write


@dataclass(frozen=True)
class Search(Spec, TaskDefaults):
    """Follow relations from an entity by looking each one up."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`world` int32 (n,), `start` int8 (n,), `path` int8 (n, k): relations, -1 behind the last; `budget` int8 (n,);
        of results that have to be worked out `thoughts` int8 (n,) as well."""
        return draw.draw(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    @property
    def environment(self) -> Lookup:
        """What answers searches."""
        return Lookup.of(self)

    def episodes(self, problem: Problem) -> dict[str, np.ndarray]:
        """What the environment has to know of problems: arrays (n, ...)."""
        return episodes(self, problem)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m): any searches that are due and told the truth make a valid chain."""
        return judge.verify(self, batch, completion)

    def judge_texts(self, problem: Problem, texts: list[str]) -> tuple[Judgement, Mapping[str, np.ndarray]]:
        """Verdicts on completions as text; beside them whether the searches found what is answered, how many there are, and of
        these the shares that repeat what is known, that no question is due for, that are not told what the environment tells, and whose results are not
        worked out as they should be."""
        completion = self.encoded(texts)
        judged = judge.searches(self, problem, completion)
        return self.verify(self.write(problem), completion), judge.habits(self, judged, completion)

    def chain_fields(self, batch: Batch, completion: np.ndarray) -> np.ndarray:
        """A step for each search and its result."""
        formed = self.verify(batch, completion).well_formed
        fields = completion_fields(self, judge.cut(completion))
        return np.where(formed[:, None], fields, np.int8(Field.PADDING))

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the numbers of the world: every question to it is in the same part."""
        digits = self.digits(problem)
        return hash_rows(digits, np.ones(digits.shape, bool))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the numbers and the noise among them; of a clean prompt its identity."""
        return surface(batch, self.first_number)

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """Another entity is told."""
        return other_state(self, batch.problem, completion, step, rng)

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The searches that follow from what the step was told, as the best searcher makes them, and the answer there."""
        return follow(self, batch.problem, completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """The relations of the question, and the searches that are allowed."""
        thoughts = {"thoughts": problem["thoughts"]} if self.chain else {}
        return {"hops": (problem["path"] >= 0).sum(axis=1), "budget": problem["budget"], **thoughts}

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
        """The shift called `name`: the grammar is in `tasks/search/shifts.py`."""
        return shifts.parse(self, name)
