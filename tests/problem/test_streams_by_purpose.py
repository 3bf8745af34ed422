"""Streams of two purposes, or of two seeds, share nothing; the same ones are the same anywhere."""

from __future__ import annotations

from itertools import combinations

from alchemy.problem.streams import stream, stream_id


def test_streams_differ_by_purpose_and_numbers_and_are_pinned():
    numbers = {
        key: stream(*key).integers(1 << 62)
        for key in [("test problems", 0, 1), ("test problems", 1, 0), ("practice", 0, 1)]
    }
    assert all(numbers[left] != numbers[right] for left, right in combinations(numbers, 2))
    assert stream("practice", 0, 1).integers(1 << 62) == numbers["practice", 0, 1]
    assert [stream_id("practice", 0), stream_id("practice", 1), stream_id("roll-outs", 0)] == [
        1752448803,
        1247774588,
        1584545725,
    ]
