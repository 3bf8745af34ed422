"""The steps of a chain of thought over elements, one by one: which are right, and which follow from the one before."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from alchemy.steps import Step, marked
from alchemy.task import Batch

if TYPE_CHECKING:
    from tasks.symbols import Symbols


def steps(task: Symbols, one: Batch, completion: np.ndarray) -> list[Step]:
    """A completion int32 (1, m) of one problem (n = 1), divided where an element ends."""
    given, gold = (_parts(task.vocabulary.decode(row[0])) for row in (completion, one.completions()))
    asked = [task.alphabet[i] for i in one.problem["element"][0] if i >= 0]
    asked += [f"[{task.primitives[i]}]" for i in one.problem["ops"][0] if i >= 0]
    found = []
    for place, (before, part) in enumerate(pairwise([asked, *given])):
        found.append((" ".join(part), gold[place : place + 1] == [part], _follows(task, before, part)))
    if len(given) < len(gold):
        found.append(("(ends here)", False, False))
    return marked(found)


def _parts(text: str) -> list[list[str]]:
    """Words of each step; the answer keeps its mark."""
    parts: list[list[str]] = [[]]
    for word in text.split():
        if word in ("<think>", "<answer>"):
            parts.append([])
        if word != "<think>":
            parts[-1].append(word)
    return [part for part in parts if part]


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
    letters = [word for word in words if word in task.alphabet]
    if not letters or words[: len(letters)] != letters or any(word not in names for word in words[len(letters) :]):
        return None, []
    numbers = np.array([task.alphabet.index(letter) for letter in letters], np.uint8)
    return numbers, [names.index(word) for word in words[len(letters) :]]
