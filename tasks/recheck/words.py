"""Words around hops and re-checks: what a language model has to be told to write them, and prompts read back."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import Problem
from tasks.recheck.draw import walk
from tasks.recheck.spec import CLASSES, Spec


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    letters = " ".join(spec.alphabet)
    return (
        f"A line gives a class in brackets, a number of hops, a number of re-checks or * for any, the letters that "
        f"{letters} are mapped to, in this order, and the letter to start from. Write the letter after each hop, one "
        "after another. Then for each re-check write <wait> and the last hop's letter again. Then write <answer> and that "
        "letter. Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `[help] 6 * B C D E F G H I J A A <think>`."""
    spec.vocabulary.encode(text)
    words, size = text.split(), len(spec.alphabet)
    fits = len(words) == size + 5 and words[-1] == "<think>" and all(word in spec.alphabet for word in words[3:-1])
    head = words[:3]
    fits = fits and head[0][1:-1] in CLASSES and head[1].isdigit() and head[1] != "0"
    if not (fits and (head[2] == "*" or head[2].isdigit())):
        raise UserError(f"prompt {text!r} is not class, hops, re-checks, map, start, instruction")
    letters = np.array([[spec.alphabet.index(word) for word in words[3:-1]]], np.int8)
    table, start = letters[:, :size], letters[:, size]
    told = -1 if head[2] == "*" else int(head[2])
    hops, count = int(head[1]), max(0, told)
    states = walk(table, start, hops)
    drafts = np.concatenate([states, np.repeat(states[:, -1:], count, axis=1)], axis=1)
    numbers = {"class": CLASSES.index(head[0][1:-1]), "hops": hops, "told": told, "rechecks": count}
    columns = {name: np.array([value], np.int8) for name, value in numbers.items()}
    return {**columns, "map": table, "start": start, "drafts": drafts}
