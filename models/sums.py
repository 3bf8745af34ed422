"""Sums over rows and columns, and the layers that are made of them.

Where `device.multiplied` says so, a sum is a product with ones, forward or as a gradient.
Dimension letters: `d` width, `c` that of what a layer reads, `m` tokens whose scores a softmax is of.
"""

from __future__ import annotations

from functools import partial, reduce

import jax
import jax.numpy as jnp
from flax import nnx

from alchemy.learning import machine as device


def total(x: jax.Array) -> jax.Array:
    """The sum of each row, x (..., d) to (..., 1)."""
    if not device.multiplied():
        return x.sum(axis=-1, keepdims=True)
    return x @ jnp.ones((x.shape[-1], 1), x.dtype)


def everywhere(row: jax.Array, x: jax.Array) -> jax.Array:
    """A row (d,) for each of x (..., d), such that its gradient, a sum over all of them, is a product too."""
    return jnp.ones((*x.shape[:-1], 1), row.dtype) @ row[None]


class Linear(nnx.Linear):
    """An affine layer, x (..., c) to (..., d)."""

    def __call__(self, x: jax.Array) -> jax.Array:
        if self.bias is None or not device.multiplied():
            return super().__call__(x)
        y = x @ self.kernel[...]
        return y + everywhere(self.bias[...], y)


class LayerNorm(nnx.LayerNorm):
    """Rows of mean 0 and variance 1, then scaled and moved (arXiv:1607.06450)."""

    def __call__(self, x: jax.Array) -> jax.Array:
        if not device.multiplied():
            return super().__call__(x)
        y = _standard(self.epsilon, True, x.astype(jnp.float32))
        return (y * everywhere(self.scale[...], x) + everywhere(self.bias[...], x)).astype(x.dtype)


class RMSNorm(nnx.RMSNorm):
    """Rows of mean square 1, then scaled (arXiv:1910.07467)."""

    def __call__(self, x: jax.Array) -> jax.Array:
        if not device.multiplied():
            return super().__call__(x)
        y = _standard(self.epsilon, False, x.astype(jnp.float32))
        return (y * everywhere(self.scale[...], x)).astype(x.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _standard(epsilon: float, centred: bool, x: jax.Array) -> jax.Array:
    """Rows (..., d) divided by the root of their mean square, about their mean if `centred`."""
    return _standard_forward(epsilon, centred, x)[0]


def _standard_forward(epsilon: float, centred: bool, x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    d = x.shape[-1]
    mean = total(x) / d if centred else 0.0
    scale = jax.lax.rsqrt(jnp.maximum(total(x * x) / d - mean * mean, 0.0) + epsilon)
    y = (x - mean) * scale
    return y, (y, scale)


def _standard_backward(
    epsilon: float, centred: bool, kept: tuple[jax.Array, jax.Array], slope: jax.Array
) -> tuple[jax.Array]:
    y, scale = kept
    d = y.shape[-1]
    mean = total(slope) / d if centred else 0.0
    return ((slope - mean - y * (total(slope * y) / d)) * scale,)


_standard.defvjp(_standard_forward, _standard_backward)


@jax.custom_vjp
def softmax(scores: list[jax.Array]) -> list[jax.Array]:
    """Over the last axes (..., m) of all of them together, which are not put together as that would take longer."""
    return _softmax_forward(scores)[0]


def _softmax_forward(scores: list[jax.Array]) -> tuple[list[jax.Array], list[jax.Array]]:
    most = reduce(jnp.maximum, [one.max(axis=-1, keepdims=True) for one in scores])
    shares = [jnp.exp(one - most) for one in scores]
    whole = sum(map(total, shares))
    shares = [share / whole for share in shares]
    return shares, shares


def _softmax_backward(shares: list[jax.Array], slopes: list[jax.Array]) -> tuple[list[jax.Array]]:
    weighted = sum(total(share * slope) for share, slope in zip(shares, slopes, strict=True))
    return ([share * (slope - weighted) for share, slope in zip(shares, slopes, strict=True)],)


softmax.defvjp(_softmax_forward, _softmax_backward)
