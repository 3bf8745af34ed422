"""Worlds looked up backwards: problems, what holds, and what answers searches.

Dimension letters: `n` episodes, `e` entities, `r` relations, `k` relations of the longest question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from alchemy.problem.task import Problem
from tasks.origins.spec import BACK, BADGE, LOOK, NEXT, TEXT_FORMAT, Spec
from tasks.search.spec import BASE, FOUND, MOST_RELATIONS, SAID, TURN
from tasks.search.world import BADGES, LEADS, LUCK, WORLDS, uniform, walk


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """As `Origins.draw`: world, the entity that is asked for and relations are any alike."""
    hops = np.array(spec.hops)[rng.integers(len(spec.hops), size=n)]
    order = rng.random((n, spec.relations)).argsort(axis=1)[:, : max(spec.hops)].astype(np.int8)
    path = np.where(np.arange(order.shape[1]) < hops[:, None], order, -1).astype(np.int8)
    world = rng.integers(WORLDS, size=n, dtype=np.int32)
    answer = rng.integers(spec.entities, size=n).astype(np.int8)
    known = tables(spec, world)
    if spec.badge is not None:
        answer = (known["badges"] == spec.badge).argmax(axis=1).astype(np.int8)
    return {
        "world": world,
        "end": led(known["world"], answer, path),
        "path": path,
        "badge": known["badges"][np.arange(n), answer],
        "budget": np.array(spec.budgets, np.int8)[rng.integers(len(spec.budgets), size=n)],
    }


def tables(spec: Spec, world: np.ndarray) -> dict[str, np.ndarray]:
    """Of worlds int (n,) where relations lead, `world` int8 (n, e, r), and numbers that entities bear, `badges` int8 (n, e)."""
    places = np.arange(spec.entities)[:, None] * MOST_RELATIONS + np.arange(spec.relations)
    leads = (uniform(world, LEADS, places) * spec.entities).astype(np.int8)
    badges = uniform(world, BADGES, np.arange(spec.entities)).argsort(axis=1).astype(np.int8)
    return {"world": leads, "badges": badges}


def led(table: np.ndarray, entity: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Where paths int (n, k), given as one goes back, lead from entities int (n,): int8 (n,)."""
    return walk(table, entity, path[:, ::-1])[:, -1]


def episodes(spec: Spec, problem: Problem) -> dict[str, np.ndarray]:
    """What `Inverse` needs to know of problems: `tables`, and whether the first, second, ... search is told what it finds, `brought`
    bool (n, t)."""
    world = problem["world"]
    return {**tables(spec, world), "brought": uniform(world, LUCK, np.arange(BASE)) < spec.reliability}


def truth(spec: Spec, problem: Problem) -> np.ndarray:
    """The right answers, int (n,): who bears the badge."""
    return np.asarray((tables(spec, problem["world"])["badges"] == problem["badge"][:, None]).argmax(axis=1))


@dataclass(frozen=True)
class Inverse:
    """Tells where one comes from, who comes next, and what badge there is; a request that is none is told of nothing."""

    queries: ClassVar[int] = 1
    said: int
    told: int
    asks: int
    """The id of the mark that asks for the answer."""
    back: int
    next: int
    look: int
    badge: int
    found: int
    first_entity: int
    first_relation: int
    first_number: int
    nothing: int
    thoughts: int
    """1 where all but badges is thought, and nothing else is told."""
    skip: int
    """The id of what is told then, and by a search that fails."""
    unthought: int = 0

    @classmethod
    def of(cls, spec: Spec) -> Inverse:
        """That of a task."""
        marks = (TEXT_FORMAT.answer_mark, BACK, NEXT, LOOK, BADGE, FOUND)
        asks, back, beside, look, badge, found = map(spec.vocabulary.index.__getitem__, marks)
        firsts = (spec.first_entity, spec.first_relation, spec.first_number)
        return cls(
            SAID,
            TURN - SAID,
            asks,
            back,
            beside,
            look,
            badge,
            found,
            *firsts,
            spec.nothing,
            int(spec.shown),
            spec.untold,
        )

    def tell(self, episode: Mapping[str, Any], turn: Any, said: Any) -> Any:
        """What the turns int32 (n, 3) that were written as number `turn` are told: int32 (n, 2)."""
        xp, table = said.__array_namespace__(), episode["world"]
        entity, relation = said[:, 1] - self.first_entity, said[:, 2] - self.first_relation
        known = (entity >= 0) & (entity < table.shape[1])
        related = known & (relation >= 0) & (relation < table.shape[2])
        rows, at = xp.arange(said.shape[0]), xp.where(known, entity, 0)
        leads = table[rows, :, xp.where(related, relation, 0)]
        back, beside = said[:, 0] == self.back, said[:, 0] == self.next
        there = leads == xp.where(back, at, leads[rows, at])[:, None]
        there = there & (xp.arange(table.shape[1])[None] > xp.where(beside, at, -1)[:, None])
        there = there & (related & (back | beside))[:, None]
        to = xp.where(xp.any(there, axis=1), xp.argmax(there, axis=1), self.nothing) + self.first_entity
        if self.thoughts:
            to = xp.full_like(to, self.skip)
        looks = known & (said[:, 0] == self.look) & (said[:, 2] == self.badge)
        told = xp.where(looks, episode["badges"][rows, at] + self.first_number, to)
        brought = episode["brought"]
        told = xp.where(brought[:, turn % brought.shape[1]], told, self.skip)  # luck repeats behind the largest budget
        return xp.stack([told, xp.full_like(told, self.found)], axis=1).astype(said.dtype)


def rest(spec: Spec, world: Mapping[str, np.ndarray], said: np.ndarray, turn: int) -> np.ndarray:
    """What stands behind searches int32 (n, 3), number `turn` of each, in right texts: what is told, and what is thought where the
    world is shown."""
    tell = Inverse.of(spec)
    told: np.ndarray = tell.tell(world, turn, said)
    if not spec.shown:
        return told
    whole = replace(tell, thoughts=0).tell(world, turn, said)
    return np.hstack([told, np.where(told[:, :1] == spec.untold, whole[:, :1], spec.untold)])


def result(spec: Spec, behind: np.ndarray) -> np.ndarray:
    """The ids of what searches find, of what stands behind them int (..., w): told, or thought."""
    told = behind[..., 0]
    return np.where(told == spec.untold, behind[..., -1], told) if spec.shown else told


def table(spec: Spec, problem: Problem) -> np.ndarray:
    """Where relations of questions lead back, as ids int32 (n, k, 1 + 2 e): the relation, the first entity of which it leads to a, b,
    ..., and the next one beside a, b, ..."""
    world, n = episodes(spec, problem), len(problem["path"])
    tell = replace(Inverse.of(spec), thoughts=0)
    relations = []
    for relation in problem["path"].T:
        named = (np.maximum(relation, 0) + spec.first_relation).astype(np.int32)
        relations.append(named)
        for mark in (tell.back, tell.next):
            for entity in range(spec.entities):
                said = np.full((n, SAID), mark, np.int32)
                said[:, 1], said[:, 2] = entity + spec.first_entity, named
                relations.append(tell.tell(world, 0, said)[:, 0])
    return np.stack(relations, axis=1).reshape(n, -1, 1 + 2 * spec.entities)
