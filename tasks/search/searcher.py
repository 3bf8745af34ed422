"""Who writes the texts: a searcher that goes along the relations of a question, as well as its budget allows.

Dimension letters: `n` problems, `t` searches, `e` entities, `s` partitions of looks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.problem.task import Problem
from tasks.search import chains, laws
from tasks.search.environment import Lookup, episodes
from tasks.search.spec import FOUND, SAID, Spec


class Rules(NamedTuple):
    """What to do in a hop, by what was seen there."""

    act: np.ndarray
    """What `laws.Searcher` has, int8 (k + 1, b + 1, s)."""
    after: np.ndarray
    """What `laws.Looks` has, int (s, t + 1)."""
    counts_down: bool
    """`act` goes by searches that are left, and otherwise by those that were made."""


def rules(spec: Spec) -> Rules:
    """The best ones for a task."""
    hops, most, knows = max(spec.hops), max(spec.budgets), spec.announced or spec.tracked
    if spec.tags or spec.reliability == 1:
        act = np.full((hops + 1, most + 1, 2), laws.LOOK, np.int8)
        act[:, :, 1], act[1, :, 1] = laws.GO_ON, laws.STOP
        return Rules(act, np.array([[1], [1]]), knows)
    known = laws.looks(spec.entities, spec.reliability, most)
    if knows:
        return Rules(laws.best(spec.entities, spec.reliability, hops, most, spec.price).act, known.after, True)
    best = laws.best_unaware(spec.entities, spec.reliability, hops, spec.budgets, spec.price)
    return Rules(best.act, known.after, False)


def play(spec: Spec, problem: Problem, given: np.ndarray | None = None) -> np.ndarray:
    """Searches and results int32 (n, t, w), padding behind the last; the first of them may be `given`, as many for each."""
    n, most = len(problem["start"]), max(spec.budgets)
    rule, lookup, world = rules(spec), Lookup.of(spec), episodes(spec, problem)
    path, budget, rows = problem["path"].astype(int), problem["budget"].astype(int), np.arange(n)
    hops = (path >= 0).sum(axis=1)
    turns = np.zeros((n, most, spec.turn), np.int32)
    thoughts = problem["thoughts"] if spec.chain else np.zeros(n, int)
    at, left, state = problem["start"].astype(int), hops.copy(), np.zeros(n, int)
    seen = np.zeros((n, spec.nothing + 1), int)
    stopped, untold = np.zeros(n, bool), spec.tracked and not spec.announced  # until the first result tells the budget
    for made in range(most):
        clock = np.clip(budget - made, 0, most) if rule.counts_down else np.full(n, made)
        goes = ~stopped & (rule.act[left, clock, state] == laws.GO_ON)
        at, left = np.where(goes, seen.argmax(axis=1), at), left - goes
        state = np.where(goes, 0, state)
        seen[goes] = 0
        looks = (rule.act[left, clock, state] == laws.LOOK) | (untold and made == 0)
        stopped |= ~looks | (made >= budget) | (at == spec.nothing)
        relation = path[rows, np.minimum(hops - left, path.shape[1] - 1)]
        said = np.stack(
            [np.full(n, lookup.search), at + spec.first_entity, np.maximum(relation, 0) + spec.first_relation], axis=1
        )
        said = said.astype(np.int32)
        told = lookup.tell(world, made, said)
        turn = np.hstack([said, told, chains.thoughts(spec, told, thoughts)])
        if given is not None and made < given.shape[1]:
            turn = given[:, made]
        turns[:, made] = np.where(stopped[:, None], 0, turn)
        to = np.clip(chains.meant(spec, turn[:, SAID:]), 0, spec.nothing)
        counted = ~stopped & (turn[:, spec.mark] == spec.vocabulary.index[FOUND])
        before = np.minimum(seen[rows, to], rule.after.shape[1] - 1)
        state = np.where(counted, rule.after[state, before], state)
        seen[rows, to] += counted
    return turns
