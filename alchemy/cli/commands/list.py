"""What there is: tasks, models, strategies, claims."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from alchemy.cli.flags import Switch
from alchemy.discover import Kind, entries, verdicts
from alchemy.errors import UserError
from alchemy.terminal import cut, width


@dataclass(frozen=True)
class List:
    """The tasks, models, strategies and claims there are, with the committed verdicts.

    Example: alchemy list --json
    """

    json: Switch = False
    """Print one JSON object."""


def run(options: List) -> int:
    """Print what the folders hold."""
    found: dict[str, list[dict[str, Any]]] = {}
    kinds: dict[str, Kind] = {"tasks": "task", "models": "model", "strategies": "strategy", "claims": "claim"}
    for title, kind in kinds.items():
        found[title] = [{"name": entry.name, "sentence": entry.sentence} for entry in entries(kind).values()]
    for claim in found["claims"]:
        claim["verdicts"] = _verdicts(claim["name"])
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    wide = max(len(row["name"]) for rows in found.values() for row in rows)
    for title, rows in found.items():
        print(title)
        for row in rows or [{"name": "(none)", "sentence": ""}]:
            judged = ", ".join(f"{preset} {verdict}" for preset, verdict in row.get("verdicts", {}).items())
            tail = f" [{judged}]" if judged else ""
            print(f"  {row['name']:<{wide}}  {cut(row['sentence'], width() - wide - 4 - len(tail))}{tail}")
    return 0


def _verdicts(name: str) -> dict[str, str]:
    """A claim's committed verdicts by preset."""
    path = verdicts(name)
    try:
        return {preset: one["verdict"] for preset, one in json.loads(path.read_text("utf-8")).items()} if path else {}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError(f"{path} is corrupt: expected an object with a verdict for each preset") from None
