"""What the claims on wrong traces and on commitment have in common: one function to learn, or many to compose.

Elements of four letters go through three primitives. With *one* composition the answer is one fixed function of the element,
which a model can learn without any step; with *many* it has to compose three functions that the prompt names, while each
step of the chain takes one. Prompts, chains and answers have the same shape in both.

smoke  seconds: whether the code runs, never whether a claim holds
small  minutes on two CPU cores: a decoder of 100K parameters, loss on the completion
full   one GPU: a wider and deeper decoder, ten times the steps

Dimension letters: `s` seeds, `n` problems, `t` tokens, `k` steps of a chain, `l` letters of an element.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch
from experiments.scales import Scale
from models.transformer import Transformer
from tasks.symbols import Symbols

PRIMITIVES = ("rot1", "rot3", "table1", "table2", "shift1", "swap0-1", "swap1-2", "reverse")
"""Four that map letters alike at all positions, four that move positions alike for all letters."""
STEPS = 3
"""Primitives of a composition, states of a chain and its answer."""
Functions = Literal["one", "many"]
FUNCTIONS: tuple[Functions, ...] = get_args(Functions)


@dataclass(frozen=True)
class Setting:
    """What is trained, how, and how it is tested; the defaults are the small scale."""

    seeds: int = 10
    """Replicates, each with compositions, weights, training lines and test problems of its own. Ten that agree decide either
    way: HOLDS needs five, FAILS ten."""
    test: int = 800
    """Held-out problems in each test of each seed; a quarter of them is for gates."""
    many: int = 256
    """Compositions where there are many, of the 512 there are."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=48, tied=False, activation="relu")
    train: TrainConfig = TrainConfig(steps=300, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)

    def task(self, functions: Functions, seed: int) -> Symbols:
        """The compositions of one seed, drawn for it, different ones."""
        count = {"one": 1, "many": self.many}[functions]
        codes = stream(f"{functions} of the compositions", seed).choice(len(PRIMITIVES) ** STEPS, count, replace=False)
        digits = codes[:, None] // len(PRIMITIVES) ** np.arange(STEPS) % len(PRIMITIVES)
        names = tuple(" ".join(PRIMITIVES[digit] for digit in row) for row in digits)
        return Symbols(compositions=names, primitives=PRIMITIVES, alphabet="ABCDEFGHIJKL")

    def lines(self, lab: Lab, task: Symbols, seed: int) -> Batch:
        """As many training lines with right chains as training reads."""
        return lab.split.sample(task, stream("training lines", seed), self.train.steps * self.train.batch, "train")

    def fit(self, lab: Lab, task: Symbols, lines: Batch, seed: int, label: str) -> Runs:
        """One seed's model, trained on its own lines."""
        return lab.train(self.model, task, self.train, seeds=(seed,), sets=[lines], label=f"train {label}, seed {seed}")


SMOKE: dict[str, Any] = {
    "seeds": 2,
    "test": 32,
    "many": 8,
    "model": Transformer(width=16, layers=1, heads=2, context=48, tied=False, activation="relu"),
    "train": TrainConfig(steps=8, batch=16, chunk=8),
}
FULL: dict[str, Any] = {
    "test": 2000,
    "model": Transformer(width=128, layers=4, heads=4, context=48, tied=False, activation="relu"),
    "train": replace(Setting.train, steps=3000, batch=256),
}


smoke, full = Scale(SMOKE), Scale(FULL)
