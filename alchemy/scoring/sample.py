"""Examples of the lines that were scored, of each outcome, for a reader to look into; memory stays bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from alchemy.problem.steps import OUTCOMES, Step
from alchemy.problem.task import Task
from alchemy.scoring.grade import Grade

MOST_EXAMPLES = 600
"""Lines kept, of all files and outcomes together."""
LONGEST_TEXT = 1_000
"""Characters of a text that are shown."""
FIRST_STEPS, STEPS_AROUND = 60, 5
"""Steps of a chain that are shown: at its beginning, and on either side of an error and at the end."""


class GoldTexts(NamedTuple):
    """The gold texts of some lines, and what the floors (zero understanding) would have written, by name."""

    texts: list[str]
    floors: dict[str, list[str]]


class GradedLines(NamedTuple):
    """Some completions with their grades."""

    lines: Sequence[int]
    """The number of the line of each, from 1."""
    prompts: list[str] | None
    """None where the lines have none."""
    texts: list[str]
    answers: Sequence[str]
    """The answer that each text gives, with single blanks; nothing where it gives none."""
    gold: GoldTexts | None
    grades: list[Grade]
    features: Mapping[str, Sequence[Any]]
    """What is known of the problem of each, by name; nothing where there are no prompts."""


class Reservoir:
    """A uniform sample of the lines of each outcome, at most `size` of each; the same for the same lines."""

    def __init__(self, task: Task, size: int):
        self.task, self.size = task, size
        self.seen = dict.fromkeys(OUTCOMES, 0)
        self._sampled: dict[str, list[dict[str, Any]]] = {outcome: [] for outcome in OUTCOMES}
        self._rng = np.random.default_rng(0)

    def watch(self, graded: GradedLines) -> None:
        """Sample from graded lines (Vitter's algorithm R)."""
        for place, grade in enumerate(graded.grades):
            outcome = OUTCOMES[int(not grade.trace) if grade.answer else 2]
            self.seen[outcome] += 1
            sampled = self._sampled[outcome]
            if len(sampled) < self.size:
                sampled.append(self._example(graded, place))
            elif (replaced := int(self._rng.integers(self.seen[outcome]))) < self.size:
                sampled[replaced] = self._example(graded, place)

    def examples(self, label: str) -> dict[str, Any]:
        """The sample in the order of the lines, as the page's explorer takes it."""
        by_line = {name: sorted(rows, key=lambda row: row["line"]) for name, rows in self._sampled.items() if rows}
        outcomes = {f"{name}: {self.seen[name]:,}": rows for name, rows in by_line.items()}
        return {"label": visible(label), "outcomes": outcomes}

    def _example(self, graded: GradedLines, place: int) -> dict[str, Any]:
        text = graded.texts[place]
        prompt = graded.prompts[place] if graded.prompts else ""
        if graded.prompts:
            problem = self.task.parse(prompt)
            steps = self.task.text_steps(problem, text)
            gold_steps = self.task.text_steps(problem, self.task.gold_text(problem))
        else:
            gold_text = graded.gold.texts[place] if graded.gold else ""
            compare = self.task.text_format.compare
            steps, gold_steps = compare(text, gold_text), compare(gold_text, gold_text)
        floors = graded.gold.floors if graded.gold else {}
        return {
            "line": graded.lines[place],
            "prompt": visible(prompt),
            "gold": [text for text, _ in _abridged(gold_steps)],
            "steps": _abridged(steps),
            "floors": {name: visible(texts[place]) for name, texts in floors.items()},
        }


def visible(text: str) -> str:
    """Text as a page may show it: unprintable characters as escapes, and not more than `LONGEST_TEXT` characters."""
    printable = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text[:LONGEST_TEXT]
    )
    left_out = len(text) - LONGEST_TEXT
    return printable + (f" … {left_out:,} more characters" if left_out > 0 else "")


def _abridged(steps: Sequence[Step]) -> list[list[str]]:
    """The steps (text, mark) at the beginning, around the first error and at the end, and how many are left out."""
    error = next((place for place, step in enumerate(steps) if step.mark == "wrong"), 0)
    around_error = range(error - STEPS_AROUND, error + STEPS_AROUND)
    shown = {*range(FIRST_STEPS), *around_error, *range(len(steps) - STEPS_AROUND, len(steps))}
    rows: list[list[str]] = []
    last = -1
    for place in sorted(shown & set(range(len(steps)))):
        if place > last + 1:
            rows.append([f"… {place - last - 1:,} more steps", ""])
        rows.append([visible(steps[place].text), steps[place].mark])
        last = place
    return rows
