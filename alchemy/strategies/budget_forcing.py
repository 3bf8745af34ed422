"""Chains that think exactly as long as they are told: cut short, or made to go on where they would end (arXiv:2501.19393)."""

from __future__ import annotations

from dataclasses import dataclass

from alchemy.decoding.forcing import Forcing, Marks
from alchemy.problem.task import Vocabulary


@dataclass(frozen=True)
class BudgetForcing:
    """One chain of n tokens of thinking: its end is suppressed until then, the continuation written in its place."""

    end: str = "<answer>"
    """The mark that closes the thinking."""
    wait: str = "<wait>"
    """The continuation."""

    def forcing(self, vocabulary: Vocabulary, n: int) -> Forcing:
        """Raises `UserError` if the vocabulary lacks a mark."""
        return Forcing(Marks.of(vocabulary, self.end, self.wait), least=n + 1, budget=n)
