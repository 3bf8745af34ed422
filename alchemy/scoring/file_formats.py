"""Files of predictions by what they begin with: JSON lines, a JSON array, Parquet, CSV with a header; packed or not."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
from collections.abc import Iterator
from typing import BinaryIO, cast

from alchemy.dataset import parquet
from alchemy.errors import UserError

LARGEST_ARRAY = 1 << 28
"""Bytes of predictions that are one JSON array."""
BOM = b"\xef\xbb\xbf"
REFUSED = {
    b"\xff\xfe": "UTF-16; write it as UTF-8",
    b"\xfe\xff": "UTF-16; write it as UTF-8",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it: zstd -d FILE",
    b"\xfd7zXZ": "packed by xz; unpack it: xz -d FILE",
    b"ARROW1": "an Arrow file; write it as Parquet or JSON lines",
}
"""What is named for what it is, by the bytes it begins with."""
HEADERS = (b"input", b"output", b"prompt", b"completion", b"predict", b"label")
"""Columns of which a CSV file has two."""


def json_lines(stream: BinaryIO) -> io.BufferedReader:
    """The same predictions as JSON lines; raises `UserError` on a file that is named for what it is."""
    file = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream))
    head = file.peek()
    for start, name in REFUSED.items():
        if head.startswith(start):
            raise UserError(f"the file is {name}")
    if head.startswith(b"\x1f\x8b"):
        return json_lines(cast(BinaryIO, gzip.open(file)))
    if head.startswith(b"BZh"):
        return json_lines(cast(BinaryIO, bz2.open(file)))
    if head.startswith(b"PAR1"):
        return io.BufferedReader(parquet.Lines(file if file.seekable() else io.BytesIO(file.read())))
    if head.startswith(BOM):
        file.read(len(BOM))
        head = head[len(BOM) :]
    if head.lstrip().startswith(b"["):
        return io.BufferedReader(_Chunks(_elements(file)))
    if sum(column.strip(b'" ') in HEADERS for column in head.partition(b"\n")[0].rstrip().split(b",")) >= 2:
        return io.BufferedReader(_Chunks(_rows(file)))
    return file


class _Chunks(io.RawIOBase):
    """A file of the lines that an iterator makes."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self.lines, self.rest = lines, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self.rest = self.rest or next(self.lines, b"")
        read, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(read)] = read
        return len(read)


def _elements(file: BinaryIO) -> Iterator[bytes]:
    text = file.read(LARGEST_ARRAY + 1)
    if len(text) > LARGEST_ARRAY:
        raise UserError(f"the array has more than {LARGEST_ARRAY:,} bytes; write a line each: jq -c '.[]'")
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise UserError(f"the file begins as a JSON array and is none: {fault}") from None
    for record in records:
        yield json.dumps(record).encode() + b"\n"


def _rows(file: BinaryIO) -> Iterator[bytes]:
    try:
        for row in csv.DictReader(io.TextIOWrapper(file, "utf-8", newline="")):
            yield json.dumps({name: value for name, value in row.items() if name}).encode() + b"\n"
    except UnicodeDecodeError:
        raise UserError("the file is CSV and not UTF-8") from None
    except csv.Error as fault:
        raise UserError(f"the file is no CSV: {fault}") from None
