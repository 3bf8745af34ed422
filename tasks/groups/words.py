"""Words around groups: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_states
from alchemy.problem.task import Problem
from tasks.groups.spec import TEXT_FORMAT, THINK, Spec
from tasks.groups.table import CYCLES, LETTERS

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    first, second = spec.table.actions
    after = "each letter" if spec.stride == 1 else f"every {spec.stride} letters, and after the last,"
    trace = f"Write the number after {after} then" if spec.cot else "Write"
    return f"{_rules(spec, first, second)} {trace} {MARK} and the last number. Keep single spaces between symbols, and write nothing else."


def _rules(spec: Spec, first: str, second: str) -> str:
    if spec.group not in CYCLES:
        return (
            f"A line gives a word of letters. Start at the number 0. The letter a adds {first} and b adds {second}, modulo "
            f"{spec.table.order}."
        )
    return (
        f"A line gives a word of letters. Each permutes points: a is {first} and b is {second}, in cycles. One letter is applied "
        f"after the other. The {spec.table.order} permutations that words can come to are numbered from 0, in the order of "
        "the lists of where 0, 1, 2 and so on go: 0 moves no point."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `a b b a <think>`."""
    spec.vocabulary.encode(text)
    *letters, end = text.split() or [""]
    if len(letters) != spec.length or end != THINK or not set(letters) <= set(LETTERS):
        raise UserError(f"prompt {text!r} is not {spec.length} letters {' or '.join(LETTERS)} and {THINK}")
    return {"word": np.array([[LETTERS.index(letter) for letter in letters]], np.int8)}


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """What was written, divided behind every element, beside the right ones; behind a wrong one those follow that are led to."""
    states, shown = spec.states(problem["word"])[0], spec.shown[: len(spec.shown) * spec.cot]

    def leads(before: str, place: int) -> str:
        if place >= len(shown) or not before.isdigit() or int(before) >= spec.table.order:
            return ""
        letters = problem["word"][:, shown[place - 1] + 1 : shown[place] + 1]
        return str(spec.onwards(np.array([int(before)]), letters)[0, -1])

    return mark_states(text, [str(number) for number in states[shown]], str(states[-1]), MARK, leads)
