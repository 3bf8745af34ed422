"""Start n chains, stop when the first m have ended, and let those vote.

Source: Hassid et al., arXiv:2505.17813 (short-m@k); ties are split here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import bill, deal, vote


@dataclass(frozen=True)
class ShortMAtN:
    """A vote of the `first` chains to end, all in parallel; what the others wrote until then is paid for."""

    first: int = 1

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        if self.first < 1:
            raise UserError(f"cannot wait for {self.first} chains; expected at least 1")
        hand = deal(bank, n, rng)
        tokens = np.where(hand.dealt, hand.of(bank.tokens), np.iinfo(np.int32).max)
        rank = tokens.argsort(axis=2, kind="stable").argsort(axis=2)
        ended = hand.dealt & (rank < self.first)
        last = np.where(ended, tokens, 0).max(axis=2)
        paid = bill(hand, hand.dealt)
        written = np.where(hand.dealt, np.minimum(tokens, last[..., None]), 0).sum(axis=2)
        right = vote(hand.of(bank.answer), hand.of(bank.right), ended)
        return right, Ledger.of(bank.parameters, paid.prompt, written, last)
