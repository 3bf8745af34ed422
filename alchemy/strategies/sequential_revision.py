"""One chain that drafts again with its earlier drafts before its eyes; the last draft is the answer (arXiv:2408.03314)."""

from __future__ import annotations

from dataclasses import dataclass

from alchemy.decoding.forcing import Forcing, Marks
from alchemy.problem.task import Vocabulary


@dataclass(frozen=True)
class SequentialRevision:
    """One chain of exactly n drafts, a continuation between each and the next."""

    end: str = "<answer>"
    """The mark that closes the thinking."""
    wait: str = "<wait>"
    """The continuation."""

    def forcing(self, vocabulary: Vocabulary, n: int) -> Forcing:
        """Raises `UserError` if the vocabulary lacks a mark."""
        return Forcing(Marks.of(vocabulary, self.end, self.wait), least=n - 1, exact=True)
