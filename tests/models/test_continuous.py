"""Continuous thoughts: one pass after the other by hand, what they are not read by, and gradients through all of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.decoding.cache import branch
from alchemy.decoding.generate import generate
from alchemy.errors import UserError
from alchemy.learning.open_model import Patch
from alchemy.problem.task import PAD
from models.continuous import ContinuousThoughts
from models.transformer import Transformer, shell_of

SHAPE = {"vocabulary": 11, "context": 16, "width": 16, "layers": 2, "heads": 2, "tied": False}
MODEL, PLAIN = ContinuousThoughts(**SHAPE), Transformer(**SHAPE)
T = 9
rng = np.random.default_rng(0)
TEXT = rng.integers(4, 11, size=(3, T, 1)).astype(np.int32)
TEXT[:, [4, 5, 7]] = 3
TEXT[2, 7] = 6  # two thoughts in the last
close = partial(np.testing.assert_allclose, rtol=0, atol=1e-4)
apply = jax.jit(
    lambda model, *args, start=0: model.apply(*args, start=start), static_argnums=0, static_argnames="start"
)
extend = jax.jit(lambda model, *args: model.extend(*args), static_argnums=0)
opened = jax.jit(lambda model, *args: model.open(*args), static_argnums=0)


@pytest.fixture(scope="module")
def params():
    return jax.tree.map(lambda leaf: np.asarray(leaf) * 2, PLAIN.init(jax.random.key(1)))


def by_hand(params, text):
    """Logits (t, v) and thoughts by place: each thought is had from a whole pass through the text before it."""
    shell, fed = shell_of(PLAIN, params), {}
    embedded = shell.embed(text[None], jnp.arange(len(text))[None])
    for place in [place for place, [token] in enumerate(text.tolist()) if token == 3]:
        _, seen = open_plain(params, text, fed)
        fed[place] = embedded[0, place] + shell.norm(seen.residual[0, -1, place - 1])
    return open_plain(params, text, fed)[0][0], fed


def open_plain(params, text, fed):
    """A plain transformer with thoughts in place of embeddings."""
    values, at = np.zeros((1, 3, len(text), 16), np.float32), np.zeros((1, 3, len(text)), bool)
    for place, thought in fed.items():
        values[0, 0, place], at[0, 0, place] = thought, True
    return opened(PLAIN, params, text[None], Patch(residual=values, residual_at=at))


def test_a_thought_is_the_last_hidden_state_of_the_place_before(params):
    logits, seen = opened(MODEL, params, TEXT)
    for row, text in enumerate(TEXT):
        expected, fed = by_hand(params, text)
        close(logits[row], expected)
        for place, thought in fed.items():
            close(seen.residual[row, 0, place], thought)
    close(apply(MODEL, params, TEXT), logits)


def test_it_begins_as_a_transformer_and_is_one_where_nothing_is_thought(params):
    jax.tree.map(np.testing.assert_array_equal, MODEL.init(jax.random.key(1)), PLAIN.init(jax.random.key(1)))
    silent = np.where(TEXT == 3, 4, TEXT)
    close(apply(MODEL, params, silent), apply(PLAIN, params, silent))
    assert np.abs(apply(MODEL, params, TEXT) - apply(PLAIN, params, TEXT)).max() > 1e-2
    members = np.concatenate([TEXT, np.roll(TEXT, 1, axis=1)], axis=2)
    close(apply(MODEL, params, members), apply(PLAIN, params, members))  # a mark in a set is none


@pytest.mark.parametrize(("positions", "ahead"), [("learned", 2), ("rotary", 4), ("random", 4)])
def test_what_is_read_once_is_read_the_same(params, ahead, positions):
    whole = replace(MODEL, positions=positions)
    fast, weights = replace(whole, ahead=ahead), whole.init(jax.random.key(3))
    keys = jax.random.split(jax.random.key(0), 3) if positions == "random" else None
    once, again = apply(fast, weights, TEXT, keys), apply(whole, weights, TEXT, keys)
    close(once, again)
    close(apply(fast, weights, TEXT, keys, start=6), again[:, 6:])
    close(apply(fast, weights, TEXT[:, :2], keys), apply(whole, weights, TEXT[:, :2], keys))


def test_marks_ahead_and_beyond_the_last_thought_say_nothing(params):
    few = replace(MODEL, thoughts=2)
    close(apply(few, params, TEXT)[:, :7], apply(MODEL, params, TEXT)[:, :7])
    assert np.abs(apply(few, params, TEXT)[:2, 7] - apply(MODEL, params, TEXT)[:2, 7]).max() > 1e-3
    late = replace(MODEL, ahead=5)
    for model in (late, replace(late, thoughts=2)):
        close(apply(model, params, TEXT)[:, :5], apply(PLAIN, params, TEXT)[:, :5])
    close(apply(late, params, TEXT), late.open(params, TEXT)[0])


@pytest.mark.parametrize("model", [MODEL, replace(MODEL, thoughts=2), replace(MODEL, ahead=5)])
def test_a_text_read_in_parts_is_read_the_same(params, model):
    """A part may end before a thought, amid thoughts, or behind; rows that have ended, and branches, think on alone."""
    full = apply(model, params, TEXT)
    for cuts in ([5], [1, 2, 3, 4, 5, 6, 7, 8]):
        cache, parts = model.init_cache(3, T), []
        for part in np.split(TEXT, cuts, axis=1):
            logits, cache = extend(model, params, cache, part)
            parts.append(logits)
        close(jnp.concatenate(parts, axis=1), full)
    lengths = np.array([4, 6, 9])
    prompts = np.where((np.arange(T) < lengths[:, None])[..., None], TEXT, PAD)
    logits, cache = model.extend(params, model.init_cache(3, T), prompts, last=True)
    close(logits[:, 0], full[np.arange(3), lengths - 1])
    cache = branch(model, cache, 2, 5)
    rest = np.stack([np.pad(text[length:], ((0, 5), (0, 0)))[:5] for text, length in zip(TEXT, lengths, strict=True)])
    logits, _ = extend(model, params, cache, rest.repeat(2, axis=0))
    for row, length in enumerate(lengths):
        close(logits[2 * row, : T - length], full[row, length:])
        close(logits[2 * row + 1], logits[2 * row])


def test_written_texts_go_on_behind_thoughts(params):
    many = jax.tree.map(lambda leaf: np.asarray(leaf)[None], params)
    written = generate(MODEL, many, TEXT[:, :8], max_new=1)
    likely = jnp.asarray(apply(MODEL, params, TEXT)[:, 7]).at[:, PAD].set(-jnp.inf).argmax(axis=1)
    np.testing.assert_array_equal(np.asarray(written).ravel(), likely)


def test_gradients_go_through_all_passes(params):
    """By differences: how what is said changes with all weights in a direction."""
    direction = jax.tree.map(lambda leaf: leaf * rng.standard_normal(leaf.shape).astype(np.float32), params)

    def loss(step, model):
        moved = jax.tree.map(lambda leaf, way: leaf + step * way, params, direction)
        return model.apply(moved, TEXT)[:, 7:, 5].sum()

    for model in (MODEL, replace(MODEL, ahead=4)):
        at = jax.jit(partial(loss, model=model))
        difference = (at(5e-4) - at(-5e-4)) / 1e-3
        slope = jax.jit(jax.grad(partial(loss, model=model)))(0.0)
        assert abs(slope) > 0.1 and slope == pytest.approx(float(difference), rel=1e-2)


def test_a_patch_of_a_thought_is_what_later_thoughts_come_of(params):
    _, seen = opened(MODEL, params, TEXT)
    at = np.zeros((1, 3, T), bool)
    at[0, 0, 4] = True
    other = jnp.roll(seen.residual, 1, axis=0)
    _, changed = opened(MODEL, params, TEXT, Patch(residual=other, residual_at=at))
    close(changed.residual[:, 0, 4], other[:, 0, 4])
    assert np.abs(changed.residual[:, 0, 5] - seen.residual[:, 0, 5]).max() > 1e-3
    shell = shell_of(MODEL, params)
    embedded = shell.embed(TEXT, jnp.arange(T)[None])
    close(changed.residual[:, 0, 5] - embedded[:, 5], shell.norm(changed.residual[:, -1, 4]))
    same, _ = opened(MODEL, params, TEXT, Patch(residual=seen.residual, residual_at=at))
    close(same, apply(MODEL, params, TEXT))


@pytest.mark.parametrize("fields", [{"thoughts": 0}, {"ahead": -1}, {"thought": -1}])
def test_what_cannot_be_is_the_users_error(fields):
    with pytest.raises(UserError, match=next(iter(fields))):
        ContinuousThoughts(**SHAPE, **fields)
