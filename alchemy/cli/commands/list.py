"""The tasks, models, reasoners, strategies and claims there are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.discover import Kind, entries
from alchemy.report.history import newest_of
from alchemy.report.results import is_earlier
from alchemy.terminal import beside

Title = Literal["tasks", "models", "reasoners", "strategies", "claims"]
KINDS: dict[Title, Kind] = {
    "tasks": "task",
    "models": "model",
    "reasoners": "reasoner",
    "strategies": "strategy",
    "claims": "claim",
}


@dataclass(frozen=True)
class List:
    """The tasks, models, reasoners, strategies and claims there are, with the committed verdicts; `alchemy show NAME` says more.

    Example: alchemy list strategies

    Example: alchemy list --json
    """

    kinds: Positional[Annotated[tuple[Title, ...], arg(metavar="[KIND ...]")]] = ()
    """Of `tasks`, `models`, `reasoners`, `strategies` and `claims`; all if none is named."""
    json: Switch = False
    """Print one JSON object."""


def run(options: List) -> int:
    """Print them."""
    listing: dict[str, list[dict[str, Any]]] = {}
    earlier: set[tuple[str, str]] = set()
    for title in options.kinds or KINDS:
        listing[title] = [{"name": entry.name, "sentence": entry.sentence} for entry in entries(KINDS[title]).values()]
    for claim in listing.get("claims", ()):
        records = newest_of(claim["name"])
        claim["verdicts"] = {preset: record["verdict"] for preset, record in records.items()}
        earlier |= {(claim["name"], preset) for preset, record in records.items() if is_earlier(record)}
    if options.json:
        print(json.dumps(listing, indent=2))
        return 0
    name_width = max((len(row["name"]) for rows in listing.values() for row in rows), default=0)
    for title, rows in listing.items():
        print(title)
        for row in rows or [{"name": "(none)", "sentence": ""}]:
            verdicts = ", ".join(
                f"{preset} {verdict}" + " by the earlier method" * ((row["name"], preset) in earlier)
                for preset, verdict in row.get("verdicts", {}).items()
            )
            print(beside(row["name"], row["sentence"] + (f" [{verdicts}]" if verdicts else ""), name_width + 1))
    return 0
