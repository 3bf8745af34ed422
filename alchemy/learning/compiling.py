"""How long this process traced, lowered and compiled programs, as jax reports it."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import Any

import jax

STAGES = "/jax/core/compile/"
"""What the names of the events begin with: tracing, lowering, and compiling or reading what was compiled before."""


class Spans:
    """Spans of time, told in the order of their ends, and how long all of them are together: what several share counts once."""

    def __init__(self) -> None:
        self._apart: list[tuple[float, float]] = []
        self._lock = Lock()

    def add(self, start: float, end: float) -> None:
        with self._lock:
            while self._apart and self._apart[-1][1] >= start:
                start = min(start, self._apart.pop()[0])
            self._apart.append((start, end))

    def seconds(self) -> float:
        with self._lock:
            return sum(end - start for start, end in self._apart)


_made = Spans()


def _heard(event: str, duration_secs: float, **_: Any) -> None:
    if event.startswith(STAGES):
        end = monotonic()
        _made.add(end - duration_secs, end)


jax.monitoring.register_event_duration_secs_listener(_heard)


def seconds() -> float:
    """Seconds since this module was imported in which any thread was at one of the stages."""
    return _made.seconds()
