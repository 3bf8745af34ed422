"""Words around hops: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_steps
from alchemy.problem.task import Problem
from tasks.hops.draw import has_answer
from tasks.hops.spec import ALPHABET, TEXT_FORMAT, THINK, Spec
from tasks.hops.walk import hop


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    trace = (
        "Write the place, counted from 1, and the letter after each hop, separated by commas. Then write"
        if spec.cot
        else "Write"
    )
    return (
        "A line gives a number of hops and a text of letters. Start at the last letter. A hop goes back to the last place "
        "before where the same letter stands, and from there one place on: to the letter behind it. "
        f"{trace} <answer> and the letter after all hops. Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `1 A B A C A <think>`."""
    spec.vocabulary.encode(text)
    count, *letters, think = text.split() if len(text.split()) > 1 else ["", "", ""]
    known, allowed = ALPHABET[: spec.letters], [str(hops) for hops in spec.hops]
    is_prompt = count in allowed and think == THINK and len(letters) == spec.length
    if not is_prompt or any(letter not in known for letter in letters):
        numbers = " or ".join(dict.fromkeys(allowed))
        raise UserError(
            f"prompt {text!r} is not {numbers}, {spec.length} letters from {known[0]} to {known[-1]}, {THINK}"
        )
    row, hops = np.array([[known.index(letter) for letter in letters]], np.int8), np.array([int(count)], np.int8)
    if (row[:, 1:] == row[:, :-1]).any():
        raise UserError(f"prompt {text!r} has equal letters side by side")
    if not has_answer(row, hops)[0]:
        raise UserError(f"prompt {text!r} has fewer hops than {hops[0]} from its last letter")
    return {"text": row, "hops": hops}


def steps(spec: Spec, problem: Problem, gold: str, text: str) -> list[Step]:
    """The steps of a text beside those of the gold one; behind a wrong place those follow that are a hop from it."""
    given, expected = TEXT_FORMAT.split(text), TEXT_FORMAT.split(gold)
    at, judged = spec.length - 1, []
    for number, part in enumerate(given):
        to = int(hop(problem["text"], np.array([at]))[0])
        follows = part == (_answer(problem, at) if number == len(expected) - 1 else _state(problem, to))
        judged.append((part or "(nothing)", expected[number : number + 1] == [part], follows))
        at = _place(spec, problem, part)
    return mark_steps(judged + [("(ends here)", False, False)] * (len(given) < len(expected)))


def _letter(problem: Problem, place: int) -> str:
    return ALPHABET[problem["text"][0, place]]


def _state(problem: Problem, place: int) -> str | None:
    """The step that says a place, None for -1."""
    return f"{place + 1} {_letter(problem, place)}" if place >= 0 else None


def _answer(problem: Problem, place: int) -> str | None:
    """The answer at a place, None for -1."""
    return f"{TEXT_FORMAT.answer_mark} {_letter(problem, place)}" if place >= 0 else None


def _place(spec: Spec, problem: Problem, step: str) -> int:
    """The place that a step says, -1 if it says none or its letter does not stand there."""
    number = spec.vocabulary.index.get(step.partition(" ")[0], 0) - spec.one
    return number if 0 <= number < spec.length and step == _state(problem, number) else -1
