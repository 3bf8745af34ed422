"""A product and a sum of numbers modulo a prime, with the product as the only step: does the answer come from it?

4 x 7 + 9 <think> 5 + 9 <answer> 14        modulo 23

The answer can be read off the trace, and computed from the prompt. Two dials make training text disagree with itself: the
prompt shows a wrong factor, or the trace a wrong product; the answer is always the right one (arXiv:2602.01017). Which of
the two to believe where they differ is then a matter of arithmetic, in `tasks/modular/laws.py`. Factors are never 0, so
every product is equally frequent, and a wrong factor makes any wrong product equally likely.
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
from tasks.modular import draw, shifts, words
from tasks.modular.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.modular.write import PRODUCT, follow, write


@dataclass(frozen=True)
class Modular(Spec, TaskDefaults):
    """Multiply, then add, modulo a prime."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`factors` and those that are `shown`, int16 (n, k); `term` and `written`, the product in the trace, int16 (n,)."""
        return draw.draw(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def solve(self, problem: Problem) -> np.ndarray:
        """The right completions, whatever the text has."""
        return write(self, draw.clean(self, problem)).completions()

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m) by the true factors, whatever the prompt shows and the text has."""
        kinds, mark = np.arange(len(self.vocabulary)), self.vocabulary.index[TEXT_FORMAT.answer_mark]
        kinds[self.zero :] = self.zero
        return gold.judge(gold.of(write(self, draw.clean(self, batch.problem)), mark), completion, kinds, mark)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the prompt: the factors that are shown, and the term."""
        codes = np.concatenate([problem["shown"], problem["term"][:, None]], axis=1)
        return hash_rows(codes, np.ones(codes.shape, bool))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the numbers and the noise in a prompt; of a clean one its identity."""
        width = int(batch.prompt_len.max(initial=0))
        text, field = batch.text[:, :width], batch.field[:, :width]
        codes = np.where(text == NOISE, self.modulus, text - self.zero)
        return hash_rows(codes, (field >= 0) & (field < 2) & (codes >= 0))

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The sum of what the step says."""
        return follow(self, self.solve(batch.problem), completion)

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """The product is any other but 0; the term stays."""
        changed, offset = completion.copy(), rng.integers(1, self.modulus - 1, len(completion))
        changed[:, PRODUCT] = draw.other(completion[:, PRODUCT] - self.zero, offset, self.modulus) + self.zero
        return changed

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """The number of factors, the product, and the term."""
        number = np.full(len(problem["term"]), problem["factors"].shape[1])
        return {"factors": number, "product": self.product(problem["factors"]), "term": problem["term"]}

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The same of anybody's text to one problem (n = 1)."""
        return words.steps(self, self.gold_text(problem), text)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt; raises `UserError`."""
        return words.parse(self, text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift called `name`: the grammar is in `tasks/modular/shifts.py`."""
        return shifts.parse(self, name)
