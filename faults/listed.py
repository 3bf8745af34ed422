"""Faults that change nothing, each with its reason, so that a new survivor stands out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from faults.plant import Fault

FILE = Path(__file__).with_name("listed.toml")


@dataclass(frozen=True)
class Listed:
    """An entry: it is about every fault of a file with this line and this change."""

    file: str
    line: str
    """The line's text, without the blanks around it."""
    change: str
    reason: str


def read(path: Path = FILE) -> list[Listed]:
    return [Listed(**entry) for entry in tomllib.loads(path.read_text("utf-8")).get("fault", [])]


def split(faults: Iterable[Fault], entries: Iterable[Listed]) -> tuple[list[Fault], list[Fault]]:
    """The faults that change something, and those that are listed."""
    known = {(entry.file, entry.line, entry.change) for entry in entries}
    kept: list[Fault] = []
    dropped: list[Fault] = []
    for fault in faults:
        (dropped if (fault.file, fault.text, fault.change) in known else kept).append(fault)
    return kept, dropped


def gone(faults: Iterable[Fault], entries: Iterable[Listed]) -> list[Listed]:
    """Entries about no fault that can be planted: their line has changed."""
    present = {(fault.file, fault.text, fault.change) for fault in faults}
    return [entry for entry in entries if (entry.file, entry.line, entry.change) not in present]
