"""Layers, softmax and products are what they are named for, whichever way they are worked out, and so are their gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from models import kernels, layers
from models.kernels import ACCELERATOR, CPU

LAYERS = [("Linear", (5, 7)), ("LayerNorm", (5,)), ("RMSNorm", (5,))]


@pytest.fixture(params=[CPU, ACCELERATOR], ids=["cpu", "accelerator"])
def platform_kernels(request, monkeypatch):
    """Either platform's kernels, whatever is the faster here."""
    monkeypatch.setattr(kernels, "native", lambda: request.param)


def _moved(layer: nnx.Module, rng: np.random.Generator) -> nnx.Module:
    """With other weights than at its start, at which biases are 0 and scales 1."""
    graph, state = nnx.split(layer)
    return nnx.merge(graph, jax.tree.map(lambda leaf: leaf + rng.normal(size=leaf.shape).astype(np.float32), state))


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5)], ids=str)
@pytest.mark.parametrize("name, sizes", LAYERS)
def test_a_layer_and_its_gradients(platform_kernels, name, sizes, shape):
    """Against flax's layer of the same weights: values, and gradients by the text and by every weight."""
    rng = np.random.default_rng(0)
    layer = _moved(getattr(layers, name)(*sizes, rngs=nnx.Rngs(0)), rng)
    flax_layer = getattr(nnx, name)(*sizes, rngs=nnx.Rngs(0))
    nnx.update(flax_layer, nnx.state(layer))
    x = (3 + 2 * rng.normal(size=shape)).astype(np.float32)
    slope = rng.normal(size=(*shape[:-1], sizes[-1])).astype(np.float32)

    def values_and_gradients(module):
        graph, state = nnx.split(module)

        def weighed(state, x):
            y = nnx.merge(graph, state)(x)
            return (slope * y).sum(), y

        (_, y), gradients = jax.jit(jax.value_and_grad(weighed, argnums=(0, 1), has_aux=True))(state, x)
        return y, *gradients

    value, weights, text = values_and_gradients(layer)
    flax_value, flax_weights, flax_text = values_and_gradients(flax_layer)
    np.testing.assert_allclose(value, flax_value, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(text, flax_text, rtol=1e-4, atol=1e-5)
    for gradient, flax_gradient in zip(jax.tree.leaves(weights), jax.tree.leaves(flax_weights), strict=True):
        np.testing.assert_allclose(gradient, flax_gradient, rtol=1e-4, atol=1e-4)


def test_a_norm_in_half_precision_takes_its_sums_in_single(platform_kernels):
    """Of 64 numbers about 100, whose squares bfloat16 would round by more than their variance."""
    x = jnp.asarray(100 + np.random.default_rng(0).normal(size=(3, 64)), jnp.bfloat16)
    y = layers.LayerNorm(64, param_dtype=jnp.bfloat16, rngs=nnx.Rngs(0))(x)
    exact = np.asarray(x, np.float64)
    exact = (exact - exact.mean(-1, keepdims=True)) / exact.std(-1, keepdims=True)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(y, np.float64), exact, atol=0.05)


@pytest.mark.parametrize("widths", [(6,), (4, 1, 3)], ids=str)
def test_softmax_of_parts_is_that_of_the_whole(platform_kernels, widths):
    """And its gradient: large scores, some of which may not be read, cut at the widths."""
    rng = np.random.default_rng(0)
    scores = (50 * rng.normal(size=(2, 3, sum(widths)))).astype(np.float32)
    scores[:, 1, 0] = -1e30
    slope = rng.normal(size=scores.shape).astype(np.float32)
    cuts = np.cumsum(widths)[:-1].tolist()

    def of_parts(scores):
        return jnp.concatenate(kernels.softmax(jnp.split(scores, cuts, axis=-1)), axis=-1)

    np.testing.assert_allclose(jax.jit(of_parts)(scores), jax.nn.softmax(scores), atol=1e-6)
    gradient, other = (
        jax.jit(jax.grad(lambda s, f=f: (slope * f(s)).sum()))(scores) for f in (of_parts, jax.nn.softmax)
    )
    np.testing.assert_allclose(gradient, other, atol=1e-6)


SHAPES = [((2, 3, 5, 8), (2, 3, 8, 4)), ((2, 3, 1, 8), (2, 3, 8, 4)), ((7, 6), (6, 1)), ((4, 2, 9), (4, 9, 9))]


@pytest.mark.parametrize("left, right", SHAPES)
def test_a_product_and_its_gradients(platform_kernels, left, right):
    """Against numpy's, the gradients of a weighted sum of its entries against the rule for matrices."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left).astype(np.float32), rng.normal(size=right).astype(np.float32)
    weight = rng.normal(size=(a @ b).shape).astype(np.float32)
    np.testing.assert_allclose(kernels.matmul(a, b), a @ b, rtol=1e-5, atol=1e-5)
    of_a, of_b = jax.jit(jax.grad(lambda a, b: jnp.sum(weight * kernels.matmul(a, b)), argnums=(0, 1)))(a, b)
    np.testing.assert_allclose(of_a, weight @ b.swapaxes(-1, -2), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(of_b, a.swapaxes(-1, -2) @ weight, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("t", [1, 3])
def test_attention_over_several_memories_is_attention_over_all_of_it(platform_kernels, t):
    """Six queries, of which two and two share the first memory; against the formula, over both memories joined."""
    rng = np.random.default_rng(0)
    query, *own = (rng.normal(size=(6, size, 2, 4)).astype(np.float32) for size in (t, 3, 3))
    shared = [rng.normal(size=(3, 5, 2, 4)).astype(np.float32) for _ in range(2)]
    masks = rng.random((3, 1, 5)) < 0.7, rng.random((6, t, 3)) < 0.7
    read = jax.jit(kernels.attention)(
        jnp.asarray(query), (*kernels.split_heads(*shared), masks[0]), (*kernels.split_heads(*own), masks[1])
    )
    key, value = (
        np.concatenate([np.repeat(prefix, 2, axis=0), suffix], axis=1)
        for prefix, suffix in zip(shared, own, strict=True)
    )
    mask = np.concatenate([np.broadcast_to(np.repeat(masks[0], 2, axis=0), (6, t, 5)), masks[1]], axis=2)
    scores = np.where(mask[:, None], np.einsum("nthk,nmhk->nhtm", query, key) / 2, -np.inf)
    expected = np.einsum("nhtm,nmhk->nthk", jax.nn.softmax(scores), value)
    seen = mask.any(axis=2)
    np.testing.assert_allclose(np.asarray(read)[seen], expected[seen], rtol=1e-4, atol=1e-5)
