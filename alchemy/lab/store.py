"""Arrays on disk with the seconds they took: what is kept so that it is never made twice."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import numpy as np

from alchemy.decoding.generate import Drawn
from alchemy.errors import UserError
from alchemy.record import write_whole


def save(path: Path, made: np.ndarray, seconds: float) -> None:
    """An array, whole or not at all."""

    def write(scratch: Path) -> None:
        with scratch.open("wb") as file:
            np.savez_compressed(file, made=made, seconds=seconds)

    write_whole(path, write)


def load(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, float] | None:
    """The array and its seconds, None if there is none; raises `UserError` naming a damaged file."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            made, seconds = file["made"], float(file["seconds"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as fault:
        raise UserError(f"{path} is damaged ({type(fault).__name__}); remove that file") from fault
    if made.shape != shape:
        raise UserError(f"{path} has shape {made.shape}, not {shape}; remove that file")
    return made, seconds


def save_drawn(path: Path, drawn: Drawn, seconds: float) -> None:
    """Completions, with their log-probabilities if these are known; `path` is only a scratch file's."""
    likely = {} if np.isnan(drawn.logprob).all() else {"logprob": drawn.logprob}
    with path.open("wb") as file:
        np.savez_compressed(file, completions=drawn.completions.astype(np.int16), seconds=seconds, **likely)


def load_drawn(path: Path, shape: tuple[int, ...]) -> tuple[Drawn, float] | None:
    """Completions of that shape and the seconds they took, None if there are none; names a damaged file."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            completions, seconds = file["completions"].astype(np.int32), float(file["seconds"])
            logprob = file["logprob"] if "logprob" in file else unknown(shape)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as fault:
        raise UserError(f"answers {path} are damaged ({type(fault).__name__}); remove that file") from fault
    if completions.shape != shape:
        raise UserError(f"answers {path} have shape {completions.shape}, not {shape}; remove that file")
    return Drawn(completions, logprob), seconds


SECONDS = "seconds "


@dataclass
class Parts:
    """Pieces of something long, written to a folder every `every` seconds while it is made."""

    home: Path
    every: float = 20.0
    seconds: float = field(default=0.0, init=False)
    """What the pieces of earlier runs took."""

    def __post_init__(self) -> None:
        files = list(self.home.glob("*.npz"))
        self._next = 1 + max(
            (int(path.stem) for path in files), default=-1
        )  # of a file: one that was damaged may be gone
        self._found = {name: part for path in files for name, part in _pieces(path).items()}
        self._new: dict[str, tuple[np.ndarray, ...]] = {}
        self.seconds = float(sum(part[0] for name, part in self._found.items() if name.startswith(SECONDS)))
        self._began = self._saved = monotonic()

    @property
    def spent(self) -> float:
        """Seconds that the whole has taken so far, in this run and in those before."""
        return self.seconds + monotonic() - self._began

    def load(self, name: str) -> tuple[np.ndarray, ...] | None:
        """A piece that an earlier run has kept."""
        return self._found.get(name)

    def keep(self, name: str, arrays: tuple[np.ndarray, ...]) -> None:
        """Keep a piece with the others, at the latest when the next one comes after `every` seconds."""
        self._new[name] = arrays
        if monotonic() - self._saved > self.every:
            self.save()

    def save(self) -> None:
        """Write what is not written yet."""
        if self._new:
            self._new[f"{SECONDS}{self._next}"] = (np.float64(monotonic() - self._saved),)
            flat = {f"{name} {at}": one for name, arrays in self._new.items() for at, one in enumerate(arrays)}
            write_whole(self.home / f"{self._next}.npz", lambda scratch: _write(scratch, flat))
            self._next += 1
            self._new = {}
        self._saved = monotonic()

    def drop(self) -> None:
        """Remove the folder: the whole is kept elsewhere now."""
        shutil.rmtree(self.home, ignore_errors=True)


def _write(scratch: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with scratch.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _pieces(path: Path) -> dict[str, tuple[np.ndarray, ...]]:
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as fault:
        raise UserError(f"{path} is damaged ({type(fault).__name__}); remove that file") from fault
    pieces: dict[str, list[np.ndarray]] = {}
    for name in sorted(found):
        pieces.setdefault(name.rsplit(" ", 1)[0], []).append(found[name])
    return {name: tuple(arrays) for name, arrays in pieces.items()}


def unknown(shape: tuple[int, ...]) -> np.ndarray:
    """Log-probabilities that were not kept."""
    return np.full(shape[:-1], np.nan, np.float32)
