"""What would refute that a written check lets best-of-n rise to what the samples hold."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.progress import Progress
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.thinking import plugging_in as claim

SIZES = 2 ** np.arange(7)
COVERED = 1 - 0.97**SIZES
FLAT = np.full(7, 0.03)
BEST = {name: FLAT for name in claim.VERIFIERS} | {claim.PLUGS_IN: COVERED - 0.01, claim.EXACT: COVERED}
MCTS = f"{claim.MCTS}, {claim.PLUGS_IN}"
RIVALS = {claim.VOTE: (0.05, 0.2), claim.SCALAR: (0.05, 0.7), claim.ELIMINATION: (0.2, 0.7), MCTS: (0.5, 0.5)}


def measured(one=0.04, any=0.8, single=0.95, within=1.0, best=(), rivals=()):
    """Ten equal seeds as promised, but for what is changed."""

    def seeds(values):
        return np.multiply.outer(np.ones(10), values)

    return claim.Measured(
        sizes=SIZES,
        one=seeds(one),
        any=seeds(any),
        single=seeds(single),
        within={claim.PLUGS_IN: seeds(within)},
        best={name: seeds(curve) for name, curve in {**BEST, **dict(best)}.items()},
        vote=seeds(FLAT),
        weighted=seeds(COVERED),
        rivals={name: claim.Rival(*map(seeds, pair)) for name, pair in {**RIVALS, **dict(rivals)}.items()},
    )


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, []),
        ({"within": 0.97}, [0]),
        ({"best": {claim.PLUGS_IN: np.append(COVERED[:6], 0.82) + np.append(FLAT[:6] * 12, 0)}}, [1]),
        ({"best": {claim.PLUGS_IN: COVERED - 0.06 * (SIZES == 64)}}, [2]),
        *(({"best": {name: FLAT + 0.15 * (SIZES == 64)}}, [3]) for name in (claim.SCALAR, claim.AT_ONCE, claim.FILLER)),
        ({"rivals": {claim.VOTE: (0.15, 0.2)}}, [4]),
        ({"rivals": {claim.SCALAR: (0.5, 0.7)}}, [5]),
        ({"rivals": {claim.ELIMINATION: (0.9, 0.7)}}, [6]),
        ({"rivals": {MCTS: (0.6, 0.5)}}, [7]),
    ],
)
def test_each_check_can_fail(changes, broken):
    checks = claim.check(measured(**changes))
    within = [((check.low <= check.values) & (check.values <= check.high)).all() for check in checks]
    assert len(checks) == 8 and [place for place, held in enumerate(within) if not held] == broken
    assert judge(claim.CLAIM, checks).verdict == (Verdict.FAILS if broken else Verdict.HOLDS)


@pytest.mark.parametrize("gates", [{"one": 0.3}, {"any": 0.5}, {"single": 0.8}])
def test_where_all_is_solved_or_nothing_can_be_found_or_checked_nothing_is_judged(gates):
    checks = claim.check(measured(**gates))
    assert not any(check.passed.any() for check in checks)
    assert judge(claim.CLAIM, checks).verdict == Verdict.UNDECIDED


def test_answers_to_judge_are_right_in_half_and_the_same_for_every_verifier(tmp_path):
    """As drawn for the scalar verifier, and judged in plain arithmetic."""
    lab, task = Lab(tmp_path, Progress(quiet=True)), claim.SMALL.task
    pool = claim.answers(lab, task, 1000, 3, "train")
    values = pool.completions[0, :, 0, 1:3] - task.zero
    problem = pool.batch.problem
    right = ((problem["matrix"] * values[:, None]).sum(axis=2) % task.modulus == problem["right"]).all(axis=1)
    np.testing.assert_array_equal(pool.verify().answer[0, :, 0], right)
    assert right.mean() == pytest.approx(0.5 + 0.5 / 49, abs=0.05)
    assert claim.answers(lab, claim.SMALL.single, 50, 3, "train").batch.problem["matrix"].shape == (50, 1, 1)
