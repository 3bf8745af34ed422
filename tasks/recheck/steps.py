"""Chains of hops and re-checks as text: step by step, as an instruction in English, and prompts read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, marked
from alchemy.problem.task import Problem
from tasks.recheck.draw import CLASSES, walk

if TYPE_CHECKING:
    from tasks.recheck import Recheck


def steps(task: Recheck, problem: Problem, text: str) -> list[Step]:
    """What was written to one problem (n = 1), divided behind every letter; the answer is what follows the last mark."""
    table = dict(zip(task.alphabet, (task.alphabet[i] for i in problem["map"][0]), strict=True))
    gold, words = _hops(task, problem), text.split()
    hops, mark = len(gold), max((place for place, word in enumerate(words) if word == "<answer>"), default=len(words))
    before, found = task.alphabet[problem["start"][0]], []
    for place, part in enumerate(_divided(task, words[:mark])):
        wanted = gold[place] if place < hops else f"<wait> {gold[-1]}"
        now = part.split()[-1]
        follows = part == table.get(before) if place < hops else part in (f"<wait> {before}", wanted)
        found.append((part, part == wanted, follows))
        before = now
    if len(found) < hops:
        found.append(("(ends here)", False, False))
    said = " ".join(words[mark:]) or "(ends here)"
    return marked([*found, (said, said == f"<answer> {gold[-1]}", said == f"<answer> {before}")])


def gold_text(task: Recheck, problem: Problem) -> str:
    """The right text to one problem (n = 1), with as many re-checks as it has."""
    gold = _hops(task, problem)
    return " ".join([*gold, *["<wait>", gold[-1]] * int(problem["rechecks"][0]), "<answer>", gold[-1]])


def _hops(task: Recheck, problem: Problem) -> list[str]:
    """The letter after each hop of one problem (n = 1)."""
    return [task.alphabet[i] for i in walk(problem["map"], problem["start"], int(problem["hops"][0]))[0]]


def _divided(task: Recheck, words: list[str]) -> list[str]:
    """Words up to and with each letter; those behind the last make a part of their own."""
    letters = set(task.alphabet)
    parts: list[list[str]] = [[]]
    for word in words:
        parts[-1].append(word)
        if word in letters:
            parts.append([])
    return [" ".join(part) for part in parts if part]


def instructions(task: Recheck) -> str:
    """The rules and the format, in English."""
    letters = " ".join(task.alphabet)
    return (
        f"A line gives a class in brackets, a number of hops, a number of re-checks or * for any, the letters that "
        f"{letters} are mapped to, in this order, and the letter to start from. Write the letter after each hop, one "
        "after another. Then for each re-check write <wait> and the last hop's letter again. Then write <answer> and that "
        "letter. Keep single spaces between symbols, and write nothing else."
    )


def parse(task: Recheck, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `[help] 6 * B C D E F G H I J A A <think>`."""
    task.vocabulary.encode(text)
    words, size = text.split(), len(task.alphabet)
    fits = len(words) == size + 5 and words[-1] == "<think>" and all(word in task.alphabet for word in words[3:-1])
    head = words[:3]
    fits = fits and head[0][1:-1] in CLASSES and head[1].isdigit() and head[1] != "0"
    if not (fits and (head[2] == "*" or head[2].isdigit())):
        raise UserError(f"prompt {text!r} is not class, hops, re-checks, map, start, instruction")
    numbers = np.array([[task.alphabet.index(word) for word in words[3:-1]]], np.int8)
    table, start = numbers[:, :size], numbers[:, size]
    told = -1 if head[2] == "*" else int(head[2])
    hops, count = int(head[1]), max(0, told)
    states = walk(table, start, hops)
    drafts = np.concatenate([states, np.repeat(states[:, -1:], count, axis=1)], axis=1)
    numbers = {"class": CLASSES.index(head[0][1:-1]), "hops": hops, "told": told, "rechecks": count}
    one = {name: np.array([value], np.int8) for name, value in numbers.items()}
    return {**one, "map": table, "start": start, "drafts": drafts}
