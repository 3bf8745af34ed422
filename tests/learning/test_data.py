"""Training examples of a few tokens by hand, and the order in which a finite set is read."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.learning.data import Examples, Finite, Stream, examples, joined
from alchemy.problem.task import EOS, Batch

LINES = Batch(
    np.array([[[3, 0], [4, 7], [5, 0], [EOS, 0]], [[6, 0], [EOS, 0], [0, 0], [0, 0]]], np.int32),
    np.array([2, 1], np.int32),
    np.zeros((2, 4), np.int8),
    {},
)


def as_lists(rows):
    return rows.tokens[..., 0].tolist(), rows.weight.astype(int).tolist()


def test_what_is_scored():
    tokens = [[3, 4, 5, EOS], [6, EOS, 0, 0]]
    assert as_lists(examples(LINES)) == (tokens, [[0, 0, 1, 1], [0, 1, 0, 0]])
    assert as_lists(examples(LINES, "sequence")) == (tokens, [[1, 1, 1, 1], [1, 1, 0, 0]])
    assert examples(LINES).tokens.tolist() == LINES.tokens.tolist() and examples(LINES).target is None


def test_what_an_environment_told_is_read_and_not_scored():
    told = np.array([[False, False, False, True], [True, True, False, False]])
    lines = LINES._replace(told=told)
    assert as_lists(examples(lines)) == ([[3, 4, 5, EOS], [6, EOS, 0, 0]], [[0, 0, 1, 0], [0, 0, 0, 0]])
    assert as_lists(examples(lines, "sequence"))[1] == [[1, 1, 1, 0], [0, 0, 0, 0]]


def test_lines_padded_and_grouped():
    padded = examples(LINES, padding="pad", context=5)
    assert as_lists(padded) == ([[3, 4, 5, EOS, 0], [6, EOS, 0, 0, 0]], [[0, 0, 1, 1, 0], [0, 1, 0, 0, 0]])
    assert padded.tokens.shape == (2, 5, 2) and padded.tokens[0, 1].tolist() == [4, 7]
    assert as_lists(examples(LINES, padding="pad", context=4)) == as_lists(examples(LINES))
    long = Batch(*(np.concatenate([part, part]) for part in LINES[:3]), {})
    blocks = examples(long, padding="group", context=5)  # 3 4 5 EOS 6 | EOS 3 4 5 EOS | 6 EOS
    assert as_lists(blocks) == ([[3, 4, 5, EOS, 6], [EOS, 3, 4, 5, EOS]], [[0, 0, 1, 1, 0], [1, 0, 0, 1, 1]])
    assert blocks.tokens[0, 1].tolist() == [4, 7]
    assert as_lists(examples(LINES, "sequence", "group", 6)) == ([[3, 4, 5, EOS, 6, EOS]], [[1] * 6])
    with pytest.raises(UserError, match="6 tokens do not fill one block of 7"):
        examples(LINES, padding="group", context=7)
    for padding in ("pad", "group"):
        with pytest.raises(UserError, match="lines of 4 tokens do not fit a context of 3"):
            examples(LINES, padding=padding, context=3)
        with pytest.raises(UserError, match="do not fit a context of 0"):
            examples(LINES, padding=padding)


def test_sets_end_to_end():
    short = Examples(np.full((1, 2, 1), 9, np.int32), np.ones((1, 2), bool), np.full((1, 2), 8, np.int32))
    long = Examples(np.full((2, 3, 1), 5, np.int32), np.ones((2, 3), bool), np.full((2, 3), 4, np.int32))
    both = joined([short, long])
    assert as_lists(both) == ([[9, 9, 0], [5, 5, 5], [5, 5, 5]], [[1, 1, 0], [1, 1, 1], [1, 1, 1]])
    assert both.target.tolist() == [[8, 8, 0], [4, 4, 4], [4, 4, 4]]
    assert joined([short._replace(target=None), long._replace(target=None)]).target is None


def endless(seed, n, offset):
    """Epoch after epoch, each in an order of its own."""
    epoch = 0
    while True:
        yield from (offset + np.random.default_rng([seed, epoch]).permutation(n)).tolist()
        epoch += 1


@given(
    start=st.integers(0, 12), steps=st.integers(1, 6), batch=st.integers(1, 9), sizes=st.sampled_from([(), (4, 9, 5)])
)
def test_any_steps_are_a_piece_of_the_endless_order(start, steps, batch, sizes):
    rows = Examples(np.zeros((18, 2, 1), np.int32), np.ones((18, 2), bool))
    data = Finite(rows, seeds=(7, 0, 3), sizes=sizes)
    for place, seed in enumerate((7, 0, 3)):
        n, offset = (sizes[place], (0, 4, 13)[place]) if sizes else (6, 6 * place)
        expected = list(islice(endless(seed, n, offset), start * batch, (start + steps) * batch))
        chunk = data.chunk(seed, start, steps, batch)
        assert chunk.shape == (steps, batch) and chunk.dtype == np.int32 and chunk.ravel().tolist() == expected
    assert data.table() is rows and data.unscored == Stream(endless).unscored == 0
    with pytest.raises(FrozenInstanceError):
        data.seeds = ()
    assert len({data, replace(data)}) == 2, "sets of arrays cannot be compared"


def test_a_stream_draws_what_a_chunk_needs():
    def draw(seed, start, n):
        tokens = 100 * seed + start + np.arange(2 * n, dtype=np.int32).reshape(n, 2, 1)
        return Examples(tokens, np.ones((n, 2), bool))

    chunk = Stream(draw).chunk(4, 7, 3, 5)
    assert chunk.tokens.ravel().tolist() == list(range(407, 437)) and chunk.tokens.shape == (3, 5, 2, 1)
    assert chunk.weight.shape == (3, 5, 2) and chunk.target is None and Stream(draw).table() is None
