"""Cells on a local Ray cluster of two workers, one of which is killed at its work."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

ROOT = Path(__file__).parents[2]
SWEEP = [
    "train",
    "symbols",
    "--vary",
    "train.steps=40,60",
    "train.learning_rate=1e-3,6e-3",
    "--seeds",
    "2",
    "--test",
    "20",
]
SMALL = ["--model.width", "16", "--model.layers", "1", "--model.heads", "2", "--train.batch", "8", "--train.chunk", "4"]
TASK = ["--task.compositions", "F1 F2", "--task.alphabet", "ABCDEFGH"]
COSTS = {"seconds", "results_from"}
PATIENCE = 600
"""Seconds until a worker is at work."""


def started(out, *args):
    """The sweep as a process of one device, as each worker has."""
    flags = "--xla_force_host_platform_device_count=1 --xla_backend_optimization_level=0"
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)}
    env["RAY_worker_niceness"] = "0"  # 15 by default: beside other work a worker would hardly start
    command = [sys.executable, "-m", "alchemy", "sweep", *SWEEP, *TASK, *SMALL, "--out", str(out), *args]
    return subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def records(out):
    found = {path.parent.name: json.loads(path.read_text()) for path in out.glob("sweeps/*/*/record.json")}
    return {name: {key: value for key, value in each.items() if key not in COSTS} for name, each in found.items()}


def parents() -> dict[int, int]:
    """Each process with its parent."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
    return found


def at_work(root: int) -> list[int]:
    """The workers of a process that run a cell, by the title that Ray gives them."""
    known, found = parents(), []
    for number in known:
        line = [number]
        while line[-1] in known:
            line.append(known[line[-1]])
        try:
            title = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:
            continue
        if root in line[1:] and title.startswith(b"ray::_run"):
            found.append(number)
    return found


@pytest.mark.slow
def test_a_lost_workers_cell_is_done_again_and_none_twice(tmp_path):
    """Records are those of a run in one process, but for the seconds they took."""
    pytest.importorskip("ray")
    here = started(tmp_path / "here")
    _, error = here.communicate(timeout=PATIENCE)
    assert here.returncode == 0, error
    on_ray = started(tmp_path / "ray", "--on", "ray", "--workers", "2")
    began = monotonic()
    while not (found := at_work(on_ray.pid)):
        assert on_ray.poll() is None and monotonic() - began < PATIENCE
        sleep(0.02)
    os.kill(found[0], signal.SIGKILL)
    _, error = on_ray.communicate(timeout=PATIENCE)
    assert on_ray.returncode == 0, error
    assert len(re.findall("lost its worker; it is done again", error)) == 1
    assert sorted(re.findall(r"cell (\d) of 4, .*: done", error)) == list("1234")
    assert records(tmp_path / "ray") == records(tmp_path / "here") and len(records(tmp_path / "ray")) == 4
    assert not list(tmp_path.glob("ray/models/*.unfinished"))
