"""A process that tries faults, one after the other, each in a fork of itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

from faults import trial
from faults.plant import Fault, name, planted
from faults.reach import Test, reaching


@dataclass(frozen=True)
class Run:
    """What all trials of a run have in common."""

    root: Path
    tests: Sequence[Test]
    jobs: int
    seconds: float
    """Of the processor, of tests for a fault."""


class Route(Protocol):
    """A way to run tests with a fault in the code."""

    def run(self, fault: Fault | None, tests: Sequence[Test]) -> trial.Outcome | None:
        """How tests end with a fault, or without any; None if this fault cannot be tried so."""


class Imported:
    """Everything but the fault's module is imported; each fork imports the rest, with the fault in it."""

    def __init__(self, root: Path, file: str) -> None:
        self._root = root
        self._source = (root / file).read_text("utf-8")
        trial.import_tree(root, but=name(file))
        trial.freeze()

    def run(self, fault: Fault | None, tests: Sequence[Test]) -> trial.Outcome:
        if fault is None:
            return trial.trial(self._root, lambda: None, tests)
        module = trial.Planted(name(fault.file), self._root / fault.file, planted(self._source, fault))
        return trial.trial(self._root, module.install, tests)


class Stage:
    """Chooses the tests of a fault: which tests noticed other faults of its module decides which are run first."""

    def __init__(self, route: Route, tests: Sequence[Test], seconds: float) -> None:
        self._route, self._seconds = route, seconds
        self._tests = {test.name: test for test in tests}
        self._noticed: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._passes: dict[str, bool] = {}

    def noticed_by(self, fault: Fault) -> str | None:
        """The test that notices a fault, `import` if a file of tests cannot be imported any more; empty if none does.

        None if the route cannot try the fault.
        """
        noticed = self._noticed[fault.file]
        while True:
            tests = [test for test in self._tests.values() if self._passes.get(test.name, True)]
            run = reaching(tests, fault, noticed, self._seconds)
            if not run:
                return ""
            outcome = self._route.run(fault, run)
            if outcome is None:
                return None
            if outcome.by in ("", "import") or self._passes_alone(outcome.by):
                noticed[outcome.by] += 1
                return outcome.by

    def _passes_alone(self, test: str) -> bool:
        """Whether a test passes without a fault; one that does not notices nothing."""
        if test not in self._passes:
            outcome = self._route.run(None, [self._tests[test]])
            self._passes[test] = outcome is not None and not outcome.by
        return self._passes[test]


_stage: Stage


def _start(make: Callable[[], Stage]) -> None:
    global _stage
    _stage = make()


def _try(fault: Fault) -> tuple[Fault, str | None]:
    return fault, _stage.noticed_by(fault)


def tried(make: Callable[[], Stage], faults: Sequence[Fault], jobs: int) -> Iterator[tuple[Fault, str | None]]:
    """Faults with what noticed each, in the order in which they are done, by `jobs` processes that each make a stage."""
    if faults:
        with get_context("fork").Pool(min(jobs, len(faults)), _start, (make,)) as pool:
            yield from pool.imap_unordered(_try, faults)


def imported(run: Run, file: str, faults: Sequence[Fault]) -> Iterator[tuple[Fault, str]]:
    """Faults of one module, which is imported anew for each, with what noticed it."""
    for fault, by in tried(lambda: Stage(Imported(run.root, file), run.tests, run.seconds), faults, run.jobs):
        assert by is not None, "any fault can be imported"
        yield fault, by
