"""How many more seeds a claim needs: what the sign test would say of seeds still to come, foretold from those there are.

The share of seeds that satisfy a check is drawn from its posterior under a uniform prior, then the seeds to come are drawn
from that share, and every look is judged as `alchemy.stats.verdict` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError
from alchemy.stats.verdict import ALPHA, e_value


class Counts(NamedTuple):
    """Seeds of one check so far."""

    satisfied: int
    seeds: int
    share: float = 0.5
    """The share of seeds that satisfies the inequality if the check is true, at least."""


class Forecast(NamedTuple):
    """What more seeds would bring."""

    holds: float
    """The chance that the claim HOLDS by the last seed that may be trained."""
    fails: float
    """The chance that it FAILS by then."""
    median: float
    """Seeds in all until it is decided, in the median; infinite where half of the futures leave it open."""
    ninety: float
    """Seeds in all that decide it in nine of ten futures."""

    @property
    def decided(self) -> float:
        return self.holds + self.fails


def forecast(
    checks: Sequence[Counts],
    max_seeds: int,
    *,
    alpha: float = ALPHA,
    futures: int = 1000,
    rng: np.random.Generator | int = 0,
) -> Forecast:
    """The chances that a claim with these checks is decided by `max_seeds` seeds of each check, and how many it takes.

    Checks are taken to be independent. It HOLDS at the first look at which all checks hold, and FAILS at the first at
    which one of them is violated by so many seeds that Holm's first step rejects it.
    """
    if not checks:
        raise UserError("a claim without checks has no power")
    rng = np.random.default_rng(rng)
    held = np.ones((futures, max_seeds + 1), bool)
    failed = np.zeros((futures, max_seeds + 1), bool)
    start = max(check.seeds for check in checks)
    for satisfied, seeds, share in checks:
        if not 0 <= satisfied <= seeds <= max_seeds:
            raise UserError(
                f"expected 0 to {max_seeds} seeds, of which some satisfy a check, got {satisfied} of {seeds}"
            )
        p = rng.beta(1 + satisfied, 1 + seeds - satisfied, futures)
        new = rng.random((futures, max_seeds - seeds)) < p[:, None]
        counts = np.full((futures, max_seeds + 1), satisfied)
        counts[:, seeds + 1 :] += new.cumsum(axis=1)
        looks = np.arange(max_seeds + 1)
        held &= counts >= _needed(max_seeds, share, 1 / alpha)
        failed |= looks - counts >= _needed(max_seeds, 1 - share, len(checks) / alpha)
    held[:, :start] = failed[:, :start] = False
    first_held, first_failed = _first(held), _first(failed)
    decided = np.minimum(first_held, first_failed)
    return Forecast(
        float((first_held < first_failed).mean()),
        float((first_failed < first_held).mean()),
        float(np.quantile(decided, 0.5, method="higher")),
        float(np.quantile(decided, 0.9, method="higher")),
    )


@lru_cache(maxsize=64)
def _needed(most: int, share: float, evidence: float) -> np.ndarray:
    """For s = 0 ... most seeds the fewest that give so much evidence, int (most + 1,); s + 1 where all do not."""
    needed, k = np.empty(most + 1, int), 0
    for s in range(most + 1):
        while k <= s and e_value(k, s, share) < evidence * (1 - 1e-12):
            k += 1
        needed[s] = k  # never fewer than of one seed less, which is where the search goes on
    return needed


def _first(reached: np.ndarray) -> np.ndarray:
    """The first look of each future at which something is reached, float (futures,); infinite where never."""
    return np.where(reached.any(axis=1), reached.argmax(axis=1), np.inf)


def largest_useful(checks: Sequence[Counts], *, alpha: float = ALPHA, limit: int = 4000) -> float:
    """Seeds in all that would decide a claim in half of the futures, up to `limit`; infinite beyond."""
    most = max(check.seeds for check in checks)
    while most < limit:
        most = min(limit, 2 * most or 1)
        if np.isfinite(median := forecast(checks, most, alpha=alpha, futures=200).median):
            return median
    return np.inf
