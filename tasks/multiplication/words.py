"""Words around multiplications: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, divided, mark_steps
from alchemy.problem.task import EOS, Problem
from tasks.multiplication.spec import TEXT_FORMAT, THINK, TIMES, Spec
from tasks.multiplication.write import follow

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    when = {"products": "after each product", "columns": "at its end"}.get(spec.trace)
    chain = (
        "Go through the columns from the lowest digit of the product on. In each, begin with what the column before carries over, "
        "and add the products of two digits that belong there, from the lowest digit of the left factor on. Write the sum, "
        f"as a decimal number, {when}. Then write"
        if when
        else "Write"
    )
    return (
        f"A line has two factors of {spec.digits} digits in base {spec.base}. In all numbers the {spec.first}est digit comes first. "
        f"{chain} {MARK} and the {2 * spec.digits} digits of the product, zeros too. Keep single spaces between symbols, and write "
        "nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `3 0 4 x 1 1 2 <think>`."""
    spec.vocabulary.encode(text)
    d, words = spec.digits, text.split()
    numbers = [int(word) if word.isdigit() else spec.base for word in words[:d] + words[d + 1 : 2 * d + 1]]
    marks = words[d : d + 1] + words[2 * d + 1 :]
    if marks != [TIMES, THINK] or len(numbers) != 2 * d or max(numbers) >= spec.base:
        raise UserError(f"prompt {text!r} is not {d} digits below {spec.base}, {TIMES}, {d} digits, {THINK}")
    factors = np.array(numbers, np.int8).reshape(2, 1, d)
    left, right = factors if spec.first == "low" else factors[:, :, ::-1]
    return {"left": left, "right": right}


def steps(spec: Spec, problem: Problem, gold: str, text: str) -> list[Step]:
    """What was written, divided behind every number, beside the gold text; behind a wrong running sum follows what it leads to."""
    given, expected = divided(text.split(), str.isdigit), divided(gold.split(), str.isdigit)
    symbols, written, judged = spec.vocabulary, list[int](), []
    for place, part in enumerate(given):
        step = min(place, spec.chain_len) - 1
        rest = (
            follow(spec, problem, np.array([written], np.int32), step) if 0 <= step < len(written) else np.zeros((1, 0))
        )
        following = divided(symbols.decode(rest[0]).split() if (rest == EOS).any() else (), str.isdigit)
        judged.append((part, expected[place : place + 1] == [part], following[place : place + 1] == [part]))
        if place < spec.chain_len:
            written.append(symbols.index.get(part, EOS))
    return mark_steps(judged + [("(ends here)", False, False)] * (len(given) < len(expected)))
