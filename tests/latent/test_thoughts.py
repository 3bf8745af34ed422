"""Thoughts taken out of a model and put back, by hand."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from alchemy.latent import thoughts
from alchemy.learning.open_model import Patch
from alchemy.problem.task import PAD
from models.continuous import ContinuousThoughts

MODEL = ContinuousThoughts(vocabulary=11, context=16, width=16, layers=2, heads=2, tied=False)
PLACES = (3, 4)
rng = np.random.default_rng(0)
TEXTS = rng.integers(4, 11, size=(2, 5, 7, 1)).astype(np.int32)
TEXTS[:, :, [3, 4, 5]] = 3


@pytest.fixture(scope="module")
def params():
    return jax.tree.map(lambda leaf: np.asarray(leaf) * 3, jax.vmap(MODEL.init)(jax.random.split(jax.random.key(1), 2)))


def alone(params, row, patch):
    weights = jax.tree.map(lambda leaf: leaf[row], params)
    logits, seen = MODEL.open(weights, TEXTS[row], patch)
    return np.asarray(logits[:, -1].at[:, PAD].set(-np.inf)).argmax(axis=1), np.asarray(seen.residual[:, 0])


def test_thoughts_are_what_stands_behind_the_embedding_and_change_nothing_where_they_are(params):
    own = thoughts.thoughts(MODEL, params, TEXTS, PLACES)
    assert own.shape == (2, 5, 2, 16)
    said = thoughts.answers(MODEL, params, TEXTS, PLACES, own)
    for row in range(2):
        likely, seen = alone(params, row, Patch())
        np.testing.assert_allclose(own[row], seen[:, list(PLACES)], atol=1e-5)
        np.testing.assert_array_equal(said[row], likely)


def test_others_in_their_place_change_what_is_answered(params):
    given = rng.standard_normal((2, 5, 2, 16)).astype(np.float32) * 3
    said = thoughts.answers(MODEL, params, TEXTS, PLACES, given)
    for row in range(2):
        values, at = np.zeros((5, 3, 7, 16), np.float32), np.zeros((1, 3, 7), bool)
        values[:, 0, list(PLACES)], at[0, 0, list(PLACES)] = given[row], True
        likely, seen = alone(params, row, Patch(residual=values, residual_at=at))
        np.testing.assert_array_equal(said[row], likely)
        assert np.abs(seen[:, 5] - thoughts.thoughts(MODEL, params, TEXTS, (5,))[row, :, 0]).max() > 1e-3
    assert (
        said != thoughts.answers(MODEL, params, TEXTS, PLACES, thoughts.thoughts(MODEL, params, TEXTS, PLACES))
    ).any()
