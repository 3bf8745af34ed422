"""What of the advantage of one long chain over many short ones is left on other graphs, and beside a verifier.

Source       Ours, against Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825: its models are tested on the
             graphs they were trained on, its chains are selected by majority or an exact verifier in different figures,
             and chains of different styles are compared at equal number, not at equal tokens.
Prediction   Chains of models trained on searches against chains of models trained on paths, as many of these as cost the
             same nodes in all, by majority, by an exact verifier, and as pass@k. In distribution the search wins by at
             least .1 by majority. On unseen names, deeper bridges and other families half of that or less is left:
             what was learned is a search of these graphs. In distribution a verifier buys it back at this depth: with
             the nodes of eight searches the gap is under .05. Layers do not replace the chain: without one, a model whose
             layers are passed twice, enough for a path of three edges by doubling, stays .2 behind at depth 1 after
             32,000 graphs, less than a fifth of those the search has.
Refuted if   The advantage under some shift is more than half of that in distribution; the verified gap at eight searches
             is over .05; or the looped model without a chain comes within .2.
Run          alchemy reproduce durable_advantage --preset small      # ten minutes after depth_law
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
)
from alchemy.report.former_figures import Bars, Curves, Figure
from alchemy.stats.measure import (
    Interval,
    difference,
    paired_difference,
    two_level,
)
from experiments.graph_search.bridges import (
    FULL,
    RECIPE,
    SMALL,
    SMOKE,
    Chains,
    Setting,
    any_of,
    majority_of,
    share,
)
from tasks.connectivity import Connectivity

CLAIM = Claim(
    sentence="The advantage of one long chain is a skill on its own graphs: shifts halve it, and a verifier buys it back.",
    source="ours, against arXiv:2505.21825",
    prediction="at equal nodes search wins by .1 in distribution, by half of that or less on any shift; a verifier closes it",
    refuted_if="over half of the advantage left on a shift, a verified gap over .05, or no chain needed with looped layers",
)
SELECTORS = ("majority", "verified", "pass@k")
HOME = "in distribution"


@dataclass(frozen=True)
class Config(Setting):
    shifts: tuple[tuple[int, str], ...] = (
        (1, "depth=2"),
        (1, "names=2"),
        (2, "depth=3+petals=2,3,1"),
        (2, "depth=4+petals=2,3,1"),
        (2, "names=2"),
        (2, "family=tree"),
        (2, "family=gnm"),
    )
    """Depth trained on, and what changes in the test; the small petals leave room for depth among the names."""
    searches: tuple[int, ...] = (1, 8)
    """Budgets, in the nodes that so many searches list."""
    graphs: int = 250
    """Held-out graphs in each of these tests."""
    few: int = 16
    """Chains of each graph in these tests: as many paths as cost eight searches."""
    silent: TrainConfig = replace(RECIPE, steps=1000)
    """Of the looped model without a chain."""

    def __post_init__(self) -> None:
        for depth, name in self.shifts:  # not after the training
            self.shifted(self.task("path", depth), name)

    def shifted(self, task: Connectivity, name: str) -> Connectivity:
        """The task under the shift of that name; raises `UserError` if there is none."""
        return task if name == HOME else task.shift(name)(task)


PRESETS = {
    "smoke": Config(
        **SMOKE, shifts=((1, "depth=2"), (2, "names=2")), searches=(1, 2), graphs=32, few=4, silent=SMOKE["train"]
    ),
    "small": Config(**SMALL),
    "full": Config(
        **FULL,
        shifts=(
            *(
                (3, shift)
                for shift in ("depth=4", "depth=5", "names=2", "family=tree", "family=gnm", "family=two-path")
            ),
            *((1, shift) for shift in ("depth=2", "depth=3", "names=2")),
        ),
        graphs=2000,
        silent=replace(RECIPE, steps=20_000, batch=256),
    ),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    depths = sorted({depth for depth, _ in config.shifts})
    tests = [(depth, HOME) for depth in depths] + list(config.shifts)
    measured: dict[str, Any] = {
        "depths": depths,
        "tests": [list(test) for test in tests],
        "searches": list(config.searches),
    }
    for depth, name in tests:
        runs = {style: config.fit(lab, trace, depth) for style, trace in (("search", "dfs"), ("path", "path"))}
        chains = {}
        for style, one in runs.items():
            chains[style] = replace(config, pools=config.graphs).ask(
                lab, one, config.shifted(one.task, name), samples=config.few
            )
        measured[_label(depth, name)] = {
            "evidence": {style: share(one.valid) for style, one in chains.items()},
            "any of the pool": {
                style: two_level(any_of(one.valid, one.valid.shape[2]), 0) for style, one in chains.items()
            },
            "valid edges": {style: float(np.nanmean(one.edges)) for style, one in chains.items()},
            "nodes": {style: float(one.length.mean()) for style, one in chains.items()},
            "advantage": {str(count): _advantage(**chains, searches=count) for count in config.searches},
        }
    return measured | {"without a chain": _silent(config, lab)}


def _label(depth: int, name: str) -> str:
    return f"trained at {depth}, {name}"


def _advantage(search: Chains, path: Chains, searches: int) -> dict[str, Any]:
    """Of that many searches over as many paths as list the same nodes, by selector."""
    pool = path.valid.shape[2]
    count = searches * search.length.mean() / max(path.length.mean(), 1e-9)
    count = float(np.clip(count, 1, pool))

    def of_paths(score: Any) -> np.ndarray:
        """At a fractional number of chains, the mix of its neighbours."""
        fewer, part = int(count), count % 1
        return score(fewer) * (1 - part) + score(min(fewer + 1, pool)) * part

    long = {"majority": majority_of(search.votes, searches), "pass@k": any_of(search.valid, searches)}
    many = {
        "majority": of_paths(lambda size: majority_of(path.votes, size)),
        "pass@k": of_paths(lambda size: any_of(path.valid, size)),
    }
    for scores in (long, many):
        scores["verified"] = (1 + scores["pass@k"]) / 2
    return {"paths": count} | {
        name: {
            "search": two_level(long[name], 0),
            "paths": two_level(many[name], 0),
            "advantage": paired_difference(long[name], many[name], 0),
        }
        for name in SELECTORS
    }


def _silent(config: Config, lab: Lab) -> dict[str, Interval]:
    """Greedy decisions at depth 1: without a chain but twice through the layers, and with a search."""
    task = config.task("none", 1)
    model = replace(config.model, loops=2)
    runs = lab.train(model, task, config.silent, seeds=config.seeds, label="train without a chain, layers twice")
    found = {"no chain, layers twice": share(_coin(config.ask(lab, runs, greedy=True)))}
    found["search"] = share(_coin(config.ask(lab, config.fit(lab, "dfs", 1), greedy=True)))
    return found | {"search - no chain, layers twice": difference(found["search"], found["no chain, layers twice"])}


def _coin(chains: Chains) -> np.ndarray:
    """Accuracy (s, n, k) of a single vote by the paper's rule: one that names neither candidate is a coin."""
    return majority_of(chains.votes, 1)[..., None]


def check(measured: Mapping[str, Any]) -> list[Check]:
    most = str(max(measured["searches"]))
    checks = []
    for depth in measured["depths"]:
        home = measured[_label(depth, HOME)]["advantage"]
        checks.append(
            at_least(
                f"depth {depth}: advantage by majority",
                home["1"]["majority"]["advantage"],
                0.1,
                "there is something to lose",
                precondition=True,
            )
        )
        checks.append(
            at_most(
                f"depth {depth}: verified advantage of {most} searches",
                home[most]["verified"]["advantage"],
                0.05,
                "a verifier buys it back",
            )
        )
    for depth, name in measured["tests"]:
        if name == HOME:
            continue
        home, there = (measured[_label(depth, one)]["advantage"]["1"]["majority"]["advantage"] for one in (HOME, name))
        left = difference(there, _half(home))
        checks.append(at_most(f"{_label(depth, name)}: advantage - half of home's", left, 0.0, "half of it is lost"))
    silent = measured["without a chain"]["search - no chain, layers twice"]
    return [
        *checks,
        at_least("depth 1: search - no chain, layers twice", silent, 0.2, "layers do not replace the chain"),
    ]


def _half(interval: Interval) -> Interval:
    return replace(interval, mean=interval.mean / 2, low=interval.low / 2, high=interval.high / 2)


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    rows = [measured[_label(depth, name)] for depth, name in measured["tests"]]
    short = {HOME: "home", "family=": "", "+petals=": "\n"}
    groups = [
        reduce(lambda text, part: text.replace(part, short[part]), short, name) + f"\n(at {depth})"
        for depth, name in measured["tests"]
    ]
    most = max(measured["searches"])
    home = [row for row, (_, name) in zip(rows, measured["tests"], strict=True) if name == HOME]
    return [
        Bars(
            name="durable_advantage",
            title="Accuracy of searches less that of paths of as many nodes, by shift",
            y_label="advantage",
            groups=groups,
            measured={
                f"1 search, {how}": [row["advantage"]["1"][how]["advantage"] for row in rows]
                for how in ("majority", "verified")
            }
            | {f"{most} searches, verified": [row["advantage"][str(most)]["verified"]["advantage"] for row in rows]},
            theory={},
        ),
        Bars(
            name="durable_advantage_evidence",
            title="Evidence of one sampled chain, and of any of the pool",
            y_label="evidence",
            groups=groups,
            measured={
                f"{style}, {how}": [row[which][style] for row in rows]
                for style in ("search", "path")
                for how, which in (("one", "evidence"), ("any", "any of the pool"))
            },
            theory={},
        ),
        Curves(
            name="durable_advantage_selectors",
            title="In distribution: searches against paths of as many nodes, by what selects",
            x_label="depth trained on",
            y_label="advantage of one search",
            x=measured["depths"],
            measured={name: [row["advantage"]["1"][name]["advantage"] for row in home] for name in SELECTORS},
            theory={},
        ),
    ]
