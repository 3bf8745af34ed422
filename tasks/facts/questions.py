"""All questions of a `Facts` task, and what is known of them.

Dimension letters: `n` problems, `k` facts of a question at most.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from alchemy.problem.task import Problem
from tasks.facts.spec import UNSEEN, Spec

NONE = -1
"""In place of a relation where a question has no second one."""


@lru_cache(maxsize=16)
def every(spec: Spec) -> Problem:
    """Each question of the task once: facts, then composed ones, those of the lowest ratio first."""
    parts = [facts(spec)] if 1 in spec.hops else []
    parts += [composed(spec)] if 2 in spec.hops else []
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def facts(spec: Spec) -> Problem:
    """Every fact as a question."""
    head, relation = np.divmod(np.arange(spec.entities * spec.relations), spec.relations)
    return _problem(head, relation, np.full(len(head), NONE))


def composed(spec: Spec) -> Problem:
    """The composed questions: of facts that are not apart so many as `ratio` says, in the order of the world; of others all."""
    kind, known = UNSEEN.index(spec.unseen), spec.known
    if kind:
        place = np.flatnonzero(known.unseen == kind)
    else:
        place = known.order[: round(spec.ratio * int((~known.apart).sum()))]
    return _problem(*np.unravel_index(place, known.unseen.shape))


def _problem(head: np.ndarray, first: np.ndarray, second: np.ndarray) -> Problem:
    return {"head": head.astype(np.int16), "path": np.stack([first, second], axis=1).astype(np.int8)}


def hops(problem: Problem) -> np.ndarray:
    """Facts of each question, int (n,)."""
    return (problem["path"] != NONE).sum(axis=1)


def walk(spec: Spec, head: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Entities on the way from heads int (n,) along relations int8 (n, k), int16 (n, k + 1); where there is no relation, the one
    before again."""
    at = [head.astype(np.int16)]
    for relation in path.T:
        at.append(np.where(relation == NONE, at[-1], spec.known.leads[at[-1], relation]))
    return np.stack(at, axis=1)


def answers(spec: Spec, problem: Problem) -> np.ndarray:
    """The entities that questions lead to, int16 (n,)."""
    return walk(spec, problem["head"], problem["path"])[:, -1]


def apart(spec: Spec, problem: Problem) -> np.ndarray:
    """How many facts of each question are apart, int (n,)."""
    path = problem["path"]
    at = walk(spec, problem["head"], path)[:, :-1]
    return (spec.known.apart[at, path] & (path != NONE)).sum(axis=1)
