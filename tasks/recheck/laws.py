"""What re-checks do to accuracy, in closed form: chains of two states, mixtures of them, and the Gaussian account.

A draft is right or wrong; a re-check breaks a right one with probability e and mends a wrong one with probability c. So
p(k + 1) = p(k) (1 - e) + (1 - p(k)) c, a line with fixed point pi = c / (c + e) and slope r = 1 - c - e:

    p(k) = pi + (p(0) - pi) r^k

While c + e < 1 this is monotone: re-checks hurt if p(0) > pi and help if p(0) < pi, from the first to the last, and no
such chain has a hump. A mixture of two has one if the one that rises does so faster than the other falls.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DISTANCES = np.concatenate([[0.0], np.geomspace(0.05, 40, 60)])  # D^2, in units of the variance a re-check adds
VARIANCES = np.geomspace(0.05, 400, 60)  # of the answer before any re-check and of the reward together


class Rates(NamedTuple):
    """Of one kind of problem; arrays of any shape."""

    right: np.ndarray  # the first draft is right
    breaks: np.ndarray  # a re-check turns a right draft wrong
    mends: np.ndarray  # a re-check turns a wrong draft right

    @property
    def fixed(self) -> np.ndarray:
        """The accuracy that re-checks lead to; that of the first draft where they change nothing."""
        moves = self.breaks + self.mends
        return np.where(moves > 0, self.mends / np.where(moves > 0, moves, 1), self.right)


def accuracy(rates: Rates, k: np.ndarray) -> np.ndarray:
    """p(k) for rates (...) and numbers of re-checks (m,): float (..., m)."""
    fixed, slope = np.asarray(rates.fixed)[..., None], np.asarray(1 - rates.breaks - rates.mends)[..., None]
    return fixed + (np.asarray(rates.right)[..., None] - fixed) * slope ** np.asarray(k)


def estimate(before: np.ndarray, after: np.ndarray) -> Rates:
    """Rates from whether drafts were right before and after one re-check, bool (..., n); over the last axis.

    A rate that no draft tells of is 0.
    """
    sure, lost = before.sum(axis=-1), (~before).sum(axis=-1)
    broke, mended = (before & ~after).sum(axis=-1), (~before & after).sum(axis=-1)
    return Rates(before.mean(axis=-1), broke / np.maximum(sure, 1), mended / np.maximum(lost, 1))


def truncated(hops: int, budget: int, letters: int) -> float:
    """Accuracy of the last of `budget` hops on a map that is one cycle through all letters: 1 if the walk has come to
    where `hops` hops end, else 0."""
    return float((hops - budget) % letters == 0)


def gaussian(k: np.ndarray, height: np.ndarray, distance2: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The account of arXiv:2506.04210: an answer y ~ N(mu, s^2) whose variance grows with thinking and whose mean does
    not move, rewarded by a Gaussian bump at a distance D from mu.

    E r = height * v^(-1/2) exp(-D^2 / (2 v)), v = `variance` + k, in units of what a re-check adds. It rises while v <
    D^2 and falls after; it cannot rise for ever, nor fall to a level and stay. Parameters (...), k (m,): (..., m).
    """
    v = np.asarray(variance)[..., None] + np.asarray(k)
    return np.asarray(height)[..., None] * v**-0.5 * np.exp(-np.asarray(distance2)[..., None] / (2 * v))


def fit_gaussian(k: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The (height, distance2, variance) of `gaussian` with least squared error to curves (..., m) at k (m,).

    Distance and variance from a grid, the height in closed form: parameters of shape (...).
    """
    distance2, variance = (one.ravel() for one in np.meshgrid(DISTANCES, VARIANCES, indexing="ij"))
    shapes = gaussian(k, np.ones_like(variance), distance2, variance)  # (g, m)
    shapes = shapes / np.linalg.norm(shapes, axis=1, keepdims=True)
    along = np.asarray(measured) @ shapes.T  # (..., g): the squared error is |measured|^2 - along^2
    best = np.argmax(along, axis=-1)
    scale = np.linalg.norm(gaussian(k, np.ones_like(variance), distance2, variance), axis=1)
    return np.take_along_axis(along, best[..., None], axis=-1)[..., 0] / scale[best], distance2[best], variance[best]
