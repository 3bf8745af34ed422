"""The exact oracle as a reward, in the call shapes of trainers: TRL's and verl's, and a curriculum by accuracy.

rows(data)                                  # records {prompt, answer, problem, task}, a data set of TRL
reward(completions=..., **columns)          # what GRPOTrainer calls; a float for each completion
verl_rows(data), compute_score(...)         # the same for verl's custom_reward_function

All that a reward depends on stands in the record, so that workers of other processes need nothing else.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np

from alchemy.dataset.manifest import dumps, task_of
from alchemy.errors import UserError
from alchemy.interop.gym import Dataset, exact

Message = dict[str, str]


def rows(data: Dataset, chat: bool = False) -> list[dict[str, Any]]:
    """The entries as records {prompt, answer, problem, task}; `task` is the task with its fields, as JSON.

    A prompt is a text that ends where the completion begins, or, with `chat`, a list of one message.
    """
    task = dumps({"task": data.name, "config": asdict(data.task)})
    return [
        {
            "prompt": [{"role": "user", "content": entry["question"]}] if chat else entry["question"],
            "answer": entry["answer"],
            "problem": entry["metadata"]["problem"],
            "task": task,
        }
        for entry in data
    ]


def reward(
    completions: Sequence[str | Sequence[Message]],
    task: Sequence[str],
    problem: Sequence[str],
    answer: Sequence[str],
    **others: Any,
) -> list[float]:
    """1 for each completion with a right answer behind a valid chain, .5 for a right answer alone, else 0.

    Completions are texts or lists of messages, of which the last counts; the columns are those of `rows`, as long as
    `completions`. What else a trainer gives is ignored.
    """
    texts = [text if isinstance(text, str) else text[-1]["content"] for text in completions]
    columns = zip(texts, task, problem, answer, strict=True)
    return [exact(_task(spec), prompt, gold, text) for text, spec, prompt, gold in columns]


def verl_rows(data: Dataset) -> list[dict[str, Any]]:
    """The entries as rows of verl's Parquet files."""
    return [
        {
            "data_source": f"alchemy/{data.name}",
            "prompt": row["prompt"],
            "ability": "reasoning",
            "reward_model": {"style": "rule", "ground_truth": row["answer"]},
            "extra_info": {"index": index, "split": data.part, "problem": row["problem"], "task": row["task"]},
        }
        for index, row in enumerate(rows(data, chat=True))
    ]


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: dict[str, Any], **others: Any
) -> float:
    """The reward of one completion, as verl asks for it; `extra_info` is that of `verl_rows`."""
    return exact(_task(extra_info["task"]), extra_info["problem"], ground_truth, solution_str)


class Curriculum:
    """Data sets from easy to hard: the next one once enough of the last answers are right, the one before if too few are."""

    def __init__(self, levels: Sequence[Dataset], window: int = 100, up: float = 0.8, down: float = 0.2) -> None:
        """Raises `UserError` unless there is a level, an answer to go by, and `down` lies below `up`."""
        if not levels or window < 1 or not 0 <= down < up <= 1:
            raise UserError(
                f"{len(levels)} levels, window {window}, down {down}, up {up}: expected a level, a window of at least 1 "
                "and 0 <= down < up <= 1"
            )
        self.levels, self.window, self.up, self.down = tuple(levels), window, up, down
        self.level = 0
        """The one that problems are taken from now."""
        self._last: deque[float] = deque(maxlen=window)
        self._taken = [0] * len(levels)

    @property
    def data(self) -> Dataset:
        """The data set of the present level."""
        return self.levels[self.level]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Entries of the present level without end, each with its level in `metadata`; a level goes round."""
        while True:
            level, data = self.level, self.data
            entry = data[self._taken[level] % len(data)]
            self._taken[level] += 1
            yield {**entry, "metadata": {**entry["metadata"], "level": level}}

    def add(self, rewards: Sequence[float], level: int | None = None) -> bool:
        """Take note of rewards of answers at the present level; whether the level has changed.

        Answers count as right at a reward of 1. Those of another `level`, which come in late, are ignored.
        """
        if level not in (None, self.level):
            return False
        self._last.extend(float(value >= 1) for value in rewards)
        if len(self._last) < self.window:
            return False
        accuracy = float(np.mean(self._last))
        step = int(accuracy >= self.up) - int(accuracy <= self.down)
        level = min(max(self.level + step, 0), len(self.levels) - 1)
        if level == self.level:
            return False
        self.level = level
        self._last.clear()
        return True


@lru_cache(maxsize=64)
def _task(spec: str) -> Any:
    return task_of(json.loads(spec))
