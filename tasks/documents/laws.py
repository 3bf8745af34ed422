"""The best there is: how likely each answer is after any turns, and how often one can be right within so many.

A document about another entity says nothing of the entity that is asked about, as each relation leads from each of them to any
alike, and no relation is twice in a question. So whoever reads without fault loses nothing by documents that are beside the point, nor by
searching on: with each search that brings nothing it is likelier that there is nothing.

Dimension letters: `n` problems, `t` turns, `e` entities.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.task import Problem
from tasks.documents.environment import about
from tasks.documents.spec import Spec
from tasks.search.spec import SAID


def ceiling(spec: Spec, hops: int, turns: int, answerable: bool | None = None) -> float:
    """The largest probability of a right answer to a question of so many hops after so many turns, all their searches about what is
    due; of questions that have an answer alone, or none alone, that of the same searcher."""
    return _ceiling(spec.entities, spec.reliability, spec.missing, spec.queries, hops, turns, answerable)


def _ceiling(
    entities: int, reliability: float, missing: float, queries: int, hops: int, turns: int, answerable: bool | None
) -> float:
    some, none = _right(entities, reliability, missing, queries, hops, turns, 0)
    share = (1 - missing) ** hops
    if answerable is None:
        return some + none
    return some / share if answerable else none / (1 - share)


@lru_cache(maxsize=4096)
def _right(
    entities: int, reliability: float, missing: float, queries: int, hops: int, turns: int, failed: int
) -> tuple[float, float]:
    """How likely a question has an answer and it is given, and has none and that is said, after so many searches in vain."""
    if not hops:
        return 1.0, 0.0
    vain = (1 - reliability) ** failed
    leads = (1 - missing) * vain / ((1 - missing) * vain + missing) if vain or missing else 0.0
    answerable = leads * (1 - missing) ** (hops - 1)
    if not turns:
        return (answerable / entities, 0.0) if answerable / entities > 1 - answerable else (0.0, 1 - answerable)
    found = leads * (1 - (1 - reliability) ** queries)
    onward = _right(entities, reliability, missing, queries, hops - 1, turns - 1, 0)
    again = (0.0, 0.0)
    if found < 1:
        again = _right(entities, reliability, missing, queries, hops, turns - 1, failed + queries)
    return found * onward[0] + (1 - found) * again[0], found * onward[1] + (1 - found) * again[1]


def found(spec: Spec, hops: int, turns: int) -> float:
    """How likely documents lead to the end of so many relations, which lead somewhere, within so many turns."""
    each = 1 - (1 - spec.reliability) ** spec.queries
    return float(sum(comb(turns, done) * each**done * (1 - each) ** (turns - done) for done in range(hops, turns + 1)))


def posterior(spec: Spec, problem: Problem, turns: np.ndarray) -> np.ndarray:
    """How likely each answer is after turns int (n, t, w), padding left out: float (n, e + 1); the last is that there is none."""
    n, e, r = len(turns), spec.entities, spec.relations
    brought = flat(about(spec, turns))
    said = turns[:, :, : spec.said].reshape(n, -1, SAID)
    entity, relation = said[:, :, 1] - spec.first_entity, said[:, :, 2] - spec.first_relation
    asked = (entity >= 0) & (entity < e) & (relation >= 0) & (relation < r)
    leads = np.full((n, e, r, e + 1), (1 - spec.missing) / e)
    leads[..., e] = spec.missing
    row, search = np.nonzero(asked & (brought < 0))
    np.multiply.at(leads, (row, entity[row, search], relation[row, search], slice(e)), 1 - spec.reliability)
    row, search = np.nonzero(asked & (brought >= 0))
    leads[row, entity[row, search], relation[row, search]] = np.arange(e + 1) == brought[row, search, None]
    leads = leads / leads.sum(axis=3, keepdims=True)
    at = np.zeros((n, e + 1))
    at[np.arange(n), problem["start"]] = 1.0
    for step in problem["path"].T:
        moved = (at[:, :e, None] * leads[np.arange(n), :, np.maximum(step, 0)]).sum(axis=1)
        moved[:, e] += at[:, e]
        at = np.where((step < 0)[:, None], at, moved)
    return at
