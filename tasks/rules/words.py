"""Words around rules: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_states
from alchemy.problem.task import Problem
from tasks.rules.spec import ALPHABET, TEXT_FORMAT, THINK, Spec
from tasks.rules.write import applied

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    known = " ".join(ALPHABET[: spec.letters])
    trace = "Write the letter after each application, then write" if spec.cot else "Write"
    return (
        f"A line gives a rule, a number and a letter. The rule takes the letters {known} to the {spec.letters} letters that the "
        f"line begins with, in this order. Apply it to the letter that many times. {trace} {MARK} and the letter after the last "
        "application. Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `C A B G F E D 2 A <think>`."""
    spec.vocabulary.encode(text)
    known, allowed = ALPHABET[: spec.letters], [str(times) for times in spec.times]
    *rule, times, letter, think = ["", "", "", *text.split()] if len(text.split()) < 3 else text.split()
    if think != THINK or len(rule) != spec.letters or times not in allowed or not {*rule, letter} <= set(known):
        numbers = " or ".join(dict.fromkeys(allowed))
        raise UserError(
            f"prompt {text!r} is not {spec.letters} letters from {known[0]} to {known[-1]}, {numbers}, one letter, {THINK}"
        )
    twice = [one for one in known if rule.count(one) > 1]
    if twice:
        raise UserError(f"prompt {text!r} takes two letters to {twice[0]}: expected each letter once")
    row = np.array([[known.index(image) for image in rule]], np.int8)
    return {"rule": row, "times": np.array([int(times)], np.int8), "letter": np.array([known.index(letter)], np.int8)}


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """What was written, divided behind every letter, beside the right ones; behind a wrong one those follow that are led to."""
    times, known = int(problem["times"][0]), ALPHABET[: spec.letters]
    letters = [known[letter] for letter in applied(problem["rule"], problem["letter"], times)[0]]

    def leads(before: str, place: int) -> str:
        return known[problem["rule"][0, known.index(before)]] if place < times and before in known and before else ""

    return mark_states(text, letters[: times * spec.cot], letters[-1], MARK, leads, is_state=ALPHABET.__contains__)
