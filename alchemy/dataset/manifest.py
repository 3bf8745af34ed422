"""What a directory of splits depends on, and the manifest that says so.

train.jsonl, test.jsonl, one test-SHIFT.jsonl a shift, manifest.json. Every file has a random stream of its own, keyed
by the seed and the file's name, so that none depends on which others are written; a .parquet file has the same lines.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np

from alchemy.discover import find
from alchemy.errors import UserError
from alchemy.problem.discrepancy import discrepancy
from alchemy.problem.shift import Shift
from alchemy.problem.split import Part, Split, join
from alchemy.problem.task import Batch, Task

FORMAT = "alchemy-splits"
GENERATOR_VERSION = 1
"""Counts up whenever the same manifest would give other bytes."""
MANIFEST = "manifest.json"
Suffix = Literal["jsonl", "parquet"]
"""What a file of splits is: JSON lines, or the same records as Parquet."""
CHUNK = 1 << 16  # lines held as text at once
MEASURED = 1 << 17  # prompts of each file that discrepancies are measured on
LONGEST_NAME = 100  # characters of a file name before it is cut
MOST_TOKENS = 1 << 30  # of one file, of whose prompts hashes are held in memory


class File(NamedTuple):
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

    def pieces(self, file: File) -> Iterator[Batch]:
        """The file's problems, some at a time, no two with the same prompt; raises `UserError` if there are too few."""
        stream = f"{stem(file.name)}.jsonl".encode()
        key = int.from_bytes(hashlib.blake2b(stream, digest_size=8).digest(), "little")
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, key], np.uint64)))
        try:
            yield from self.split.distinct_pieces(file.task, rng, file.count, file.part)
        except UserError as error:
            raise UserError(f"{file.name}: {str(error).removesuffix(f': {file.task}')}") from None

    def header(self) -> dict[str, Any]:
        """The manifest but for what only writing the files tells."""
        return {
            "format": FORMAT,
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

    def entry(self, file: File, asked: Batch, seen: Batch, sums: Mapping[str, str]) -> dict[str, Any]:
        """What the manifest says of one file: the heads of it and of the training file, and its checksums."""
        shift = file.shift and {
            "name": file.shift.name,
            "axis": [axis.value for axis in file.shift.axis],
            "size": file.shift.size,
            "changes": file.shift.changes,
        }
        entry = {"part": file.part, "count": file.count, **sums, "shift": shift}
        if file.part == "test":
            entry["discrepancy"] = {**discrepancy(seen, asked), **self.task.novelty(seen, asked)}
        return entry


class Head:
    """The first problems of a file, kept of the pieces that pass: what discrepancies are measured on."""

    def __init__(self) -> None:
        self._kept: list[Batch] = []

    def of(self, pieces: Iterable[Batch]) -> Iterator[Batch]:
        """The same pieces."""
        room = MEASURED
        for piece in pieces:
            if room or not self._kept:
                self._kept.append(piece.rows(np.arange(min(room, len(piece.tokens)))))
                room -= len(self._kept[-1].tokens)
            yield piece

    @property
    def batch(self) -> Batch:
        """At most `MEASURED` problems."""
        return join(self._kept)


def lines(file: File, pieces: Iterable[Batch]) -> Iterator[bytes]:
    """The file's bytes as JSON lines, some at a time."""
    for piece in pieces:
        for start in range(0, len(piece.tokens), CHUNK):
            yield file.task.jsonl(piece.rows(slice(start, start + CHUNK)))


def dumps(manifest: Mapping[str, Any]) -> str:
    """The manifest as text; configs inside it become objects."""
    return json.dumps(manifest, indent=2, default=asdict) + "\n"


def stem(name: str) -> str:
    """The name of a file without its suffix; what stands behind other dots is no suffix."""
    return name.rpartition(".")[0]


def file_name(shift: str) -> str:
    """What the file of a shift is named after it, with nothing in it that a shell or a file system minds."""
    name = re.sub(r"[^A-Za-z0-9=._+-]", "-", shift)
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}-{hashlib.blake2b(shift.encode(), digest_size=4).hexdigest()}"
    return name


def read(directory: Path) -> dict[str, Any]:
    """The manifest of a directory; raises `UserError` if there is none or it is not one of ours."""
    path = Path(directory) / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is corrupt: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"{path} is corrupt or foreign: expected an object with format {FORMAT!r}")
    return manifest


def recipe(manifest: Mapping[str, Any], path: Path) -> Recipe:
    """The recipe a manifest was written from; raises `UserError`, naming `path`, if it makes no sense."""
    try:
        numbers = {name: _convert(int, manifest[name], name) for name in ("seed", "train", "test")}
        shifts = _convert(tuple[str, ...], manifest["shifts"], "shifts")
        suffix = _convert(Suffix, manifest.get("suffix", "jsonl"), "suffix")
        found = Recipe(task(manifest), build(Split, manifest["split"]), **numbers, shifts=shifts, suffix=suffix)
        found.files  # noqa: B018  raises on a shift that makes no sense
        return found
    except KeyError as missing:
        raise UserError(f"{path} is corrupt: no field {missing}") from None
    except (UserError, MemoryError) as error:
        raise UserError(f"{path} is corrupt: {error}") from None


def task(manifest: Mapping[str, Any]) -> Task:
    """The task a manifest names, with its config."""
    return build(find("task", _convert(str, manifest["task"], "task")), manifest["config"])


def build(kind: type, values: Any) -> Any:
    """A dataclass from its JSON object: lists become tuples, objects the dataclass that the field asks for.

    Raises `UserError` if a field is missing, unknown or of another type.
    """
    hints = {one.name: get_type_hints(kind)[one.name] for one in fields(kind)}
    if not isinstance(values, dict):
        raise UserError(f"expected the fields of {kind.__name__}, got {json.dumps(values)[:60]}")
    wrong = sorted(values.keys() ^ hints.keys())
    if wrong:
        raise UserError(f"{kind.__name__} {'has no' if wrong[0] in values else 'needs a'} field {wrong[0]!r}")
    return kind(**{name: _convert(hint, values[name], name) for name, hint in hints.items()})


def _convert(hint: Any, value: Any, name: str) -> Any:
    """A JSON value as what a field's type hint asks for; raises `UserError` if it is something else."""
    inner = get_args(hint)
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_convert(inner[0], one, name) for one in value)
    if get_origin(hint) is UnionType:
        plain = [one for one in inner if isinstance(value, dict) == is_dataclass(one)]
        return _convert(plain[0], value, name)
    if is_dataclass(hint) and isinstance(value, dict):
        return build(hint, value)
    if value in inner if get_origin(hint) is Literal else type(value) in ((int, float) if hint is float else (hint,)):
        return value
    raise UserError(f"{name} is {json.dumps(value)}, expected {getattr(hint, '__name__', hint)}")


def _check_unseen(task: Task, shift: Shift) -> None:
    """Raises `UserError` if the shift draws from something the task is trained on: the file would not be shifted."""
    for name, values in shift.changes.items():
        trained = getattr(task, name)
        both = [one for one in values if one in trained] if isinstance(values, tuple) else []
        if both:
            raise UserError(f"shift {shift.name!r}: {name} {both[0]!r} is also trained on, so this is test.jsonl")
