"""Who writes the texts: a searcher that goes back as deep as it can, verifies what it finds, and goes on with the next one.

Dimension letters: `n` problems, `t` searches, `k` relations of the longest question.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from alchemy.problem.task import Problem
from tasks.origins.environment import Inverse, episodes, rest, result
from tasks.origins.spec import Spec


class Act(IntEnum):
    """What comes next where one is."""

    BACK = 0
    NEXT = 1
    LOOK = 2
    STOP = 3


def play(spec: Spec, problem: Problem, most: int = 0, given: np.ndarray | None = None) -> np.ndarray:
    """Searches and results int32 (n, t, w), padding behind the last: within the budget of each problem, or up to `most` for all.

    What stands behind the first searches may be given, int32 (n, s, w).
    """
    tell, world = Inverse.of(spec), episodes(spec, problem)
    path, badge = problem["path"].astype(int), problem["badge"].astype(int)
    n, rows, hops = len(path), np.arange(len(path)), (path >= 0).sum(axis=1)
    limit = np.full(n, most) if most else problem["budget"].astype(int)
    turns = np.zeros((n, most or max(spec.budgets), spec.turn), np.int32)
    node = np.zeros((n, path.shape[1] + 1), int)
    node[:, 0] = problem["end"]
    depth, act = np.zeros(n, int), np.full(n, Act.BACK)
    for made in range(turns.shape[1]):
        goes = (act != Act.STOP) & (made < limit)
        relation = path[rows, np.clip(depth - (act != Act.BACK), 0, path.shape[1] - 1)]
        asked = np.where(act == Act.LOOK, tell.badge, np.maximum(relation, 0) + tell.first_relation)
        mark = np.select([act == Act.BACK, act == Act.NEXT], [tell.back, tell.next], tell.look)
        said = np.stack([mark, node[rows, depth] + spec.first_entity, asked], axis=1).astype(np.int32)
        behind = rest(spec, world, said, made)
        if given is not None and made < given.shape[1]:
            behind = given[:, made]
        told = result(spec, behind)
        turns[:, made] = np.where(goes[:, None], np.hstack([said, behind]), 0)
        to = told - spec.first_entity
        is_none = (to < 0) | (to >= spec.entities)
        goes &= told != spec.untold  # what failed is made again
        down = goes & (act != Act.LOOK) & ~is_none
        up = goes & (act == Act.NEXT) & is_none
        depth = depth + (down & (act == Act.BACK)) - up
        node[rows[down], depth[down]] = to[down]
        wrong = goes & (act == Act.LOOK) & (told - spec.first_number != badge)
        right = goes & (act == Act.LOOK) & ~wrong
        over = right | (goes & ~down & (act != Act.LOOK) & (depth == 0))
        act = np.select(
            [over, down & (depth == hops), down, wrong | up | (goes & is_none)],
            [Act.STOP, Act.LOOK, Act.BACK, Act.NEXT],
            act,
        )
    return turns
