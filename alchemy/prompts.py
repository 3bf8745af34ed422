"""Problems as a language model reads them: instructions in English, solved examples, and the question."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from alchemy.errors import UserError
from alchemy.task import Task


class Worded(Task, Protocol):
    """A task that can tell what it asks for."""

    @property
    def instructions(self) -> str:
        """The rules and the format of the answer, in English."""


class Shot(NamedTuple):
    """A solved problem."""

    input: str
    output: str


def messages(task: Worded, shots: Sequence[Shot], question: str) -> list[dict[str, str]]:
    """A chat: the instructions, the examples as turns, the question."""
    turns = [("system", task.instructions)]
    for shot in shots:
        turns += [("user", shot.input), ("assistant", shot.output)]
    return [{"role": role, "content": content} for role, content in (*turns, ("user", question))]


def plain(task: Worded, shots: Sequence[Shot], question: str) -> str:
    """The same as one text, to be continued."""
    solved = [f"{shot.input}\n{shot.output}" for shot in shots]
    return "\n\n".join([task.instructions, *solved, f"{question}\n"])


def worded(asked: Worded, directory: Path, name: str, shots: int) -> Iterator[dict[str, Any]]:
    """A file of splits as records {input, output, messages, text}; examples are the first training problems.

    Raises `UserError` for a line that is no record, or if there are too few training problems.
    """
    solved = [Shot(*pair) for pair in islice(_records(directory / "train.jsonl"), shots)]
    if len(solved) < shots:
        raise UserError(f"shots {shots}: {directory} has {len(solved)} training problems")
    for question, gold in _records(directory / name):
        yield {
            "input": question,
            "output": gold,
            "messages": messages(asked, solved, question),
            "text": plain(asked, solved, question),
        }


def _records(path: Path) -> Iterator[tuple[str, str]]:
    """Prompt and gold text of each line."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                yield record["input"], record["output"]
            except (ValueError, TypeError, KeyError):
                raise UserError(f"{path} line {number} is no object with input and output") from None
