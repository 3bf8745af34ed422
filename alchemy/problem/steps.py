"""A completion as a reader sees it: its steps, and which of them are right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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


def divided(words: Iterable[str], is_end: Callable[[str], bool]) -> list[str]:
    """Words up to and with each that ends a part; those behind the last make a part of their own."""
    parts: list[list[str]] = [[]]
    for word in words:
        parts[-1].append(word)
        if is_end(word):
            parts.append([])
    return [" ".join(part) for part in parts if part]


def mark_states(
    text: str,
    states: list[str],
    answer: str,
    answer_mark: str,
    leads: Callable[[str, int], str],
    is_state: Callable[[str], bool] = str.isdigit,
) -> list[Step]:
    """The steps of a text that says one state after the other, beside the right ones, and the answer behind the last mark.

    `leads` gives the step at a place that the one written before it leads to, "" where none does; a step ends in its state, and the
    answer repeats the last.
    """
    words = text.split()
    mark = max((place for place, word in enumerate(words) if word == answer_mark), default=len(words))
    before, judged = "", []
    for place, part in enumerate(divided(words[:mark], is_state)):
        judged.append((part, states[place : place + 1] == [part], part == leads(before, place)))
        before = part
    if len(judged) < len(states):
        judged.append(("(ends here)", False, False))
    given = " ".join(words[mark:]) or "(ends here)"
    last = before if answer_mark in before.split() else "".join(before.split()[-1:])
    return mark_steps([*judged, (given, given == f"{answer_mark} {answer}", given == f"{answer_mark} {last}")])
