"""One answer, taken as it comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import bill, deal


@dataclass(frozen=True)
class Direct:
    """One answer, whatever the budget."""

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        hand = deal(bank, np.minimum(n, 1), rng)
        return (hand.of(bank.right) & hand.dealt)[..., 0].astype(float), bill(hand, hand.dealt)
