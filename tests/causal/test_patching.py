"""Interchanges, swaps of traces and knock-outs, on models whose workings are known."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.causal import knock_out
from alchemy.causal.patching import interchange, paths
from alchemy.causal.readout import answer_places, own_answers, read_out, with_answer
from alchemy.errors import UserError
from alchemy.learning.open_model import Patch
from tests.causal.open_models import Reader
from tests.decoding.cells import Bigram

READER = Reader(place=1, writes=5)
PARAMS = {"nothing": np.zeros((2, 1), np.float32)}
PLACES = np.array([6, 7])
"""A prompt of two tokens, a trace of three, a mark, an answer of two."""
rng = np.random.default_rng(0)
SOURCE = rng.integers(3, 5, (2, 20, 9, 1)).astype(np.int32)
TARGET = SOURCE.copy()
TARGET[:, :15] = np.where(SOURCE[:, :15] == 3, 4, 3)  # the last five pairs are twice the same


def test_the_map_is_one_where_the_answer_is_read_and_nowhere_else():
    effects = interchange(READER, PARAMS, SOURCE, TARGET, PLACES)
    expected = np.zeros((2, 3, 7))
    expected[:, 0, 1] = 1
    np.testing.assert_array_equal(effects.source, expected)
    np.testing.assert_array_equal(effects.target[:, 0], 1 - expected[:, 0])
    np.testing.assert_allclose(effects.log_odds[:, 0], expected[:, 0], atol=1e-6)
    np.testing.assert_array_equal(effects.pairs, 15)


def test_the_map_by_token_says_where_each_token_is_written():
    effects = interchange(READER, PARAMS, SOURCE, TARGET, PLACES)
    written = np.zeros((2, 3, 7, 2))
    written[:, 0, 1] = 1  # carries both tokens
    written[:, 1:, 5, 0] = written[:, 1:, 6, 1] = 1  # where each is written
    np.testing.assert_array_equal(effects.token_source, written)
    np.testing.assert_allclose(effects.token_log_odds, written, atol=1e-6)


def test_a_head_that_carries_the_answer_is_found():
    effects = interchange(READER, PARAMS, SOURCE, TARGET, PLACES, kind="heads")
    expected = np.zeros((2, 2, 7, 2, 2))  # (s, l, t, h, r)
    expected[:, 0, 5, 0, 0] = expected[:, 0, 6, 0, 1] = 1
    np.testing.assert_array_equal(effects.token_source, expected)


@pytest.mark.parametrize(("place", "through_trace"), [(1, 0), (3, 1)])
def test_the_path_of_the_answer(place, through_trace):
    """A model that reads the prompt alone, and one that reads the trace alone; each loses it with what it reads."""
    found = paths(replace(READER, place=place), PARAMS, SOURCE, TARGET, PLACES, prompt=2)
    np.testing.assert_array_equal(found.share, through_trace)
    np.testing.assert_allclose(found.log_odds, through_trace, atol=1e-6)
    np.testing.assert_array_equal(found.trace[:, 0], through_trace)
    np.testing.assert_array_equal(found.prompt[:, 0], 1 - through_trace)
    np.testing.assert_array_equal(found.kept, [[1, through_trace, 1 - through_trace, through_trace]] * 2)
    np.testing.assert_array_equal(found.prompt[:, 1], 0)  # the answer cannot read the prompt


def test_without_a_trace_there_is_no_path_through_it():
    with pytest.raises(UserError, match="no trace between a prompt of 5 tokens and the answer at 6"):
        paths(READER, PARAMS, SOURCE, TARGET, PLACES, prompt=5)


def test_a_model_that_attends_to_one_position_needs_it_alone():
    answers = own_answers(READER, PARAMS, SOURCE, PLACES)
    np.testing.assert_array_equal(answers, np.broadcast_to(SOURCE[:, :, 1] + 1, answers.shape))
    texts = with_answer(SOURCE, PLACES, answers)[:, :, None]
    t = texts.shape[3]
    each_key = np.stack([knock_out.between(t, PLACES, [key]) for key in range(t)])
    all_but_one = ~np.eye(t, dtype=bool)[1] & np.tri(t, dtype=bool)
    read = read_out(READER, PARAMS, texts, PLACES, Patch(blocked=np.stack([*each_key, all_but_one])))
    np.testing.assert_array_equal(read.written.mean(axis=(2, 3))[0], [*(np.arange(t) != 1), True])


def test_texts_are_read_in_blocks_of_any_size(monkeypatch):
    """Three texts for each of two devices: 20 are read in blocks of six, and two are left."""
    texts = with_answer(SOURCE, PLACES, own_answers(READER, PARAMS, SOURCE, PLACES))[:, :, None]
    whole, done = read_out(READER, PARAMS, texts, PLACES), []
    monkeypatch.setattr("alchemy.learning.tuning.scored_tokens", lambda: 3 * texts.shape[3])
    monkeypatch.setenv("ALCHEMY_RETRACE", "1")
    blocks = read_out(READER, PARAMS, texts, PLACES, progress=done.append)
    assert done == [6, 12, 18, 20]
    np.testing.assert_array_equal(blocks.likeliest, whole.likeliest)
    np.testing.assert_allclose(blocks.logprob, whole.logprob, atol=1e-6)


def test_every_text_is_judged_by_what_stands_in_it():
    """Answers at random, to the last text: the model writes the token at place 1, one more, and no other."""
    tokens = SOURCE.copy()
    tokens[:, :, PLACES, 0] = np.random.default_rng(1).integers(4, 6, (2, 20, 2))
    tokens[:, -1, PLACES, 0] = tokens[:, -1, 1] + [1, 2]
    texts = with_answer(tokens, PLACES, tokens[:, :, PLACES, 0])[:, :, None]
    read = read_out(READER, PARAMS, texts, PLACES)
    likeliest = tokens[:, :, PLACES, 0] == tokens[:, :, 1] + 1
    np.testing.assert_array_equal(read.likeliest[:, 0, :, 0], likeliest)
    np.testing.assert_array_equal(read.written[:, 0, :, 0], likeliest.all(axis=2))
    assert read.likeliest[:, 0, -1, 0].tolist() == [[True, False]] * 2
    said = np.where(likeliest, 9.0, 0.0) - np.log(np.exp(9) + 6)  # of seven tokens, as padding is none
    np.testing.assert_allclose(read.logprob[:, 0, :, 0], said, atol=1e-5)


def test_answers_that_differ_in_one_token_differ(monkeypatch):
    """The second token of every answer is made the same: all is judged by the first."""

    def first_alone(model, params, tokens, places):
        return np.concatenate([tokens[:, :, 1] + 1, np.full_like(tokens[:, :, 1], 2)], axis=2)

    monkeypatch.setattr("alchemy.causal.patching.own_answers", first_alone)
    effects = interchange(READER, PARAMS, SOURCE, TARGET, PLACES)
    np.testing.assert_array_equal(effects.pairs, 15)
    assert not effects.source.any(), "the model writes another second token"
    np.testing.assert_allclose(effects.log_odds[:, 0], np.arange(7) == [[1]] * 2, atol=1e-6)
    found = paths(replace(READER, place=3), PARAMS, SOURCE, TARGET, PLACES, prompt=2)
    np.testing.assert_allclose(found.log_odds, 1, atol=1e-6)


def test_what_is_kept_from_the_prompt_and_from_the_trace(monkeypatch):
    """Of a prompt of two tokens, a trace of three, a mark, an answer of two: entry by entry."""
    masks = []

    def read(model, params, texts, places, changes=None, source=None, progress=None):
        masks.append(changes.blocked)
        return read_out(model, params, texts, places, changes, source)

    monkeypatch.setattr("alchemy.causal.patching.read_out", read)
    paths(READER, PARAMS, SOURCE, TARGET, PLACES, prompt=2)
    for query, key in np.ndindex(8, 8):
        writes_answer, of_prompt, of_trace = query + 1 in PLACES, key < 2, 2 <= key < 5
        expected = [False, writes_answer and of_prompt, writes_answer and of_trace, 2 <= query < 7 and of_prompt]
        assert masks[0][:, query, key].tolist() == expected, (query, key)


def test_masks_block_what_they_say():
    blocked = knock_out.between(4, [2, 3], [0])
    assert list(zip(*np.nonzero(blocked), strict=True)) == [(1, 0), (2, 0)]
    field = np.array([0, 1, 2, 16, 17, 10])
    blocked = knock_out.reading_only(field, {17: [16, 1]}, always=[2])
    assert list(zip(*np.nonzero(blocked), strict=True)) == [(3, 0)]
    blocked = np.tri(12, dtype=bool) & (np.arange(12) % 3 == 0)
    placebo = knock_out.elsewhere(blocked, rng)
    assert not np.triu(placebo).any()
    np.testing.assert_array_equal(placebo.sum(axis=1), np.tril(blocked, -1).sum(axis=1))
    assert (placebo & blocked).sum() < blocked.sum() / 3


def test_lines_of_other_shapes_have_no_common_places(task, key):
    batch = task.sample(np.random.default_rng(0), 4)
    mark = task.vocabulary.index[task.text_format.answer_mark]
    places = answer_places(batch, mark)
    assert task.vocabulary.decode(batch.text[0, places]).isalpha() or len(places) == 2
    batch.field[1] = np.roll(batch.field[1], 1)
    with pytest.raises(UserError, match="different shapes"):
        answer_places(batch)


def test_what_cannot_be_done_is_the_users_error():
    with pytest.raises(UserError, match="did you mean 'heads'"):
        interchange(READER, PARAMS, SOURCE, TARGET, PLACES, kind="head")
    with pytest.raises(UserError, match="Bigram does not open its activations"):
        interchange(Bigram(), {"table": jnp.zeros((2, 8, 8))}, SOURCE, TARGET, PLACES)
    texts = with_answer(SOURCE, PLACES, own_answers(READER, PARAMS, SOURCE, PLACES))[:, :, None]
    with pytest.raises(UserError, match="expected texts as the source"):
        read_out(READER, PARAMS, texts, PLACES, Patch(residual_at=np.ones((1, 3, 8), bool)))
    with pytest.raises(UserError, match="those of the source"):
        read_out(READER, PARAMS, texts, PLACES, Patch(residual=np.ones((1, 3, 8, 8))))
