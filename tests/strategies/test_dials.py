"""The dials of every strategy as they come, by value: who names a strategy and no dial relies on them."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from alchemy.discover import find

DIALS = {
    "adaptive_consistency": {"confidence": 0.95},
    "allocate": {"policy": "metadata", "score": "", "first": 4, "checker": 0},
    "bandit": {"score": "", "threshold": 0.5, "confidence": 0.95, "round_size": 4, "checker": 0},
    "beam": {"n": 16, "width": 4, "apart": False},
    "best_of_n": {"score": "exact", "checker": 0},
    "dvts": {"n": 16, "width": 4},
    "early_stopping": {"window": 5},
    "mcts": {"n": 32, "width": 4, "explore": 0.5, "value": "rollout"},
    "particle_filter": {"n": 16, "softness": 0.25, "seed": 0},
    "pilot": {"score": "", "first": 4, "then": "reused", "checker": 0},
    "rejection": {"score": "exact", "threshold": 0.5, "guess": True, "checker": 0},
    "short_m_at_n": {"first": 1},
    "soft_best_of_n": {"score": "exact", "temperature": 0.1, "checker": 0},
    "tournament": {"score": "exact", "how": "knockout", "checker": 0},
    "weighted_vote": {"score": "exact", "temperature": 0.0, "checker": 0},
}


@pytest.mark.parametrize("name", DIALS)
def test_a_dial_that_is_not_turned(name):
    strategy = find("strategy", name)
    assert asdict(strategy()) == DIALS[name]
    assert getattr(strategy, "spare", 1) == (4 if name in ("allocate", "bandit", "pilot") else 1)
