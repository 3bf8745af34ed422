"""Searches and steps of thought follow one law, with parameters of their own: each keeps a share of what is still right, a thought less.

Source       arXiv:2506.18959 (that searches scale as tokens of reasoning do: a conjecture without a curve), 2410.04343; the common law, its
             exact ceiling and the parameter that can be told are ours
Prediction   Agents find the entity that two relations lead from by going back depth first: some look up where they come from, some have
             it in their prompt and think it, step by step; what an entity bears both look up. Questions that take t steps are answered
             by a share a q^(t - 3), so that within b steps sum over t <= b of f(t) a q^(t - 3) are, where f is the exact law of
             steps. Fitted to one half of the questions it foretells the other within .04, for searches and for thoughts; the two
             halves agree on q within .03; and q of searches is above that of thoughts by at least .02.
Refuted if   One of these bounds is missed in most seeds. Were q the same within .02, searches would be the curve of reasoning itself; a
             fit of any concave curve to either would not tell.
Controls     The law of who makes no mistake (q = 1) is drawn. Both agents make the same moves in the same questions with as much
             training, which is fixed: q grows with it. That both curves are concave is no evidence, as f alone is. Some
             agents never learn to tell the badge that is asked for from others, and are left out: one counts if it goes on where
             the first look is in vain, right in .55 of other questions of five steps, in both ways.
Run          alchemy reproduce looked_up_or_thought --preset small      # twenty minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from experiments.world.whole_episodes import played
from models.transformer import Transformer
from tasks.origins import Origins, laws
from tasks.origins.environment import truth
from tasks.origins.write import needed

CLAIM = Claim(
    sentence="Searches and steps of thought follow one law of what a step keeps, with parameters of their own: a thought keeps less.",
    source="arXiv:2506.18959 and 2410.04343; the law, its exact ceiling and the parameter are ours",
    prediction="within b steps sum_(t <= b) f(t) a q^(t - 3), f exact: off by .04 at most; q known to .03; q of searches .02 above that of thoughts",
    refuted_if="the law is off by over .04 in either way, halves differ by over .03 in q, or q of searches is not .02 above",
    question="How is a budget best spent?",
    among="agents that have learned to go back and on",
)
WAYS = {"looked up": False, "thought": True}
SHORTEST = 3
"""Steps that a question of two relations takes at least: back, back, and a look."""
SHARES = np.linspace(0.5, 1.0, 101)
KEPT = np.linspace(0.5, 1.0, 501)
"""Values of a and of q among which the likeliest are sought."""


@dataclass(frozen=True)
class Config:
    """Two agents, with and without the world in their prompts."""

    seeds: int = 5
    """Replicates, each with weights, training worlds and questions of its own."""
    test: int = 1600
    """Held-out questions of each seed; a quarter is for gates, and each half of the rest for a fit."""
    task: Origins = Origins(entities=5, hops=(2,), budgets=(2, 5, 10), announced=False)
    width: int = 64
    layers: int = 2
    heads: int = 4
    train: TrainConfig = TrainConfig(steps=2000, batch=64, optimizer="muon")
    """The same for both: with more of it less is lost a step."""

    def model(self, task: Origins) -> Transformer:
        """As long as the texts of a task."""
        return Transformer(width=self.width, layers=self.layers, heads=self.heads, context=task.max_len)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=64,
        task=replace(SMALL.task, entities=3, budgets=(3, 5)),
        width=16,
        layers=1,
        heads=2,
        train=TrainConfig(steps=4, batch=8, chunk=4),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        task=replace(SMALL.task, entities=12, budgets=(4, 8, 16)),
        width=256,
        layers=4,
        heads=8,
        train=TrainConfig(steps=20_000, batch=256, learning_rate=3e-4),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Questions by the steps that they take, each half of them, in each way; numbers of questions float (s, 2, b + 1)."""

    steps: dict[str, np.ndarray]
    """Questions that take 0, 1, ... steps."""
    right: dict[str, np.ndarray]
    """Of these, those that are answered rightly, the agent ending by itself or after the largest budget."""
    within: dict[str, np.ndarray]
    """Shares of all questions that an agent ended and answered rightly within 0, 1, ... steps, float (s, 2, b + 1)."""
    second: np.ndarray
    """Right answers to other questions of five steps, the lower of both ways': for gates, float (s,)."""
    law: np.ndarray
    """How likely a question takes 0, 1, ... steps, float (b + 1,)."""


def run(config: Config, lab: Lab) -> Measured:
    gate, judged = gate_split(config.test)
    most = max(config.task.budgets)
    steps, right, within, second = {}, {}, {}, []
    for way, shown in WAYS.items():
        task = replace(config.task, shown=shown)
        runs = lab.train(config.model(task), task, config.train, seeds=config.seeds, label=f"train, {way}")
        said = played(lab, runs, task, config.test, most, f"go back, {way}")
        shape = said.made.shape
        take = needed(task, said.batch.problem).reshape(shape)
        good = said.answers[:, :, -1] == (truth(task, said.batch.problem) + task.first_entity).reshape(shape)
        halves = [
            [counted(take[row, part], most, good[row, part]) for part in halves_of(judged, config.test)]
            for row in range(shape[0])
        ]
        steps[way] = np.array([[all_of for all_of, _ in row] for row in halves])
        right[way] = np.array([[good_of for _, good_of in row] for row in halves])
        ended = good[:, :, None] & (said.made[:, :, None] <= np.arange(most + 1))
        within[way] = np.stack([ended[:, part].mean(axis=1) for part in halves_of(judged, config.test)], axis=1)
        longer = take[:, gate] == SHORTEST + 2
        second.append((good[:, gate] & longer).sum(axis=1) / np.maximum(longer.sum(axis=1), 1))
    law = np.zeros(most + 1)
    exact = laws.searches(config.task.entities, max(config.task.hops))[: most + 1]
    law[: len(exact)] = exact
    return Measured(steps, right, within, np.min(second, axis=0), law)


def halves_of(part: slice, n: int) -> tuple[slice, slice]:
    """The first and the second half of some of n questions."""
    start, stop, _ = part.indices(n)
    middle = (start + stop) // 2
    return slice(start, middle), slice(middle, stop)


def counted(take: np.ndarray, most: int, good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many questions take 0, 1, ... steps, and how many of these are answered rightly: float (b + 1,) each."""
    there = take <= most
    every = np.bincount(take[there], minlength=most + 1).astype(float)
    return every, np.bincount(take[there & good], minlength=most + 1).astype(float)


def fitted(steps: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """The likeliest a and q of right answers, float (b + 1,) of so many questions, to questions of each number of steps."""
    beyond = np.maximum(np.arange(len(steps)) - SHORTEST, 0)
    share = np.clip(SHARES[:, None, None] * KEPT[:, None] ** beyond, 1e-9, 1 - 1e-9)
    likely = (right * np.log(share) + (steps - right) * np.log(1 - share)).sum(axis=2)
    first, second = np.unravel_index(likely.argmax(), likely.shape)
    return float(SHARES[first]), float(KEPT[second])


def parameters(measured: Measured, way: str) -> np.ndarray:
    """a and q of each half, float (s, 2, 2)."""
    rows = zip(measured.steps[way], measured.right[way], strict=True)
    return np.array([[fitted(*half) for half in zip(*row, strict=True)] for row in rows])


def foretold(measured: Measured, way: str) -> np.ndarray:
    """What each half's parameters foretell of right answers within 0, 1, ... steps, float (s, 2, b + 1)."""
    beyond = np.maximum(np.arange(len(measured.law)) - SHORTEST, 0)
    share, kept = np.moveaxis(parameters(measured, way), 2, 0)[..., None]
    return np.asarray((measured.law * share * kept**beyond).cumsum(axis=2))


def off(measured: Measured, way: str) -> np.ndarray:
    """How far either half is from what the other foretells, from the shortest question on, a mean: float (s,)."""
    apart = np.abs(measured.within[way] - foretold(measured, way)[:, ::-1])
    return np.asarray(apart[:, :, SHORTEST:].mean(axis=(1, 2)))


def check(measured: Measured) -> list[Check]:
    learned = Gate(
        "five steps: right in both ways",
        measured.second,
        0.55,
        inf,
        "it knows the badge that is asked for, and goes on; who does not is right in .4",
    )
    kept = {way: parameters(measured, way)[:, :, 1] for way in WAYS}
    return [
        *(
            at_most(
                f"{way}: distance to the law that the other half foretells",
                off(measured, way),
                0.04,
                "shares of 600 questions are off by .02, and who ends early or late by as much",
                gates=[learned],
            )
            for way in WAYS
        ),
        *(
            at_most(
                f"{way}: q of one half beside that of the other",
                np.abs(np.diff(kept[way], axis=1)[:, 0]),
                0.03,
                "it can be told from 1 and from the other way's",
                gates=[learned],
            )
            for way in WAYS
        ),
        at_least(
            "q of searches above that of thoughts",
            kept["looked up"].mean(axis=1) - kept["thought"].mean(axis=1),
            0.02,
            "twice what halves of 1200 questions leave open",
            gates=[learned],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    steps = range(SHORTEST, len(measured.law))
    shares = {
        way: measured.right[way].sum(axis=1)[:, steps] / np.maximum(measured.steps[way].sum(axis=1)[:, steps], 1)
        for way in WAYS
    }
    odd = [at for at, step in enumerate(steps) if measured.law[step] > 0]
    return [
        Curves(
            name="looked_up_or_thought",
            title="Ended and right within so many steps",
            x_label="steps",
            y_label="of all questions",
            x=list(steps),
            measured={way: measured.within[way].mean(axis=1)[:, SHORTEST:] for way in WAYS},
            theory={
                "who makes no mistake": list(measured.law.cumsum()[SHORTEST:]),
                **{
                    f"{way}: the law": list(np.median(foretold(measured, way).mean(axis=1), axis=0)[SHORTEST:])
                    for way in WAYS
                },
            },
        ),
        Curves(
            name="looked_up_or_thought_steps",
            title="Questions by the steps that they take",
            x_label="steps that a question takes",
            y_label="right answers",
            x=[list(steps)[at] for at in odd],
            measured={way: shares[way][:, odd] for way in WAYS},
            theory={"who makes no mistake": [1.0] * len(odd)},
        ),
    ]
