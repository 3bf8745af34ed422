"""Tasks in the call shape of procedural data sets for reinforcement learning, as reasoning-gym has it.

data = create_dataset("connectivity", seed=1, size=500, depth=2, shift="names=2")
entry = data[0]                                   # question, answer, metadata
data.score_answer("work : [ ... ] decision : [ 4 ]", entry)      # in [0, 1]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from alchemy.dataset.prompts import plain, prompts
from alchemy.discover import find
from alchemy.errors import UserError, nearest
from alchemy.problem.split import Part, Split
from alchemy.problem.task import Task
from alchemy.scoring.grade import grade_text


@dataclass(frozen=True)
class Dataset:
    """`size` problems of one part; entry i is a pure function of the seed and i."""

    name: str
    task: Task
    seed: int
    size: int
    part: Part
    split: Split = Split()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The entry of that number; raises `IndexError` past the end."""
        if not -self.size <= index < self.size:
            raise IndexError(index)
        index %= self.size
        batch = self.split.sample(self.task, np.random.default_rng([self.seed, index]), 1, self.part)
        [question] = prompts(self.task, batch)
        return {
            "question": plain(self.task, (), question.input),
            "answer": question.output,
            "metadata": {
                "source_dataset": self.name,
                "source_index": index,
                "prompt": question.input,
                "problem": question.problem,
            },
        }

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(self.size))

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        """1 for a right answer behind a valid chain, .5 for a right answer alone, else 0."""
        if not answer:
            return 0.0
        grade = grade_text(self.task, entry["metadata"]["problem"], entry["answer"], answer)
        return 0.5 * grade.answer + 0.5 * (grade.answer and grade.trace)


def create_dataset(
    name: str, *, seed: int = 0, size: int = 500, part: Part = "train", shift: str = "", **config: Any
) -> Dataset:
    """Problems of the task of that name, whose fields `config` gives; raises `UserError` if it has no such field."""
    kind = find("task", name)
    known = [field.name for field in fields(kind)]
    if unknown := [name for name in config if name not in known]:
        raise UserError(f"task {name} has no field {unknown[0]!r}{nearest(unknown[0], known)}")
    if size < 1 or seed < 0:
        raise UserError(f"size {size} and seed {seed}: expected at least 1 and at least 0")
    task = kind(**config)
    return Dataset(name, task.shift(shift)(task) if shift else task, seed, size, part)
