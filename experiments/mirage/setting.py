"""The setting that the claims of arXiv:2508.01191 have in common, at three scales, so that they share trained models.

smoke  seconds: whether the code runs, never whether a claim holds
small  minutes on two CPU cores: a decoder of 100K parameters, one token a symbol, loss on the completion, the number
       of steps chosen so that problems like those trained on are solved on held-out elements
full   one GPU: the paper's recipe (section 4: 4 layers, width 32, loss on the whole line, batches of 1,024, 10 epochs
       over 26^4 elements), with one token a symbol
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Loss
from alchemy.learning.train import Runs
from alchemy.stats.measure import Interval
from alchemy.testtime.answers import Answers
from models.transformer import Transformer
from tasks.symbols import Symbols

ELEMENTS = 26**4


@dataclass(frozen=True)
class Setting:
    """What is trained, how, and how it is tested."""

    seeds: int = 5
    """Models trained from different initial weights on different data."""
    test: int = 1000
    """Held-out problems in each test."""
    model: Transformer = field(default_factory=Transformer)
    train: TrainConfig = field(default_factory=TrainConfig)
    """For one composition."""
    more: int = 2
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
        return replace(self.train, steps=self.train.steps * self.more) if longer else self.train


SMOKE: dict[str, Any] = {
    "seeds": 2,
    "test": 32,
    "model": Transformer(width=16, layers=1, heads=2, context=40, tied=False, activation="relu"),
    "train": TrainConfig(steps=8, batch=16, chunk=8),
    "more": 1,
}
SMALL: dict[str, Any] = {
    "model": Transformer(width=64, layers=2, heads=4, context=40, tied=False, activation="relu"),
    "train": TrainConfig(steps=150, batch=64, learning_rate=6e-3),
}
FULL: dict[str, Any] = {
    "test": 4000,
    "model": Transformer(width=32, layers=4, heads=4, context=40),
    "train": TrainConfig(steps=10 * ELEMENTS // 1024, batch=1024, chunk=500),
    "more": 3,
    "loss": "sequence",
}


def profile(answers: Answers) -> dict[str, Interval]:
    """The scores of the paper's tables, each with its interval."""
    parts = {"full": "full", "reasoning": "reasoning", "answer": "answer"}
    return {
        **{f"exact {name}": answers.interval("exact_match", part) for name, part in parts.items()},
        **{f"distance {name}": answers.interval("edit_distance", part) for name, part in parts.items()},
        "bleu full": answers.corpus_bleu(),
        "bleu full, sentence": answers.interval("bleu"),
        "right answer, wrong trace": answers.interval("unfaithful"),
    }
