"""Is the number of ones in a row of bits even or odd? The chain of thought is the parity after each bit.

1 0 1 <think> odd , odd , even <answer> even
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alchemy.errors import UserError
from alchemy.problem import shift_names
from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Axis, Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.task import EOS, Batch, Field, Problem, Vocabulary
from alchemy.problem.text_format import TextFormat


@dataclass(frozen=True)
class Parity(TaskDefaults):
    """Say whether a row of bits has an even or an odd number of ones."""

    length: int = 16
    """Bits of a problem."""

    prompt_fields: ClassVar[tuple[str, ...]] = ("bits", "instruction")
    text_format: ClassVar[TextFormat] = TextFormat(answer_mark="<answer>", step_mark=",")
    vocabulary: ClassVar[Vocabulary] = Vocabulary.of(("0", "1", "even", "odd", ",", "<think>", "<answer>"))
    instructions: ClassVar[str] = (
        "Write even or odd after each bit, for the number of ones up to it, separated by commas. Then write <answer> and "
        "the last of these words."
    )
    shifts: ClassVar[tuple[str, ...]] = ("length=20",)

    @property
    def longest_prompt(self) -> int:
        return self.length + 1

    @property
    def clean_len(self) -> int:
        return self.longest_prompt + 2 * self.length - 1 + len(("<answer>", "odd", "</s>"))

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`bits`: int8 (n, length)."""
        return {"bits": rng.integers(0, 2, (n, self.length), np.int8)}

    def write(self, problem: Problem) -> Batch:
        bits, index = problem["bits"], self.vocabulary.index
        parity = np.cumsum(bits, axis=1) % 2 + index["even"]
        steps = np.full((len(bits), 2 * self.length - 1), index[","])
        steps[:, ::2] = parity
        think, answer, end = (np.full((len(bits), 1), token) for token in (index["<think>"], index["<answer>"], EOS))
        tokens = np.hstack([bits + index["0"], think, steps, answer, parity[:, -1:], end]).astype(np.int32)
        field = [0] * self.length + [1] + [Field.STEP + place // 2 for place in range(steps.shape[1])]
        field += [Field.ANSWER, Field.ANSWER, Field.END]
        prompt_len = np.full(len(bits), self.longest_prompt, np.int32)
        return Batch(tokens[..., None], prompt_len, np.tile(np.array(field, np.int8), (len(bits), 1)), problem)

    @property
    def state_tokens(self) -> tuple[int, ...]:
        return self.vocabulary.index["even"], self.vocabulary.index["odd"]

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """Behind a parity that was changed, all that follow and the answer are the other ones."""
        gold, place = batch.completions(), 2 * step
        later = np.isin(gold, self.state_tokens) & (np.arange(gold.shape[1]) > place)
        changed = completion[:, place : place + 1] != gold[:, place : place + 1]
        rest = np.where(later & changed, sum(self.state_tokens) - gold, gold)
        return np.where(np.arange(gold.shape[1]) <= place, completion, rest)

    def parse(self, text: str) -> Problem:
        *bits, instruction = text.split() or [""]
        if len(bits) != self.length or not set(bits) <= {"0", "1"} or instruction != "<think>":
            raise UserError(f"prompt {text!r} is not {self.length} bits and <think>")
        return {"bits": np.array([bits], np.int8)}

    def identity(self, problem: Problem) -> np.ndarray:
        return hash_rows(problem["bits"], np.ones(problem["bits"].shape, bool))

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        return {"ones": problem["bits"].sum(axis=1)}

    def shift(self, name: str) -> Shift:
        """`length=20`: rows of that many bits."""
        return shift_names.parse(self, name, {"length": _length})


def _length(task: Parity, value: str, name: str) -> Shift:
    length = shift_names.number(value, name, "a number of bits")
    return Shift(name, (Axis.LENGTH,), abs(length - task.length), {"length": length})
