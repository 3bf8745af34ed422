"""Particle filtering over steps: chains are drawn again after each step in proportion to their weight (arXiv:2502.01618)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.decoding.sampler import Sampler
from alchemy.errors import UserError
from alchemy.strategies.tree import Answered, Question, grow_chains
from alchemy.testtime.rewards import Reward


@dataclass(frozen=True)
class ParticleFilter:
    """`n` chains, each step resampled with weights exp(score / softness)."""

    n: int = 16
    softness: float = 0.25
    seed: int = 0
    """Of the resampling."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UserError(f"there must be at least 1 chain, not {self.n}")
        if self.softness <= 0:
            raise UserError(f"softness {self.softness} is not positive")

    @property
    def rows(self) -> int:
        return self.n

    def answer(self, sampler: Sampler, reward: Reward, question: Question) -> Answered:
        streams = [np.random.default_rng([self.seed, number]) for number in question.numbers]

        def choose(scores: np.ndarray) -> np.ndarray:
            return resample(np.array([rng.random() for rng in streams]), scores / self.softness)

        return grow_chains(sampler, reward, question, self.n, choose)


def resample(offset: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Systematic resampling by one uniform number (n,) each: indices int (n, w), each drawn as often as its weight exp(logit)
    says, rounded either way."""
    weight = np.exp(logits - logits.max(axis=1, keepdims=True))
    ends = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)
    w = logits.shape[1]
    points = (offset[:, None] + np.arange(w)) / w
    return (points[:, :, None] >= ends[:, None, :]).sum(axis=2).clip(max=w - 1)
