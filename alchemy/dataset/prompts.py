"""Problems as a language model reads them: instructions in English, solved examples, and the question."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alchemy.dataset.parquet import open_lines
from alchemy.dataset.recipe import File, Recipe
from alchemy.errors import UserError
from alchemy.problem.task import Batch, Task


class Shot(NamedTuple):
    """A solved problem."""

    input: str
    output: str


def messages(task: Task, shots: Sequence[Shot], question: str) -> list[dict[str, str]]:
    """A chat: the instructions, the examples as turns, the question."""
    turns = [("system", task.instructions)]
    for shot in shots:
        turns += [("user", shot.input), ("assistant", shot.output)]
    return [{"role": role, "content": content} for role, content in (*turns, ("user", question))]


def plain(task: Task, shots: Sequence[Shot], question: str) -> str:
    """The same as one text, to be continued."""
    solved = [f"{shot.input}\n{shot.output}" for shot in shots]
    return "\n\n".join([task.instructions, *solved, f"{question}\n"])


class Question(NamedTuple):
    """A problem's prompt, its gold text, and the prompt without noise, which an oracle can read."""

    input: str
    output: str
    problem: str


def prompts(task: Task, batch: Batch) -> list[Question]:
    """The questions of a batch."""
    records = [json.loads(line) for line in task.jsonl(batch).splitlines()]
    noiseless = task if getattr(task, "noise", None) is None else replace(task, **{"noise": None})
    rng = np.random.default_rng(0)  # drives noise only, and there is none
    clean = records
    if noiseless is not task:
        clean = [json.loads(line) for line in noiseless.jsonl(noiseless.render(batch.problem, rng)).splitlines()]
    return [
        Question(record["input"], record["output"], same["input"]) for record, same in zip(records, clean, strict=True)
    ]


def worded(recipe: Recipe, directory: Path, file: File, shots: int) -> Iterator[dict[str, Any]]:
    """A file of splits as records {input, output, problem, messages, text}; examples are the first training problems.

    Noise is not read back from a prompt: the problems of a noisy file are drawn again. Raises `UserError` for a line
    that is no record or another one than is drawn again, or if there are too few training problems.
    """
    solved = [Shot(*pair) for pair in islice(_records(directory / recipe.train_file), shots)]
    if len(solved) < shots:
        raise UserError(f"shots {shots}: {directory} has {len(solved)} training problems")
    records = _records(directory / file.name)
    questions: Iterator[Question]
    if getattr(file.task, "noise", None) is None:
        questions = (Question(prompt, gold, prompt) for prompt, gold in records)
    else:
        questions = _drawn_again(recipe, file, records)
    for question in questions:
        yield {
            **question._asdict(),
            "messages": messages(recipe.task, solved, question.input),
            "text": plain(recipe.task, solved, question.input),
        }


def _drawn_again(recipe: Recipe, file: File, records: Iterator[tuple[str, str]]) -> Iterator[Question]:
    """The questions of a file, drawn from its recipe; raises `UserError` where the records differ from them."""
    questions = (question for batch in recipe.batches(file) for question in prompts(file.task, batch))
    for number, (record, question) in enumerate(zip_longest(records, questions), 1):
        if record is None or question is None or record != question[:2]:
            raise UserError(f"{file.name} line {number} is not what the manifest gives; alchemy verify says more")
        yield question


def _records(path: Path) -> Iterator[tuple[str, str]]:
    """Prompt and gold text of each line."""
    with open_lines(path) as lines:
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                pair = record["input"], record["output"]
                "".join(pair).encode()  # an error unless both are texts that a file can hold
            except (ValueError, TypeError, KeyError, RecursionError):
                raise UserError(f"{path} line {number} is no object with input and output") from None
            yield pair
