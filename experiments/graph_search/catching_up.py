"""Non-reasoning models never catch up by votes or a learned verifier at any budget; with an exact verifier they do.

Source       Wang et al., arXiv:2504.14047, on models that reason and models that do not, without verifiers; its synthetic
             form is Mirtaheri et al., arXiv:2505.21825. The part on verifiers is ours, after Brown et al.,
             arXiv:2407.21787, and Yue et al., arXiv:2504.13837.
Prediction   Models of one size that were trained on no chain, on shortest paths or on paths answer many times; models
             trained on searches answer once. Accuracy over tokens is fitted by a - c B^-b, a at most 1, in the upper half
             of the numbers of chains, for each seed. By majority, and by learned verifiers that start from the policy's
             own weights, the plateau a stays .05 and more under one search. A verifier of outcomes scores chains at their
             end, one of the process, trained for shortest paths only, by their worst step. An exact verifier finds
             evidence for as many graphs as one search gives it for, once there are enough chains.
             Readouts are judged apart; each has its own checks and its own gates. What was known when they were written:
             on other graphs, 64 votes of path chains had reached .988 and .947 at depths 1 and 2 and one search .942 and
             .933 (`parallel_scaling`), so that the majority of paths should refute the source at these depths; for
             shortest paths the same pools had .820 and .787. An earlier run had the same majority of paths below its
             bound, and was left open for the verifiers of another arm, whose precondition it shared.
             Without a chain there is no evidence to cover, and a verifier of bare answers is one more model without a
             chain: majority is its only readout. It is trained at depth 1, twice through its layers (`looped_layers`).
             At small there is depth 1 alone, as searches of depth 2 take 43 minutes to train; `--depths 1 2` has both.
             Of a verifier is asked that it chooses better than chance among eight chains. It was asked of all 64, which
             verifiers of chains failed (.054 [-.014, .116] for paths, on other graphs) that had chosen well among few (.94
             right of eight, .78 of one): where many are bad, the highest scored is one that deceives.
Refuted if   A plateau by majority or by a learned verifier is within .05 of one search, or above; or all chains of a pool
             cover fewer graphs than one search does, in most seeds.
Run          alchemy reproduce catching_up --preset small      # after depth_law, whose models it shares
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Curves, Figure
from alchemy.stats.saturation import saturation
from experiments.graph_search.bridges import FULL, RECIPE, SMOKE, by_seed
from experiments.graph_search.pools import (
    SMOKE_CHECKED,
    TOKENS,
    Checked,
    Pool,
    Readout,
    at_tokens,
    better_than_chance,
    readouts,
    worth,
)

CLAIM = Claim(
    sentence="Non-reasoning models never catch up by votes or a learned verifier; with an exact verifier they do.",
    source="arXiv:2504.14047",
    prediction="plateaus of accuracy over tokens .05 under one search, by each readout but coverage, which reaches it",
    refuted_if="a plateau by majority or a learned verifier within .05 of one search, or coverage that stays below",
    question="How is a budget best spent?",
    among="models that search at all, and verifiers that choose better than chance among eight chains",
)
ARMS = {"path": "path", "shortest": "shortest", "search": "dfs"}
EXACT = "exact verifier"


@dataclass(frozen=True)
class Config(Checked):
    process: tuple[str, ...] = ("shortest",)
    """Arms whose verifiers judge every step, too."""
    no_chain: TrainConfig = replace(RECIPE, steps=1000)
    """Of the model without a chain."""
    no_chain_depths: tuple[int, ...] = (1,)


SMALL = Config()
PRESETS = {
    "smoke": replace(SMALL, **SMOKE_CHECKED, no_chain=SMOKE["train"]),
    "small": SMALL,
    "full": replace(
        SMALL,
        **FULL,
        practice_graphs=250_000,
        verifier_train=replace(RECIPE, steps=4000, batch=256, matrix_rate=0.01, learning_rate=3.5e-3),
        no_chain=replace(RECIPE, steps=20_000, batch=256),
    ),
}


@dataclass(frozen=True)
class Row:
    """One arm at one depth, read out in one way."""

    depth: int
    arm: str
    readout: str
    sizes: list[int]
    by_size: np.ndarray
    """What so many chains are worth, float (s, m)."""
    by_tokens: np.ndarray
    """At the budgets of the depth, float (s, budgets), nan beyond the pool."""
    one_search: np.ndarray
    """What one search is worth by the same measure, float (s,)."""
    plateau: np.ndarray
    """Of accuracy over tokens, float (s,)."""
    better_than_chance: np.ndarray | None
    """What a learned verifier gains over a random chain, of eight, on the graphs of gates: float (s,)."""


@dataclass(frozen=True)
class Measured:
    """By depth, and by arm and readout."""

    budgets: dict[int, list[float]]
    """Tokens a problem."""
    search_evidence: dict[int, np.ndarray]
    """Of one sampled search, on the graphs of gates: float (s,)."""
    rows: tuple[Row, ...]


def run(config: Config, lab: Lab) -> Measured:
    budgets, evidence, rows = {}, {}, []
    for depth in config.depths:
        pools = _pools(config, lab, depth)
        search, search_gate = pools["search"]
        costs = {arm: pool.cost for arm, (pool, _) in pools.items()}
        least, most = min(costs.values()), max(costs[arm] * pool.chains.size for arm, (pool, _) in pools.items())
        budgets[depth] = [least * 2.0**power for power in range(int(np.log2(most / least)) + 1)]
        evidence[depth] = by_seed(search_gate.chains.valid)
        for arm, (pool, gate) in pools.items():
            rows += arm_rows(depth, arm, pool, gate, search, budgets[depth])
    return Measured(budgets, evidence, tuple(rows))


def _pools(config: Config, lab: Lab, depth: int) -> dict[str, tuple[Pool, Pool]]:
    """By arm: chains about test graphs, and about those that gates read."""
    pools = {}
    if depth in config.no_chain_depths:
        model = replace(config.model, loops=2)
        label = "train without a chain, layers twice"
        runs = lab.train(model, config.task("none", depth), config.no_chain, seeds=config.seeds, label=label)
        pools["no chain"] = config.checked_pool(lab, runs)
    for arm, trace in ARMS.items():
        kinds = ("outcome", "process") if arm in config.process else ("outcome",)
        pools[arm] = config.checked_pool(lab, config.fit(lab, trace, depth), kinds)
    return pools


def arm_rows(depth: int, arm: str, pool: Pool, gate: Pool, search: Pool, budgets: Sequence[float]) -> list[Row]:
    """All readouts of one arm."""
    rows = []
    for name, readout in readouts(pool).items():
        kind = name.removesuffix(" verifier")
        rows.append(
            Row(
                depth=depth,
                arm=arm,
                readout=name,
                sizes=readout.sizes,
                by_size=readout.curve,
                by_tokens=at_tokens(readout, pool.cost, budgets),
                one_search=by_seed(search.chains.valid if name == EXACT else worth(search.chains.votes)),
                plateau=plateau(readout),
                better_than_chance=better_than_chance(gate, kind) if kind in gate.scores else None,
            )
        )
    return rows


def plateau(readout: Readout) -> np.ndarray:
    """The fitted plateau of each seed, float (s,): to the upper half of the sizes, as votes of few chains follow no law."""
    upper = slice(min(len(readout.sizes) // 2, len(readout.sizes) - 3), None)
    return saturation(np.array(readout.sizes[upper]), readout.curve[:, upper]).plateau


def check(measured: Measured) -> list[Check]:
    checks = []
    for row in measured.rows:
        if row.arm == "search" or (row.arm == "no chain" and row.readout != "majority"):
            continue
        depth, name = f"depth {row.depth}", f"depth {row.depth}, {row.arm}, {row.readout}"
        gates = [
            Gate(
                f"{depth}: evidence of one search", measured.search_evidence[row.depth], 0.5, inf, "it searches at all"
            )
        ]
        if row.better_than_chance is not None:
            gates.append(
                Gate(f"{name}: best of eight - random", row.better_than_chance, 0.02, inf, "it tells chains apart")
            )
        if row.readout == EXACT:
            gain = row.by_size[:, -1] - row.one_search
            checks.append(at_least(f"{name}: all chains - one search", gain, 0.0, "coverage catches up", gates=gates))
        else:
            gap = row.one_search - row.plateau
            checks.append(at_least(f"{name}: one search - plateau", gap, 0.05, "never catches up", gates=gates))
    return checks


def figures(measured: Measured) -> list[Figure]:
    """Every readout at the greatest depth, and majority, which all arms have, at every depth."""
    deepest = max(measured.budgets)
    names = [row.readout for row in measured.rows if (row.depth, row.arm) == (deepest, "shortest")]
    return [
        *(_figure(measured, "majority", depth) for depth in measured.budgets),
        *(_figure(measured, name, deepest) for name in names if name != "majority"),
    ]


def _figure(measured: Measured, readout: str, depth: int) -> Curves:
    rows = [row for row in measured.rows if (row.depth, row.readout) == (depth, readout)]
    if readout == EXACT:
        rows = [row for row in rows if row.arm != "no chain"]
    budgets = measured.budgets[depth]
    return Curves(
        name=f"catching_up_{readout.split()[0]}_{depth}",
        title=f"{readout.capitalize()} of as many chains as the tokens allow, depth {depth}",
        x_label="tokens a problem",
        y_label="evidence" if readout == EXACT else "accuracy",
        x=budgets,
        measured={row.arm: row.by_tokens for row in rows},
        theory={"one search": [float(np.median(rows[0].one_search))] * len(budgets)},
        log_x=True,
        ticks=[f"{budget:.0f}" for budget in budgets],
        note=TOKENS,
    )
