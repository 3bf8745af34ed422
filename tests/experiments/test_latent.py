"""Claims on latent width: the numbers that decide, and that each check can fail and each gate leaves it open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.lab.reasoners import Noise
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.latent import (
    any_noise,
    arms,
    coverage,
    depth_beyond_training,
    eight_queens,
    other_boards,
    recursion_or_tokens,
    selection,
    which_axis_pays,
    width_or_depth,
)
from experiments.latent.arms import Part, Setting, Way, best

BUDGETS = (1, 2, 4, 8, 16, 32)
NOISE = Noise(*np.zeros((5, 10)))


def seeds(values):
    return np.broadcast_to(np.asarray(values, float), (10, *np.shape(values))).copy()


def way(wide=(0.8, 0.9), deep=(0.8, 0.8), unchecked=(0.8, 0.8), found_wide=0.5, found_deep=0.1, blamed=0.9, gate=None):
    """A way that solves the first of each at the smallest budget and the last from the next one on."""

    def curve(ends):
        return seeds([ends[0], *[ends[-1]] * (len(BUDGETS) - 1)])

    def part(wide, deep, unchecked):
        found = (seeds([share] * len(BUDGETS)) for share in (found_wide, found_deep))
        chosen, share = ({name: seeds(value) for name in arms.SELECTORS} for value in (0.8, blamed))
        return Part(curve(wide), curve(deep), curve(unchecked), *found, chosen, share)

    judged = part(wide, deep, unchecked)
    return Way(judged if gate is None else part((gate, gate), (gate, gate), (gate, gate)), judged)


RIVALS = {"deterministic": way(deep=(0.7, 0.75)), "looped": way(deep=(0.6, 0.6))}
WIDTH = width_or_depth.Measured(BUDGETS, {"one": way(), "many": way()}, {"one": RIVALS, "many": RIVALS})


def variational(solutions, **changes):
    return {"variational": {"one": way(), "many": way(), solutions: way(**changes)}}


def rival(solutions, **changes):
    return {"rivals": {"one": RIVALS, "many": RIVALS, solutions: {"deterministic": way(**changes)}}}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        (variational("one", wide=(0.8, 0.84)), Verdict.FAILS),
        (variational("many", wide=(0.8, 0.77)), Verdict.FAILS),
        (rival("one", deep=(0.8, 0.85)), Verdict.FAILS),
        (rival("many", deep=(0.8, 0.85)), Verdict.HOLDS),
        (rival("many", deep=(0.8, 0.88)), Verdict.FAILS),
        (variational("one", gate=0.2), Verdict.UNDECIDED),
        (rival("many", deep=(0.7, 0.75), gate=0.2), Verdict.UNDECIDED),
    ],
)
def test_each_check_of_width_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(width_or_depth.CLAIM, width_or_depth.check(replace(WIDTH, **changes))).verdict == verdict


AXES = which_axis_pays.Measured(
    BUDGETS,
    {"one": way(wide=(0.8, 0.9), deep=(0.8, 0.88)), "many": way()},
    {"deterministic": way(wide=(0.6, 0.6)), "looped": way(wide=(0.5, 0.5))},
    {"one": np.full((10, 6, 6), 0.9), "many": np.full((10, 6, 6), 0.9)},
    {"one": NOISE, "many": NOISE},
)


def axes(solutions, **changes):
    return {"variational": {**AXES.variational, solutions: way(**changes)}}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        (axes("one", deep=(0.8, 0.84)), Verdict.FAILS),
        (axes("one", deep=(0.8, 0.96)), Verdict.FAILS),
        (axes("many", deep=(0.8, 0.88)), Verdict.FAILS),
        (axes("many", found_deep=0.45), Verdict.FAILS),
        ({"rivals": {"deterministic": way(wide=(0.75, 0.75))}}, Verdict.FAILS),
        (axes("one", deep=(0.8, 0.88), gate=0.2), Verdict.UNDECIDED),
        (axes("many", gate=0.2), Verdict.UNDECIDED),
    ],
)
def test_each_check_of_the_axes_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(which_axis_pays.CLAIM, which_axis_pays.check(replace(AXES, **changes))).verdict == verdict


ANY = any_noise.Measured(BUDGETS, way(), {"added noise": way(wide=(0.7, 0.95)), "winner": way(wide=(0.7, 0.6))}, {})


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"others": {"winner": way(wide=(0.7, 0.6))}}, Verdict.FAILS),
        ({"others": {"added noise": way(wide=(0.7, 0.95), blamed=0.7)}}, Verdict.FAILS),
        ({"variational": way(gate=0.2)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_noise_can_fail_and_its_gate_leaves_it_open(changes, verdict):
    assert judge(any_noise.CLAIM, any_noise.check(replace(ANY, **changes))).verdict == verdict


COVERAGE = coverage.Measured(
    BUDGETS, way(), {"deterministic": way(found_deep=0.3)}, {"relabelled": way(found_wide=0.7)}, NOISE
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"deep": {"deterministic": way(found_deep=0.45)}}, Verdict.FAILS),
        ({"others": {"relabelled": way(found_wide=0.45)}}, Verdict.FAILS),
        ({"variational": way(gate=0.2)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_coverage_can_fail_and_its_gate_leaves_it_open(changes, verdict):
    assert judge(coverage.CLAIM, coverage.check(replace(COVERAGE, **changes))).verdict == verdict


DEPTH = depth_beyond_training.Measured(
    BUDGETS,
    {
        "one": {kind: way() for kind in depth_beyond_training.ASKED},
        "many": {"deterministic": way(unchecked=(0.8, 0.3)), "variational": way()},
    },
)


def going_on(solutions, kind, to, gate=None):
    ways = {**DEPTH.ways[solutions], kind: way(unchecked=(0.8, to), gate=gate)}
    return {"ways": {**DEPTH.ways, solutions: ways}}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        (going_on("one", "deterministic", 0.7), Verdict.FAILS),
        (going_on("many", "deterministic", 0.7), Verdict.FAILS),
        (going_on("one", "variational", 0.65), Verdict.FAILS),
        (going_on("many", "variational", 0.65), Verdict.FAILS),
        (going_on("one", "restarts", 0.9), Verdict.FAILS),
        (going_on("one", "restarts", 0.6), Verdict.HOLDS),
        (going_on("one", "restarts", 0.8, gate=0.2), Verdict.UNDECIDED),
        (going_on("many", "deterministic", 0.3, gate=0.2), Verdict.UNDECIDED),
    ],
)
def test_each_check_of_depth_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(depth_beyond_training.CLAIM, depth_beyond_training.check(replace(DEPTH, **changes))).verdict == verdict


COLOURED = other_boards.Measured(
    BUDGETS,
    way(wide=(0.5, 0.98), found_wide=0.7, found_deep=0.45),
    way(wide=(0.8, 0.8), deep=(0.8, 0.95), found_deep=0.4),
    seeds(0.75),
    np.full((10, 6, 6), 0.9),
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"variational": way(wide=(0.5, 0.98), found_wide=0.5, found_deep=0.45)}, Verdict.FAILS),
        ({"deterministic": way(wide=(0.8, 0.8), deep=(0.8, 0.95), found_deep=0.65)}, Verdict.FAILS),
        ({"deterministic": way(wide=(0.8, 0.8), deep=(0.8, 0.93), found_deep=0.4)}, Verdict.FAILS),
        ({"deterministic": way(wide=(0.53, 0.8), deep=(0.8, 0.95), found_deep=0.4)}, Verdict.FAILS),
        ({"deterministic": way(wide=(0.8, 0.8), deep=(0.8, 0.95), gate=0.1)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_other_boards_can_fail_and_a_gate_leaves_it_open(changes, verdict):
    assert judge(other_boards.CLAIM, other_boards.check(replace(COLOURED, **changes))).verdict == verdict


def test_plain_depth_has_as_many_layers_as_a_cell_passes_through_until_the_last_reading():
    config = other_boards.SMALL
    assert (
        config.plain.layers
        == config.plain.loops * config.plain.layers
        == config.model.loops * config.model.layers
        == 24
    )
    shared = replace(config.model, supervision=1)  # the heads and the reading are of one step
    assert abs(config.plain.step_cost / (3 * shared.step_cost) - 1) < 0.05


QUEENS = eight_queens.Measured(
    BUDGETS,
    way(found_wide=0.5, found_deep=0.3),
    way(found_deep=0.2),
    {"relabelled": way(found_wide=0.45), "winner": way(found_wide=0.3)},
    np.full((10, 6, 6), 0.9),
    NOISE,
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"variational": way(found_wide=0.5, found_deep=0.48)}, Verdict.FAILS),
        ({"deterministic": way(found_deep=0.45)}, Verdict.FAILS),
        ({"others": {"relabelled": way(found_wide=0.35), "winner": way(found_wide=0.3)}}, Verdict.FAILS),
        ({"others": {"relabelled": way(found_wide=0.35), "winner": way(found_wide=0.54)}}, Verdict.HOLDS),
        ({"others": {"relabelled": way(found_wide=0.45), "winner": way(found_wide=0.56)}}, Verdict.FAILS),
        ({"variational": way(found_wide=0.5, found_deep=0.3, gate=0.08)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_eight_queens_can_fail_and_its_gate_leaves_it_open(changes, verdict):
    assert judge(eight_queens.CLAIM, eight_queens.check(replace(QUEENS, **changes))).verdict == verdict


def choice(vote=0.9, value=0.5, missed=0.7):
    """A trajectory solves half of the boards, and all together all of them."""
    chosen = dict.fromkeys(arms.SELECTORS, seeds(0.5)) | {"majority": seeds(vote), "value": seeds(value)}
    blamed = dict.fromkeys(arms.SELECTORS, seeds(missed))
    return selection.Choice(seeds(0.5), seeds(1.0), chosen, blamed, {"value": seeds(0.5)})


CHOICES = selection.Measured(
    {solutions: {kind: choice() for kind in selection.KINDS} for solutions in arms.SOLUTIONS},
    {solutions: dict.fromkeys(selection.KINDS, seeds(0.4)) for solutions in arms.SOLUTIONS},
)


def chosen(solutions, kind, **changes):
    return {"choices": {**CHOICES.choices, solutions: {**CHOICES.choices[solutions], kind: choice(**changes)}}}


def no_room(solutions, kind):
    return {"room": {**CHOICES.room, solutions: {**CHOICES.room[solutions], kind: seeds(0.05)}}}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        (chosen("one", "restarts", vote=0.55), Verdict.FAILS),
        (chosen("one", "restarts", value=0.7), Verdict.FAILS),
        (chosen("one", "restarts", missed=0.2), Verdict.FAILS),
        (chosen("many", "variational", vote=0.8), Verdict.FAILS),
        (chosen("many", "variational", value=0.85), Verdict.FAILS),
        (no_room("one", "restarts"), Verdict.UNDECIDED),
        (no_room("many", "variational"), Verdict.UNDECIDED),
    ],
)
def test_each_check_of_selection_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(selection.CLAIM, selection.check(replace(CHOICES, **changes))).verdict == verdict


def test_how_a_score_ranks_trajectories_pair_by_pair():
    rng = np.random.default_rng(0)
    score, right = rng.integers(0, 4, (2, 30, 5)), rng.random((2, 30, 5)) < 0.4
    for own, solved, measured in zip(score, right, selection.ranked(score, right), strict=True):
        pairs = [
            (of_right > of_wrong) + (of_right == of_wrong) / 2
            for board, solves in zip(own, solved, strict=True)
            for of_right in board[solves]
            for of_wrong in board[~solves]
        ]
        assert measured == pytest.approx(np.mean(pairs))


def test_the_best_is_chosen_on_other_boards_seed_by_seed():
    one, other = way(wide=(0.1, 0.2), gate=0.9), way(wide=(0.3, 0.4), gate=0.5)
    other.gate.wide[0, -1] = 1.0  # in the first seed the other is chosen
    chosen = best({"one": one, "other": other}, "wide")
    assert chosen[0, -1] == 0.4 and (chosen[1:, -1] == 0.2).all()


def test_every_way_names_what_it_is_trained_as_and_budgets_are_powers_of_two():
    assert set(arms.WAYS.values()) <= set(arms.KINDS)
    assert {*arms.OTHERS, *arms.DETERMINISTIC, "variational"} == set(arms.WAYS)
    assert Setting(width=8).budgets == (1, 2, 4, 8)


TOKENS = recursion_or_tokens.Measured(
    chains=(1, 2, 4, 6),
    trajectories=(0.75, 1.5, 3.0, 6.0),
    latent=seeds([0.4, 0.6, 0.7, 0.8]),
    written=seeds([0.1, 0.2, 0.3, 0.35]),
    one_latent=seeds(0.5),
    one_written=seeds(0.2),
    solves=seeds(0.5),
    formed=seeds(0.97),
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"one_written": seeds(0.45)}, Verdict.FAILS),
        ({"written": seeds([0.1, 0.2, 0.3, 0.75])}, Verdict.FAILS),
        ({"solves": seeds(0.2)}, Verdict.UNDECIDED),
        ({"formed": seeds(0.8)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_tokens_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(recursion_or_tokens.CLAIM, recursion_or_tokens.check(replace(TOKENS, **changes))).verdict == verdict
