"""Random walks conditioned on arriving in time: walk-L and walk_mix-L of arXiv:2505.21825.

With h(v, r) the probability that a simple random walk from v arrives within r steps, a walk that is known to arrive
goes from v with r steps left to a neighbour u with probability proportional to h(u, r - 1) (Doob's h-transform): exactly
the simple random walks that arrive in time, none of them rejected. Such walks know more than they show: no policy that
has not seen the whole graph can copy them. Letters as in `tasks/connectivity/networks.py`.
"""

from __future__ import annotations

import numpy as np

from tasks.connectivity.networks import distances

HELD = 1 << 22  # arrival probabilities held at once


def walk(
    near: np.ndarray,
    start: np.ndarray,
    target: np.ndarray,
    steps: int,
    mix: bool,
    width: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Walks that arrive within `steps` steps, or within the distance if that is more: int16 (n, width) padded with -1.

    With `mix` the steps allowed are drawn uniformly from the distance to `steps`. near int (g, u, k) neighbour lists
    with g = n or 1, start and target int (n,) in one component.
    """
    most = width - 1
    size = near.shape[1]
    listed = np.full((len(start), width), -1, np.int16)
    if len(near) == 1:  # all rows with one target share one table
        targets, case = np.unique(target, return_inverse=True)
        chances, away = arrival(near, targets, most), distances(near, targets)
        allowed = _allowed(away[case, start], steps, mix, rng)
        _follow(listed, near, chances, case, start, target, allowed, rng)
        return listed
    block = max(1, HELD // (width * (size + 1)))
    for first in range(0, len(start), block):
        rows = slice(first, first + block)
        chances, away = arrival(near[rows], target[rows], most), distances(near[rows], target[rows])
        case = np.arange(len(away))
        allowed = _allowed(away[case, start[rows]], steps, mix, rng)
        _follow(listed[rows], near[rows], chances, case, start[rows], target[rows], allowed, rng)
    return listed


def arrival(near: np.ndarray, target: np.ndarray, steps: int) -> np.ndarray:
    """h(v, r) for r up to `steps`: float64 (n, steps + 1, u + 1), 0 in the last column, which stands for the padding.

    near int (g, u, k) with g = n or 1, target int (n,).
    """
    n, size, rows = len(target), near.shape[1], np.arange(len(target))
    degree = np.maximum((near < size).sum(axis=2), 1)
    chances = np.zeros((n, steps + 1, size + 1))
    chances[rows, 0, target] = 1
    for step in range(1, steps + 1):
        before = chances[:, step - 1]
        for slot in np.moveaxis(near, 2, 0):
            chances[:, step, :size] += before[rows[:, None], slot]
        chances[:, step, :size] /= degree
        chances[rows, step, target] = 1
    return chances


def _allowed(away: np.ndarray, steps: int, mix: bool, rng: np.random.Generator) -> np.ndarray:
    """Steps each walk may take, int (n,)."""
    most = np.maximum(away, steps).astype(np.intp)
    return rng.integers(away, most, endpoint=True) if mix else most


def _follow(
    listed: np.ndarray,
    near: np.ndarray,
    chances: np.ndarray,
    case: np.ndarray,
    start: np.ndarray,
    target: np.ndarray,
    allowed: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Write the walks into `listed` (n, width); row i arrives with the chances (steps + 1, u + 1) of `case[i]`."""
    row, here, left = np.arange(len(start)), start.astype(np.intp), allowed.copy()
    listed[:, 0] = start
    place = 0
    while row.size:
        place += 1
        left -= 1
        around = near[row if len(near) > 1 else 0, here]
        weight = np.cumsum(chances[case[row, None], left[:, None], around], axis=1)
        drawn = rng.random(row.size) * weight[:, -1]
        # The first slot whose cumulated weight exceeds the draw: one that has weight, whatever the rounding.
        here = around[np.arange(row.size), np.minimum((weight <= drawn[:, None]).sum(axis=1), _last(weight))]
        listed[row, place] = here
        going = here != target[row]
        row, here, left = row[going], here[going], left[going]


def _last(weight: np.ndarray) -> np.ndarray:
    """The last slot that adds weight: cumulated weights float (n, k) to int (n,)."""
    return (weight < weight[:, -1:]).sum(axis=1)
