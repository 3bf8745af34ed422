"""Problems as a language model reads them: instructions in English, solved examples, and the question."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from alchemy.errors import UserError
from alchemy.manifest import read, task
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


def worded(directory: Path, name: str, shots: int) -> Iterator[dict[str, Any]]:
    """A file of splits as records {input, output, messages, text}; examples are the first training problems.

    Raises `UserError` if there is no such file, or too few training problems.
    """
    manifest = read(directory)
    if name not in manifest["files"]:
        raise UserError(f"{directory} has no file {name!r}; it has {', '.join(manifest['files'])}")
    asked = task(manifest)
    solved = [
        Shot(one["input"], one["output"])
        for _, one in zip(range(shots), _records(directory / "train.jsonl"), strict=False)
    ]
    if len(solved) < shots:
        raise UserError(f"shots {shots}: {directory} has {len(solved)} training problems")
    for record in _records(directory / name):
        yield {
            "input": record["input"],
            "output": record["output"],
            "messages": messages(asked, solved, record["input"]),
            "text": plain(asked, solved, record["input"]),
        }


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
