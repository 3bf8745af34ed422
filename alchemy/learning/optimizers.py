"""How gradients become steps: AdamW, or Muon for the blocks' matrices, a learning rate schedule, gradients clipped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from alchemy.learning.config import Stop, TrainConfig
from alchemy.learning.model import Params
from alchemy.learning.stopping import cooldown


class Rates(NamedTuple):
    """Learning rates, of one step or float32 (steps,)."""

    adamw: Any
    matrix: Any


def schedule(config: TrainConfig, start: int, steps: int, good: int | None = None) -> Rates:
    """The rates of so many steps from `start` on: linear warmup to their peak, then a cosine to zero.

    Of a model that was good enough after `good` steps, a cosine to zero from there within the cooldown of `config.stop`, and NaN
    from where it is done.
    """
    warmup = max(1, round(config.warmup * config.steps))
    step, decay = np.arange(start, start + steps), max(1, config.steps - warmup)
    share = np.where(step < warmup, step / warmup, 0.5 + 0.5 * np.cos(np.pi * (step - warmup) / decay))
    if good is not None:
        cooled = np.clip((step - good) / max(1, cooldown(config)), 0, 1)
        share = np.where(step < good + cooldown(config), share * (0.5 + 0.5 * np.cos(np.pi * cooled)), np.nan)
    return Rates(np.float32(config.learning_rate * share), np.float32(config.matrix_rate * share))


def compiled_part(config: TrainConfig) -> TrainConfig:
    """The same but for what a compiled program is given as it runs: trainings of which this is equal share a program."""
    stop = Stop(below=float(config.stop.below > 0))
    return replace(config, steps=1, batch=1, learning_rate=0.0, matrix_rate=0.0, warmup=0.0, chunk=1, stop=stop)


def optimizer(config: TrainConfig, rates: Rates) -> optax.GradientTransformation:
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
