"""On two paths of L nodes, fewer than (L - 2) / 2 queries decide nothing, and L - 1 decide everything.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, theorem 2 (vertex query model)
Prediction   Two disjoint paths of L nodes with names dealt at random, a start and two candidates. Fewer than (L - 2) / 2
             queries of a node's neighbours name the right candidate with probability exactly 1/2, however they are
             chosen; L - 1 always suffice. No training: the best adaptive explorer is computed exactly, by dynamic
             programming over what it can know, and the proof's exchange is tried on every set of nodes.
             Ours: the bound is tight, floor(L / 2) queries already beat the coin, if an explorer may ask for names
             that nothing has shown it. One that asks only for nodes it has been given or shown, as a chain that walks
             the graph does, stays at exactly 1/2 for twice as long, to L - 2, and is certain with one query more. Both
             were found by enumeration before they were written down: for them the run confirms, it predicts nothing.
             And for a vote of short runs the coin is safe only if they walk: each run is a coin on average over graphs,
             and runs that ask for any name and vote by the names they see can win the vote more often than a coin
             (tests/test_queries.py has such runs).
Refuted if   For some L the best success is not 1/2 below the bound or not 1 at L - 1; the exchange fails below it; the
             first queries that help are not floor(L / 2), or L - 1 for explorers that ask for shown nodes only.
Run          alchemy reproduce query_bound --preset small      # half a minute, nothing is trained
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from alchemy.lab.lab import Lab
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    near,
)
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import exact
from tasks.connectivity.queries import best_success, exchange_holds

CLAIM = Claim(
    sentence="On two paths of L nodes, fewer than (L - 2) / 2 queries decide nothing, and L - 1 decide everything.",
    source="arXiv:2505.21825, theorem 2",
    prediction="success exactly 1/2 below (L - 2) / 2 queries and 1 at L - 1; a chain that walks stays at 1/2 until L - 2",
    refuted_if="for some L the best explorer's success is anything else",
)


@dataclass(frozen=True)
class Config:
    """How far to enumerate."""

    lengths: tuple[int, ...] = (4, 5, 6, 7, 8, 9, 10, 11)
    """L, the nodes of a path."""
    seeds: int = 1
    """Nothing here is random."""


PRESETS = {"smoke": Config(lengths=(4, 5)), "small": Config(), "full": Config(lengths=(*range(4, 13),))}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    measured: dict[str, Any] = {"lengths": list(config.lengths)}
    for length in config.lengths:
        with lab.progress.stage(f"enumerate L = {length}", 1):
            any_node = [best_success(length, queries) for queries in range(length)]
            shown = [best_success(length, queries, discovered_only=True) for queries in range(length)]
            covered = _covered(length)
            measured[f"L = {length}"] = {
                "best": [exact(float(success)) for success in any_node],
                "best of a walk": [exact(float(success)) for success in shown],
                "exactly": [str(success) for success in any_node],
                "exchange": exact(float(exchange_holds(length, covered))),
                "helps": exact(_first(any_node)),
                "helps a walk": exact(_first(shown)),
            }
    return measured


def _covered(length: int) -> int:
    """The most queries that are fewer than (L - 2) / 2."""
    return max(0, -(-(length - 2) // 2) - 1)


def _first(success: list[Fraction]) -> int:
    """The fewest queries that beat a coin."""
    return next(queries for queries, one in enumerate(success) if one > Fraction(1, 2))


def check(measured: Mapping[str, Any]) -> list[Check]:
    checks = []
    for length in measured["lengths"]:
        row, covered = measured[f"L = {length}"], _covered(length)
        checks += [
            near(f"L = {length}, {covered} queries: best success", row["best"][covered], 0.5, 0.0, "theorem 2"),
            at_least(f"L = {length}, {covered} queries: exchange", row["exchange"], 1.0, "its proof, on every set"),
            near(f"L = {length}, {length - 1} queries: best success", row["best"][-1], 1.0, 0.0, "walk from the start"),
            near(f"L = {length}: queries that help", row["helps"], length // 2, 0.0, "ours: the bound is tight"),
            near(
                f"L = {length}: queries that help a walk", row["helps a walk"], length - 1, 0.0, "ours: all or nothing"
            ),
        ]
    return checks


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    lengths = measured["lengths"]
    most = max(lengths)
    certain = exact(1.0)
    return [
        Curves(
            name="query_bound",
            title="The best explorer of two paths, by queries: exact",
            x_label="queries",
            y_label="probability of the right candidate",
            x=list(range(most)),
            measured={
                f"L = {length}": [*measured[f"L = {length}"]["best"], *[certain] * (most - length)]
                for length in lengths[:: max(1, len(lengths) // 3)]
            }
            | {
                f"L = {most}, shown nodes only": measured[f"L = {most}"]["best of a walk"],
            },
            theory={"coin": [0.5] * most},
        ),
        Curves(
            name="query_bound_lengths",
            title="Queries it takes to beat a coin",
            x_label="L, nodes of a path",
            y_label="queries",
            x=lengths,
            measured={
                "any node may be asked for": [measured[f"L = {length}"]["helps"] for length in lengths],
                "shown nodes only": [measured[f"L = {length}"]["helps a walk"] for length in lengths],
            },
            theory={
                "bound of theorem 2": [(length - 2) / 2 for length in lengths],
                "certain: L - 1": [length - 1 for length in lengths],
            },
        ),
    ]
