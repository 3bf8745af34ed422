"""Without search, evidence decays exponentially with depth: a factor of 2 a petal for paths, 4 for shortest paths.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, the figure on evidence by depth
Prediction   On bridges of depth d models trained on depth-first searches give evidence always; those trained on paths
             (2/3) (1/2)^(d-1) of the time, those trained on shortest paths (1/3) (1/4)^(d-1): they walk to unvisited
             neighbours at random and cannot see ahead. Searches come with every step back listed (DFS-BT) or pruned to
             new nodes (DFS), which asks for jumps. The paper, for DFS, paths and shortest paths, reports .9994, .681 and .3312 at depth 1 and .9996,
             .3756 and .0788 at depth 2, greedy.
             The law is no bound. What is above it within the longest trained chain (5d + 1 nodes, 3d + 1 for shortest
             paths) is look-ahead, what is above it beyond is recovery from dead ends. As many names as nodes invite
             look-ahead: with 22 of them an earlier version of the paper has .74 for shortest paths at depth 1.
             That a model reads the graph at all shows in its open steps: those but the last that had an edge to a new
             node to take. (Valid edges of whole chains, the first version of this precondition, also counted what a walk
             writes at a dead end, or as its last node at the trained length: .90 for shortest paths at depth 1.)
Refuted if   Search gives evidence less than 95 % of the time; within the longest trained chain paths or shortest paths
             are more than .05 off their law; or 22 names do not add .05 to shortest paths at depth 1.
Run          alchemy reproduce depth_law --preset small      # more than an hour on 2 CPU cores, shared with others
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    near,
)
from alchemy.report.former_figures import Bars, Curves, Figure
from alchemy.stats.measure import (
    Interval,
    difference,
    exact,
    two_level,
)
from experiments.graph_search.bridges import (
    FULL,
    SEARCHES,
    SMALL,
    SMOKE,
    STYLES,
    Chains,
    Setting,
    length_law,
    share,
)
from tasks.connectivity.laws import path_success, shortest_success

CLAIM = Claim(
    sentence="Without search, evidence decays exponentially with depth: by 2 a petal for paths, 4 for shortest paths.",
    source="arXiv:2505.21825, evidence by depth",
    prediction="evidence 1 for search, (2/3)(1/2)^(d-1) for paths, (1/3)(1/4)^(d-1) for shortest paths",
    refuted_if="search under .95, or paths or shortest paths off their law by .05 within the longest trained chain",
)
NONE: dict[str, Any] = {name: Interval(np.nan, np.nan, np.nan, 0, 0) for name in ("evidence", "law")}
"""Of a model that was not trained: nothing to draw."""
LAWS = {"DFS": lambda depth: 1.0, "DFS-BT": lambda depth: 1.0, "path": path_success, "shortest": shortest_success}


@dataclass(frozen=True)
class Config(Setting):
    tight: int = 22
    """Names in the control: as many as a graph of depth 1 has nodes."""


PRESETS = {"smoke": Config(**SMOKE), "small": Config(**SMALL), "full": Config(**FULL)}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    measured: dict[str, Any] = {"depths": list(config.depths), "searches": config.arms(SEARCHES)}
    for name, depth in config.arms(STYLES):
        runs = config.fit(lab, STYLES[name], depth)
        law = LAWS[name](depth)
        measured[f"{name}, depth {depth}"] = {
            "law": law,
            "loss": exact(float(runs.trained.losses[:, -100:].mean())),
            **_row(config.ask(lab, runs, greedy=True), _longest(name, depth), law),
            "sampled": _row(config.ask(lab, runs), _longest(name, depth), law),
        }
    tight = replace(config, ids=config.tight, reserved=0)
    row = _row(tight.ask(lab, tight.fit(lab, "shortest", 1), greedy=True), _longest("shortest", 1), LAWS["shortest"](1))
    measured["22 names"] = {"law": LAWS["shortest"](1), **row}
    measured["added by 22 names"] = difference(row["look-ahead"], measured["shortest, depth 1"]["look-ahead"])
    return measured


def _longest(name: str, depth: int) -> int:
    """Nodes of the longest chain of that style that training can show."""
    if name in SEARCHES:
        return len(length_law(name, depth)) - 1
    return {"path": 5 * depth + 1, "shortest": 3 * depth + 1}[name]


def _row(chains: Chains, longest: int, law: float) -> dict[str, Any]:
    within = share(chains.within(longest))
    edges = np.nan_to_num(chains.edges).mean(axis=2)
    return {
        "evidence": share(chains.valid),
        "evidence by seed": chains.valid.mean(axis=(1, 2)),
        "decision": share(chains.votes == 1),
        "within": within,
        "look-ahead": difference(within, exact(law)),
        "recovery": share(chains.valid & (chains.length > longest)),
        "valid edges": two_level(edges, 0),
        "open steps": two_level(np.nan_to_num(chains.steps, nan=1.0).mean(axis=2), 0),
    }


def check(measured: Mapping[str, Any]) -> list[Check]:
    checks = [
        at_least(
            f"{name}, depth {depth}: evidence", measured[f"{name}, depth {depth}"]["evidence"], 0.95, "the paper: .994"
        )
        for name, depth in measured["searches"]
    ]
    for depth in measured["depths"]:
        rows = {name: measured[f"{name}, depth {depth}"] for name in ("path", "shortest")}
        checks += [
            at_least(f"{name}, depth {depth}: open steps", rows[name]["open steps"], 0.97, "it reads the graph", True)
            for name in ("path", "shortest")
        ]
        checks += [
            near(f"path, depth {depth}: look-ahead", rows["path"]["look-ahead"], 0.0, 0.05, "the paper is within .02"),
            near(f"shortest, depth {depth}: look-ahead", rows["shortest"]["look-ahead"], 0.0, 0.05, "within .005"),
        ]
    return [*checks, at_least("look-ahead added by 22 names", measured["added by 22 names"], 0.05, "the paper has .41")]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    depths = measured["depths"]
    rows = {name: [measured.get(f"{name}, depth {depth}", NONE) for depth in depths] for name in STYLES}
    groups = [f"{name}, {depth}" for name in ("path", "shortest") for depth in depths]
    excess = [row for name in ("path", "shortest") for row in rows[name]]
    return [
        Curves(
            name="depth_law",
            title="Evidence by depth, greedy, and the laws of local walks",
            x_label="depth, petals",
            y_label="evidence",
            x=depths,
            measured={name: [row["evidence"] for row in rows[name]] for name in STYLES},
            theory={f"law, {name}": [row["law"] for row in rows[name]] for name in ("path", "shortest")},
        ),
        Bars(
            name="depth_law_excess",
            title="Above the law: look-ahead within the longest trained chain, recovery beyond",
            y_label="evidence above the law",
            groups=[*groups, "shortest, 1, 22 names"],
            measured={
                name: [*(row[name] for row in excess), measured["22 names"][name]]
                for name in ("look-ahead", "recovery")
            },
            theory={},
        ),
    ]
