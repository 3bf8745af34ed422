"""Without search, evidence decays exponentially with depth: a factor of 2 a petal for paths, 4 for shortest paths.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, the figure on evidence by depth
Prediction   On bridges of depth d models trained on depth-first searches give evidence always; those trained on paths
             (2/3) (1/2)^(d-1) of the time, those trained on shortest paths (1/3) (1/4)^(d-1): they walk to unvisited
             neighbours at random and cannot see ahead. Searches come with every step back listed (DFS-BT) or pruned to
             new nodes (DFS), which asks for jumps. The paper, for DFS, paths and shortest paths, reports .9994, .681
             and .3312 at depth 1 and .9996, .3756 and .0788 at depth 2, greedy.
             The law is no bound. What is above it within the longest trained chain (5d + 1 nodes, 3d + 1 for shortest
             paths) is look-ahead, what is above it beyond is recovery from dead ends.
             That a model reads the graph at all shows in its open steps: those but the last that had an edge to a new
             node to take. (Valid edges of whole chains, the first version of this gate, also counted what a walk writes
             at a dead end, or as its last node at the trained length: .90 for shortest paths at depth 1.)
             One number a seed for each law: its largest deviation over depths, chosen on one half of the graphs and
             measured on the other. An earlier version had a further check, that 22 names add look-ahead; the claim's
             sentence says nothing about names, so it is no part of this claim.
Refuted if   Search gives evidence less than 95 % of the time at some depth, or paths or shortest paths are more than .05
             off their law within the longest trained chain at some depth, in most seeds.
Run          alchemy reproduce depth_law --preset small      # hours on 2 CPU cores, shared with others
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.selection import halves, largest, largest_gap
from experiments.graph_search.bridges import FULL, SEARCHES, SMOKE, STYLES, Chains, Setting, by_seed, length_law
from tasks.connectivity.laws import path_success, shortest_success

CLAIM = Claim(
    sentence="Without search, evidence decays exponentially with depth: by 2 a petal for paths, 4 for shortest paths.",
    source="arXiv:2505.21825, evidence by depth",
    prediction="evidence 1 for search, (2/3)(1/2)^(d-1) for paths, (1/3)(1/4)^(d-1) for shortest paths",
    refuted_if="search under .95, or paths or shortest paths off their law by .05 within the longest trained chain",
    question="Where does reasoning stop?",
)
WALKS = {"path": path_success, "shortest": shortest_success}
"""Styles that cannot come back from a dead end, with the law of their evidence by depth."""
Config = Setting
PRESETS = {"smoke": replace(Config(), **SMOKE), "small": Config(), "full": replace(Config(), **FULL)}


@dataclass(frozen=True)
class Arm:
    """Greedy chains of models trained on one style at one depth; arrays (s,)."""

    style: str
    depth: int
    law: float
    evidence: np.ndarray
    decision: np.ndarray
    within: np.ndarray
    """Evidence within the longest trained chain."""
    recovery: np.ndarray
    """Evidence by longer chains."""
    open_steps: np.ndarray
    """Measured on the graphs of gates."""
    loss: np.ndarray


@dataclass(frozen=True)
class Measured:
    """Arrays (s,), by style where they are several."""

    arms: tuple[Arm, ...]
    least_evidence: np.ndarray
    """Of searches, over their styles and depths."""
    deviation: dict[str, np.ndarray]
    """From the law of a walk, the largest over depths."""
    open_steps: dict[str, np.ndarray]
    """The fewest over depths."""


def run(config: Config, lab: Lab) -> Measured:
    arms, evidence, deviations = [], [], {style: [] for style in WALKS}
    for style, depth in config.arms(STYLES):
        runs = config.fit(lab, STYLES[style], depth)
        test, gate = config.greedy(lab, runs)
        law, longest = WALKS[style](depth) if style in WALKS else 1.0, longest_trained(style, depth)
        arms.append(_arm(style, depth, law, longest, test, gate, runs.trained.losses[:, -100:].mean(axis=1)))
        if style in WALKS:
            deviations[style].append(halves(test.within(longest)[:, :, 0] - law))
        else:
            evidence.append(halves(test.valid[:, :, 0]))
    failure = [1 - np.stack(half, axis=1) for half in zip(*evidence, strict=True)]
    return Measured(
        arms=tuple(arms),
        least_evidence=1 - largest(*failure),
        deviation={
            style: largest_gap(*(np.stack(half, axis=1) for half in zip(*rows, strict=True)))
            for style, rows in deviations.items()
        },
        open_steps={style: np.min([arm.open_steps for arm in arms if arm.style == style], axis=0) for style in WALKS},
    )


def longest_trained(style: str, depth: int) -> int:
    """Nodes of the longest chain of that style that training can show."""
    if style in SEARCHES:
        return len(length_law(style, depth)) - 1
    return {"path": 5 * depth + 1, "shortest": 3 * depth + 1}[style]


def _arm(style: str, depth: int, law: float, longest: int, test: Chains, gate: Chains, loss: np.ndarray) -> Arm:
    return Arm(
        style=style,
        depth=depth,
        law=law,
        evidence=by_seed(test.valid),
        decision=by_seed(test.votes == 1),
        within=by_seed(test.within(longest)),
        recovery=by_seed(test.valid & (test.length > longest)),
        open_steps=by_seed(np.nan_to_num(gate.open_steps, nan=1.0)),
        loss=loss,
    )


def check(measured: Measured) -> list[Check]:
    reads = {
        style: Gate(f"{style}: open steps, the fewest over depths", values, 0.97, inf, "it reads the graph")
        for style, values in measured.open_steps.items()
    }
    return [
        at_least(
            "searches: evidence, the least over styles and depths", measured.least_evidence, 0.95, "the paper: .994"
        ),
        at_most(
            "path: largest deviation from the law over depths",
            measured.deviation["path"],
            0.05,
            "the paper is within .02",
            gates=[reads["path"]],
        ),
        at_most(
            "shortest: largest deviation from the law over depths",
            measured.deviation["shortest"],
            0.05,
            "the paper is within .005",
            gates=[reads["shortest"]],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    depths = sorted({arm.depth for arm in measured.arms})
    walks = [arm for arm in measured.arms if arm.style in WALKS]
    return [
        Curves(
            name="depth_law",
            title="Evidence by depth, greedy, and the laws of local walks",
            x_label="depth, petals",
            y_label="evidence",
            x=depths,
            measured={style: _by_depth(measured.arms, style, depths) for style in STYLES},
            theory={f"law, {style}": [law(depth) for depth in depths] for style, law in WALKS.items()},
        ),
        Bars(
            name="depth_law_excess",
            title="Above the law: look-ahead within the longest trained chain, recovery beyond",
            y_label="evidence above the law",
            groups=[f"{arm.style}, {arm.depth}" for arm in walks],
            measured={
                "look-ahead": np.stack([arm.within - arm.law for arm in walks], axis=1),
                "recovery": np.stack([arm.recovery for arm in walks], axis=1),
            },
            theory={},
        ),
    ]


def _by_depth(arms: Sequence[Arm], style: str, depths: Sequence[int]) -> np.ndarray:
    """Evidence by depth, float (s, m), nan where there is no such arm."""
    nothing = np.full_like(arms[0].evidence, np.nan)
    rows = {arm.depth: arm.evidence for arm in arms if arm.style == style}
    return np.stack([rows.get(depth, nothing) for depth in depths], axis=1)
