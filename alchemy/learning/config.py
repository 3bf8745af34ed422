"""How a model is trained, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from alchemy.errors import UserError, nearest
from alchemy.record import added

Optimizer = Literal["adamw", "muon"]
OPTIMIZERS: tuple[Optimizer, ...] = ("adamw", "muon")


@dataclass(frozen=True)
class Stop:
    """When a model is done before the last step: its loss is low enough, and then the rate falls to zero within some more steps.

    Looked at behind every chunk, for each model by its own losses alone.
    """

    below: float = 0.0
    """Mean loss of the last `over` steps at which a model is good enough, in nats a token; 0 for never."""
    over: int = 100
    """Steps, over which the loss stays as low."""
    cooldown: int = 100
    """Steps within which the rate then falls along a cosine to zero, rounded up to whole chunks."""

    def __post_init__(self) -> None:
        for name, least in {"below": 0, "over": 1, "cooldown": 0}.items():
            if not getattr(self, name) >= least:
                raise UserError(f"{name} must be at least {least}, not {getattr(self, name)}")


@dataclass(frozen=True)
class TrainConfig:
    """How to train; the defaults are those of arXiv:2508.01191 except for the number of steps and the batch."""

    steps: int = 1000
    batch: int = 256
    """Sequences a step, for each seed."""
    optimizer: Optimizer = "adamw"
    """muon orthogonalises the steps of the blocks' matrices (Jordan et al. 2024); all else is AdamW's."""
    learning_rate: float = 3e-3
    """Of AdamW."""
    matrix_rate: float = 0.02
    """Of Muon."""
    warmup: float = 0.1
    """Share of the steps in which the rate rises; it then falls along a cosine to zero."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest global norm of a gradient."""
    chunk: int = 50
    """Steps a device call."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of activations; auto is bfloat16 on accelerators. Parameters are float32."""
    stop: Stop = added(Stop())
    """When to end a model's training before its last step."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "chunk"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.optimizer not in OPTIMIZERS:
            raise UserError(f"optimizer {self.optimizer!r} is unknown{nearest(self.optimizer, OPTIMIZERS)}")
        if not 0 <= self.warmup <= 1:
            raise UserError(f"warmup {self.warmup} is outside [0, 1]")
