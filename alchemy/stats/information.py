"""Information that is lost between what is right and what is said, and the errors it must cost.

Dimension letters: `a` symbols that may be right, `b` symbols that may be said.
"""

from __future__ import annotations

import numpy as np


def conditional_entropy(joint: np.ndarray) -> float:
    """Nats that what is said leaves open about what is right, of their joint distribution (a, b); a plug-in estimate."""
    said_share = np.broadcast_to(joint.sum(axis=0), joint.shape)
    seen = joint > 0
    return float(-(joint[seen] * np.log(joint[seen] / said_share[seen])).sum())


def fano_bound(lost: float, symbols: int) -> float:
    """The smallest share of errors in guessing one of so many symbols of which `lost` nats are unknown.

    The e at which H(e) + e log(symbols - 1) = lost: Fano's inequality (Cover and Thomas, theorem 2.10.1).
    """
    error = np.linspace(1e-9, 1 - 1 / symbols, 20_001)
    most = -error * np.log(error) - (1 - error) * np.log1p(-error) + error * np.log(symbols - 1)
    return float(np.interp(lost, most, error))
