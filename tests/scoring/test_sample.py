"""Which lines a reader is shown, and which of their steps: counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.problem.steps import OUTCOMES
from alchemy.scoring.grade import Grade
from alchemy.scoring.sample import GoldTexts, GradedLines, Reservoir
from tasks.symbols import Symbols

TASK = Symbols()
RIGHT, BROKEN, WRONG = Grade(True, True, "none"), Grade(True, False, "0"), Grade(False, True, "answer")


def chain(steps: int, error: int | None = None) -> str:
    """A text whose steps are their own numbers, but for one; the answer is the last of `steps`."""
    numbers = [f"N{step}" if step != error else "E" for step in range(steps)]
    return f"{' <think> '.join(numbers[:-1])} <answer> {numbers[-1]}"


def shown(steps: int, error: int | None) -> list[str]:
    """What is shown of such a text, the numbers alone, and of what is left out how much."""
    reservoir = Reservoir(TASK, 1)
    gold = GoldTexts([chain(steps)], {})
    reservoir.watch(GradedLines([1], None, [chain(steps, error)], [""], gold, [WRONG], {}))
    [example] = reservoir.examples("a")["outcomes"]["wrong answer: 1"]
    return [text.removeprefix("<think> ").removeprefix("<answer> ") for text, _ in example["steps"]]


def numbers(first: int, last: int, error: int | None = None) -> list[str]:
    return [f"N{step}" if step != error else "E" for step in range(first, last)]


@pytest.mark.parametrize(
    ("steps", "error", "expected"),
    [
        (65, None, numbers(0, 65)),
        (66, None, [*numbers(0, 60), "… 1 more steps", *numbers(61, 66)]),
        (200, None, [*numbers(0, 60), "… 135 more steps", *numbers(195, 200)]),
        (
            200,
            120,
            [
                *numbers(0, 60),
                "… 55 more steps",
                *numbers(115, 125, 120),
                "… 70 more steps",
                *numbers(195, 200),
            ],
        ),
        (200, 62, [*numbers(0, 67, 62), "… 128 more steps", *numbers(195, 200)]),
        (200, 192, [*numbers(0, 60), "… 127 more steps", *numbers(187, 200, 192)]),
    ],
    ids=["all", "one is left out", "no error", "an error amid", "an error near the beginning", "an error near the end"],
)
def test_the_steps_at_the_ends_and_around_the_error_are_shown(steps, error, expected):
    assert shown(steps, error) == expected


def test_each_grade_is_an_outcome_and_lines_are_numbered_by_their_block():
    gold = GoldTexts(["<answer> A"] * 4, {"chance": ["<answer> B", "<answer> C", "<answer> D", "<answer> E"]})
    reservoir = Reservoir(TASK, 5)
    graded = GradedLines(
        [100, 102, 105, 107], None, ["<answer> A"] * 4, ["A"] * 4, gold, [RIGHT, BROKEN, WRONG, WRONG], {}
    )
    reservoir.watch(graded)
    outcomes = reservoir.examples("a")["outcomes"]
    assert list(outcomes) == [f"{name}: {count}" for name, count in zip(OUTCOMES, (1, 1, 2), strict=True)]
    assert [[row["line"] for row in rows] for rows in outcomes.values()] == [[100], [102], [105, 107]]
    assert [row["floors"] for rows in outcomes.values() for row in rows] == [
        {"chance": f"<answer> {letter}"} for letter in "BCDE"
    ]


def test_every_line_is_as_likely_to_be_kept():
    """Of 8,000 lines 400: as many of each quarter, within four standard deviations; as uniform as lines drawn at once."""
    reservoir = Reservoir(TASK, 400)
    for first in range(0, 8000, 1000):
        block = GradedLines(range(first, first + 1000), None, [""] * 1000, [""] * 1000, None, [WRONG] * 1000, {})
        reservoir.watch(block)
    [kept] = reservoir.examples("a")["outcomes"].values()
    lines = np.array([row["line"] for row in kept])
    assert len(set(lines.tolist())) == 400 and (np.diff(lines) > 0).all()
    deviation = (400 * 1 / 4 * 3 / 4) ** 0.5
    assert np.abs(np.histogram(lines, 4, (0, 8000))[0] - 100).max() < 4 * deviation


def test_lines_without_gold_texts_have_steps_and_no_floors():
    reservoir = Reservoir(TASK, 1)
    reservoir.watch(GradedLines([1], None, ["<answer> A"], ["A"], None, [WRONG], {}))
    [example] = reservoir.examples("a")["outcomes"]["wrong answer: 1"]
    assert example["prompt"] == "" and example["floors"] == {} and example["gold"] == ["(nothing)"]
