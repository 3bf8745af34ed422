"""The committed records of claims: a file a claim, to which records are only ever added.

`experiments/verdicts/NAME.json` holds a list of records for each preset, the newest last. What was published before there
were such files stands in `experiments/verdicts/earlier/NAME.json`, as the history of the repository has it: verdicts of the
earlier method, oldest first, each with its commit and how its checks differ from those of the one before, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alchemy.discover import verdict_file
from alchemy.errors import UserError
from alchemy.record import numbers, read_json, write_json

ORDER = ("smoke", "small", "full")
"""In which presets are shown."""
Record = Mapping[str, Any]
History = dict[str, list[Record]]


def history(path: Path) -> History:
    """All records of a claim, by preset; none if there is no such file. Raises `UserError` if the file is damaged."""
    if not path.exists():
        return {}
    content = numbers(read_json(path))
    entries = content.values() if isinstance(content, dict) else [None]
    if not all(isinstance(records, list) and all(map(_is_record, records)) and records for records in entries):
        raise UserError(f"{path} is corrupt: expected an object with a list of records for each preset")
    return dict(sorted(content.items(), key=lambda item: ORDER.index(item[0]) if item[0] in ORDER else len(ORDER)))


def append(path: Path, preset: str, record: Record) -> None:
    """Add a record to what a claim's file holds."""
    records = history(path)
    records.setdefault(preset, []).append(record)
    write_json(path, records)


def histories(directory: Path) -> dict[str, History]:
    """All records of each claim."""
    return {path.stem: history(path) for path in sorted(directory.glob("[!.]*.json"))}


def newest(directory: Path) -> dict[str, dict[str, Record]]:
    """The last record of each claim and preset."""
    return {claim: _last(records) for claim, records in histories(directory).items()}


def newest_of(claim: str) -> dict[str, Record]:
    """The last committed record of a claim under each preset; empty if it was never published."""
    path = verdict_file(claim)
    return _last(history(path)) if path else {}


def earlier(directory: Path, claim: str) -> list[Record]:
    """The verdicts of a claim that were published before records were only added to, oldest first."""
    path = directory / "earlier" / f"{claim}.json"
    return list(read_json(path)) if path.exists() else []


def _last(records: History) -> dict[str, Record]:
    return {preset: entries[-1] for preset, entries in records.items()}


def _is_record(value: object) -> bool:
    return isinstance(value, dict) and {"verdict", "method"} <= value.keys()
