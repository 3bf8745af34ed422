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


def mark_steps(steps: Iterable[tuple[str, bool, bool]]) -> list[Step]:
    """Steps from (text, right, follows): whether it is right, and whether what was written before allows it."""
    marked: list[Step] = []
    broken = False
    for text, right, follows in steps:
        mark_after: Mark = "follows" if follows else "wrong after"
        marked.append(Step(text, mark_after if broken else "ok" if right else "wrong"))
        broken = broken or not right
    return marked
