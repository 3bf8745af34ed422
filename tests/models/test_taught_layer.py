"""A layer that is told what to hold: its loss by hand, and that it writes as a transformer does."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest

from alchemy.decoding.generate import generate
from alchemy.errors import UserError
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples, Finite
from alchemy.learning.train import train
from alchemy.problem.task import PAD
from models.taught_layer import READER, TaughtLayer
from models.transformer import Transformer

SHAPE = {"vocabulary": 11, "context": 16, "width": 16, "layers": 2, "heads": 2}
MODEL = TaughtLayer(**SHAPE, pull=0.5)
rng = np.random.default_rng(0)
TEXT = rng.integers(2, 11, size=(4, 7, 1)).astype(np.int32)
WEIGHT = np.broadcast_to(np.arange(7) >= 3, (4, 7))
LABELS = np.where(np.arange(7) >= 4, rng.integers(2, 11, size=(4, 7)), PAD).astype(np.int32)
KEYS = jax.random.split(jax.random.key(0), 4)


def nats(logits, ids):
    """What is lost on ids under logits, in double precision."""
    logits = np.asarray(logits, float)
    return np.log(np.exp(logits).sum(axis=-1)) - np.take_along_axis(logits, ids[..., None], axis=-1)[..., 0]


@pytest.fixture(scope="module")
def params():
    return jax.tree.map(np.asarray, MODEL.init(jax.random.key(1)))


def test_the_loss_is_that_of_the_text_and_a_share_of_that_of_labels_read_of_a_layer(params):
    plain = Transformer(**SHAPE)
    weights = {name: value for name, value in params.items() if name != READER}
    logits, seen = plain.open(weights, TEXT[:, :-1])
    text = (nats(logits, TEXT[:, 1:, 0]) * WEIGHT[:, 1:]).sum()
    held = {
        (taught, read): np.asarray(of_layers[:, place]).reshape(4, 6, 16)
        for taught in (1, 2)
        for read, of_layers, place in (("residual", seen.residual, taught), ("heads", seen.heads, taught - 1))
    }
    for (taught, read), states in held.items():
        labels = (nats(states @ params[READER], LABELS[:, 1:]) * (LABELS[:, 1:] != PAD)).sum()
        model = TaughtLayer(**SHAPE, taught=taught, pull=0.5, read=read)
        loss = partial(jax.jit(model.loss), params)
        np.testing.assert_allclose(loss(Examples(TEXT, WEIGHT, LABELS), KEYS), text + labels / 2, rtol=1e-5)
        np.testing.assert_allclose(loss(Examples(TEXT, WEIGHT), KEYS), text, rtol=1e-5)


def test_it_begins_and_writes_as_a_transformer_does(params):
    plain = Transformer(**SHAPE)
    same = plain.init(jax.random.key(1))
    assert set(params) == {*same, READER} and params[READER].shape == (16, 11)
    jax.tree.map(np.testing.assert_array_equal, {name: params[name] for name in same}, same)
    models = (MODEL, params), (plain, same)
    many = [(model, jax.tree.map(lambda leaf: np.asarray(leaf)[None], weights)) for model, weights in models]
    np.testing.assert_array_equal(*(generate(model, weights, TEXT[:, :3], max_new=5) for model, weights in many))


def test_training_moves_the_layer_to_what_it_is_told():
    """Labels of one place that no token of the text says: the reader has them by heart, behind the layer that is taught."""
    labels = np.where(np.arange(7) == 6, 2 + np.arange(4)[:, None], PAD).astype(np.int32)
    rows = Finite(Examples(TEXT, WEIGHT, labels), (0,))
    trained = train(MODEL, rows, TrainConfig(steps=100, batch=4, chunk=100, learning_rate=1e-2), seeds=(0,))
    weights = jax.tree.map(lambda leaf: leaf[0], trained.params)
    _, seen = MODEL.open(weights, TEXT[:, :-1])
    said = np.asarray(seen.residual[:, 1, 5]) @ weights[READER]
    np.testing.assert_array_equal(said.argmax(axis=-1), labels[:, 6])


@pytest.mark.parametrize("taught", [0, 3])
def test_a_layer_that_is_not_there_is_the_users_error(taught):
    with pytest.raises(UserError, match=f"taught {taught} is outside 1 to 2"):
        TaughtLayer(**SHAPE, taught=taught)


def test_what_is_read_is_one_of_two():
    with pytest.raises(UserError, match="read 'head' is unknown; did you mean 'heads'"):
        TaughtLayer(**SHAPE, read="head")
