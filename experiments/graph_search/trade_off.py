"""One long chain is worth exponentially many short ones: the map of accuracy over chain length and number of chains.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, sequential against parallel scaling
Prediction   Chains of a model trained on depth-first searches, each cut at L nodes, N of them, the best by an exact
             verifier. By the law accuracy is (1 + 1 - (1 - F_d(L))^N) / 2, so that the N needed for .9 falls
             exponentially with L, and at equal tokens one chain is never worse than several. The paper compares a greedy
             single chain with several sampled ones; here all are sampled at temperature 1, and the greedy one is shown
             beside them. A sampled chain can go wrong however long it may get; that is the sampling's, not the search's,
             and where budgets exceed the longest search we expect several sampled chains to overtake one, against the
             paper's picture.
Refuted if   The slope of log N against L is more than a quarter off the law's; or with no more nodes in all than the
             longest search some division into several chains beats one by .02; or with four times as many two sampled
             chains do not beat one.
Run          alchemy reproduce trade_off --preset small      # models and pools are those of depth_law
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
    near,
)
from alchemy.report.former_figures import Curves, Figure, Map
from alchemy.stats.measure import (
    Interval,
    difference,
    paired_difference,
    resampled,
    two_level,
)
from experiments.graph_search.bridges import (
    FULL,
    SMALL,
    SMOKE,
    STYLES,
    Chains,
    Setting,
    any_of,
    length_law,
    majority_of,
    share,
)
from tasks.connectivity import laws

CLAIM = Claim(
    sentence="One long chain is worth exponentially many short ones, and at equal tokens one chain is never worse.",
    source="arXiv:2505.21825, sequential against parallel scaling",
    prediction="log N for accuracy .9 falls with L as by F_d(L); with no more nodes than the longest search, one chain is best",
    refuted_if="a slope a quarter off the law's, or several chains .02 better at equal tokens",
)
TARGET = 0.9
PARTS = (2, 3, 4)
"""Numbers of chains that share the nodes of one."""


@dataclass(frozen=True)
class Config(Setting):
    depth: int = 2
    """Of the models, the deepest by default."""


PRESETS = {
    "smoke": Config(**SMOKE),
    "small": Config(**SMALL),
    "full": Config(**FULL, depth=5),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    depth = config.depth
    runs = config.fit(lab, STYLES["DFS"], depth)
    chains, greedy = config.ask(lab, runs), config.ask(lab, runs, greedy=True)
    law = length_law("DFS", depth)
    budgets = list(range(3 * depth + 1, len(law)))
    sizes = [1 << power for power in range(config.samples.bit_length())]
    cells = [[any_of(chains.within(budget), size) for budget in budgets] for size in sizes]
    sloped = _sloped(law, budgets, config.samples)
    measured: dict[str, Any] = {
        "depth": depth,
        "budgets": budgets,
        "sizes": sizes,
        "evidence": share(chains.valid),
        "accuracy": [[two_level((1 + cell) / 2, 0) for cell in row] for row in cells],
        "majority": [
            [two_level(majority_of(chains.decided(budget), size), 0) for budget in budgets] for size in (1, sizes[-1])
        ],
        "law": [[float(laws.best_of(law[budget], size)) for budget in budgets] for size in sizes],
        "slope budgets": sloped,
        "slope, law": laws.exchange_rate(np.array(sloped), np.array([_needed(law[budget]) for budget in sloped])),
        "slope": _slope(chains, sloped),
    }
    measured["slope / law"] = _scaled(measured["slope"], 1 / measured["slope, law"])
    return measured | {"equal tokens": _equal_tokens(chains, greedy, law)}


def _needed(p: np.ndarray | float) -> np.ndarray:
    """Chains for accuracy .9, as a real number: any of them valid with probability .8."""
    with np.errstate(divide="ignore"):
        return np.log1p(-(2 * TARGET - 1)) / np.log1p(-np.clip(p, 0, 1 - 1e-9))


def _sloped(law: np.ndarray, budgets: Sequence[int], samples: int) -> list[int]:
    """Budgets whose need of chains a pool of that size can show, from 1 chain on."""
    return [budget for budget in budgets if 1 <= _needed(law[budget]) <= samples] or budgets[:2]


def _slope(chains: Chains, budgets: Sequence[int]) -> Interval:
    """Slope of the log of the chains needed for .9 against the budget, resampled over seeds and graphs.

    The chains needed are those of the pool: the smallest number, interpolated, for which any is valid in .8 of graphs.
    """
    seeds, n, pool = chains.valid.shape
    sizes = np.arange(1, pool + 1)
    hits = np.stack([chains.within(budget).sum(axis=2) for budget in budgets])  # (budgets, s, n)
    misses = np.stack([1 - _any_by_hits(pool, size)[hits] for size in sizes])  # (sizes, budgets, s, n)
    graphs, weights = resampled(0, seeds, n)

    def slope(missed: np.ndarray) -> float:
        """Of the share of graphs (sizes, budgets) in which no chain is valid."""
        needed = [_crossing(sizes, one) for one in missed.T]
        kept = np.isfinite(needed)
        if kept.sum() < 2:
            return float("nan")
        return laws.exchange_rate(np.array(budgets), np.array(needed))

    by_seed = np.einsum("mbsn,rn->mbrs", misses, graphs) / n
    drawn = np.einsum("mbrs,rs->mbr", by_seed, weights / weights.sum(axis=1, keepdims=True))
    mean = slope(misses.mean(axis=(2, 3)))
    slopes = np.array([slope(drawn[:, :, one]) for one in range(drawn.shape[2])])
    if not np.isfinite(mean):
        return Interval(0.0, -np.inf, np.inf, n, seeds)
    low, high = np.nanquantile(slopes, [0.025, 0.975])
    return Interval(mean, min(mean, float(low)), max(mean, float(high)), n, seeds)


def _any_by_hits(pool: int, size: int) -> np.ndarray:
    """Probability that `size` of a pool hold a valid chain, by the number of valid ones: float (pool + 1,)."""
    valid = np.zeros((pool + 1, 1, pool), bool)
    for hits in range(pool + 1):
        valid[hits, 0, :hits] = True
    return any_of(valid, size)[:, 0]


def _crossing(sizes: np.ndarray, missed: np.ndarray) -> float:
    """Where the share of graphs without a valid chain falls to .2, log-linear in the number of chains."""
    below = np.flatnonzero(missed <= 2 * (1 - TARGET))
    if not below.size:
        return float("inf")
    at = below[0]
    if at == 0:
        return 1.0
    return float(np.exp(np.interp(2 * (1 - TARGET), missed[[at, at - 1]], np.log(sizes[[at, at - 1]]))))


def _equal_tokens(chains: Chains, greedy: Chains, law: np.ndarray) -> dict[str, Any]:
    """One chain of T nodes against several of T / N, all sampled, and greedy beside them; accuracy by best of n."""
    longest = len(law) - 1
    totals = list(range(int(np.flatnonzero(law)[0]), 4 * longest + 1))
    one = {total: any_of(chains.within(total), 1) for total in totals}
    parts = {
        count: {total: any_of(chains.within(total // count), min(count, chains.valid.shape[2])) for total in totals}
        for count in PARTS
    }
    fair = [total for total in totals if total <= longest]
    gains = {(count, total): parts[count][total] - one[total] for count in PARTS for total in totals}
    best = max((key for key in gains if key[1] in fair), key=lambda key: gains[key].mean())
    most = totals[-1]
    return {
        "totals": totals,
        "law": [float(laws.best_of(law[min(total, longest)], 1)) for total in totals],
        "one, sampled": [two_level((1 + one[total]) / 2, 0) for total in totals],
        "one, greedy": [share((1 + greedy.within(total)) / 2) for total in totals],
        **{f"{count}, sampled": [two_level((1 + parts[count][total]) / 2, 0) for total in totals] for count in PARTS},
        "best division": f"{best[0]} chains of {best[1] // best[0]} nodes",
        "its gain": paired_difference((1 + parts[best[0]][best[1]]) / 2, (1 + one[best[1]]) / 2, 0),
        "2 over 1, most tokens": paired_difference((1 + parts[2][most]) / 2, (1 + one[most]) / 2, 0),
        "2 over greedy, most tokens": difference(
            two_level((1 + parts[2][most]) / 2, 0), share((1 + greedy.within(most)) / 2)
        ),
    }


def _scaled(interval: Interval, by: float) -> Interval:
    low, high = sorted((interval.low * by, interval.high * by))
    return Interval(interval.mean * by, low, high, interval.n, interval.seeds)


def check(measured: Mapping[str, Any]) -> list[Check]:
    tokens = measured["equal tokens"]
    return [
        at_least("evidence of a sampled chain", measured["evidence"], 0.5, "it searches at all", precondition=True),
        near("slope of log N against L / law's", measured["slope / law"], 1.0, 0.25, "the exchange rate"),
        at_most(
            "at equal tokens: best division - one chain",
            tokens["its gain"],
            0.02,
            "never worse, up to the longest search",
        ),
        at_least(
            "with 4 longest searches: 2 chains - 1, all sampled",
            tokens["2 over 1, most tokens"],
            0.0,
            "ours: a second chain insures against errors of sampling",
        ),
    ]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    budgets, sizes, tokens = measured["budgets"], measured["sizes"], measured["equal tokens"]
    accuracy = [[cell.mean for cell in row] for row in measured["accuracy"]]
    first, last = budgets[0], budgets[-1]
    marks = [first * 2.0**power for power in range(0, 7)]
    return [
        Map(
            name="trade_off",
            title=f"Accuracy of the best of N chains of at most L nodes, depth {measured['depth']}",
            x_label="L, nodes a chain",
            y_label="N, chains",
            x=budgets,
            y=sizes,
            measured=accuracy,
            theory=measured["law"],
            levels=[0.55, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99],
            scale="accuracy",
            lines={
                "equal tokens, L N": [[(x, mark / x) for x in budgets] for mark in marks],
                "equal compute, L² N": [[(x, mark * first / x**2) for x in budgets] for mark in marks],
            },
        ),
        Curves(
            name="trade_off_tokens",
            title="One chain against several at equal tokens",
            x_label="nodes in all",
            y_label="accuracy, best of n",
            x=tokens["totals"],
            measured={
                name: tokens[name] for name in ("one, greedy", "one, sampled", *(f"{c}, sampled" for c in PARTS))
            },
            theory={"law, one": tokens["law"]},
            trained=(first, last),
        ),
    ]
