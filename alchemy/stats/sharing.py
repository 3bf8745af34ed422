"""Do several things that are learned together share what they need, or does each need its own?

Dimension letters: `s` seeds, `k` things that are learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError


class Factor(NamedTuple):
    """What is needed apart, over what is needed together: between these two, float (s,)."""

    low: np.ndarray
    high: np.ndarray


def sharing_factor(
    alone: np.ndarray, joint: np.ndarray, dial: Sequence[float], joint_dial: Sequence[float] = ()
) -> Factor:
    """kappa, the sum of what each of k things needs alone, float (s, k), over what all need together, float (s,)
    (arXiv:2602.18333).

    1 if nothing is shared, k if everything is, below 1 if they are in each other's way. What is needed was sought along a dial, as
    `alchemy.stats.summary.crossing` gives it: 0 is at most its first value, and infinite at least its last. Where nothing is,
    the two limits are one number. nan stays nan. Raises `UserError` for other shapes.
    """
    alone, joint = np.asarray(alone, float), np.asarray(joint, float)
    if alone.ndim != 2 or joint.shape != alone.shape[:1]:
        raise UserError(f"expected alone (s, k) and joint (s,), got shapes {alone.shape} and {joint.shape}")
    most, least = _up(alone, dial).sum(axis=1), _down(alone, dial).sum(axis=1)
    above, below = _up(joint, joint_dial or dial), _down(joint, joint_dial or dial)
    with np.errstate(divide="ignore"):
        return Factor(least / above, most / below)


def _up(needed: np.ndarray, dial: Sequence[float]) -> np.ndarray:
    """The most that it can be."""
    return np.where(needed == 0, dial[0], needed)


def _down(needed: np.ndarray, dial: Sequence[float]) -> np.ndarray:
    """The least that it can be."""
    return np.where(needed == np.inf, dial[-1], needed)
