"""What thoughts are worth beside the best rival, on curves that can be read by eye."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from experiments.thinking.best_rival import ALONE, ANSWERS, BEFORE, CLEANED, DOCUMENTS, Curve, Measured, reached


def test_where_a_curve_comes_to_a_level():
    tokens, right = np.array([0, 0.5, 1.0]), np.array([0.2, 0.6, 0.5])
    assert reached(tokens, right, 0.4) == pytest.approx(0.25), "half of the way to the second point"
    assert reached(tokens, right, 0.6) == 0.5
    assert reached(tokens, right, 0.1) == 0.0, "tuning alone is better"
    assert reached(tokens, right, 0.61) == inf


def curve(tokens, right):
    """Of one seed, the same in either form."""
    values = np.array([right], float)
    return Curve(np.array([tokens], float), values, values, values)


def test_worth_is_told_from_the_best_rival_and_writing_is_paid():
    """Cleaned documents end at .6, to which thoughts come at 2 / 9 of the tokens, two thirds of the way to a third of them."""
    curves = {name: curve([1], [0.4]) for name in DOCUMENTS}
    curves |= {ALONE: curve([0], [0.2]), CLEANED: curve([1], [0.6]), BEFORE: curve([1 / 3, 1], [0.8, 0.9])}
    measured = Measured(curves, {name: 1.5 if name == BEFORE else 1.0 for name in DOCUMENTS})
    assert measured.worth("chain") == pytest.approx([4.5])
    assert measured.worth("at_once", (ANSWERS,)) == pytest.approx([9.0]), "halfway to .8 from .2"
    assert measured.worth_of_work(0.0) == pytest.approx([3.0])
    assert measured.worth_of_work(1 / 3) == pytest.approx([1.5])
