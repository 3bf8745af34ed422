"""Beam search over steps: the best of all chains so far are kept and each goes on several ways (arXiv:2408.03314)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.decoding.sampler import Sampler
from alchemy.errors import UserError
from alchemy.strategies.tree import Answered, Question, grow_chains
from alchemy.testtime.rewards import Reward


@dataclass(frozen=True)
class Beam:
    """Of `n` chains the n / width best are kept at each step, and each of these goes on in `width` ways."""

    n: int = 16
    width: int = 4
    apart: bool = False
    """Each kept chain is the best of its own `width` (diverse verifier tree search), not one of the best of all."""

    def __post_init__(self) -> None:
        if not 1 <= self.width <= self.n or self.n % self.width:
            near = [w for w in range(1, self.n + 1) if self.n % w == 0]
            raise UserError(f"{self.n} chains cannot be divided by a width of {self.width}; expected one of {near}")

    @property
    def rows(self) -> int:
        return self.n

    def answer(self, sampler: Sampler, reward: Reward, question: Question) -> Answered:
        return grow_chains(
            sampler, reward, question, self.n, lambda scores: np.repeat(self._kept(scores), self.width, axis=1)
        )

    def _kept(self, scores: np.ndarray) -> np.ndarray:
        """Which chains go on, int (n, n / width); of equal scores the first."""
        count, keep = len(scores), self.n // self.width
        if not self.apart:
            return np.argsort(-scores, axis=1, kind="stable")[:, :keep]
        return scores.reshape(count, keep, self.width).argmax(axis=2) + np.arange(keep) * self.width
