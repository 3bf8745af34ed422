"""How fast this machine does the lab's work."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from alchemy.cli.flags import Switch
from alchemy.output import check_replaceable, write_sealed
from alchemy.progress import Progress
from alchemy.record import commit, write_json

if TYPE_CHECKING:
    from alchemy.bench.bench import Row


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


QUICK = dict(problems=512, lines=64, batch=16, samples=32, seeds=(1, 2), rows=(1, 8), matrix=256, larger=False)


def run(options: Bench) -> int:
    """Measure, print, and write if asked."""
    from alchemy.bench import growth
    from alchemy.bench.bench import Load, measure, table
    from alchemy.learning import machine
    from alchemy.report.figures import save

    picture = options.out.with_suffix(".svg") if options.out and options.growth else None
    for path in filter(None, (options.out, picture)):
        check_replaceable(path, "bench")
    progress = Progress(options.quiet or options.json)

    def say(work: str) -> None:
        progress.say(f"{work} ...")

    if options.growth:
        rows = list(growth.measure(say, *([growth.TIMES[:2], 1] if options.quick else [])))
    else:
        rows = list(measure(Load(**QUICK) if options.quick else Load(), say))
    record = {"device": machine.describe(), "versions": machine.versions(), **_record(rows, options.quick)}
    if options.out:
        write_sealed(options.out, "bench", lambda scratch: write_json(scratch, record))
    if picture:
        figure = growth.figure(picture.stem, rows)
        write_sealed(picture, "bench", lambda scratch: save(figure, scratch))
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


def _record(rows: Sequence[Row], quick: bool) -> dict[str, Any]:
    return {
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "rows": [row._asdict() for row in rows],
    }
