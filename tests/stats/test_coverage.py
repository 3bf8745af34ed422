"""Coverage far beyond the pool, against what is known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.stats.coverage import beta_law, power_law


def test_coverage_beyond_the_pool_is_predicted_from_the_pool():
    """Problems with Beta chances: 64 tries say what 1,024 will do, both by the mixture and by the power law."""
    rng, alpha, beta = np.random.default_rng(0), 0.35, 3.0
    p = rng.beta(alpha, beta, 20_000)
    right = rng.binomial(64, p)
    truth = 1 - ((1 - p) ** 1024).mean()
    found = beta_law(right, 64)
    assert (found.alpha, found.beta) == pytest.approx((alpha, beta), rel=0.05)
    assert found.at(1024) == pytest.approx(truth, abs=0.01)
    assert found.at(1) == pytest.approx(p.mean(), abs=0.01)
    law = power_law(right, 64)
    assert law.a < 0 and law.b < 0 and law.at(1024) == pytest.approx(truth, abs=0.04)
    with pytest.raises(UserError, match="cannot fit"):
        power_law(np.full(9, 64), 64)
