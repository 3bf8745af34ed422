"""A few of the lines that were scored, each outcome represented, for a reader to look into; memory stays bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from alchemy.problem.steps import OUTCOMES, Step
from alchemy.problem.task import Task

KEPT = 600
"""Lines, of all files and outcomes together."""
CHARS, STEPS, AROUND = 1_000, 60, 5
"""Characters of a text that are shown, steps at the beginning of a chain, and around an error and at the end."""
Verdict = tuple[bool, bool, str]
"""Whether the answer is right, whether the chain is, and the first step that is not."""


class Gold(NamedTuple):
    """The right texts of some lines, and what zero understanding would have written."""

    texts: list[str]
    floors: dict[str, list[str]]


class Scored(NamedTuple):
    """Some lines of a block, and what was found of them."""

    first: int
    """The number of the block's first line."""
    rows: Sequence[int]
    """Which lines of the block these are."""
    prompts: list[str] | None
    """Of the whole block; None where the lines have none."""
    texts: list[str]
    """What was written, a text for each of `rows`; so are the gold texts."""
    gold: Gold | None
    verdicts: list[Verdict]


class Reservoir:
    """A uniform sample of the lines of each outcome, `room` of each, whatever their number; the same for the same lines."""

    def __init__(self, task: Task, room: int):
        self.task, self.room = task, room
        self.seen = dict.fromkeys(OUTCOMES, 0)
        self.kept: dict[str, list[dict[str, Any]]] = {outcome: [] for outcome in OUTCOMES}
        self._rng = np.random.default_rng(0)

    def watch(self, scored: Scored) -> None:
        """Look at scored lines, and keep some."""
        for place, (answer, trace, _) in enumerate(scored.verdicts):
            outcome = OUTCOMES[int(not trace) if answer else 2]
            self.seen[outcome] += 1
            kept = self.kept[outcome]
            if len(kept) < self.room:
                kept.append(self._example(scored, place))
            elif (other := int(self._rng.integers(self.seen[outcome]))) < self.room:
                kept[other] = self._example(scored, place)

    def test(self, label: str) -> dict[str, Any]:
        """What was kept, in the order of the lines, as the explorer shows it."""
        found = {name: sorted(rows, key=lambda row: row["line"]) for name, rows in self.kept.items() if rows}
        outcomes = {f"{name}: {self.seen[name]:,}": rows for name, rows in found.items()}
        return {"label": shown(label), "outcomes": outcomes}

    def _example(self, scored: Scored, place: int) -> dict[str, Any]:
        text, row = scored.texts[place], scored.rows[place]
        prompt = scored.prompts[row] if scored.prompts else ""
        if scored.prompts:
            problem = self.task.parse(prompt)
            steps = self.task.text_steps(problem, text)
            gold = self.task.text_steps(problem, self.task.gold_text(problem))
        else:
            right = scored.gold.texts[place] if scored.gold else ""
            steps, gold = (self.task.text_format.compare(one, right) for one in (text, right))
        floors = scored.gold.floors if scored.gold else {}
        return {
            "line": scored.first + row,
            "prompt": shown(prompt),
            "gold": [text for text, _ in _cut(gold)],
            "steps": _cut(steps),
            "floors": {name: shown(texts[place]) for name, texts in floors.items()},
        }


def shown(text: str) -> str:
    """Text as a page may show it: what has no glyph of its own as an escape, and not more than `CHARS`."""
    visible = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text[:CHARS]
    )
    return visible + (f" … {len(text) - CHARS:,} more characters" if len(text) > CHARS else "")


def _cut(steps: Sequence[Step]) -> list[list[str]]:
    """The steps (text, mark) at the beginning, around the first error and at the end, and how many are left out."""
    error = next((place for place, step in enumerate(steps) if step.mark == "wrong"), 0)
    wanted = {*range(STEPS), *range(error - AROUND, error + AROUND), *range(len(steps) - AROUND, len(steps))}
    found: list[list[str]] = []
    before = -1
    for place in sorted(wanted & set(range(len(steps)))):
        if place > before + 1:
            found.append([f"… {place - before - 1:,} more steps", ""])
        found.append([shown(steps[place].text), steps[place].mark])
        before = place
    return found
