"""Vote window by window, and stop when a window is of one mind.

Source: Li et al., arXiv:2401.10480 (ESC): windows of 5, at most 40 chains, then a majority of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import (
    bill,
    deal,
    drawn_until,
    vote,
)


@dataclass(frozen=True)
class EarlyStopping:
    """A majority vote in windows of parallel chains, at most n in all."""

    window: int = 5

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        hand = deal(bank, n, rng)
        answer = hand.of(bank.answer)
        used = hand.dealt & drawn_until(self._agreed(answer))
        return vote(answer, hand.of(bank.right), used), bill(hand, used, range(0, used.shape[2], self.window))

    def _agreed(self, answer: np.ndarray) -> np.ndarray:
        """Whether a chain ends a whole window of equal answers, bool (s, n, m)."""
        seeds, problems, m = answer.shape
        whole = m // self.window * self.window
        windows = answer[..., :whole].reshape(seeds, problems, -1, self.window)
        ends = np.zeros(answer.shape, bool)
        alike = (windows == windows[..., :1]).all(axis=3)
        ends[..., self.window - 1 : whole : self.window] = alike & (windows >= 0).all(axis=3)
        return ends
