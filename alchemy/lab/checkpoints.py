"""How often models answer rightly at several steps of one training, and what is lost from the best of these steps to the last.

Which step is best is told by one half of the held-out problems, and how good it is by the other: the best of several on the same
problems would look better than the last where nothing but chance is between them.

Dimension letters: `s` seeds, `n` problems of a half, `m` steps that are looked at, `k` tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple, cast

import numpy as np

from alchemy.decoding.generate import generate
from alchemy.errors import UserError
from alchemy.lab.lab import SPARE, Lab
from alchemy.lab.trainings import Watch
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Runs
from alchemy.problem.task import PAD, Batch, Task

Right = Callable[[Any, Batch, np.ndarray], np.ndarray]
"""Which completions int32 (n, m) of the problems of a batch are right, by a task: bool (n,)."""
HALVES = ("for selection", "for report")
"""Of the problems of each test."""


class Checkpoints(NamedTuple):
    """Shares of right lines."""

    steps: tuple[int, ...]
    """Of training, rising; the last is the end."""
    selected: np.ndarray
    """On the half by which steps are chosen, float (s, m, k)."""
    reported: np.ndarray
    """On the other half, float (s, m, k)."""

    @property
    def last(self) -> np.ndarray:
        """At the end of training, on the half for reports: float (s, k)."""
        return np.asarray(self.reported[:, -1])

    @property
    def best(self) -> np.ndarray:
        """The same at the step at which the other half is best, for each test its own, and the last of equal ones: float (s, k)."""
        m = self.selected.shape[1]
        place = m - 1 - self.selected[:, ::-1].argmax(axis=1)
        return np.take_along_axis(self.reported, place[:, None], axis=1)[:, 0]

    @property
    def erosion(self) -> np.ndarray:
        """What the best step has more than the last, float (s, k): about 0 where only chance is between them."""
        return self.best - self.last


def verified(task: Task, batch: Batch, completion: np.ndarray) -> np.ndarray:
    """Those that the oracle finds right in their chain and their answer."""
    judged = task.verify(batch, completion)
    return np.asarray(judged.answer & judged.trace)


def watching(lab: Lab, model: Model, tests: Mapping[str, Task], n: int, right: Right = verified) -> Watch:
    """What lets `Lab.train` measure a model by `n` held-out problems of each half of every test, by its label.

    All tests have the same vocabulary. Their texts are written together, with as much room as the longest needs. Where the oracle
    judges a line as what it is, with a chain or without, `right` may ask for more.
    """
    tasks = list(tests.values())
    model = cast(Model, replace(cast(Any, model), vocabulary=len(tasks[0].vocabulary)))
    width = max(task.max_len - task.shortest_prompt for task in tasks) + SPARE
    width = min(width, model.context - max(task.longest_prompt for task in tasks))

    @cache
    def problems(seeds: tuple[int, ...]) -> list[Batch]:
        return [lab.held_out(task, 2 * n, seeds) for task in tasks]

    def measure(params: Params, seeds: Sequence[int]) -> np.ndarray:
        batches = problems(tuple(seeds))
        prompts = [batch.prompts() for batch in batches]
        longest = max(each.shape[1] for each in prompts)
        wide = [np.pad(each, ((0, 0), (0, longest - each.shape[1]), (0, 0)), constant_values=PAD) for each in prompts]
        asked = np.concatenate([each.reshape(len(seeds), 2 * n, longest, -1) for each in wide], axis=1)
        texts = np.split(generate(model, params, asked, max_new=width, seeds=seeds), len(tasks), axis=1)
        found = [
            right(task, batch, text.reshape(len(batch.tokens), -1))
            for task, batch, text in zip(tasks, batches, texts, strict=True)
        ]
        return np.concatenate([each.reshape(len(seeds), 2, n).mean(axis=2) for each in found], axis=1)

    return Watch(_names(tests, n), measure)


def seen(lab: Lab, runs: Runs, tests: Sequence[str], n: int) -> Checkpoints:
    """What `watching` the same tests measured of a training; raises `UserError` where it was trained while others were watched."""
    notes, names = [note.get("watched", {}) for note in lab.notes(runs)], [*_names(tests, n)]
    if any(note.get("names") != names for note in notes):
        raise UserError(
            f"models were trained while other tests than {', '.join(tests)} were watched; expected another folder"
        )
    values = np.array([note["values"] for note in notes])  # (s, m, k of two halves)
    return Checkpoints(tuple(notes[0]["steps"]), values[:, :, ::2], values[:, :, 1::2])


def _names(tests: Mapping[str, Task] | Sequence[str], n: int) -> tuple[str, ...]:
    return tuple(f"{test}, {n} problems {half}" for test in tests for half in HALVES)
