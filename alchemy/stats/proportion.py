"""Limits of a share of problems, where one file of answers is all there is and no seeds can be counted."""

from __future__ import annotations

from math import sqrt

from scipy.special import ndtri

from alchemy.errors import UserError


def wilson(successes: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of the share `successes / n`.

    Source: Wilson, Journal of the American Statistical Association 1927.
    """
    if not (n > 0 and 0 <= successes <= n):
        raise UserError(f"expected 0 to n successes of n > 0 problems, got {successes} of {n}")
    if not 0 < level < 1:
        raise UserError(f"expected a level between 0 and 1, got {level}")
    share, z2 = successes / n, float(ndtri((1 + level) / 2)) ** 2
    centre = (successes + z2 / 2) / (n + z2)
    half = sqrt(z2 * (n * share * (1 - share) + z2 / 4)) / (n + z2)
    return 0.0 if successes == 0 else centre - half, 1.0 if successes == n else centre + half
