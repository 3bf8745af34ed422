"""What can be done with the cache of any model: of the transformer, of a recurrent cell, and of one that remembers nothing."""

from __future__ import annotations

from functools import cache, partial

import jax
import numpy as np
import pytest
from cells import Bigram, Recurrent

from alchemy.decoding import cache as caches
from alchemy.problem.task import PAD
from models.transformer import Transformer

V, T = 11, 8
SMALL = dict(vocabulary=V, context=16, width=16, heads=2)
MODELS = {
    "gpt": Transformer(**SMALL, positions="random", layers=1, loops=2),
    "llama": Transformer(**SMALL, block="llama", positions="rotary", tied=False, layers=2),
    "recurrent": Recurrent(V, 16),
    "bigram": Bigram(V),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)

LENGTHS = np.array([5, 3, 6, 1, 2, 6, 4, 5])
N = len(LENGTHS)
TEXT = np.random.default_rng(0).integers(2, V, size=(N, T, 1)).astype(np.int32)
PROMPTS = np.where((np.arange(6) < LENGTHS[:, None])[..., None], TEXT[:, :6], PAD)
ROWS = np.repeat(np.arange(N), 3)
close = partial(np.testing.assert_allclose, rtol=0, atol=1e-5)
branch = jax.jit(caches.branch, static_argnums=(0, 2, 3))
grow = jax.jit(caches.grow, static_argnums=(0, 2))
pick, detach = jax.jit(caches.pick), jax.jit(caches.detach)
pile = jax.jit(caches.pile, static_argnums=(0, 3, 4))
put = jax.jit(caches.put, static_argnums=(0, 6))
recall = jax.jit(caches.recall, static_argnums=0)


@cache
def started(model):
    return jax.tree.map(np.asarray, jax.jit(model.init)(jax.random.key(1)))


@partial(jax.jit, static_argnums=0)
def forward(model, params, cache, tokens):
    return model.extend(params, cache, tokens)


@partial(jax.jit, static_argnums=(0, 3))
def read_first(model, params, tokens, length):
    return model.extend(params, model.init_cache(len(tokens), length), tokens)


def extend(model, cache, tokens):
    return forward(model, started(model), cache, tokens)


def read(model, tokens, length=T):
    """A cache that has read some tokens."""
    return read_first(model, started(model), tokens, length)


def branched(model, samples=3, slots=4):
    """A cache whose prompts were branched, and every branch has read a token of its own."""
    cache = branch(model, read(model, PROMPTS)[1], samples, slots)
    rows = np.repeat(np.arange(N), samples)
    return extend(model, cache, TEXT[(rows + np.arange(len(rows))) % N, :1])


def test_slots_are_found_by_their_length():
    keys, values, mask, position = caches.slot_axes(MODELS["gpt"])
    assert (set(keys), set(values), mask, position) == ({3}, {2}, 1, caches.STATE)
    assert set(jax.tree.leaves(caches.slot_axes(MODELS["recurrent"]))) == {caches.STATE}


@every_model
def test_branches_go_on_as_they_would(model):
    """Each row thrice, every branch with tokens of its own, is reading each of these texts alone."""
    _, direct = read(model, PROMPTS[ROWS], T + 2)
    cache = branch(model, read(model, PROMPTS, 6)[1], 3, 4)
    np.testing.assert_array_equal(cache.length, LENGTHS[ROWS])
    for step in range(3):
        token = TEXT[(ROWS + np.arange(len(ROWS))) % N, step : step + 1]
        if step == 2:  # rows that have ended read nothing more
            token = np.where(np.arange(len(ROWS))[:, None, None] % 5 == 0, PAD, token)
        logits, cache = extend(model, cache, token)
        expected, direct = extend(model, direct, token)
        np.testing.assert_array_equal(cache.length, direct.length)
        real = token[:, 0, 0] != PAD
        close(logits[real], expected[real])


@every_model
def test_picked_branches_go_on_as_what_they_are_copies_of(model):
    _, cache = branched(model)
    index = (np.arange(N)[:, None] * 3 + [2, 2, 0, 1]).reshape(-1)
    few = pick(cache, index)
    np.testing.assert_array_equal(few.length, np.asarray(cache.length)[index])
    logits, _ = extend(model, cache, TEXT[ROWS, 1:2])
    again, _ = extend(model, few, TEXT[np.repeat(np.arange(N), 4), 1:2])
    close(again, np.asarray(logits)[index])


@every_model
def test_a_cache_that_grows_or_whose_rows_are_detached_says_the_same(model):
    _, cache = branched(model, slots=2)
    logits, _ = extend(model, cache, TEXT[ROWS, 1:2])
    grown, _ = extend(model, grow(model, cache, 7), TEXT[ROWS, 1:2])
    close(grown, logits)
    rows = np.arange(len(ROWS))[::-1][:-1]
    detached, after = extend(model, detach(grow(model, cache, 7), rows), TEXT[ROWS[rows], 1:2])
    close(detached, np.asarray(logits)[rows])
    np.testing.assert_array_equal(after.length, np.asarray(cache.length)[rows] + 1)


@every_model
def test_texts_of_a_pile_are_recalled_by_the_slots_of_their_tokens(model):
    """A text of two tokens, one that goes on from it by one more, and one that is not kept for every problem."""
    logits, prompts = read(model, PROMPTS)
    texts = pile(model, prompts, np.asarray(logits)[np.arange(N), LENGTHS - 1], 4, 9)
    logits, two = extend(model, branch(model, prompts, 1, 4), TEXT[:, :2])
    behind, three = extend(model, two, TEXT[:, 2:3])
    texts = put(model, texts, two, logits[:, -1], np.full(N, 1), 0, 2, 5)
    texts = put(model, texts, three, behind[:, 0], np.where(np.arange(N) % 2, 3, -1), 2, 1, 0)
    number = np.where(np.arange(N) % 2, 3, 1)
    path = np.where((number == 3)[:, None], [5, 6, 0, -1], [5, 6, -1, -1])
    cache, recalled = recall(model, texts, number, path, np.int32(3))
    odd = np.arange(N) % 2 == 1
    close(recalled, np.where(odd[:, None], behind[:, 0], logits[:, -1]))
    np.testing.assert_array_equal(cache.length, np.where(odd, three.length, two.length))
    after, _ = extend(model, cache, TEXT[:, 3:4])
    close(after[odd], extend(model, three, TEXT[:, 3:4])[0][odd])
    close(after[~odd], extend(model, two, TEXT[:, 3:4])[0][~odd])
    assert not np.asarray(texts.logits)[~odd, 3].any()
