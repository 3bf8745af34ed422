"""Problems as a language model reads them: instructions in English, solved examples, and the question."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alchemy.dataset.manifest import File, Recipe
from alchemy.dataset.parquet import opened
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


class Asked(NamedTuple):
    """A problem as it is read, its gold text, and the prompt as it is without noise, which an oracle can read."""

    input: str
    output: str
    problem: str


def prompts(task: Task, batch: Batch) -> list[Asked]:
    """The problems of a batch."""
    given = [json.loads(line) for line in task.jsonl(batch).splitlines()]
    quiet = task if getattr(task, "noise", None) is None else replace(task, noise=None)
    rng = np.random.default_rng(0)  # drives noise only, and there is none
    clean = given if quiet is task else map(json.loads, quiet.jsonl(quiet.render(batch.problem, rng)).splitlines())
    return [Asked(one["input"], one["output"], same["input"]) for one, same in zip(given, clean, strict=True)]


def worded(made: Recipe, directory: Path, file: File, shots: int) -> Iterator[dict[str, Any]]:
    """A file of splits as records {input, output, problem, messages, text}; examples are the first training problems.

    Noise is not read back from a prompt: the problems of a noisy file are made again. Raises `UserError` for a line
    that is no record or another one than is made again, or if there are too few training problems.
    """
    solved = [Shot(*pair) for pair in islice(_records(directory / next(iter(made.files))), shots)]
    if len(solved) < shots:
        raise UserError(f"shots {shots}: {directory} has {len(solved)} training problems")
    noisy = getattr(file.task, "noise", None) is not None
    given = _records(directory / file.name)
    for question, gold, problem in _made_again(made, file, given) if noisy else (Asked(q, a, q) for q, a in given):
        yield {
            "input": question,
            "output": gold,
            "problem": problem,
            "messages": messages(made.task, solved, question),
            "text": plain(made.task, solved, question),
        }


def _made_again(made: Recipe, file: File, given: Iterator[tuple[str, str]]) -> Iterator[Asked]:
    """The problems of a file, which must be those given."""
    again = (asked for piece in made.pieces(file) for asked in prompts(file.task, piece))
    for number, (pair, asked) in enumerate(zip_longest(given, again), 1):
        if pair is None or asked is None or pair != asked[:2]:
            raise UserError(f"{file.name} line {number} is not what the manifest gives; alchemy verify says more")
        yield asked


def _records(path: Path) -> Iterator[tuple[str, str]]:
    """Prompt and gold text of each line."""
    with opened(path) as lines:
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                yield record["input"], record["output"]
            except (ValueError, TypeError, KeyError):
                raise UserError(f"{path} line {number} is no object with input and output") from None
