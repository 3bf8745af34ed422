"""What a model may offer besides its four functions: a look at its activations, and a hand in them.

Dimension letters: `n` sequences, `t` tokens, `c` ids a position carries, `v` vocabulary, `d` width, `l` layers (passes of a
looped model count one by one), `h` heads, `k` width of a head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

from alchemy.errors import UserError
from alchemy.learning.model import Model, Params

if TYPE_CHECKING:
    import jax
    import numpy as np

Array: TypeAlias = "jax.Array | np.ndarray"


class Activations(NamedTuple):
    """What a forward pass computes on its way."""

    residual: jax.Array  # (n, l + 1, t, d): the residual stream behind the embedding, then behind each layer
    heads: jax.Array  # (n, l, t, h, k): what each head has read, before the output projection


class Patch(NamedTuple):
    """What is changed in a forward pass; None leaves everything of a kind as it is."""

    residual: Array | None = None  # (n | 1, l + 1, t, d): put in place of the model's own where `residual_at`
    residual_at: Array | None = None  # bool (n | 1, l + 1, t)
    heads: Array | None = None  # (n | 1, l, t, h, k): put in place of what heads have read where `heads_at`
    heads_at: Array | None = None  # bool (n | 1, l, t, h)
    blocked: Array | None = None  # bool (n | 1, t, t): queries and the keys that they may not read in any layer


NO_PATCH = Patch()


@runtime_checkable
class OpenModel(Model, Protocol):
    """A model whose activations can be read and changed."""

    def open(self, params: Params, tokens: jax.Array, patch: Patch = NO_PATCH) -> tuple[jax.Array, Activations]:
        """Logits float32 (n, t, v) behind `tokens` int32 (n, t, c), and the activations, both with the patch applied.

        Without a patch the logits are those of `apply`. A token always reads itself, also where that is blocked.
        """


def opened(model: Model) -> OpenModel:
    """The same model, known to be open; raises `UserError` if it is not."""
    if not isinstance(model, OpenModel):
        raise UserError(f"{type(model).__name__} does not open its activations; a Transformer does")
    return model
