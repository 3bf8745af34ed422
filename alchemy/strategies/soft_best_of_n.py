"""One of n chains, drawn with probability softmax(score / temperature): best-of-n that hedges.

Source: Khalaf et al., arXiv:2506.19248: the expected truth is monotone in the temperature or has one inner maximum, so a
one-dimensional search on a calibration set finds it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from alchemy.decoding.ledger import Ledger
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import Hand, bill, deal


@dataclass(frozen=True)
class SoftBestOfN:
    """Between the highest score (temperature 0) and any chain (infinite), all chains in parallel."""

    score: str = "exact"
    temperature: float = 0.1
    checker: int = 0
    """Parameters of the verifier; 0 for as many as the bank says that it has."""

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        hand = deal(bank, n, rng)
        right = _drawn(hand.score(self.score), hand, self.temperature)
        return right, bill(hand, hand.dealt, score=self.score, checker=self.checker)


def tuned(bank: Bank, n: int, score: str, rng: np.random.Generator | int) -> SoftBestOfN:
    """The temperature at which the chain drawn from `n` of the bank, a calibration set, is most often right.

    Searched between a hundredth and a hundred of the scores' deviations.
    """
    hand = deal(bank, n, np.random.default_rng(rng))
    scores = hand.score(score)
    spread = max(float(scores.std()), 1e-6)
    optimum = minimize_scalar(
        lambda log: -_drawn(scores, hand, spread * np.exp(log)).mean(),
        bounds=(np.log(0.01), np.log(100.0)),
        method="bounded",
        options={"xatol": 0.05},
    )
    return SoftBestOfN(score, float(spread * np.exp(optimum.x)))


def _drawn(score: np.ndarray, hand: Hand, temperature: float) -> np.ndarray:
    """Probability that the chain drawn is right, float (s, n)."""
    score = np.where(hand.dealt, score, -np.inf)
    top = np.where(hand.dealt[..., :1], score.max(axis=2, keepdims=True), 0.0)
    weight = np.exp((score - top) / temperature)
    return (weight * hand.of(hand.bank.right)).sum(axis=2) / np.maximum(weight.sum(axis=2), 1e-30)
