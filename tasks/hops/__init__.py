"""k-hop induction: the letter behind the last time that this letter stood before, and again from there, k times.

2 B A C A B C A <think> 5 B , 2 A <answer> A

The last letter is A; before, A stood at place 4, and behind it B at place 5. B stood at place 1 before, and behind it A. One
hop is an induction head. A transformer's layers double the hops it can take (arXiv:2402.09268), and with each hop written
down two layers take any number: a step says place and letter, as the letter alone stands at many places. Letters are few
and hops short, so a reader of the last letters alone is often right: `tasks/hops/laws.py` says how often.
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
from tasks.hops import draw, shifts, words
from tasks.hops.spec import ALPHABET, PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.hops.structure import renamed
from tasks.hops.write import follow, other_state, walked, write


@dataclass(frozen=True)
class Hops(Spec, TaskDefaults):
    """Hop back through a text, from a letter to the one behind its last occurrence."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`text` int8 (n, t): numbers of letters; `hops` int8 (n,)."""
        return draw.draw(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m) against the gold ones; well formed is what has places and letters where these do."""
        mark = self.vocabulary.index[TEXT_FORMAT.answer_mark]
        return gold.judge(gold.of(self.write(batch.problem), mark), completion, self.kinds, mark)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the text: every number of hops in it is in the same part."""
        return hash_rows(problem["text"], np.ones(problem["text"].shape, bool))

    def structure(self, problem: Problem) -> np.ndarray:
        """Hash of the text up to the names of its letters, exact."""
        return hash_rows(renamed(problem["text"]), np.ones(problem["text"].shape, bool))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the letters and the noise in a prompt's text; of a clean one its identity."""
        width = int(batch.prompt_len.max(initial=0))
        text, field = batch.text[:, :width], batch.field[:, :width]
        codes = np.where(text == NOISE, len(ALPHABET), text - self.first_letter)
        return hash_rows(codes, (field == 1) & (codes >= 0))

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The hops that remain, from the place that the step says, and the letter at their end."""
        return follow(self, batch.problem, completion, step)

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """Another letter and a place where it stands, from which the hops that remain can be taken."""
        return other_state(self, batch.problem, completion, step, rng)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """The number of hops, and how many letters back they lead in all."""
        ends = walked(problem)[np.arange(len(problem["hops"])), problem["hops"].astype(np.intp) - 1]
        return {"hops": problem["hops"], "letters_back": problem["text"].shape[1] - 1 - ends}

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The steps of anybody's text to one problem (n = 1), each with its mark."""
        return words.steps(self, problem, self.gold_text(problem), text)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt; raises `UserError`."""
        return words.parse(self, text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift called `name`: the grammar is in `tasks/hops/shifts.py`."""
        return shifts.parse(self, name)
