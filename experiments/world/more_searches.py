"""More searches are right more often, each doubling by less, where results are noisy and marked; exact results only count hops.

Source       arXiv:2506.18959 (that searches scale as reasoning tokens do: a conjecture without a curve), 2501.14342 (concave in the
             length of a chain of searches); the strata, the exact ceiling and the control are ours
Prediction   Agents imitate the best searcher. A result is right with probability .7 and otherwise marked as a stray. Of questions
             of k hops, asked after k, 2k and 4k searches, .25 more are right after the first doubling and .02 more after the
             second, and the first adds at least .15 more than the second; no further searches cost more than .05; accuracy is
             within .06 of the exact ceiling on average. Where results are exact, k searches are all that count: two doublings
             add .03 at most, though over all questions the same curve rises and bends. Asked before any search, agents guess.
Refuted if   One of these bounds is missed in most seeds.
Controls     Exact results: there accuracy over all questions at b searches is the share of questions of at most b hops, and whoever
             does not look within a number of hops takes that for a law. The floor of who cannot search. The best that can be said
             by what an agent was told (the exact posterior), which parts what it did not find from what it did not read. An agent counts if it has
             learned to look up: right in .85 of other questions of one hop at the largest budget.
Run          alchemy reproduce more_searches --preset small      # ten minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most, near
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from experiments.world import agents
from experiments.world.agents import Regime, Worlds
from models.transformer import Transformer

CLAIM = Claim(
    sentence="More searches are right more often, each doubling by less, where results are noisy; exact results only count hops.",
    source="arXiv:2506.18959 and 2501.14342; the strata of hops, the exact ceiling and the control are ours",
    prediction="noisy, k to 2k to 4k searches for k hops: +.25, +.02, less by .15, near the ceiling; exact results: within .03 of none",
    refuted_if="a doubling adds less, the second nearly as much as the first, searches cost .05, or exact results gain .03 beyond k",
    question="How is a budget best spent?",
    among="agents that have learned to look up",
)
REGIMES: tuple[Regime, ...] = ("tagged", "exact")
DOUBLINGS = (1, 2, 4)
"""Searches a hop."""


@dataclass(frozen=True)
class Config:
    """Two agents that do not know their budget, as the best next search does not depend on it."""

    seeds: int = 5
    """Replicates, each with weights, training worlds and questions of its own."""
    test: int = 1200
    """Held-out questions of each seed; a quarter is for gates."""
    worlds: Worlds = Worlds(few=(1, 2, 3, 4, 6, 8, 12), brief=TrainConfig(steps=800, batch=64, optimizer="muon"))
    exact: TrainConfig = TrainConfig(steps=300, batch=64, optimizer="muon")
    """Where results are exact, and there is less to learn."""


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=40,
        worlds=Worlds(
            entities=4,
            hops=(1, 2),
            few=(1, 2, 4, 8),
            model=Transformer(width=16, layers=1, heads=2, context=56),
            train=TrainConfig(steps=4, batch=8, chunk=4),
            brief=TrainConfig(steps=4, batch=8, chunk=4),
        ),
        exact=TrainConfig(steps=4, batch=8, chunk=4),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        worlds=replace(
            SMALL.worlds,
            entities=26,
            model=Transformer(width=256, layers=4, heads=8, context=80),
            brief=TrainConfig(steps=10_000, batch=256, learning_rate=3e-4),
        ),
        exact=TrainConfig(steps=5_000, batch=256, learning_rate=3e-4),
    ),
}


@dataclass(frozen=True)
class Measured:
    """By regime, by number of hops, after 0, 1, ... searches."""

    budgets: tuple[int, ...]
    hops: tuple[int, ...]
    right: dict[str, np.ndarray]
    """Right answers, float (s, k, b)."""
    known: dict[str, np.ndarray]
    """How likely the likeliest answers are by what the agents were told, float (s, k, b)."""
    ceiling: dict[str, np.ndarray]
    """The best there is, float (k, b)."""
    one_hop: dict[str, np.ndarray]
    """Right answers to other questions of one hop at the largest budget: for gates, float (s,)."""


def run(config: Config, lab: Lab) -> Measured:
    worlds, (gate, judged) = config.worlds, gate_split(config.test)
    budgets = (0, *worlds.few)
    right, known, ceiling, one_hop = {}, {}, {}, {}
    for regime in REGIMES:
        own = worlds if regime == "tagged" else replace(worlds, brief=config.exact)
        runs = agents.trained(own, lab, regime, False, config.seeds)
        task = worlds.task(regime, False)
        said = agents.answered(lab, runs, task, budgets, config.test, f"look up, {regime}")
        part = said.part(judged)
        right[regime] = part.accuracy(worlds.hops)
        known[regime] = agents.by_hops(part.hops, part.known, worlds.hops)
        ceiling[regime] = agents.ceiling(replace(task, budgets=budgets))
        one_hop[regime] = said.part(gate).accuracy(worlds.hops)[:, 0, -1]
    return Measured(budgets, worlds.hops, right, known, ceiling, one_hop)


def doublings(measured: Measured, regime: Regime) -> np.ndarray:
    """What the doublings of k searches for k hops add, means over numbers of hops alike: float (s, 2)."""
    at = [[measured.budgets.index(times * hops) for times in DOUBLINGS] for hops in measured.hops]
    reached = np.stack([measured.right[regime][:, row, places] for row, places in enumerate(at)], axis=1)
    return np.asarray(np.diff(reached, axis=2).mean(axis=1))


def worst_step(right: np.ndarray) -> np.ndarray:
    """The least that more searches add within a number of hops, of right answers (s, k, b): float (s,)."""
    return np.asarray(np.diff(right, axis=2).min(axis=(1, 2)))


def check(measured: Measured) -> list[Check]:
    gain = {regime: doublings(measured, regime) for regime in REGIMES}
    looks = {
        regime: Gate(
            f"{regime}, one hop, largest budget: right", right, 0.85, inf, "it looks up and reads what it is told"
        )
        for regime, right in measured.one_hop.items()
    }
    noisy, exact = [looks["tagged"]], [looks["exact"]]
    shortfall = np.abs(measured.right["tagged"] - measured.ceiling["tagged"]).mean(axis=(1, 2))
    return [
        at_least(
            "noisy: the first doubling adds", gain["tagged"][:, 0], 0.25, "two thirds of the ceiling's .38", gates=noisy
        ),
        at_least(
            "noisy: the second doubling adds",
            gain["tagged"][:, 1],
            0.02,
            "a quarter of the ceiling's .075",
            gates=noisy,
        ),
        at_least(
            "noisy: the first doubling adds more than the second",
            gain["tagged"][:, 0] - gain["tagged"][:, 1],
            0.15,
            "half of what the ceiling's do",
            gates=noisy,
        ),
        at_least(
            "noisy: the worst step to more searches",
            worst_step(measured.right["tagged"]),
            -0.05,
            "the least of 21 differences between answers to the same 300 questions, of which few change",
            gates=noisy,
        ),
        at_most("noisy: distance to the ceiling", shortfall, 0.06, "means of 300 answers are off by .02", gates=noisy),
        near(
            "exact: what two doublings beyond k searches add",
            gain["exact"].sum(axis=1),
            0.0,
            0.03,
            "all that there is to find has been found",
            gates=exact,
        ),
        at_most(
            "noisy: right before any search",
            measured.right["tagged"][:, :, 0].mean(axis=1),
            0.1,
            "a guess is right in 1 of 16; four standard errors of 900 answers are .03",
            gates=noisy,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    rows = list(enumerate(measured.hops))
    return [
        Curves(
            name="more_searches",
            title="Noisy, marked results: within each number of hops",
            measured={f"{hops} hops": measured.right["tagged"][:, row] for row, hops in rows},
            theory={f"the best there is, {hops} hops": list(measured.ceiling["tagged"][row]) for row, hops in rows},
            x_label="searches",
            y_label="right answers",
            x=measured.budgets,
        ),
        Curves(
            name="more_searches_exact",
            title="Exact results: a step at k searches within k hops, a curve over all questions",
            measured={
                **{f"{hops} hops": measured.right["exact"][:, row] for row, hops in rows},
                "all questions": measured.right["exact"].mean(axis=1),
            },
            theory={"the best there is, all questions": list(measured.ceiling["exact"].mean(axis=0))},
            x_label="searches",
            y_label="right answers",
            x=measured.budgets,
        ),
        Curves(
            name="more_searches_lost",
            title="Noisy results, all questions: what was not found, and what was not read",
            measured={
                "answers": measured.right["tagged"].mean(axis=1),
                "the likeliest answer, by what agents were told": measured.known["tagged"].mean(axis=1),
            },
            theory={"the best there is": list(measured.ceiling["tagged"].mean(axis=0))},
            x_label="searches",
            y_label="right answers",
            x=measured.budgets,
        ),
    ]
