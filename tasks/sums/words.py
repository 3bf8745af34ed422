"""Words around sums: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_states
from alchemy.problem.task import Problem
from tasks.sums.spec import BEGIN, TEXT_FORMAT, THINK, Spec
from tasks.sums.write import hints, shows

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    some = (
        "" if not spec.counted else f" at {len(spec.counted)} places that are always the same, and that nobody tells,"
    )
    where = "after each place" if spec.trace == "sums" else "after the first place and wherever it changes"
    trace, whole = f"the sum so far {where} that counts", "the sum"
    marks = (
        "Before each digit stands a mark of its place, such as <3>; write before each sum the mark of the last digit that was added. "
        if spec.hints
        else ""
    )
    begin = trace if spec.traced == 1 else whole if spec.traced == 0 else f"{trace}, or at once {whole}"
    return (
        f"A line gives {spec.places} digits. Those{some} are added up modulo {spec.modulus}. Write {begin}; then {MARK} and "
        f"the sum of them all. {marks}Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `3 0 4 <think>`, with its trace wherever the task has traces."""
    spec.vocabulary.encode(text)
    *words, end = text.split() or [""]
    opening = [BEGIN] if spec.opened else []
    is_opened, words = words[: len(opening)] == opening, words[len(opening) :]
    digits, marks = words[spec.stride - 1 :: spec.stride], words[::2] if spec.hints else []
    first = spec.hint_names.index(marks[0]) if marks and marks[0] in spec.hint_names else 0
    in_a_row = [*spec.hint_names[first : first + spec.places]] == marks
    marked = is_opened and in_a_row and end == THINK
    if not marked or len(digits) != spec.places or not all(digit.isdigit() for digit in digits):
        behind = ", each behind the mark of its place," if spec.hints else ""
        opened = f"{BEGIN}, " if spec.opened else ""
        raise UserError(f"prompt {text!r} is not {opened}{spec.places} digits{behind} and {THINK}")
    begins = {"first": np.array([first], np.int16)} if spec.hints else {}
    return {
        "digits": np.array([[int(digit) for digit in digits]], np.int8),
        "traced": np.array([spec.traced > 0]),
        **begins,
    }


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """What was written, divided behind every number, beside the right sums; the answer is what follows the last mark.

    Behind a wrong sum that one follows which adds to it what the right ones add.
    """
    shown = shows(spec, problem)[0]
    gold = spec.running(problem["digits"])[0, shown].tolist()
    marks = spec.vocabulary.decode(hints(spec, problem)[0, spec.summed][shown]).split() if spec.hints else []

    def state(number: int, place: int) -> str:
        return " ".join([*marks[place : place + 1], str(number)])

    def leads(before: str, place: int) -> str:
        added = gold[min(place, len(gold) - 1)] - gold[min(place, len(gold)) - 1]
        *mark, number = before.split() or [""]
        says_sum = number.isdigit() and len(mark) == spec.stride - 1
        return state((int(number) + added) % spec.modulus, place) if says_sum else ""

    return mark_states(text, [state(number, place) for place, number in enumerate(gold)], str(gold[-1]), MARK, leads)
