"""One display for all long work: what is done, how fast, how long it will take. On standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console


class Stage:
    """One piece of work of a known number of steps."""

    def __init__(self, progress: Progress, name: str, steps: int):
        self._progress, self.name, self.steps = progress, name, steps
        self._began, self._shown, self._first = monotonic(), 0.0, 0
        self._stored = False

    def update(self, done: int, loss: float) -> None:
        """`done` of the steps are done; `loss` is the latest."""
        now = monotonic()
        if not self._first:  # the first chunk pays for the compilation, or stands for what was resumed
            self._first, self._began = done, now
        rate = (done - self._first) / (now - self._began) if done > self._first else 0.0
        left = f", {_clock((self.steps - done) / rate)} left" if rate else ""
        self._progress.show(f"{self.name}: {done}/{self.steps} steps, loss {loss:.3f}{left}", done >= self.steps)

    def skip(self) -> None:
        """The result was there already."""
        self._stored = True

    def close(self, seconds: float) -> None:
        self._progress.finish(f"{self.name}: {'stored' if self._stored else _clock(seconds)}")


class Progress:
    """Lines on a terminal that rewrite themselves; elsewhere a plain line every few seconds."""

    def __init__(self, quiet: bool = False):
        self.console = Console(file=sys.stderr, quiet=quiet, highlight=False, soft_wrap=True)
        self.quiet = quiet
        self.prefix = ""
        self._status = self.console.status("", spinner="dots") if self.console.is_terminal and not quiet else None
        self._shown = monotonic()

    @contextmanager
    def stage(self, name: str, steps: int) -> Iterator[Stage]:
        """Show `name` while it lasts."""
        stage, began = Stage(self, name, steps), monotonic()
        self.show(f"{name}: starting", final=False)
        if self._status:
            self._status.start()
        try:
            yield stage
        finally:
            if self._status:
                self._status.stop()
        stage.close(monotonic() - began)

    def show(self, text: str, final: bool) -> None:
        """The state of the current stage; off a terminal at most a line every five seconds."""
        if self._status:
            self._status.update(f"{self.prefix}{text}")
        elif not final and monotonic() - self._shown > 5:
            self._shown = monotonic()
            self.say(text)

    def finish(self, text: str) -> None:
        """The closing line of a stage."""
        self._shown = monotonic()
        self.say(text)

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(f"{self.prefix}{text}", markup=False)


def _clock(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
