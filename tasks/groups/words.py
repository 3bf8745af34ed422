"""Words around groups: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_states
from alchemy.problem.task import Problem
from tasks.groups.spec import LOAD, TEXT_FORMAT, THINK, Spec
from tasks.groups.table import CYCLES, LETTERS

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    first, second = spec.table.actions
    after = "each letter" if spec.stride == 1 else f"every {spec.stride} letters, and after the last,"
    number = {
        "states": "the number",
        "named": "its name, the letter and the number",
        "numbered": "the letter with its name and the number",
        "signposts": f"{LOAD} and its name, and then its name, the letter and the number",
    }[spec.trace]
    trace = f"Write {number} after {after} then" if spec.cot else "Write"
    whose = "one name, the same for all" if spec.alike else "its name"
    where = "Behind" if spec.numbered else "Before"
    names = f"{where} each letter stands {whose}. " if spec.has_names else ""
    return f"{_rules(spec, first, second)} {names}{trace} {MARK} and the last number. Keep single spaces between symbols, and write nothing else."


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
    *words, end = text.split() or [""]
    letters, names = words[spec.named :: 1 + spec.named], words[::2] if spec.named else []
    is_name = [name.startswith("#") for name in names]
    if spec.numbered:
        letters, names = [word[0] for word in words], [f"#{word[1:]}" for word in words]
        is_name = [len(word) > 1 and word[0] in LETTERS for word in words]
    if len(letters) != spec.length or end != THINK or not set(letters) <= set(LETTERS) or not all(is_name):
        named = ", each behind a name such as #1," if spec.named else ", each with a name, such as a1," * spec.numbered
        raise UserError(f"prompt {text!r} is not {spec.length} letters {' or '.join(LETTERS)}{named} and {THINK}")
    if spec.alike and len(set(names)) > 1:
        raise UserError(f"prompt {text!r} has names that differ: expected the same for all letters")
    if not spec.alike and len(set(names)) < len(names):
        raise UserError(f"prompt {text!r} has a name twice: expected {len(names)} different ones")
    problem = {"word": np.array([[LETTERS.index(letter) for letter in letters]], np.int8)}
    if spec.has_names:
        problem["names"] = np.array([[int(name[1:]) - 1 for name in names]], np.int8)
    return problem


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """What was written, divided behind every element, beside the right ones; behind a wrong one those follow that are led to."""
    states, shown = spec.states(problem["word"])[0], spec.shown[: spec.chain_length]

    def leads(before: str, place: int) -> str:
        *_, number = before.split() or [""]
        if place >= len(shown) or not number.isdigit() or int(number) >= spec.table.order:
            return ""
        letters = problem["word"][:, shown[place - 1] + 1 : shown[place] + 1]
        return _step(spec, problem, place, int(spec.onwards(np.array([int(number)]), letters)[0, -1]))

    written = [_step(spec, problem, place, states[letter]) for place, letter in enumerate(shown)]
    return mark_states(text, written, str(states[-1]), MARK, leads)


def _step(spec: Spec, problem: Problem, place: int, state: int) -> str:
    """A step that says that element, of a problem (n = 1)."""
    if not spec.has_names:
        return str(state)
    if spec.numbered:
        return f"{LETTERS[problem['word'][0, place]]}{problem['names'][0, place] + 1} {state}"
    name = f"#{problem['names'][0, place] + 1}"
    load = f"{LOAD} {name} " if spec.trace == "signposts" else ""
    return f"{load}{name} {LETTERS[problem['word'][0, place]]} {state}"
