"""What readers of the last letters alone score: the floors that a model of few hops has to be compared with.

Take a reader who sees the end of a text, from a letter c on, and has to hop from a letter d that is not in sight again. Text
is as random read backwards: before c stands any other letter, and so on, back to the last d. Of v letters, the one behind it
is c with probability 2 / v, each of the v - 2 others with 1 / v, and never d. The next hop starts alike: from the letter
found, with d the first letter in sight. Only where the hop goes from c itself is every other letter as likely.

So the best reader of the last m letters takes the hops that it sees, and knows how likely each letter is after the others.
This is exact for texts that go back without end; in shorter ones, which have to have all hops inside, it is off by what
falls exponentially with their length. From the last letter alone, of four, it scores 1/3, 1/2, 7/24 and 11/32 at one to four
hops, where a guess at random would score 1/4.

Dimension letters: `n` problems, `t` letters of a text, `v` letters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.problem.task import Problem
from tasks.hops.walk import hop


class Ends(NamedTuple):
    """How likely each letter is after some hops that start out of sight; the three kinds of letters add up to 1."""

    edge: float
    """The first letter in sight."""
    source: float
    """The letter that the first of these hops goes from."""
    other: float
    """Each of the others."""


def unseen(letters: int, hops: int) -> Ends:
    """After so many hops from a letter that is not in sight again and not the first in sight."""
    ends = Ends(0.0, 1.0, 0.0)
    for _ in range(hops):  # one more before those: to the edge with 2 / v, to each other with 1 / v
        edge = (2 * ends.source + (letters - 2) * ends.other) / letters
        other = (2 * ends.other + ends.source + (letters - 3) * ends.other) / letters
        ends = Ends(edge, ends.edge, other)
    return ends


def from_the_edge(letters: int, hops: int) -> Ends:
    """After so many hops, one or more, of which the first goes from the first letter in sight; `source` is 0."""
    rest = unseen(letters, hops - 1)  # from any other letter alike, and this one is then the edge
    return Ends(rest.edge, 0.0, (rest.source + (letters - 2) * rest.other) / (letters - 1))


def own_letter(letters: int, hops: int) -> float:
    """What the best guess from the last letter alone scores."""
    ends = from_the_edge(letters, hops)
    return max(ends.edge, ends.other)


class Guess(NamedTuple):
    """What the best reader of the last letters says."""

    letter: np.ndarray
    """Int (n,)."""
    chance: np.ndarray
    """How likely it is right, float (n,): 1 where all hops are in sight."""


def window(problem: Problem, letters: int, size: int) -> Guess:
    """The best guess from the last `size` letters and the number of hops."""
    text, hops = problem["text"], problem["hops"].astype(int)
    first, row = max(0, text.shape[1] - size), np.arange(len(text))
    sight, left = text[:, first:], hops.copy()
    at = np.full(len(text), sight.shape[1] - 1)
    for _ in range(int(hops.max(initial=0))):
        to = hop(sight, at)
        seen = (left > 0) & (to >= 0)
        at, left = np.where(seen, to, at), left - seen
    likely = np.empty((len(text), letters))
    edge, source = sight[:, 0], sight[row, at]
    for rest in range(int(left.max(initial=0)) + 1):
        kinds = [unseen(letters, rest), from_the_edge(letters, rest) if rest else Ends(1.0, 0.0, 0.0)]
        for same, ends in enumerate(kinds):
            rows = np.flatnonzero((left == rest) & ((edge == source) == bool(same)))
            likely[rows] = ends.other
            likely[rows, source[rows]] = ends.source
            likely[rows, edge[rows]] = ends.edge
    return Guess(likely.argmax(axis=1), likely.max(axis=1))
