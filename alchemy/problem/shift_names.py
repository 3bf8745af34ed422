"""Names of shifts: parts joined by `+`, each `KEY=VALUE`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import add
from typing import Any, cast

from alchemy.errors import UserError, nearest
from alchemy.problem.shift import Axis, Mode, Noise, Shift

Part = Callable[[Any, str, str], Shift]
"""Makes the shift of one part from the task, the value, and the whole part."""


def parse(task: Any, name: str, parts: Mapping[str, Part]) -> Shift:
    """The shift called `name`, its parts added up; raises `UserError`, also if the task cannot be shifted so."""
    shifts: list[Shift] = []
    for part in name.split("+"):
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key not in parts:
            raise UserError(f"shift {part.strip()!r} is unknown{nearest(key, parts)}")
        shifts.append(parts[key](task, value, f"{key}={value}"))
    shift = reduce(add, shifts)
    shift(task)
    return shift


def possible(parser: Callable[[Any, str], Shift], task: Any, names: Iterable[str]) -> tuple[str, ...]:
    """The names for which a family's parser finds a shift that the task can do."""

    def can(name: str) -> bool:
        try:
            parser(task, name)
        except UserError:
            return False
        return True

    return tuple(filter(can, names))


def number(value: str, name: str, expected: str, minimum: int = 1) -> int:
    """A whole number that a part gives; raises `UserError`."""
    if not (value.isascii() and value.isdigit() and int(value) >= minimum):
        raise UserError(f"shift {name!r}: {value!r} is not {expected}")
    return int(value)


def share(value: str, name: str) -> float:
    """A share or probability that a part gives; raises `UserError`. Whether it is in [0, 1] is checked by the task."""
    try:
        return float(value)
    except ValueError:
        raise UserError(f"shift {name!r}: {value!r} is not a number from 0 to 1") from None


def noise(task: Any, value: str, name: str) -> Shift:
    """The part `noise=MODE:PROBABILITY` or `noise=MODE:PROBABILITY:FIELD`."""
    mode, _, rest = value.partition(":")
    p, _, field = rest.partition(":")
    try:
        noise = Noise(cast(Mode, mode), float(p), field or "all")  # which checks the mode
    except ValueError:
        raise UserError(f"shift {name!r}: expected noise=MODE:PROBABILITY or noise=MODE:PROBABILITY:FIELD") from None
    return Shift(name, (Axis.FORMAT,), noise.p, {"noise": noise})
