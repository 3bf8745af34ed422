"""Training and search are complementary: together they beat either at equal tokens, and training raises the ceiling.

Source       Survey arXiv:2503.24235 (internal and external scaling of test-time compute), as others quote it: training
             raises the ceiling, search extracts up to it, and the combination beats either. The survey has no experiment;
             the factorial, its budgets and its thresholds are ours, after Mirtaheri et al., arXiv:2505.21825.
Prediction   Internal: models trained on paths or on searches. External: one chain, or the best division of the same tokens
             into several. Verifier: exact, or learned from outcomes. A chain is evidence if it is valid and fits its share
             of the tokens. At the tokens of the two longest searches, several searches beat one search and several paths
             by .02 and more, with either verifier. Below the tokens of one search a division only loses (`trade_off`), so
             that complementarity starts where the longest chain is affordable. Whether training raises the ceiling is
             coverage with all chains of a pool; on other graphs 64 paths had covered 1.000 and 1.000 at depths 1 and 2
             and 64 searches as much (`parallel_scaling`, known when this was written), so that this part should fail
             where paths can succeed at all.
             The interaction is I = (logit both - logit internal) - (logit external - logit neither). It is measured at every
             budget and means something where no cell is near 0 or 1. At small there is depth 1 alone; `--depths 1 2` has both.
Refuted if   Several searches are less than .02 better than one search or than several paths; or coverage by the pool of
             searches is not .02 above that by the pool of paths.
Run          alchemy reproduce complementary --preset small      # minutes after catching_up
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.former import Check, Claim, at_least
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import (
    Interval,
    paired_difference,
    resampled,
    two_level,
)
from experiments.graph_search.bridges import (
    FULL,
    SMALL,
    SMOKE,
    any_of,
    length_law,
    share,
)
from experiments.graph_search.pools import (
    FEW,
    Checked,
    Pool,
    chosen,
    ranking,
    worth,
)

CLAIM = Claim(
    sentence="Training and search are complementary: together they beat either, and training raises the ceiling.",
    source="arXiv:2503.24235 (survey)",
    prediction="at the tokens of two searches, several beat one and several paths by .02; coverage of the pool is higher",
    refuted_if="one factor alone within .02 of both at equal tokens, or coverage of searches not .02 above that of paths",
)
INTERNAL = {"paths": "path", "searches": "dfs"}
VERIFIERS = ("exact", "learned")
PARTS = (2, 3, 4, 6, 8, 12, 16)
"""Numbers of chains among which the tokens of one are divided."""
ENDING = 3
"""Tokens of a chain beside its nodes: the mark of the decision, the decision, the end."""
ALLOTTED = "tokens: what a problem's chains may write in all; each gets an equal share, and one that does not fit it has failed"
"""The one sentence that says what an axis called tokens means here."""


@dataclass(frozen=True)
class Config(Checked):
    """What `Checked` has."""


PRESETS = {
    "smoke": Config(**SMOKE, depths=(1,), problems=200, checker=TrainConfig(steps=4, batch=16, chunk=4)),
    "small": Config(**SMALL, depths=(1,)),
    "full": Config(**FULL, problems=250_000),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    measured: dict[str, Any] = {"depths": list(config.depths)}
    for depth in config.depths:
        pools = {
            name: config.pool(lab, config.fit(lab, trace, depth), ("outcome",)) for name, trace in INTERNAL.items()
        }
        law = length_law("DFS", depth)
        shortest, longest = int(np.flatnonzero(law)[0]) + ENDING, len(law) - 1 + ENDING
        budgets = [*range(shortest, 2 * longest, max(1, longest // 6)), 2 * longest, 3 * longest, 4 * longest]
        most = min(pool.tokens.shape[2] for pool in pools.values())
        row: dict[str, Any] = {
            "longest search": longest,
            "budgets": budgets,
            "evidence": {name: share(pool.chains.valid) for name, pool in pools.items()},
            **{
                f"chosen of {of} - random": {
                    name: two_level(ranking(worth(pool.chains.votes), pool.scores["outcome"], size), 0)
                    for name, pool in pools.items()
                }
                for of, size in (("few", FEW), ("all", 0))
            },
            "sizes": [1 << power for power in range(most.bit_length())],
            "ceiling": paired_difference(
                *(any_of(pools[name].chains.valid, most) for name in ("searches", "paths")), 0
            ),
        }
        row["coverage"] = {
            name: [two_level(any_of(pool.chains.valid, size), 0) for size in row["sizes"]]
            for name, pool in pools.items()
        }
        for how in VERIFIERS:
            cells = [_cells(pools, how, budget) for budget in budgets]
            row[how] = {
                "cells": {name: [two_level(cell[name], 0) for cell in cells] for name in cells[0]},
                "headroom": {name: [_headroom(cell, name) for cell in cells] for name in INTERNAL},
                "interaction": [_interaction(cell) for cell in cells],
            }
            at = cells[budgets.index(2 * longest)]
            for other in ("one of searches", "several of paths"):
                row[how][f"several searches - {other}"] = paired_difference(at["several of searches"], at[other], 0)
        middle = int(np.searchsorted(law, 0.5))
        row["four - one"] = {
            str(length): paired_difference(
                any_of(pools["searches"].chains.within(length), min(4, most)),
                pools["searches"].chains.within(length).mean(2),
                0,
            )
            for length in (shortest - ENDING, middle, longest - ENDING)
        }
        measured[f"depth {depth}"] = row
    return measured


def _cells(pools: Mapping[str, Pool], how: str, budget: int) -> dict[str, np.ndarray]:
    """Evidence (s, n) of one chain and of the best division into several, by what the model was trained on."""
    found = {}
    for name, pool in pools.items():
        found[f"one of {name}"] = _evidence(pool, how, budget, 1)
        parts = [part for part in PARTS if part <= pool.tokens.shape[2]]
        several = [_evidence(pool, how, budget, part) for part in parts]
        found[f"several of {name}"] = max(several, key=lambda scores: scores.mean())
    return found


def _evidence(pool: Pool, how: str, budget: int, parts: int) -> np.ndarray:
    """Of the chain that a verifier picks among as many that each may write an equal share of the budget: float (s, n)."""
    fits = pool.tokens <= budget // parts
    valid = pool.chains.valid & fits
    if how == "exact" or parts == 1:
        return any_of(valid, parts)
    scores = pool.scores["outcome"]
    return chosen(valid, np.where(fits[:, :, : scores.shape[2]], scores, -np.inf), parts)


def _headroom(cell: Mapping[str, np.ndarray], name: str) -> Interval:
    """Which share of what one chain misses several find, resampled over seeds and graphs."""
    one, several = (_resampled(cell[f"{number} of {name}"]) for number in ("one", "several"))
    return _interval((several - one) / np.maximum(1 - one, 1e-9), cell["one of paths"].shape)


def _interaction(cell: Mapping[str, np.ndarray]) -> Interval:
    """How much more several add to searches than to paths, in logits; shares of 0 and 1 count as half a graph less."""
    seeds, n = cell["one of paths"].shape
    edge = 1 / (2 * seeds * n)
    shares = {name: _resampled(scores).clip(edge, 1 - edge) for name, scores in cell.items()}
    logit = {name: np.log(one / (1 - one)) for name, one in shares.items()}
    gains = [logit[f"several of {name}"] - logit[f"one of {name}"] for name in ("searches", "paths")]
    return _interval(gains[0] - gains[1], (seeds, n))


def _resampled(scores: np.ndarray) -> np.ndarray:
    """The mean of scores (s, n), then those of resamples that are the same for every cell: float (1 + r,)."""
    graphs, weights = resampled(0, *scores.shape)
    weights = weights / weights.sum(axis=1, keepdims=True)
    drawn = np.einsum("sn,rn,rs->r", scores, graphs, weights, optimize=True) / scores.shape[1]
    return np.concatenate([[scores.mean()], drawn])


def _interval(values: np.ndarray, shape: tuple[int, int]) -> Interval:
    """Of a number and its resamples (1 + r,)."""
    mean, (low, high) = float(values[0]), np.quantile(values[1:], [0.025, 0.975])
    return Interval(mean, min(mean, float(low)), max(mean, float(high)), shape[1], shape[0])


def check(measured: Mapping[str, Any]) -> list[Check]:
    checks = []
    for depth in measured["depths"]:
        row, at = measured[f"depth {depth}"], f"depth {depth}"
        checks.append(
            at_least(f"{at}: evidence of one search", row["evidence"]["searches"], 0.5, "it searches at all", True)
        )
        for name in INTERNAL:
            checks.append(
                at_least(
                    f"{at}, {name}: learned verifier, chosen of few - random",
                    row["chosen of few - random"][name],
                    0.02,
                    "it tells chains apart",
                    True,
                )
            )
        for how in VERIFIERS:
            for other in ("one of searches", "several of paths"):
                checks.append(
                    at_least(
                        f"{at}, {how} verifier: several searches - {other}",
                        row[how][f"several searches - {other}"],
                        0.02,
                        "more than a tie",
                    )
                )
        checks.append(
            at_least(
                f"{at}, strong form: coverage by all searches - by all paths",
                row["ceiling"],
                0.02,
                "training raises the ceiling",
            )
        )
    return checks


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    deepest = max(measured["depths"])
    row = measured[f"depth {deepest}"]
    axis = {"x_label": "tokens a problem", "x": row["budgets"], "note": ALLOTTED}
    drawn: list[Figure] = [
        Curves(
            name=f"complementary_{how}",
            title=f"One chain, and the best division into several, {how} verifier, depth {deepest}",
            y_label="evidence",
            measured=row[how]["cells"],
            theory={},
            **axis,
        )
        for how in VERIFIERS
    ]
    return [
        *drawn,
        Curves(
            name="complementary_interaction",
            title=f"What several chains add to searches beyond what they add to paths, depth {deepest}",
            y_label="interaction, logits",
            measured={f"{how} verifier": row[how]["interaction"] for how in VERIFIERS},
            theory={"none": [0.0] * len(row["budgets"])},
            **axis,
        ),
        Curves(
            name="complementary_coverage",
            title=f"Coverage: valid evidence among n chains, depth {deepest}",
            x_label="chains",
            y_label="pass@n",
            x=row["sizes"],
            measured=row["coverage"],
            theory={},
            log_x=True,
        ),
    ]
