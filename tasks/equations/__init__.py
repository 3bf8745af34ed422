"""As many linear equations as unknowns, modulo a prime; the chain of thought is their Gauss-Jordan elimination.

2 1 = 3 , 4 3 = 4 , all <think> 1 3 = 4 , 0 1 = 3 , 0 1 = 3 , 1 0 = 0 <answer> 0 3        modulo 5

One equation is a step, and each takes a fixed amount of arithmetic; without the steps one answer takes all of them. Every
system has one solution, by construction (`tasks/equations/draw.py`). Scores of zero understanding are in
`tasks/equations/laws.py`: they are not p^-k.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alchemy.problem import gold
from alchemy.problem.arrays import flat
from alchemy.problem.checks import Parts
from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import NOISE, Batch, Judgement, Problem
from alchemy.problem.text_format import TextFormat
from tasks.equations import check, draw, shifts, words
from tasks.equations.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.equations.write import follow, right_hand_side, system, write


@dataclass(frozen=True)
class Equations(Spec, TaskDefaults):
    """Solve linear equations modulo a prime."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`matrix` int16 (n, k, k), `right` and `solution` int16 (n, k), `asked` int16 (n,): the unknown, -1 for all."""
        return draw.draw(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m) against the gold ones; well formed is what has numbers where these have them."""
        kinds, mark = np.arange(len(self.vocabulary)), self.vocabulary.index[TEXT_FORMAT.answer_mark]
        kinds[self.zero :] = self.zero
        return gold.judge(gold.of(self.write(batch.problem), mark), completion, kinds, mark)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the equations: another question about the same ones is in the same part."""
        codes = flat(system(problem))
        return hash_rows(codes, np.ones(codes.shape, bool))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the numbers and the noise in a prompt's equations; of a clean one its identity."""
        width = int(batch.prompt_len.max(initial=0))
        text, field = batch.text[:, :width], batch.field[:, :width]
        codes = np.where(text == NOISE, self.modulus, self.numbers(text))
        return hash_rows(codes, (field == 0) & (codes >= 0))

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The elimination that goes on from there, and its answer."""
        return follow(self, batch.problem, self.solve(batch.problem), completion, step)

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """The right-hand side is any other, so that the elimination can go on; the coefficients stay."""
        changed, place = completion.copy(), right_hand_side(self, step)
        offset = rng.integers(1, self.modulus, len(completion))
        changed[:, place] = (completion[:, place] - self.zero + offset) % self.modulus + self.zero
        return changed

    @property
    def part_shape(self) -> tuple[int, int]:
        """Equations, and numbers that are written to check each."""
        return check.part_shape(self)

    def parts(self, problem: Problem, completion: np.ndarray) -> Parts:
        """Answers put into the equations: `tasks/equations/check.py`."""
        return check.parts(self, problem, completion)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """Zeros among the coefficients, and equations that show one unknown alone."""
        zeros = problem["matrix"] == 0
        alone = (~zeros).sum(axis=2) == 1
        return {"zeros": zeros.sum(axis=(1, 2)), "shown_alone": alone.sum(axis=1)}

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
        """The shift called `name`: the grammar is in `tasks/equations/shifts.py`."""
        return shifts.parse(self, name)
