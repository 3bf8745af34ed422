"""Two ways are equally good: shown, not merely not refuted."""

from __future__ import annotations

import numpy as np

from alchemy.stats.measure import Interval, equivalent, paired_difference

MARGIN = 0.02
"""Two points: what the lab calls no difference."""


def difference_at(a: np.ndarray, b: np.ndarray, rng: np.random.Generator | int, level: float = 0.05) -> Interval:
    """The paired difference a - b of scores (s, n) with the interval that two one-sided tests at `level` look at.

    Equivalence at .05 is the interval at .90 within the margin: `near` over it is the test. Source: Schuirmann, Journal
    of Pharmacokinetics and Biopharmaceutics 1987.
    """
    return paired_difference(a, b, rng, 1 - 2 * level)


def tost(
    a: np.ndarray, b: np.ndarray, rng: np.random.Generator | int, margin: float = MARGIN, level: float = 0.05
) -> bool | None:
    """Whether scores (s, n) of the same seeds and problems are equal up to the margin.

    True: shown at `level`. False: shown to differ by more. None: neither.
    """
    return equivalent(difference_at(a, b, rng, level), 0.0, margin)
