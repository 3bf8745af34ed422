"""Chain after chain until a verifier passes one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import (
    best_scored,
    bill,
    deal,
    drawn_until,
)


@dataclass(frozen=True)
class Rejection:
    """The first chain whose score reaches the threshold, at most n one after the other.

    With an exact score it is best-of-n that stops at success and so knows no difficulty: an early exit alone.
    """

    score: str = "exact"
    threshold: float = 0.5
    guess: bool = True
    """Whether the best seen is the answer if none passes; otherwise there is none, which is wrong."""
    checker: int = 0
    """Parameters of the verifier; 0 for as many as the bank says that it has."""

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        hand = deal(bank, n, rng)
        score = hand.score(self.score)
        passed = score >= self.threshold
        used = hand.dealt & drawn_until(passed)
        answers = used if self.guess else used & passed  # one that passes has the highest score of those used
        right = best_scored(score, hand.of(bank.right), answers)
        rounds = range(used.shape[2])
        return right, bill(hand, used, rounds, score=self.score, checker=self.checker)
