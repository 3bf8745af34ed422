"""Rotary embeddings are what they are named for."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from models.layers import rotary_tables, rotate


@pytest.mark.parametrize("width", [2, 8, 32])
def test_heads_are_rotated_by_their_positions(width):
    """Against complex numbers: entry j and entry j + k / 2 are one, rotated by its position times 10,000 ^ (-2 j / k)."""
    rng = np.random.default_rng(0)
    x, positions = rng.normal(size=(2, 5, 3, width)).astype(np.float32), rng.integers(64, size=(2, 5))
    angles = np.multiply.outer(positions, 10_000.0 ** (-np.arange(width // 2) / (width // 2)))[:, :, None]
    rotated = (x[..., : width // 2] + 1j * x[..., width // 2 :]) * np.exp(1j * angles)
    expected = np.concatenate([rotated.real, rotated.imag], axis=-1)
    np.testing.assert_allclose(
        rotate(x, rotary_tables(jnp.asarray(positions), width, 64)), expected, rtol=1e-5, atol=1e-5
    )


def test_padding_beyond_the_context_is_rotated_somehow():
    """Widths are rounded up: what is looked up for padding is no number's business, but it must be a number."""
    assert np.isfinite(rotary_tables(jnp.arange(12)[None], 8, 10)).all()
