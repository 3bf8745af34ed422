"""Rounds over all problems at once: each gives answers to the problems that are open, and closes those whose vote is settled.

Source: bandit elimination, arXiv:2506.12721.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError
from alchemy.strategies.adaptive_consistency import leader_confidence
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import (
    Hand,
    best_scored,
    bill,
    deal,
    leading_votes,
    vote,
)


@dataclass(frozen=True)
class Bandit:
    """A budget of n answers a problem in the mean, that problems share.

    Without a score a problem closes when the leader is confident enough, as in adaptive consistency; with
    one, when a chain reaches the threshold. A round that cannot pay for all open problems serves random ones of them. The
    budget that is left when all are closed is not spent.
    """

    score: str = ""
    threshold: float = 0.5
    confidence: float = 0.95
    round_size: int = 4
    """Answers an open problem gets in a round."""
    checker: int = 0
    """Parameters of the verifier; 0 for as many as the bank says that it has."""
    spare: ClassVar[int] = 4
    """Answers a bank should have for each in the budget, so that some problems can get more than others."""

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        if self.round_size < 1:
            raise UserError(f"cannot give {self.round_size} answers a round; expected at least 1")
        hand = deal(bank, bank.shape[2], rng)
        used = np.arange(bank.shape[2]) < self._rounds(hand, n, rng)[..., None]
        rounds = range(0, bank.shape[2], self.round_size)
        right = hand.of(bank.right)
        if self.score:
            chosen = best_scored(hand.score(self.score), right, used)
            return chosen, bill(hand, used, rounds, score=self.score, checker=self.checker)
        return vote(hand.of(bank.answer), right, used), bill(hand, used, rounds)

    def _rounds(self, hand: Hand, n: int | np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """How many answers each problem draws, int (s, n)."""
        seeds, problems, k = hand.bank.shape
        closes = self._closes(hand)
        rng = np.random.default_rng(0) if rng is None else rng
        left = np.broadcast_to(np.asarray(n, float), (seeds, problems)).sum(axis=1)
        drawn, is_open = np.zeros((seeds, problems), int), np.ones((seeds, problems), bool)
        for start in range(0, k, self.round_size):
            size = min(self.round_size, k - start)
            rank = np.where(is_open, rng.random(is_open.shape), np.inf).argsort(axis=1).argsort(axis=1)
            is_open &= rank < (left // size)[:, None]
            drawn += size * is_open
            left = left - size * is_open.sum(axis=1)
            is_open &= ~closes[..., start + size - 1]
        return drawn

    def _closes(self, hand: Hand) -> np.ndarray:
        """Whether a problem closes after each of its answers, bool (s, n, k)."""
        if self.score:
            return np.logical_or.accumulate(hand.score(self.score) >= self.threshold, axis=2)
        return leader_confidence(*leading_votes(hand.of(hand.bank.answer))) >= self.confidence
