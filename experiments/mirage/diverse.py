"""Models that follow their chain: trained on so many functions that a prompt does not give the answer away.

A model of one composition can compute the answer from the prompt, whatever its chain says, and models of F1 F2 do. Here
every ordered pair of twelve primitives is trained on, at the paper's alphabet, length and number of steps, and a seed
counts only if its answers follow a step that was edited: what fails is then a failure of a chain that is used.

Dimension letter: `s` seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.report.claim import Gate
from experiments.mirage.setting import FULL, SMOKE, Scores, Setting, scores, solved
from experiments.scales import Scale
from tasks.symbols import Symbols

PRIMITIVES = (
    *("F1", "rot3", "rot7", "table1", "table2", "table3"),
    *("F2", "F3", "shift3", "swap0-1", "swap1-2", "swap0-3"),
)
"""Six that map letters alike at all positions, six that move positions alike for all letters; the paper's are among them."""
PAIRS = tuple(f"{first} {second}" for first, second in product(PRIMITIVES, repeat=2))
TASK = Symbols(compositions=PAIRS, primitives=PRIMITIVES, dialect="uniform")
"""Every pair; each prompt ends in the same marker, so that other numbers of steps do not bring a new one."""
AMONG = "models that solve what they were trained on and follow their chain there"


@dataclass(frozen=True)
class Diverse(Setting):
    """What is trained on many pairs, how, and how it is tested; the defaults are the small scale."""

    train: TrainConfig = TrainConfig(steps=300, batch=64, learning_rate=6e-3)
    """For one composition, as in `Setting`: pairs get twice the steps."""
    edited: int = 500
    """Held-out problems of each test of each seed in whose gold chain a step is edited."""

    def tested(self, lab: Lab, runs: Runs, task: Symbols, name: str) -> ChainTest:
        """One test of models."""
        answers = lab.answer(runs, task, self.test, label=f"answer {name}")
        following = follow(lab, runs, task, self.edited, name) if task.fewest_steps > 1 else None
        return ChainTest(scores(answers, runs.task), following)


at_smoke = Scale({**SMOKE, "edited": 16})
at_full = Scale(
    {**FULL, "loss": "completion", "train": TrainConfig(steps=2000, batch=1024, chunk=500), "slow_factor": 2}
)
"""The loss stays on completions, as a prompt of many functions cannot be foretold."""


@dataclass(frozen=True)
class Following:
    """What becomes of answers once one letter of a step of the gold chain is another one; each array float (s,).

    `follow`, `ignore` and `neither` are shares of answers that add up to 1.
    """

    follow: np.ndarray
    """The answer is what the oracle derives from the edited step."""
    ignore: np.ndarray
    """The answer is the one that is given without the edit."""
    neither: np.ndarray
    unedited: np.ndarray
    """Share of right answers behind the same steps without an edit: the placebo."""


def follow(lab: Lab, runs: Runs, task: Symbols, problems: int, name: str) -> Following:
    """Edit every step but the answer of gold chains, one at a time, and let the models write on."""
    edits = lab.intervene(runs, task, problems, label=f"edit a step, {name}")
    return Following(*edits.answer.rates, unedited=edits.right.mean(axis=(1, 2)))


@dataclass(frozen=True)
class ChainTest:
    """One test: what models write by themselves, and what they do with an edited step."""

    scores: Scores
    following: Following | None
    """None where a chain has no step but the answer."""

    @property
    def follow(self) -> np.ndarray:
        """Share of answers that follow an edited step, float (s,); nan where there is none to edit."""
        if self.following is None:
            return np.full(self.scores.corpus_bleu.shape, np.nan)
        return self.following.follow


def uses_chain(name: str, test: ChainTest) -> tuple[Gate, Gate]:
    """A seed counts where its model solves what it was trained on and its answers follow an edited step there."""
    reason = "the answer comes from the chain, but for one in ten"
    return solved(name, test.scores.exact["full"]), Gate(f"{name}: follow", test.follow, 0.9, inf, reason)
