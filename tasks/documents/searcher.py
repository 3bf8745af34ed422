"""Who writes the texts: a searcher that asks for what is due until a document says it, and then goes on from there.

Dimension letters: `n` problems, `t` turns, `w` tokens of a turn, `k` relations of the longest question.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import Problem
from tasks.documents.environment import Library, about, episodes
from tasks.documents.spec import Spec


def play(spec: Spec, problem: Problem, given: np.ndarray | None = None) -> np.ndarray:
    """Turns int32 (n, t, w), padding behind the last; the first of them may be `given`, as many for each. All searches of a turn
    ask for the same: what comes after it is not known before it is answered."""
    library, world = Library.of(spec), episodes(spec, problem)
    path, budget, rows = problem["path"].astype(int), problem["budget"].astype(int), np.arange(len(problem["path"]))
    hops = (path >= 0).sum(axis=1)
    at, done = problem["start"].astype(int), np.zeros(len(path), int)
    turns = np.zeros((len(path), max(spec.budgets), spec.turn), np.int32)
    for made in range(turns.shape[1]):
        goes = (done < hops) & (made < budget)
        relation = path[rows, np.minimum(done, path.shape[1] - 1)]
        one = [
            np.full(len(path), library.search),
            at + spec.first_entity,
            np.maximum(relation, 0) + spec.first_relation,
        ]
        said = np.tile(np.stack(one, axis=1), spec.queries).astype(np.int32)
        turn = np.hstack([said, library.tell(world, made, said)])
        if given is not None and made < given.shape[1]:
            turn = given[:, made]
        turns[:, made] = np.where(goes[:, None], turn, 0)
        brought = about(spec, turn)
        found = goes & (brought >= 0).any(axis=1)
        at = np.where(found, brought[rows, (brought >= 0).argmax(axis=1)], at)
        done = done + found
    return turns
