"""How problems of `Search` are drawn: world, start and relations are any alike, but for the pairs that `joins` leaves out.

Dimension letters: `n` problems, `k` relations of the longest question, `r` relations.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from alchemy.problem.task import Problem
from tasks.search.spec import Joins, Spec
from tasks.search.world import WORLDS


class Questions(Protocol):
    """What questions of a task are about."""

    @property
    def entities(self) -> int: ...

    @property
    def budgets(self) -> tuple[int, ...]: ...

    @property
    def hops(self) -> tuple[int, ...]: ...

    @property
    def relations(self) -> int: ...

    @property
    def joins(self) -> Joins: ...


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """`world` int32 (n,), `start` int8 (n,), `path` int8 (n, k): relations, -1 behind the last; `budget` int8 (n,);
    of results that have to be worked out `thoughts` int8 (n,) as well."""
    problem = questions(spec, rng, n)
    if spec.chain:
        problem["thoughts"] = np.array(spec.thoughts, np.int8)[rng.integers(len(spec.thoughts), size=n)]
    return problem


def questions(spec: Questions, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """The same without thoughts."""
    hops = np.array(spec.hops)[rng.integers(len(spec.hops), size=n)]
    return {
        "world": rng.integers(WORLDS, size=n, dtype=np.int32),
        "start": rng.integers(spec.entities, size=n).astype(np.int8),
        "path": paths(spec, rng, hops),
        "budget": np.array(spec.budgets, np.int8)[rng.integers(len(spec.budgets), size=n)],
    }


def paths(spec: Questions, rng: np.random.Generator, hops: np.ndarray) -> np.ndarray:
    """Relations of questions with so many int (n,) of them, int8 (n, k), drawn until they have the pairs they should."""
    path = np.empty((len(hops), max(spec.hops)), np.int8)
    missing = np.arange(len(hops))
    while missing.size:
        order = rng.random((missing.size, spec.relations)).argsort(axis=1)[:, : path.shape[1]].astype(np.int8)
        path[missing] = np.where(np.arange(path.shape[1]) < hops[missing, None], order, -1)
        missing = missing[~allowed(spec, path[missing])]
    return path


def allowed(spec: Questions, path: np.ndarray) -> np.ndarray:
    """Whether paths int8 (n, k) have a pair as `joins` says, bool (n,)."""
    next_one = (path[:, 1:] == (path[:, :-1] + 1) % spec.relations) & (path[:, 1:] >= 0)
    some: np.ndarray = next_one.any(axis=1)
    alone = (path >= 0).sum(axis=1) == 1
    return {"any": np.ones_like(some), "seen": ~some, "unseen": some | alone}[spec.joins]
