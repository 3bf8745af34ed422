"""Splits and exhaustive sets on disk: everything is written beside its place and moved there once it is whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

import numpy as np

from alchemy.dataset import parquet
from alchemy.dataset.card import CARD, card
from alchemy.dataset.manifest import MANIFEST, check_described, dumps, read_manifest
from alchemy.dataset.recipe import MANIFEST_VERSION, Head, Recipe, Suffix, lines
from alchemy.dataset.size import Size, check_room, size_of, sizes
from alchemy.errors import UserError
from alchemy.output import is_beside_the_point, new_files, temporary, unchanged
from alchemy.problem.split import Split
from alchemy.problem.task import Batch, Problem, Task

OnLines = Callable[[str, int, int], None]
"""Called with the name of a file, its lines so far and its lines in all."""


@runtime_checkable
class Enumerable(Protocol):
    """A task that can list all of its problems."""

    problems: int
    """The number of problems there are."""

    def every_problem(self) -> Iterator[Problem]:
        """All of them in a fixed order, some at a time; raises `UserError` if they are not finitely many."""


def write_splits(
    task: Task,
    directory: Path,
    *,
    train: int,
    test: int,
    shifts: Sequence[str] = (),
    seed: int = 0,
    split: Split | None = None,
    suffix: Suffix = "jsonl",
    force: bool = False,
    progress: OnLines = lambda name, done, total: None,
) -> dict[str, Any]:
    """Write the splits of a task, and return their manifest; raises `UserError` and leaves nothing if that fails.

    Problems are made, written and forgotten some at a time: what grows with a file is a hash of each prompt. A
    directory that is not empty is replaced with `force` only, and only if all of it was written by `generate` and is
    unchanged.
    """
    recipe = Recipe(task, split or Split(), seed, train, test, tuple(shifts), suffix)
    with _new_directory(recipe, Path(directory).resolve(), force) as place:
        text = dumps(recipe.header() | {"files": _write_files(recipe, place, progress)})
        manifest: dict[str, Any] = json.loads(text)
        (place / MANIFEST).write_text(text, "utf-8")
        (place / CARD).write_text(card(manifest), "utf-8")
    return manifest


def check_writable(recipe: Recipe, directory: Path, force: bool = False) -> dict[str, Size]:
    """The sizes of the files that a recipe would write; raises `UserError` if they may or can not be written."""
    with _file_errors(directory):
        return _checked(recipe, directory.resolve(), force)[0]


def _checked(recipe: Recipe, path: Path, force: bool) -> tuple[dict[str, Size], list[str]]:
    """The sizes of the files that a recipe would write, and the files they would replace; raises `UserError`."""
    recipe.files  # noqa: B018  an impossible shift is refused before anything is touched
    replaced, files = _replaceable(path, force), sizes(recipe)
    check_room(path, sum(size.lines for size in files.values()), sum(size.bytes for size in files.values()))
    return files, replaced


def _write_files(recipe: Recipe, place: Path, progress: OnLines) -> dict[str, Any]:
    """Write every file of a recipe, and return what the manifest says of each."""
    entries = {}
    train: Batch | None = None
    for name, file in recipe.files.items():
        progress(name, 0, file.count)
        head = Head()
        blocks = with_progress(lines(file, head.keep(recipe.batches(file))), name, file.count, progress)
        with open(place / name, "xb") as out:
            checksums = parquet.write(out, blocks) if recipe.suffix == "parquet" else {"sha256": _write(out, blocks)}
        train = head.batch if train is None else train
        entries[name] = recipe.entry(file, head.batch, train, checksums)
    return entries


def write_exhaustive(task: Task, file: Path, *, progress: OnLines = lambda name, done, total: None) -> int:
    """Write every problem of an `Enumerable` task, in its order.

    Returns the number of lines. Raises `UserError`, and leaves nothing, if the task cannot list its problems, the file
    exists or cannot be written.
    """
    if not isinstance(task, Enumerable):
        raise UserError(f"task {type(task).__name__} cannot list all of its problems")
    rng = np.random.default_rng(0)  # drives noise only, and there is none
    blocks = (task.jsonl(task.render(problem, rng)) for problem in task.every_problem())
    if not Path(file).exists() or Path(file).is_file():
        size = size_of(task, task.problems)
        check_room(Path(file), size.lines, size.bytes)
    with _new_file(Path(file)) as out:
        _write_while_next_is_made(out.write, with_progress(blocks, Path(file).name, task.problems, progress))
    return task.problems


def with_progress(blocks: Iterable[bytes], name: str, total: int, progress: OnLines) -> Iterator[bytes]:
    """The same blocks of lines; `progress` is called after each."""
    done = 0
    for block in blocks:
        yield block
        done += block.count(b"\n")
        progress(name, done, total)


def _write(out: BinaryIO, blocks: Iterable[bytes]) -> str:
    """Write the blocks and return their SHA-256."""
    digest = hashlib.sha256()

    def write(block: bytes) -> None:
        out.write(block)
        digest.update(block)

    _write_while_next_is_made(write, blocks)
    return digest.hexdigest()


def _write_while_next_is_made(write: Callable[[bytes], Any], blocks: Iterable[bytes]) -> None:
    """Write each block on a thread, while the next is made on this one."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        last: Future[Any] | None = None
        for block in blocks:
            if last is not None:
                last.result()
            last = thread.submit(write, block)
        if last is not None:
            last.result()


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears at `path` once it is whole; a pipe or device is written to as it is."""
    with _file_errors(path):
        if path.is_dir():
            raise UserError(f"{path} is a directory, expected the name of a file")
        if path.exists() and not path.is_file():
            with open(path, "wb") as out:
                yield out
            return
        if path.exists() and path.stat().st_size:
            raise UserError(f"{path} exists, and nothing in it proves that generate wrote it; remove it yourself")
        with temporary(path.resolve()) as scratch:
            with open(scratch, "xb") as out:
                yield out
            scratch.replace(path.resolve())


@contextmanager
def _new_directory(recipe: Recipe, path: Path, force: bool) -> Iterator[Path]:
    """A directory whose files appear at `path` once all are written."""
    with _file_errors(path):
        _, replaced = _checked(recipe, path, force)
        with new_files(path, replaced) as place:
            yield place


def _replaceable(path: Path, force: bool) -> list[str]:
    """The files of the splits at `path`; raises `UserError` if something there may not be replaced."""
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} exists and is not a directory")
    present = sorted(name for name in os.listdir(path) if not is_beside_the_point(name)) if path.exists() else []
    if not present:
        return []
    if not force:
        raise UserError(f"{path} is not empty; --force replaces splits that generate wrote")
    manifest = read_manifest(path)
    checksums = {name: entry["sha256"] for name, entry in manifest["files"].items()}
    foreign = [name for name in present if name not in (MANIFEST, CARD, *checksums)]
    if foreign:
        raise UserError(f"{path} holds {foreign[0]!r}, which generate did not write; not replaced")
    unchanged(path, checksums, "alchemy generate")
    is_current = manifest.get("manifest_version") == MANIFEST_VERSION  # of others the card is not known
    if is_current and CARD in present:
        check_described(manifest, path / MANIFEST)
        if (path / CARD).read_bytes() != card(manifest).encode("utf-8", "backslashreplace"):
            raise UserError(f"{path / CARD} changed since `alchemy generate` wrote it; not replaced")
    return present


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Failures of the file system as a `UserError`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None
