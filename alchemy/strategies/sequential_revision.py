"""One chain that drafts again with its earlier drafts before its eyes; the last draft is the answer (arXiv:2408.03314)."""

from __future__ import annotations

from dataclasses import dataclass

from alchemy.decoding.forcing import Forcing, Marks
from alchemy.problem.task import Task


@dataclass(frozen=True)
class SequentialRevision:
    """One chain of exactly n drafts, a continuation between each and the next."""

    def forcing(self, task: Task, n: int) -> Forcing:
        """Raises `UserError` if the task's text has no mark for the end of thinking or its continuation."""
        return Forcing(Marks.of(task), least=n - 1, exact=True)
