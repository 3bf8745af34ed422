"""An agent that is told its budget of searches rations it: more is right where budgets are small and results need looks that agree.

Source       arXiv:2511.17006 (agents that see their budget are right with fewer searches); the exact optima are ours
Prediction   Agents imitate the best searcher, one that knows its budget or one that does not and is cut off. Where results are
             noisy and have no tags, those that know it are right in at least .06 more of all questions at budgets of 2 and 3, and in
             as many more as the two optima are (.16), within .08: imitations of searchers that count are not perfect. Where results
             are exact, or noisy with tags, the best searcher does the same whatever its budget, and the difference is .03 at most.
Refuted if   The difference without tags is below .06, or more than .08 from that of the optima; or it is above .03 either way
             with exact results or with tags; each in most seeds.
Controls     The two regimes in which a budget tells nothing of what to do next. All agents are asked the same questions; those
             that do not know the budget are asked for the answer at each number of searches of one episode. An agent counts if it
             has learned to look up: right in .85 of other questions of one hop at the largest budget. Small is relative: which
             budgets gain depends on those that occur, as who does not know is best for all of them together; here they are 1
             to 12 searches for 1 to 3 hops.
Run          alchemy reproduce rationing --preset small      # half an hour on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Check, Claim, Gate, at_least, near
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from experiments.world import agents
from experiments.world.agents import Worlds
from models.transformer import Transformer
from tasks.search import Search

CLAIM = Claim(
    sentence="Told its budget of searches, an agent rations it: at small budgets it is right more often where looks have to agree.",
    source="arXiv:2511.17006; the exact optima, and the regimes in which they foretell nothing, are ours",
    prediction="no tags, budgets 2 and 3: known - hidden at least .06 and within .08 of the optima; exact or tagged results: within .03",
    refuted_if="no tags: below .06 or more than .08 from the optima; or more than .03 either way with exact or tagged results",
    question="How is a budget best spent?",
    among="agents that have learned to look up",
)
SMALL_BUDGETS = (2, 3)


@dataclass(frozen=True)
class Config:
    """Six agents: three regimes, with the budget in the prompt and without."""

    seeds: int = 5
    """Replicates, each with weights, training worlds and questions of its own."""
    test: int = 1000
    """Held-out questions of each seed; a quarter is for gates."""
    worlds: Worlds = Worlds()


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=40,
        worlds=Worlds(
            entities=4,
            hops=(1, 2),
            budgets=(1, 2, 3, 4),
            few=(1, 2, 3, 4, 5),
            model=Transformer(width=16, layers=1, heads=2, context=48),
            train=TrainConfig(steps=4, batch=8, chunk=4),
            brief=TrainConfig(steps=4, batch=8, chunk=4),
        ),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        worlds=replace(
            SMALL.worlds,
            entities=26,
            model=Transformer(width=256, layers=4, heads=8, context=112),
            train=TrainConfig(steps=20_000, batch=256, learning_rate=3e-4),
            brief=TrainConfig(steps=10_000, batch=256, learning_rate=3e-4),
        ),
    ),
}


@dataclass(frozen=True)
class Measured:
    """By regime; accuracies are means over numbers of hops alike."""

    budgets: dict[str, tuple[int, ...]]
    known: dict[str, np.ndarray]
    """Right answers of agents that know the budget, float (s, b)."""
    hidden: dict[str, np.ndarray]
    """Of agents that do not."""
    one_hop: dict[str, np.ndarray]
    """Right answers to other questions of one hop at the largest budget, the lower of the two agents': for gates, float (s,)."""
    best: np.ndarray
    """Of the best searcher without tags that knows the budget, float (b,)."""
    best_hidden: np.ndarray
    """Of the best that does not."""


def run(config: Config, lab: Lab) -> Measured:
    worlds, (gate, judged) = config.worlds, gate_split(config.test)
    accuracy: dict[tuple[str, bool], np.ndarray] = {}
    other: dict[tuple[str, bool], np.ndarray] = {}
    for regime in agents.REGIMES:
        for announced in (True, False):
            runs = agents.trained(worlds, lab, regime, announced, config.seeds)
            task = worlds.task(regime, announced)
            name = f"look up, {regime}, budget {'known' if announced else 'hidden'}"
            said = agents.answered(lab, runs, task, asked(task), config.test, name)
            accuracy[regime, announced] = said.part(judged).accuracy(worlds.hops).mean(axis=1)
            other[regime, announced] = said.part(gate).accuracy(worlds.hops)[:, :, -1]
    votes = worlds.task("votes", True)
    best, best_hidden = agents.ceiling(votes), agents.unaware(votes)
    return Measured(
        budgets={regime: asked(worlds.task(regime, True)) for regime in agents.REGIMES},
        known={regime: accuracy[regime, True] for regime in agents.REGIMES},
        hidden={regime: accuracy[regime, False] for regime in agents.REGIMES},
        one_hop={
            regime: np.minimum(other[regime, True][:, 0], other[regime, False][:, 0]) for regime in agents.REGIMES
        },
        best=best.mean(axis=0),
        best_hidden=best_hidden.mean(axis=0),
    )


def asked(task: Search) -> tuple[int, ...]:
    """The budgets that questions are asked at: the small ones and the largest where no more is to be seen."""
    return (*SMALL_BUDGETS, max(task.budgets)) if task.tags else task.budgets


def small(budgets: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    """The mean of values (..., b) over the small budgets, (...)."""
    return np.asarray(values[..., [budgets.index(budget) for budget in SMALL_BUDGETS]].mean(axis=-1))


def check(measured: Measured) -> list[Check]:
    gain = {
        regime: small(measured.budgets[regime], measured.known[regime] - measured.hidden[regime])
        for regime in measured.known
    }
    foretold = float(small(measured.budgets["votes"], measured.best - measured.best_hidden))
    looks = {
        regime: Gate(
            f"{regime}, one hop, largest budget: right", right, 0.85, inf, "it looks up and reads what it is told"
        )
        for regime, right in measured.one_hop.items()
    }
    return [
        at_least(
            "no tags, budgets 2 and 3: known - hidden",
            gain["votes"],
            0.06,
            "under half of what the optima differ by",
            gates=[looks["votes"]],
        ),
        near(
            "no tags, budgets 2 and 3: known - hidden, beside the optima's",
            gain["votes"] - foretold,
            0.0,
            0.08,
            "half of what they differ by: neither agent is its optimum",
            gates=[looks["votes"]],
        ),
        *(
            near(
                f"{regime}, budgets 2 and 3: known - hidden",
                gain[regime],
                0.0,
                0.03,
                "the best next search does not depend on the budget; a few in a hundred are noise of training",
                gates=[looks[regime]],
            )
            for regime in ("exact", "tagged")
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    budgets = measured.budgets["votes"]
    few = measured.budgets["tagged"]
    return [
        Curves(
            name="rationing",
            title="Noisy results without tags, the budget known and hidden",
            x_label="searches allowed",
            y_label="right answers",
            x=budgets,
            measured={"known": measured.known["votes"], "hidden": measured.hidden["votes"]},
            theory={"known": list(measured.best), "hidden": list(measured.best_hidden)},
            log_x=True,
            ticks=list(map(str, budgets)),
            note="Dotted: the best searchers that know it and that do not.",
        ),
        Curves(
            name="rationing_controls",
            title="Where the best next search does not depend on the budget",
            x_label="searches allowed",
            y_label="right answers",
            x=few,
            measured={
                f"{regime}, {name}": values[regime]
                for regime in ("exact", "tagged")
                for name, values in (("known", measured.known), ("hidden", measured.hidden))
            },
            theory={},
            log_x=True,
            ticks=list(map(str, few)),
        ),
    ]
