"""The one of n chains that a verifier likes best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import best_scored, bill, deal


@dataclass(frozen=True)
class BestOfN:
    """The chain with the highest score, all chains in parallel; ties are split."""

    score: str = "exact"
    checker: int = 0
    """Parameters of the verifier; 0 for as many as the bank says that it has."""

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        hand = deal(bank, n, rng)
        right = best_scored(hand.score(self.score), hand.of(bank.right), hand.dealt)
        return right, bill(hand, hand.dealt, score=self.score, checker=self.checker)
