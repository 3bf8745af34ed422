"""How gradients become steps: AdamW, or Muon for the blocks' matrices, rates rising and falling, gradients clipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import jax
import optax

from alchemy.model import Params

if TYPE_CHECKING:
    from alchemy.train import TrainConfig

Optimizer = Literal["adamw", "muon"]
OPTIMIZERS: tuple[Optimizer, ...] = ("adamw", "muon")


def updates(config: TrainConfig) -> optax.GradientTransformation:
    """What is done with the gradients of one model."""
    rising = max(1, round(config.warmup * config.steps))

    def rate(peak: float) -> optax.Schedule:
        return optax.warmup_cosine_decay_schedule(0.0, peak, rising, max(config.steps, rising + 1))

    adamw, decay = rate(config.learning_rate), config.weight_decay
    if config.optimizer == "adamw":
        return optax.chain(optax.clip_by_global_norm(config.clip), optax.adamw(adamw, weight_decay=decay))
    return optax.chain(
        optax.clip_by_global_norm(config.clip),
        optax.contrib.muon(
            rate(config.matrix_rate),
            weight_decay=decay,
            adam_weight_decay=decay,
            adam_learning_rate=adamw,
            muon_weight_dimension_numbers=_matrices,
        ),
    )


def _matrices(params: Params) -> Any:
    """Which leaves are matrices of blocks: those of equal blocks are stacked, so that they have three axes."""
    inner = optax.contrib.MuonDimensionNumbers(reduction_axis=1, output_axis=2)
    return jax.tree.map(lambda leaf: inner if leaf.ndim == 3 else None, params)
