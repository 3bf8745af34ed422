"""What numpy does not do for arrays without rows."""

from __future__ import annotations

from math import prod

import numpy as np


def flat(values: np.ndarray) -> np.ndarray:
    """All that belongs to a row side by side: (n, ...) to (n, m). Of no rows, too, for which `reshape(n, -1)` is an error."""
    return values.reshape(len(values), prod(values.shape[1:]))
