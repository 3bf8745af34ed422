"""What `alchemy reproduce --out` leaves in a directory of claims: records, and marks of runs that have not ended."""

from __future__ import annotations

from pathlib import Path

from alchemy.record import numbers, read_json
from alchemy.report.history import Record
from alchemy.report.schema import check_record

STARTED = "started.json"
"""What says, beside a record or in its place, that a run has begun and not ended."""


def records_of(run: Path) -> list[tuple[Path, Record]]:
    """The records that `alchemy reproduce --out` left in a directory, with their files; raises `UserError` if one is damaged."""
    paths = sorted(run.glob("claims/*/*/record.json"))
    records = [(path, numbers(read_json(path))) for path in paths]
    for path, record in records:
        check_record(record, str(path))
    return records


def unfinished(run: Path) -> list[str]:
    """The runs in a directory that were begun and not ended, or are under way, by claim and preset."""
    homes = (path.parent for path in sorted(run.glob(f"claims/*/*/{STARTED}")))
    return [f"{home.parent.name} at {home.name}" for home in homes]
