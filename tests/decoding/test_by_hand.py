"""Decoding a step at a time, without a model: the engine, forced thinking, and moves on a cache, worked out in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cells import Bigram

from alchemy.decoding import cache as caches
from alchemy.decoding.engine import Engine
from alchemy.decoding.forcing import UNLIMITED, Forcing, Marks, bill
from alchemy.decoding.generate import draw, generate, lengths
from alchemy.decoding.programs import writer
from alchemy.errors import UserError
from alchemy.learning import tuning
from alchemy.learning.model import Cache
from alchemy.problem.task import EOS, PAD
from models.transformer import Transformer

V, N, STEPS = 7, 5, 4
rng = np.random.default_rng(0)
LOGITS = rng.normal(size=(N, V)).astype(np.float32)
LOGITS[:, PAD] = 9  # ever so likely, and never written
LOGITS[1, EOS], LOGITS[2, 5] = 8, 8
STOPPED = np.array([False, False, False, True, False])
NO_DIALS = np.zeros(0, np.int32)
write = jax.jit(Engine.write, static_argnums=0)
start = jax.jit(Engine.start, static_argnums=(0, 4))
branch, grow = jax.jit(caches.branch, static_argnums=(0, 2, 3)), jax.jit(caches.grow, static_argnums=(0, 2))
pick, detach = jax.jit(caches.pick), jax.jit(caches.detach)
pile, recall = jax.jit(caches.pile, static_argnums=(0, 3, 4)), jax.jit(caches.recall, static_argnums=0)
put = jax.jit(caches.put, static_argnums=(0, 6))


def started(engine, stopped=STOPPED):
    return start(engine, Cache((), np.int32(0), np.zeros(N, np.int32)), keys_and_noise()[0], stopped, STEPS)


@cache
def keys_and_noise():
    """A key for each text, and Gumbel's noise of each key and step: (steps, n, v)."""

    def noise(key, step):
        return jax.random.gumbel(jax.random.fold_in(key, step), (V,))

    keys = jax.random.split(jax.random.key(3), N)
    of_texts = jax.vmap(noise, (0, None))
    return keys, np.asarray(jax.jit(jax.vmap(of_texts, (None, 0)))(keys, np.arange(STEPS)))


def log_shares(logits):
    """Log-probabilities of all tokens but padding, whose own is 0, in double precision."""
    logits = logits.astype(float)
    return np.pad(logits[:, 1:] - np.log(np.exp(logits[:, 1:]).sum(axis=1, keepdims=True)), ((0, 0), (1, 0)))


def test_one_step_writes_the_likeliest_token():
    """Of texts that go on, at the next place; a stop ends a text behind it; padding has no share."""
    engine = Engine(Bigram(V), sampled=False, stops=(EOS, 5))
    before = started(engine)
    assert int(before.step) == 0 and before.tokens.shape == (STEPS, N) and not before.tokens.any()
    assert before.steering == () and not before.logprob.any() and before.stopped.tolist() == STOPPED.tolist()
    likeliest = 1 + LOGITS[:, 1:].argmax(axis=1)
    first = write(engine, before, LOGITS, 1.0, NO_DIALS)
    expected = np.where(STOPPED, PAD, likeliest)
    assert first.tokens.tolist() == [expected.tolist(), *[[PAD] * N] * 3] and int(first.step) == 1
    stopped = np.isin(expected, (PAD, EOS, 5))
    assert first.stopped.tolist() == stopped.tolist() and stopped[1] and stopped[2] and not stopped.all()
    said = np.where(STOPPED, 0, log_shares(LOGITS)[np.arange(N), likeliest])
    np.testing.assert_allclose(first.logprob, said, rtol=0, atol=1e-6)
    second = write(engine, first, -LOGITS, 1.0, NO_DIALS)
    other = 1 + LOGITS[:, 1:].argmin(axis=1)
    assert second.tokens.tolist() == [expected.tolist(), np.where(stopped, PAD, other).tolist(), *[[PAD] * N] * 2]
    said = said + np.where(stopped, 0, log_shares(-LOGITS)[np.arange(N), other])
    np.testing.assert_allclose(second.logprob, said, rtol=0, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_one_step_draws_by_the_texts_key_and_the_step(temperature):
    """By Gumbel's trick with numbers of that key and step; the likelihood is that at temperature 1."""
    engine = Engine(Bigram(V), sampled=True)
    texts, said = started(engine), np.zeros(N)
    stopped = STOPPED.copy()
    for step in range(3):
        texts = write(engine, texts, LOGITS, temperature, NO_DIALS)
        token = 1 + (LOGITS / temperature + keys_and_noise()[1][step])[:, 1:].argmax(axis=1)
        assert texts.tokens[step].tolist() == np.where(stopped, PAD, token).tolist()
        said += np.where(stopped, 0, log_shares(LOGITS)[np.arange(N), token])
        np.testing.assert_allclose(texts.logprob, said, rtol=0, atol=1e-6)
        stopped |= token == EOS
    assert texts.stopped.tolist() == stopped.tolist()


@dataclass(frozen=True)
class Overrule:
    """Writes the dial in place of every other choice, and counts all of them."""

    def start(self, n: int) -> Any:
        return jnp.arange(n)

    def __call__(self, token: Any, state: Any, dials: Any) -> Any:
        return jnp.where(state % 2 == 0, dials[0], token), state + 1


def test_what_is_steered_is_written_and_its_likelihood_is_the_models():
    engine = Engine(Bigram(V), sampled=False, steer=Overrule())
    texts = write(engine, started(engine), LOGITS, 1.0, np.array([4]))
    token = np.where(np.arange(N) % 2 == 0, 4, 1 + LOGITS[:, 1:].argmax(axis=1))
    assert texts.tokens[0].tolist() == np.where(STOPPED, PAD, token).tolist()
    assert texts.steering.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(
        texts.logprob, np.where(STOPPED, 0, log_shares(LOGITS)[np.arange(N), token]), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("ids", [1, 3])
def test_what_was_written_last_is_read_next(ids):
    engine = Engine(Bigram(V), sampled=False)
    table = rng.normal(size=(V, V)).astype(np.float32)
    texts = write(engine, started(engine), LOGITS, 1.0, NO_DIALS)
    texts = write(engine, texts, LOGITS[::-1], 1.0, NO_DIALS)
    logits, after = jax.jit(Engine.read, static_argnums=(0, 3))(engine, {"table": table}, texts, ids)
    np.testing.assert_array_equal(logits, table[np.asarray(texts.tokens[1])])
    assert after.cache.length.tolist() == (np.asarray(texts.tokens[1]) != PAD).astype(int).tolist()


END, WAIT, A = 4, 5, 6


def forced(choices, least, budget, exact):
    """What is written of a model's choices, token by token, by the rules of `Forcing`."""
    written, thought, waits, suppressed, ended = [], 0, 0, 0, False
    for token in choices:
        if not ended:
            if thought >= budget:
                token = END
            elif token in (END, EOS) and (waits if exact else suppressed) < least:
                token, suppressed = WAIT, suppressed + 1
            elif exact and token == WAIT and waits >= least:
                token = END
            ended = token in (END, EOS)
            thought, waits = thought + (not ended), waits + (token == WAIT)
        written.append(int(token))
    return written


@pytest.mark.parametrize("exact", [False, True])
def test_forcing_is_what_its_rules_say(exact):
    assert UNLIMITED == 2**30, "no text is as long"
    choices = np.random.default_rng(1).choice([EOS, END, WAIT, A, A], (7, 60)).astype(np.int32)
    marks = Marks(END, WAIT)
    step = jax.jit(marks)
    for least, budget in product((0, 1, 3), (0, 1, 3, UNLIMITED)):
        state, written = marks.start(60), []
        for token in choices:
            token, state = step(token, state, np.array(Forcing(marks, least, budget, exact).dials, np.int32))
            written.append(token.tolist())
        expected = [forced(column, least, budget, exact) for column in choices.T]
        assert np.array(written).T.tolist() == expected
    for bad in ({"least": -1}, {"budget": -1}):
        with pytest.raises(UserError, match="expected at least 0"):
            Forcing(marks, **bad)


def test_a_bill_by_hand():
    """Two samples of three and one token behind a prompt of four: one is read, four are written, three in a row."""
    completions = np.array([[[[A, A, EOS, PAD], [EOS, PAD, PAD, PAD]]]])
    ledger = bill(completions, np.array([[4]]), parameters=10)
    assert (ledger.prompt.tolist(), ledger.written.tolist(), ledger.depth.tolist()) == ([[4]], [[4]], [[3]])


def test_the_few_that_go_on_are_finished():
    """Of 128 texts all but four end at once; those are put together, and end one after the other."""
    successors = (2, 2, 3, 4, 5, 6, 7, EOS)
    table = {"table": 10 * np.eye(8, dtype=np.float32)[list(successors)][None]}
    first = np.full(128, 7)
    first[[3, 43, 83, 123]] = [2, 3, 4, 5]
    written = draw(Bigram(), table, first[:, None, None].astype(np.int32), samples=1, max_new=8, temperature=0.0)
    expected = [[*range(token + 1, 8), EOS, *[PAD] * token][:8] for token in first.tolist()]
    assert written.completions[0, :, 0].tolist() == expected


class Kept(dict):
    """Pieces that are kept in memory."""

    load, keep = dict.get, dict.__setitem__


def test_what_is_in_the_pieces_is_not_drawn_again():
    table = {"table": 10 * np.eye(8, dtype=np.float32)[[2, 2, 3, 4, 5, 6, 7, EOS]][None]}
    how = dict(samples=1, max_new=8, temperature=0.0, rows=16)
    prompts, kept, done = np.full((19, 1, 1), 6, np.int32), Kept(), []
    first = draw(Bigram(), table, prompts, **how, pieces=kept, progress=done.append)
    assert done == [16, 19], "so many at once as are asked for, and no more than there are"
    assert first.completions[0, :, 0, :2].tolist() == [[7, EOS]] * 19 and len(kept) == 2
    three = draw(Bigram(), table, prompts, **how | {"samples": 3, "rows": 48}, progress=done.append).completions
    assert done[2:] == [16, 19] and three[0, :, :, :2].tolist() == [[[7, EOS]] * 3] * 19
    name, (completions, logprob) = list(kept.items())[1]
    kept[name] = (completions + 1, logprob)
    again = draw(Bigram(), table, prompts, **how, pieces=kept)
    assert again.completions[0, :, 0, :3].tolist() == [[7, EOS, PAD]] * 16 + [[8, EOS + 1, 1]] * 3


def test_what_is_not_said_is_the_first_seeds_at_temperature_1_all_at_once():
    table, done = {"table": np.zeros((2, 8, 8), np.float32)}, []
    prompts = np.full((20, 1, 1), 6, np.int32)
    plain = draw(Bigram(), table, prompts, samples=2, max_new=8, progress=done.append)
    said = draw(Bigram(), table, prompts, samples=2, max_new=8, temperature=1.0, seed=0, seeds=(0, 1), rows=512)
    assert done == [20]
    same(plain, said)
    one = generate(Bigram(), table, prompts, max_new=8, temperature=1.0)
    np.testing.assert_array_equal(one, said.completions[:, :, 0])


def test_bytes_of_the_texts_that_are_written_at_once(monkeypatch):
    """For a layer of 16 numbers each 128 bytes of keys and values a token and one of its mask, and 12 of places in the text.

    8 tokens that are written and half of the prompt's 16, as two samples share it.
    """

    def stop(size: int) -> None:
        raise MemoryError(size)

    model = Transformer(vocabulary=8, width=16, layers=1, heads=2, context=40)
    monkeypatch.setattr(tuning, "decoded_rows", stop)
    monkeypatch.setattr(tuning, "TINY", 0)
    monkeypatch.setattr(tuning, "BRIEF", 0)
    with pytest.raises(MemoryError, match=str((8 * 129 + 12) + (16 * 129 + 12) // 2)):
        draw(model, {"any": np.zeros(1)}, np.full((2, 9, 1), 3, np.int32), samples=2, max_new=5)


def test_rows_are_written_to_their_limits():
    """Each for at most so many tokens, or to a stop; behind are the logits of what comes next."""
    table = 10 * np.eye(8, dtype=np.float32)[[2, 2, 3, 4, 5, 6, 7, EOS]]
    limits = np.array([0, 1, 2, 3, 3], np.int32)
    first = table[[2, 2, 2, 2, 6]]  # behind 2 comes 3, and behind 6 comes 7
    run = writer(Engine(Bigram(), sampled=False, stops=(EOS,)), 3)
    cache = Cache((), np.int32(0), np.zeros(5, np.int32))
    rows = np.arange(5, dtype=np.int32)
    texts, behind = run({"table": table}, cache, first, limits, 1.0, jax.random.key(0), rows, rows)
    assert texts.tokens.T.tolist() == [[0, 0, 0], [3, 0, 0], [3, 4, 0], [3, 4, 5], [7, EOS, 0]]
    np.testing.assert_array_equal(behind[:4], table[[2, 3, 4, 5]])


def test_lengths_are_of_the_tokens():
    prompts = np.array([[[[3, 0], [2, 4], [0, 0]], [[0, 0]] * 3]])
    assert lengths(prompts).tolist() == [[2, 0]]


@dataclass(frozen=True)
class Memory:
    """A model of which there is but a memory: slots on the last axis, slots on the second, and a state."""

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        memory = (jnp.zeros((n, 2, length)), jnp.zeros((n, length, 1, 3)), jnp.zeros((n, 3), jnp.int32))
        return Cache(memory, jnp.int32(0), jnp.zeros(n, jnp.int32))


G, T, W = 2, 3, 4  # prompts, their slots, slots of what is written behind
MODEL = Memory()


def filled(n, slots, seed=0):
    """The arrays of a memory, every number another."""
    values = np.random.default_rng(seed).permutation(10_000)
    shapes = [(n, 2, slots), (n, slots, 1, 3), (n, 3)]
    parts = np.split(values, np.cumsum([int(np.prod(shape)) for shape in shapes]))
    return tuple(part.reshape(shape).astype(np.int32) for part, shape in zip(parts, shapes, strict=False))


def same(left, right):
    jax.tree.map(np.testing.assert_array_equal, left, right)
    assert jax.tree.structure(left) == jax.tree.structure(right)


def cache_of(n=G, slots=T, shared=None):
    return Cache(filled(n, slots), jnp.int32(slots), np.arange(n, dtype=np.int32) + 5, shared)


def test_axes_of_slots():
    assert caches.slot_axes(MODEL) == (2, 1, caches.STATE)


def test_branches_share_slots_and_have_a_state_each():
    first, second, state = cache_of().memory
    branched = branch(MODEL, cache_of(), 3, W)
    memory = (np.zeros((6, 2, W)), np.zeros((6, W, 1, 3)), state[[0, 0, 0, 1, 1, 1]])
    same(branched, Cache(memory, np.int32(0), np.array([5, 5, 5, 6, 6, 6]), (first, second, None)))


def test_slots_are_added_behind():
    first, second, state = cache_of().memory
    grown = grow(MODEL, cache_of(), 5)
    memory = (np.pad(first, ((0, 0), (0, 0), (0, 2))), np.pad(second, ((0, 0), (0, 2), (0, 0), (0, 0))), state)
    same(grown, cache_of()._replace(memory=memory))


def test_rows_are_picked_within_their_groups_and_detached_from_them():
    shared = (*filled(G, T, seed=1)[:2], None)
    before, rows = cache_of(6, W, shared), np.array([2, 0, 3, 3])
    memory = tuple(leaf[rows] for leaf in before.memory)
    picked = before._replace(memory=memory, length=before.length[rows])
    same(pick(before, rows), picked)
    own = (*(leaf[[0, 0, 1, 1]] for leaf in shared[:2]), None)
    same(detach(before, rows), picked._replace(shared=own))


def test_texts_are_put_on_a_pile_and_recalled():
    """The empty text is number 0; what is put is filed by number, its slots where they are told to go."""
    prompts, logits = cache_of(), np.arange(2 * G, dtype=np.float32).reshape(G, 2) + 50
    texts = pile(MODEL, prompts, logits, 3, 6)
    state = np.zeros((G, 3, 3), np.int32)
    state[:, 0] = prompts.memory[2]
    length, said = np.array([[5, 0, 0], [6, 0, 0]]), np.zeros((G, 3, 2))
    said[:, 0] = logits
    slots = [np.zeros((G, 2, 6)), np.zeros((G, 6, 1, 3)), None]
    same(texts, caches.Pile(prompts, tuple(slots), (None, None, state), length, said))
    text = Cache(filled(G, W, seed=2), jnp.int32(3), np.array([8, 9], np.int32))
    texts = put(MODEL, texts, text, logits + 7, np.array([2, -1]), 1, 2, 3)
    state[0, 2], length[0, 2], said[0, 2] = text.memory[2][0], 8, logits[0] + 7
    slots[0][:, :, 3:5], slots[1][:, 3:5] = text.memory[0][:, :, 1:3], text.memory[1][:, 1:3]
    same(texts, caches.Pile(prompts, tuple(slots), (None, None, state), length, said))
    again = put(MODEL, texts, text, logits + 9, np.array([-1, 0]), 0, 1, 5)  # no number is special but -1
    assert np.asarray(again.length).tolist() == [[5, 0, 8], [9, 0, 0]]
    np.testing.assert_array_equal(again.logits[:, 0], [logits[0], logits[1] + 9])
    path = np.array([[4, 3, -1, -1], [0, 3, 4, -1]])
    again, recalled = recall(MODEL, texts, np.array([2, 0]), path, jnp.int32(3))
    first, second = np.zeros((G, 2, 4)), np.zeros((G, 4, 1, 3))
    for row, column in np.argwhere(path >= 0):
        first[row, :, column], second[row, column] = (
            slots[0][row, :, path[row, column]],
            slots[1][row, path[row, column]],
        )
    memory = (first, second, np.stack([text.memory[2][0], prompts.memory[2][1]]))
    same(again, Cache(memory, np.int32(3), np.array([8, 6]), (*prompts.memory[:2], None)))
    np.testing.assert_array_equal(recalled, [logits[0] + 7, logits[1]])
