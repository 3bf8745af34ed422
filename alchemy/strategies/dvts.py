"""Diverse verifier tree search: independent subtrees, in each of which the best of several steps is taken."""

from __future__ import annotations

from dataclasses import dataclass

from alchemy.decoding.sampler import Sampler
from alchemy.strategies.beam import Beam
from alchemy.strategies.tree import Answered, Question
from alchemy.testtime.rewards import Reward


@dataclass(frozen=True)
class Dvts:
    """`n` chains in n / width subtrees; each keeps the best of `width` ways to go on at every step."""

    n: int = 16
    width: int = 4

    def __post_init__(self) -> None:
        Beam(self.n, self.width)  # the same numbers are possible

    @property
    def rows(self) -> int:
        return self.n

    def answer(self, sampler: Sampler, reward: Reward, question: Question) -> Answered:
        return Beam(self.n, self.width, apart=True).answer(sampler, reward, question)
