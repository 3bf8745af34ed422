"""Splits of a task on disk."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.dataset.export import Enumerable, OnLines, check_writable, write_exhaustive, write_splits
from alchemy.dataset.recipe import Recipe, Suffix
from alchemy.dataset.size import size_of
from alchemy.errors import UserError
from alchemy.problem.split import Split
from alchemy.progress import Progress
from alchemy.terminal import beside, counted, wrapped

STANDARD = ("standard",)


@dataclass(frozen=True)
class Generate:
    """Write train.jsonl, test.jsonl, a test-SHIFT.jsonl for each shift, and the manifest that regenerates them.

    Example: alchemy generate symbols --out data --shifts "task=F2 F2" length=6 noise=insert:0.1

    Example: alchemy generate symbols --out all.jsonl --exhaustive --compositions "F1 F2" --length 3
    """

    task: Positional[Annotated[str, arg(metavar="TASK")]]
    """A task that `alchemy list` names."""
    out: Path
    """The directory to write; with --exhaustive, the file."""
    train: int = 10_000
    """Training problems, no two alike."""
    test: int = 1_000
    """Problems of each test file, no two alike."""
    shifts: tuple[str, ...] = STANDARD
    """Shifts to write test files for; `standard` are those that `alchemy show` lists, `none` is none."""
    seed: int = 0
    """Seed of every file's random stream."""
    test_share: float = Split.test_share
    """Share of all problems that is held out."""
    salt: int = Split.salt
    """Another salt holds out others."""
    format: Suffix = "jsonl"
    """JSON lines, or the same records as Parquet (needs pyarrow: pip install '.[parquet]')."""
    exhaustive: Switch = False
    """Write every element in lexicographic order, for each composition and length in turn, to one file."""
    force: Switch = False
    """Replace splits that an earlier run has written, if nobody has changed them since."""
    dry_run: Switch = False
    """Write nothing: say which files there would be, and what they take."""
    quiet: Switch = False
    """No progress on standard error."""
    json: Switch = False
    """Print the manifest."""


def run(options: Generate, configs: dict[str, Any]) -> int:
    """Write splits, or all problems."""
    [task] = configs.values()
    if options.dry_run:
        return _dry_run(options, task)
    with Progress(options.quiet).stages("lines") as progress:
        if options.exhaustive:
            return _write_exhaustive(options, task, progress)
        manifest = write_splits(
            task,
            options.out,
            train=options.train,
            test=options.test,
            shifts=_shifts(options, task),
            seed=options.seed,
            split=Split(options.test_share, options.salt),
            suffix=options.format,
            force=options.force,
            progress=progress,
        )
    if options.json:
        print(json.dumps(manifest, indent=2))
    else:
        print(wrapped(f"{options.out}: {len(manifest['files'])} files; check them with `alchemy verify {options.out}`"))
    return 0


def _shifts(options: Generate, task: Any) -> tuple[str, ...]:
    return {STANDARD: task.shifts, ("none",): ()}.get(options.shifts, options.shifts)


def _dry_run(options: Generate, task: Any) -> int:
    """Print the files that would be written, with their sizes."""
    if options.exhaustive:
        files = {str(options.out): size_of(task, _problems(task))}
    else:
        split = Split(options.test_share, options.salt)
        recipe = Recipe(task, split, options.seed, options.train, options.test, _shifts(options, task), options.format)
        files = check_writable(recipe, options.out, options.force)
    if options.json:
        print(json.dumps({name: size._asdict() for name, size in files.items()}, indent=2))
        return 0
    for name, size in files.items():
        print(beside(name, f"{counted(size.lines, 'line')}, {size.bytes / 1e6:,.3g} MB", max(map(len, files))))
    seconds = sum(size.seconds for size in files.values())
    print(wrapped(f"about {seconds:,.1f} seconds on one core; as JSON lines; nothing was written"))
    return 0


def _problems(task: Any) -> int:
    if not isinstance(task, Enumerable):
        raise UserError(f"task {type(task).__name__} cannot list all of its problems")
    return task.problems


def _write_exhaustive(options: Generate, task: Any, progress: OnLines) -> int:
    """Write all problems to one file."""
    if options.format != "jsonl":
        raise UserError("an exhaustive file is JSON lines")
    if options.shifts != STANDARD:
        raise UserError("an exhaustive file has no shifts: give it their compositions and lengths instead")
    count = write_exhaustive(task, options.out, progress=progress)
    summary = (
        json.dumps({"file": str(options.out), "count": count})
        if options.json
        else f"{options.out}: {counted(count, 'line')}"
    )
    print(summary, file=sys.stdout if options.out.is_file() else sys.stderr)
    return 0
