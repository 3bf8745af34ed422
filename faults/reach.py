"""Which tests run which functions, measured once for each file of tests.

A test reaches a fault if it runs the function that has it. What a fixture or a cache computed once is run by the first
test only, so the other tests of the same file come after those that reach it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from faults.plant import Fault, name

OPTIONS = (
    *("-q", "--assert=plain", "--tb=native", "-p", "no:cacheprovider", "-p", "no:faulthandler"),
    *("-p", "no:unraisableexception", "-p", "no:threadexception"),  # at the end each collects garbage five times
)
PACKAGES = ("alchemy", "tasks", "models", "experiments")


@dataclass(frozen=True)
class Test:
    """One test as it was measured: its name, its processor seconds, and the (module, function) that it ran."""

    name: str
    seconds: float
    functions: frozenset[tuple[str, str]]

    @property
    def file(self) -> str:
        return self.name.partition("::")[0]


class Calls:
    """Writes down which functions of the tree Python calls, between `start` and `stop`."""

    def __init__(self, but_imports: bool = False) -> None:
        self._but_imports = but_imports
        self._codes: dict[int, tuple[str, CodeType]] = {}

    def start(self) -> None:
        self._codes.clear()
        threading.settrace(self._called)
        sys.settrace(self._called)

    def stop(self) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def functions(self) -> frozenset[tuple[str, str]]:
        """The outermost functions that were called, each as (module, qualified name)."""
        return frozenset(
            (module, code.co_qualname.partition(".<locals>")[0])
            for module, code in self._codes.values()
            if module.partition(".")[0] in PACKAGES
        )

    def _called(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if id(code) not in self._codes and not (self._but_imports and _imports(frame)):
            self._codes[id(code)] = (frame.f_globals.get("__name__", ""), code)


def _imports(frame: FrameType | None) -> bool:
    """Whether a frame runs because a module is being imported."""
    while frame and frame.f_globals.get("__name__") != "importlib._bootstrap":
        frame = frame.f_back
    return frame is not None


class Trace:
    """A plugin of pytest that writes down what each test runs; `tests` has those that passed."""

    def __init__(self) -> None:
        self.tests: list[Test] = []
        self._calls = Calls(but_imports=True)  # the first test of a process imports what others use, too
        self._passed = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._passed = True
        started = time.process_time()
        self._calls.start()
        try:
            return (yield)
        finally:
            self._calls.stop()
            seconds = time.process_time() - started
            if self._passed:
                self.tests.append(Test(item.nodeid, seconds, self._calls.functions()))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._passed &= report.passed


def digest(*texts: bytes) -> str:
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def save(path: Path, key: str, tests: list[Test]) -> None:
    functions = sorted({function for test in tests for function in test.functions})
    number = {function: at for at, function in enumerate(functions)}
    rows = [[test.name, round(test.seconds, 3), sorted(number[f] for f in test.functions)] for test in tests]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"key": key, "functions": functions, "tests": rows}), "utf-8")


def load(path: Path, key: str) -> list[Test] | None:
    """The tests of one file, or None if they were not measured or have changed since."""
    if not path.exists():
        return None
    stored = json.loads(path.read_text("utf-8"))
    if stored["key"] != key:
        return None
    functions = [tuple(pair) for pair in stored["functions"]]
    return [Test(test, seconds, frozenset(functions[at] for at in ran)) for test, seconds, ran in stored["tests"]]


def measure(root: Path, file: str, path: Path, key: str) -> None:
    """Run a file of tests and store what each runs; call it in a process of its own."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    os.chdir(root)
    sys.path.insert(0, str(root))
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        trace = Trace()
        pytest.main([*OPTIONS, f"--basetemp={folder}/pytest", file], plugins=[trace])
    save(path, key, trace.tests)


def reaching(tests: list[Test], fault: Fault, first: dict[str, int], seconds: float) -> list[Test]:
    """The tests to run for a fault, in order, of about this many seconds in all.

    Those that run the fault's function come before the others of their files. Before both come tests that have noticed
    other faults of the module, `first` by how many; the quick before the slow.
    """
    module = name(fault.file)
    direct = {test for test in tests if (module, fault.function) in test.functions}
    direct = direct or {test for test in tests if any(other == module for other, _ in test.functions)}
    files = {test.file for test in direct}
    ranked = sorted(
        (test for test in tests if test.file in files),
        key=lambda test: (test not in direct, -first.get(test.name, 0), test.seconds),
    )
    chosen: list[Test] = []
    total = 0.0
    for test in ranked:
        if total + test.seconds <= seconds or not chosen:
            chosen.append(test)
            total += test.seconds
    return chosen
