"""How gradients become steps: AdamW, or Muon for the blocks' matrices, rates rising and falling, gradients clipped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from alchemy.learning.config import TrainConfig
from alchemy.learning.model import Params


class Rates(NamedTuple):
    """Learning rates, of one step or float32 (steps,)."""

    adamw: Any
    matrix: Any


def rates(config: TrainConfig, start: int, steps: int) -> Rates:
    """Those of so many steps from `start` on: in a line up to their peak, then along a cosine to zero."""
    rising = max(1, round(config.warmup * config.steps))
    step, falling = np.arange(start, start + steps), max(1, config.steps - rising)
    share = np.where(step < rising, step / rising, 0.5 + 0.5 * np.cos(np.pi * (step - rising) / falling))
    return Rates(np.float32(config.learning_rate * share), np.float32(config.matrix_rate * share))


def program(config: TrainConfig) -> TrainConfig:
    """The same but for what a compiled program is told as it runs: trainings of which this is equal share one."""
    return replace(config, steps=1, batch=1, learning_rate=0.0, matrix_rate=0.0, warmup=0.0, chunk=1)


def updates(config: TrainConfig, rates: Rates) -> optax.GradientTransformation:
    """What is done with the gradients of one model in a step of these rates."""
    decay = config.weight_decay
    if config.optimizer == "adamw":
        return optax.chain(
            optax.clip_by_global_norm(config.clip), optax.adamw(lambda _: rates.adamw, weight_decay=decay)
        )
    return optax.chain(
        optax.clip_by_global_norm(config.clip),
        optax.contrib.muon(
            lambda _: rates.matrix,
            weight_decay=decay,
            adam_weight_decay=decay,
            adam_learning_rate=lambda _: rates.adamw,
            muon_weight_dimension_numbers=_matrices,
        ),
    )


def _matrices(params: Params) -> Any:
    """Which leaves are matrices of blocks: those of equal blocks are stacked, so that they have three axes."""
    inner = optax.contrib.MuonDimensionNumbers(reduction_axis=1, output_axis=2)
    return jax.tree.map(lambda leaf: inner if leaf.ndim == 3 else None, params)
