"""Worlds: what a question is about and no prompt says. A world is a function of its number that nobody can compute in the head.

Dimension letters: `n` worlds, `e` entities, `r` relations, `t` searches.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from alchemy.problem.split import splitmix64
from tasks.search.spec import MOST_RELATIONS, MOST_SEARCHES, NAMES, Spec

WORLDS = 1 << 30
"""As many as five numbers below 64 name."""
LEADS, HOLDS, LUCK, STRAYS, LETTERS, BADGES, PLACES, FILLED, OTHERS = range(9)
"""What random numbers of a world decide: where a relation leads, whether it does, whether a result is right, what it is
otherwise, the letters it comes with, the number that an entity bears; where among documents the right one stands, which other places
have one, and about whom."""


class Facts(Protocol):
    """What is known of the worlds of a task."""

    @property
    def entities(self) -> int: ...

    @property
    def relations(self) -> int: ...

    @property
    def missing(self) -> float: ...

    @property
    def nothing(self) -> int: ...


def tables(spec: Facts, world: np.ndarray) -> np.ndarray:
    """Where relations lead in worlds int (n,), int8 (n, e, r): `spec.nothing` where to none. A larger world has others."""
    places = np.arange(spec.entities)[:, None] * MOST_RELATIONS + np.arange(spec.relations)
    leads = (uniform(world, LEADS, places) * spec.entities).astype(np.int8)
    holds = uniform(world, HOLDS, places) >= spec.missing
    return np.where(holds, leads, np.int8(spec.nothing))


def luck(spec: Spec, world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether the first, second, ... result is what the world holds, bool (n, t), and which entity it is otherwise, int8 (n, t)."""
    searches = np.arange(MOST_SEARCHES)
    strays = (uniform(world, STRAYS, searches) * spec.entities).astype(np.int8)
    return uniform(world, LUCK, searches) < spec.reliability, strays


def walk(table: np.ndarray, start: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Entities int8 (n, k + 1) along paths int (n, k) of relations, -1 behind their ends, from entities int (n,) on; from none
    to none."""
    none, at = len(NAMES), [start.astype(np.int8)]
    rows = np.arange(len(start))
    for relation in path.T:
        there = at[-1] != none
        to = table[rows, np.where(there, at[-1], 0), np.maximum(relation, 0)]
        at.append(np.where(relation < 0, at[-1], np.where(there, to, none)).astype(np.int8))
    return np.stack(at, axis=1)


def uniform(world: np.ndarray, purpose: int, places: np.ndarray) -> np.ndarray:
    """Numbers in [0, 1) of worlds int (n,) at places int (...): float (n, ...)."""
    of_world = splitmix64(splitmix64(world.astype(np.uint64)) ^ np.uint64(purpose))
    mixed = splitmix64(of_world.reshape(-1, *[1] * places.ndim) ^ places.astype(np.uint64))
    return (mixed >> np.uint64(11)) * 2.0**-53
