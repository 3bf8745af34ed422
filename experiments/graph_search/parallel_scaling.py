"""Many short chains pay exponentially: the samples needed for .9 double and more with every petal, but not for search.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, parallel scaling
Prediction   From one stored pool of chains at temperature 1, any of n chains holds valid evidence with probability
             1 - (1 - p)^n if chains are alike. The samples for .9 grow per petal by 2 and more for models trained on
             paths and by 4 and more for shortest paths (the paper: 2, 6, 12.4 and 5, 31, 176 for depths 1 to 3), and
             stay flat for search.
             Graphs differ in difficulty even for one model, so the formula at the mean p promises too much at large n.
             One number a seed for each style: its least growth from one depth to the next (for search its greatest),
             the step chosen on one half of the graphs and measured on the other.
Refuted if   From one depth to the next the samples needed grow less than twice for paths or less than four times for
             shortest paths, or by half or more for search, in most seeds.
Run          alchemy reproduce parallel_scaling --preset small      # models and pools are those of depth_law
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.selection import largest
from alchemy.stats.summary import crossing
from alchemy.stats.voting import reach
from experiments.graph_search.bridges import FULL, SMOKE, STYLES, Chains, Setting, by_seed
from tasks.connectivity import laws

CLAIM = Claim(
    sentence="Parallel chains pay exponentially: samples for .9 grow 2 times a petal for paths, 4 for shortest paths.",
    source="arXiv:2505.21825, parallel scaling",
    prediction="samples needed for evidence in .9 of the graphs grow at least 2 and 4 times a petal, and stay flat for search",
    refuted_if="growth under 2 for paths, under 4 for shortest paths, or over 1.5 for search",
    question="How is a budget best spent?",
)
ARMS = {style: trace for style, trace in STYLES.items() if style != "DFS-BT"}
TARGET = 0.9
Config = Setting
PRESETS = {
    "smoke": replace(Config(), **SMOKE | {"depths": (1, 2)}),
    "small": Config(),
    "full": replace(Config(), **FULL),
}


@dataclass(frozen=True)
class Arm:
    """Pools of chains of models trained on one style at one depth."""

    style: str
    depth: int
    sizes: list[int]
    evidence: np.ndarray
    """Of one chain, float (s,)."""
    any_of: np.ndarray
    """How often any of so many chains is evidence, float (s, m)."""
    majority: np.ndarray
    """Accuracy of the majority of so many chains, float (s, m)."""
    needed: np.ndarray
    """Samples for evidence in .9 of the graphs, float (s,): inf if the pool is too small."""
    needed_by_paper: np.ndarray
    """Samples for .9 by majority or by any, whichever is there first, by the paper's rule, float (s,)."""


@dataclass(frozen=True)
class Measured:
    """Arrays (s,)."""

    arms: tuple[Arm, ...]
    path_growth: np.ndarray
    """Of the samples needed from one depth to the next, the least over depths."""
    shortest_growth: np.ndarray
    search_growth: np.ndarray
    """The greatest over depths."""
    search_evidence: np.ndarray
    """Of one sampled search on the graphs of gates, the least over depths."""


def run(config: Config, lab: Lab) -> Measured:
    arms, gates, needed = [], [], {style: [] for style in ARMS}
    for style, trace in ARMS.items():
        for depth in config.depths:
            test, gate = config.pool(lab, config.fit(lab, trace, depth))
            arms.append(_arm(style, depth, test))
            needed[style].append([samples_needed(half) for half in test.halves()])
            if style == "DFS":
                gates.append(by_seed(gate.valid))
    growth = {style: log_growth(np.array(rows)) for style, rows in needed.items()}
    return Measured(
        arms=tuple(arms),
        path_growth=np.exp(-largest(*-growth["path"])),
        shortest_growth=np.exp(-largest(*-growth["shortest"])),
        search_growth=np.exp(largest(*growth["DFS"])),
        search_evidence=np.min(gates, axis=0),
    )


def _arm(style: str, depth: int, chains: Chains) -> Arm:
    sizes = chains.sizes
    any_of, majority = (
        np.stack([by_seed(score(size)) for size in sizes], axis=1) for score in (chains.any_of, chains.majority_of)
    )
    return Arm(
        style=style,
        depth=depth,
        sizes=sizes,
        evidence=by_seed(chains.valid),
        any_of=any_of,
        majority=majority,
        needed=samples_needed(chains),
        needed_by_paper=np.array([reach(np.array(sizes), *curves) for curves in zip(majority, any_of, strict=True)]),
    )


def samples_needed(chains: Chains) -> np.ndarray:
    """Samples for evidence in .9 of each seed's graphs, as a real number: float (s,), inf if the pool is too small."""
    sizes = np.arange(1, chains.size + 1)
    curve = np.stack([by_seed(chains.any_of(size)) for size in sizes], axis=1)
    return np.maximum(crossing(sizes, curve, TARGET, falling=False), 1.0)


def log_growth(needed: np.ndarray) -> np.ndarray:
    """The log of what the samples needed grow by from one depth to the next, by halves of the graphs: float (2, s, m).

    `needed` is float (depths, 2, s); growth from a number beyond the pool is unknown (nan).
    """
    with np.errstate(invalid="ignore"):
        return np.diff(np.log(needed), axis=0).transpose(1, 2, 0)


def check(measured: Measured) -> list[Check]:
    searches = Gate(
        "search: evidence of one chain, the least over depths", measured.search_evidence, 0.5, inf, "it learned"
    )
    return [
        at_least(
            "path: least growth of the samples for .9 a petal",
            measured.path_growth,
            2.0,
            "the paper has 3.0 and 2.1, the law 2.7 and 2.2",
        ),
        at_least(
            "shortest: least growth of the samples for .9 a petal",
            measured.shortest_growth,
            4.0,
            "the paper has 6.2 and 5.7, the law 4.7 and 4.2",
        ),
        at_most(
            "search: greatest growth of the samples for .9 a petal",
            measured.search_growth,
            1.5,
            "flat",
            gates=[searches],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    depths = sorted({arm.depth for arm in measured.arms})
    deepest = [arm for arm in measured.arms if arm.depth == max(depths)]
    sizes = max((arm.sizes for arm in deepest), key=len)

    def padded(curve: np.ndarray) -> np.ndarray:
        """A curve (s, m) or (m,) to as many sizes as the largest pool has."""
        missing = len(sizes) - curve.shape[-1]
        return np.pad(curve, ((0, 0),) * (curve.ndim - 1) + ((0, missing),), constant_values=np.nan)

    shared = {"x_label": "chains", "x": sizes, "log_x": True, "ticks": [str(size) for size in sizes]}
    return [
        Curves(
            name="parallel_scaling_any",
            title=f"Any of n sampled chains is evidence, depth {max(depths)}",
            y_label="probability",
            measured={arm.style: padded(arm.any_of) for arm in deepest},
            theory={
                f"{arm.style}, if alike": padded(laws.any_of(np.median(arm.evidence), np.array(arm.sizes)))
                for arm in deepest
            },
            **shared,
        ),
        Curves(
            name="parallel_scaling_majority",
            title=f"Majority of n sampled chains, and the best of them by an exact verifier, depth {max(depths)}",
            y_label="accuracy",
            measured={f"{arm.style}, majority": padded(arm.majority) for arm in deepest}
            | {f"{arm.style}, best of n": padded((1 + arm.any_of) / 2) for arm in deepest},
            theory={"coin": [0.5] * len(sizes)},
            **shared,
        ),
        Curves(
            name="parallel_scaling_needed",
            title="Samples for evidence in .9 of the graphs",
            x_label="depth, petals",
            y_label="samples",
            x=depths,
            measured={
                style: np.stack([arm.needed for arm in measured.arms if arm.style == style], axis=1) for style in ARMS
            },
            theory={
                "law, path": [float(laws.samples_for(laws.path_success(depth))) for depth in depths],
                "law, shortest": [float(laws.samples_for(laws.shortest_success(depth))) for depth in depths],
            },
        ),
    ]
