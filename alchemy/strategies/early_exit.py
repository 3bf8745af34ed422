"""Vote after every chain, and stop when no more of the n could change the outcome: knows nothing of difficulty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import (
    bill,
    deal,
    drawn_until,
    leading_votes,
    vote,
)


@dataclass(frozen=True)
class EarlyExit:
    """The majority vote of n chains, exactly, one after the other and without those that come too late to matter.

    The control for online strategies: what is saved here is saved at any difficulty.
    """

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        hand = deal(bank, n, rng)
        answer = hand.of(bank.answer)
        first, second = leading_votes(answer)
        left = hand.dealt.sum(axis=2, keepdims=True) - 1 - np.arange(answer.shape[2])
        used = hand.dealt & drawn_until(first > second + left)
        return vote(answer, hand.of(bank.right), used), bill(hand, used, range(used.shape[2]))
