"""Whether any of n chains is right: what a perfect choice among them would score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import bill, deal


@dataclass(frozen=True)
class PassAtN:
    """Coverage: all chains in parallel, and an oracle that is not charged."""

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        hand = deal(bank, n, rng)
        return (hand.of(bank.right) & hand.dealt).any(axis=2).astype(float), bill(hand, hand.dealt)
