"""How a transformer's arithmetic is asked of the processor at hand: other ways to the same numbers, up to rounding.

XLA compiles for a CPU sums over rows and columns that take two to four times as long as its products with ones, and calls a
library for every matrix of a batched product, however small. Accelerators need none of that. Which ways are taken is
decided once, by the platform that jax runs on.

Dimension letters: `n` sequences, `g` memories that n / g sequences each share, `t` tokens, `m` cached tokens, `d` width,
`c` width of what a layer reads, `h` heads, `k` width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial, reduce

import jax
import jax.numpy as jnp

Memory = tuple[jax.Array, jax.Array, jax.Array]
"""Keys (g, h, k, m), values (g, h, m, k), and which of them a query may read: bool (g | 1, t | 1, m)."""


@dataclass(frozen=True)
class Kernels:
    """The ways that are the faster on a platform."""

    sums_as_products: bool
    """Sums over rows or columns, forward and as gradients, are products with ones."""
    small_matrix: int
    """Batched products with matrices of at most so many entries are written as sums of outer products."""
    unrolled_layers: int
    """Models of at most so many layers have no loop over them: its turns copy the activations saved for the backward pass."""
    layers_a_turn: int
    """Of the loop over the layers of deeper models."""
    joins_memories: bool
    """Where several tokens are read at once, all that they attend to is one memory: each row has a copy of what it shares."""

    def unroll(self, layers: int) -> int:
        """Layers in a turn of the loop over so many, for `jax.lax.scan`."""
        return layers if layers <= self.unrolled_layers else self.layers_a_turn


CPU = Kernels(sums_as_products=True, small_matrix=320, unrolled_layers=4, layers_a_turn=1, joins_memories=True)
ACCELERATOR = Kernels(sums_as_products=False, small_matrix=0, unrolled_layers=8, layers_a_turn=8, joins_memories=False)


@cache
def native() -> Kernels:
    """Those of the platform that jax runs on."""
    return CPU if jax.default_backend() == "cpu" else ACCELERATOR


def row_sum(x: jax.Array) -> jax.Array:
    """The sum of each row, x (..., d) to (..., 1)."""
    if native().sums_as_products:
        return x @ jnp.ones((x.shape[-1], 1), x.dtype)
    return x.sum(axis=-1, keepdims=True)


def to_rows(row: jax.Array, x: jax.Array) -> jax.Array:
    """A row (d,) for each of those of x (..., d); its gradient is a sum over columns."""
    if native().sums_as_products:
        return jnp.ones((*x.shape[:-1], 1), row.dtype) @ row[None]
    return jnp.broadcast_to(row, x.shape)


def affine(x: jax.Array, weight: jax.Array, bias: jax.Array | None) -> jax.Array:
    """x (..., c) times weight (c, d), plus bias (d,)."""
    y = x @ weight
    return y if bias is None else y + to_rows(bias, y)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def standardize(x: jax.Array, epsilon: float, centre: bool) -> jax.Array:
    """Rows (..., d) over the root of their mean square, about their mean if `centre`."""
    return _standardize_forward(x, epsilon, centre)[0]


def _standardize_forward(x: jax.Array, epsilon: float, centre: bool) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    d = x.shape[-1]
    mean = row_sum(x) / d if centre else 0.0
    scale = jax.lax.rsqrt(jnp.maximum(row_sum(x * x) / d - mean * mean, 0.0) + epsilon)
    y = (x - mean) * scale
    return y, (y, scale)


def _standardize_backward(
    epsilon: float, centre: bool, saved: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array]:
    y, scale = saved
    d = y.shape[-1]
    mean = row_sum(gradient) / d if centre else 0.0
    return ((gradient - mean - y * (row_sum(gradient * y) / d)) * scale,)


standardize.defvjp(_standardize_forward, _standardize_backward)


def split_heads(key: jax.Array, value: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Keys and values (n, m, h, k) with each head's as a matrix in memory, as a `Memory` holds them."""
    return key.transpose(0, 2, 3, 1), value.transpose(0, 2, 1, 3)


def attention(query: jax.Array, *memories: Memory) -> jax.Array:
    """Scaled dot-product attention (arXiv:1706.03762, section 3.2.1) of query (n, t, h, k) over all memories: (n, t, h, k).

    Row i of a memory of g rows is read by the i-th n / g queries. Where one token is written the memories are not joined, as
    that would copy them for every token.
    """
    query = query.swapaxes(1, 2)  # (n, h, t, k)
    if len(memories) > 1 and query.shape[2] > 1 and native().joins_memories:
        memories = (_joined(memories, len(query), query.shape[2]),)
    scores = [_scores(query, key, mask) for key, _, mask in memories]
    weights = [part.astype(query.dtype) for part in softmax(scores)]
    read = sum(_weighted(part, value) for part, (_, value, _) in zip(weights, memories, strict=True))
    return read.swapaxes(1, 2)


def _joined(memories: tuple[Memory, ...], n: int, t: int) -> Memory:
    """One memory (n, h, ...) of several, for n sequences of t tokens."""

    def own(array: jax.Array) -> jax.Array:
        return jnp.repeat(array, n // len(array), axis=0)

    keys, values, masks = zip(*memories, strict=True)
    rows = [jnp.broadcast_to(own(mask), (n, t, mask.shape[2])) for mask in masks]
    return (
        jnp.concatenate([own(key) for key in keys], axis=3),
        jnp.concatenate([own(value) for value in values], axis=2),
        jnp.concatenate(rows, axis=2),
    )


def _scores(query: jax.Array, key: jax.Array, mask: jax.Array) -> jax.Array:
    """float32 (n, h, t, m) of query (n, h, t, k) and one memory's keys (g, h, k, m)."""
    n, _, t, k = query.shape
    scores = matmul(_grouped(query, len(key)), key) * k**-0.5
    return _ungrouped(jnp.where(mask[:, None], scores.astype(jnp.float32), -1e30), n, t)


def _weighted(weights: jax.Array, value: jax.Array) -> jax.Array:
    """Sums (n, h, t, k) of one memory's values (g, h, m, k) with weights (n, h, t, m)."""
    n, _, t, _ = weights.shape
    return _ungrouped(matmul(_grouped(weights, len(value)), value), n, t)


def _grouped(x: jax.Array, g: int) -> jax.Array:
    """(n, h, t, ...) with the sequences that share a memory as rows of one matrix: (g, h, n / g x t, ...)."""
    n, h, t, *rest = x.shape
    return x if g == n else x.reshape(g, n // g, h, t, *rest).swapaxes(1, 2).reshape(g, h, n // g * t, *rest)


def _ungrouped(x: jax.Array, n: int, t: int) -> jax.Array:
    """The inverse of `_grouped`: (n, h, t, ...)."""
    g, h, _, *rest = x.shape
    return x if g == n else x.reshape(g, h, n // g, t, *rest).swapaxes(1, 2).reshape(n, h, t, *rest)


@jax.custom_vjp
def softmax(parts: list[jax.Array]) -> list[jax.Array]:
    """Over the last axes (..., m) of all parts together."""
    return _softmax_forward(parts)[0]


def _softmax_forward(parts: list[jax.Array]) -> tuple[list[jax.Array], list[jax.Array]]:
    most = reduce(jnp.maximum, [part.max(axis=-1, keepdims=True) for part in parts])
    exponentials = [jnp.exp(part - most) for part in parts]
    total = sum(map(row_sum, exponentials))
    weights = [part / total for part in exponentials]
    return weights, weights


def _softmax_backward(weights: list[jax.Array], gradients: list[jax.Array]) -> tuple[list[jax.Array]]:
    pairs = list(zip(weights, gradients, strict=True))
    mean = sum(row_sum(weight * gradient) for weight, gradient in pairs)
    return ([weight * (gradient - mean) for weight, gradient in pairs],)


softmax.defvjp(_softmax_forward, _softmax_backward)


def matmul(left: jax.Array, right: jax.Array) -> jax.Array:
    """Matrix products of left (..., t, c) and right (..., c, m)."""
    small = left.shape[-2] > 1 and right.shape[-2] * right.shape[-1] <= native().small_matrix
    return _outer_products(left, right) if small else left @ right


@jax.custom_vjp
def _outer_products(left: jax.Array, right: jax.Array) -> jax.Array:
    """The product as c sums over all matrices at once."""
    return sum(left[..., i, None] * right[..., None, i, :] for i in range(left.shape[-1]))


def _outer_products_forward(left: jax.Array, right: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _outer_products(left, right), (left, right)


def _outer_products_backward(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sums of outer products again, which automatic differentiation would not make of them."""
    left, right = saved
    return _outer_products(gradient, right.swapaxes(-1, -2)), _outer_products(left.swapaxes(-1, -2), gradient)


_outer_products.defvjp(_outer_products_forward, _outer_products_backward)
