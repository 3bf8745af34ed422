"""Which configurations of `Symbols` are impossible, said in one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from alchemy.problem.task import Field
from tasks.symbols.layout import Dialect
from tasks.symbols.primitives import check_name

if TYPE_CHECKING:
    from tasks.symbols import Symbols

MOST_LETTERS = 4096
MOST_STEPS = 127 - Field.STEP  # field codes are int8


def check(task: Symbols) -> None:
    """Raises `UserError` naming the first field that cannot be."""
    _check_text(task)
    _check_compositions(task)
    _check_elements(task)
    if task.noise is not None:
        check_field(task.noise, task.prompt_fields)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UserError(message)


def _check_text(task: Symbols) -> None:
    alphabet, dialects = task.alphabet, Dialect.__args__
    _require(alphabet.isascii() and alphabet.isalnum(), f"alphabet {alphabet!r} must be ASCII letters or digits")
    _require(len(set(alphabet)) == len(alphabet), f"alphabet {alphabet!r} has a letter twice")
    foreign = [letter for letter in task.atoms if letter not in alphabet]
    _require(not foreign, f"atoms {task.atoms!r}: {foreign[:1]} is not in the alphabet {alphabet!r}")
    _require(task.dialect in dialects, f"dialect {task.dialect!r} is unknown{nearest(task.dialect, dialects)}")


def _check_compositions(task: Symbols) -> None:
    for name in task.primitives:
        check_name(name)
    _require(len(set(task.primitives)) == len(task.primitives), f"primitives {task.primitives} has a name twice")
    _require(bool(task.compositions), "compositions is empty")
    steps = [tuple(composition.split()) for composition in task.compositions]
    _require(len(set(steps)) == len(steps), f"compositions {task.compositions} has one twice; use weights")
    longest = max(map(len, steps))
    _require(longest <= MOST_STEPS, f"a composition of {longest} steps is longer than {MOST_STEPS}")
    task.ops_of(task.compositions)
    if task.weights:
        fit = len(task.weights) == len(task.compositions)
        _require(fit, f"{len(task.weights)} weights for {len(task.compositions)} compositions")
        fit = all(0 <= weight < float("inf") for weight in task.weights) and sum(task.weights) > 0
        _require(fit, f"weights {task.weights} must be finite, not negative, and not all zero")


def _check_elements(task: Symbols) -> None:
    _require(bool(task.length), "length is empty")
    _require(min(task.length) >= 1, f"length {min(task.length)} is less than 1")
    _require(max(task.length) <= MOST_LETTERS, f"length {max(task.length)} is more than {MOST_LETTERS}")
    size = len(task.alphabet)
    _require(0 <= task.banned < size, f"banned {task.banned} must be at least 0 and less than the {size} letters")
    _require(task.unseen >= 0, f"unseen {task.unseen} is negative")
    shortest = min(task.length)
    _require(task.unseen <= shortest, f"unseen {task.unseen} is more than the shortest length {shortest}")
    _require(task.banned > 0 or task.unseen == 0, f"unseen {task.unseen} needs banned > 0, no letter is banned")
    for kind, letters in enumerate(task.possible.any(axis=2)):
        if not letters.all() and (kind == 0 or task.unseen):
            what = "banned letter" if kind else "letter that is not banned"
            raise UserError(f"no {what} can stand at position {int(letters.argmin())}: atoms {task.atoms!r}")
