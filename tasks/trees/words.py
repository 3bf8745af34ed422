"""Words around expressions: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, divided, mark_states
from alchemy.problem.task import Problem
from tasks.trees.spec import CLOSE, OPEN, SIGNS, TEXT_FORMAT, THINK, Spec
from tasks.trees.write import evaluate

MARK = TEXT_FORMAT.answer_mark


class Tree(NamedTuple):
    """A part of an expression: its leaves and signs from left to right, and the gaps in the order in which they are closed."""

    leaves: tuple[int, ...]
    signs: tuple[int, ...] = ()
    order: tuple[int, ...] = ()


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    infix = spec.notation == "infix"
    form = "each operator with its operands in brackets" if infix else "each operator before its two operands"
    order = (
        "in the order in which their brackets close" if infix else "operands before their operator, the left one first"
    )
    trace = f"Write the value of each operator, {order}; then write" if spec.cot else "Write"
    return (
        f"Numbers are counted modulo {spec.modulus}: after {spec.modulus - 1} comes 0. A line gives an expression of numbers and "
        f"the operators {', '.join(spec.signs)}, {form}. {trace} {MARK} and the value of the expression. Keep single spaces "
        "between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `( 3 x ( 2 - 6 ) ) <think>`, or `x 3 - 2 6 <think>`."""
    spec.vocabulary.encode(text)
    *words, think = text.split() or [""]
    tree, end = (_infix if spec.notation == "infix" else _prefix)(spec, words, 0)
    operators = len(tree.order) if tree else 0
    if tree is None or think != THINK or end != len(words) or operators not in spec.operators:
        numbers = " or ".join(map(str, dict.fromkeys(spec.operators)))
        raise UserError(
            f"prompt {text!r} is not an expression of {numbers} operators {', '.join(spec.signs)} on numbers other than 0, in "
            f"{spec.notation} notation, and {THINK}"
        )
    return {name: np.array([values], np.int8) for name, values in tree._asdict().items()}


def _infix(spec: Spec, words: list[str], at: int) -> tuple[Tree | None, int]:
    """The operand that begins at a word, None if there is none, and the word behind it."""
    if words[at : at + 1] != [OPEN]:
        return _leaf(words, at)
    left, at = _infix(spec, words, at + 1)
    sign = "".join(words[at : at + 1])
    right, at = _infix(spec, words, at + 1)
    return _joined(spec, left, sign, right) if words[at : at + 1] == [CLOSE] else None, at + 1


def _prefix(spec: Spec, words: list[str], at: int) -> tuple[Tree | None, int]:
    """The same without brackets."""
    sign = "".join(words[at : at + 1])
    if sign not in spec.signs:
        return _leaf(words, at)
    left, at = _prefix(spec, words, at + 1)
    right, at = _prefix(spec, words, at)
    return _joined(spec, left, sign, right), at


def _leaf(words: list[str], at: int) -> tuple[Tree | None, int]:
    word = "".join(words[at : at + 1])
    return Tree((int(word),)) if word.isdigit() and int(word) else None, at + 1


def _joined(spec: Spec, left: Tree | None, sign: str, right: Tree | None) -> Tree | None:
    if left is None or right is None or sign not in spec.signs:
        return None
    gap = len(left.leaves) - 1
    order = (*left.order, *(one + gap + 1 for one in right.order), gap)
    return Tree(left.leaves + right.leaves, (*left.signs, SIGNS.index(sign), *right.signs), order)


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """What was written, divided behind every number, beside the right ones; behind a wrong one those follow that have it as operand."""
    operators = int((problem["order"] >= 0).sum())
    values = [str(value) for value in evaluate(spec, problem)[0, :operators]]
    written = divided(text.rpartition(MARK)[0].split() if MARK in text.split() else text.split(), str.isdigit)

    def leads(before: str, place: int) -> str:
        known = [int(part) for part in written[:place] if part.isdigit() and int(part) < spec.modulus]
        if place >= operators or len(known) < place:
            return ""
        return str(evaluate(spec, problem, np.array([known], np.int8).reshape(1, place))[0, place])

    return mark_states(text, values[: operators * spec.cot], values[-1], MARK, leads)
