"""Graphs whose components are drawn from a list of structures, so that other structures can be kept from training.

A structure is a connected graph up to the names of its nodes. Dimension letters: `n` graphs, `m` edges of a component.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from tasks.connectivity import Connectivity
from tasks.connectivity.graphs import Family, gnm
from tasks.connectivity.structure import keys

DRAWS = 1 << 14
"""Random graphs among which structures are looked for."""


@dataclass(frozen=True)
class Structured(Connectivity):
    """Connectivity of graphs all of whose components have one of some structures, each as often as the others."""

    structures: tuple[int, ...] = (0,)
    """Numbers in the list of all structures (`listed`) with so many nodes and links."""

    @cached_property
    def component(self) -> Family:
        chosen = listed(self.nodes, self.links)[list(self.structures)]
        return gnm(self.nodes, self.links)._replace(edges=lambda rng, n: chosen[rng.integers(len(chosen), size=n)])


@cache
def listed(nodes: int, links: int) -> np.ndarray:
    """A component of each structure with so many nodes and links, int16 (structures, m, 2), no two isomorphic.

    Those found among `DRAWS` random graphs; of graphs that colour refinement cannot tell apart there is one.
    """
    drawn = gnm(nodes, links).edges(np.random.default_rng(0), DRAWS)
    return drawn[np.sort(np.unique(keys(drawn), return_index=True)[1])]
