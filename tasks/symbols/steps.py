"""The steps of a chain of thought over elements, one by one: which are right, and which follow from the one before."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from alchemy.problem.steps import Step, mark_steps
from alchemy.problem.task import Problem
from tasks.symbols.spec import TEXT_FORMAT, Spec
from tasks.symbols.write import write


def gold_text(spec: Spec, problem: Problem) -> str:
    """The right text to one problem (n = 1)."""
    return spec.vocabulary.decode(write(spec, problem, prompt=False).tokens[0])


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """A text to one problem (n = 1), divided where an element ends; right is what equals the gold text."""
    given, gold = TEXT_FORMAT.split(text), TEXT_FORMAT.split(gold_text(spec, problem))
    question = [spec.alphabet[i] for i in problem["element"][0] if i >= 0]
    question += [f"[{spec.primitives[i]}]" for i in problem["ops"][0] if i >= 0]
    judged = []
    for place, (before, part) in enumerate(pairwise([" ".join(question), *given])):
        right = gold[place : place + 1] == [part]
        judged.append((part or "(nothing)", right, _follows(spec, before.split(), part.split())))
    if len(given) < len(gold):
        judged.append(("(ends here)", False, False))
    return mark_steps(judged)


def _follows(spec: Spec, before: list[str], part: list[str]) -> bool:
    """Whether a step is what the first remaining transformation of the text before it yields."""
    letters, ops = _read(spec, before)
    next_letters, next_ops = _read(spec, part)
    if letters is None or next_letters is None or not ops or next_ops != ops[1:]:
        return False
    return spec.machine.apply(np.array(ops[:1]), letters[None])[0].tolist() == next_letters.tolist()


def _read(spec: Spec, part: list[str]) -> tuple[np.ndarray | None, list[int]]:
    """Letter numbers uint8 (l,), None unless there are letters and then ops alone, and op numbers."""
    names = [f"[{name}]" for name in spec.primitives]
    words = [word for word in part if word != TEXT_FORMAT.answer_mark and word not in spec.hints]
    letters = [word for word in words if len(word) == 1 and word in spec.alphabet]
    if not letters or words[: len(letters)] != letters or any(word not in names for word in words[len(letters) :]):
        return None, []
    numbers = np.array([spec.alphabet.index(letter) for letter in letters], np.uint8)
    return numbers, [names.index(word) for word in words[len(letters) :]]
