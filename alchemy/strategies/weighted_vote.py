"""The answer whose chains have the largest sum of scores: best-of-n weighted.

Source: Snell et al., arXiv:2408.03314, section 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import bill, deal, vote


@dataclass(frozen=True)
class WeightedVote:
    """A vote in which each chain weighs what a verifier gives it, all chains in parallel."""

    score: str = "exact"
    temperature: float = 0.0
    """Where positive a chain weighs exp(score / temperature), so that scores may be negative."""
    checker: int = 0
    """Parameters of the verifier; 0 for as many as the bank says that it has."""

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        hand = deal(bank, n, rng)
        score = hand.score(self.score)
        weight = np.exp((score - score.max(axis=2, keepdims=True)) / self.temperature) if self.temperature else score
        right = vote(hand.of(bank.answer), hand.of(bank.right), hand.dealt, weight)
        return right, bill(hand, hand.dealt, score=self.score, checker=self.checker)
