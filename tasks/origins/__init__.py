"""Searching backwards: which entity do relations lead from, and bears a badge? One branches, verifies and goes back.

3 14 15 9 26 j R3 15 16 <think> <back> j R3 l <found> <look> l <badge> 5 <found> <next> l R3 m <found> <look> m <badge> 15 <found> <answer> m

The worlds are those of `search`, and no prompt shows them. A relation leads from each entity to one, so that to some no entity leads
and to some several. `<back> j R3` is told the first entity, by the alphabet, from which R3 leads to j, `<next> l R3` the first one
behind l from which R3 leads to where it leads from l, and `<look> l <badge>` the number that l bears, as no other entity does. A question
of several relations goes back by one after the other, and whoever comes to an end goes back up. What has to be gone through is a
critical branching process: many questions are over soon, and some take long (`tasks/origins/laws.py`). The regime follows the
inverted questions of arXiv:2504.12516 (BrowseComp: hard to find, and easy to verify).
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
from tasks.origins import judge, shifts, words, write
from tasks.origins.environment import Inverse, draw, episodes
from tasks.origins.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.search.judge import cut
from tasks.search.write import completion_fields, surface


@dataclass(frozen=True)
class Origins(Spec, TaskDefaults):
    """Find the entity that relations lead from, by looking them up backwards."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`world` int32 (n,), `end` int8 (n,), `path` int8 (n, k): relations as one goes back, -1 behind the last; `badge`, `budget`
        int8 (n,)."""
        return draw(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        return write.write(self, problem)

    @property
    def environment(self) -> Inverse:
        """What answers searches."""
        return Inverse.of(self)

    def episodes(self, problem: Problem) -> dict[str, np.ndarray]:
        """What the environment has to know of problems: arrays (n, ...)."""
        return episodes(self, problem)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m): any searches that are due and told the truth make a valid chain."""
        return judge.verify(self, batch, completion)

    def judge_texts(self, problem: Problem, texts: list[str]) -> tuple[Judgement, Mapping[str, np.ndarray]]:
        """Verdicts on completions as text; beside them whether the badge of what is answered was looked at, how many searches there
        are, and of these the shares that were made before, that are of nothing found, and that are not told what the environment
        tells."""
        completion = self.encoded(texts)
        return self.verify(self.write(problem), completion), judge.habits(self, problem, completion)

    def chain_fields(self, batch: Batch, completion: np.ndarray) -> np.ndarray:
        """A step for each search and its result."""
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
        """Another entity is told, or another number."""
        return write.other_state(self, completion, step, rng)

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The searches that follow from what the step was told, depth first, and the answer there."""
        return write.follow(self, batch.problem, completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """The relations of the question, the searches that are allowed, and those that the depth-first searcher needs."""
        needed = write.needed(self, problem)
        return {"hops": (problem["path"] >= 0).sum(axis=1), "budget": problem["budget"], "needed": needed}

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
        """The shift called `name`: the grammar is in `tasks/origins/shifts.py`."""
        return shifts.parse(self, name)
