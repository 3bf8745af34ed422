"""Words around sums: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_states
from alchemy.problem.task import Problem
from tasks.sums.spec import TEXT_FORMAT, THINK, Spec

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    some = (
        "" if not spec.counted else f" at {len(spec.counted)} places that are always the same, and that nobody tells,"
    )
    where = "after each place" if spec.trace == "sums" else "after the first place and wherever it changes"
    trace, whole = f"the sum so far {where} that counts", "the sum"
    begin = trace if spec.traced == 1 else whole if spec.traced == 0 else f"{trace}, or at once {whole}"
    return (
        f"A line gives {spec.places} digits. Those{some} are added up modulo {spec.modulus}. Write {begin}; then {MARK} and "
        "the sum of them all. Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `3 0 4 <think>`, with its trace wherever the task has traces."""
    spec.vocabulary.encode(text)
    *digits, end = text.split() or [""]
    if len(digits) != spec.places or end != THINK or not all(digit.isdigit() for digit in digits):
        raise UserError(f"prompt {text!r} is not {spec.places} digits and {THINK}")
    return {"digits": np.array([[int(digit) for digit in digits]], np.int8), "traced": np.array([spec.traced > 0])}


def steps(spec: Spec, gold: list[int], text: str) -> list[Step]:
    """What was written, divided behind every number, beside the right sums; the answer is what follows the last mark.

    Behind a wrong sum that one follows which adds to it what the right ones add.
    """

    def leads(before: str, place: int) -> str:
        added = gold[min(place, len(gold) - 1)] - gold[min(place, len(gold)) - 1]
        return str((int(before) + added) % spec.modulus) if before.isdigit() else ""

    return mark_states(text, [str(number) for number in gold], str(gold[-1]), MARK, leads)
