"""What answering costs, so that no strategy is compared to another on a bill that leaves something out.

Dimension letters: `s` seeds, `n` problems.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BUDGET = (
    "budget: FLOPs a problem of every model used, 2 x parameters x tokens read or written, prompts, dropped branches "
    "and verifiers included"
)
"""The one sentence that says what an axis called budget means."""


class Ledger(NamedTuple):
    """What `s` models spent on each of `n` problems; arrays float64 (s, n)."""

    prompt: np.ndarray  # prompt tokens read
    written: np.ndarray  # tokens written, those of dropped branches and of roll-outs included
    checked: np.ndarray  # tokens that verifiers read, and write where they write
    calls: np.ndarray  # times a verifier was asked about a chain or a part of one
    depth: np.ndarray  # tokens that had to be written one after the other: what latency is made of
    flops: np.ndarray  # of policy and verifiers
    told: np.ndarray  # tokens read that an environment wrote
    searches: np.ndarray  # times it was asked
    turns: np.ndarray  # times it answered: several searches may be asked together

    @classmethod
    def of(
        cls,
        parameters: int,
        prompt: np.ndarray,
        written: np.ndarray,
        depth: np.ndarray,
        *,
        checker: int = 0,
        checked: np.ndarray | float = 0.0,
        calls: np.ndarray | float = 0.0,
        told: np.ndarray | float = 0.0,
        searches: np.ndarray | float = 0.0,
        turns: np.ndarray | float = 0.0,
    ) -> Ledger:
        """The bill of a policy and a verifier with so many parameters."""
        entries = prompt, written, checked, calls, depth, told, searches, turns
        prompt, written, checked, calls, depth, told, searches, turns = np.broadcast_arrays(
            *(np.asarray(entry, float) for entry in entries)
        )
        flops = 2.0 * (parameters * (prompt + written + told) + checker * checked)
        return cls(prompt, written, checked, calls, depth, flops, told, searches, turns)

    def __add__(self, other: Ledger) -> Ledger:  # type: ignore[override]
        """Both bills, one after the other."""
        return Ledger(*(left + right for left, right in zip(self, other, strict=True)))
