"""How fast this machine does the lab's work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from alchemy import device, growth
from alchemy.bench import Load, Row, measure, table
from alchemy.figures import save
from alchemy.flags import Switch
from alchemy.progress import Progress
from alchemy.record import commit, write_json


@dataclass(frozen=True)
class Bench:
    """How fast this machine makes, trains, decodes and scores, beside what it can do at most.

    Example: alchemy bench --out bench.json
    """

    growth: Switch = False
    """Measure instead how time and memory grow with width, length, seeds and samples; FILE.svg shows it."""
    quick: Switch = False
    """Seconds instead of minutes: whether it runs; its numbers mean little."""
    out: Annotated[Path | None, arg(metavar="FILE")] = None
    """Write the measurements there as JSON, too."""
    quiet: Switch = False
    """No progress on standard error."""
    json: Switch = False
    """Print one JSON object."""


QUICK = Load(problems=512, lines=64, batch=16, samples=32, seeds=(1, 2), rows=(1, 8), matrix=256, larger=False)


def run(options: Bench) -> int:
    """Measure, print, and write if asked."""
    device.prepare()
    progress = Progress(options.quiet or options.json)
    rows = list(_measured(options, lambda what: progress.say(f"{what} ...")))
    record = _record(rows, options.quick)
    if options.out:
        write_json(options.out, record)
        if options.growth:
            save(growth.figure(options.out.stem, rows), options.out.with_suffix(".svg"))
    if options.json:
        print(json.dumps(record, indent=1))
        return 0
    shown = Table(title=f"{record['device']}, {record['commit'] or 'no commit'}", title_justify="left")
    for name in ("work", "rate", "share"):
        shown.add_column(name, justify="left" if name == "work" else "right", overflow="fold")
    for row in table(rows):
        shown.add_row(*row)
    Console(highlight=False).print(shown)
    return 0


def _measured(options: Bench, say: Callable[[str], None]) -> Iterator[Row]:
    if options.growth:
        return growth.measure(say, *([growth.TIMES[:2], 1] if options.quick else []))
    return measure(QUICK if options.quick else Load(), say)


def _record(rows: list[Row], quick: bool) -> dict[str, Any]:
    return {
        "device": device.describe(),
        "versions": device.versions(),
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "rows": [row._asdict() for row in rows],
    }
