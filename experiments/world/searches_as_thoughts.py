"""Searches and steps of thought are one curve with one parameter, what a step is worth; a thought is worth a search.

Source       arXiv:2506.18959 (that searches scale as tokens of reasoning do: a conjecture without a curve), 2410.04343; the common
             curve, its exact law, the parameter and the known rate are ours
Prediction   Agents find the entity that two relations lead from, by going back depth first: some look up where they come from, some
             have it in their prompt and think it, a step for each search; whether an entity is the one both look up. Of all
             questions F(b; w) = sum_a P(Binomial(b, w) = a) F(a) are solved within b steps: F(a) is exact, the share of
             questions that take a steps or fewer, and w, what a step is worth, is all that is fitted. Both curves are within .06
             of theirs at every b; w of thoughts is within .1 of that of searches; and w of 3 to 5 steps foretells 9 steps
             within .05.
Refuted if   One of these bounds is missed in most seeds: a thought is worth another number of searches, or no number of them.
Controls     Where three of ten searches are told nothing and have to be made again, the rate is known: w is .7 of that of searches
             that never fail, within .05. One parameter does not fit anything concave: the best 1 - exp(-(b - 2) / c) is .04
             further off than the law. The law can tell: 1200 questions leave .015 of w open, so that .9 is not taken for 1, and
             steps of which two in a hundred are lost for good are off by .06 (tests draw them). An agent counts if it solves its
             plain case: .9 of other questions of three steps, in either way.
Run          alchemy reproduce searches_as_thoughts --preset small      # nine minutes on 2 CPU cores, beside other work
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
from experiments.world.whole_episodes import played
from models.transformer import Transformer
from tasks.origins import Origins, judge, laws
from tasks.origins.environment import truth
from tasks.origins.write import needed

CLAIM = Claim(
    sentence="Searches and steps of thought are one curve with one parameter, what a step is worth; a thought is worth a search.",
    source="arXiv:2506.18959 and 2410.04343; the curve, its exact law and the known rate are ours",
    prediction="solved within b steps: F(b; w), off by .06 at most; w of thoughts within .1 of that of searches; .7 where .3 fail",
    refuted_if="a curve is off by over .06 somewhere, w of thoughts by over .1, the known rate by over .05, or 9 steps are not foretold",
    question="How is a budget best spent?",
    among="agents that have learned to go back",
)
LOOKED, FAILED, THOUGHT = "looked up", "looked up, 3 of 10 fail", "thought"
WAYS = (LOOKED, FAILED, THOUGHT)
FAILS = 0.3
SHORTEST = 3
"""Steps that a question of two relations takes at least: back, back, and a look."""
NEAR = 5
"""Up to so many steps is what the others are foretold from."""
WORTH = np.arange(300, 1001, 2) / 1000
"""Values among which what a step is worth is sought."""
SCALES = np.linspace(0.2, 15.0, 1000)
"""The same of exponentials."""


@dataclass(frozen=True)
class Config:
    """Two agents, with the world in their prompts and without; the searches of the second fail at times in training."""

    seeds: int = 5
    """Replicates, each with weights, training worlds and questions of its own."""
    test: int = 1600
    """Held-out questions of each seed in each way; a quarter is for gates."""
    task: Origins = Origins(entities=5, hops=(2,), budgets=(10,), announced=False, badge=0)
    """The badge is always the same: to compare two numbers is learned late, and no part of the question."""
    width: int = 64
    layers: int = 2
    heads: int = 4
    train: TrainConfig = TrainConfig(steps=2500, batch=64, optimizer="muon")
    """Of who thinks: by 1,500 steps, which were judged first, two of five had not learned to."""
    brief: TrainConfig = TrainConfig(steps=1000, batch=32, optimizer="muon")
    """Of who looks up, and has less to learn."""

    def model(self, task: Origins) -> Transformer:
        """As long as the texts of a task."""
        return Transformer(width=self.width, layers=self.layers, heads=self.heads, context=task.max_len)

    @property
    def tasks(self) -> dict[str, Origins]:
        """By way."""
        failing = replace(self.task, reliability=1 - FAILS)
        return {LOOKED: self.task, FAILED: failing, THOUGHT: replace(self.task, shown=True)}


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=64,
        task=replace(SMALL.task, entities=3, budgets=(6,)),
        width=16,
        layers=1,
        heads=2,
        train=TrainConfig(steps=4, batch=8, chunk=4),
        brief=TrainConfig(steps=4, batch=8, chunk=4),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        task=replace(SMALL.task, entities=12, budgets=(16,)),
        width=256,
        layers=4,
        heads=8,
        train=TrainConfig(steps=20_000, batch=256, learning_rate=3e-4),
        brief=TrainConfig(steps=20_000, batch=256, learning_rate=3e-4),
    ),
}


@dataclass(frozen=True)
class Measured:
    """What agents solve in each way, a number a seed."""

    steps: tuple[int, ...]
    """Numbers of steps, from the fewest on that a question takes."""
    solved: dict[str, np.ndarray]
    """Shares of all questions that an agent ended by itself and answered rightly within so many, float (s, b)."""
    family: np.ndarray
    """What the law says of these at each of `WORTH`, float (w, b)."""
    shortest: dict[str, np.ndarray]
    """Right answers to other questions of three steps: for gates, float (s,)."""
    true: dict[str, np.ndarray]
    """Steps that were told, or thought, what the world holds, or nothing, float (s,)."""


def run(config: Config, lab: Lab) -> Measured:
    gate, judged = gate_split(config.test)
    most = max(config.task.budgets)
    steps = tuple(range(SHORTEST, most))
    tasks = config.tasks
    runs = {
        way: lab.train(config.model(tasks[way]), tasks[way], train, seeds=config.seeds, label=f"train, {way}")
        for way, train in ((FAILED, config.brief), (THOUGHT, config.train))
    }
    runs[LOOKED] = runs[FAILED]
    solved, shortest, true = {}, {}, {}
    for way, task in tasks.items():
        said = played(lab, runs[way], task, config.test, most, f"go back, {way}")
        shape = said.made.shape
        good = said.answers[:, :, -1] == (truth(task, said.batch.problem) + task.first_entity).reshape(shape)
        ended = good[:, :, None] & (said.made[:, :, None] <= np.array(steps))
        solved[way] = ended[:, judged].mean(axis=1)
        take = needed(replace(task, reliability=1.0), said.batch.problem).reshape(shape)
        plain = take[:, gate] == SHORTEST
        shortest[way] = (good[:, gate] & plain).sum(axis=1) / np.maximum(plain.sum(axis=1), 1)
        searches = judge.searches(task, said.batch.problem, said.completions(said.made))
        true[way] = (searches.true.sum(axis=1) / np.maximum(searches.made, 1)).reshape(shape).mean(axis=1)
    law = [
        [laws.found(config.task.entities, max(config.task.hops), budget, worth) for budget in steps] for worth in WORTH
    ]
    return Measured(steps, solved, np.array(law), shortest, true)


def nearest_of(family: np.ndarray, solved: np.ndarray) -> np.ndarray:
    """Which of curves (w, b) is nearest to each of some, float (s, b), by squares: int (s,)."""
    return np.asarray(((solved[:, None] - family) ** 2).sum(axis=2).argmin(axis=1))


def worth(measured: Measured, way: str) -> np.ndarray:
    """What a step is worth, float (s,)."""
    return WORTH[nearest_of(measured.family, measured.solved[way])]


def off(family: np.ndarray, solved: np.ndarray) -> np.ndarray:
    """The largest distance to the nearest curve of a family, float (s,)."""
    return np.asarray(np.abs(solved - family[nearest_of(family, solved)]).max(axis=1))


def missed(measured: Measured, way: str) -> np.ndarray:
    """How far the largest number of steps is from what few steps foretell, float (s,)."""
    few, solved = np.array(measured.steps) <= NEAR, measured.solved[way]
    foretold = measured.family[nearest_of(measured.family[:, few], solved[:, few])]
    return np.asarray(np.abs(solved - foretold)[:, -1])


def exponentials(steps: tuple[int, ...]) -> np.ndarray:
    """Concave curves of one parameter that begin where the law does, float (c, b)."""
    beyond = np.array(steps) - (SHORTEST - 1)
    return np.asarray(1 - np.exp(-beyond / SCALES[:, None]))


def check(measured: Measured) -> list[Check]:
    learned = [
        Gate(f"three steps, {way}: right", measured.shortest[way], 0.9, inf, "it goes back and knows whom it looks for")
        for way in (LOOKED, THOUGHT)
    ]
    looked, solved = worth(measured, LOOKED), measured.solved
    further = off(exponentials(measured.steps), solved[THOUGHT]) - off(measured.family, solved[THOUGHT])
    return [
        *(
            at_most(
                f"{way}: largest distance to the law of one parameter",
                off(measured.family, solved[way]),
                0.06,
                "noise of 1200 questions makes .03 in one of twenty; two steps in a hundred lost for good make .06",
                gates=learned,
            )
            for way in WAYS
        ),
        near(
            "what a thought is worth, in searches",
            worth(measured, THOUGHT) / looked,
            1.0,
            0.1,
            "known to .02; a thought of ten that is lost would show",
            gates=learned,
        ),
        near(
            "what a search is worth where 3 of 10 fail, in searches that never do",
            worth(measured, FAILED) / looked,
            1 - FAILS,
            0.05,
            "the known rate; three times what 1200 questions leave open",
            gates=learned,
        ),
        at_most(
            f"{THOUGHT}: distance of the most steps to what {NEAR} foretell",
            missed(measured, THOUGHT),
            0.05,
            "twice what 1200 questions leave open",
            gates=learned,
        ),
        at_least(
            f"{THOUGHT}: how much further the nearest exponential is",
            further,
            0.04,
            "half of what it is where a step is worth .9",
            gates=learned,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    x = [SHORTEST - 1, *measured.steps]
    fitted = {way: float(np.median(worth(measured, way))) for way in WAYS}

    def curve(worth: float) -> list[float]:
        return [0.0, *measured.family[np.abs(WORTH - worth).argmin()]]

    return [
        Curves(
            name="searches_as_thoughts",
            title="Solved within so many searches, or steps of thought",
            x_label="steps",
            y_label="of all questions",
            x=x,
            measured={way: np.pad(measured.solved[way], ((0, 0), (1, 0))) for way in WAYS},
            theory={
                "who makes no mistake": curve(1.0),
                **{f"{way}: a step is worth {fitted[way]:.2f}": curve(fitted[way]) for way in (FAILED, THOUGHT)},
            },
        )
    ]
