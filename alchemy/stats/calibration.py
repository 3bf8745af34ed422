"""How often verdicts are wrong, and limits miss: simulated where the truth is known.

Two tables. The first looks after every seed at claims whose every check is exactly at its bound, which is where errors are
most frequent. The second asks how often the limits of the median contain it, for seeds of many kinds.

Dimension letters: `r` runs, `c` checks of a claim, `s` seeds, `n` test problems of a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from alchemy.stats.verdict import ALPHA, e_value, median_limits

CHECKS = (1, 8, 27, 48)
CORRELATIONS = (0.0, 0.7)
LOOKS = 80
"""Seeds after each of which one looks."""
SEEDS = (5, 10, 20, 40)
PROBLEMS = (60, 400, 4000)
SLACK = 0.003
"""Share by which the median of a large sample may be off: what lies between these quantiles counts as the median."""


class Errors(NamedTuple):
    """Shares of simulated claims that were ever decided wrongly."""

    checks: int
    correlation: float
    false_fails: float
    """FAILS at some look, though every check is true."""
    false_holds: float
    """HOLDS at some look, though every check is false."""


def errors(checks: int, correlation: float, rng: np.random.Generator, runs: int = 4000, alpha: float = ALPHA) -> Errors:
    """The errors of claims with so many checks, each at its bound: half of all seeds satisfy it.

    `correlation` is that of the checks' values within a seed.
    """
    satisfied, fails, holds = np.zeros((runs, checks), int), np.zeros(runs, bool), np.zeros(runs, bool)
    for s in range(1, LOOKS + 1):
        common, own = rng.normal(size=(runs, 1)), rng.normal(size=(runs, checks))
        satisfied += np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own > 0
        e = np.array([e_value(k, s) for k in range(s + 1)])
        holds |= (e[satisfied] >= 1 / alpha).all(axis=1)
        fails |= (e[s - satisfied] >= checks / alpha).any(axis=1)  # Holm rejects one where Bonferroni does
    return Errors(checks, correlation, float(fails.mean()), float(holds.mean()))


Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
"""Draws what seeds are worth, of the given shape."""


def _near(centre: float, deviation: float) -> Draw:
    return lambda rng, shape: rng.normal(centre, deviation, shape).clip(0, 1)


def _all_or_nothing(share: float) -> Draw:
    return lambda rng, shape: np.where(rng.random(shape) < share, 0.99, 0.02)


KINDS: Mapping[str, Draw] = {
    "near .985": _near(0.985, 0.01),
    "near .6": _near(0.6, 0.05),
    "near .6, wide": _near(0.6, 0.2),
    "all or nothing, half": _all_or_nothing(0.5),
    "all or nothing, .8": _all_or_nothing(0.8),
    "one in ten bad": lambda rng, shape: np.where(rng.random(shape) < 0.9, 0.98, 0.3),
    "heavy tail at 0": lambda rng, shape: rng.beta(0.3, 3.0, shape),
    "one in five gains": lambda rng, shape: np.where(rng.random(shape) < 0.2, 0.3, 0.0),
}
"""Chances of success of trained models; a seed's number is its share of right answers to `n` problems."""


def crossings(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of seeds that are no shares: where a curve crosses a level, infinite for one seed in five."""
    return np.where(rng.random(shape) < 0.2, np.inf, rng.lognormal(1.5, 0.7, shape))


def coverage(
    draw: Draw, problems: int | None, seeds: int, rng: np.random.Generator, runs: int = 2000, level: float = 0.95
) -> float:
    """How often the limits of the median of so many seeds contain it; without `problems` the draws are the numbers."""

    def numbers(shape: tuple[int, ...]) -> np.ndarray:
        drawn = draw(rng, shape)
        return drawn if problems is None else rng.binomial(problems, drawn)  # limits of counts are those of shares

    reference = numbers((400_000,))
    least, most = np.quantile(reference, [0.5 - SLACK, 0.5 + SLACK], method="inverted_cdf")
    limits = np.array([median_limits(values, level) for values in numbers((runs, seeds))])
    return float(((limits[:, 0] <= most) & (limits[:, 1] >= least)).mean())


def error_table(rng: np.random.Generator, runs: int = 4000) -> list[Errors]:
    """`errors` for every number of checks and correlation."""
    return [errors(checks, correlation, rng, runs) for checks in CHECKS for correlation in CORRELATIONS]


def coverage_table(rng: np.random.Generator, runs: int = 2000) -> dict[str, dict[int, float]]:
    """The least coverage over the numbers of problems, by kind of seeds and number of seeds."""
    rows = {
        kind: {seeds: min(coverage(draw, n, seeds, rng, runs) for n in PROBLEMS) for seeds in SEEDS}
        for kind, draw in KINDS.items()
    }
    return rows | {"crossings": {seeds: coverage(crossings, None, seeds, rng, runs) for seeds in SEEDS}}
