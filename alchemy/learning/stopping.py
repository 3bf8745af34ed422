"""When models are done before the last step of their training, by their losses alone."""

from __future__ import annotations

import numpy as np

from alchemy.learning.config import TrainConfig


def cooldown(config: TrainConfig) -> int:
    """Steps from where a model is good enough to where it is done: whole chunks."""
    return -(-config.stop.cooldown // config.chunk) * config.chunk


def good(losses: np.ndarray, config: TrainConfig) -> int | None:
    """After how many steps the losses (steps,) of one model were low enough by `config.stop`; None where they were not.

    Losses behind that are not looked at, and may be anything.
    """
    over = config.stop.over
    if not config.stop.below:
        return None
    looks = np.arange(config.chunk, len(losses) + 1, config.chunk)
    looks = looks[looks >= over]
    sums = np.concatenate([[0.0], np.cumsum(losses, dtype=np.float64)])
    low = looks[(sums[looks] - sums[looks - over]) / over <= config.stop.below]
    return int(low[0]) if len(low) else None


def steps_taken(losses: np.ndarray, config: TrainConfig) -> np.ndarray:
    """Steps that each model is trained for at most, as far as its losses (s, steps) tell: int (s,)."""
    ends = [config.steps if (done := good(row, config)) is None else done + cooldown(config) for row in losses]
    return np.minimum(ends, config.steps)
