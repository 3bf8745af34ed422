"""What an architecture must offer: pure functions over a plain nested dict of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import jax

Params = Any
"""A nested dict of float arrays; with an axis `s` in front of every leaf where many seeds are held."""


class Cache(NamedTuple):
    """What a model remembers of the tokens it has read."""

    memory: Any  # arrays of the model's own, `n` rows each, and numbers that hold for all rows
    length: jax.Array  # int32 (n,): tokens read so far


class Model(Protocol):
    """A hashable description of an architecture; it holds no arrays."""

    context: int
    """The longest sequence the model may be asked to read, in tokens."""

    def init(self, key: jax.Array) -> Params:
        """Fresh parameters."""

    def apply(self, params: Params, tokens: jax.Array, key: jax.Array | None = None, since: int = 0) -> jax.Array:
        """Logits (n, t - since, v) of the next token after each of `tokens` int32 (n, t, c) from place `since` on.

        Padding may only follow the text. `key` drives what is random in training and is None otherwise. What is computed is of
        the precision of `params`; logits are float32.
        """

    def init_cache(self, n: int, length: int, dtype: Any = ...) -> Cache:
        """An empty cache for `n` rows of at most `length` tokens, padding included; with 0 the first text it is given fills it."""

    def ready(self, params: Params) -> Params:
        """Parameters as `extend` reads them: made once, before a loop whose every turn would pick them apart."""

    def extend(self, params: Params, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        """Read `tokens` int32 (n, t, c) after what `cache` holds, with params of `ready`: logits (n, t, v) and the new cache.

        With `last`, logits (n, 1, v) after the last token of each row alone; after its first padding where it has none.

        Padding, at the end of a row only, is not read: that row's length does not move.
        """

    def branch(self, cache: Cache, samples: int, length: int) -> Cache:
        """Each row of a cache `samples` times, one after the other, to be continued by at most `length` tokens each, padding
        included. With 0 what is read next is forgotten, until places are added.

        What was read so far is shared, not copied. A cache is branched once.
        """

    def pick(self, cache: Cache, rows: jax.Array) -> Cache:
        """The rows int32 (m,) of a branched cache, any of them more than once, in groups as before: the first m / n rows are
        of the row that was branched first, and so on.
        """

    def grow(self, cache: Cache, length: int) -> Cache:
        """A branched cache with places for `length` tokens a row in all since then, padding included; never fewer than before."""

    def apart(self, cache: Cache, rows: jax.Array) -> Cache:
        """The rows int32 (m,) of a branched cache in any order, each with a copy of what its group had shared."""

    def store(self, cache: Cache, length: int) -> Any:
        """Empty places, `length` a row, for what branches of the rows of an unbranched `cache` write."""

    def note(self, store: Any, cache: Cache, since: jax.Array, count: int, place: jax.Array) -> Any:
        """The store with what a branched `cache`, one branch a row, has at its `count` places from `since` on, from `place` on."""

    def recall(self, store: Any, cache: Cache, places: jax.Array, used: jax.Array) -> Cache:
        """The unbranched `cache` branched into one branch a row that has written, in that order, what the store has at
        `places` int32 (n, m); -1, behind them, is none. The first `used` of the m places count as written.
        """
