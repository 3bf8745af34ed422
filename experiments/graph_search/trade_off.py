"""One long chain is worth exponentially many short ones, and at equal tokens one chain is never worse than several.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, sequential against parallel scaling
Prediction   Chains of a model trained on depth-first searches, each cut at L nodes, N of them, the best by an exact
             verifier. By the law accuracy is (1 + 1 - (1 - F_d(L))^N) / 2, so that the N needed for .9 falls
             exponentially with L, and at equal tokens one chain is never worse than several. The paper compares a greedy
             single chain with several sampled ones; here all are sampled at temperature 1, and the greedy one is shown
             beside them. Two claims in one sentence: the exchange rate, and that one chain is never worse.
             A sampled chain can go wrong however long it may get; that is the sampling's, not the search's. We expect the
             second part to fail for it: in an earlier run two sampled chains of the longest search each beat one by .04,
             and led from 28 nodes in all on. The check of that run looked at totals up to one longest search only, where
             no division can win, and was replaced by this one. The best division into 2, 3 or 4 chains, at any total from
             the shortest search to four longest ones, is chosen on one half of a seed's graphs and measured on the other.
Refuted if   The slope of log N against L is more than a quarter off the law's, or the best division beats one chain of as
             many nodes by more than .02, in most seeds.
Run          alchemy reproduce trade_off --preset small      # models and pools are those of depth_law
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_most, near
from alchemy.report.figures import Curves, Figure, Map
from alchemy.stats.selection import largest
from alchemy.stats.summary import crossing
from experiments.graph_search.bridges import FULL, SMOKE, STYLES, Chains, Setting, by_seed, length_law
from tasks.connectivity import laws

CLAIM = Claim(
    sentence="One long chain is worth exponentially many short ones, and at equal tokens one chain is never worse.",
    source="arXiv:2505.21825, sequential against parallel scaling",
    prediction="log N for accuracy .9 falls with L as by F_d(L), and no division of a budget beats one chain, all sampled",
    refuted_if="a slope a quarter off the law's, or the best division into several chains .02 better at equal tokens",
    question="How is a budget best spent?",
)
ANY = 0.8
"""How often any chain is evidence where the best of them has an accuracy of .9."""
PARTS = (2, 3, 4)
"""Numbers of chains that share the nodes of one."""


@dataclass(frozen=True)
class Config(Setting):
    depth: int = 2
    """Of the models, the deepest by default."""


PRESETS = {"smoke": replace(Config(), **SMOKE), "small": Config(), "full": replace(Config(), **FULL, depth=5)}


@dataclass(frozen=True)
class Measured:
    """Accuracies are of the best of several chains by an exact verifier."""

    depth: int
    budgets: list[int]
    """L, the nodes of a chain."""
    sizes: list[int]
    """N, the number of chains."""
    accuracy: np.ndarray
    """Float (s, sizes, budgets)."""
    law: np.ndarray
    """Float (sizes, budgets)."""
    slope: np.ndarray
    """Of log N for .9 against L, float (s,): nan where too few budgets can be reached."""
    slope_law: float
    evidence: np.ndarray
    """Of one sampled chain on the graphs of gates, float (s,)."""
    totals: list[int]
    """Nodes in all."""
    one: np.ndarray
    """Accuracy of one sampled chain of so many nodes, float (s, totals)."""
    greedy: np.ndarray
    several: dict[int, np.ndarray]
    """Accuracy of so many sampled chains that share as many nodes, float (s, totals) each."""
    best_gain: np.ndarray
    """Accuracy of the best division less that of one chain of as many nodes, float (s,)."""


def run(config: Config, lab: Lab) -> Measured:
    runs = config.fit(lab, STYLES["DFS"], config.depth)
    (greedy, _), (chains, gate) = config.greedy(lab, runs), config.pool(lab, runs)
    law = length_law("DFS", config.depth)
    shortest, longest = int(np.flatnonzero(law)[0]), len(law) - 1
    budgets, totals = list(range(shortest, longest + 1)), list(range(shortest, 4 * longest + 1))
    accuracy = [[best_of(chains, size, budget) for budget in budgets] for size in chains.sizes]
    steep = steep_budgets(law, budgets, chains.size)
    return Measured(
        depth=config.depth,
        budgets=budgets,
        sizes=chains.sizes,
        accuracy=np.array(accuracy).transpose(2, 0, 1),
        law=laws.accuracy(config.depth, np.array(budgets), np.array(chains.sizes)[:, None]),
        slope=exchange_rates(chains, steep),
        slope_law=laws.exchange_rate(np.array(steep), needed_by_law(law[steep])),
        evidence=by_seed(gate.valid),
        totals=totals,
        one=divided(chains, 1, totals),
        greedy=np.stack([(1 + by_seed(greedy.within(total))) / 2 for total in totals], axis=1),
        several={parts: divided(chains, parts, totals) for parts in PARTS},
        best_gain=largest(*(gains(half, totals) for half in chains.halves())),
    )


def best_of(chains: Chains, size: int, budget: int) -> np.ndarray:
    """Accuracy of the best of `size` chains of at most `budget` nodes, by an exact verifier: float (s,)."""
    return (1 + by_seed(chains.any_of(size, budget))) / 2


def divided(chains: Chains, parts: int, totals: list[int]) -> np.ndarray:
    """Accuracy of so many chains that share each total of nodes, float (s, totals)."""
    return np.stack([best_of(chains, min(parts, chains.size), total // parts) for total in totals], axis=1)


def gains(chains: Chains, totals: list[int]) -> np.ndarray:
    """What each division gains over one chain of as many nodes, float (s, parts * totals)."""
    one = divided(chains, 1, totals)
    return np.concatenate([divided(chains, parts, totals) - one for parts in PARTS], axis=1)


def needed_by_law(p: np.ndarray) -> np.ndarray:
    """Chains for accuracy .9 as a real number, float of the shape of p: any of them valid with probability .8."""
    with np.errstate(divide="ignore"):
        return np.log1p(-ANY) / np.log1p(-np.clip(p, 0, 1 - 1e-9))


def steep_budgets(law: np.ndarray, budgets: list[int], pool: int) -> list[int]:
    """Budgets whose need of chains a pool of that size can show, from 1 chain on."""
    return [budget for budget in budgets if 1 <= needed_by_law(law[budget]) <= pool] or budgets[:2]


def exchange_rates(chains: Chains, budgets: list[int]) -> np.ndarray:
    """Slope of the log of the chains needed for .9 against the budget, float (s,).

    Needed is the number, interpolated, of which any is valid in .8 of a seed's graphs.
    """
    sizes = np.arange(1, chains.size + 1)
    needed = []
    for budget in budgets:
        curve = np.stack([by_seed(chains.any_of(size, budget)) for size in sizes], axis=1)
        needed.append(np.maximum(crossing(sizes, curve, ANY, falling=False), 1.0))
    rows = np.stack(needed, axis=1)  # (s, budgets)
    reached = np.isfinite(rows).sum(axis=1) > 1
    return np.array(
        [
            laws.exchange_rate(np.array(budgets), row) if known else np.nan
            for row, known in zip(rows, reached, strict=True)
        ]
    )


def check(measured: Measured) -> list[Check]:
    searches = Gate("evidence of a sampled chain", measured.evidence, 0.5, inf, "it searches at all")
    return [
        near(
            "slope of log N against L / law's",
            measured.slope / measured.slope_law,
            1.0,
            0.25,
            "the exchange rate",
            gates=[searches],
        ),
        at_most(
            "at equal tokens: best division - one chain",
            measured.best_gain,
            0.02,
            "never worse",
            gates=[searches],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    budgets, totals = measured.budgets, measured.totals
    first, last = budgets[0], budgets[-1]
    marks = [first * 2.0**power for power in range(7)]
    return [
        Map(
            name="trade_off",
            title=f"Accuracy of the best of N chains of at most L nodes, depth {measured.depth}",
            x_label="L, nodes a chain",
            y_label="N, chains",
            x=budgets,
            y=measured.sizes,
            measured=np.median(measured.accuracy, axis=0),
            theory=measured.law,
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
            x=totals,
            measured={
                "one, greedy": measured.greedy,
                "one, sampled": measured.one,
                **{f"{parts}, sampled": accuracy for parts, accuracy in measured.several.items()},
            },
            theory={
                "law, one": laws.accuracy(measured.depth, np.array(totals), 1),
            },
            trained=(first, last),
        ),
    ]
