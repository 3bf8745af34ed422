"""Commands killed at random moments, and given again until they end: nothing half is seen, and the end is the same bits."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from torture import process
from torture.trial import Trial
from torture.work import WORK, Work, copied, ends, prepared, scratch, states

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
MOST = 3
"""Kills of one life, at most; then the command is left alone."""
COLD = 8
"""One life in so many is of processes started anew, which a signal may find importing."""


def kills(home: Path, count: int, seed: int, names: Sequence[str] = ()) -> Iterator[Trial]:
    """`count` kills, in as many lives as they take; a trial is a life."""
    chosen = [work for work in WORK if not names or work.name in names]
    undisturbed = {work.name: Undisturbed(work, home / "templates" / work.name.replace(" ", "_")) for work in chosen}
    done = life = 0
    while done < count:
        one = Life(undisturbed[chosen[life % len(chosen)].name], home / "life", np.random.default_rng([seed, life]))
        faults = list(one.lived())
        done += one.kills
        yield Trial("kills", f"{one.work.name}, life {life} of seed {seed}: {'; '.join(one.log)}", faults, one.counts)
        life += 1


class Undisturbed:
    """A command's end when nothing disturbs it, and how long that takes."""

    def __init__(self, work: Work, template: Path) -> None:
        self.work, self.template = work, template
        prepared(work, template)
        self.before = states(work, template)
        home = template.with_name(template.name + "-end")
        for _ in range(2):  # the second finds compiled programs
            copied(template, home)
            ended = process.run(work.argv, home)
            if ended.code:
                raise SystemExit(f"{work.name} ended with {ended.code}: {ended.err}")
        self.seconds, self.ends = ended.seconds, ends(work, home)
        self.allowed = {name: (self.before[name], self.ends[name]) for name in work.whole}


class Life:
    """One command, given again until it ends."""

    def __init__(self, undisturbed: Undisturbed, home: Path, rng: np.random.Generator) -> None:
        self.undisturbed, self.work, self.home, self._rng = undisturbed, undisturbed.work, home, rng
        self.kills, self.log = 0, list[str]()
        self.counts: dict[str, int] = {}

    def lived(self) -> Iterator[str]:
        """What went wrong."""
        copied(self.undisturbed.template, self.home)
        cold = self._rng.random() < 1 / COLD
        for _ in range(int(self._rng.integers(1, MOST + 1))):
            number = SIGNALS[self._rng.integers(len(SIGNALS))]
            delay = float(self._rng.uniform(0, 1.1 * self.undisturbed.seconds + 2.0 * cold))
            running = (process.start_cold if cold else process.start)(self.work.argv, self.home)
            ended = running.ended(delay)
            if ended is None:
                running.send(number)
                ended = running.wait()
                self.kills += 1
                self.counts[number.name] = self.counts.get(number.name, 0) + 1
                self.log.append(f"{number.name} after {delay:.2f} s{' (cold)' * cold}")
                yield from self._interrupted(ended, number)
            elif ended.code and not self._refused(ended):
                yield f"ended by itself with {ended.code}: {ended.last_line}"
            yield from self._whole()
        ended = process.run(self.work.argv, self.home)
        if ended.code and not self._refused(ended):
            yield f"given again, it ended with {ended.code}: {ended.last_line}"
        if ended.traceback:
            yield f"given again, a traceback: {ended.last_line}"
        left = ends(self.work, self.home)
        yield from (f"{name} ends otherwise" for name in left if left[name] != self.undisturbed.ends[name])

    def _refused(self, ended: process.Ended) -> bool:
        """Whether a command that was done refuses to do it again."""
        return ended.code == 2 and "generate" in self.work.name and "not empty" in ended.err

    def _interrupted(self, ended: process.Ended, number: signal.Signals) -> Iterator[str]:
        if ended.traceback:
            yield f"{number.name}: a traceback: {ended.last_line}"
        if number == signal.SIGKILL:
            self.counts["scratch left by SIGKILL"] = bool(scratch(self.home)) + self.counts.get(
                "scratch left by SIGKILL", 0
            )
            return
        if ended.code not in (0, 130, -number):
            yield f"{number.name}: ended with {ended.code}: {ended.last_line}"
        if (left := scratch(self.home)) and not self.counts.get("scratch left by SIGKILL"):
            yield f"{number.name}: left {', '.join(left)}"

    def _whole(self) -> Iterator[str]:
        for name, state in states(self.work, self.home).items():
            if state not in self.undisturbed.allowed[name]:
                yield f"{name} is neither as it was nor as it will be"
