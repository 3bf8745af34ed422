"""Results that have to be worked out: a result comes as an entity and letters, each a permutation of the entities that all worlds share.

c 2 0 : the entity that is meant is where letter 2 leads from c, and from there letter 0. Letters are written as numbers from 0 on.

Dimension letters: `n` worlds, `e` entities, `t` searches, `c` letters of a result, `g` letters that there are.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from alchemy.problem.split import splitmix64
from tasks.search.spec import MOST_CHAIN, MOST_SEARCHES, NAMES, Spec
from tasks.search.world import LETTERS, uniform


@lru_cache(maxsize=32)
def permutations(entities: int, letters: int) -> np.ndarray:
    """Where letters lead from entities, int8 (g, e)."""
    numbers = splitmix64(np.arange(letters * entities, dtype=np.uint64)).reshape(letters, entities)
    return numbers.argsort(axis=1).astype(np.int8)


def letters(spec: Spec, world: np.ndarray) -> np.ndarray:
    """The letters of the first, second, ... result in worlds int (n,): int8 (n, t, c)."""
    places = np.arange(MOST_SEARCHES)[:, None] * MOST_CHAIN + np.arange(spec.chain)
    return (uniform(world, LETTERS, places) * spec.letters).astype(np.int8)


def codes(spec: Spec, letter: np.ndarray) -> np.ndarray:
    """The entities that mean each entity before letters int (n, t, c): int8 (n, t, `spec.nothing` + 1); none means none."""
    undo = permutations(spec.entities, spec.letters).argsort(axis=1)
    at = np.broadcast_to(np.arange(len(NAMES) + 1), (*letter.shape[:2], len(NAMES) + 1)).copy()
    for place in range(letter.shape[2] - 1, -1, -1):
        at[:, :, : spec.entities] = np.take_along_axis(undo[letter[:, :, place]], at[:, :, : spec.entities], axis=2)
    return at.astype(np.int8)


def gone_through(spec: Spec, entity: np.ndarray, letter: np.ndarray) -> np.ndarray:
    """Where the first, the first two, ... of letters int (..., c) lead from entities int (...): int (..., c). Of no entity or no
    letter nothing is worked out: the entity stays."""
    table, at = permutations(spec.entities, spec.letters), entity
    passed = np.empty(letter.shape, int)
    for place in range(letter.shape[-1]):
        there = (at >= 0) & (at < spec.entities) & (letter[..., place] >= 0) & (letter[..., place] < spec.letters)
        to = table[np.where(there, letter[..., place], 0), np.where(there, at, 0)]
        passed[..., place] = at = np.where(there, to, at)
    return passed


def meant(spec: Spec, told: np.ndarray) -> np.ndarray:
    """The entities that results mean, of what was told int (..., 1 + c, or more) as ids: int (...)."""
    entity = told[..., 0] - spec.first_entity
    if not spec.chain:
        return np.asarray(entity)
    return np.asarray(gone_through(spec, entity, told[..., 1 : 1 + spec.chain] - spec.first_number)[..., -1])


def thoughts(spec: Spec, told: np.ndarray, written: np.ndarray) -> np.ndarray:
    """What is written behind results int (n, ...) as ids, of which `written` int (n,) thoughts are: int32 (n, c); the rest is a
    mark that there is no thought."""
    letter = told[:, 1 : 1 + spec.chain] - spec.first_number
    passed = gone_through(spec, told[:, 0] - spec.first_entity, letter) + spec.first_entity
    return np.where(np.arange(spec.chain) < written[:, None], passed, spec.unthought).astype(np.int32)
