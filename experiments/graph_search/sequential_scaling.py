"""A model trained on depth-first searches is one: its accuracy at a budget of L nodes is F_d(L), the exact law.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, the figure on sequential scaling
Prediction   The share of graphs for which a model trained on depth-first searches gives evidence within L nodes follows
             F_d(L), the probability that a randomised search arrives within L nodes, for which the lab has a closed
             recursion, whether steps back are listed (DFS-BT) or not (DFS). The paper's model at depth 5, greedy, is
             at most .012 from it at any L. Sampled chains sit lower by the errors of sampling alone. If every node is a
             slip with probability e, a search of L nodes arrives with (1 - e)^L; e follows from how many arrive, and the
             lengths of those that do follow the law so weighted. (Unweighted they were .04 off in an earlier run.)
Refuted if   At some depth and some L the greedy model is more than .05 from F_d(L), or the lengths of sampled chains
             that arrive are from the weighted law.
Run          alchemy reproduce sequential_scaling --preset small      # models are those of depth_law
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.former import Check, Claim, at_most
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import Interval, resampled
from experiments.graph_search.bridges import (
    FULL,
    SEARCHES,
    SMALL,
    SMOKE,
    STYLES,
    Chains,
    Setting,
    length_law,
    share,
)

CLAIM = Claim(
    sentence="A model trained on depth-first searches is one: its accuracy at a budget of L nodes is F_d(L).",
    source="arXiv:2505.21825, sequential scaling",
    prediction="greedy evidence within L nodes is within .05 of the exact law at every L; the paper has .012",
    refuted_if="a gap of more than .05 at some budget, or in the lengths of sampled chains that arrive",
)


@dataclass(frozen=True)
class Config(Setting):
    pass


PRESETS = {"smoke": Config(**SMOKE), "small": Config(**SMALL), "full": Config(**FULL)}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    measured: dict[str, Any] = {"searches": config.arms(SEARCHES)}
    for search, depth in config.arms(SEARCHES):
        runs = config.fit(lab, STYLES[search], depth)
        greedy, sampled = (config.ask(lab, runs, greedy=one) for one in (True, False))
        law = length_law(search, depth)
        budgets = range(3 * depth, len(law))
        measured[f"{search}, depth {depth}"] = {
            "budgets": list(budgets),
            "law": [law[budget] for budget in budgets],
            "greedy": [share(greedy.within(budget)) for budget in budgets],
            "sampled": [share(sampled.within(budget)) for budget in budgets],
            "evidence": share(greedy.valid),
            "gap": sup_gap(greedy, law),
            "gap, sampled": sup_gap(sampled, law),
            "slips": (slips := slip_rate(law, float(sampled.valid.mean()))),
            "gap, sampled, of those that arrive": sup_gap(sampled, weighted(law, slips), arrived=True),
        }
    return measured


def slip_rate(law: np.ndarray, arrived: float) -> float:
    """The e at which a share `arrived` of searches with lengths by `law` list no wrong node, each wrong with chance e."""
    slips, nodes = np.linspace(1, 0, 20_001), np.arange(len(law))
    arriving = (1 - slips[:, None]) ** nodes @ np.diff(law, prepend=0.0)
    return float(np.interp(arrived, arriving, slips))


def weighted(law: np.ndarray, slips: float) -> np.ndarray:
    """The law of lengths of the searches that arrive, as probabilities of at most L nodes."""
    arrive = np.diff(law, prepend=0.0) * (1 - slips) ** np.arange(len(law))
    return (arrive / max(arrive.sum(), 1e-300)).cumsum()  # nothing arrives where every node is a slip


def sup_gap(chains: Chains, law: np.ndarray, arrived: bool = False) -> Interval:
    """The largest distance between the share of chains valid within L nodes and the law, over all L.

    With `arrived`, shares of the valid chains. The interval resamples seeds and graphs; noise can only add to a largest
    distance, so it is never too good.
    """
    seeds, n, _ = chains.valid.shape
    curves = np.stack([chains.within(budget).mean(axis=2) for budget in range(len(law))])  # (L, s, n)
    graphs, weights = resampled(0, seeds, n)

    def gap(means: np.ndarray) -> np.ndarray:
        """Of means (L, ...) over graphs and seeds."""
        whole = np.maximum(means[-1], 1e-12) if arrived else 1.0
        return np.abs(means / whole - law.reshape(-1, *[1] * (means.ndim - 1))).max(axis=0)

    by_seed = np.einsum("lsn,rn->lrs", curves, graphs) / n
    drawn = gap(np.einsum("lrs,rs->lr", by_seed, weights / weights.sum(axis=1, keepdims=True)))
    mean = float(gap(curves.mean(axis=(1, 2))))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(mean, min(mean, float(low)), max(mean, float(high)), n, seeds)


def check(measured: Mapping[str, Any]) -> list[Check]:
    checks = []
    for search, depth in measured["searches"]:
        label = f"{search}, depth {depth}"
        row = measured[label]
        checks += [
            at_most(f"{label}: largest gap, greedy", row["gap"], 0.05, "the paper has .012 at depth 5"),
            at_most(
                f"{label}: largest gap, sampled, of those that arrive",
                row["gap, sampled, of those that arrive"],
                0.05,
                "slips aside, no other search",
            ),
        ]
    return checks


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    rows = {(search, depth): measured[f"{search}, depth {depth}"] for search, depth in measured["searches"]}
    return [
        Curves(
            name=f"sequential_scaling_{search.lower()}_{depth}",
            title=f"Evidence within L nodes of models trained on {search}, depth {depth}",
            x_label="L, nodes",
            y_label="evidence",
            x=row["budgets"],
            measured={how: row[how] for how in ("greedy", "sampled")},
            theory={"F(L), exact": row["law"]},
        )
        for (search, depth), row in rows.items()
    ]
