"""Masks of attention, entry by entry."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.causal.knock_out import between, elsewhere, reading_only

T = 6


def test_what_writes_a_place_is_the_token_before_it():
    for writing, reading in (([2, 3], [0]), ([0, 1], [0, 2]), ([5], [1, 3]), ([], [1])):
        expected = [[query + 1 in writing and key in reading for key in range(T)] for query in range(T)]
        assert between(T, writing, reading).tolist() == expected


@pytest.mark.parametrize("parts", [{17: [16, 1]}, {16: [0], 17: [16]}, {10: []}], ids=str)
@pytest.mark.parametrize("always", [(), (2,), (0, 4)], ids=str)
def test_a_part_reads_itself_and_what_is_named(parts, always):
    field = np.array([0, 1, 1, 16, 17, 10])
    blocked = reading_only(field, parts, always)
    for query, key in np.ndindex(T, T):
        written = field[query + 1] if query + 1 < T else None
        reads = written not in parts or field[key] in (written, *parts[written]) or key in always
        assert blocked[query, key] == (not reads and key <= query)


@pytest.mark.parametrize("seed", range(4))
def test_a_placebo_blocks_as_many_earlier_keys_and_others_while_there_are(seed):
    rng = np.random.default_rng(seed)
    blocked = np.tri(12, dtype=bool) & (rng.random((12, 12)) < 0.4)
    placebo = elsewhere(blocked, rng)
    for query in range(12):
        own, others = set(np.flatnonzero(blocked[query, :query])), set(np.flatnonzero(placebo[query]))
        assert all(key < query for key in others) and len(others) == len(own)
        assert len(own & others) == max(0, 2 * len(own) - query)
    draws = [elsewhere(np.eye(5, k=-4, dtype=bool), np.random.default_rng(seed))[4].argmax() for seed in range(40)]
    assert set(draws) == {1, 2, 3}
