"""The machine: what jax is told before it starts, and what runs side by side on it."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

CACHE = Path(os.environ.get("ALCHEMY_CACHE", Path.home() / ".cache" / "alchemy"))
"""Where compiled programs are kept between runs."""
COPIES = 1 << 24
"""Numbers that the copies of a model's weights hold at most where a batch is divided."""
NEAR = 256
"""Tokens of a training batch that a core works at at once; twice as many where nothing is kept for a way back, or where the
model is more than `LIGHT`."""
LIGHT = 1 << 17
"""Weights whose gradients a core's second cache holds beside all else: those of more are better added up less often."""
REMEMBERED = 12 << 20
"""Bytes of keys and values that a core works at at once: those of more texts come from memory with every token."""
SMALL = 320
"""Numbers in a matrix that is too small for a call of its own."""
MAPS = 65_530
"""Memory maps that Linux grants a process (vm.max_map_count)."""


def prepare() -> None:
    """Use every core as a device of its own and keep compiled programs; call before the first array is made.

    One single-threaded XLA device a core, with seeds or batches spread over them, is faster for small models than
    one device with many threads.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_multi_thread_eigen" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    if "xla_force_host_platform_device_count" not in flags:
        jax.config.update("jax_num_cpu_devices", cores())
    jax.config.update("jax_compilation_cache_dir", str(CACHE / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


def release() -> None:
    """Forget the programs compiled so far, once they hold half of the memory maps that Linux grants a process.

    A program on a CPU holds some twenty of them, and XLA dies at the first that is refused.
    """
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MAPS // 2:
        jax.clear_caches()
        gc.collect()


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def dtype(precision: str) -> Any:
    """The type of activations: bfloat16 on accelerators and float32 on CPU when `auto`."""
    if precision == "auto":
        return jnp.float32 if jax.default_backend() == "cpu" else jnp.bfloat16
    return jnp.dtype(precision)


def here() -> list[jax.Device]:
    """The devices to spread work over: all there are, or the one that `jax.default_device` has set for a thread."""
    one = jax.config.jax_default_device
    return jax.local_devices() if one is None else [one]


def tokens() -> int:
    """Tokens that a device reads at once: as many as a core's caches hold vectors for, or as fill an accelerator."""
    return 3072 if jax.default_backend() == "cpu" else 1 << 19


def rows(size: int = 0) -> int:
    """Texts that a device writes at once, each of which the model remembers in `size` bytes: as many as the caches of a core
    hold, or as fill an accelerator.
    """
    if jax.default_backend() != "cpu":
        return 8192
    return max(1, min(512, REMEMBERED // max(1, size)))


def unrolled(layers: int) -> int:
    """Of so many layers, those that are compiled one after the other for training instead of as turns of a loop.

    A loop's turns copy what they keep for the way back: on a CPU up to a third of the time of models of two and four layers,
    while at eight nothing is gained.
    """
    return min(layers, 8) if jax.default_backend() != "cpu" else layers if layers <= 4 else 1


def hurried() -> dict[str, Any] | None:
    """How to compile what runs once: on a CPU the code of less optimization is there in half the time."""
    return {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else None


def parts(n: int, t: int, size: int) -> int:
    """Into how many parts a batch of `n` texts of `t` tokens is divided, whose gradients by `size` numbers are added up.

    On a CPU one after the other, each so small that a core's nearest cache holds what it keeps for the way back. On an
    accelerator side by side, each with weights of its own: the gradient of a small matrix has few rows and columns, each a
    sum over very many tokens, at which few processors can work; over parts there are as many such matrices.
    """
    if jax.default_backend() == "cpu":
        near = NEAR if size <= LIGHT else 2 * NEAR
        return next(part for part in range(1, n + 1) if n % part == 0 and n // part <= max(1, near // t))
    fitting = (part for part in (32, 16, 8, 4, 2) if n % part == 0 and n >= 32 * part and part * size <= COPIES)
    return next(fitting, 1)


def groups(n: int, t: int) -> int:
    """Into how many groups `n` prompts of `t` tokens are divided, which are read one after the other: on a CPU such that its
    nearest caches hold what a layer makes of one.
    """
    if jax.default_backend() != "cpu":
        return 1
    return next(group for group in range(1, n + 1) if n % group == 0 and n // group <= max(1, 2 * NEAR // t))


def summed(size: int) -> bool:
    """Whether many products with matrices of so many numbers are best written out as sums.

    On a CPU each product of a batch is a call, which takes longer than a small product itself.
    """
    return jax.default_backend() == "cpu" and size <= SMALL


def multiplied() -> bool:
    """Whether sums over rows or columns are best products with ones.

    On a CPU XLA's sums take two to four times as long as its products with one row or column.
    """
    return jax.default_backend() == "cpu"


def side_by_side() -> bool:
    """Whether seeds, and parts of a batch, are worked at all at once; in turn on a CPU, whose cache holds one."""
    return jax.default_backend() != "cpu"


def over_seeds(one: Callable[[Any], Any], stacked: Any) -> Any:
    """`one` for each row of `stacked`, `side_by_side` or in turn."""
    return jax.vmap(one)(stacked) if side_by_side() else jax.lax.map(one, stacked)


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
