"""Problems of `Documents` as tokens: turns of searches, what they bring, and the answer that is right, whatever was found.

Dimension letters: `n` problems, `t` turns, `w` tokens of a turn, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.task import PAD, Batch, Field, Problem
from tasks.documents.environment import about, episodes
from tasks.documents.searcher import play
from tasks.documents.spec import TEXT_FORMAT, Spec
from tasks.search.spec import DIGITS, SAID, THINK, UNTOLD
from tasks.search.world import walk
from tasks.search.write import completion_fields, completions


def truth(spec: Spec, problem: Problem) -> np.ndarray:
    """The right answers, int8 (n,)."""
    return walk(episodes(spec, problem)["world"], problem["start"], problem["path"])[:, -1]


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: world, start, relations, budget, the turns of the searcher and the right answer."""
    turns, index = play(spec, problem), spec.vocabulary.index
    completion = completions(turns, spec, truth(spec, problem))
    fields, path, n = completion_fields(spec, completion), problem["path"], len(problem["path"])
    hops = (path >= 0).sum(axis=1)
    budget = problem["budget"] + np.int32(spec.first_number) if spec.announced else np.full(n, index[UNTOLD])
    head = np.hstack(
        [spec.digits(problem) + spec.first_number, problem["start"][:, None] + np.int32(spec.first_entity)]
    )
    tail = np.hstack([budget[:, None], np.full((n, 1), index[THINK]), completion])
    tokens = np.zeros((n, head.shape[1] + path.shape[1] + tail.shape[1]), np.int32)
    field = np.full(tokens.shape, Field.PADDING, np.int8)
    tokens[:, : DIGITS + 1], field[:, :DIGITS], field[:, DIGITS] = head, 0, 1
    there = path >= 0
    tokens[:, DIGITS + 1 :][:, : path.shape[1]] = np.where(there, path + np.int32(spec.first_relation), PAD)
    field[:, DIGITS + 1 :][:, : path.shape[1]] = np.where(there, 2, Field.PADDING)
    rows, behind = np.arange(n)[:, None], DIGITS + 1 + hops[:, None] + np.arange(tail.shape[1])
    tokens[rows, behind] = tail
    field[rows, behind] = np.hstack([np.tile([3, 4], (n, 1)), fields])
    asked = (turns[:, :, 0] != PAD).sum(axis=1) == problem["budget"]  # the environment asks for the answer then
    told = np.zeros(tokens.shape, bool)
    brought = (fields >= Field.STEP) & (np.arange(fields.shape[1]) % spec.turn >= spec.said)
    told[rows, behind[:, 2:]] = brought | (asked[:, None] & (completion == index[TEXT_FORMAT.answer_mark]))
    width = spec.clean_len
    return Batch(
        tokens[:, :width, None], (DIGITS + 3 + hops).astype(np.int32), field[:, :width], problem, told[:, :width]
    )


def follow(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, m) that begin as the given ones up to and with a turn, with the turns that follow from what it was
    brought and the answer behind them; padding where it is no turn of the question."""
    width = (step + 1) * spec.turn
    given = np.zeros((len(completion), width), np.int32)
    part = completion[:, :width]
    given[:, : part.shape[1]] = part
    turns = play(spec, problem, given.reshape(len(given), step + 1, spec.turn))
    brought = about(spec, turns)
    found = (turns[:, :, 0] != PAD) & (brought >= 0).any(axis=2)
    rows, last = np.arange(len(turns)), np.where(found, np.arange(turns.shape[1]), -1).max(axis=1)
    first = brought[rows, last, (brought[rows, last] >= 0).argmax(axis=1)]
    at = np.where(last >= 0, first, problem["start"])
    path, done = problem["path"], found.sum(axis=1)
    rest = np.where(np.arange(path.shape[1]) >= done[:, None], path, -1)
    fits = (given[:, width - spec.turn] != PAD) & (flat(turns[:, : step + 1]) == given).all(axis=1)
    answer = walk(episodes(spec, problem)["world"], at, rest)[:, -1]
    followed = completions(turns, spec, np.where(fits, answer, 0))
    followed[~fits] = PAD
    return np.pad(followed, ((0, 0), (0, max(0, completion.shape[1] - followed.shape[1]))))


def other_state(spec: Spec, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
    """Completions int32 (n, m) in which the documents of a turn about what was asked say another entity, any of them; where there is
    none, the first one is about it."""
    changed, start = completion.copy(), spec.turn * step
    turn = np.pad(completion, ((0, 0), (0, spec.turn)))[:, start : start + spec.turn]
    there = completion_fields(spec, completion)[:, start] == Field.STEP + step
    documents = turn[:, spec.said : -1].reshape(len(turn), -1, 2).copy()
    asked = turn[:, 1 : spec.said : SAID].repeat(spec.slots, axis=1)
    own = documents[:, :, 0] == asked
    own[:, 0] |= ~own.any(axis=1)
    other = (documents[:, :, 1] - spec.first_entity + rng.integers(1, spec.entities, (len(turn), 1))) % spec.entities
    documents[:, :, 0] = np.where(own, asked, documents[:, :, 0])
    documents[:, :, 1] = np.where(own, other + spec.first_entity, documents[:, :, 1])
    places = slice(start + spec.said, start + spec.turn - 1)
    told = flat(documents)[:, : changed[:, places].shape[1]]
    changed[:, places] = np.where(there[:, None], told, changed[:, places])
    return changed
