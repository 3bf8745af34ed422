"""What training takes of a machine's memory, estimated from sizes alone, before anything is made."""

from __future__ import annotations

from dataclasses import replace
from math import inf, prod
from pathlib import Path
from typing import Any

import jax

from alchemy.errors import UserError
from alchemy.learning import machine
from alchemy.learning.config import TrainConfig
from alchemy.learning.model import Model
from alchemy.learning.train import shapes
from alchemy.terminal import counted

BYTES_A_WEIGHT = 16
"""Of a model that is trained: weight, gradient and two moments, four bytes each."""
BYTES_A_TOKEN = 5
"""Of a problem that is held: its id, and the part it belongs to."""
FEW_LAYERS = 8
"""Of a model with more the weights are counted as those of two layers and of one, and so on: shaping it takes a while."""
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container may use."""


def weights(model: Model) -> int:
    """Numbers that training changes."""
    layers = getattr(model, "layers", 0)
    if layers <= FEW_LAYERS:
        return sum(prod(leaf.shape) for leaf in jax.tree.leaves(shapes(model)))
    one, two = (weights(_with_layers(model, few)) for few in (1, 2))
    return one + (two - one) * (layers - 1)


def needed(model: Model, config: TrainConfig, seeds: int, tokens: int) -> int:
    """The least bytes that training takes: models side by side, with the problems of two chunks of steps.

    `tokens` are those of a line. What is left out grows with them: activations.
    """
    lines = 2 * min(config.chunk, config.steps) * config.batch * tokens * 4
    return seeds * (BYTES_A_WEIGHT * weights(model) + lines)


def available() -> float:
    """Bytes of memory that the devices have together; infinite where that is not known."""
    if not machine.on_cpu():
        limits = [(device.memory_stats() or {}).get("bytes_limit", inf) for device in machine.devices()]
        return float(sum(limits))
    return min(_memory_of_machine(), *map(_limit, LIMITS))


def check(model: Model, config: TrainConfig, seeds: int, tokens: int) -> None:
    """Raises `UserError`, with the numbers, if no training of these sizes fits into memory."""
    needed_bytes, available_bytes = needed(model, config, seeds, tokens), available()
    if needed_bytes > available_bytes:
        raise UserError(
            f"{counted(seeds, 'model')} of {weights(model):,} weights and batches of {config.batch:,} lines take at least "
            f"{needed_bytes / 1e9:,.1f} GB to train, and there are {available_bytes / 1e9:,.1f} GB: choose a smaller model, batch or number of seeds"
        )


def check_lines(lines: int, tokens: int) -> None:
    """Raises `UserError`, with the numbers, if so many lines of so many tokens fit into no memory."""
    needed_bytes, available_bytes = lines * tokens * BYTES_A_TOKEN, available()
    if needed_bytes > available_bytes:
        raise UserError(
            f"{lines:,} lines of {counted(tokens, 'token')} take at least {needed_bytes / 1e9:,.1f} GB, and there are {available_bytes / 1e9:,.1f} GB"
        )


def _with_layers(model: Any, layers: int) -> Any:
    return replace(model, layers=layers)


def _memory_of_machine() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024.0 for line in lines if line.startswith("MemTotal"))
    except (OSError, StopIteration):
        return inf


def _limit(path: Path) -> float:
    try:
        return float(path.read_text())
    except (OSError, ValueError):  # there is none, or it says "max"
        return inf
