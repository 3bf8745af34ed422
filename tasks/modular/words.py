"""Words around modular arithmetic: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_steps
from alchemy.problem.task import Problem
from tasks.modular.spec import PLUS, TEXT_FORMAT, THINK, TIMES, Spec


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    trace = "Write the product, + and the term. Then write" if spec.cot else "Write"
    return (
        f"Numbers are counted modulo {spec.modulus}: after {spec.modulus - 1} comes 0. A line gives a product of numbers and a "
        f"term to be added to it. {trace} <answer> and the sum. Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `4 x 7 + 9 <think>`."""
    spec.vocabulary.encode(text)
    words = text.split()
    numbers, signs = words[:-1:2], [*words[1:-1:2], *words[-1:]]
    *factors, term = [int(word) for word in numbers if word.isdigit()] or [0]
    if len(factors) < 2 or 0 in factors or signs != [*[TIMES] * (len(factors) - 1), PLUS, THINK]:
        raise UserError(f"prompt {text!r} is not factors other than 0 with x between them, +, a term and <think>")
    shown = np.array([factors], np.int16)
    return {"factors": shown, "shown": shown, "term": np.array([term], np.int16), "written": spec.product(shown)}


def steps(spec: Spec, gold: str, text: str) -> list[Step]:
    """The steps of a text beside those of the gold one: behind a wrong product the sum follows that is the right one of it."""
    given, expected = TEXT_FORMAT.split(text), TEXT_FORMAT.split(gold)
    judged = []
    for place, part in enumerate(given):
        before = given[place - 1] if place else ""
        judged.append((part or "(nothing)", expected[place : place + 1] == [part], part == _answer(spec, before)))
    return mark_steps(judged + [("(ends here)", False, False)] * (len(given) < len(expected)))


def _answer(spec: Spec, step: str) -> str | None:
    """The answer that follows from a step, None where it is no sum of two numbers."""
    words = step.split()
    if len(words) != 3 or words[1] != PLUS or not (words[0] + words[2]).isdigit():
        return None
    return f"{TEXT_FORMAT.answer_mark} {(int(words[0]) + int(words[2])) % spec.modulus}"
