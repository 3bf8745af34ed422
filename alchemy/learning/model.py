"""What an architecture must offer: four pure functions over a plain nested dict of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import jax

    from alchemy.learning.data import Examples

Params = Any
"""A nested dict of float arrays; with an axis `s` in front of every leaf where many seeds are held."""


class Cache(NamedTuple):
    """What a model remembers of the tokens that `n` rows have read.

    The leaves of `memory` are the model's own and have a leading axis of rows. Those whose shape depends on `length` in
    `init_cache` have an axis of slots, one for each token, and are zero where nothing is written; the others, such as the
    state of a recurrent network, say all there is to say about a row. `alchemy.decoding.cache` branches, grows and picks rows
    of the cache of any model.
    """

    memory: Any
    slot: jax.Array  # int32: the next one to be written, of all rows alike, padding included
    length: jax.Array  # int32 (n,): tokens read, padding left out
    shared: Any = None
    """The slots of g rows that were read before these branched, each read by n / g rows in turn; leaves without an axis of slots
    are None. None where nothing is shared."""


class Trainable(Protocol):
    """A hashable description of an architecture; it holds no arrays."""

    @property
    def loops(self) -> int:
        """Times a token passes through the parameters: 1, but in a looped transformer."""

    def init(self, key: jax.Array) -> Params:
        """Fresh parameters."""


class WithLoss(Trainable, Protocol):
    """An architecture that says itself what training is to make small."""

    ema: float
    """Decay of the moving average of weights that training leaves in place of the last ones; 0 for the last ones."""

    def loss(self, params: Params, examples: Examples, keys: jax.Array) -> jax.Array:
        """The summed loss of a batch; `keys` (n,), one for each example, drive what is random."""


class Model(Trainable, Protocol):
    """A trainable that writes: it predicts the next token."""

    context: int
    """The longest sequence the model may be asked to read, in tokens."""

    def apply(self, params: Params, tokens: jax.Array, keys: jax.Array | None = None, start: int = 0) -> jax.Array:
        """Logits (n, t - start, v) of the next token after each of `tokens` int32 (n, t, c) from the one at `start` on.

        Padding may only follow the text. `keys` (n,), one for each row, drive what is random in training and are None
        otherwise. Activations have the precision of `params`; logits are float32.
        """

    def init_cache(self, n: int, length: int, dtype: Any = ...) -> Cache:
        """An empty cache for `n` rows of at most `length` tokens, padding included."""

    def extend(self, params: Params, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        """Read `tokens` int32 (n, t, c) after what `cache` holds: logits (n, t, v) of the next tokens, and the new cache.

        With `last`, logits (n, 1, v) after the last token of each row alone; after its first padding where it has none.
        Padding, at the end of a row only, takes slots but is not read: that row's length does not move.
        """
