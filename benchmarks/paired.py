"""The rows of `alchemy bench` for two checkouts of this lab, turn by turn on one machine.

python benchmarks/paired.py BEFORE AFTER OUT.json [PASSES]

A machine's pace changes from minute to minute by more than what two versions of the code differ by. So both checkouts are
measured side by side, a row of the one and then the same row of the other, in processes that stay; who is first changes
from pass to pass. Rows that only one of them has are left out. A ratio over 1 says that AFTER is faster or needs less. Nothing else should run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

PASSES = 3
Row = tuple[str, float, str]
"""What was measured, its rate, its unit."""
LESS_IS_BETTER = ("s", "bytes")
"""Units of rows that are times or sizes."""


def serve() -> None:
    """Print a row for each line that comes in, null at the end, and begin again; the checkout is the one on the path."""
    try:
        bench = import_module("alchemy.bench.bench")
        import_module("alchemy.learning.machine").prepare()
    except ModuleNotFoundError:  # before the code was laid out in wings
        bench = import_module("alchemy.bench")
        import_module("alchemy.device").prepare()
    rows = bench.measure(bench.Load(), lambda _: None)
    for _ in sys.stdin:  # a row is measured when it is asked for, while the other checkout waits
        row = next(rows, None)
        if row is None:
            rows = bench.measure(bench.Load(), lambda _: None)
        print(json.dumps(row and [row[0], row.rate, row.unit]), flush=True)


class Checkout:
    """A process that measures one checkout, with compiled programs of its own."""

    def __init__(self, root: Path, cache: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(root), "ALCHEMY_CACHE": str(cache)}
        command = [sys.executable, __file__, "--serve"]
        self._process = subprocess.Popen(
            command, cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.commit = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        self._apart: dict[tuple[str, str], Row] = {}
        self._ended = False

    def row(self) -> Row | None:
        """The next row of `alchemy bench`, None behind the last; then the first again."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{self.commit}: ended while it was measured")
        row = json.loads(line)
        self._ended = row is None
        return row and (row[0], row[1], row[2])

    def row_of(self, work: str, unit: str) -> Row | None:
        """The row of that name in this pass, None if it has none; those before it are measured and kept."""
        while (work, unit) not in self._apart and not self._ended:
            if (row := self.row()) is not None:
                self._apart[row[0], row[2]] = row
        return self._apart.pop((work, unit), None)

    def end_pass(self) -> None:
        """Measure what is left of this pass; the next row is the first again."""
        while not self._ended:
            self.row()
        self._apart, self._ended = {}, False

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def compare(before: Checkout, after: Checkout, passes: int) -> list[dict[str, Any]]:
    """Every row with its rates in all passes and the ratio of their medians."""
    turns: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for number in range(passes):
        for (work, old, unit), (_, new, _) in _rows(before, after, number % 2 == 1, turns):
            rates = turns.setdefault((work, unit), ([], []))
            rates[0].append(old)
            rates[1].append(new)
            print(f"pass {number + 1}: {work:54} {old:12.4g} {new:12.4g} {unit}", flush=True)
    return [
        {"work": work, "unit": unit, "before": old, "after": new, "ratio": _ratio(unit, median(old), median(new))}
        for (work, unit), (old, new) in turns.items()
    ]


def _rows(
    before: Checkout, after: Checkout, swapped: bool, known: Collection[tuple[str, str]]
) -> Iterator[tuple[Row, Row]]:
    """The rows of one pass that both checkouts have, each of both; those of a swapped pass are `known` from an earlier one."""
    first, second = (after, before) if swapped else (before, after)
    while (row := first.row()) is not None:
        work, _, unit = row
        if swapped and (work, unit) not in known:
            continue
        if (other := second.row_of(work, unit)) is not None:
            yield (other, row) if swapped else (row, other)
    for side in (first, second):
        side.end_pass()


def _ratio(unit: str, old: float, new: float) -> float:
    return old / new if unit in LESS_IS_BETTER else new / old


def main(before: str, after: str, out: str, passes: str = str(PASSES)) -> None:
    from alchemy.learning import machine
    from alchemy.record import write_json

    for root in (before, after):
        if not (Path(root) / "alchemy").is_dir():
            sys.exit(f"{root} is no checkout of this lab")
    if not passes.isdecimal() or not int(passes):
        sys.exit(f"PASSES must be a number from 1 on, not {passes!r}")
    with TemporaryDirectory() as scratch:
        sides = [Checkout(Path(root).resolve(), Path(scratch) / name) for root, name in ((before, "b"), (after, "a"))]
        try:
            rows = compare(sides[0], sides[1], int(passes))
        finally:
            for side in sides:
                side.end()
    machine.prepare()  # or the device it names would be one core
    commits = {"before": sides[0].commit, "after": sides[1].commit}
    write_json(Path(out), {"device": machine.describe(), "versions": machine.versions(), **commits, "rows": rows})
    for row in rows:
        print(f"{row['work']:54} {row['unit']:14} {row['ratio']:.3f}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    elif len(sys.argv) in (4, 5):
        main(*sys.argv[1:])
    else:
        sys.exit(__doc__)
