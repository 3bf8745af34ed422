"""A sum of digits modulo a number, with the running sums as steps, or without: does the sum come at once?

3 0 4 1 <think> 3 3 2 3 <answer> 3        modulo 5: every running sum
3 0 4 1 <think> 3 2 3 <answer> 3          after the first, only those that differ from the one before
3 0 4 1 <think> 3 <answer> 3              at once
<7> 3 <8> 0 <9> 4 <think> <7> 3 <8> 3 <9> 2 <answer> 2        with hints: each number behind the mark of its place
<begin> 3 0 4 1 <think> 3 3 2 3 <answer> 3        opened

A line without the trace has no mark that tells so before its first number: a model that cannot sum at once can only
guess, and its guess is a number as the trace's first is. A dial says how many lines have the trace; what follows for
models that are trained on such lines is in `tasks/sums/laws.py`. The places whose digits count may be a secret subset:
with modulus 2 the sum is then a parity (arXiv:2410.05459).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import NOISE, Batch, Judgement, Problem
from alchemy.problem.text_format import TextFormat
from tasks.sums import shifts, words
from tasks.sums.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.sums.write import follow, has_trace, write


@dataclass(frozen=True)
class Sums(Spec, TaskDefaults):
    """Add up the digits that count, modulo a number."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`digits` int8 (n, places), and whether the line is `traced`, bool (n,): with another share, the same digits.

        With hints also the `first` of them, int16 (n,), from 0.
        """
        digits = rng.integers(self.modulus, size=(n, self.places), dtype=np.int8)
        problem = {"digits": digits, "traced": rng.random(n) < self.traced}
        if self.hints:
            problem["first"] = rng.integers(self.hints - self.places + 1, size=n, dtype=np.int16)
        return problem

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def has_trace(self, completion: np.ndarray) -> np.ndarray:
        """Whether completions int32 (n, m) go on behind their first number instead of answering, bool (n,)."""
        return has_trace(self, completion)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m), each as what it is, with a trace or without, whatever the line of its problem has."""
        return super().verify(self._in_form(batch, completion), completion)

    def chain_fields(self, batch: Batch, completion: np.ndarray) -> np.ndarray:
        return super().chain_fields(self._in_form(batch, completion), completion)

    def _in_form(self, batch: Batch, completion: np.ndarray) -> Batch:
        """The same problems, each written with a trace if its completion int32 (n, m) has one."""
        return write(self, {**batch.problem, "traced": self.has_trace(completion)})

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the digits, those that do not count too: a line falls into the same part with a trace and without, and with any
        hints."""
        return hash_rows(problem["digits"], np.ones(problem["digits"].shape, bool))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the digits and the noise in a prompt; of a clean one its identity."""
        width = int(batch.prompt_len.max(initial=0))
        text, field = batch.text[:, :width], batch.field[:, :width]
        codes = np.where(text == NOISE, self.modulus, text - self.zero)
        return hash_rows(codes, (field == 0) & (codes >= 0))

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """The sum of the step is any other."""
        return super().other_state(self._in_form(batch, completion), completion, step, rng)

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The sums that remain and the answer, with what was added to that of the step."""
        return follow(self, self._in_form(batch, completion).completions(), completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """Whether the line has a trace, how many digits that count are not 0, and their sum."""
        nonzero = (problem["digits"][:, self.summed] != 0).sum(axis=1)
        return {"traced": problem["traced"].astype(np.int8), "nonzero": nonzero, "sum": self.sums(problem)}

    def sums(self, problem: Problem) -> np.ndarray:
        """The right answers, int8 (n,)."""
        return self.running(problem["digits"])[:, -1]

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The same of anybody's text to one problem (n = 1): with a trace, or a sum at once."""
        at_once = text.split()[self.stride : self.stride + 1] == [TEXT_FORMAT.answer_mark]
        return words.steps(self, {**problem, "traced": np.array([not at_once])}, text)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt; raises `UserError`."""
        return words.parse(self, text)

    @property
    def with_chains(self) -> Sums:
        """Every line with the trace, if any has it."""
        return replace(self, traced=1.0) if self.traced else self

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift called `name`: the grammar is in `tasks/sums/shifts.py`."""
        return shifts.parse(self, name)
