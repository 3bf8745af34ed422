"""What came out of a sweep: a number a seed of every cell, a table, figures, and the best cell by a stated rule.

Dimension letter: `s` seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.lab.plain import HELD_OUT
from alchemy.record import plain, write_json
from alchemy.report.figures import Bars, Curves, Figure, Points, save
from alchemy.report.history import Record
from alchemy.stats.paired import compared
from alchemy.stats.verdict import median, median_limits
from alchemy.sweeps.cells import Cell
from alchemy.sweeps.grid import Axis
from alchemy.terminal import wrapped

CHECKS = "checks met"
"""Of a claim: the share of its checks that a seed satisfies."""
METRICS = ("right answer", "valid chain", "exact match")
SERIES = 8
"""Curves that fit one figure."""


@dataclass(frozen=True)
class Outcome:
    """A cell with what it scored, if it has been run."""

    cell: Cell
    record: Record | None
    values: np.ndarray | None
    """Float (s,); None where the cell has not been run, or diverged."""

    @property
    def state(self) -> str:
        if self.record is None:
            return "to run"
        return "diverged" if "failed" in self.record else "done"


@dataclass(frozen=True)
class Rule:
    """How cells are ranked: by the median seed of a score, the largest first or the least; of equals by FLOPs."""

    by: str
    least: bool

    def __str__(self) -> str:
        return f"the {'least' if self.least else 'largest'} median of {self.by!r}; of equals the one with fewer FLOPs, then the first"

    def rank(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The cells that have a number, best first."""
        sign = 1 if self.least else -1
        known = [(sign * median(one.values), one) for one in outcomes if one.values is not None and one.record]
        known = [(value, one) for value, one in known if isfinite(value)]
        return [one for _, one in sorted(known, key=lambda pair: (pair[0], _flops(pair[1]), pair[1].cell.number))]


def outcomes(cells: Sequence[Cell], by: str) -> tuple[list[Outcome], str]:
    """The cells with their scores called `by`, and that name; by default right answers, or the checks met.

    Raises `UserError` for a score that no cell has.
    """
    records = [cell.record() for cell in cells]
    known = [scores(record) if record and "failed" not in record else None for record in records]
    names = list(dict.fromkeys(name for each in known if each for name in each))
    by = by or (names[0] if names else "")
    if names and by not in names:
        raise UserError(f"--by {by!r}: there is no such score{nearest(by, names)}")
    rows = zip(cells, records, known, strict=True)
    return [Outcome(cell, record, each.get(by) if each else None) for cell, record, each in rows], by


def scores(record: Record) -> dict[str, np.ndarray]:
    """Every score of a cell, float (s,) by name, the one by which cells are ranked by default first."""
    if "checks" in record:
        each = {check["name"]: np.asarray(check["values"], float) for check in record["checks"]}
        met = [_met(check, record["seeds"]) for check in record["checks"]]
        return {CHECKS: np.mean(met, axis=0), **each}
    named = {HELD_OUT if name == HELD_OUT else name: test for name, test in record["tests"].items()}
    each = {f"{name}: {metric}": np.asarray(test[metric], float) for name, test in named.items() for metric in METRICS}
    return {**each, "loss": np.asarray(record["loss"], float)}


def _met(check: Mapping[str, Any], seeds: int) -> np.ndarray:
    """Which seeds satisfy a check and pass its gates, bool (s,)."""
    values = np.asarray(check["values"], float)
    met = (values >= check["low"]) & (values <= check["high"])
    for gate in check["gates"]:
        met = met & np.asarray(gate["passed"], bool)
    return np.broadcast_to(met, seeds) if check["exact"] else met


def summary(axes: Sequence[Axis], outcomes: Sequence[Outcome], rule: Rule) -> dict[str, Any]:
    """All of it as JSON has it."""
    ranked = rule.rank(outcomes)
    rows = [
        {
            "cell": one.cell.number,
            **{"values": dict(one.cell.values), "state": one.state, "record": str(one.cell.home / "record.json")},
            "score": plain(one.values) if one.values is not None else None,
            "median": median(one.values) if one.values is not None else None,
            "limits": median_limits(one.values) if one.values is not None else None,
            "verdict": (one.record or {}).get("verdict"),
            "flops": _flops(one) if one.state == "done" else None,
            "seconds": (one.record or {}).get("seconds"),
        }
        for one in outcomes
    ]
    ahead = None
    if len(ranked) > 1:
        first, second = ranked[0].values, ranked[1].values
        assert first is not None and second is not None
        if len(first) == len(second) > 1:
            ahead = {"of cell": ranked[1].cell.number, **compared(first[:, None], second[:, None])}
    return {
        "axes": [str(axis) for axis in axes],
        "by": rule.by,
        "rule": str(rule),
        "cells": rows,
        "best": ranked[0].cell.number if ranked else None,
        "ahead": ahead,
    }


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """The same for the terminal: a row a cell, then the best."""
    names = [axis.partition("=")[0] for axis in told["axes"]]
    head = ["cell", *names, told["by"] or "score", "95 % limits", "FLOPs", "seconds", "state"]
    rows = [
        [
            str(row["cell"]),
            *row["values"].values(),
            "" if row["median"] is None else f"{row['median']:.3f}",
            "" if row["limits"] is None else _limits(row["limits"]),
            "" if row["flops"] is None else f"{row['flops']:.2g}",
            "" if row["seconds"] is None else f"{row['seconds']:,.1f}",
            row["verdict"] or row["state"],
        ]
        for row in told["cells"]
    ]
    wide = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in [head, *rows]:
        yield "  ".join(f"{text:>{room}}" for text, room in zip(row, wide, strict=True)).rstrip()
    if told["best"] is None:
        return
    best = told["cells"][told["best"] - 1]
    text = f"best: cell {best['cell']}, {' '.join(f'{name}={value}' for name, value in best['values'].items())}; {told['rule']}"
    yield wrapped(text)
    if ahead := told["ahead"]:
        yield wrapped(
            f"ahead of cell {ahead['of cell']} by {ahead['median difference']:+.3f} in the median seed, "
            f"more on {ahead['first better']} seeds, less on {ahead['second better']}, p {ahead['p']:.2g} (sign test, of this pair "
            "alone); the best of many is flattered: run it again on other seeds (--first-seed)"
        )


def _limits(limits: Sequence[float]) -> str:
    low, high = limits
    return f"[{low:.3f}, {high:.3f}]" if max(abs(low), abs(high)) < inf else "takes more seeds"


def _flops(outcome: Outcome) -> float:
    return float((outcome.record or {}).get("flops", inf))


def write(told: Mapping[str, Any], drawn: Sequence[Figure], home: Path) -> None:
    """The summary and the figures, in a folder of this sweep."""
    write_json(home / "sweep.json", told)
    for figure in drawn:
        save(figure, home / f"{figure.name}.svg")


def figures(axes: Sequence[Axis], outcomes: Sequence[Outcome], by: str, drawn: bool) -> list[Figure]:
    """Cells as curves over the numeric field with most values, a curve for each combination of the others; as points over each
    numeric field where values were drawn, or combinations are too many; as bars where no field has a scale.
    """
    known = [one for one in outcomes if one.values is not None]
    if not known:
        return []
    numeric = [axis for axis in axes if axis.numeric]
    title = f"{by}, by cell"
    if not numeric:
        groups = ["\n".join(one.cell.values.values()) for one in known]
        return [Bars("sweep", title, by, groups, {by: _stacked(known)}, {})]
    main = max(numeric, key=lambda axis: len(axis.values))
    others = [axis.name for axis in axes if axis is not main]
    series: dict[str, list[Outcome]] = {}
    for one in known:
        series.setdefault(" ".join(f"{name}={one.cell.values[name]}" for name in others) or by, []).append(one)
    if not drawn and len(series) <= SERIES:
        x = sorted({float(one.cell.values[main.name]) for one in known})
        measured = {label: _over(x, main, ones) for label, ones in series.items()}
        return [Curves("sweep", title, main.name, by, x, measured, {}, log_x=_spread(x))]
    return [
        Points(
            f"sweep-{axis.name}",
            f"{by}, by {axis.name}",
            axis.name,
            by,
            x := [float(one.cell.values[axis.name]) for one in known],
            _stacked(known),
            log_x=axis.range.log if axis.range else _spread(x),
        )
        for axis in numeric
    ]


def _spread(x: Sequence[float]) -> bool:
    """Whether values span more than a scale shows evenly."""
    return min(x) > 0 and max(x) / min(x) >= 8


def _over(x: Sequence[float], main: Axis, outcomes: Sequence[Outcome]) -> np.ndarray:
    """The scores of cells by their value of a field, float (s, len(x)); nan for what is missing."""
    columns = {float(one.cell.values[main.name]): one.values for one in outcomes}
    most = max(len(values) for values in columns.values() if values is not None)
    table = np.full((most, len(x)), np.nan)
    for place, value in enumerate(x):
        if (column := columns.get(value)) is not None:
            table[: len(column), place] = column
    return table


def _stacked(outcomes: Sequence[Outcome]) -> np.ndarray:
    """The scores of cells, float (s, cells)."""
    columns = [one.values for one in outcomes if one.values is not None]
    table = np.full((max(map(len, columns)), len(columns)), np.nan)
    for place, column in enumerate(columns):
        table[: len(column), place] = column
    return table
