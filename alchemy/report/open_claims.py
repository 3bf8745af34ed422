"""What keeps claims open, and how many seeds would decide them, from their newest records: a table of the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from alchemy.report import table
from alchemy.report.costs import PRESET
from alchemy.report.history import Record
from alchemy.report.results import is_earlier
from alchemy.stats.power import Counts, largest_useful
from alchemy.stats.verdict import Verdict

START, END = "<!-- open claims: generated, do not edit -->", "<!-- end of open claims -->"
LIMIT = 1000
"""Seeds that are looked ahead: what needs more lies on a threshold, as far as anybody can tell."""


def counts(record: Record) -> list[Counts]:
    """How many seeds satisfy each check that seeds can decide."""
    checks = [check for check in record["checks"] if not check["exact"]]
    return [Counts(check["satisfied"], check["seeds"], check["share"]) for check in checks]


def markdown(records: Mapping[str, Mapping[str, Record]]) -> str:
    """The claims that the present method left open at the preset `small`, the nearest to a verdict first."""
    rows = []
    for name, presets in records.items():
        record = presets.get(PRESET)
        if record is None or is_earlier(record) or record["verdict"] != Verdict.UNDECIDED.value:
            continue
        needed = largest_useful(counts(record), limit=LIMIT)
        minutes = needed * record["seconds"] / record["seeds"] / 60
        rows.append((minutes, name, record, needed))
    lines = ["| claim | seeds | would be decided by | minutes | what keeps it open |", "|---|---|---|---|---|"]
    for minutes, name, record, needed in sorted(rows, key=lambda row: row[:2]):
        seeds, time = ("over a thousand", "") if needed == inf else (f"{needed:.0f}", f"{minutes:.0f}")
        check = table.deciding(record).replace("|", "\\|")
        lines.append(f"| `{name}` | {record['seeds']} | {seeds} | {time} | {check} |")
    return "\n".join(lines)


def renewed(text: str, records: Mapping[str, Mapping[str, Any]]) -> str:
    """A page with its table of open claims made anew."""
    before, after = text.split(START)[0], text.split(END)[1]
    return f"{before}{START}\n{markdown(records)}\n{END}{after}"
