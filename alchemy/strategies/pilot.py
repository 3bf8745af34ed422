"""A few first answers tell how hard a problem is, and the rest of the budget is moved between problems by that.

Source: the difficulty bins of Snell et al., arXiv:2408.03314, section 3.2, whose 2,048 first answers are not charged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError, nearest
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.testtime.allocation import allocated
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import (
    bill,
    deal,
    leading_votes,
    of_answers,
)

GRID = np.unique(np.geomspace(1, 4096, 37).astype(int))
"""How many answers a problem may be given."""

USES = ("reused", "discarded", "free")


@dataclass(frozen=True)
class Pilot:
    """A budget of n answers a problem in the mean, in two rounds.

    Without a score it is a vote, and the estimate is how well the first answers agree; with one it is best-of-n, and the
    estimate is their mean score. The accuracy to expect at an estimate is learned from the right answers of the other half
    of the problems.
    """

    score: str = ""
    first: int = 4
    """Answers the estimate is made of."""
    then: Literal["reused", "discarded", "free"] = "reused"
    """Whether these answers count later on, are paid for and dropped, or are dropped and not even paid for."""
    checker: int = 0
    """Parameters of the verifier; 0 for as many as the bank says that it has."""
    spare: ClassVar[int] = 4
    """Answers a bank should have for each in the budget, so that some problems can get more than others."""

    def __post_init__(self) -> None:
        if self.then not in USES:
            raise UserError(f"first answers cannot be {self.then!r}{nearest(self.then, USES)}")

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        mean, k = float(np.mean(n)), bank.shape[2]
        left = mean if self.then == "free" else mean - self.first
        if not 1 <= self.first < k or left < 0:
            raise UserError(
                f"{self.first} first answers of {k} and a budget of {mean:g}; expected fewer, and at least 1"
            )
        hand = deal(bank, k, rng)
        whole = of_answers(bank, hand.place)
        begin = 0 if self.then == "reused" else self.first
        rest = of_answers(whole, slice(begin, None))
        least = self.first - begin
        sizes = np.array([least, *GRID[(least < GRID) & (k - begin >= GRID)]])
        strategy = BestOfN(self.score) if self.score else SelfConsistency()
        curves = np.stack([strategy.replay(rest, size, None)[0] for size in sizes])
        counts = allocated(self._estimate(of_answers(whole, slice(self.first))), curves, sizes, left + least)
        right = np.take_along_axis(curves, np.searchsorted(sizes, counts)[None], axis=0)[0]
        place = np.arange(k)
        used = (place >= begin) & (place < begin + counts[..., None])
        if self.then == "discarded":
            used |= place < self.first
        return right, bill(hand, used, (0, self.first), score=self.score, checker=self.checker)

    def _estimate(self, first: Bank) -> np.ndarray:
        """How easy each problem looks, float (s, n)."""
        if self.score:
            return first.scores[self.score].mean(axis=2)
        return leading_votes(first.answer)[0][..., -1] / first.shape[2]
