"""The steps of a chain of thought over elements, one by one: which are right, and which follow from the one before."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from alchemy.problem.steps import Step, divided, marked
from alchemy.problem.task import Problem

if TYPE_CHECKING:
    from tasks.symbols import Symbols


def steps(task: Symbols, problem: Problem, text: str) -> list[Step]:
    """What was written to one problem (n = 1), divided where an element ends; right is what equals the gold text."""
    given, gold = divided(text), divided(task.gold_text(problem))
    asked = [task.alphabet[i] for i in problem["element"][0] if i >= 0]
    asked += [f"[{task.primitives[i]}]" for i in problem["ops"][0] if i >= 0]
    found = []
    for place, (before, part) in enumerate(pairwise([" ".join(asked), *given])):
        right = gold[place : place + 1] == [part]
        found.append((part or "(nothing)", right, _follows(task, before.split(), part.split())))
    if len(given) < len(gold):
        found.append(("(ends here)", False, False))
    return marked(found)


def _follows(task: Symbols, before: list[str], part: list[str]) -> bool:
    """Whether a step is the one that the text before it asks for."""
    letters, ops = _read(task, before)
    now, left = _read(task, part)
    if letters is None or now is None or not ops or left != ops[1:]:
        return False
    return task.machine.apply(np.array(ops[:1]), letters[None])[0].tolist() == now.tolist()


def _read(task: Symbols, part: list[str]) -> tuple[np.ndarray | None, list[int]]:
    """Letter numbers uint8 (l,), None unless there are letters and then ops alone, and op numbers."""
    names = [f"[{name}]" for name in task.primitives]
    words = [word for word in part if word != "<answer>"]
    letters = [word for word in words if len(word) == 1 and word in task.alphabet]
    if not letters or words[: len(letters)] != letters or any(word not in names for word in words[len(letters) :]):
        return None, []
    numbers = np.array([task.alphabet.index(letter) for letter in letters], np.uint8)
    return numbers, [names.index(word) for word in words[len(letters) :]]
