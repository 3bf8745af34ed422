"""What a sweep varies: fields with the values they take in a grid, or with the ranges that they are drawn from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, log, prod

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.streams import stream

MOST = 10_000
"""Cells of one sweep."""
TRIES = 100
"""Draws for each cell that is wanted, among which so many different ones are looked for."""
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})(:log)?")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, whole ones where both are; with `log` their logarithms are uniform."""

    low: float
    high: float
    log: bool
    whole: bool

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise UserError(f"range {self}: expected a low end below the high one")
        if self.log and self.low <= 0:
            raise UserError(f"range {self}: expected ends above 0 for logarithms")

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}{':log' if self.log else ''}"

    def draw(self, rng: np.random.Generator) -> str:
        """A number as it is written behind a flag: a whole one, or one of four digits."""
        low, high = (self.low, self.high + 1) if self.whole else (self.low, self.high)
        number = exp(rng.uniform(log(low), log(high))) if self.log else rng.uniform(low, high)
        return str(min(int(number), int(self.high))) if self.whole else f"{number:.4g}"


@dataclass(frozen=True)
class Axis:
    """A field by the name of its flag, and its values as they are written behind it; or their range."""

    name: str
    values: tuple[str, ...]
    range: Range | None = None

    def __str__(self) -> str:
        return f"{self.name}={self.range or ','.join(self.values)}"

    @property
    def numeric(self) -> bool:
        """Whether it has a scale: all its values are numbers."""
        return self.range is not None or all(re.fullmatch(NUMBER, value) for value in self.values)


def axis(text: str) -> Axis:
    """What `FIELD=VALUE,VALUE,...` or `FIELD=LOW..HIGH[:log]` says; raises `UserError` if it says neither."""
    name, equals, values = text.partition("=")
    name = name.strip().removeprefix("--").replace("-", "_")
    if not (equals and name):
        raise UserError(f"--vary {text!r}: expected FIELD=VALUE,VALUE,... or FIELD=LOW..HIGH[:log]")
    if found := RANGE.fullmatch(values):
        low, high, logarithmic = found.groups()
        whole = all(re.fullmatch(r"[-+]?\d+", end) for end in (low, high))
        return Axis(name, (), Range(float(low), float(high), bool(logarithmic), whole))
    listed = tuple(value.strip() for value in values.split(","))
    if not all(listed) or len(set(listed)) < len(listed):
        raise UserError(f"--vary {text!r}: expected different values between the commas")
    return Axis(name, listed)


def grid(axes: Sequence[Axis]) -> list[dict[str, str]]:
    """Every combination of values, the last axis fastest; raises `UserError` for ranges, and for more than `MOST`."""
    for one in axes:
        if one.range:
            raise UserError(f"--vary {one}: a range has no grid; give values, or draw from it with --draw N")
    if (count := prod(len(one.values) for one in axes)) > MOST:
        raise UserError(f"the grid has {count:,} cells, expected at most {MOST:,}; try --draw N")
    return [
        dict(zip((one.name for one in axes), chosen, strict=True)) for chosen in product(*(one.values for one in axes))
    ]


def draws(axes: Sequence[Axis], count: int, seed: int) -> list[dict[str, str]]:
    """`count` different combinations, each value drawn by itself; fewer if no more are found.

    The first of many are those of few: another call with a larger count goes on from there.
    """
    if count > MOST:
        raise UserError(f"--draw {count:,}: expected at most {MOST:,} cells")
    chosen: dict[tuple[str, ...], dict[str, str]] = {}
    for number in range(TRIES * count):
        rng = stream("cell of a sweep", seed, number)
        values = {one.name: one.range.draw(rng) if one.range else str(rng.choice(one.values)) for one in axes}
        chosen.setdefault(tuple(values.values()), values)
        if len(chosen) == count:
            break
    return list(chosen.values())
