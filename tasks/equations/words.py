"""Words around equations: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_steps
from alchemy.problem.task import Problem
from tasks.equations.eliminate import eliminate, places, solution
from tasks.equations.spec import ALL, COMMA, EQUALS, TEXT_FORMAT, THINK, Spec
from tasks.equations.write import system


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    trace = (
        "Eliminate x1, then x2, and so on: write the equation of that place divided by its coefficient of the unknown, then "
        "each of the others, from the first to the last, less its multiple of that one. Separate equations by commas, in the "
        "format of the line. Then write"
        if spec.cot
        else "Write"
    )
    return (
        f"Numbers are counted modulo {spec.modulus}. A line has linear equations in x1 to x{spec.unknowns}: the coefficients "
        f"of the unknowns in order, = and the right-hand side, a comma behind each; then the unknown that is asked for, or "
        f"all. {trace} <answer> and what is asked for, several values in order. Keep single spaces between symbols, and "
        "write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `2 1 = 3 , 0 4 = 1 , all <think>`."""
    spec.vocabulary.encode(text)
    k, (*words, last) = spec.unknowns, text.split() or [""]
    rows = [_numbers(spec, equation) for equation in " ".join(words[:-1]).split(COMMA)]
    names = [ALL] if spec.asked == "all" else [f"x{number}" for number in range(1, k + 1)]
    if last != THINK or len(rows) != k + 1 or not all(rows[:-1]) or rows.pop() or words[-1] not in names:
        one = ALL if spec.asked == "all" else "the unknown asked for"
        raise UserError(
            f"prompt {text!r} is not {k} equations with {k} coefficients, each with a comma, {one} and <think>"
        )
    both = np.array([rows], np.int16)
    steps, possible = eliminate(both, spec.modulus)
    if not possible[0]:
        raise UserError(f"prompt {text!r} has a pivot of 0; expected equations that are eliminated in their order")
    asked = np.array([-1 if spec.asked == "all" else names.index(words[-1])], np.int16)
    return {"matrix": both[:, :, :-1], "right": both[:, :, -1], "solution": solution(steps), "asked": asked}


def _numbers(spec: Spec, equation: str) -> list[int]:
    """Coefficients and right-hand side; none if this is no equation of the task."""
    signs = equation.split()
    numbers = [spec.vocabulary.index.get(sign, 0) - spec.zero for sign in signs if sign != EQUALS]
    is_equation = signs[spec.unknowns :][:1] == [EQUALS] and len(signs) - 1 == len(numbers) == spec.unknowns + 1
    return numbers if is_equation and min(numbers) >= 0 else []


def steps(spec: Spec, problem: Problem, gold: str, text: str) -> list[Step]:
    """The steps of a text beside those of the gold one; behind a wrong equation those follow that are eliminated from it."""
    given, expected = TEXT_FORMAT.split(text), TEXT_FORMAT.split(gold)
    judged, written = [], list[list[int]]()
    for place, part in enumerate(given):
        right = expected[place : place + 1] == [part]
        judged.append((part or "(nothing)", right, part == _next(spec, problem, written)))
        written.append(_numbers(spec, part))
    return mark_steps(judged + [("(ends here)", False, False)] * (len(given) < len(expected)))


def _next(spec: Spec, problem: Problem, written: list[list[int]]) -> str | None:
    """What follows from the equations that are written: an equation or the answer, None if one of them is none."""
    count = len(places(spec.unknowns)) if spec.cot else 0
    if len(written) > count or not all(written):
        return None
    before = np.array(written, np.int16).reshape(1, len(written), spec.unknowns + 1)
    rows, possible = eliminate(system(problem), spec.modulus, before)
    if not possible[0]:
        return None
    if len(written) < count:
        *coefficients, right = rows[0, len(written)]
        return " ".join(map(str, [*coefficients, EQUALS, right]))
    asked, solved = problem["asked"][0], solution(rows)[0]
    return " ".join(map(str, [TEXT_FORMAT.answer_mark, *(solved if asked < 0 else solved[[asked]])]))
