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
from typing import Any, BinaryIO

from alchemy.errors import UserError

ROWS_AT_ONCE = 1 << 12  # read


def write(out: BinaryIO, blocks: Iterable[bytes]) -> dict[str, str]:
    """Write JSON lines of texts, a row group a block, and return the SHA-256 of the file and of the lines.

    Raises `UserError` if pyarrow is not installed.
    """
    arrow = _arrow()
    lines_digest, file, filled = hashlib.sha256(), _DigestingFile(out), filter(None, blocks)
    first = next(filled)
    schema = arrow.schema([(key, arrow.string()) for key in json.loads(first[: first.index(b"\n")])])
    parse_options = arrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    with arrow.parquet.ParquetWriter(file, schema) as writer:
        for block in chain([first], filled):
            lines_digest.update(block)
            read_options = arrow.json.ReadOptions(block_size=len(block))
            table = arrow.json.read_json(io.BytesIO(block), read_options, parse_options)
            writer.write_table(table, row_group_size=len(table))
    return {"sha256": file.digest.hexdigest(), "lines_sha256": lines_digest.hexdigest()}


def open_lines(path: Path) -> BinaryIO:
    """A file of splits, JSON lines or Parquet, as JSON lines; raises `Damaged` on a .parquet file that is none."""
    if path.suffix != ".parquet":
        return open(path, "rb")
    return io.BufferedReader(Lines(open(path, "rb"), f"{path}: "))


class Damaged(UserError):
    """A file that is no whole Parquet file."""


class _DigestingFile(io.RawIOBase):
    """A file that is hashed as it is written."""

    def __init__(self, out: BinaryIO) -> None:
        self.out, self.digest = out, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return self.out.write(data)


class Lines(io.RawIOBase):
    """The rows of a Parquet file as JSON lines, read as they are needed; `name` begins what is said of a damaged one."""

    def __init__(self, file: BinaryIO, name: str = "") -> None:
        self.file = file
        self.lines = _records(file, name)
        self.rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)
        self.rest = self.rest or next(self.lines, b"")
        read, self.rest = self.rest[: len(room)], self.rest[len(room) :]
        room[: len(read)] = read
        return len(read)

    def close(self) -> None:
        self.lines.close()
        self.file.close()
        super().close()


def _records(file: BinaryIO, name: str) -> Generator[bytes, None, None]:
    """Some lines at a time; raises `Damaged` if it is no Parquet, or has values that JSON has not."""
    arrow = _arrow()
    try:
        for rows in arrow.parquet.ParquetFile(file).iter_batches(ROWS_AT_ONCE):
            yield b"".join(json.dumps(row).encode() + b"\n" for row in rows.to_pylist())
    except (arrow.ArrowException, OSError, TypeError, ValueError) as fault:
        raise Damaged(f"{name}{str(fault).partition(chr(10))[0][:100]}") from None


def _arrow() -> ModuleType:
    """The library, which is heavy and not always there."""
    try:
        import pyarrow
        import pyarrow.json
        import pyarrow.parquet
    except ImportError:
        raise UserError("Parquet needs pyarrow, which is not installed: pip install '.[parquet]'") from None
    return pyarrow
