"""Layers whose sums are products with ones are the layers they are named for, and so are their gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from alchemy.learning import machine as device
from models import sums

LAYERS = [("Linear", (5, 7)), ("LayerNorm", (5,)), ("RMSNorm", (5,))]


@pytest.fixture(params=[False, True], ids=["summed", "multiplied"])
def way(request, monkeypatch):
    """Either way of taking a sum, whatever is the faster here."""
    monkeypatch.setattr(device, "multiplied", lambda: request.param)


def _moved(layer: nnx.Module, rng: np.random.Generator) -> nnx.Module:
    """With other weights than at its start, at which biases are 0 and scales 1."""
    graph, state = nnx.split(layer)
    return nnx.merge(graph, jax.tree.map(lambda leaf: leaf + rng.normal(size=leaf.shape).astype(np.float32), state))


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5)], ids=str)
@pytest.mark.parametrize("name, sizes", LAYERS)
def test_a_layer_and_its_gradients(way, name, sizes, shape):
    """Against flax's layer of the same weights: values, and gradients by the text and by every weight."""
    rng = np.random.default_rng(0)
    ours = _moved(getattr(sums, name)(*sizes, rngs=nnx.Rngs(0)), rng)
    theirs = getattr(nnx, name)(*sizes, rngs=nnx.Rngs(0))
    nnx.update(theirs, nnx.state(ours))
    x = jnp.asarray(3 + 2 * rng.normal(size=shape), jnp.float32)
    slope = rng.normal(size=ours(x).shape).astype(np.float32)

    def found(layer):
        graph, state = nnx.split(layer)
        return jax.value_and_grad(lambda state, x: (slope * nnx.merge(graph, state)(x)).sum(), argnums=(0, 1))(state, x)

    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
    (value, (weights, text)), (other, (others, by_text)) = found(ours), found(theirs)
    np.testing.assert_allclose(value, other, rtol=1e-4)
    np.testing.assert_allclose(text, by_text, rtol=1e-4, atol=1e-5)
    for one, another in zip(jax.tree.leaves(weights), jax.tree.leaves(others), strict=True):
        np.testing.assert_allclose(one, another, rtol=1e-4, atol=1e-4)


def test_a_norm_in_half_precision_takes_its_sums_in_single(way):
    """Of 64 numbers about 100, whose squares bfloat16 would round by more than their variance."""
    x = jnp.asarray(100 + np.random.default_rng(0).normal(size=(3, 64)), jnp.bfloat16)
    y = sums.LayerNorm(64, param_dtype=jnp.bfloat16, rngs=nnx.Rngs(0))(x)
    exact = np.asarray(x, np.float64)
    exact = (exact - exact.mean(-1, keepdims=True)) / exact.std(-1, keepdims=True)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(y, np.float64), exact, atol=0.05)


@pytest.mark.parametrize("widths", [(6,), (4, 1, 3)], ids=str)
def test_softmax_of_parts_is_that_of_the_whole(way, widths):
    """And its gradient: large scores, some of which may not be read, cut at the widths."""
    rng = np.random.default_rng(0)
    scores = (50 * rng.normal(size=(2, 3, sum(widths)))).astype(np.float32)
    scores[:, 1, 0] = -1e30
    slope = rng.normal(size=scores.shape).astype(np.float32)
    cuts = np.cumsum(widths)[:-1].tolist()

    def of_parts(scores):
        return jnp.concatenate(sums.softmax(jnp.split(scores, cuts, axis=-1)), axis=-1)

    np.testing.assert_allclose(of_parts(scores), jax.nn.softmax(scores), atol=1e-6)
    gradient, other = (jax.grad(lambda s, f=f: (slope * f(s)).sum())(scores) for f in (of_parts, jax.nn.softmax))
    np.testing.assert_allclose(gradient, other, atol=1e-6)
