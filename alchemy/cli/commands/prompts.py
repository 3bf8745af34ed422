"""Splits for language models."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.dataset.manifest import read_recipe
from alchemy.dataset.prompts import worded
from alchemy.dataset.recipe import File, Recipe, stem
from alchemy.errors import UserError
from alchemy.interop import lm_eval
from alchemy.output import listed, listing, new_files
from alchemy.terminal import counted

LISTING = "prompts.json"
"""The list of the files that a call has written."""


@dataclass(frozen=True)
class Prompts:
    """Word the tests that `alchemy generate` wrote for a language model: chat messages, and plain text.

    Example: alchemy prompts data --out prompts --shots 4

    Let the model continue `text` or answer `messages`, write lines of {prompt, completion}, the prompt being `problem`,
    and score them: alchemy score answers.jsonl --manifest data
    """

    directory: Positional[Annotated[Path, arg(metavar="DIRECTORY")]]
    """A directory that `alchemy generate` wrote."""
    out: Path
    """The directory to write, a file for each test."""
    shots: int = 2
    """Solved training problems before each question."""
    train: Switch = False
    """Word the training problems, too."""
    harness: Switch = False
    """Write tasks of lm-evaluation-harness, one a file and a group: lm_eval --include_path OUT --tasks alchemy_TASK."""
    inspect: Switch = False
    """Write tasks of inspect_ai, one a file: inspect eval OUT/alchemy_inspect.py."""


def run(options: Prompts) -> int:
    """Write all files, and the list of them by which a later call knows what it may replace."""
    if options.shots < 0:
        raise UserError(f"shots {options.shots} is negative")
    if options.out.resolve() == options.directory.resolve():
        raise UserError(f"{options.out} holds the splits themselves; name another directory")
    recipe = read_recipe(options.directory)
    files = {f"{stem(name)}.jsonl": file for name, file in recipe.files.items() if options.train or file.part == "test"}
    beside = _files_beside(options, recipe, files)
    old = listed(options.out / LISTING, "prompts")
    for name in (*files, *beside):
        if name not in old and os.path.lexists(options.out / name):
            raise UserError(f"{options.out / name} was not written by `alchemy prompts`; not replaced")
    with new_files(options.out, old) as place:
        for name, file in files.items():
            _write_prompts(options, recipe, file, place / name)
        for name, text in beside.items():
            (place / name).write_text(text, "utf-8")
        (place / LISTING).write_text(listing(place, "prompts"), "utf-8")
    print(
        f"{options.out}: {counted(len(files), 'file')} of messages and text, {counted(options.shots, 'solved problem')} before each question"
    )
    return 0


def _write_prompts(options: Prompts, recipe: Recipe, file: File, path: Path) -> None:
    with path.open("x", encoding="utf-8") as out:
        for record in worded(recipe, options.directory, file, options.shots):
            out.write(json.dumps(record, ensure_ascii=False) + "\n")


def _files_beside(options: Prompts, recipe: Recipe, files: Mapping[str, File]) -> dict[str, str]:
    """The text of each file that lm-evaluation-harness or inspect_ai needs beside the prompts, by name."""
    texts = {}
    if options.harness or options.inspect:
        texts[lm_eval.TASK] = lm_eval.task_file(recipe)
    if options.harness:
        texts |= lm_eval.files(recipe, files, options.out)
    if options.inspect:
        texts["alchemy_inspect.py"] = _inspect(lm_eval.group_name(recipe), list(files))
    return texts


def _inspect(group: str, names: list[str]) -> str:
    """A Python file with a task for each file of prompts."""
    head = (
        '"""Written by `alchemy prompts`: a task for each file of prompts beside it."""\n\n'
        "from pathlib import Path\n\nfrom inspect_ai import task\n\nfrom alchemy.interop.inspect_ai import worded_task\n"
    )
    tasks = [
        f'\n\n@task(name="{group}_{stem(name)}")\ndef task_{number}():\n'
        f'    return worded_task(Path(__file__).parent / "{name}", "{group}_{stem(name)}")\n'
        for number, name in enumerate(names)
    ]
    return "".join([head, *tasks])
