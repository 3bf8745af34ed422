"""A budget moved between problems by an estimate of how hard each is, from one of several sources.

Source: arXiv:2410.04707 (from the prompt), arXiv:2408.03314 (from first answers), arXiv:2506.12721 (in rounds).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError, nearest
from alchemy.strategies.bandit import Bandit
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.early_exit import EarlyExit
from alchemy.strategies.pilot import GRID, Pilot
from alchemy.strategies.rejection import Rejection
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.testtime.allocation import allocated, guessed
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import Replayed, deal, of_answers

Policy = Literal["uniform", "metadata", "probe", "online", "blind", "oracle"]


@dataclass(frozen=True)
class Allocate:
    """A budget of n answers a problem in the mean, by a vote, or best-of-n where there is a score.

    uniform gives each problem n. The others estimate difficulty: metadata by a regression on features of the problem;
    probe from its first answers, which count; online in rounds that close problems whose vote is settled; oracle from the
    share of right answers in one half of the bank, with the other half as the budget. blind stops like online but with
    the same limit for all: it knows nothing of difficulty. The accuracy to expect at an estimate, and the regression, are
    learned from the right answers of the other half of the problems.
    """

    policy: Policy = "metadata"
    score: str = ""
    first: int = 4
    """Answers of a probe, and of a round online."""
    checker: int = 0
    """Parameters of the verifier; 0 for as many as the bank says that it has."""
    spare: ClassVar[int] = 4
    """Answers a bank should have for each in the budget, so that some problems can get more than others."""

    def __post_init__(self) -> None:
        if self.policy not in get_args(Policy):
            raise UserError(f"policy {self.policy!r} is unknown{nearest(self.policy, get_args(Policy))}")

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        strategy: Replayed = BestOfN(self.score, checker=self.checker) if self.score else SelfConsistency()
        if self.policy == "uniform":
            return strategy.replay(bank, n, rng)
        if self.policy == "probe":
            return Pilot(self.score, self.first, checker=self.checker).replay(bank, n, rng)
        if self.policy == "online":
            return Bandit(self.score, round_size=self.first, checker=self.checker).replay(bank, n, rng)
        whole = of_answers(bank, deal(bank, bank.shape[2], rng).place)
        if self.policy == "blind":
            return self._limited(whole, float(np.mean(n)))
        if self.policy == "metadata":
            return _reallocated(strategy, whole, guessed(bank.facts, bank.right.mean(axis=2)), float(np.mean(n)))
        half = bank.shape[2] // 2
        estimate = of_answers(whole, slice(half)).right.mean(axis=2)
        return _reallocated(strategy, of_answers(whole, slice(half, None)), estimate, float(np.mean(n)))

    def _limited(self, bank: Bank, mean: float) -> tuple[np.ndarray, Ledger]:
        """Early stopping, with the largest limit that costs no more than `mean` answers a problem."""
        strategy: Replayed = Rejection(self.score, checker=self.checker) if self.score else EarlyExit()
        budget = mean * bank.tokens.mean()
        low, high = 1, bank.shape[2]
        while low < high:
            middle = (low + high + 1) // 2
            fits = strategy.replay(bank, middle, None)[1].written.mean() <= budget
            low, high = (middle, high) if fits else (low, middle - 1)
        return strategy.replay(bank, low, None)


def _reallocated(strategy: Replayed, bank: Bank, estimate: np.ndarray, mean: float) -> tuple[np.ndarray, Ledger]:
    """Answers of a bank given to problems by an estimate (s, n) of how easy they are."""
    sizes = np.array([0, *GRID[bank.shape[2] >= GRID]])
    none = np.zeros((1, *estimate.shape))
    curves = np.concatenate([none, [strategy.replay(bank, size, None)[0] for size in sizes[1:]]])
    return strategy.replay(bank, allocated(estimate, curves, sizes, mean), None)
