"""Tournaments: which of several answers wins where a verifier compares two at a time, and which comparisons that takes.

| tournament | comparisons of n answers | who wins |
|---|---|---|
| knockout | n - 1 | who wins every round: neighbours meet, and of an odd number the last goes on |
| round robin | n (n - 1) / 2 | who wins most comparisons; those who tie are equally likely |

Both are those of reward models that reason, Guo et al., arXiv:2505.14674, who rate the second by Elo. Dimension letters: `m` answers
in the order in which they were drawn, of any number of problems (...).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

How = Literal["knockout", "round_robin"]


class Played(NamedTuple):
    """How a tournament ended."""

    chance: np.ndarray
    """Of each answer to be the winner, float (..., m): 1 for one of them unless there are ties; 0 for all where nobody plays."""
    compared: np.ndarray
    """Which answers were compared, the earlier one first: bool (..., m, m), above the diagonal."""


def knockout(better: np.ndarray, plays: np.ndarray) -> Played:
    """A knockout of the answers that play, bool (..., m), the first few of all; `better` (..., m, m) is the probability that the row
    is better than the column: from one half on the earlier one goes on.
    """
    m, lead = plays.shape[-1], plays.shape[:-1]
    compared = np.zeros((*lead, m, m), bool)
    going = np.broadcast_to(np.arange(m), plays.shape)
    while going.shape[-1] > 1:
        going = np.concatenate([going, np.full((*lead, going.shape[-1] % 2), m)], axis=-1)  # m is nobody
        first, second = going[..., ::2], going[..., 1::2]
        meet = (second < m) & np.take_along_axis(plays, np.minimum(second, m - 1), axis=-1)
        pair = first * m + np.where(meet, second, 0)
        wins = np.take_along_axis(better.reshape(*lead, m * m), pair, axis=-1) >= 0.5
        played = np.zeros((*lead, m * m), bool)
        np.put_along_axis(played, pair, meet, axis=-1)
        compared |= played.reshape(compared.shape)
        going = np.where(meet & ~wins, second, first)
    winner = (np.arange(m) == going) & plays.any(axis=-1, keepdims=True)
    return Played(winner.astype(float), compared)


def round_robin(better: np.ndarray, plays: np.ndarray) -> Played:
    """As `knockout`, every answer against every other; one half is half a win."""
    both = plays[..., :, None] & plays[..., None, :] & ~np.eye(plays.shape[-1], dtype=bool)
    points = np.where(both, np.where(better > 0.5, 1.0, np.where(better == 0.5, 0.5, 0.0)), 0.0).sum(axis=-1)
    points = np.where(plays, points, -1.0)
    top = plays & (points == points.max(axis=-1, keepdims=True))
    return Played(top / np.maximum(top.sum(axis=-1, keepdims=True), 1), np.triu(both))
