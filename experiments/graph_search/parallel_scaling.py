"""Many short chains pay exponentially: the samples needed for .9 double and more with every petal, but not for search.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, parallel scaling
Prediction   From one stored pool of chains at temperature 1, any of n chains holds valid evidence with probability
             1 - (1 - p)^n if chains are alike. The samples for .9 grow per petal by 2 and more for models trained on
             paths and by 4 and more for shortest paths (the paper: 2, 6, 12.4 and 5, 31, 176 for depths 1 to 3), and
             stay flat for search.
             Graphs differ in difficulty even for one model, so the formula at the mean p promises too much at large n.
Refuted if   From one depth to the next the samples needed grow less than twice for paths or less than four times for
             shortest paths, or by half or more for search.
Run          alchemy reproduce parallel_scaling --preset small      # models and pools are those of depth_law
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
)
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import (
    Interval,
    ratio,
    threshold_crossing,
    two_level,
)
from alchemy.stats.voting import reach
from experiments.graph_search.bridges import (
    FULL,
    SMALL,
    SMOKE,
    STYLES,
    Chains,
    Setting,
    any_of,
    majority_of,
    share,
)
from tasks.connectivity import laws

CLAIM = Claim(
    sentence="Parallel chains pay exponentially: samples for .9 grow 2 times a petal for paths, 4 for shortest paths.",
    source="arXiv:2505.21825, parallel scaling",
    prediction="samples needed for evidence in .9 of the graphs grow at least 2 and 4 times a petal, and stay flat for search",
    refuted_if="growth under 2 for paths, under 4 for shortest paths, or over 1.5 for search",
)
ARMS = {name: trace for name, trace in STYLES.items() if name != "DFS-BT"}
TARGET = 0.9
NONE = Interval(np.nan, np.nan, np.nan, 0, 0)
"""Where a pool is too small: nothing to draw."""


@dataclass(frozen=True)
class Config(Setting):
    pass


PRESETS = {"smoke": Config(**SMOKE), "small": Config(**SMALL), "full": Config(**FULL)}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    measured: dict[str, Any] = {"depths": list(config.depths)}
    for name, trace in ARMS.items():
        for depth in config.depths:
            chains = config.ask(lab, config.fit(lab, trace, depth))
            measured[f"{name}, depth {depth}"] = _row(chains)
        measured[f"{name}, growth"] = [
            ratio(*(measured[f"{name}, depth {depth}"]["samples for .9"] for depth in (deeper, depth)))
            for depth, deeper in pairwise(config.depths)
        ]
    return measured


def _row(chains: Chains) -> dict[str, Any]:
    sizes = [1 << power for power in range(chains.valid.shape[2].bit_length())]
    anyone = np.stack([any_of(chains.valid, size) for size in sizes])
    majority = np.stack([majority_of(chains.votes, size) for size in sizes])
    needed = threshold_crossing(np.array(sizes, float), anyone, TARGET, 0, falling=False)
    p = share(chains.valid)
    return {
        "sizes": sizes,
        "evidence": p,
        "any": [two_level(one, 0) for one in anyone],
        "majority": [two_level(one, 0) for one in majority],
        "best of n": [two_level((1 + one) / 2, 0) for one in anyone],
        "any if alike": [float(laws.any_of(p.mean, size)) for size in sizes],
        "samples for .9": _at_least_one(needed),
        "samples for .9 if alike": float(laws.samples_for(p.mean, TARGET)) if p.mean else float("inf"),
        "samples for .9, the paper's rule": reach(
            np.array(sizes), majority.mean(axis=(1, 2)), anyone.mean(axis=(1, 2))
        ),
    }


def _at_least_one(needed: Interval) -> Interval:
    """A crossing before the first size is one sample."""
    return replace(needed, **{name: max(1.0, getattr(needed, name)) for name in ("mean", "low", "high")})


def check(measured: Mapping[str, Any]) -> list[Check]:
    checks = []
    for step, (depth, deeper) in enumerate(pairwise(measured["depths"])):
        name = f"samples for .9, depth {deeper} / {depth}"
        search = "DFS"
        growth = {style: measured[f"{style}, growth"][step] for style in ARMS}
        checks += [
            at_least(
                f"{search}, depth {depth}: evidence",
                measured[f"{search}, depth {depth}"]["evidence"],
                0.5,
                "it learned",
                precondition=True,
            ),
            at_least(f"path, {name}", growth["path"], 2.0, "the paper has 3.0 and 2.1, the law 2.7 and 2.3"),
            at_least(f"shortest, {name}", growth["shortest"], 4.0, "the paper has 6.2 and 5.7, the law 4.7 and 4.1"),
            at_most(f"{search}, {name}", growth[search], 1.5, "flat"),
        ]
    return checks


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    deepest = max(measured["depths"])
    rows = {name: measured[f"{name}, depth {deepest}"] for name in ARMS}
    sizes = max((row["sizes"] for row in rows.values()), key=len)

    def padded(curve: list[Any], nothing: Any) -> list[Any]:
        """To as many sizes as the widest pool has."""
        return [*curve, *[nothing] * (len(sizes) - len(curve))]

    shared = {"x_label": "chains", "x": sizes, "log_x": True, "ticks": [str(size) for size in sizes]}
    return [
        Curves(
            name="parallel_scaling_any",
            title=f"Any of n sampled chains is evidence, depth {deepest}",
            y_label="probability",
            measured={name: padded(row["any"], NONE) for name, row in rows.items()},
            theory={f"{name}, if alike": padded(row["any if alike"], np.nan) for name, row in rows.items()},
            **shared,
        ),
        Curves(
            name="parallel_scaling_majority",
            title=f"Majority of n sampled chains, and the best of them by an exact verifier, depth {deepest}",
            y_label="accuracy",
            measured={
                f"{name}, {how}": padded(row[how], NONE)
                for name, row in rows.items()
                for how in ("majority", "best of n")
            },
            theory={"coin": [0.5] * len(sizes)},
            **shared,
        ),
        Curves(
            name="parallel_scaling_needed",
            title="Samples for evidence in .9 of the graphs",
            x_label="depth, petals",
            y_label="samples",
            x=measured["depths"],
            measured={
                name: [measured[f"{name}, depth {depth}"]["samples for .9"] for depth in measured["depths"]]
                for name in ARMS
            },
            theory={
                "law, path": [float(laws.samples_for(laws.path_success(d))) for d in measured["depths"]],
                "law, shortest": [float(laws.samples_for(laws.shortest_success(d))) for d in measured["depths"]],
            },
        ),
    ]
