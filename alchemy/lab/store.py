"""Arrays on disk with the seconds they took and the commit that made them: no result is made twice.

A result is kept seed by seed, under a name that is a hash of everything it depends on: asked for more seeds, the lab
makes only those that are missing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import NamedTuple, TextIO

import numpy as np

from alchemy.errors import UserError
from alchemy.record import commit, write_whole

SECONDS = "seconds "
DAMAGED = (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error, SyntaxError)
"""What reading an archive of arrays raises if it is damaged, or of a version that nobody has written yet."""


class Stored(NamedTuple):
    """A result as it was kept."""

    arrays: dict[str, np.ndarray]
    seconds: float
    """What it took to make."""
    commit: str
    """The tree that made it."""


def save(path: Path, arrays: Mapping[str, np.ndarray], seconds: float) -> None:
    """Keep a result, whole or not at all."""
    provenance = {"seconds": np.float64(seconds), "commit": np.array(commit())}
    write_whole(path, lambda scratch: _write(scratch, {**arrays, **provenance}))


def load(path: Path, shapes: Mapping[str, tuple[int | None, ...]]) -> Stored | None:
    """A result with arrays of these names and shapes (None where a size is not known), or None if it is not there.

    Raises `UserError` that names a file which is damaged or holds something else.
    """
    if not path.exists():
        return None
    arrays = _read(path)
    for name, shape in shapes.items():
        if name not in arrays:
            raise UserError(f"{path} holds no {name}; remove that file")
        sizes = arrays[name].shape
        if len(sizes) != len(shape) or any(want not in (None, size) for want, size in zip(shape, sizes, strict=True)):
            raise UserError(f"{path} holds {name} of shape {sizes}, not {shape}; remove that file")
    if not {"seconds", "commit"} <= arrays.keys():
        raise UserError(f"{path} does not say what made it; remove that file")
    return Stored({name: arrays[name] for name in shapes}, float(arrays["seconds"]), str(arrays["commit"]))


@contextmanager
def alone(home: Path, say: Callable[[str], object]) -> Iterator[None]:
    """One process at a time makes what belongs at `home`; another waits, says so, and then looks what is there.

    The lock is the operating system's, and goes with the process that holds it, however that ends.
    """
    path = home.with_name(f"{home.name}.lock")
    while True:
        with _opened(path) as file:
            _wait_for(file.fileno(), say)
            if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                continue  # whoever held it has removed it
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _opened(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w")
    except OSError as fault:
        raise UserError(f"cannot write {path}: {fault.strerror}") from fault


def _wait_for(file: int, say: Callable[[str], object]) -> None:
    with suppress(OSError):  # a file system without locks
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is at it; waiting for what it makes")
            fcntl.flock(file, fcntl.LOCK_EX)


@dataclass
class Pieces:
    """Pieces of something long, written to a folder every `every` seconds while it is made."""

    home: Path
    every: float = 20.0
    seconds: float = field(default=0.0, init=False)
    """What the pieces of earlier runs took."""

    def __post_init__(self) -> None:
        files = list(self.home.glob("*.npz"))
        numbers = [int(path.stem) for path in files]
        self._next = 1 + max(numbers, default=-1)  # a damaged file may have been removed: count from the last one
        self._earlier = {name: piece for path in files for name, piece in _pieces(path).items()}
        self._unsaved: dict[str, tuple[np.ndarray, ...]] = {}
        self.seconds = float(sum(piece[0] for name, piece in self._earlier.items() if name.startswith(SECONDS)))
        self._began = self._saved = monotonic()

    @property
    def spent(self) -> float:
        """Seconds that the whole has taken so far, in this run and in those before."""
        return self.seconds + monotonic() - self._began

    def load(self, name: str) -> tuple[np.ndarray, ...] | None:
        """A piece that an earlier run has kept."""
        return self._earlier.get(name)

    def keep(self, name: str, arrays: tuple[np.ndarray, ...]) -> None:
        """Keep a piece with the others, at the latest when the next one comes after `every` seconds."""
        self._unsaved[name] = arrays
        if monotonic() - self._saved > self.every:
            self.save()

    def save(self) -> None:
        """Write what is not written yet."""
        if self._unsaved:
            self._unsaved[f"{SECONDS}{self._next}"] = (np.array(monotonic() - self._saved),)
            flat = {f"{name} {i}": array for name, arrays in self._unsaved.items() for i, array in enumerate(arrays)}
            write_whole(self.home / f"{self._next}.npz", lambda scratch: _write(scratch, flat))
            self._next += 1
            self._unsaved = {}
        self._saved = monotonic()

    def drop(self) -> None:
        """Remove the folder: the whole is kept elsewhere now."""
        shutil.rmtree(self.home, ignore_errors=True)


def _write(scratch: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with scratch.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            return {name: file[name] for name in file.files}
    except DAMAGED as fault:
        raise UserError(f"{path} is damaged ({type(fault).__name__}); remove that file") from fault


def _pieces(path: Path) -> dict[str, tuple[np.ndarray, ...]]:
    arrays = _read(path)
    pieces: dict[str, list[np.ndarray]] = {}
    for name in sorted(arrays, key=lambda name: (name.rsplit(" ", 1)[0], int(name.rsplit(" ", 1)[1]))):
        pieces.setdefault(name.rsplit(" ", 1)[0], []).append(arrays[name])
    return {name: tuple(piece) for name, piece in pieces.items()}
