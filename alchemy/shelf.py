"""Arrays on disk with the seconds they took: what is kept so that it is never made twice."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np

from alchemy.decode import Drawn
from alchemy.errors import UserError
from alchemy.record import write_whole


def digest(*arrays: np.ndarray) -> str:
    """A name for what arrays hold."""
    return hashlib.sha256(b"".join(one.tobytes() for one in arrays)).hexdigest()[:20]


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


def unknown(shape: tuple[int, ...]) -> np.ndarray:
    """Log-probabilities that were not kept."""
    return np.full(shape[:-1], np.nan, np.float32)
