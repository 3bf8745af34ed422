"""Looking and thinking multiply: what both are worth together follows from what each is worth alone, and so does the best division.

Source       arXiv:2410.04343 (budgets of retrieval are best divided by what was measured of each part), 2506.18959 and 2602.22675
             (searches and tokens of reasoning as one curve, or in place of each other); the product and the exact ceiling are ours
Prediction   A result is the right one with probability .7 and marked otherwise, and it comes with two letters from which the next
             search has to be worked out, in four steps. Agents are cut off after b searches and write the first t of the four
             steps behind each result. Above a guess, and within a number of hops, accuracy is the product of two margins: that of
             searches with all steps written, and that of steps with all searches made. The other cells of the grid are within .04
             of it on average, and the sum of the margins misses them by .01 more. With a price of a search of 1, 4 and 16 steps,
             the division of a budget that the product foretells is right in at most .02 less than the best one of the grid.
Refuted if   The product is off by more than .04 on average, is not .01 nearer than the sum, or its divisions lose more than .02;
             each in most seeds.
Controls     Both pay: with all searches and all steps .2 more are right than with one search, and than with no steps. The exact
             ceiling of who thinks without fault is drawn beside. What the head can do moves with training, so that its number
             of steps is fixed: that written steps are worth so much is no law. An agent counts if it has learned to look up and
             to work out: right in .85 of other questions of one hop.
Run          alchemy reproduce looking_or_thinking --preset small      # ten minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.terminal import counted
from experiments.world import agents
from models.transformer import Transformer
from tasks.search import Search

CLAIM = Claim(
    sentence="Looking and thinking multiply: what a budget of both is worth, and its best division, follow from each alone.",
    source="arXiv:2410.04343, 2506.18959 and 2602.22675; the product and the exact ceiling are ours",
    prediction="accuracy above a guess is the product of two margins within .04, .01 nearer than their sum; its divisions lose .02",
    refuted_if="the product is off by over .04, not .01 nearer than the sum, or the divisions it foretells lose over .02",
    question="How is a budget best spent?",
    among="agents that have learned to look up and to work out what they are told",
)
PRICES = (1, 4, 16)
"""Of a search, in steps."""


@dataclass(frozen=True)
class Config:
    """One agent that knows how many steps it may write and not when its searches end."""

    seeds: int = 5
    """Replicates, each with weights, training worlds and questions of its own."""
    test: int = 1200
    """Held-out questions of each seed; a quarter is for gates."""
    task: Search = Search(
        entities=8,
        hops=(1, 2),
        budgets=(1, 2, 3, 4),
        announced=False,
        reliability=0.7,
        chain=4,
        letters=2,
        thoughts=(0, 1, 2, 4),
    )
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=72)
    train: TrainConfig = TrainConfig(steps=600, batch=64, optimizer="muon")
    """Fixed: with more of it the head takes more steps at once."""


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=40,
        task=replace(SMALL.task, entities=4, budgets=(1, 2), chain=2, thoughts=(0, 2)),
        model=Transformer(width=16, layers=1, heads=2, context=48),
        train=TrainConfig(steps=4, batch=8, chunk=4),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        model=Transformer(width=256, layers=4, heads=8, context=72),
        train=TrainConfig(steps=10_000, batch=256, learning_rate=3e-4),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Right answers within a number of hops after so many searches, with so many steps written behind each result."""

    hops: tuple[int, ...]
    budgets: tuple[int, ...]
    thoughts: tuple[int, ...]
    right: np.ndarray
    """Float (s, k, b, t)."""
    ceiling: np.ndarray
    """Of who thinks without fault, float (k, b)."""
    guess: float
    """Of who knows nothing."""
    one_hop: np.ndarray
    """Right answers to other questions of one hop, all searches made and all steps written: for gates, float (s,)."""


def run(config: Config, lab: Lab) -> Measured:
    task, (gate, judged) = config.task, gate_split(config.test)
    runs = lab.train(config.model, task, config.train, seeds=config.seeds, label="train to look up and work out")
    right = []
    for thoughts in task.thoughts:
        asked = replace(task, thoughts=(thoughts,))
        said = agents.answered(lab, runs, asked, task.budgets, config.test, f"look up, {thoughts} steps a result")
        right.append(said.part(judged).accuracy(task.hops))
        one_hop = said.part(gate).accuracy(task.hops)[:, 0, -1]
    return Measured(
        task.hops,
        task.budgets,
        task.thoughts,
        np.stack(right, axis=3),
        agents.ceiling(task),
        1 / task.entities,
        one_hop,
    )


def product(measured: Measured) -> np.ndarray:
    """What the two margins foretell if they multiply above a guess, float (s, k, b, t)."""
    above = measured.right - measured.guess
    both = np.maximum(above[:, :, -1:, -1:], 1e-9)
    return np.asarray(measured.guess + above[:, :, :, -1:] * above[:, :, -1:, :] / both)


def added(measured: Measured) -> np.ndarray:
    """What they foretell if they add up, and no cell is below a guess, float (s, k, b, t)."""
    right = measured.right
    foretold = right[:, :, :, -1:] + right[:, :, -1:, :] - right[:, :, -1:, -1:]
    return np.asarray(np.maximum(foretold, measured.guess))


def off(measured: Measured, foretold: np.ndarray) -> np.ndarray:
    """How far cells are from what is foretold, the margins left out: float (s,)."""
    return np.asarray(np.abs(measured.right - foretold)[:, :, :-1, :-1].mean(axis=(1, 2, 3)))


def lost(measured: Measured, foretold: np.ndarray) -> np.ndarray:
    """What the divisions that are foretold to be best lose against the best ones, mean over prices and budgets: float (s,)."""
    cells, best = measured.right.mean(axis=1), foretold.mean(axis=1)
    losses = []
    for price in PRICES:
        cost = np.array(
            [[searches * (price + thoughts) for thoughts in measured.thoughts] for searches in measured.budgets]
        )
        for budget in np.unique(cost):
            affordable = cost <= budget
            chosen = np.where(affordable, best, -inf).reshape(len(best), -1).argmax(axis=1)
            there = cells.reshape(len(cells), -1)
            losses.append(np.where(affordable.ravel(), there, -inf).max(axis=1) - there[np.arange(len(there)), chosen])
    return np.asarray(np.mean(losses, axis=0))


def check(measured: Measured) -> list[Check]:
    learned = Gate(
        "one hop, all searches and steps: right",
        measured.one_hop,
        0.85,
        inf,
        "it looks up and works out what it is told",
    )
    right, foretold = measured.right.mean(axis=1), product(measured)
    whole = right[:, -1, -1]
    near, far = off(measured, foretold), off(measured, added(measured))
    return [
        at_least("more searches pay", whole - right[:, 0, -1], 0.2, "all searches beside one", gates=[learned]),
        at_least("steps pay", whole - right[:, -1, 0], 0.2, "all steps beside none", gates=[learned]),
        at_most("distance to the product", near, 0.04, "means of 450 answers are off by .02", gates=[learned]),
        at_least(
            "how much further the sum is off",
            far - near,
            0.01,
            "half of what the two differ by where steps and searches are both worth something",
            gates=[learned],
        ),
        at_most(
            "what the foretold divisions lose",
            lost(measured, foretold),
            0.02,
            "as much as noise makes",
            gates=[learned],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    right, foretold = measured.right.mean(axis=1), np.clip(product(measured), 0, 1).mean(axis=1)
    fewer = list(enumerate(measured.thoughts[:-1]))
    return [
        Curves(
            name="looking_or_thinking",
            title="Searches and steps behind each result, all questions",
            x_label="searches",
            y_label="right answers",
            x=measured.budgets,
            measured={counted(thoughts, "step"): right[:, :, at] for at, thoughts in enumerate(measured.thoughts)},
            theory={"the best there is": list(measured.ceiling.mean(axis=0))},
        ),
        Bars(
            name="looking_or_thinking_product",
            title="Cells of the grid, and the product of their margins",
            y_label="right answers",
            groups=[f"{budget} of {max(measured.budgets)} searches" for budget in measured.budgets[:-1]],
            measured={counted(thoughts, "step"): right[:, :-1, at] for at, thoughts in fewer},
            theory={counted(thoughts, "step"): list(np.median(foretold[:, :-1, at], axis=0)) for at, thoughts in fewer},
            note=f"The best there is: {', '.join(f'{best:.2f}' for best in measured.ceiling.mean(axis=0)[:-1])}.",
        ),
    ]
