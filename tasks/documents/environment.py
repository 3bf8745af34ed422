"""What searches bring: documents about entities, a function of arrays for numpy and for a decoding loop alike.

Dimension letters: `n` episodes, `e` entities, `r` relations, `q` searches, `d` places of documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemy.problem.task import Problem
from tasks.documents.spec import TEXT_FORMAT, Spec
from tasks.search.spec import FOUND, MOST_SEARCHES, SAID, SEARCH, UNTOLD
from tasks.search.world import FILLED, LUCK, OTHERS, PLACES, tables, uniform


@dataclass(frozen=True)
class Library:
    """Brings documents by the relation that is asked for: the one about the entity, and others; a request that is none brings none."""

    said: int
    told: int
    asks: int
    """The id of the mark that asks for the answer."""
    queries: int
    slots: int
    search: int
    found: int
    empty: int
    first_entity: int
    first_relation: int
    nothing: int
    thoughts: int = 0
    unthought: int = 0
    skip: int = 0

    @classmethod
    def of(cls, spec: Spec) -> Library:
        """That of a task."""
        asks, search, found, empty = map(
            spec.vocabulary.index.__getitem__, (TEXT_FORMAT.answer_mark, SEARCH, FOUND, UNTOLD)
        )
        ids = (search, found, empty, spec.first_entity, spec.first_relation, spec.nothing)
        return cls(spec.said, spec.turn - spec.said, asks, spec.queries, spec.slots, *ids)

    def tell(self, episode: Mapping[str, Any], turn: Any, said: Any) -> Any:
        """What the turns int32 (n, 3 q) that were written as number `turn` are told: for each search its documents, int32 (n, 2 d q + 1)."""
        xp, table = said.__array_namespace__(), episode["world"]
        rows, told = xp.arange(said.shape[0]), []
        for query in range(self.queries):
            mark, entity, relation = (said[:, SAID * query + place] for place in range(SAID))
            entity, relation = entity - self.first_entity, relation - self.first_relation
            asked = (mark == self.search) & (entity >= 0) & (entity < table.shape[1])
            asked = asked & (relation >= 0) & (relation < table.shape[2])
            entity, relation = xp.where(asked, entity, 0), xp.where(asked, relation, 0)
            number = turn * self.queries + query
            for slot in range(self.slots):
                other = (entity + episode["others"][:, number, slot]) % table.shape[1]
                right = episode["brought"][:, number] & (episode["places"][:, number] == slot)
                right = right & (table[rows, entity, relation] != self.nothing)
                about = xp.where(right, entity, other)
                leads = table[rows, about, relation]
                there = asked & (right | episode["filled"][:, number, slot]) & (leads != self.nothing)
                told += [xp.where(there, word + self.first_entity, self.empty) for word in (about, leads)]
        return xp.stack([*told, xp.full_like(said[:, 0], self.found)], axis=1).astype(said.dtype)


def episodes(spec: Spec, problem: Problem) -> dict[str, np.ndarray]:
    """What `Library` needs to know of problems: `world` int8 (n, e, r); of each search whether it brings what it is about, `brought`
    bool (n, q), where, `places` int8 (n, q), and which places have documents otherwise, `filled` bool (n, q, d), about entities that
    are so many further by the alphabet, `others` int8 (n, q, d)."""
    world, searches = problem["world"], np.arange(MOST_SEARCHES * spec.queries)
    each = searches[:, None] * spec.slots + np.arange(spec.slots)
    return {
        "world": tables(spec, world),
        "brought": uniform(world, LUCK, searches) < spec.reliability,
        "places": (uniform(world, PLACES, searches) * spec.slots).astype(np.int8),
        "filled": uniform(world, FILLED, each) < spec.pollution,
        "others": (1 + uniform(world, OTHERS, each) * (spec.entities - 1)).astype(np.int8),
    }


def about(spec: Spec, turns: np.ndarray) -> np.ndarray:
    """What each search of turns int (..., w) was brought about its own entity, the first such document: the number of an entity, int
    (..., q), -1 for none."""
    shape = (*turns.shape[:-1], spec.queries)
    said = turns[..., : spec.said].reshape(*shape, SAID)
    documents = turns[..., spec.said : -1].reshape(*shape, spec.slots, 2)
    own = (documents[..., 0] == said[..., 1, None]) & (documents[..., 0] != spec.vocabulary.index[UNTOLD])
    first = np.take_along_axis(documents[..., 1], own.argmax(axis=-1)[..., None], axis=-1)[..., 0] - spec.first_entity
    return np.where(own.any(axis=-1), first, -1)
