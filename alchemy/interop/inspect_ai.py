"""Worded prompts as tasks of inspect_ai, graded by the task's oracle.

inspect eval PROMPTS/alchemy_inspect.py --model ... --log-format json
alchemy score logs/*.json --manifest DATA          # the same numbers, and more
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState, generate

from alchemy.interop.lm_eval import METRICS, accuracies

ROLES = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}


def worded_task(file: str | Path, name: str | None = None) -> Task:
    """A file of prompts that `alchemy prompts` wrote, sent as a chat and graded by the task itself."""
    path = Path(file).resolve()
    data = MemoryDataset(list(_samples(path)), name=path.stem, location=str(path))
    return Task(dataset=data, solver=generate(), scorer=oracle(str(path.parent)), name=name or path.stem)


@scorer(metrics={metric: [mean(), stderr()] for metric in METRICS})
def oracle(directory: str) -> Scorer:
    """Two numbers a text, 1 or 0: whether its answer is right, and whether its chain of thought is."""

    async def score(state: TaskState, target: Target) -> Score:
        completion = state.output.completion
        record = {"problem": state.metadata["problem"], "output": target.text}
        return Score(value=accuracies(Path(directory), record, [completion]), answer=completion)

    return score


def _samples(path: Path) -> Iterator[Sample]:
    with path.open(encoding="utf-8") as lines:
        for number, record in enumerate(map(json.loads, lines), 1):
            chat: list[ChatMessage] = [ROLES[turn["role"]](content=turn["content"]) for turn in record["messages"]]
            yield Sample(chat, target=record["output"], id=number, metadata={"problem": record["problem"]})
