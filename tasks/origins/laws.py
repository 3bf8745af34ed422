"""Who must search how often, and what is known after any searches: both exact.

A relation leads from each entity to one, any alike. Along the way back to the answer, at each relation, lie entities that lead
elsewhere in vain: those by the alphabet before the right one that lead to where it leads, and those that lead to one of the
entities gone through in vain before. Given how many these were, any other entity is one of them independently, so that their
number is a Markov chain from relation to relation (`searches`). It grows by half an entity a relation: the branching process is critical, and its
total has a heavy tail as long as relations and entities let it.

Dimension letters: `n` problems, `t` searches, `e` entities, `k` relations, `a` entities gone through in vain.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from alchemy.problem.task import Problem
from tasks.origins.environment import Inverse, result, tables
from tasks.origins.spec import Spec
from tasks.search.spec import SAID


def most_searches(entities: int, hops: int) -> int:
    """More than these nobody needs who goes depth first: all entities are gone through at each relation, and looked at."""
    return 2 * hops * (entities - 1) + hops + 1


@lru_cache(maxsize=32)
def searches(entities: int, hops: int) -> np.ndarray:
    """How likely the depth-first searcher needs so many searches until it has seen the badge, float (t,)."""
    e, size = entities, most_searches(entities, hops) + 1
    chance = np.zeros((e, size))
    chance[0, 0] = 1.0
    moves = _moves(e)
    for _ in range(hops):
        after = np.zeros_like(chance)
        for before in range(e):
            for now in range(e):
                if moves[before, now]:
                    made = before + now + 1  # of each in vain that nothing more leads there; and who was found
                    after[now, made:] += moves[before, now] * chance[before, : size - made]
        chance = after
    needed = np.zeros(size)
    for in_vain in range(e):
        needed[in_vain + 1 :] += chance[in_vain, : size - in_vain - 1]
    return needed


def _moves(e: int) -> np.ndarray:
    """How likely so many are gone through in vain at a relation after so many at the one before, float (a, a)."""
    moves = np.zeros((e, e))
    for before in range(e):
        for ahead in range(e):  # so many are by the alphabet before the right one
            moves[before] += _binomials(ahead, min((before + 1) / e, 1.0), e - 1 - ahead, before / e) / e
    return moves


def _binomials(n: int, p: float, m: int, q: float) -> np.ndarray:
    """Chances of the sum of two binomial numbers, float (n + m + 1,)."""
    chance = np.ones(1)
    for count, each in ((n, p), (m, q)):
        for _ in range(count):
            chance = np.convolve(chance, [1 - each, each])
    return chance


def found(entities: int, hops: int, budget: int, reliability: float = 1.0) -> float:
    """How likely the depth-first searcher has seen the badge after so many searches, each told what it finds that often and made
    again otherwise."""
    within = searches(entities, hops).cumsum()
    told = _binomials(budget, reliability, 0, 0.0)
    return float(told @ within[np.minimum(np.arange(budget + 1), len(within) - 1)])


def blind(entities: int, budget: int) -> float:
    """How often one is right who looks at so many entities, any alike, and never goes back."""
    return min((budget + 1) / entities, 1.0)


def posterior(spec: Spec, problem: Problem, turns: np.ndarray) -> np.ndarray:
    """How likely each entity is the answer after searches and results int (n, t, w), padding left out: float (n, e).

    What is told of who comes next behind an entity counts where it is known where that leads.
    """
    tell, n, e = Inverse.of(spec), len(turns), spec.entities
    rows = np.arange(n)
    may = np.ones((n, spec.relations, e, e), bool)  # by relation: whether one entity may lead to the other
    if spec.shown:
        may = tables(spec, problem["world"])["world"].transpose(0, 2, 1)[..., None] == np.arange(e)
    looked, bears = np.zeros((n, e), bool), np.zeros((n, e), bool)
    for turn in turns.transpose(1, 0, 2):
        mark, entity, relation = turn[:, 0], turn[:, 1] - spec.first_entity, turn[:, 2] - spec.first_relation
        here = (entity >= 0) & (entity < e)
        at = np.where(here, entity, 0)
        looks = here & (mark == tell.look) & (turn[:, 2] == tell.badge)
        number = result(spec, turn[:, SAID:]) - spec.first_number
        looked[rows, at] |= looks & (number >= 0)
        bears[rows, at] |= looks & (number == problem["badge"])
        related = here & (relation >= 0) & (relation < spec.relations)
        r = np.where(related, relation, 0)
        leads = may[rows, r, at]
        back, beside = related & (mark == tell.back), related & (mark == tell.next) & (leads.sum(axis=1) == 1)
        target = np.where(back, at, leads.argmax(axis=1))
        to = result(spec, turn[:, SAID:]) - spec.first_entity
        last = np.where(to == spec.nothing, e, to)
        counts = (back | beside) & (last >= 0) & (last <= e)
        passed: np.ndarray = (np.arange(e) > np.where(beside, at, -1)[:, None]) & (np.arange(e) < last[:, None])
        row, who = np.nonzero(passed & counts[:, None])
        may[row, r[row], who, target[row]] = False
        sure = counts & (last < e)
        may[rows[sure], r[sure], last[sure]] = np.arange(e) == target[sure, None]
    leads_there = np.zeros((n, e))
    leads_there[rows, problem["end"]] = 1.0
    for step in problem["path"].T:
        there = may[rows, np.maximum(step, 0)]
        likely = there / np.maximum(there.sum(axis=2, keepdims=True), 1)
        leads_there = np.where((step < 0)[:, None], leads_there, (likely * leads_there[:, None]).sum(axis=2))
    weight = leads_there * np.where(bears.any(axis=1)[:, None], bears, ~looked)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
