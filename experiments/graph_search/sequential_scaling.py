"""A model trained on depth-first searches is one: its accuracy at a budget of L nodes is F_d(L), the exact law.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, the figure on sequential scaling
Prediction   The share of graphs for which a model trained on depth-first searches gives evidence within L nodes follows
             F_d(L), the probability that a randomised search arrives within L nodes, for which the lab has a closed
             recursion, whether steps back are listed (DFS-BT) or not (DFS). The paper's model at depth 5, greedy, is
             at most .012 from it at any L. Sampled chains sit lower by the errors of sampling alone. If every node is a
             slip with probability e, a search of L nodes arrives with (1 - e)^L; e follows from how many arrive, and the
             lengths of those that do follow the law so weighted. (Unweighted they were .04 off in an earlier run.)
             One number a seed: the largest gap over all L, styles and depths. A largest gap has noise in it even where
             the law holds, so it is chosen on one half of a seed's graphs and measured on the other.
Refuted if   At some depth and some L the greedy model is more than .05 from F_d(L), or the lengths of sampled chains
             that arrive are from the weighted law, in most seeds.
Run          alchemy reproduce sequential_scaling --preset small      # models are those of depth_law
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.selection import largest_gap
from experiments.graph_search.bridges import (
    FULL,
    SEARCHES,
    SMOKE,
    STYLES,
    Chains,
    Setting,
    by_seed,
    length_law,
)
from tasks.connectivity.laws import arrived_length_cdf, slip_rate

CLAIM = Claim(
    sentence="A model trained on depth-first searches is one: its accuracy at a budget of L nodes is F_d(L).",
    source="arXiv:2505.21825, sequential scaling",
    prediction="greedy evidence within L nodes is within .05 of the exact law at every L; the paper has .012",
    refuted_if="a gap of more than .05 at some budget, or in the lengths of sampled chains that arrive",
    question="What does a step buy?",
)
Config = Setting
PRESETS = {"smoke": replace(Config(), **SMOKE), "small": Config(), "full": replace(Config(), **FULL)}


@dataclass(frozen=True)
class Arm:
    """Models trained on one kind of search at one depth."""

    style: str
    depth: int
    budgets: list[int]
    law: np.ndarray
    """F_d(L), float (m,)."""
    greedy: np.ndarray
    """Evidence within each budget, float (s, m)."""
    sampled: np.ndarray
    slips: np.ndarray
    """Of sampled chains: how often a node is a slip, float (s,)."""
    arrived: np.ndarray
    """Share of the sampled chains that arrive which do so within each budget, float (s, m)."""
    arrived_law: np.ndarray
    """The law so weighted, float (s, m)."""
    greedy_gap: np.ndarray
    """The largest gap at any L, float (s,)."""
    arrived_gap: np.ndarray


@dataclass(frozen=True)
class Measured:
    """Arrays (s,)."""

    arms: tuple[Arm, ...]
    greedy_gap: np.ndarray
    """The largest gap over L, styles and depths."""
    arrived_gap: np.ndarray


def run(config: Config, lab: Lab) -> Measured:
    arms, greedy_gaps, arrived_gaps = [], [], []
    for style, depth in config.arms(SEARCHES):
        runs = config.fit(lab, STYLES[style], depth)
        (greedy, _), (sampled, _) = config.greedy(lab, runs), config.pool(lab, runs)
        law = length_law(style, depth)
        slips = slip_rate(SEARCHES[style](depth), by_seed(sampled.valid))
        weighted = arrived_length_cdf(SEARCHES[style](depth), slips)
        greedy_gaps.append([within(half, len(law)) - law for half in greedy.halves()])
        arrived_gaps.append([arrived_within(half, len(law)) - weighted for half in sampled.halves()])
        budgets = list(range(3 * depth, len(law)))
        arms.append(
            Arm(
                style=style,
                depth=depth,
                budgets=budgets,
                law=law[budgets],
                greedy=within(greedy, len(law))[:, budgets],
                sampled=within(sampled, len(law))[:, budgets],
                slips=slips,
                arrived=arrived_within(sampled, len(law))[:, budgets],
                arrived_law=weighted[:, budgets],
                greedy_gap=largest_gap(*greedy_gaps[-1]),
                arrived_gap=largest_gap(*arrived_gaps[-1]),
            )
        )
    return Measured(tuple(arms), _over_arms(greedy_gaps), _over_arms(arrived_gaps))


def within(chains: Chains, longest: int) -> np.ndarray:
    """The share of chains that are valid within L nodes, float (s, L) for all L below `longest`."""
    return np.stack([by_seed(chains.within(budget)) for budget in range(longest)], axis=1)


def arrived_within(chains: Chains, longest: int) -> np.ndarray:
    """The same as a share of the chains that are valid within any of these L, 0 where there are none."""
    shares = within(chains, longest)
    return shares / np.maximum(shares[:, -1:], 1e-12)


def _over_arms(gaps: list[list[np.ndarray]]) -> np.ndarray:
    """The largest of the gaps (s, L) of all arms, by halves of the graphs: float (s,)."""
    return largest_gap(*(np.concatenate(half, axis=1) for half in zip(*gaps, strict=True)))


def check(measured: Measured) -> list[Check]:
    return [
        at_most(
            "greedy: largest gap over L, styles and depths", measured.greedy_gap, 0.05, "the paper has .012 at depth 5"
        ),
        at_most(
            "sampled, of those that arrive: largest gap over L, styles and depths",
            measured.arrived_gap,
            0.05,
            "slips aside, no other search",
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    return [
        Curves(
            name=f"sequential_scaling_{arm.style.lower()}_{arm.depth}",
            title=f"Evidence within L nodes of models trained on {arm.style}, depth {arm.depth}",
            x_label="L, nodes",
            y_label="evidence",
            x=arm.budgets,
            measured={"greedy": arm.greedy, "sampled": arm.sampled},
            theory={"F(L), exact": arm.law},
        )
        for arm in measured.arms
    ]
