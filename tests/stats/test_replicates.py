"""What was measured in each seed, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.stats.replicates import gate_split, stacked


class Row(NamedTuple):
    mean: float
    curve: np.ndarray


@dataclass(frozen=True)
class Measured:
    rows: dict[str, Row]
    share: float


def test_every_number_gets_a_leading_axis_of_seeds():
    seeds = [Measured({"a": Row(seed, np.array([seed, 10 * seed]))}, seed / 2) for seed in (1, 2, 3)]
    by_seed = stacked(seeds)
    assert isinstance(by_seed, Measured) and isinstance(by_seed.rows["a"], Row)
    assert by_seed.share.tolist() == [0.5, 1.0, 1.5] and by_seed.rows["a"].mean.tolist() == [1, 2, 3]
    assert by_seed.rows["a"].curve.tolist() == [[1, 10], [2, 20], [3, 30]]


def test_one_seed_and_plain_tuples():
    assert stacked([Measured({"a": Row(1.0, np.zeros(2))}, 0.5)]).rows["a"].curve.shape == (1, 2)
    assert stacked([(1, 2), (3, 4)]).tolist() == [[1, 2], [3, 4]], "a tuple without names is an array"


def test_no_seed_is_one_clear_line():
    with pytest.raises(UserError, match="one or more seeds"):
        stacked([])


def test_gates_and_checks_share_no_problem():
    gated, judged = gate_split(103)
    rows = np.arange(103)
    assert len(rows[gated]) == 25 and [*rows[gated], *rows[judged]] == [*rows]
