"""The tasks, models, strategies and claims there are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from alchemy.cli.flags import Switch
from alchemy.discover import Kind, entries
from alchemy.report.history import newest_of
from alchemy.terminal import cut, width


@dataclass(frozen=True)
class List:
    """The tasks, models, strategies and claims there are, with the committed verdicts.

    Example: alchemy list --json
    """

    json: Switch = False
    """Print one JSON object."""


def run(options: List) -> int:
    """Print them."""
    listing: dict[str, list[dict[str, Any]]] = {}
    kinds: dict[str, Kind] = {"tasks": "task", "models": "model", "strategies": "strategy", "claims": "claim"}
    for title, kind in kinds.items():
        listing[title] = [{"name": entry.name, "sentence": entry.sentence} for entry in entries(kind).values()]
    for claim in listing["claims"]:
        claim["verdicts"] = {preset: record["verdict"] for preset, record in newest_of(claim["name"]).items()}
    if options.json:
        print(json.dumps(listing, indent=2))
        return 0
    name_width = max(len(row["name"]) for rows in listing.values() for row in rows)
    for title, rows in listing.items():
        print(title)
        for row in rows or [{"name": "(none)", "sentence": ""}]:
            verdicts = ", ".join(f"{preset} {verdict}" for preset, verdict in row.get("verdicts", {}).items())
            tail = f" [{verdicts}]" if verdicts else ""
            print(f"  {row['name']:<{name_width}}  {cut(row['sentence'], width() - name_width - 4 - len(tail))}{tail}")
    return 0
