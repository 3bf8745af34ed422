"""Progress of all long work, on standard error: steps done, steps a second, time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic

from rich.console import Console
from rich.markup import escape

from alchemy.terminal import counted


class Stage:
    """One piece of work of `steps` steps, 0 if their number is not known; `unit` says what a step is: a line, a file."""

    def __init__(self, progress: Progress, name: str, steps: int, unit: str, seeds: int):
        self._progress, self.name, self.steps, self.unit = progress, name, steps, unit
        self._seeds = f", {counted(seeds, 'seed')}" if seeds else ""
        self._started = self._rate_since = monotonic()
        self._rate_from, self._done = 0, 0
        self._stored, self._accuracy = False, ""

    def update(self, done: int, value: float | None = None, called: str = "loss") -> None:
        """`done` of the steps are done; `value` is the latest of what is called so."""
        now = monotonic()
        if not self._done:  # the first chunk includes the compilation, or the steps of a run that is resumed
            self._rate_from, self._rate_since = done, now
        self._done = done
        steps, seconds = done - self._rate_from, now - self._rate_since
        rate = steps / seconds if steps > 0 and seconds > 0 else 0.0
        total = f"/{self.steps:,}" if self.steps else ""
        text = f"{self.name}: {done:,}{total} {self.unit}{self._seeds}"
        text += f", {_short(rate)} {self.unit}/s" if rate else ""
        text += f", {called} {value:.3f}" if value is not None else ""
        text += f", {_clock((self.steps - done) / rate)} left" if rate and self.steps else ""
        self._progress.show(text, bool(self.steps) and done >= self.steps)

    def show_accuracy(self, share: float) -> None:
        """Show the share of right answers when the stage ends."""
        self._accuracy = f", {share:.1%} right"

    def say(self, text: str) -> None:
        """A line about this stage that stays."""
        self._progress.say(f"{self.name}: {text}")

    def skip(self) -> None:
        """The result was taken from the store."""
        self._stored = True

    def close(self) -> None:
        """The line that stays: how much was done, and how long it took."""
        if self._stored and not self._progress.tells_stored:
            return
        done = f"{self._done:,} {self.unit}, " if self._done and not self._stored else ""
        took = "stored" if self._stored else _clock(monotonic() - self._started)
        self._progress.finish(f"{self.name}: {done}{took}{self._accuracy}")


class Progress:
    """Lines on a terminal that rewrite themselves; elsewhere a plain line every few seconds."""

    def __init__(self, quiet: bool = False):
        self.console = Console(file=sys.stderr, quiet=quiet, highlight=False)
        self.quiet = quiet
        self.prefix = ""
        self.tells_stored = True
        """Whether a stage whose result was there ends with a line."""
        self._status = self.console.status("", spinner="dots") if self.console.is_terminal and not quiet else None
        self._shown = monotonic()

    @contextmanager
    def stage(self, name: str, steps: int = 0, unit: str = "steps", seeds: int = 0) -> Iterator[Stage]:
        """Show `name` while it lasts."""
        stage = Stage(self, name, steps, unit, seeds)
        self.show(f"{name}: starting", final=False)
        if self._status:
            self._status.start()
        try:
            yield stage
        finally:
            if self._status:
                self._status.stop()
        stage.close()

    @contextmanager
    def stages(self, unit: str) -> Iterator[Callable[[str, int, int], None]]:
        """A callback (name, steps done, steps in all) for work of several parts, one after the other: a stage for each name."""
        with ExitStack() as stack:
            stage: Stage | None = None

            def update(name: str, done: int, total: int) -> None:
                nonlocal stage
                if stage is None or stage.name != name:
                    stack.close()
                    stage = stack.enter_context(self.stage(name, total, unit))
                if done:
                    stage.update(done)

            yield update

    def show(self, text: str, final: bool) -> None:
        """The state of the current stage; off a terminal at most a line every five seconds."""
        if self._status:
            self._status.update(escape(f"{self.prefix}{text}"))
        elif not final and monotonic() - self._shown > 5:
            self._shown = monotonic()
            self.say(text)

    def finish(self, text: str) -> None:
        """The closing line of a stage."""
        self._shown = monotonic()
        self.say(text)

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(f"{self.prefix}{text}", markup=False, soft_wrap=not self.console.is_terminal)


def _short(rate: float) -> str:
    return f"{rate:.1f}" if rate < 100 else f"{rate:,.0f}"


def _clock(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
