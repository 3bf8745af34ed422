"""Texts of worlds to look things up in, right ones and such as anything may have happened to."""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS

NAMES = [*"abcdefghijklmnopqrstuvwxyz", "<none>"]


def damaged(task, rng, words):
    """A text with something else in it: another word, one too few, a turn twice, another order, an early end."""
    words = list(words)
    turns = max(1, len(words) // task.turn)
    match rng.integers(10):
        case 0:
            words[rng.integers(len(words))] = str(rng.choice(task.vocabulary.symbols[2:60]))
        case 1:
            del words[rng.integers(len(words))]
        case 2:
            place = task.turn * rng.integers(turns)
            words[place:place] = words[place : place + task.turn]
        case 3:
            words = words[task.turn :] if len(words) > task.turn else words
        case 4:
            words = words[: rng.integers(1, len(words) + 1)]
        case 5:
            words[-1] = str(rng.choice([*NAMES[:6], "<none>"]))
        case _:
            place = rng.integers(len(words))
            kinds = (
                [*NAMES[:5], "<none>", "?"],
                ["R1", "R3", "R4"],
                ["<back>", "<next>", "<look>"],
                ["<found>", "<stray>"],
                ["0", "2", "3", "63", "?"],
                ["?", "<none>"],
            )
            alike = [kind for kind in kinds if words[place] in kind]
            other = str(rng.choice(alike[0] if alike else NAMES))
            words[place] = other if other in task.vocabulary.symbols else words[place]
    return words


def written(task, n, seed):
    """Problems, and texts as words: gold ones, and such as anything may have happened to."""
    rng = np.random.default_rng(seed)
    batch = task.sample(rng, n)
    texts = []
    for row in batch.completions():
        words = task.vocabulary.decode(row).split()
        for _ in range(rng.integers(4)):
            words = damaged(task, rng, words) if words else words
        texts.append(words)
    return batch, texts


def ids(task, texts, ends=True):
    rows = [[*task.vocabulary.encode(" ".join(words)), *([EOS] if ends else [])] for words in texts]
    out = np.zeros((len(rows), max(map(len, rows)) + 1), np.int32)
    for row, tokens in zip(out, rows, strict=True):
        row[: len(tokens)] = tokens
    return out
