"""Which configurations of `Recheck` are impossible, said in one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from tasks.recheck.draw import CLASSES, KINDS

if TYPE_CHECKING:
    from tasks.recheck import Recheck

MOST_DIGIT = 9  # hops and re-checks are told by one digit


def check(task: Recheck) -> None:
    """Raises `UserError` naming the first field that cannot be."""
    _check_problems(task)
    _check_dials(task)
    if task.noise is not None:
        check_field(task.noise, task.prompt_fields)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UserError(message)


def _check_problems(task: Recheck) -> None:
    for name in task.classes:
        _require(name in CLASSES, f"class {name!r} is unknown{nearest(name, CLASSES)}")
    _require(bool(task.classes), "classes is empty")
    _require(len(set(task.classes)) == len(task.classes), f"classes {task.classes} has one twice")
    _require(bool(task.hops), "hops is empty")
    for hops in task.hops:
        _require(1 <= hops <= MOST_DIGIT, f"hops {hops} is outside 1 to {MOST_DIGIT}")
    kinds = ("cycle", "permutation", "function")
    _require(task.maps in kinds, f"maps {task.maps!r} are unknown{nearest(task.maps, kinds)}")
    letters = task.alphabet
    _require(letters.isascii() and letters.isalpha(), f"alphabet {letters!r} must be ASCII letters")
    _require(len(set(letters)) == len(letters), f"alphabet {letters!r} has a letter twice")
    _require(len(letters) >= 3, f"alphabet {letters!r} has fewer than 3 letters")


def _check_dials(task: Recheck) -> None:
    for name in ("right", "breaks", "mends", "again"):
        dial = getattr(task, name)
        _require(len(dial) == len(KINDS), f"{name} has {len(dial)} values, expected one for each of {', '.join(KINDS)}")
        outside = [value for value in dial if not 0 <= value <= 1]
        _require(not outside, f"{name} {outside[:1]} is outside [0, 1]")
    _require(0 <= task.most <= MOST_DIGIT, f"most {task.most} is outside 0 to {MOST_DIGIT}")
    _require(0 <= task.told <= 1, f"told {task.told} is outside [0, 1]")
    _require(-1 <= task.asked <= MOST_DIGIT, f"asked {task.asked} is outside 0 to {MOST_DIGIT}, or -1 for any")
    _require(task.waits or task.asked < 0, f"asked {task.asked}: without waits no prompt tells a number of re-checks")
