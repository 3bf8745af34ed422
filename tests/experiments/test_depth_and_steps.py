"""The picture of the theory page: what it shows is in the committed verdicts, and what it outlines is what laws say."""

from __future__ import annotations

import re

import numpy as np

from alchemy.report.figures import save
from alchemy.report.history import newest
from experiments.theory import depth_and_steps as joint

MEASURED = {
    "hops_by_depth": {
        "hops": [1, 2, 4],
        "depths": {"2": [[1.0, 0.5, 0.25]] * 5, "3": [[1.0, 1.0, 0.5]] * 5},
        "chain": [[1.0, 0.9, 0.8]] * 5,
    },
    "state_tracking": {
        "tested": [8, 16],
        "new": {"1 layer, Z60": [[1.0, 0.9]] * 5, "1 layer, A5": [[0.6, 0.1], [0.4, 0.0], [0.5, 0.2]]},
        "chain": {"A5": [0.97] * 5, "A4xZ5": [0.0] * 5, "Z60": [0.98] * 5},
    },
}
RECORDS = {name: {"small": {"measured": measured}} for name, measured in MEASURED.items()}


def written(svg):
    """All that a picture says in words and numbers, in order."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_the_picture_is_that_of_the_committed_verdicts(tmp_path):
    save(joint.figure(newest(joint.VERDICTS)), tmp_path / "again.svg")
    again, committed = (path.read_text() for path in (tmp_path / "again.svg", joint.PATH))
    assert written(committed) == written(again), "python -m experiments.theory.depth_and_steps makes it anew"
    assert len(written(again)) > 30


def test_each_cell_is_the_median_model_of_one_measurement():
    picture, gap = joint.figure(RECORDS), np.nan
    assert list(picture.columns) == [
        "1 hop",
        "2 hops",
        "4 hops",
        "Z60, 8 letters",
        "Z60, 16 letters",
        "A5, 8 letters",
        "A5, 16 letters",
    ]
    by_hand = [
        [gap, gap, gap, 1.0, 0.9, 0.5, 0.1],
        [1.0, 0.5, 0.25, gap, gap, gap, gap],
        [1.0, 1.0, 0.5, gap, gap, gap, gap],
        [gap] * 7,
        [1.0, 0.9, 0.8, gap, 0.98, gap, 0.97],
    ]
    np.testing.assert_array_equal(picture.measured[0], by_hand)


def test_laws_reach_one_hop_at_two_layers_twice_as_many_a_layer_and_everything_in_steps():
    [reached] = joint.figure(RECORDS).reached.values()
    rows = ["".join(".#"[int(cell)] for cell in row) for row in reached]
    assert rows == ["...##..", "#......", "##.....", ".......", "###.#.#"]
