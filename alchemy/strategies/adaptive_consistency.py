"""Vote after every chain, and stop when the leader is unlikely to be overtaken.

Source: Aggarwal et al., arXiv:2305.11860: the Beta rule, confidence .95, at most 40 chains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

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
class AdaptiveConsistency:
    """A majority vote, one chain after the other, at most n."""

    confidence: float = 0.95

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        hand = deal(bank, n, rng)
        answer = hand.of(bank.answer)
        used = hand.dealt & drawn_until(leader_confidence(*leading_votes(answer)) >= self.confidence)
        return vote(answer, hand.of(bank.right), used), bill(hand, used, range(used.shape[2]))


def leader_confidence(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The confidence that the leader beats the runner-up: P(Beta(first + 1, second + 1) > 1/2), in the shape of the votes."""
    most = np.arange(int(first.max(initial=0)) + 1)
    return (1 - betainc(most[:, None] + 1, most + 1, 0.5))[first, second]
