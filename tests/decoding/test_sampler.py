"""Branches of a real, small model: what is continued, copied and read again is what reading it at once would be."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import jax
import numpy as np
import pytest
from cells import Bigram, Recurrent

from alchemy.decoding.sampler import ModelSampler, _appended, _cache_slots
from alchemy.errors import UserError
from alchemy.problem.task import EOS, PAD
from models.transformer import Transformer

V = 12
MODEL = Transformer(vocabulary=V, width=16, layers=2, heads=2, context=48, scale=0.5)
rng = np.random.default_rng(0)
PROMPTS = rng.integers(3, V, size=(5, 7, 1)).astype(np.int32)
PROMPTS[2, 4:] = PAD


@cache
def params():
    return jax.jit(MODEL.init)(jax.random.key(0))


logs_of = jax.jit(
    lambda params, tokens: jax.nn.log_softmax(MODEL.apply(params, tokens)[..., 1:])
)  # padding is no token


@pytest.fixture(autouse=True)
def small_caches(monkeypatch):
    """Even these short texts outgrow the smallest cache."""
    monkeypatch.setattr("alchemy.decoding.sampler.BUCKET", 16)
    monkeypatch.setattr("alchemy.learning.tuning.TINY", 0)


def sampler(temperature=1.0, seed=0):
    return ModelSampler(MODEL, params(), temperature, jax.random.key(seed))


def alone(prompt, text):
    """Log-probability of a text behind a prompt by one full forward pass."""
    whole = np.concatenate([prompt[prompt != PAD], text[text != PAD]])
    padded = np.pad(whole, (0, MODEL.context - len(whole)))  # every length the same program
    logs = np.asarray(logs_of(params(), padded[None, :, None]))[0]
    first = len(whole) - (text != PAD).sum()
    return sum(logs[place - 1, whole[place] - 1] for place in range(first, len(whole)))


def grown(writer, pieces=3, cuts=(5, 6), most=6):
    state = writer.pick(writer.read(PROMPTS, 40), np.zeros((5, 3), int))
    for _ in range(pieces):
        state = writer.write(state, cuts, most)
    return state


def test_what_is_written_has_the_probability_of_the_whole_text():
    """Pieces of different lengths leave gaps in the cache; positions and attention do not see them, nor that it has grown."""
    parted, long = grown(sampler()), grown(sampler(), pieces=4, cuts=())
    assert len(set(parted.length.ravel().tolist())) > 2, "pieces ended in different places"
    assert long.length.max() > 16, "texts outgrow the first cache"
    for state in (parted, long):
        for row, prompt in enumerate(PROMPTS[..., 0]):
            for text, logprob in zip(state.tokens[row], state.logprob[row], strict=True):
                assert logprob == pytest.approx(alone(prompt, text), abs=1e-3)


def test_pieces_end_at_cuts_and_at_the_end():
    writer, cuts = sampler(), (5, 6)
    state = writer.pick(writer.read(PROMPTS, 40), np.zeros((5, 3), int))
    for _ in range(4):
        before = state
        state = writer.write(before, cuts, 6)
        for old, new, ended in zip(
            *(array.reshape(15, -1) for array in (before.tokens, state.tokens, state.ended)), strict=True
        ):
            old, new = old[old != PAD], new[new != PAD]
            piece = new[len(old) :]
            assert (new[: len(old)] == old).all() and len(piece) <= 6
            assert not np.isin(piece[:-1], (*cuts, EOS)).any()
            assert ended == (EOS in new) and (len(piece) == 6 or np.isin(piece[-1:], (*cuts, EOS)).all())
            assert len(piece) or EOS in old


def test_copies_go_on_from_where_they_are():
    state = grown(sampler(), pieces=2)
    index = rng.integers(3, size=(5, 4))
    greedy = sampler(temperature=0.0)
    copies, apart = greedy.write(greedy.pick(state, index), (), 8), greedy.write(state, (), 8)
    np.testing.assert_array_equal(
        copies.tokens, np.take_along_axis(apart.tokens, index[..., None], axis=1)[..., : copies.tokens.shape[2]]
    )


def test_texts_of_a_pile_go_on_as_if_they_had_been_read_at_once():
    """Texts that went on from any other, some of them not kept, have the probability of the whole and go on as it would."""
    writer, size = sampler(), 12
    pile = writer.pile(PROMPTS, size, 6, 30)
    assert not writer.pick(pile, np.zeros((5, 1), int)).tokens.size
    parents, is_stored = np.zeros((5, size), int), np.arange(size) < np.ones((5, 1))
    for number in range(1, size):
        parent = rng.integers(number, size=5)
        parents[:, number] = np.where(is_stored[np.arange(5), parent], parent, 0)
        before = writer.pick(pile, parents[:, number, None])
        text = writer.write(before, (5, 6), 6)
        is_stored[:, number] = (text.length > before.length)[:, 0] & (rng.random(5) < 0.8)
        pile = writer.put(pile, np.where(is_stored[:, number], number, -1), text)
        if number == 3:  # a text that was put there can still go on by itself
            assert (writer.write(text, (), 4).length >= text.length).all()
    assert is_stored[:, 1:].sum() > 25 and (pile.tokens != PAD).sum(axis=2).max() > 8
    assert not pile.tokens[~is_stored].any()
    for row, prompt in enumerate(PROMPTS[..., 0]):
        for number in np.flatnonzero(is_stored[row]):
            text = pile.tokens[row, number]
            assert pile.logprob[row, number] == pytest.approx(alone(prompt, text), abs=1e-3)
            before = pile.tokens[row, parents[row, number]]
            assert (text[: (before != PAD).sum()] == before[before != PAD]).all()
    last = np.where(is_stored, np.arange(size), 0).max(axis=1)
    greedy = sampler(temperature=0.0)
    after = greedy.write(greedy.pick(pile, last[:, None]), (), 5)
    for row, prompt in enumerate(PROMPTS[..., 0]):
        assert after.logprob[row, 0] == pytest.approx(alone(prompt, after.tokens[row, 0]), abs=1e-3)


def test_the_same_key_writes_the_same_and_another_does_not():
    first, again, other_seed = (grown(sampler(seed=seed)).tokens for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other_seed.shape or (first != other_seed).any()


def test_what_is_drawn_is_that_of_the_key_the_call_the_problem_and_the_branch():
    """By Gumbel's trick, call after call, up to the last token that the context holds; a plain sampler is that of key 0."""
    table = 4 * np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    table[:, EOS] = -99
    prompts = np.array([[[2]], [[5]]], np.int32)
    model, problem, branch = Bigram(8, context=1 + 3 + 2), *np.indices((2, 3))

    def noise(key, call, step):
        keys = jax.random.fold_in(key, call)
        keys = jax.vmap(lambda row: jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(keys, row), branch[0]))(
            7 + problem[:, 0]
        )
        return jax.vmap(jax.vmap(lambda key: jax.random.gumbel(jax.random.fold_in(key, step), (8,))))(keys)

    for temperature, key in ((1.0, 0), (0.5, 3)):
        dials = {} if key == 0 else {"temperature": temperature, "key": jax.random.key(key)}
        writer = ModelSampler(model, {"table": table}, first=7, **dials)
        state, last, written = (
            writer.pick(writer.read(prompts, 9), np.zeros((2, 3), int)),
            np.repeat(prompts[:, 0], 3, 1),
            [],
        )
        for call, most in ((1, 3), (2, 2)):
            state = writer.write(state, (), most)
            for step in range(most):
                chosen = table[last] / temperature + np.asarray(noise(jax.random.key(key), call, step))
                last = 1 + chosen[..., 1:].argmax(axis=2)
                written.append(last)
        assert state.tokens.tolist() == np.stack(written, axis=2).tolist()
    assert ModelSampler(model, {"table": table}).first == 0


def test_there_is_an_end_to_the_room_and_to_the_context():
    writer = sampler()
    state = writer.read(PROMPTS, 4)
    full = writer.write(writer.write(state, (), 3), (), 3)
    assert full.length.max() <= 4
    with pytest.raises(UserError, match="context of 8"):
        grown(ModelSampler(replace(MODEL, context=8), params()))


def test_texts_are_appended_without_gaps():
    before = np.array([[[3, 4, 0], [3, 0, 0], [0, 0, 0], [3, 4, 0]]])
    new = np.array([[[5, 0], [6, 7], [5, 0], [6, 7]]])
    assert _appended(before, new).tolist() == [[[3, 4, 5, 0], [3, 6, 7, 0], [5, 0, 0, 0], [3, 4, 6, 7]]]
    assert _appended(before[:, :, :0], new[:, :, :0]).shape == (1, 4, 0)


def test_a_cache_has_a_power_of_two_of_slots_or_half_as_much_again():
    sizes = [16, 24, 32, 48, 64, 96, 128]
    assert [_cache_slots(MODEL, size) for size in sizes] == sizes
    assert [_cache_slots(MODEL, size + 1) for size in (-1, *sizes[:-1])] == [16, *sizes[1:]]


def test_a_pile_says_in_which_slots_each_text_lies():
    """Two problems, greedy: what goes on from another text has its slots, and those behind all others that were used."""
    table = np.eye(8, dtype=np.float32)[[2, 2, 3, 4, 5, 6, 7, EOS]]
    writer = ModelSampler(Bigram(), {"table": table}, temperature=0.0)
    pile = writer.pile(np.array([[[2]], [[5]]], np.int32), 4, 2, 6)
    texts = [{0: [], 1: [3, 4], 2: [3, 4, 5, 6], 3: [3, 4, 5, 6, 7, EOS]}, {0: [], 1: [6, 7], 2: [6, 7, EOS]}]
    slots = [{1: [0, 1], 2: [0, 1, 2, 3], 3: [0, 1, 2, 3, 4, 5]}, {1: [2, 3], 2: [2, 3, 4]}]
    for number, sources in enumerate([(0, 0), (1, 0), (2, 1)], 1):
        assert pile.state.used == 2 * (number - 1)
        text = writer.write(writer.pick(pile, np.array(sources)[:, None]), (), 2)
        pile = writer.put(pile, np.array([number, number - 1 or -1]), text)
    assert pile.state.used == 6 and writer.put(pile, np.array([-1, -1]), text) is pile
    for row, number in np.ndindex(2, 4):
        said, lies = texts[row].get(number, []), slots[row].get(number, [])
        assert pile.tokens[row, number].tolist() == said + [PAD] * (6 - len(said))
        assert pile.state.path[row, number].tolist() == lies + [-1] * (6 - len(lies))
        assert pile.ended[row, number] == (EOS in said)
        assert pile.logprob[row, number] == pytest.approx(-len(said) * np.log1p(6 * np.exp(-1)), abs=1e-5)


@pytest.mark.parametrize("model", [MODEL, Recurrent(V)], ids=["transformer", "recurrent"])
def test_what_is_written_for_a_problem_does_not_depend_on_the_others(model):
    """Two problems of five, alone, with the numbers that they have among all: branches, and texts of a pile."""
    params = jax.jit(model.init)(jax.random.key(0))

    def written(first, prompts):
        writer = ModelSampler(model, params, key=jax.random.key(1), first=first)
        state = writer.pick(writer.read(prompts, 14), np.zeros((len(prompts), 3), int))
        for _ in range(4):
            state = writer.write(state, (5, 6), 6)
        pile = writer.pile(prompts, 3, 6, 12)
        for number in (1, 2):
            text = writer.write(writer.pick(pile, np.full((len(prompts), 1), number - 1)), (5,), 6)
            pile = writer.put(pile, np.full(len(prompts), number), text)
        return state, pile

    for whole, part in zip(written(0, PROMPTS), written(2, PROMPTS[2:4]), strict=True):
        m = part.tokens.shape[2]
        np.testing.assert_array_equal(whole.tokens[2:4, :, :m], part.tokens)
        np.testing.assert_allclose(whole.logprob[2:4], part.logprob, atol=1e-4)
        assert whole.length.max() > 6
