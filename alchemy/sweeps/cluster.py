"""Cells of a sweep on a Ray cluster: one at a time on each worker, and again where a worker is lost."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from alchemy.discover import can_be_imported
from alchemy.errors import UserError
from alchemy.learning import machine
from alchemy.progress import Progress
from alchemy.sweeps.cells import Cell, Work, run_alone
from alchemy.terminal import counted

TRIES = 3
"""Workers that a cell may lose."""


def check_installed() -> None:
    """Raises `UserError` that says what to install, where ray is not."""
    if not can_be_imported("ray"):
        raise UserError("--on ray needs ray: pip install 'alchemy-lab[ray]', or make setup EXTRA=ray")


def run_on_ray(
    work: Work, cells: Sequence[Cell], out: Path, workers: int, progress: Progress, ended: Callable[[Cell], None]
) -> None:
    """Run the cells that have no record on the cluster that RAY_ADDRESS names, or on a local one, at most `workers` at once.

    Each cell has as many devices as this process has, so that its record is the one that a run here would leave; a cluster
    with accelerators gives each cell one of them instead. `out` has to be a folder that all machines see. A cell whose worker is
    lost goes on, on another worker, from what was saved of its training; one that has a record is not run again.
    """
    check_installed()
    import ray
    from ray.exceptions import RayError, RayTaskError, TaskCancelledError

    count = len(jax.local_devices())
    started = not ray.is_initialized()
    if started:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)  # what is forked is another program at once
            ray.init(**_cluster(count, workers), log_to_driver=False, logging_level="ERROR")
    accelerated = ray.cluster_resources().get("GPU", 0) > 0
    need: dict[str, Any] = {"num_gpus": 1} if accelerated else {"num_cpus": count}
    remote = ray.remote(max_retries=0, **need)(_run)  # lost workers are counted here
    most = workers or max(1, int(ray.cluster_resources().get("GPU" if accelerated else "CPU", 1) // max(need.values())))
    waiting = [(cell, 1) for cell in cells if cell.record() is None]
    running: dict[Any, tuple[Cell, int]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < most:
                cell, attempt = waiting.pop(0)
                running[remote.remote(work, cell, out.absolute(), 0 if accelerated else count)] = cell, attempt
            [reference], _ = ray.wait(list(running), num_returns=1)
            cell, attempt = running.pop(reference)
            try:
                ray.get(reference)
            except (RayTaskError, TaskCancelledError) as fault:
                raise fault.cause if isinstance(getattr(fault, "cause", None), UserError) else fault from None
            except RayError:
                if cell.record() is None:
                    if attempt == TRIES:
                        raise UserError(f"cell {cell} lost {counted(TRIES, 'worker')} in a row") from None
                    progress.say(f"cell {cell.number} lost its worker; it is done again")
                    waiting.insert(0, (cell, attempt + 1))
                    continue
            ended(cell)
    finally:
        for reference in running:
            ray.cancel(reference)  # its Ctrl-C: what is under way is saved
        if running:
            ray.wait(list(running), num_returns=len(running), timeout=60)
        if started:
            ray.shutdown()


def _cluster(count: int, workers: int) -> dict[str, Any]:
    """What Ray is started with: nothing on a cluster that there is, else a local one of so many workers."""
    if os.environ.get("RAY_ADDRESS"):
        return {}
    many = {"num_cpus": workers * count} if workers else {"num_cpus": max(count, machine.cores())}
    return {**many, "include_dashboard": False}


def _run(work: Work, cell: Cell, out: Path, count: int) -> None:
    """A cell on a worker, which may have run others before."""
    machine.prepare(count)
    run_alone(work, cell, out, Progress(quiet=True))
    machine.release()
