"""A completion as a reader sees it: its steps, and which of them are right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Mark = Literal["ok", "wrong", "follows", "wrong after"]
"""A right step; the first that is not; and behind it: one that follows from what was written, or one that does not."""


OUTCOMES = ("right answer, valid chain", "right answer, broken chain", "wrong answer")


class Step(NamedTuple):
    """One step; the answer is the last."""

    text: str
    mark: Mark


def marked(steps: Iterable[tuple[str, bool, bool]]) -> list[Step]:
    """Steps from (text, right, follows): whether it is right, and whether what was written before allows it."""
    found: list[Step] = []
    broken = False
    for text, right, follows in steps:
        behind: Mark = "follows" if follows else "wrong after"
        found.append(Step(text, behind if broken else "ok" if right else "wrong"))
        broken = broken or not right
    return found


def divided(text: str) -> list[str]:
    """The text of each step between `<think>`, without blanks at its ends; the answer keeps its mark."""
    reasoning, mark, answer = text.rpartition("<answer>")
    if not mark:
        return [part.strip() for part in text.split("<think>")]
    steps = [part.strip() for part in reasoning.split("<think>")] if reasoning.strip() else []
    return [*steps, f"{mark} {answer.strip()}".rstrip()]


def compared(text: str, gold: str) -> list[Step]:
    """Steps that are right where they equal those of the gold text; what follows from what is not known."""
    given, wanted = divided(text), divided(gold)
    found = [(part or "(nothing)", wanted[place : place + 1] == [part], False) for place, part in enumerate(given)]
    return marked(found + [("(ends here)", False, False)] * (len(given) < len(wanted)))
