"""A rule in the prompt, applied to a letter once or more: where does it take the letter?

C A B G F E D 2 A <think> C B <answer> B

The rule takes A to C, B to A, C to B and so on: its images stand in the order of the alphabet. One application is a look-up,
two are a composition, and written down a composition is look-ups. As the rule is given, any rule can be asked for, and what a
model trained on m of them does with others says whether it reads the rule or knows its own (the question that arXiv:2306.15063
asks of regression). What both of these readers would say is exact, in `tasks/rules/laws.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alchemy.problem import gold
from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import NOISE, Batch, Judgement, Problem
from alchemy.problem.text_format import TextFormat
from tasks.rules import shifts, words
from tasks.rules.spec import ALPHABET, PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.rules.write import applied, follow, write


@dataclass(frozen=True)
class Rules(Spec, TaskDefaults):
    """Apply a rule that the prompt gives to a letter, once or more."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`rule` int8 (n, letters): the letter that each is taken to; `times` and `letter` int8 (n,)."""
        rule = rng.permuted(np.tile(np.arange(self.letters, dtype=np.int8), (n, 1)), axis=1)
        times = np.array(self.times, np.int8)[rng.integers(len(self.times), size=n)]
        return {"rule": rule, "times": times, "letter": rng.integers(self.letters, size=n, dtype=np.int8)}

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m) against the gold ones; well formed is what has letters where these have them."""
        mark = self.vocabulary.index[TEXT_FORMAT.answer_mark]
        return gold.judge(gold.of(self.write(batch.problem), mark), completion, self.kinds, mark)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the rule: all that is asked of it is in the same part."""
        return hash_rows(problem["rule"], np.ones(problem["rule"].shape, bool))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the letters and the noise in a prompt's rule; of a clean one its identity."""
        width = int(batch.prompt_len.max(initial=0))
        text, field = batch.text[:, :width], batch.field[:, :width]
        codes = np.where(text == NOISE, len(ALPHABET), text - self.first_letter)
        return hash_rows(codes, (field == 0) & (codes >= 0))

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The letters that the applications left lead to from that of the step, and the last as the answer."""
        return follow(self, batch.problem, completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """The number of applications, and how many lead the letter back to itself."""
        round_trip = applied(problem["rule"], problem["letter"], self.letters) == problem["letter"][:, None]
        return {"times": problem["times"], "cycle": round_trip.argmax(axis=1) + 1}

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
        """The shift called `name`: the grammar is in `tasks/rules/shifts.py`."""
        return shifts.parse(self, name)
