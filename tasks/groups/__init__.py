"""The word problem of a finite group: which element is the product of a word's letters?

a b b a <think> 16 25 1 17 <answer> 17

The letters are two generators, and the chain of thought says the element after each of them, or after every so many. In a
commutative group it is enough to count letters, in a solvable one fixed depth is enough, and in A5, whose words are as hard
as any problem of logarithmic depth (Barrington 1989), layers have to grow with the length while a chain needs one step a
letter (arXiv:2402.12875, 2404.08819). The groups A5, A4xZ5 and Z60 have 60 elements each, so that lines differ in nothing else;
what guessing, counting and reading the last letters score is in `tasks/groups/laws.py`.

#7 a #31 b <think> load #7 #7 a 16 load #31 #31 b 25 <answer> 25

With names a step says whose turn it is, so that the next one is found by what is written rather than by how much is (signposts,
Kraus et al., arXiv:2604.25800). Where all letters of a word have one name, it says nothing (`alike`).

a7 b31 <think> a7 16 b31 25 <answer> 25

With names that are part of letters (numbered) one look-up says both.
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
from tasks.groups import shifts, words
from tasks.groups.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.groups.table import LETTERS
from tasks.groups.write import follow, write


@dataclass(frozen=True)
class Groups(Spec, TaskDefaults):
    """Multiply the letters of a word in a finite group."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`word` int8 (n, length): 0 for a, 1 for b; where letters have names, these int8 (n, length), all different or all alike."""
        word = rng.integers(len(LETTERS), size=(n, self.length), dtype=np.int8)
        return {"word": word, "names": self._names(rng, word.shape)} if self.has_names else {"word": word}

    def _names(self, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        """Numbers of names, int8 of that shape, all different in each row, or all alike."""
        if self.alike:
            return np.repeat(rng.integers(self.names, size=(shape[0], 1), dtype=np.int8), shape[1], axis=1)
        every = np.tile(np.arange(self.names, dtype=np.int8), (shape[0], 1))
        return rng.permuted(every, axis=1)[:, : shape[1]]

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m) against the gold ones; well formed is what has elements where these have them."""
        mark = self.vocabulary.index[TEXT_FORMAT.answer_mark]
        return gold.judge(gold.of(self.write(batch.problem), mark), completion, self.kinds, mark)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the word: it is in the same part in every group, and with every chain."""
        return hash_rows(problem["word"], np.ones(problem["word"].shape, bool))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the letters and the noise in a prompt, names left out; of a clean one its identity."""
        width = int(batch.prompt_len.max(initial=0))
        text, field = batch.text[:, :width], batch.field[:, :width]
        is_name = text >= self.first_name
        letters = text - self.first_letter
        if self.numbered:
            letters = np.where(is_name, (text - self.first_name) // self.names, letters)
            is_name = np.zeros_like(is_name)
        codes = np.where(text == NOISE, len(LETTERS), letters)
        return hash_rows(codes, (field == 0) & (codes >= 0) & ~is_name)

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The elements that the letters behind the step lead to from that of the step, and the last as the answer."""
        return follow(self, batch.problem, self.solve(batch.problem), completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """How many letters are b, and the product."""
        return {"bs": problem["word"].sum(axis=1), "product": self.states(problem["word"])[:, -1]}

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
        """The shift called `name`: the grammar is in `tasks/groups/shifts.py`."""
        return shifts.parse(self, name)
