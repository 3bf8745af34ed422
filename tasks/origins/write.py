"""Problems of `Origins` as tokens: searches, what they are told, and the answer that is right, whatever was found.

Dimension letters: `n` problems, `t` searches, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.task import PAD, Batch, Field, Problem
from tasks.origins import laws
from tasks.origins.environment import result, table, truth
from tasks.origins.searcher import play
from tasks.origins.spec import LOOK, TEXT_FORMAT, Spec
from tasks.search.spec import BASE, DIGITS, SAID, THINK, UNTOLD
from tasks.search.write import completion_fields, completions


def needed(spec: Spec, problem: Problem) -> np.ndarray:
    """Searches of the depth-first searcher until it has found the answer, int (n,); where they may fail up to 64."""
    most = laws.most_searches(spec.entities, max(spec.hops)) if spec.reliability == 1 else BASE
    turns = play(spec, problem, most)
    return np.asarray((turns[:, :, 0] != PAD).sum(axis=1))


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: world, end, relations, badge, budget, the searches of the depth-first searcher and the right answer."""
    turns, index, n = play(spec, problem), spec.vocabulary.index, len(problem["path"])
    completion = completions(turns, spec, truth(spec, problem))
    fields, path = completion_fields(spec, completion), problem["path"]
    asked = ((turns[:, :, 0] != PAD).sum(axis=1) == problem["budget"])[:, None] & (
        completion == index[TEXT_FORMAT.answer_mark]
    )
    told = is_told(spec, fields) | asked  # the environment asks for the answer when all searches are made
    budget = problem["budget"][:, None] + spec.first_number if spec.announced else np.full((n, 1), index[UNTOLD])
    shown = flat(table(spec, problem)) if spec.shown else np.zeros((n, 0), np.int32)
    parts = [
        (spec.digits(problem) + spec.first_number, 0),
        (shown, 0),
        (problem["end"][:, None] + np.int32(spec.first_entity), 1),
        (path + np.int32(spec.first_relation), 2),
        (problem["badge"][:, None] + np.int32(spec.first_number), 3),
        (budget, 4),
        (np.full((n, 1), index[THINK]), 5),
    ]
    prompt = np.hstack([part for part, _ in parts])
    code = np.concatenate([np.full(part.shape[1], code) for part, code in parts])
    there = np.ones(prompt.shape, bool)
    there[:, code == 2] = path >= 0
    there[:, DIGITS : DIGITS + shown.shape[1]] = (path >= 0).repeat(spec.table(1), axis=1)
    order = np.argsort(~np.hstack([there, np.ones(completion.shape, bool)]), axis=1, kind="stable")
    prompt_len = there.sum(axis=1).astype(np.int32)
    gone = np.arange(order.shape[1]) >= (prompt_len + completion.shape[1])[:, None]

    def placed(front: np.ndarray, behind: np.ndarray, blank: int) -> np.ndarray:
        """Rows without the relations that a question does not have."""
        rows = np.take_along_axis(np.hstack([front, behind]), order, axis=1)
        return np.where(gone, blank, rows)[:, : spec.clean_len]

    tokens = placed(prompt, completion, PAD).astype(np.int32)
    field = placed(np.tile(code, (n, 1)), fields, Field.PADDING).astype(np.int8)
    heard = placed(np.zeros(prompt.shape, bool), told, False).astype(bool)
    return Batch(tokens[:, :, None], prompt_len, field, problem, heard)


def follow(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, m) that begin as the given ones up to and with a step, go on depth first with what it was told, and
    answer with whoever was seen to bear the badge, or else rightly; padding where the given ones search in another order."""
    width = (step + 1) * spec.turn
    given = np.zeros((len(completion), width), np.int32)
    part = completion[:, :width]
    given[:, : part.shape[1]] = part
    first = given.reshape(len(given), step + 1, spec.turn)
    turns = play(spec, problem, given=first[:, :, SAID:])
    fits = (step < turns.shape[1]) & (turns[:, : step + 1] == first[:, : turns.shape[1]]).all(axis=(1, 2))
    fits &= first[:, step, 0] != PAD
    badge = problem["badge"][:, None] + spec.first_number
    seen = (turns[:, :, 0] == spec.vocabulary.index[LOOK]) & (result(spec, turns[:, :, SAID:]) == badge)
    last = turns[np.arange(len(turns)), seen.argmax(axis=1), 1] - spec.first_entity
    followed = completions(turns, spec, np.where(seen.any(axis=1), last, truth(spec, problem)))
    followed[~fits] = PAD
    return np.pad(followed, ((0, 0), (0, max(0, completion.shape[1] - followed.shape[1]))))


def other_state(spec: Spec, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
    """Completions int32 (n, m) whose step is told another entity, or another number, any of them."""
    changed, start = completion.copy(), spec.turn * step
    turn = np.pad(completion, ((0, 0), (0, spec.turn)))[:, start : start + spec.turn]
    there = completion_fields(spec, completion)[:, start] == Field.STEP + step
    found = result(spec, turn[:, SAID:])
    is_look = turn[:, 0] == spec.vocabulary.index[LOOK]
    start_of = np.where(is_look, spec.first_number, spec.first_entity)
    other = start_of + (found - start_of + rng.integers(1, spec.entities, len(found))) % spec.entities
    any_one = spec.first_entity + rng.integers(spec.entities, size=len(found))
    other = np.where(found == spec.first_entity + spec.nothing, any_one, other)
    place = start + np.where(turn[:, SAID] == spec.untold, spec.turn - 1, SAID)
    rows = np.flatnonzero(there)
    changed[rows, place[rows]] = other[rows]
    return changed


def is_told(spec: Spec, fields: np.ndarray) -> np.ndarray:
    """Which tokens of completions with these fields int8 (n, m) were told, bool (n, m): of each turn the two behind the search."""
    place = np.arange(fields.shape[1]) % spec.turn
    return np.asarray((fields >= Field.STEP) & (place >= SAID) & (place < SAID + 2))
