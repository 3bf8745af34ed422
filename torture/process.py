"""Commands in forks of this process, which has imported what they need: a tenth of a second in place of two.

The process starts no XLA: a fork cannot have one that runs.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[1]
PATIENCE = 600.0
"""Seconds after which a command is said to hang."""
LIGHT = ("generate", "verify", "prompts", "score", "list", "show")
"""Commands that import no jax."""
LIBRARIES = ("numpy", "networkx", "rapidfuzz", "rich.console", "tyro", "pyarrow.parquet")
HEAVY = ("jax", "flax.linen", "optax", "orbax.checkpoint", "matplotlib.pyplot", "safetensors.numpy")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    """Its exit code; minus the number of a signal that ended it."""
    out: str
    err: str
    seconds: float

    @property
    def traceback(self) -> bool:
        own = f"{ROOT}/alchemy/cli" in self.err or f"{ROOT}/torture" in self.err  # else Python itself was starting
        return ("Traceback" in self.err or "Exception ignored" in self.err) and own

    @property
    def last_line(self) -> str:
        """The last line on standard error, with where a traceback ends."""
        lines = [line.strip() for line in self.err.strip().splitlines()] or [""]
        places = [line for line in lines if line.startswith("File ")]
        return " ".join([lines[-1][:200], *places[-1:]])


def keep_programs(cache: Path) -> None:
    """Keep compiled programs in a directory, or where the environment says, and compute on the processor alone."""
    os.environ.setdefault("ALCHEMY_CACHE", str(cache))
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


@cache
def warm(command: str) -> None:
    """Import what a command imports, unless that was done before."""
    packages = ("tasks",) if command in LIGHT else ("tasks", "alchemy", "models")
    for library in ("alchemy.cli.main", *LIBRARIES, *(() if command in LIGHT else HEAVY)):
        _import(library)
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            if not name.endswith("__main__"):
                _import(name)


@cache
def _import(name: str) -> None:
    with suppress(ImportError):  # of a library that is not installed
        importlib.import_module(name)


class Running:
    """A command under way."""

    def __init__(self, pid: int, out: IO[bytes], err: IO[bytes]) -> None:
        self.pid, self._out, self._err, self._began = pid, out, err, time.monotonic()

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def ended(self, within: float = PATIENCE) -> Ended | None:
        """How it ended, or None if it has not after so many seconds."""
        until = time.monotonic() + within
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                texts = []
                for file in (self._out, self._err):
                    file.seek(0)
                    texts.append(file.read().decode("utf-8", "replace"))
                    file.close()
                return Ended(os.waitstatus_to_exitcode(status), *texts, time.monotonic() - self._began)
            if time.monotonic() > until:
                return None
            time.sleep(0.002)

    def wait(self) -> Ended:
        """How it ended; a command that hangs is ended, and its code is -SIGKILL."""
        if (ended := self.ended()) is None:
            self.send(signal.SIGKILL)
            ended = self.ended()
            assert ended is not None
        return ended


def start(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str | None] | None = None,
    before: Callable[[], object] = lambda: None,
) -> Running:
    """`alchemy *argv` in a fork, from its first line of code on; `env` has values to set, or None to remove them."""
    warm(argv[0])
    out, err = _files()
    ready, started = os.pipe()
    pid = os.fork()
    if not pid:
        _child(argv, cwd, env or {}, before, (out, err), started)
    os.close(started)
    os.read(ready, 1)
    os.close(ready)
    return Running(pid, out, err)


def start_cold(argv: Sequence[str], cwd: Path) -> Running:
    """The same in a Python of its own, as a shell starts it: what comes at once finds it importing."""
    out, err = _files()
    process = subprocess.Popen(
        [sys.executable, "-m", "alchemy", *argv],
        cwd=cwd,
        stdout=out,
        stderr=err,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    process.returncode = 0  # waited for by its id
    return Running(process.pid, out, err)


def _files() -> tuple[IO[bytes], IO[bytes]]:
    """Where a command's standard output and error go."""
    return tempfile.TemporaryFile(), tempfile.TemporaryFile()


def run(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str | None] | None = None,
    before: Callable[[], object] = lambda: None,
) -> Ended:
    """`alchemy *argv` in a fork, to its end."""
    return start(argv, cwd, env, before).wait()


def call(function: Callable[..., Any], *args: Any) -> Any:
    """What a function returns in a fork, as JSON has it; raises `RuntimeError` with its traceback where it fails."""
    with tempfile.TemporaryFile() as file:
        pid = os.fork()
        if not pid:
            try:
                answer = json.dumps([function(*args)])
            except BaseException:
                answer = json.dumps(traceback.format_exc())
            file.write(answer.encode())
            file.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        file.seek(0)
        answer = json.loads(file.read() or '"no answer"')
    if isinstance(answer, str):
        raise RuntimeError(answer)
    return answer[0]


def _child(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str | None],
    before: Callable[[], object],
    files: tuple[IO[bytes], IO[bytes]],
    started: int,
) -> None:
    code = 1
    try:
        os.chdir(cwd)
        for name, value in env.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        redirect(*(file.fileno() for file in files))
        before()
        from alchemy.cli.main import main

        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.write(started, b".")
        code = main(list(argv))
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def redirect(out: int, err: int) -> None:
    """Let standard output and error go to these files, from Python and from below it."""
    os.dup2(out, 1)
    os.dup2(err, 2)
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115  the process's own
    sys.stderr = open(2, "w", encoding=encoding, errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115
