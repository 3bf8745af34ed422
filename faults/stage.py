"""A process that tries the faults of one module, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path

from faults import trial
from faults.plant import Fault, name, planted
from faults.reach import Test, reaching


class Stage:
    """Everything but the module is imported; which tests noticed its faults so far decides which are run first."""

    def __init__(self, root: Path, file: str, tests: Sequence[Test], seconds: float) -> None:
        self._root, self._file, self._seconds = root, file, seconds
        self._source = (root / file).read_text("utf-8")
        self._tests = {test.name: test for test in tests}
        self._noticed: Counter[str] = Counter()
        self._passes: dict[str, bool] = {}
        trial.import_all_but(root, name(file))

    def noticed_by(self, fault: Fault) -> str:
        """The test that notices a fault, `import` if its module cannot be imported any more; empty if none does."""
        code = planted(self._source, fault)
        while True:
            tests = [test for test in self._tests.values() if self._passes.get(test.name, True)]
            run = reaching(tests, fault, self._noticed, self._seconds)
            if not run:
                return ""
            outcome = trial.trial(self._root, trial.Planted(name(self._file), self._root / self._file, code), run)
            if outcome.by in ("", "import") or self._passes_alone(outcome.by):
                self._noticed[outcome.by] += 1
                return outcome.by

    def _passes_alone(self, test: str) -> bool:
        """Whether a test passes without a fault; one that does not notices nothing."""
        if test not in self._passes:
            self._passes[test] = not trial.trial(self._root, None, [self._tests[test]]).by
        return self._passes[test]


_stage: Stage


def _start(root: Path, file: str, tests: Sequence[Test], seconds: float) -> None:
    global _stage
    _stage = Stage(root, file, tests, seconds)


def _try(fault: Fault) -> tuple[Fault, str]:
    return fault, _stage.noticed_by(fault)


def tried(
    root: Path, file: str, faults: Sequence[Fault], tests: Sequence[Test], jobs: int, seconds: float
) -> Iterator[tuple[Fault, str]]:
    """Faults of a module with what noticed each, in the order in which they are done, `jobs` at once."""
    if faults:
        with get_context("fork").Pool(min(jobs, len(faults)), _start, (root, file, tests, seconds)) as pool:
            yield from pool.imap_unordered(_try, faults)
