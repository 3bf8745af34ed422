"""Non-reasoning models never catch up by votes or a learned verifier at any budget; with an exact verifier they do.

Source       Wang et al., arXiv:2504.14047, on models that reason and models that do not, without verifiers; its synthetic
             form is Mirtaheri et al., arXiv:2505.21825. The part on verifiers is ours, after Brown et al.,
             arXiv:2407.21787, and Yue et al., arXiv:2504.13837.
Prediction   Models of one size that were trained on no chain, on shortest paths or on paths answer many times; models
             trained on searches answer once. Accuracy over tokens is fitted by a - c B^-b, a at most 1, in the upper half
             of the numbers of chains. By majority, and by learned verifiers that start from the policy's own weights, the
             plateau a stays .05 and more under one search. A verifier of outcomes scores chains at their end, one of the
             process, trained for shortest paths only, by their worst step. An exact verifier finds evidence for as many
             graphs as one search gives it for, once there are enough chains.
             Readouts are judged apart; each has its own checks. What was known when they were written: on other graphs,
             64 votes of path chains had reached .988 and .947 at depths 1 and 2 and one search .942 and .933
             (`parallel_scaling`), so that the majority of paths should refute the source at these depths; for shortest
             paths the same pools had .820 and .787.
             Without a chain there is no evidence to cover, and a verifier of bare answers is one more model without a
             chain: majority is its only readout. It is trained at depth 1, twice through its layers (`durable_advantage`).
             A model that taught itself from verified chains is drawn beside the others at its depth, as far as it samples.
             At small there is depth 1 alone, as searches of depth 2 take 43 minutes to train; `--depths 1 2` has both.
             Of a verifier is asked that it chooses better than chance among eight chains. It was asked of all 64, which
             verifiers of chains failed (.054 [-.014, .116] for paths, on other graphs) that had chosen well among few (.94
             right of eight, .78 of one): where many are bad, the highest scored is one that deceives.
Refuted if   A plateau by majority or by a learned verifier is within .05 of one search, or above; or all chains of a pool
             cover fewer graphs than one search does.
Run          alchemy reproduce catching_up --preset small      # half an hour on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.former import Check, Claim, at_least
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import (
    Interval,
    difference,
    paired_difference,
    resampled,
    two_level,
)
from alchemy.stats.saturation import saturation
from experiments.graph_search import self_taught_search
from experiments.graph_search.bridges import (
    FULL,
    RECIPE,
    SMALL,
    SMOKE,
    share,
)
from experiments.graph_search.pools import (
    FEW,
    TOKENS,
    Checked,
    Pool,
    at_tokens,
    ranking,
    readouts,
    worth,
)

CLAIM = Claim(
    sentence="Non-reasoning models never catch up by votes or a learned verifier; with an exact verifier they do.",
    source="arXiv:2504.14047",
    prediction="plateaus of accuracy over tokens .05 under one search, by each readout but coverage, which reaches it",
    refuted_if="a plateau by majority or a learned verifier within .05 of one search, or coverage that stays below",
)
ARMS = {"path": "path", "shortest": "shortest", "search": "dfs"}
EXACT = "exact verifier"
LEARNED = ("outcome verifier", "process verifier")
NONE = Interval(np.nan, np.nan, np.nan, 0, 0)
"""Where an arm has no chain to spend the budget on, or not so many: nothing to draw."""


@dataclass(frozen=True)
class Config(Checked, self_taught_search.Config):
    process: tuple[str, ...] = ("shortest",)
    """Arms whose verifiers judge every step, too."""
    silent: TrainConfig = replace(RECIPE, steps=1000)
    """Of the model without a chain."""
    silent_depths: tuple[int, ...] = (1,)


PRESETS = {
    "smoke": Config(
        **SMOKE,
        depths=(1,),
        depth=1,
        rounds=2,
        graphs=200,
        few=2,
        tune=TrainConfig(steps=4, batch=16, chunk=4),
        problems=200,
        checker=TrainConfig(steps=4, batch=16, chunk=4),
        silent=SMOKE["train"],
    ),
    "small": Config(**SMALL, depths=(1,)),
    "full": Config(
        **FULL,
        depth=3,
        rounds=4,
        graphs=500_000,
        tune=replace(RECIPE, steps=20_000, batch=256),
        problems=250_000,
        checker=replace(RECIPE, steps=4000, batch=256, matrix_rate=0.01, learning_rate=3.5e-3),
        silent=replace(RECIPE, steps=20_000, batch=256),
    ),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    measured: dict[str, Any] = {"depths": list(config.depths), "arms": {}}
    for depth in config.depths:
        pools = _pools(config, lab, depth)
        measured["arms"][str(depth)] = list(pools)
        costs = [pool.cost for pool in pools.values()]
        most = max(cost * pool.tokens.shape[2] for cost, pool in zip(costs, pools.values(), strict=True))
        budgets = [min(costs) * 2.0**power for power in range(int(np.log2(most / min(costs))) + 1)]
        rows = {arm: _row(pool, pools["search"], budgets) for arm, pool in pools.items()}
        measured[f"depth {depth}"] = {"budgets": budgets, **rows}
    return measured


def _pools(config: Config, lab: Lab, depth: int) -> dict[str, Pool]:
    pools = {}
    if depth in config.silent_depths:
        model = replace(config.model, loops=2)
        label = "train without a chain, layers twice"
        runs = lab.train(model, config.task("none", depth), config.silent, seeds=config.seeds, label=label)
        pools["no chain"] = config.pool(lab, runs)
    for arm, trace in ARMS.items():
        kinds = ("outcome", "process") if arm in config.process else ("outcome",)
        pools[arm] = config.pool(lab, config.fit(lab, trace, depth), kinds)
    if depth == config.depth:
        *_, (runs, _) = self_taught_search.taught(config, lab)
        pools["self-taught"] = config.pool(lab, runs, samples=config.few)
    return pools


def _row(pool: Pool, search: Pool, budgets: list[float]) -> dict[str, Any]:
    """By readout: the curve over tokens, its plateau, and how far that is below one search by the same readout."""
    values, cost = worth(pool.chains.votes), pool.cost
    row: dict[str, Any] = {"tokens a chain": cost, "evidence": share(pool.chains.valid)}
    for kind, scores in pool.scores.items():
        row[f"{kind} verifier, chosen of few - random"] = two_level(ranking(values, scores, FEW), 0)
        row[f"{kind} verifier, chosen of all - random"] = two_level(ranking(values, scores), 0)
    for readout, (sizes, curve) in readouts(pool).items():
        exact = readout == EXACT
        one = (search.chains.valid if exact else worth(search.chains.votes)).mean(axis=2)
        over = [at_tokens(sizes, curve, cost, budget) for budget in budgets]
        row[readout] = {
            "sizes": sizes,
            "by size": [two_level(at, 0) for at in curve],
            "FLOPs": [float(pool.bill(size, readout in LEARNED).flops.mean()) for size in sizes],
            "by tokens": [NONE if at is None else two_level(at, 0) for at in over],
            "most - one search": _difference(curve[-1], one, pool.same_graphs(search)),
        }
        if len(sizes) > 2:
            plateau, gap = _plateau(np.array(sizes), curve, one, pool.same_graphs(search))
            row[readout] |= {"plateau": plateau, "one search - plateau": gap}
    return row


def _difference(a: np.ndarray, b: np.ndarray, paired: bool) -> Interval:
    return paired_difference(a, b, 0) if paired else difference(two_level(a, 0), two_level(b, 1))


def _plateau(sizes: np.ndarray, curve: np.ndarray, one: np.ndarray, paired: bool) -> tuple[Interval, Interval]:
    """The fitted plateau of a curve (m, s, n), and one search (s, n) less it, resampled over seeds and graphs.

    The law is one of large numbers: the fit is to the upper half of the sizes, as votes of few chains follow none.
    """
    seeds, n = one.shape
    sizes, curve = (values[min(len(sizes) // 2, len(sizes) - 3) :] for values in (sizes, curve))
    graphs, weights = resampled(0, seeds, n)
    others = graphs if paired else resampled(1, seeds, n)[0]
    weights = weights / weights.sum(axis=1, keepdims=True)
    drawn = saturation(sizes, np.einsum("msn,rn,rs->rm", curve, graphs, weights, optimize=True) / n).plateau
    single = np.einsum("sn,rn,rs->r", one, others, weights, optimize=True) / n
    mean = float(saturation(sizes, curve.mean(axis=(1, 2))[None]).plateau[0])

    def interval(value: float, sample: np.ndarray) -> Interval:
        low, high = np.quantile(sample, [0.025, 0.975])
        return Interval(value, min(value, float(low)), max(value, float(high)), n, seeds)

    return interval(mean, drawn), interval(float(one.mean()) - mean, single - drawn)


def check(measured: Mapping[str, Any]) -> list[Check]:
    checks = []
    for depth in measured["depths"]:
        rows, at = measured[f"depth {depth}"], f"depth {depth}"
        checks.append(
            at_least(f"{at}: evidence of one search", rows["search"]["evidence"], 0.5, "it searches at all", True)
        )
        for arm in measured["arms"][str(depth)]:
            if arm in ("search", "self-taught"):
                continue
            for readout in rows[arm]:
                if readout.endswith("chosen of few - random"):
                    checks.append(
                        at_least(f"{at}, {arm}, {readout}", rows[arm][readout], 0.02, "it tells chains apart", True)
                    )
                elif readout in ("majority", *LEARNED):
                    checks.append(
                        at_least(
                            f"{at}, {arm}, {readout}: one search - plateau",
                            rows[arm][readout]["one search - plateau"],
                            0.05,
                            "never catches up",
                        )
                    )
            if arm != "no chain":
                checks.append(
                    at_least(
                        f"{at}, {arm}, {EXACT}: all chains - one search",
                        rows[arm][EXACT]["most - one search"],
                        0.0,
                        "coverage catches up",
                    )
                )
    return checks


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    """Every readout at the greatest depth, and majority, which all arms have, at every depth."""
    deepest = max(measured["depths"])
    drawn = [_figure(measured, "majority", depth) for depth in measured["depths"]]
    names = [name for name, row in measured[f"depth {deepest}"]["shortest"].items() if name.endswith("verifier")]
    return [*drawn, *(_figure(measured, name, deepest) for name in names)]


def _figure(measured: Mapping[str, Any], readout: str, depth: int) -> Curves:
    rows = measured[f"depth {depth}"]
    arms = [arm for arm in measured["arms"][str(depth)] if readout in rows[arm]]
    return Curves(
        name=f"catching_up_{readout.split()[0]}_{depth}",
        title=f"{readout.capitalize()} of as many chains as the tokens allow, depth {depth}",
        x_label="tokens a problem",
        y_label="evidence" if readout == EXACT else "accuracy",
        x=rows["budgets"],
        measured={arm: rows[arm][readout]["by tokens"] for arm in arms},
        theory={
            "one search": [rows["search"][readout if readout == EXACT else "majority"]["by size"][0].mean]
            * len(rows["budgets"])
        },
        log_x=True,
        ticks=[f"{budget:.0f}" for budget in rows["budgets"]],
        note=TOKENS,
    )
