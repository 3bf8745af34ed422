"""Two grades a text, never partial credit for containing the answer: is the answer right, and is every step before it.

A task that accepts more than one text for a prompt grades texts itself (`TextOracle`); of any other, a text is compared
with the gold one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from alchemy.problem.task import Judgement, Problem, Task, Vocabulary
from alchemy.problem.text_format import TextFormat


class Grade(NamedTuple):
    """What is right about one text."""

    answer: bool
    trace: bool
    first_wrong_step: str
    """Its number from 0; `answer` if all steps are right but the answer is not, `none` if nothing is wrong."""


@runtime_checkable
class Grouped(Protocol):
    """A task whose problems have names by which scores are worth comparing, beside the numbers of `Task.features`."""

    def groups(self, problem: Problem) -> Mapping[str, list[str]]:
        """By the name of what is named, such as composition, the name of each of `n` problems."""


@runtime_checkable
class TextOracle(Protocol):
    """A task that accepts more than one text for a prompt, so that only its own rules can grade a completion."""

    @property
    def text_format(self) -> TextFormat:
        """How a completion divides into steps and an answer."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Every symbol."""

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """What is known of problems before they are answered, as numbers (n,)."""

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a prompt; raises `UserError`."""

    def judge_texts(self, problem: Problem, texts: list[str]) -> tuple[Judgement, Mapping[str, np.ndarray]]:
        """Verdicts on the completions of `n` prompts, and further measurements by name: bool (n,), or float (n,) with
        nan where a completion has no such number."""


def grade_text(task: Task, problem: str, gold: str, completion: str) -> Grade:
    """The grade of one completion, by the task's own oracle if it has one; `problem` is the prompt without noise.

    Raises `UserError` if the task cannot read the prompt.
    """
    if isinstance(task, TextOracle):
        judgement, _ = task.judge_texts(task.parse(problem), [completion])
        return grades_of(judgement)[0]
    return compare_with_gold(completion.strip(), gold, task.text_format)


def grades_of(judgement: Judgement) -> list[Grade]:
    """The grades that an oracle's verdicts come down to."""
    steps = np.where(judgement.answer, "none", "answer")
    steps = np.where(judgement.trace, steps, judgement.first_wrong_step.astype(str))
    return list(map(Grade, judgement.answer.tolist(), judgement.trace.tolist(), steps.tolist()))


def compare_with_gold(completion: str, gold: str, text_format: TextFormat) -> Grade:
    """The grade of a completion whose only right text is `gold`.

    The answer is right if it equals the gold one but for blanks at its ends, and stands where answers stand: behind
    the answer mark where the gold text has one.
    """
    reasoning, answer = (part.strip() for part in text_format.split_answer(completion))
    gold_reasoning, gold_answer = (part.strip() for part in text_format.split_answer(gold))
    marked = text_format.has_answer(completion) or not text_format.has_answer(gold)
    right = marked and bool(answer) and answer == gold_answer
    if not marked:
        reasoning = answer
    if reasoning == gold_reasoning:
        return Grade(right, True, "none" if right else "answer")
    steps, gold_steps = text_format.split_steps(reasoning), text_format.split_steps(gold_reasoning)
    return Grade(right, False, str(_first_difference(steps, gold_steps)))


def _first_difference(steps: list[str], gold_steps: list[str]) -> int:
    """The number of the first step that differs from the gold one; where one chain is the other's beginning, its end."""
    for number, (step, gold_step) in enumerate(zip(steps, gold_steps, strict=False)):
        if step != gold_step:
            return number
    return min(len(steps), len(gold_steps) - 1)
