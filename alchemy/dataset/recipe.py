"""What a directory of splits depends on: train.jsonl, test.jsonl, one test-SHIFT.jsonl a shift, manifest.json.

Every file has a random stream of its own, keyed by the seed and the file's name, so that none depends on which others
are written; a .parquet file has the same lines.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.discrepancy import discrepancy
from alchemy.problem.shift import Shift
from alchemy.problem.split import Part, Split, join
from alchemy.problem.task import Batch, Task

FORMAT = "alchemy-splits"
GENERATOR_VERSION = 1
"""Counts up whenever the same manifest would give other bytes."""
MANIFEST_VERSION = 2
"""Counts up whenever a manifest says something else of the same bytes."""
Suffix = Literal["jsonl", "parquet"]
"""The format of a file of splits: JSON lines, or the same records as Parquet."""
LINES_AT_ONCE = 1 << 16  # lines held as text
MEASURED_PROMPTS = 1 << 17  # prompts of each file that discrepancies are measured on
LONGEST_NAME = 100  # characters of a file name before it is cut
MOST_TOKENS = 1 << 30  # of one file, of whose prompts hashes are held in memory


@dataclass(frozen=True)
class File:
    """One file of a directory: `count` problems of a part of a task that may be shifted."""

    name: str
    part: Part
    count: int
    task: Task
    shift: Shift | None


@dataclass(frozen=True)
class Recipe:
    """All that a directory of splits depends on."""

    task: Task
    split: Split
    seed: int
    train: int
    test: int
    shifts: tuple[str, ...] = ()
    suffix: Suffix = "jsonl"

    def __post_init__(self) -> None:
        for name, count in (("train", self.train), ("test", self.test)):
            if count < 1:
                raise UserError(f"{name} {count}: a file has at least 1 problem")
            if count * self.task.max_len > MOST_TOKENS:
                raise UserError(f"{name} {count}: a file has at most {MOST_TOKENS // self.task.max_len} such problems")
        if not 0 <= self.seed < 2**64:
            raise UserError(f"seed {self.seed} is outside [0, 2**64)")

    @cached_property
    def files(self) -> dict[str, File]:
        """The files by name, the training file first; raises `UserError` on a shift that is none."""
        files = [File(f"train.{self.suffix}", "train", self.train, self.task, None)]
        files.append(File(f"test.{self.suffix}", "test", self.test, self.task, None))
        for name in self.shifts:
            shift = self.task.shift(name)
            _check_unseen(self.task, shift)
            name = f"test-{file_name(shift.name)}.{self.suffix}"
            files.append(File(name, "test", self.test, shift(self.task), shift))
        names = [file.name for file in files]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UserError(f"two shifts would be written to {twice[0]}")
        return dict(zip(names, files, strict=True))

    @property
    def train_file(self) -> str:
        """The name of the training file."""
        return next(iter(self.files))

    def batches(self, file: File) -> Iterator[Batch]:
        """The file's problems, some at a time, no two with the same prompt; raises `UserError` if there are too few."""
        stream = f"{stem(file.name)}.jsonl".encode()
        key = int.from_bytes(hashlib.blake2b(stream, digest_size=8).digest(), "little")
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, key], np.uint64)))
        try:
            yield from self.split.distinct_pieces(file.task, rng, file.count, file.part)
        except UserError as error:
            raise UserError(f"{file.name}: {str(error).removesuffix(f': {file.task}')}") from None

    def header(self) -> dict[str, Any]:
        """The manifest without the entries of its files."""
        return {
            "format": FORMAT,
            "manifest_version": MANIFEST_VERSION,
            "generator_version": GENERATOR_VERSION,
            "task": type(self.task).__module__.rpartition(".")[2],
            "config": asdict(self.task),
            "split": asdict(self.split),
            "seed": self.seed,
            "train": self.train,
            "test": self.test,
            "shifts": self.shifts,
            **({"suffix": self.suffix} if self.suffix != "jsonl" else {}),
        }

    def entry(self, file: File, problems: Batch, train: Batch, checksums: Mapping[str, str]) -> dict[str, Any]:
        """The manifest's entry of a file, from the first problems of it and of the training file, and its checksums."""
        shift = file.shift and {
            "name": file.shift.name,
            "axis": [axis.value for axis in file.shift.axis],
            "size": file.shift.size,
            "changes": file.shift.changes,
        }
        entry = {"part": file.part, "count": file.count, **checksums, "shift": shift}
        if file.part == "test":
            entry["discrepancy"] = {**discrepancy(train, problems), **self.task.novelty(train, problems)}
            entry["overlap"] = dict(self.task.overlap(train, problems))
        return entry


class Head:
    """The first problems of a file, kept as its batches pass by: discrepancies are measured on them."""

    def __init__(self) -> None:
        self._kept: list[Batch] = []

    def keep(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches."""
        room = MEASURED_PROMPTS
        for batch in batches:
            if room or not self._kept:
                self._kept.append(batch.rows(np.arange(min(room, len(batch.tokens)))))
                room -= len(self._kept[-1].tokens)
            yield batch

    @property
    def batch(self) -> Batch:
        """At most `MEASURED_PROMPTS` problems."""
        return join(self._kept)


def lines(file: File, batches: Iterable[Batch]) -> Iterator[bytes]:
    """The file's bytes as JSON lines, some at a time."""
    for batch in batches:
        for start in range(0, len(batch.tokens), LINES_AT_ONCE):
            yield file.task.jsonl(batch.rows(slice(start, start + LINES_AT_ONCE)))


def stem(name: str) -> str:
    """The name of a file without its suffix, which is what stands behind the last dot."""
    return name.rpartition(".")[0]


def file_name(shift: str) -> str:
    """A shift's name without the characters that a shell or a file system minds, cut to `LONGEST_NAME`."""
    name = re.sub(r"[^A-Za-z0-9=._+-]", "-", shift)
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}-{hashlib.blake2b(shift.encode(), digest_size=4).hexdigest()}"
    return name


def _check_unseen(task: Task, shift: Shift) -> None:
    """Raises `UserError` if the shift draws from something the task is trained on: the file would not be shifted."""
    for name, values in shift.changes.items():
        trained = getattr(task, name)
        both = [value for value in values if value in trained] if isinstance(values, tuple) else []
        if both:
            raise UserError(f"shift {shift.name!r}: {name} {both[0]!r} is also trained on, so this is test.jsonl")
