"""At equal tokens one long chain is never worse than several short ones.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, sequential against parallel scaling
Prediction   A budget of nodes is spent on one chain of a model trained on depth-first searches, or divided into 2, 3 or 4
             chains, the best by an exact verifier. By the law of the lengths of searches one chain is best at any budget.
             The paper compares a greedy single chain with several sampled ones; here all are sampled at temperature 1, and
             the greedy one is shown beside them.
             A sampled chain can go wrong however long it may get; that is the sampling's, not the search's, and we expect
             it to refute the sentence: in an earlier run two sampled chains of the longest search each beat one by .04,
             and led from 28 nodes in all on. The check of that run looked at budgets up to one longest search only, where
             no division can win, and was replaced by this one. The best division, at any budget from the shortest search
             to four longest ones, is chosen on one half of a seed's graphs and measured on the other.
Refuted if   The best division beats one chain of as many nodes by more than .02, in most seeds.
Run          alchemy reproduce equal_tokens --preset small      # models and pools are those of depth_law
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.selection import largest
from experiments.graph_search.bridges import FULL, SMOKE, STYLES, Chains, Setting, by_seed, length_law
from tasks.connectivity import laws

CLAIM = Claim(
    sentence="At equal tokens one long chain is never worse than several short ones, all sampled alike.",
    source="arXiv:2505.21825, sequential against parallel scaling",
    prediction="no division of a budget into 2, 3 or 4 chains beats one chain, up to the nodes of four longest searches",
    refuted_if="the best division into several chains .02 better than one chain of as many nodes",
    question="How is a budget best spent?",
)
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
    longest: int
    """Nodes of the longest search."""
    totals: list[int]
    """Nodes in all."""
    one: np.ndarray
    """Accuracy of one sampled chain of so many nodes, float (s, totals)."""
    greedy: np.ndarray
    """Of one greedy chain."""
    several: dict[int, np.ndarray]
    """Of so many sampled chains that share as many nodes."""
    best_gain: np.ndarray
    """Accuracy of the best division less that of one sampled chain of as many nodes, float (s,)."""
    evidence: np.ndarray
    """Of one sampled chain on the graphs of gates, float (s,)."""


def run(config: Config, lab: Lab) -> Measured:
    runs = config.fit(lab, STYLES["DFS"], config.depth)
    (greedy, _), (chains, gate) = config.greedy(lab, runs), config.pool(lab, runs)
    law = length_law("DFS", config.depth)
    shortest, longest = int(np.flatnonzero(law)[0]), len(law) - 1
    totals = list(range(shortest, 4 * longest + 1))
    return Measured(
        depth=config.depth,
        longest=longest,
        totals=totals,
        one=divided(chains, 1, totals),
        greedy=divided(greedy, 1, totals),
        several={parts: divided(chains, parts, totals) for parts in PARTS},
        best_gain=largest(*(gains(half, totals) for half in chains.halves())),
        evidence=by_seed(gate.valid),
    )


def divided(chains: Chains, parts: int, totals: list[int]) -> np.ndarray:
    """Accuracy of so many chains that share each total of nodes, float (s, totals)."""
    return np.stack([by_seed(chains.best_of(parts, total // parts)) for total in totals], axis=1)


def gains(chains: Chains, totals: list[int]) -> np.ndarray:
    """What each division gains over one chain of as many nodes, float (s, parts * totals)."""
    one = divided(chains, 1, totals)
    return np.concatenate([divided(chains, parts, totals) - one for parts in PARTS], axis=1)


def check(measured: Measured) -> list[Check]:
    searches = Gate("evidence of a sampled chain", measured.evidence, 0.5, inf, "it searches at all")
    return [
        at_most(
            "at equal tokens: best division - one chain",
            measured.best_gain,
            0.02,
            "never worse",
            gates=[searches],
        )
    ]


def figures(measured: Measured) -> list[Figure]:
    totals = measured.totals
    return [
        Curves(
            name="equal_tokens",
            title=f"One chain against several at equal tokens, depth {measured.depth}",
            x_label="nodes in all",
            y_label="accuracy, best of n",
            x=totals,
            measured={
                "one, greedy": measured.greedy,
                "one, sampled": measured.one,
                **{f"{parts}, sampled": accuracy for parts, accuracy in measured.several.items()},
            },
            theory={"law, one": laws.accuracy(measured.depth, np.array(totals), 1)},
            trained=(totals[0], measured.longest),
        )
    ]
