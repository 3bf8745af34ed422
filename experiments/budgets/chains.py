"""What the claims on test-time compute have in common: chains of letter transformations, hard by known dials.

A problem is a row of letters and one to eight transformations of it; the chain of thought writes the row after each. Some
transformations are rare in training, so that steps differ in how surely they are right, and training ends early, so that
none is sure (at small .29 of all answers are right, .13 to .40 by seed, after 450 steps; .64 after 600 in a trial): pass@1 spreads
from near 0 to near 1, and what makes a problem hard is known before any model sees it.

smoke  seconds: whether the code runs, never whether a claim holds
small  two CPU cores: decoders of 100K parameters with rotary positions, ten seeds, 64 samples for each of 2,000 problems a
       seed: differences between strategies are then known to about .007 in each seed
full   one GPU: decoders of 3M parameters, 256 samples for each of 4,000 problems a seed

Gates are measured on a quarter of a seed's problems and checks on the others (`alchemy.stats.replicates.gate_split`).
Dimension letters: `s` seeds, `n` problems of each, `k` answers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alchemy.lab import verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.report.claim import Gate
from alchemy.testtime import learned_verifier as verifier
from alchemy.testtime.answers import Samples
from alchemy.testtime.bank import Bank
from experiments.scales import Scale
from models.transformer import Transformer
from tasks.symbols import Symbols

OPERATORS = {
    "rot3": 0.2,
    "shift1": 0.2,
    "reverse": 0.2,
    "swap0-2": 0.15,
    "rot7": 0.12,
    "table1": 0.06,
    "mix": 0.04,
    "table2": 0.03,
}
"""Transformations and how often each is a step of a training problem."""
RECIPE = TrainConfig(steps=450, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=6e-3)
CHECKER_RECIPE = replace(RECIPE, steps=300, matrix_rate=0.01, learning_rate=3e-3)
LLAMA: dict[str, Any] = dict(block="llama", positions="rotary", tied=False, scale=1.0)


def compositions(steps: tuple[int, ...], count: int, share: tuple[float, ...], seed: int = 0) -> tuple[str, ...]:
    """`count` different sequences of every number of steps (fewer where there are no more), steps drawn by `share`."""
    rng, names, sequences = np.random.default_rng(seed), list(OPERATORS), dict[str, None]()
    for length in steps:
        drawn = dict[str, None]()
        for _ in range(50 * count):
            drawn[" ".join(rng.choice(names, length, p=share))] = None
            if len(drawn) == min(count, len(names) ** length):
                break
        sequences |= drawn
    return tuple(sequences)


@dataclass(frozen=True)
class Setting:
    """What is trained, and how it is asked; the defaults are the small scale."""

    seeds: int = 10
    """Replicates, each with weights, training data and test problems of its own. Ten that agree decide either way: HOLDS
    needs five, FAILS eight or nine with the two to four checks that these claims have."""
    test: int = 2000
    """Held-out problems of each seed."""
    samples: int = 64
    """Answers to each."""
    steps: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    """Transformations of a problem."""
    sequences: int = 100
    """Sequences of transformations of every such number."""
    model: Transformer = Transformer(**LLAMA, width=64, layers=2, heads=4, hidden=128, context=224)
    train: TrainConfig = RECIPE
    temperature: float = 1.0

    @property
    def task(self) -> Symbols:
        """Problems as they are trained on."""
        return self.problems(self.steps)

    def problems(self, steps: tuple[int, ...], rare: bool = False) -> Symbols:
        """Problems of so many steps; with `rare`, rare transformations are as frequent as the others."""
        usual = tuple(OPERATORS.values())
        share = (1 / len(usual),) * len(usual) if rare else usual
        return Symbols(
            compositions=compositions(steps, self.sequences, share),
            primitives=tuple(OPERATORS),
            alphabet="ABCDEFGHIJ",
            dialect="uniform",
        )

    def fit(self, lab: Lab) -> Runs:
        """The models that all of these claims are about."""
        return lab.train(self.model, self.task, self.train, seeds=self.seeds, label="train on chains of 1 to 8 steps")

    def bank(self, lab: Lab, task: Symbols | None = None) -> tuple[Samples, Bank]:
        """Their answers to held-out problems, by default like those they were trained on."""
        return lab.bank(self.fit(lab), task or self.task, self.test, self.samples, temperature=self.temperature)


@dataclass(frozen=True)
class Checked(Setting):
    """These models, and verifiers that are trained on what they write."""

    practice: int = 12_000
    """Training problems that each model answers once, for its verifiers to learn from."""
    checker: TrainConfig = CHECKER_RECIPE
    """Verifiers start from the weights of the model whose answers they judge."""

    def verifiers(self, lab: Lab, kind: verifier.Kind) -> verifier.Verifier:
        """One for each model."""
        return verifiers.fit(lab, self.fit(lab), self.checker, kind=kind, problems=self.practice)


SMOKE: dict[str, Any] = {
    "seeds": 2,
    "test": 48,
    "samples": 16,
    "steps": (1, 2, 3),
    "sequences": 10,
    "model": Transformer(**LLAMA, width=16, layers=1, heads=2, context=224),
    "train": TrainConfig(steps=8, batch=16, chunk=8),
}
FULL: dict[str, Any] = {
    "seeds": 5,
    "test": 4000,
    "samples": 256,
    "sequences": 1000,
    "model": Transformer(**LLAMA, width=256, layers=4, heads=8, hidden=512, context=512),
    "train": replace(RECIPE, steps=3000, batch=256),
}
SMOKE_CHECKER: dict[str, Any] = {"practice": 200, "checker": SMOKE["train"]}
FULL_CHECKER: dict[str, Any] = {
    "practice": 200_000,
    "checker": replace(RECIPE, steps=2000, batch=256, matrix_rate=0.01),
}


smoke, full = Scale(SMOKE), Scale(FULL)
smoke_checked, full_checked = Scale({**SMOKE, **SMOKE_CHECKER}), Scale({**FULL, **FULL_CHECKER})


def between_extremes(one_answer: np.ndarray) -> Gate:
    """A seed counts where its model's answers, right to the share `one_answer` (s,), leave a choice between them."""
    return Gate("one answer: accuracy", one_answer, 0.05, 0.8, "there is something to select, and something to gain")
