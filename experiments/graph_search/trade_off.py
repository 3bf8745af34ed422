"""One long chain is worth exponentially many short ones: the map of accuracy over chain length and number of chains.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, sequential against parallel scaling
Prediction   Chains of a model trained on depth-first searches, each cut at L nodes, N of them, the best by an exact
             verifier. By the law accuracy is (1 + 1 - (1 - F_d(L))^N) / 2, so that the N needed for .9 falls
             exponentially with L. The other half of the paper's sentence, that one chain is never worse at equal tokens,
             is a claim of its own (`equal_tokens`).
Refuted if   The slope of log N against L is more than a quarter off the law's, in most seeds.
Run          alchemy reproduce trade_off --preset small      # models and pools are those of depth_law
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, near
from alchemy.report.figures import Figure, Map
from alchemy.stats.summary import crossing
from experiments.graph_search.bridges import FULL, SMOKE, STYLES, Chains, Setting, by_seed, length_law
from tasks.connectivity import laws

CLAIM = Claim(
    sentence="One long chain is worth exponentially many short ones: the number needed for .9 falls with length as by F_d(L).",
    source="arXiv:2505.21825, sequential against parallel scaling",
    prediction="the slope of log N, chains for accuracy .9, against L, nodes of a chain, is that of F_d(L)",
    refuted_if="a slope a quarter off the law's",
    question="How is a budget best spent?",
)
ANY = 0.8
"""How often any chain is evidence where the best of them has an accuracy of .9."""


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


def run(config: Config, lab: Lab) -> Measured:
    chains, gate = config.pool(lab, config.fit(lab, STYLES["DFS"], config.depth))
    law = length_law("DFS", config.depth)
    budgets = list(range(int(np.flatnonzero(law)[0]), len(law)))
    accuracy = [[by_seed(chains.best_of(size, budget)) for budget in budgets] for size in chains.sizes]
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
    )


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
    ]


def figures(measured: Measured) -> list[Figure]:
    budgets, first = measured.budgets, measured.budgets[0]
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
    ]
