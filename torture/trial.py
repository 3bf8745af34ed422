"""What a trial of a campaign says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Trial:
    """One trial, and what went wrong in it."""

    campaign: str
    description: str
    """What was done, so that it can be done again."""
    faults: Sequence[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    skipped: str = ""
    """Why it could not be made on this machine."""
