"""Worlds of facts: a random graph of entities and relations, which is a function of its number.

Dimension letters: `e` entities, `r` relations.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tasks.search.world import uniform

LEADS, APART, ORDER = range(3)
"""What random numbers of a world decide: where a relation leads, which facts are apart, and which composed questions come first."""


class World(NamedTuple):
    """Facts, and the composed questions about them."""

    leads: np.ndarray
    """The entity that a relation leads to, int16 (e, r)."""
    apart: np.ndarray
    """Facts that no composed question of training has, bool (e, r)."""
    unseen: np.ndarray
    """Which facts of a composed question are apart: 0 for none, 1 for the first, 2 for the second, 3 for both; int8 (e, r, r)."""
    order: np.ndarray
    """Composed questions without a fact that is apart, in an order of the world's own, as places in (e, r, r): int (m,)."""

    @property
    def most(self) -> float:
        """Composed questions without a fact that is apart for each fact that is not."""
        return len(self.order) / max(1, int((~self.apart).sum()))


@lru_cache(maxsize=64)
def world(number: int, entities: int, relations: int, share: float) -> World:
    """The world of a number, in which a share of the facts, to the nearest number of them, is apart."""
    own, facts = np.array([number]), np.arange(entities * relations).reshape(entities, relations)
    leads = (uniform(own, LEADS, facts)[0] * entities).astype(np.int16)
    apart = np.zeros(facts.size, bool)
    apart[uniform(own, APART, facts)[0].ravel().argsort()[: round(share * facts.size)]] = True
    apart = apart.reshape(facts.shape)
    unseen = (apart[:, :, None] + np.int8(2) * apart[leads]).astype(np.int8)
    order = uniform(own, ORDER, np.arange(unseen.size))[0].argsort()
    made = World(leads, apart, unseen, order[unseen.ravel()[order] == 0])
    for array in made:
        array.flags.writeable = False
    return made
