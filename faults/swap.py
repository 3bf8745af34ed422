"""Faults in functions that are already there: their code is exchanged, and nothing is imported or collected anew.

A function that is given other code remains the same object, so that a class, a decorator or `jax.jit` that holds it calls
the fault. What it returned before remains as it was, too. So three kinds of faults are told apart, by tracing what runs
while the tree is imported and the tests are collected:

- in a function that has not run: its code is exchanged in a fork that has collected all tests, and runs some of them;
- in one that ran for the first time while tests were collected: in a fork that has imported the tree, and collects them;
- in one that ran while the tree was imported, or outside of functions: not here. `stage.Imported` imports anew.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, TypeAlias

import pytest

from faults import trial
from faults.plant import Fault, name, planted
from faults.reach import OPTIONS, Calls, Test
from faults.stage import Run, Stage, tried

Functions: TypeAlias = Mapping[tuple[str, str, int], Sequence[FunctionType]]
"""Live functions by file, qualified name and first line: a decorator can hold another copy than the module."""


Send: TypeAlias = Callable[[Any], None]


def swapped(run: Run, faults: Sequence[Fault]) -> Iterator[tuple[Fault, str]]:
    """Faults with what noticed each, in the order in which they are done; those that cannot be tried here are left out."""
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:

        def work(send: Send) -> None:
            tempfile.tempdir = folder  # removed with all in it, also if the process is ended
            _import_and_try(run, [fault for fault in faults if fault.function], send)

        yield from _apart(work) if faults else ()


def _import_and_try(run: Run, faults: Sequence[Fault], send: Send) -> None:
    """Import the tree; send each fault that can be tried in this process, or in one that collects tests as well."""
    os.chdir(run.root)
    calls = Calls()
    calls.start()
    trial.import_tree(run.root)
    calls.stop()
    faults = _not_in(calls.functions(), faults)
    functions = live_functions(run.root)
    late: list[Fault] = []
    for fault, by in _apart(lambda send: _collect_and_try(run, faults, send)):
        if by is None:
            late.append(fault)
        else:
            send((fault, by))
    trial.freeze()
    for fault, by in tried(lambda: Stage(Uncollected(run.root, functions), run.tests, run.seconds), late, run.jobs):
        if by is not None:
            send((fault, by))


def _collect_and_try(run: Run, faults: Sequence[Fault], send: Send) -> None:
    """Collect the tests; send each fault, with None for one in a function that ran meanwhile."""
    calls = Calls()

    class Campaign:
        """A plugin of pytest that tries faults instead of running the tests."""

        def pytest_runtestloop(self, session: pytest.Session) -> bool:
            calls.stop()
            ready = [] if _xla_runs() else _not_in(calls.functions(), faults)
            for fault in faults:
                if fault not in ready:
                    send((fault, None))
            items = {item.nodeid: item for item in session.items}
            route = Collected(run.root, live_functions(run.root), items)
            trial.freeze()
            stage = Stage(route, [test for test in run.tests if test.name in items], run.seconds)
            for outcome in tried(lambda: stage, ready, run.jobs):
                send(outcome)
            return True

    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    files = dict.fromkeys(test.file for test in run.tests)
    calls.start()
    status = pytest.main([*OPTIONS, "--capture=no", *files], plugins=[Campaign()])
    if status == pytest.ExitCode.INTERNAL_ERROR:
        raise RuntimeError("pytest collected the tests, and ended with an error of its own")


def _not_in(functions: Container[tuple[str, str]], faults: Sequence[Fault]) -> list[Fault]:
    return [fault for fault in faults if (name(fault.file), fault.function) not in functions]


def _apart(work: Callable[[Send], None]) -> Iterator[Any]:
    """What a function sends from a process of its own."""
    pipe, theirs = Pipe(duplex=False)

    def run() -> None:
        pipe.close()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        work(theirs.send)

    process = get_context("fork").Process(target=run)
    process.start()
    theirs.close()
    try:
        while True:
            yield pipe.recv()
    except EOFError:
        pass
    finally:
        process.kill()
        process.join()
        pipe.close()


class Uncollected:
    """The tree is imported; a fork exchanges code, then collects and runs tests."""

    def __init__(self, root: Path, functions: Functions) -> None:
        self._root, self._functions = root, functions

    def run(self, fault: Fault | None, tests: Sequence[Test]) -> trial.Outcome | None:
        plant = exchange(self._root, fault, self._functions)
        return _known(trial.trial(self._root, plant, tests)) if plant else None


class Collected:
    """The tree is imported and all tests are collected; a fork exchanges code, and runs tests."""

    def __init__(self, root: Path, functions: Functions, items: Mapping[str, pytest.Item]) -> None:
        self._root, self._functions, self._items = root, functions, items

    def run(self, fault: Fault | None, tests: Sequence[Test]) -> trial.Outcome | None:
        plant = exchange(self._root, fault, self._functions)
        if plant is None:
            return None
        files = list(dict.fromkeys(test.file for test in tests))
        ordered = sorted(tests, key=lambda test: files.index(test.file))

        def run(pipe: Connection, folder: str) -> None:
            os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
            plant()
            items = [self._items[test.name] for test in ordered]
            items[0].config.pluginmanager.register(trial.Watch(ordered, pipe))
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            pipe.send((True, ""))

        return _known(trial.forked(run, sum(test.seconds for test in tests)))


def _known(outcome: trial.Outcome) -> trial.Outcome | None:
    """None for a fork that ended before its first test: that says nothing about the fault."""
    return outcome if outcome.ended or outcome.by != "import" else None


def live_functions(root: Path) -> Functions:
    """The functions of the tree that exist in this process; call it before `trial.freeze` hides them."""
    functions: dict[tuple[str, str, int], list[FunctionType]] = {}
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and function.__code__.co_filename.startswith(f"{root}/"):
            code = function.__code__
            functions.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(function)
    return functions


def exchange(root: Path, fault: Fault | None, functions: Functions) -> Callable[[], None] | None:
    """What plants a fault in live functions; None if it has no function there, or one with other free variables."""
    if fault is None:
        return lambda: None
    code = planted((root / fault.file).read_text("utf-8"), fault)
    module = trial.Planted(name(fault.file), root / fault.file, code)
    pairs = [
        (function, new)
        for new in _codes(code)
        if new.co_qualname == fault.function
        for function in functions.get((str(root / fault.file), new.co_qualname, new.co_firstlineno), ())
    ]
    if not pairs or any(function.__code__.co_freevars != new.co_freevars for function, new in pairs):
        return None

    def plant() -> None:
        module.install()  # for a test that imports the module anew
        for function, new in pairs:
            function.__code__ = new

    return plant


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A code and those inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _xla_runs() -> bool:
    """Whether XLA has started, so that a fork of this process could not use it."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bridge.backends_are_initialized()
