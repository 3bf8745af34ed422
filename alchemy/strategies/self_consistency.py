"""The answer that most of n chains end in.

Source: Wang et al., arXiv:2203.11171.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import bill, deal, vote


@dataclass(frozen=True)
class SelfConsistency:
    """A majority vote, all chains in parallel; ties are split."""

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        hand = deal(bank, n, rng)
        return vote(hand.of(bank.answer), hand.of(bank.right), hand.dealt), bill(hand, hand.dealt)
