"""The setting that the claims of arXiv:2508.01191 have in common, at three scales, so that they share trained models.

smoke  seconds: whether the code runs, never whether a claim holds
small  minutes on two CPU cores: a decoder of 100K parameters, one token a symbol, loss on the completion, the number
       of steps chosen so that problems like those trained on are solved on held-out elements
full   one GPU: the paper's recipe (section 4: 4 layers, width 32, loss on the whole line, batches of 1,024, 10 epochs
       over 26^4 elements), with one token a symbol

Dimension letters: `s` seeds, `n` problems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Loss
from alchemy.learning.train import Runs
from alchemy.report.claim import Gate
from alchemy.scoring.metrics import PARTS
from alchemy.testtime.answers import Answers
from experiments.scales import Scale
from models.transformer import Transformer
from tasks.symbols import Symbols

ELEMENTS = 26**4


@dataclass(frozen=True)
class Setting:
    """What is trained, how, and how it is tested; the defaults are the small scale."""

    seeds: int = 10
    """Replicates, each with weights, training data and test problems of its own. Ten that agree decide either way: HOLDS
    needs five, FAILS ten with up to 27 checks."""
    test: int = 1000
    """Held-out problems in each test of each seed."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=40, tied=False, activation="relu")
    train: TrainConfig = TrainConfig(steps=150, batch=64, learning_rate=6e-3)
    """For one composition."""
    slow_factor: int = 2
    """Several compositions, or a position scheme that is slow to learn, get this many times the steps."""
    loss: Loss = "completion"

    def fit(self, lab: Lab, task: Symbols, *, model: Transformer | None = None, slow: bool = False, **how: Any) -> Runs:
        """Models of this setting trained on `task`."""
        train = self.schedule(slow or len(task.compositions) > 1)
        label = "train on " + ", ".join(task.compositions[:3]) + (", ..." if len(task.compositions) > 3 else "")
        how = {"seeds": self.seeds, "loss": self.loss, "label": label, **how}
        return lab.train(model or self.model, task, train, **how)

    def schedule(self, longer: bool) -> TrainConfig:
        """How what takes longer to learn, or does not, is trained."""
        return replace(self.train, steps=self.train.steps * self.slow_factor) if longer else self.train


SMOKE: dict[str, Any] = {
    "seeds": 2,
    "test": 32,
    "model": Transformer(width=16, layers=1, heads=2, context=40, tied=False, activation="relu"),
    "train": TrainConfig(steps=8, batch=16, chunk=8),
    "slow_factor": 1,
}
FULL: dict[str, Any] = {
    "seeds": 5,
    "test": 4000,
    "model": Transformer(width=32, layers=4, heads=4, context=40),
    "train": TrainConfig(steps=10 * ELEMENTS // 1024, batch=1024, chunk=500),
    "slow_factor": 3,
    "loss": "sequence",
}


smoke, full = Scale(SMOKE), Scale(FULL)


@dataclass(frozen=True)
class Scores:
    """The scores of the paper's tables on one test, a number a seed: each array float (s,)."""

    exact: Mapping[str, np.ndarray]
    """Share of exact matches by part: full, reasoning, answer."""
    distance: Mapping[str, np.ndarray]
    """Mean edit distance by part."""
    corpus_bleu: np.ndarray
    """Of the full chain, on `13a` tokens: the BLEU of the paper's tables."""
    sentence_bleu: np.ndarray
    """Of the full chain, on whitespace tokens: the BLEU of the paper's released code."""
    unfaithful: np.ndarray
    """Share of right answers after a wrong chain."""
    floors: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    """What predictors without understanding score here (`Answers.floors`)."""


def scores(answers: Answers, trained: Symbols | None = None) -> Scores:
    """The scores of each seed's answers; with the task `trained` on, the floors of the test too."""
    return Scores(
        exact={part: answers.mean("exact_match", part) for part in PARTS},
        distance={part: answers.mean("edit_distance", part) for part in PARTS},
        corpus_bleu=answers.corpus_bleu(),
        sentence_bleu=answers.mean("bleu"),
        unfaithful=answers.mean("unfaithful"),
        floors=answers.floors(trained) if trained is not None else {},
    )


def solved(name: str, exact: np.ndarray) -> Gate:
    """A seed counts where its model solves held-out elements of what it was trained on; `exact` float (s,)."""
    return Gate(f"{name}: exact", exact, 0.99, inf, "solved, but for noise")


def joined(tests: Sequence[Scores]) -> Scores:
    """The scores of seeds that were tested one by one."""
    first = tests[0]
    floors = {
        name: {score: np.concatenate([test.floors[name][score] for test in tests]) for score in by_score}
        for name, by_score in first.floors.items()
    }
    return Scores(
        exact={part: np.concatenate([test.exact[part] for test in tests]) for part in first.exact},
        distance={part: np.concatenate([test.distance[part] for test in tests]) for part in first.distance},
        corpus_bleu=np.concatenate([test.corpus_bleu for test in tests]),
        sentence_bleu=np.concatenate([test.sentence_bleu for test in tests]),
        unfaithful=np.concatenate([test.unfaithful for test in tests]),
        floors=floors,
    )
