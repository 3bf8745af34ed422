"""Products of small matrices and rotations are what they are named for, whichever way they are worked out."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.learning import machine as device
from models.layers import product, rotate, turns

SHAPES = [((2, 3, 5, 8), (2, 3, 8, 4)), ((2, 3, 1, 8), (2, 3, 8, 4)), ((7, 6), (6, 1)), ((4, 2, 9), (4, 9, 9))]


@pytest.mark.parametrize("summed", [False, True], ids=["called", "summed"])
@pytest.mark.parametrize("left, right", SHAPES)
def test_a_product_and_its_gradients(monkeypatch, left, right, summed):
    """Against numpy's, the gradients of a weighted sum of its entries against the rule for matrices."""
    monkeypatch.setattr(device, "summed", lambda size: summed)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left).astype(np.float32), rng.normal(size=right).astype(np.float32)
    weight = rng.normal(size=(a @ b).shape).astype(np.float32)
    np.testing.assert_allclose(product(a, b), a @ b, rtol=1e-5, atol=1e-5)
    of_a, of_b = jax.grad(lambda a, b: jnp.sum(weight * product(a, b)), argnums=(0, 1))(a, b)
    np.testing.assert_allclose(of_a, weight @ b.swapaxes(-1, -2), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(of_b, a.swapaxes(-1, -2) @ weight, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [2, 8, 32])
def test_heads_are_turned_by_their_places(width):
    """Against complex numbers: entry j and entry j + k / 2 are one, turned by its place times 10,000 ^ (-2 j / k)."""
    rng = np.random.default_rng(0)
    x, places = rng.normal(size=(2, 5, 3, width)).astype(np.float32), rng.integers(64, size=(2, 5))
    angles = np.multiply.outer(places, 10_000.0 ** (-np.arange(width // 2) / (width // 2)))[:, :, None]
    turned = (x[..., : width // 2] + 1j * x[..., width // 2 :]) * np.exp(1j * angles)
    expected = np.concatenate([turned.real, turned.imag], axis=-1)
    np.testing.assert_allclose(rotate(x, turns(jnp.asarray(places), width, 64)), expected, rtol=1e-5, atol=1e-5)


def test_padding_beyond_the_context_is_turned_somehow():
    """Widths are rounded up: what is looked up for padding is no number's business, but it must be a number."""
    assert np.isfinite(turns(jnp.arange(12)[None], 8, 10)).all()
