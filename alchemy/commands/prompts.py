"""Splits for language models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from alchemy.errors import UserError
from alchemy.flags import Switch
from alchemy.manifest import MANIFEST, read, recipe
from alchemy.prompts import worded
from alchemy.record import write_whole


@dataclass(frozen=True)
class Prompts:
    """Word the tests that `alchemy generate` wrote for a language model: chat messages, and plain text.

    Example: alchemy prompts data --out prompts --shots 4

    Let the model continue `text` or answer `messages`, write lines of {prompt, completion}, the prompt being `input`, and
    score them: alchemy score answers.jsonl --manifest data
    """

    directory: Positional[Annotated[Path, arg(metavar="DIRECTORY")]]
    """A directory that `alchemy generate` wrote."""
    out: Path
    """The directory to write, a file for each test."""
    shots: int = 2
    """Solved training problems before each question."""
    train: Switch = False
    """Word the training problems, too."""


def run(options: Prompts) -> int:
    """One file after the other, each whole or not at all."""
    if options.shots < 0:
        raise UserError(f"shots {options.shots} is negative")
    if options.out.resolve() == options.directory.resolve():
        raise UserError(f"{options.out} holds the splits themselves; name another directory")
    made = recipe(read(options.directory), options.directory / MANIFEST)
    names = [name for name, file in made.files.items() if options.train or file.part == "test"]
    for name in names:

        def write(scratch: Path, name: str = name) -> None:
            with scratch.open("w", encoding="utf-8") as out:
                for record in worded(made.task, options.directory, name, options.shots):
                    out.write(json.dumps(record, ensure_ascii=False) + "\n")

        write_whole(options.out / name, write)
    print(
        f"{options.out}: {len(names)} files of messages and text, {options.shots} solved problems before each question"
    )
    return 0
