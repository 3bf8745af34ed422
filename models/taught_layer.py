"""A transformer of which one layer is told what to hold: a linear reader has to say a label at each place.

It reads the residual stream behind the layer, or what the heads of the layer have read, before its feed-forward part. The labels are
an auxiliary loss beside that of the next token, such as running sums of a multiplication that is answered at once
(arXiv:2510.00184). Nothing reads the reader: what it makes the layer hold is of use to what comes behind, or is not.

Dimension letters: `n` sequences, `t` tokens, `v` vocabulary, `d` width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import jax
import jax.numpy as jnp

from alchemy.errors import UserError, nearest
from alchemy.learning.data import Examples
from alchemy.learning.model import Cache, Params
from alchemy.learning.open_model import NO_PATCH, Activations
from alchemy.problem.task import PAD
from alchemy.record import added
from models.transformer import Transformer

READER = "reader"
Read = Literal["residual", "heads"]


@dataclass(frozen=True)
class TaughtLayer(Transformer):
    """Examples whose `target` is the label of each place, padding for none; the next token is always the text's own."""

    taught: int = 1
    """Behind which layer the labels are read; passes of a looped model count one by one."""
    pull: float = 1.0
    """How much a label counts beside a token."""
    read: Read = added(before="residual")
    """What is read of the layer: the stream behind it, or what its heads have read."""
    ema: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.taught <= self.passes:
            raise UserError(
                f"taught {self.taught} is outside 1 to {self.passes}, the layers that a token passes through"
            )
        if self.read not in get_args(Read):
            raise UserError(f"read {self.read!r} is unknown{nearest(self.read, get_args(Read))}")

    def init(self, key: jax.Array) -> Params:
        """Those of a `Transformer` from the same key, and the reader."""
        reader = jax.random.normal(jax.random.fold_in(key, 0), (self.width, self.vocabulary)) * self.width**-0.5
        return {**super().init(key), READER: reader}

    def loss(self, params: Params, examples: Examples, keys: jax.Array) -> jax.Array:
        """The nats of all tokens that count, and `pull` times those of all labels."""
        read = examples.tokens[:, :-1]
        logits, seen = self._forward(params, read, self._places(read, keys), patch=NO_PATCH)
        losses = _nats(logits, examples.tokens[:, 1:, 0], examples.weight[:, 1:])
        if examples.target is None:
            return losses
        labels = examples.target[:, 1:]
        said = self.holds(seen).astype(jnp.float32) @ params[READER].astype(jnp.float32)
        return losses + self.pull * _nats(said, labels, labels != PAD)

    def holds(self, seen: Activations) -> jax.Array:
        """What the reader reads of a forward pass: (n, t, d)."""
        if self.read == "residual":
            return seen.residual[:, self.taught]
        heads = seen.heads[:, self.taught - 1]
        return heads.reshape(*heads.shape[:2], self.width)

    def _forward(self, params: Params, *args: Any, **how: Any) -> tuple[jax.Array, Any]:
        return super()._forward(_without_reader(params), *args, **how)

    def extend(self, params: Params, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        return super().extend(_without_reader(params), cache, tokens, last)


def _nats(logits: jax.Array, said: jax.Array, counts: jax.Array) -> jax.Array:
    """What is lost on ids int (n, t) that count, bool (n, t), under logits (n, t, v): one number."""
    chances = jnp.take_along_axis(jax.nn.log_softmax(logits), said[..., None], axis=-1)[..., 0]
    return -(chances * counts).sum()


def _without_reader(params: Params) -> Params:
    return {name: value for name, value in params.items() if name != READER}
