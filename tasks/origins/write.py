"""Problems of `Origins` as tokens: searches, what they are told, and the answer that is right, whatever was found.

Dimension letters: `n` problems, `t` searches, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import PAD, Batch, Field, Problem
from tasks.origins import laws
from tasks.origins.environment import truth
from tasks.origins.searcher import play
from tasks.origins.spec import LOOK, TEXT_FORMAT, Spec
from tasks.search.spec import DIGITS, SAID, THINK, TURN, UNTOLD
from tasks.search.write import completion_fields, completions


def needed(spec: Spec, problem: Problem) -> np.ndarray:
    """Searches of the depth-first searcher until it has found the answer, int (n,)."""
    turns = play(spec, problem, laws.most_searches(spec.entities, max(spec.hops)))
    return np.asarray((turns[:, :, 0] != PAD).sum(axis=1))


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: world, end, relations, badge, budget, the searches of the depth-first searcher and the right answer."""
    turns, index = play(spec, problem), spec.vocabulary.index
    completion = completions(turns, spec, truth(spec, problem))
    path, n = problem["path"], len(problem["path"])
    hops = (path >= 0).sum(axis=1)
    fields = completion_fields(spec, completion)
    head = np.hstack([spec.digits(problem) + spec.first_number, problem["end"][:, None] + np.int32(spec.first_entity)])
    budget = problem["budget"] + np.int32(spec.first_number) if spec.announced else np.full(n, index[UNTOLD])
    badge = problem["badge"] + np.int32(spec.first_number)
    tail = np.hstack([badge[:, None], budget[:, None], np.full((n, 1), index[THINK]), completion])
    tokens = np.zeros((n, head.shape[1] + path.shape[1] + tail.shape[1]), np.int32)
    field = np.full(tokens.shape, Field.PADDING, np.int8)
    tokens[:, : DIGITS + 1], field[:, :DIGITS], field[:, DIGITS] = head, 0, 1
    there = path >= 0
    tokens[:, DIGITS + 1 :][:, : path.shape[1]] = np.where(there, path + np.int32(spec.first_relation), PAD)
    field[:, DIGITS + 1 :][:, : path.shape[1]] = np.where(there, 2, Field.PADDING)
    rows, behind = np.arange(n)[:, None], DIGITS + 1 + hops[:, None] + np.arange(tail.shape[1])
    tokens[rows, behind] = tail
    field[rows, behind] = np.hstack([np.tile([3, 4, 5], (n, 1)), fields])
    made = (turns[:, :, 0] != PAD).sum(axis=1)
    asked = made == problem["budget"]  # the environment asks for the answer then
    told = np.zeros(tokens.shape, bool)
    told[rows, behind[:, 3:]] = is_told(fields) | (asked[:, None] & (completion == index[TEXT_FORMAT.answer_mark]))
    width = spec.clean_len
    prompt_len = (DIGITS + 4 + hops).astype(np.int32)
    return Batch(tokens[:, :width, None], prompt_len, field[:, :width], problem, told[:, :width])


def follow(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, m) that begin as the given ones up to and with a step, go on depth first with what it was told, and
    answer with whoever was seen to bear the badge, or else rightly; padding where the given ones search in another order."""
    width = (step + 1) * TURN
    given = np.zeros((len(completion), width), np.int32)
    part = completion[:, :width]
    given[:, : part.shape[1]] = part
    first = given.reshape(len(given), step + 1, TURN)
    turns = play(spec, problem, told_first=first[:, :, SAID:])
    fits = (step < turns.shape[1]) & (turns[:, : step + 1] == first[:, : turns.shape[1]]).all(axis=(1, 2))
    fits &= first[:, step, 0] != PAD
    badge = problem["badge"][:, None] + spec.first_number
    seen = (turns[:, :, 0] == spec.vocabulary.index[LOOK]) & (turns[:, :, SAID] == badge)
    last = turns[np.arange(len(turns)), seen.argmax(axis=1), 1] - spec.first_entity
    followed = completions(turns, spec, np.where(seen.any(axis=1), last, truth(spec, problem)))
    followed[~fits] = PAD
    return np.pad(followed, ((0, 0), (0, max(0, completion.shape[1] - followed.shape[1]))))


def other_state(spec: Spec, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
    """Completions int32 (n, m) whose step is told another entity, or another number, any of them."""
    changed, place = completion.copy(), TURN * step + SAID
    there = completion_fields(spec, completion)[:, place] == Field.STEP + step
    told = completion[:, place]
    start = np.where(told >= spec.first_number, spec.first_number, spec.first_entity)
    other = start + (told - start + rng.integers(1, spec.entities, len(told))) % spec.entities
    any_one = spec.first_entity + rng.integers(spec.entities, size=len(told))
    none = told == spec.first_entity + spec.nothing
    changed[:, place] = np.where(there, np.where(none, any_one, other), told)
    return changed


def is_told(fields: np.ndarray) -> np.ndarray:
    """Which tokens of completions with these fields int8 (n, m) were told, bool (n, m): the last two of each turn."""
    return np.asarray((fields >= Field.STEP) & (np.arange(fields.shape[1]) % TURN >= SAID))
