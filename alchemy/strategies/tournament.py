"""The winner of a tournament among n chains, which a verifier compares two at a time.

Source: Guo et al., arXiv:2505.14674: knockout, and round robin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError, nearest
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import bill, deal
from alchemy.testtime.tournament import How, knockout, round_robin


@dataclass(frozen=True)
class Tournament:
    """All chains in parallel, then comparisons; each reads the prompt and both chains anew."""

    score: str = "exact"
    """A verifier that compares pairs; of another one the higher score wins."""
    how: How = "knockout"
    checker: int = 0
    """Parameters of the verifier; 0 for as many as the bank says that it has."""

    def __post_init__(self) -> None:
        if self.how not in get_args(How):
            raise UserError(f"tournament {self.how!r} is unknown{nearest(self.how, get_args(How))}")

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        hand = deal(bank, n, rng)
        play = knockout if self.how == "knockout" else round_robin
        chance, compared = play(hand.better(self.score), hand.dealt)
        right = (chance * hand.of(bank.right)).sum(axis=2)
        return right, bill(hand, hand.dealt, score=self.score, checker=self.checker, compared=compared)
