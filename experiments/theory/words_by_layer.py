"""At equal training each layer more multiplies words of A5 that are a few letters longer, and doubles nothing.

Source       Merrill and Sabharwal, arXiv:2503.03961: layers that grow with the logarithm of a word are enough, 4.8 for each doubling in
             theirs after a curriculum. That models of two or three layers gain letters rather than factors is ours
Prediction   One, two and three layers are told the element behind each of 32 letters, two generators of A5, for 2,000 steps. Counted
             are the letters of new words of which half are right, between the lengths tested by a straight line. Two layers reach 4 letters more than one,
             three layers 3 more than two, and at most 1.6 times as many as two: a law of doublings has 2.
Refuted if   One of these three numbers is on the other side in most seeds.
Controls     No training word begins with a tested one, as in `state_tracking`. A seed counts where three layers are right in
             .9 of other new words of 10 letters. Who counts letters is right in
             .172 of words of 8 letters and .056 of 16. Training ends while losses still fall: this says what equal training gives,
             and not what a layer more could reach in the end. In trials on seed 900 one layer reached 12.4 letters, two 20.5,
             three 26.8; after 1,500 steps on words of 24 letters one reached 11.1 and two 19.0.
Run          alchemy reproduce words_by_layer --preset small      # 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.terminal import counted
from experiments.theory import last_letter
from experiments.theory.words import tagged, training_words
from models.transformer import Transformer
from tasks.groups import Groups, laws

CLAIM = Claim(
    sentence="At equal training each layer more multiplies words of A5 that are a few letters longer, and doubles nothing.",
    source="ours, beside arXiv:2503.03961",
    prediction="letters of which half of new words are right: 4 more by a second layer, 3 more by a third, and 1.6 times as many at most",
    refuted_if="one of the three numbers on the other side",
    question="What does a step buy?",
    among="models of which three layers multiply new words of 10 letters",
)
GROUP = "A5"
HALF = 0.5


@dataclass(frozen=True)
class Config:
    """The same words, multiplied at once by models of a few layers."""

    seeds: int = 5
    """Replicates, each with weights, training words and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 400
    """Held-out words of each length, for each seed; of short lengths a twelfth of all words, where an eighth is held out. A quarter
    of the shortest is for gates."""
    tested: tuple[int, ...] = (10, 13, 16, 20, 24, 28, 32)
    """Letters of words with which no training word begins; the last are as long as training words."""
    layers: tuple[int, int, int] = (1, 2, 3)
    model: Transformer = Transformer(width=64, heads=4, context=40, tied=False)
    """The layers are those of `layers`."""
    train: TrainConfig = TrainConfig(steps=2000, batch=64, optimizer="muon")

    @property
    def task(self) -> Groups:
        return Groups(GROUP, self.tested[-1], cot=False)

    def words(self, lab: Lab, seed: int) -> np.ndarray:
        """The words int8 (n, length) that training reads, the same ones of a seed for every model."""
        n = self.train.steps * self.train.batch
        return training_words(self.task, lab.split, stream("words of groups", seed), n, self.tested)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        tested=(6, 8, 10),
        model=Transformer(width=16, heads=2, context=32, tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        tested=(10, 13, 16, 24, 32, 48, 64),
        model=Transformer(width=128, heads=8, context=72, tied=False),
        train=TrainConfig(steps=20_000, batch=128, optimizer="muon", learning_rate=1e-3),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Shares of right answers to held-out words."""

    tested: tuple[int, ...]
    right: dict[int, np.ndarray]
    """By layers: float (s, lengths)."""
    gate: np.ndarray
    """Of the most layers, to other words of the fewest letters: float (s,)."""


def run(config: Config, lab: Lab) -> Measured:
    right = {layers: _right(config, lab, layers) for layers in config.layers}
    gate, judged = gate_split(right[config.layers[-1]][0].shape[1])
    gated = right[config.layers[-1]][0][:, gate].mean(axis=1)
    for of_layers in right.values():
        of_layers[0] = of_layers[0][:, judged]
    shares = {layers: np.stack([rows.mean(axis=1) for rows in each], axis=1) for layers, each in right.items()}
    return Measured(config.tested, shares, gated)


def _right(config: Config, lab: Lab, layers: int) -> list[np.ndarray]:
    """Whether models of so many layers say the product of new words, for each length bool (s, n)."""
    task, seeds, name = config.task, lab.seeds(config.seeds), counted(layers, "layer")
    labels = [tagged(task, config.words(lab, seed)) for seed in seeds]
    model = replace(config.model, layers=layers)
    runs = lab.train(model, task, config.train, seeds=seeds, labels=labels, label=f"train {name}")
    right = []
    for length in config.tested:
        short = replace(task, length=length)
        words = lab.held_out(short, min(config.test, 2**length // 12), seeds)
        right.append(last_letter.right(lab, runs, short, words, f"{name}, {counted(length, 'letter')}"))
    return right


def reach(tested: tuple[int, ...], right: np.ndarray) -> np.ndarray:
    """Letters at which shares float (s, lengths) first fall to a half, by a straight line between two lengths: float (s,).

    Infinite where they stay above, and the shortest length where they begin below.
    """
    found = np.full(len(right), inf)
    for row, shares in enumerate(right):
        below = np.flatnonzero(shares <= HALF)
        if not len(below):
            continue
        first = int(below[0])
        found[row] = tested[first]
        if first:
            share = (shares[first - 1] - HALF) / (shares[first - 1] - shares[first])
            found[row] = tested[first - 1] + share * (tested[first] - tested[first - 1])
    return found


def check(measured: Measured) -> list[Check]:
    one, two, three = (reach(measured.tested, right) for right in measured.right.values())
    shortest = counted(measured.tested[0], "letter")
    able = [Gate(f"3 layers, {shortest}: right", measured.gate, 0.9, inf, "it learned to multiply")]
    return [
        at_least("letters reached: 2 layers - 1", two - one, 4.0, "what lies between two tested lengths", gates=able),
        at_least("letters reached: 3 layers - 2", three - two, 3.0, "nearly as much again", gates=able),
        at_most("letters reached: 3 layers / 2", three / two, 1.6, "2 where a layer doubles them", gates=able),
    ]


def figures(measured: Measured) -> list[Figure]:
    return [
        Curves(
            name="words_by_layer",
            title=f"New words of {GROUP} at once, by layers",
            x_label="letters",
            y_label="right answers",
            x=list(measured.tested),
            measured={counted(layers, "layer"): right for layers, right in measured.right.items()},
            theory={"counting letters": [laws.count(GROUP, 0, n) for n in measured.tested]},
        )
    ]
