"""One fault, one fork: the tests that reach a fault run in a copy of a process that has imported all it can.

Here the process imports what others wrote, then the modules of the tree that do not import the module at hand. A trial
imports the rest, with the fault, and runs pytest in itself. The process starts no XLA: a fork cannot have one that runs.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import CodeType, ModuleType

import hypothesis
import pytest
from _pytest.config import default_plugins

from faults.plant import name
from faults.reach import OPTIONS, PACKAGES, Test

HEAVY = (
    *(
        "numpy",
        "scipy.stats",
        "scipy.optimize",
        "scipy.special",
        "jax",
        "flax",
        "optax",
        "orbax.checkpoint",
        "networkx",
    ),
    *("hypothesis.strategies", "hypothesis.extra.numpy", "rapidfuzz", "rich.console", "tyro", "matplotlib.pyplot"),
    *("pyarrow", "nltk", "sacrebleu"),
)
"""What others wrote and the tree or its tests import, as far as it is installed."""
PATIENCE = 5
"""Processor seconds that a test may take beyond five times those it was measured to take; a loop without end takes more."""
WAIT = 60
"""How many times as long by the clock a trial may take before it is ended: a busy machine is no fault that was noticed."""


@dataclass(frozen=True)
class Outcome:
    """How a run of tests ended."""

    by: str
    """The test that failed, or `import` if a file of tests could not be imported; empty if all passed."""
    ended: bool = True
    """False if the process died, or was ended because it took too long."""


def warm(root: Path) -> None:
    """Import what others wrote and the tree names, and what pytest would import for each trial; keep bytecode apart."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ["ALCHEMY_RETRACE"] = "1"  # a program that was kept has no fault
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(root / ".cache/faults/bytecode")
    for plugin in default_plugins:
        importlib.import_module(f"_pytest.{plugin}")
    folders = (*PACKAGES, "tests")
    text = "".join(path.read_text("utf-8") for folder in folders for path in (root / folder).rglob("*.py"))
    for library in HEAVY:
        if f"import {library.partition('.')[0]}" in text or f"from {library.partition('.')[0]}" in text:
            with suppress(ImportError):
                importlib.import_module(library)
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)  # to shrink an example takes seconds
    hypothesis.settings.register_profile("faults", database=None, derandomize=True, deadline=None, phases=phases)
    hypothesis.settings.load_profile("faults")


def import_tree(root: Path, but: str = "") -> None:
    """Import the modules of the tree; if one is named, only those that do not import it, directly or by way of others."""
    sys.path.insert(0, str(root))
    paths = _modules(root)
    left_out = {"alchemy.__main__"}
    if but:
        left_out |= _importing(but, {other: set(_imported(path, paths)) for other, path in paths.items()})
    for other in sorted(paths.keys() - left_out):
        with suppress(ImportError):  # of a package that is not installed
            importlib.import_module(other)


def freeze() -> None:
    """Forks share memory until it is written to, and a collection of garbage writes to all of it."""
    gc.collect()
    gc.freeze()


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from code instead of from its file."""

    def __init__(self, module: str, path: Path, code: CodeType) -> None:
        self.module, self._path, self._code = module, path, code

    def install(self) -> None:
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name != self.module:
            return None
        folder = [str(self._path.parent)] if self._path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(name, self._path, loader=self, submodule_search_locations=folder)

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)


def trial(root: Path, plant: Callable[[], None], tests: Sequence[Test]) -> Outcome:
    """Collect and run tests in a fork until one fails; `plant` is called before anything else."""

    def run(pipe: Connection, folder: str) -> None:
        os.chdir(root)
        plant()
        for file in dict.fromkeys(test.file for test in tests):
            watch = Watch([test for test in tests if test.file == file], pipe)
            signal.setitimer(signal.ITIMER_PROF, 10 * PATIENCE)  # for imports; its signal ends the process
            status = pytest.main([*OPTIONS, f"--basetemp={folder}/pytest", file], plugins=[watch])
            if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                pipe.send((True, "import"))
                return
        pipe.send((True, ""))

    return forked(run, sum(test.seconds for test in tests))


def forked(run: Callable[[Connection, str], None], seconds: float) -> Outcome:
    """How a run of tests ends that a fork of this process does: `run` is given a pipe to say so, and a folder of its own."""
    pipe, theirs = Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        pid = os.fork()
        if not pid:
            pipe.close()
            with suppress(BaseException):
                _silence()
                run(theirs, folder)
            os._exit(0)
        theirs.close()
        try:
            return _followed(pipe, until=time.monotonic() + WAIT * (PATIENCE + seconds))
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            pipe.close()


def _followed(pipe: Connection, until: float) -> Outcome:
    """What a fork says, until it has ended or its time is over."""
    at = "import"
    with suppress(EOFError):
        while pipe.poll(max(0.0, until - time.monotonic())):
            ended, at = pipe.recv()
            if ended:
                return Outcome(at)
    return Outcome(at, ended=False)


def _silence() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


class Watch:
    """A plugin of pytest: runs the tests given and no others, in their order, until one fails, and says which it is at."""

    def __init__(self, tests: Sequence[Test], pipe: Connection) -> None:
        self._order = {test.name: at for at, test in enumerate(tests)}
        self._seconds = {test.name: test.seconds for test in tests}
        self._pipe = pipe

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if item.nodeid in self._order]
        items[:] = sorted(kept, key=lambda item: self._order[item.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._pipe.send((False, nodeid))
        signal.setitimer(signal.ITIMER_PROF, PATIENCE * (1 + self._seconds[nodeid]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._pipe.send((True, report.nodeid))
            os._exit(0)


def _modules(root: Path) -> dict[str, Path]:
    """The files of the tree's packages, by the name each is imported by."""
    paths = (path for package in PACKAGES for path in (root / package).rglob("*.py"))
    return {name(path.relative_to(root).as_posix()): path for path in paths}


def _imported(path: Path, modules: Container[str]) -> Iterator[str]:
    """The modules of the tree that a file imports, and the packages around them."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for imported in names:
            parts = imported.split(".")
            yield from (part for n in range(1, len(parts) + 1) if (part := ".".join(parts[:n])) in modules)


def _importing(module: str, imports: Mapping[str, set[str]]) -> set[str]:
    """A module and those that import it, directly or by way of others; a module imports the packages it lies in."""
    reached = {module}
    while True:
        more = {
            other
            for other, imported in imports.items()
            if imported & reached or any(other.startswith(f"{known}.") for known in reached)
        }
        if more <= reached:
            return reached
        reached |= more
