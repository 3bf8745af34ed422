"""What an architecture must offer: four pure functions over a plain nested dict of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import jax

Params = Any
"""A nested dict of float arrays; with an axis `s` in front of every leaf where many seeds are held."""


class Cache(NamedTuple):
    """What a model remembers of the tokens it has read."""

    memory: Any  # arrays of the model's own, `n` rows each
    length: jax.Array  # int32 (n,): tokens read so far


class Model(Protocol):
    """A hashable description of an architecture; it holds no arrays."""

    context: int
    """The longest sequence the model may be asked to read, in tokens."""

    def init(self, key: jax.Array) -> Params:
        """Fresh parameters."""

    def apply(self, params: Params, tokens: jax.Array, key: jax.Array | None = None) -> jax.Array:
        """Logits (n, t, v) of the next token after each of `tokens` int32 (n, t, c).

        Padding may only follow the text. `key` drives what is random in training and is None otherwise.
        """

    def init_cache(self, n: int, length: int, dtype: Any = ...) -> Cache:
        """An empty cache for `n` rows of at most `length` tokens, padding included."""

    def extend(self, params: Params, cache: Cache, tokens: jax.Array) -> tuple[jax.Array, Cache]:
        """Read `tokens` int32 (n, t, c) after what `cache` holds: logits (n, t, v) and the new cache.

        Padding, at the end of a row only, is not read: that row's length does not move.
        """

    def branch(self, cache: Cache, samples: int, length: int) -> Cache:
        """Each row of a cache `samples` times, one after the other, to be continued by at most `length` tokens each, padding
        included.

        What was read so far is shared, not copied. A cache is branched once.
        """

    def pick(self, cache: Cache, rows: jax.Array) -> Cache:
        """The rows int32 (m,) of a branched cache, any of them more than once, in groups as before: the first m / n rows are
        of the row that was branched first, and so on.
        """
