"""Splits as Parquet, a row group for some thousand lines, and back to the JSON lines they were written from.

The bytes of a Parquet file depend on the version of the library that wrote it, its rows do not: a manifest has the
checksum of both.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Generator, Iterable
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from alchemy.errors import UserError

ROWS = 1 << 12  # read at once


def write(out: BinaryIO, blocks: Iterable[bytes]) -> dict[str, str]:
    """Write JSON lines of texts, a row group a block, and return the SHA-256 of the file and of the lines.

    Raises `UserError` if pyarrow is not installed.
    """
    arrow = _arrow()
    digest, whole, filled = hashlib.sha256(), _Digesting(out), filter(None, blocks)
    first = next(filled)
    schema = arrow.schema([(key, arrow.string()) for key in json.loads(first[: first.index(b"\n")])])
    parsing = arrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    with arrow.parquet.ParquetWriter(whole, schema) as writer:
        for block in chain([first], filled):
            digest.update(block)
            reading = arrow.json.ReadOptions(block_size=len(block))
            table = arrow.json.read_json(io.BytesIO(block), reading, parsing)
            writer.write_table(table, row_group_size=len(table))
    return {"sha256": whole.digest.hexdigest(), "lines_sha256": digest.hexdigest()}


def opened(path: Path) -> BinaryIO:
    """A file of splits as JSON lines, whichever of the two it is; raises `Damaged` on Parquet that is none."""
    if path.suffix != ".parquet":
        return open(path, "rb")
    return io.BufferedReader(_Lines(path))


class Damaged(UserError):
    """A file that is no whole Parquet file."""


class _Digesting(io.RawIOBase):
    """A file that is hashed as it is written."""

    def __init__(self, out: BinaryIO) -> None:
        self.out, self.digest = out, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self.out.write(data)


class _Lines(io.RawIOBase):
    """The rows of a Parquet file as JSON lines, read as they are asked for."""

    def __init__(self, path: Path) -> None:
        self.lines = _records(path)
        self.rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, room: memoryview) -> int:
        self.rest = self.rest or next(self.lines, b"")
        given, self.rest = self.rest[: len(room)], self.rest[len(room) :]
        room[: len(given)] = given
        return len(given)

    def close(self) -> None:
        self.lines.close()
        super().close()


def _records(path: Path) -> Generator[bytes, None, None]:
    """Some lines at a time; raises `Damaged`, naming the path, if it is no Parquet."""
    arrow = _arrow()
    with open(path, "rb") as given:  # pyarrow's own errors of the file system say less
        try:
            for rows in arrow.parquet.ParquetFile(given).iter_batches(ROWS):
                yield b"".join(json.dumps(row).encode() + b"\n" for row in rows.to_pylist())
        except (arrow.ArrowException, OSError) as fault:
            raise Damaged(f"{path}: {str(fault).partition(chr(10))[0][:100]}") from None


def _arrow() -> ModuleType:
    """The library, which is heavy and not always there."""
    try:
        import pyarrow
        import pyarrow.json
        import pyarrow.parquet
    except ImportError:
        raise UserError("Parquet needs pyarrow, which is not installed: pip install '.[parquet]'") from None
    return pyarrow
