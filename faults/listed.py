"""Faults that change nothing, each with its reason, so that a new survivor stands out."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from faults.plant import Fault

FILE = Path(__file__).with_name("listed.toml")


@dataclass(frozen=True)
class Listed:
    """An entry: it is about the faults of a file with this line and this change."""

    file: str
    line: str
    """The line's text, without the blanks around it."""
    change: str
    reason: str
    nth: int = 0
    """Which of several such faults; 0 for all of them."""

    def covers(self, fault: Fault) -> bool:
        same = (self.file, self.line, self.change) == (fault.file, fault.text, fault.change)
        return same and self.nth in (0, fault.nth)


def read(path: Path = FILE) -> list[Listed]:
    return [Listed(**entry) for entry in tomllib.loads(path.read_text("utf-8")).get("fault", [])]


def split(faults: Iterable[Fault], entries: Iterable[Listed]) -> tuple[list[Fault], list[Fault]]:
    """The faults that change something, and those that are listed."""
    by_file: defaultdict[str, list[Listed]] = defaultdict(list)
    for entry in entries:
        by_file[entry.file].append(entry)
    kept: list[Fault] = []
    dropped: list[Fault] = []
    for fault in faults:
        (dropped if any(entry.covers(fault) for entry in by_file[fault.file]) else kept).append(fault)
    return kept, dropped


def gone(faults: Iterable[Fault], entries: Iterable[Listed]) -> list[Listed]:
    """Entries about no fault that can be planted: their line has changed."""
    faults = list(faults)
    return [entry for entry in entries if not any(entry.covers(fault) for fault in faults)]
