"""Two lots of scores of the same seeds, or of the same problems: by how much do they differ?

Dimension letters: `s` seeds, `n` problems of each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binomtest

from alchemy.stats.verdict import median_limits


def compared(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Means of each seed, what the median seed differs by, and p of the sign test over seeds, or over problems for one seed.

    Scores are of the same problems, each (s, n).
    """
    difference = first.mean(axis=1) - second.mean(axis=1)
    compared = difference if len(difference) > 1 else (first - second)[0]
    more, less = int((compared > 0).sum()), int((compared < 0).sum())
    p = float(binomtest(more, more + less).pvalue) if more + less else 1.0
    return {
        "first": first.mean(axis=1).tolist(),
        "second": second.mean(axis=1).tolist(),
        "median difference": float(np.median(difference)),
        "limits": median_limits(difference),
        "first better": more,
        "second better": less,
        "p": p,
    }
