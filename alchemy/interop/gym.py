"""Tasks in the call shape of procedural data sets for reinforcement learning, as reasoning-gym has it.

data = create_dataset("connectivity", seed=1, size=500, depth=2, shift="names=2")
entry = data[0]                                   # question, answer, metadata
data.score_answer("work : [ ... ] decision : [ 4 ]", entry)      # in [0, 1]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np

from alchemy.dataset.prompts import Question, plain, prompts
from alchemy.discover import find
from alchemy.errors import UserError, nearest
from alchemy.problem.split import HashSet, Part, Split, TooFew, prompt_hash
from alchemy.problem.task import Batch, Task
from alchemy.scoring.grade import grade_text

BLOCK = 64
"""Problems that are drawn at once."""
DRY = 64
"""Blocks without a new problem after which there are no others."""


@dataclass(frozen=True)
class Dataset:
    """`size` problems of one part, no two with the same prompt; entry i depends on the seed and i alone.

    Problems are drawn in blocks as they are asked for; to reach a far entry all before it are drawn. Raises `UserError` at
    an entry beyond the last that the part has.
    """

    name: str
    task: Task
    seed: int
    size: int
    part: Part
    split: Split = Split()
    _drawn: list[Question] = field(default_factory=list, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The entry of that number; raises `IndexError` past the end."""
        if not -self.size <= index < self.size:
            raise IndexError(index)
        index %= self.size
        while len(self._drawn) <= index:
            self._drawn.extend(prompts(self.task, next(self._blocks)))
        question = self._drawn[index]
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

    def __reduce__(self) -> tuple[Any, ...]:
        """Spawned workers get what it is made of, and draw for themselves."""
        return Dataset, (self.name, self.task, self.seed, self.size, self.part, self.split)

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        """1 for a right answer behind a valid chain, .5 for a right answer alone, else 0."""
        return exact(self.task, entry["metadata"]["problem"], entry["answer"], answer)

    @cached_property
    def _blocks(self) -> Iterator[Batch]:
        """New problems, some at a time; block b is drawn from a stream of its own, whatever `size` is."""
        seen, since_new, number = HashSet(), 0, 0
        while True:
            batch = self.split.sample(self.task, np.random.default_rng([self.seed, number]), BLOCK, self.part)
            hashes = prompt_hash(batch)
            fresh = np.sort(np.unique(hashes, return_index=True)[1])
            fresh = fresh[~seen.holds(hashes[fresh])]
            seen.add(hashes[fresh])
            number += 1
            since_new = 0 if fresh.size else since_new + 1
            if since_new > DRY:
                raise TooFew(f"only {len(self._drawn)} distinct {self.part} prompts of {self.size} exist: {self.task}")
            yield batch.rows(fresh)


def exact(task: Task, problem: str, gold: str, answer: str | None) -> float:
    """1 for a right answer behind a valid chain, .5 for a right answer alone, else 0; `problem` is a prompt without noise."""
    if not answer:
        return 0.0
    grade = grade_text(task, problem, gold, answer)
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
