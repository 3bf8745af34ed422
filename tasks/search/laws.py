"""The best there is: what a searcher can know, how often it can be right with so many searches, and when it should stop.

A relation leads from each entity to any alike, and no relation is twice in a question: results about one entity say nothing of
others. So what is known of the answer goes forward hop by hop (`posterior`). Where results have no tags the state of a hop is how
often each entity was seen, up to names: a partition of the number of looks. `best` is the optimum over those who go forward and
search only what something led to. That nobody who comes back to a hop does better is checked by trying all there is, for
few searches of two hops (tests/tasks/test_search.py). Whoever also searches from a guessed entity (`supported` off) gains where the
budget is below the number of hops, by 1 / e at most.

Dimension letters: `n` problems, `t` searches, `e` entities, `k` hops, `b` searches that are left or made, `s` partitions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from alchemy.problem.task import Problem
from tasks.search import chains
from tasks.search.spec import FOUND, SAID, Spec

LOOK, GO_ON, STOP = 0, 1, 2
"""Search once more where one is; take the entity that was seen most often; answer."""


class Looks(NamedTuple):
    """Partitions of numbers of looks, the empty one first, and what follows from one."""

    after: np.ndarray
    """The partition after an entity that was seen c times is seen again, int (s, t + 1); -1 where there is no such entity."""
    chance: np.ndarray
    """How likely each of these is, entities that were seen as often taken together, float (s, t + 1)."""
    leads: np.ndarray
    """How likely the entity that was seen most often is the right one, float (s,)."""
    size: np.ndarray
    """Looks, int (s,)."""


@lru_cache(maxsize=64)
def looks(entities: int, reliability: float, most: int) -> Looks:
    """All partitions of up to `most` looks."""
    numbers: dict[tuple[int, ...], int] = {(): 0}
    grown: list[tuple[int, ...]] = [()]
    for parts in grown:
        if sum(parts) < most:
            for part in {*parts, *([0] if len(parts) < entities else [])}:
                bigger = _grown(parts, part)
                if bigger not in numbers:
                    numbers[bigger] = len(numbers)
                    grown.append(bigger)
    stray = (1 - reliability) / entities
    after, chance = np.full((len(numbers), most + 1), -1), np.zeros((len(numbers), most + 1))
    leads = np.empty(len(numbers))
    for parts, number in numbers.items():
        kinds = {part: parts.count(part) for part in parts} | {0: entities - len(parts)}
        log = {part: part * np.log1p(reliability / stray) for part in kinds}
        top = max(log.values())
        weight = {part: np.exp(log[part] - top) for part in kinds}
        total = sum(weight[part] * count for part, count in kinds.items())
        leads[number] = weight[parts[0] if parts else 0] / total
        for part, count in kinds.items():
            chance[number, part] = count * (weight[part] / total * reliability + stray)
            after[number, part] = numbers.get(_grown(parts, part), -1) if count else -1
    return Looks(after, chance, leads, np.array([sum(parts) for parts in numbers]))


def _grown(parts: tuple[int, ...], part: int) -> tuple[int, ...]:
    """A partition in which one part is larger by one."""
    rest = list(parts)
    if part:
        rest.remove(part)
    return tuple(sorted([*rest, part + 1], reverse=True))


class Searcher(NamedTuple):
    """What to do, and how often one is right in the end."""

    act: np.ndarray
    """`LOOK`, `GO_ON` or `STOP` with so many hops to go, the one that is looked at included, int8 (k + 1, b + 1, s)."""
    value: np.ndarray
    """The probability of a right answer at the start of k hops, float (k + 1, b + 1): with b searches left where the budget is
    known; otherwise after b searches, if the answer is asked for then."""


@lru_cache(maxsize=64)
def best(
    entities: int, reliability: float, hops: int, most: int, price: float = 0.0, supported: bool = True
) -> Searcher:
    """The best searcher without tags that knows its budget; each search has to add `price`, in the value not deducted."""
    known, guess = looks(entities, reliability, most), 1 / entities
    act = np.full((hops + 1, most + 1, len(known.leads)), STOP, np.int8)
    right, worth = np.empty((2, hops + 1, most + 1, len(known.leads)))
    right[0], worth[0] = 1.0, 1.0
    for left in range(1, hops + 1):
        for budget in range(most + 1):
            goes = _then(known.leads, right[left - 1, budget, 0], guess)
            worth_going = _then(known.leads, worth[left - 1, budget, 0], guess)
            now = known.leads.copy() if left == 1 else np.full_like(goes, guess)
            values = [now, worth_going if left > 1 else np.full_like(goes, -1.0)]
            if supported:
                values[1][0] = -1.0  # nothing was seen yet
            rights = [now, goes]
            if budget:
                values.append(_expected(known, worth[left, budget - 1]) - price)
                rights.append(_expected(known, right[left, budget - 1]))
            choice = np.argmax(np.round(values, 12), axis=0)
            act[left, budget] = np.array([STOP, GO_ON, LOOK])[choice]
            worth[left, budget], right[left, budget] = (np.choose(choice, table) for table in (values, rights))
    return Searcher(act, right[:, :, 0])


@lru_cache(maxsize=64)
def best_unaware(
    entities: int, reliability: float, hops: int, budgets: tuple[int, ...], price: float = 0.0
) -> Searcher:
    """The best searcher without tags whose searches end unforeseen, after any of these numbers alike."""
    most = max(budgets)
    known, guess = looks(entities, reliability, most), 1 / entities
    ends = np.bincount(budgets, minlength=most + 1) / len(budgets)
    later = ends[::-1].cumsum()[::-1] - ends  # that more searches than so many are allowed
    act = np.full((hops + 1, most + 1, len(known.leads)), STOP, np.int8)
    behind = np.empty(act.shape)  # of all that comes after so many searches, the answer there left out
    for left in range(1, hops + 1):
        now = known.leads if left == 1 else np.full_like(known.leads, guess)
        for made in range(most, -1, -1):
            stops = later[made] * now
            goes = _then(known.leads, behind[left - 1, made, 0], guess * later[made]) if left > 1 else stops - 1
            goes[0] = -1.0  # nothing was seen yet
            values = [stops, goes]
            if made < most:
                values.append(_expected(known, behind[left, made + 1] + ends[made + 1] * now) - price * later[made])
            choice = np.argmax(np.round(values, 12), axis=0)
            act[left, made] = np.array([STOP, GO_ON, LOOK])[choice]
            behind[left, made] = np.choose(choice, values)
    return Searcher(act, _followed(act, known, guess))


def _followed(act: np.ndarray, known: Looks, guess: float) -> np.ndarray:
    """How often one is right after b searches if the acts int8 (k + 1, b + 1, s) by searches made are followed: float (k + 1, b + 1)."""
    hops, most = act.shape[0] - 1, act.shape[1] - 1
    value = np.empty((hops + 1, most + 1))
    for asked in range(most + 1):
        right = np.ones((hops + 1, asked + 1, len(known.leads)))
        for left in range(1, hops + 1):
            now = known.leads if left == 1 else np.full_like(known.leads, guess)
            for made in range(asked, -1, -1):
                goes = _then(known.leads, right[left - 1, made, 0], guess) if left > 1 else now
                look = _expected(known, right[left, made + 1]) if made < asked else now
                right[left, made] = np.choose(act[left, made], [look, goes, now])
        value[:, asked] = right[:, 0, 0]
    return value


def _then(leads: np.ndarray, value: float, guess: float) -> np.ndarray:
    """What going on is worth: what is found from a wrong entity is as good as a guess."""
    return leads * value + (1 - leads) * guess


def _expected(known: Looks, value: np.ndarray) -> np.ndarray:
    """The mean of float (s,) after one look more."""
    return (known.chance * np.where(known.after >= 0, value[known.after], 0.0)).sum(axis=1)


def ceiling(spec: Spec, hops: int, budget: int) -> float:
    """The largest probability of a right answer to a question of so many hops within a known budget of searches."""
    if spec.reliability == 1 or spec.tags:
        return _tagged(spec.entities, spec.reliability, spec.missing, hops, budget)
    return float(best(spec.entities, spec.reliability, hops, budget).value[hops, budget])


@lru_cache(maxsize=1024)
def _tagged(entities: int, reliability: float, missing: float, hops: int, budget: int) -> float:
    """The same where results that can be trusted are known."""
    if not hops:
        return 1.0
    if not budget:
        there = (1 - missing) ** hops
        return max(1 - there, there / entities)
    rest = _tagged(entities, reliability, missing, hops - 1, budget - 1)
    again = _tagged(entities, reliability, missing, hops, budget - 1)
    return reliability * (missing + (1 - missing) * rest) + (1 - reliability) * again


def posterior(spec: Spec, problem: Problem, turns: np.ndarray) -> np.ndarray:
    """How likely each answer is after searches and results int (n, t, w), those that are padding left out: float (n, e + 1).

    The last column is that the question has no answer.
    """
    n, e, r = len(turns), spec.entities, spec.relations
    told = chains.meant(spec, turns[:, :, SAID:])
    told = np.where(told == spec.nothing, e, told)
    entity, relation = turns[:, :, 1] - spec.first_entity, turns[:, :, 2] - spec.first_relation
    counts = (
        (turns[:, :, spec.mark] == spec.vocabulary.index[FOUND])
        & (entity >= 0)
        & (entity < e)
        & (relation >= 0)
        & (relation < r)
    )
    seen = np.zeros((n, e, r, e + 1), np.int16)
    row, turn = np.nonzero(counts)
    np.add.at(seen, (row, entity[row, turn], relation[row, turn], told[row, turn]), 1)
    sure = spec.tags or spec.reliability == 1
    weight = 700.0 if sure else np.log1p(spec.reliability * e / (1 - spec.reliability))
    prior = np.append(np.full(e, (1 - spec.missing) / e), spec.missing)
    at = np.zeros((n, e + 1))
    at[np.arange(n), problem["start"]] = 1.0
    for step in problem["path"].T:
        looks = seen[np.arange(n), :, np.maximum(step, 0)].astype(float)
        leads = np.exp(weight * (looks - looks.max(axis=2, keepdims=True))) * prior
        leads /= leads.sum(axis=2, keepdims=True)
        moved = (at[:, :e, None] * leads).sum(axis=1)
        moved[:, e] += at[:, e]
        at = np.where((step < 0)[:, None], at, moved)
    return at
