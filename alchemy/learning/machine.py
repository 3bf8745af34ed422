"""The machine: its devices and precision, and what jax is told before it starts."""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from alchemy.errors import UserError
from alchemy.learning import kept

MAPS = 65_530
"""Memory maps that Linux grants a process (vm.max_map_count)."""


def prepare(count: int = 0) -> None:
    """Use every core, or `count` of them, as a device of its own and keep compiled programs; call before the first array is made.

    One single-threaded XLA device a core, with seeds or batches spread over them, is faster for small models than
    one device with many threads.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_multi_thread_eigen" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    if count or "xla_force_host_platform_device_count" not in flags:
        with suppress(RuntimeError):  # jax has started, and the devices are those that there are
            jax.config.update("jax_num_cpu_devices", count or cores())
    kept.begin()


def join() -> int:
    """Join the processes of one job, whose devices `alchemy.train` then uses together; returns how many there are.

    They are those of a SLURM job, of a TPU pod, or as many as JAX_NUM_PROCESSES says, of which JAX_PROCESS_ID numbers this one
    from 0 and JAX_COORDINATOR_ADDRESS is HOST:PORT of the first. Call it before the first array is made. Raises `UserError` if
    some of these three variables are set, or are no numbers.
    """
    given = {name: os.environ.get(name) for name in ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")}
    address, *counts = given.values()
    if any(given.values()):
        if not address or not all(value and value.isdigit() for value in counts):
            raise UserError(
                f"expected HOST:PORT and two numbers, got {', '.join(f'{n}={v}' for n, v in given.items())}"
            )
        count, number = (int(value or 0) for value in counts)
        if not 0 <= number < count:
            raise UserError(f"JAX_PROCESS_ID={number}: expected one of 0 to {count - 1}, as JAX_NUM_PROCESSES={count}")
        jax.distributed.initialize(address, count, number)
    elif int(os.environ.get("SLURM_NTASKS", "1")) > 1 or "," in os.environ.get("TPU_WORKER_HOSTNAMES", ""):
        jax.distributed.initialize()
    return jax.process_count()


def release() -> None:
    """Forget the programs compiled so far, once they hold half of the memory maps that Linux grants a process.

    A program on a CPU holds some twenty of them, and XLA dies at the first that is refused.
    """
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MAPS // 2:
        kept.forget()
        gc.collect()


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def dtype(precision: str) -> Any:
    """The type of activations: bfloat16 on accelerators and float32 on CPU when `auto`."""
    if precision == "auto":
        return jnp.float32 if on_cpu() else jnp.bfloat16
    return jnp.dtype(precision)


def on_cpu() -> bool:
    """Whether jax runs on the processor rather than on an accelerator."""
    return jax.default_backend() == "cpu"


def devices() -> list[jax.Device]:
    """The devices to spread work over: all there are, or the one that `jax.default_device` has set for a thread."""
    default = jax.config.jax_default_device
    return jax.local_devices() if default is None else [default]


def fast_compile() -> dict[str, Any] | None:
    """Compiler options for a program that runs once: on a CPU code of less optimization is there in half the time.

    None where `XLA_FLAGS` say how much optimization there is to be.
    """
    level = "xla_backend_optimization_level"
    return {level: 1} if on_cpu() and level not in os.environ.get("XLA_FLAGS", "") else None


def describe() -> str:
    """The device as a record names it."""
    devices = jax.local_devices()
    kind = devices[0].device_kind if devices[0].platform != "cpu" else f"{_processor()}, {len(devices)} cores"
    return f"{len(devices)} x {kind}" if len(devices) > 1 and devices[0].platform != "cpu" else kind


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    import platform

    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Of the libraries that results can depend on."""
    from importlib.metadata import version

    return {name: version(name) for name in ("jax", "flax", "optax", "numpy", "scipy")}
