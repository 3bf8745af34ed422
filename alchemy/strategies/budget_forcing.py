"""Chains that think exactly as long as they are told: cut short, or made to go on where they would end (arXiv:2501.19393)."""

from __future__ import annotations

from dataclasses import dataclass

from alchemy.decoding.forcing import Forcing, Marks
from alchemy.problem.task import Task


@dataclass(frozen=True)
class BudgetForcing:
    """One chain of n tokens of thinking: its end is suppressed until then, the continuation written in its place."""

    def forcing(self, task: Task, n: int) -> Forcing:
        """Raises `UserError` if the task's text has no mark for the end of thinking or its continuation."""
        return Forcing(Marks.of(task), least=n + 1, budget=n)
