"""On two paths of L nodes, fewer than (L - 2) / 2 queries decide nothing, and L - 1 decide everything.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, theorem 2 (vertex query model)
Prediction   Two disjoint paths of L nodes with names dealt at random, a start and two candidates. Fewer than (L - 2) / 2
             queries of a node's neighbours name the right candidate with probability exactly 1/2, however they are
             chosen; L - 1 always suffice. No training: the best adaptive explorer is computed exactly, by dynamic
             programming over what it can know, and the proof's exchange is tried on every set of nodes.
             Ours: an explorer that asks only for nodes it has been given or shown, as a chain that walks the graph does,
             stays at exactly 1/2 for twice as long, to L - 2, and is certain with one query more. One that may ask for
             names that nothing has shown it beats the coin with floor(L / 2) queries, so that the bound is tight. Both
             were found by enumeration before they were written down: for them the run confirms, it predicts nothing.
             And for a vote of short runs the coin is safe only if they walk: each run is a coin on average over graphs,
             and runs that ask for any name and vote by the names they see can win the vote more often than a coin
             (tests/tasks/test_queries.py has such runs).
Refuted if   For some L the best success is not 1/2 below the bound or not 1 at L - 1; the exchange fails below it; or an
             explorer that asks for shown nodes only is no coin at L - 2 queries.
Run          alchemy reproduce query_bound --preset small      # half a minute, nothing is trained
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, exactly
from alchemy.report.figures import Curves, Figure
from tasks.connectivity.queries import best_success, exchange_holds

CLAIM = Claim(
    sentence="On two paths of L nodes, fewer than (L - 2) / 2 queries decide nothing, and L - 1 decide everything:"
    " a walk is a coin until then.",
    source="arXiv:2505.21825, theorem 2",
    prediction="success exactly 1/2 below (L - 2) / 2 queries and 1 at L - 1; a chain that walks stays at 1/2 until L - 2",
    refuted_if="for some L the best explorer's success is anything else",
    question="What does a step buy?",
)
COIN = Fraction(1, 2)


@dataclass(frozen=True)
class Config:
    """How far to enumerate."""

    lengths: tuple[int, ...] = (4, 5, 6, 7, 8, 9, 10, 11)
    """L, the nodes of a path."""
    seeds: int = 1
    """Nothing here is random."""


PRESETS = {"smoke": Config(lengths=(4, 5)), "small": Config(), "full": replace(Config(), lengths=(*range(4, 13),))}


@dataclass(frozen=True)
class Row:
    """Paths of one length; exact."""

    length: int
    best: np.ndarray
    """The best explorer's success by number of queries, from none to L - 1: float (L,)."""
    walk: np.ndarray
    """The same where only nodes may be asked for that were given or shown."""
    below_bound: float
    """The best explorer's success less 1/2, with the most queries that are fewer than (L - 2) / 2."""
    exchange: bool
    """Whether the proof's exchange holds for every set of so many nodes."""
    walk_before_end: float
    """A walk's success less 1/2, with L - 2 queries."""


@dataclass(frozen=True)
class Measured:
    """What was enumerated."""

    rows: tuple[Row, ...]


def run(config: Config, lab: Lab) -> Measured:
    rows = []
    for length in config.lengths:
        with lab.progress.stage(f"enumerate L = {length}", 1):
            rows.append(enumerated(length))
    return Measured(tuple(rows))


def enumerated(length: int) -> Row:
    """The best explorers of two paths of that many nodes."""
    covered = max(0, -(-(length - 2) // 2) - 1)
    best = [best_success(length, queries) for queries in range(length)]
    walk = [best_success(length, queries, discovered_only=True) for queries in range(length)]
    return Row(
        length=length,
        best=np.array(best, float),
        walk=np.array(walk, float),
        below_bound=float(best[covered] - COIN),
        exchange=exchange_holds(length, covered),
        walk_before_end=float(walk[-2] - COIN),
    )


def check(measured: Measured) -> list[Check]:
    rows = measured.rows
    return [
        exactly(
            "fewer than (L - 2) / 2 queries: largest success - 1/2 over L",
            max(row.below_bound for row in rows),
            0.0,
            0.0,
            "theorem 2",
        ),
        exactly(
            "fewer than (L - 2) / 2 queries: lengths at which the exchange fails",
            sum(not row.exchange for row in rows),
            0.0,
            0.0,
            "its proof, on every set of nodes",
        ),
        exactly(
            "L - 1 queries: least success over L", min(row.best[-1] for row in rows), 1.0, 1.0, "walk from the start"
        ),
        exactly(
            "L - 2 queries of a walk: largest success - 1/2 over L",
            max(row.walk_before_end for row in rows),
            0.0,
            0.0,
            "ours: all or nothing",
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    rows, longest = measured.rows, max(measured.rows, key=lambda row: row.length)
    lengths = [row.length for row in rows]

    def curve(success: np.ndarray) -> np.ndarray:
        """Float (1, queries): certain beyond the last."""
        return np.pad(success, (0, longest.length - len(success)), constant_values=1.0)[None]

    return [
        Curves(
            name="query_bound",
            title="The best explorer of two paths, by queries: exact",
            x_label="queries",
            y_label="probability of the right candidate",
            x=list(range(longest.length)),
            measured={f"L = {row.length}": curve(row.best) for row in rows[:: max(1, len(rows) // 3)]}
            | {f"L = {longest.length}, shown nodes only": curve(longest.walk)},
            theory={"coin": [0.5] * longest.length},
        ),
        Curves(
            name="query_bound_lengths",
            title="Queries it takes to beat a coin",
            x_label="L, nodes of a path",
            y_label="queries",
            x=lengths,
            measured={
                "any node may be asked for": np.array([[first_that_helps(row.best) for row in rows]]),
                "shown nodes only": np.array([[first_that_helps(row.walk) for row in rows]]),
            },
            theory={
                "bound of theorem 2": [(length - 2) / 2 for length in lengths],
                "tight: floor(L / 2)": [length // 2 for length in lengths],
                "certain: L - 1": [length - 1 for length in lengths],
            },
        ),
    ]


def first_that_helps(success: np.ndarray) -> int:
    """The fewest queries that beat a coin."""
    return int((success > COIN).argmax())
