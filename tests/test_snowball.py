"""The two shapes and Fano's bound, on chains that fail by a known law."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.budgets import snowball


def chains(hazard, n=400, k=16, seeds=3):
    """Counts of chains before each step and of those that fail in it."""
    rng = np.random.default_rng(0)
    alive, failed, left = [], [], np.full((seeds, n), k)
    for chance in hazard:
        alive.append(left)
        failed.append(rng.binomial(left, chance))
        left = left - failed[-1]
    return np.stack(alive), np.stack(failed)


@pytest.mark.parametrize(("growth", "sign"), [(np.ones(6), -1), (np.arange(1, 7), 1)])
def test_the_shape_that_is_true_explains_more(growth, sign):
    gain = snowball._likelihoods(*chains(-np.expm1(-0.08 * growth)))
    assert sign * gain.mean > 0 and sign * gain.low > 0 and sign * gain.high > 0


def test_the_chance_to_fail_is_that_of_the_chains_still_right():
    alive, failed = chains([0.1, 0.3])
    for chance, one in zip((0.1, 0.3), range(2), strict=True):
        found = snowball._hazard(alive[one], failed[one])
        assert found.low < chance < found.high and found.width < 0.04


def test_fanos_bound_is_met_by_errors_without_pattern():
    """Where a wrong letter is any of the others alike, the bound is the error itself; a pattern leaves it slack."""
    kinds, error = 10, 0.3
    even = np.full((kinds, kinds), error / (kinds - 1)) / kinds
    np.fill_diagonal(even, (1 - error) / kinds)
    lost = -(even * np.log(even / even.sum(axis=0))).sum()
    assert snowball._fano(np.array(lost), kinds) == pytest.approx(error, abs=1e-3)
    always = np.diag(np.full(kinds, (1 - error) / kinds)) + np.diag(np.full(kinds - 1, error / kinds), 1)
    always[-1, 0] = error / kinds
    share = always[always > 0] / np.repeat(always.sum(axis=0)[None], kinds, axis=0)[always > 0]
    assert snowball._fano(np.array(-(always[always > 0] * np.log(share)).sum()), kinds) < error / 2
