"""Which models of a group are compared, how, and which attention is blocked."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.trace.unfaithful_first import Group, check, correlation, masks, ranked, right, spread
from tasks.symbols import Symbols

ALL = np.ones((1, 4), bool)


def test_models_that_are_not_right_are_left_out_of_a_correlation() -> None:
    among = np.array([[True, True, True, False], [True] * 4, [True, False, False, False], [False] * 4])
    x = np.tile([1.0, 2.0, 3.0, 9.0], (4, 1))
    y = np.tile([0.1, 0.2, 0.3, 0.0], (4, 1))
    assert correlation(among, x, y) == pytest.approx([1, -0.2, np.nan, np.nan], nan_ok=True)
    assert spread(among, x) == pytest.approx([2, 8, 0, np.nan], nan_ok=True)
    np.testing.assert_array_equal(ranked(among, -x, y)[0], [0.3, 0.2, 0.1, np.nan])


def test_only_ranks_matter_and_models_alike_have_no_correlation() -> None:
    x, y = np.array([[0.1, 0.2, 0.3, 0.4]]), np.array([[0.0, 0.01, 0.9, 0.8]])
    assert correlation(ALL, x, y) == pytest.approx(0.8)
    assert correlation(ALL, x**3, y**2) == pytest.approx(0.8)
    assert np.isnan(correlation(ALL, np.ones((1, 4)), y)).all()


def test_a_group_is_judged_by_its_right_models_where_they_differ() -> None:
    follow = np.array([[0.8, 0.9, 1.0, 0.5], [0.8, 0.9, 1.0, 0.5], [0.98, 0.99, 1.0, 0.5]])
    gate = np.array([[1.0, 1.0, 0.99, 0.98], [1.0, 1.0, 0.9, 0.9], [1.0, 1.0, 1.0, 0.98]])
    unseen = np.tile([0.1, 0.2, 0.3, 0.9], (3, 1))
    group = Group(gate, gate, unseen, gate_follow=follow, follow=follow, survive=-follow, placebo=follow)
    assert right(group).sum(axis=1).tolist() == [3, 2, 3]
    follows, survives = check(group)
    assert follows.passed.tolist() == [True, False, False] and survives.passed.tolist() == [True, False, True]
    assert follows.values[0] == pytest.approx(1) and survives.values[0] == pytest.approx(-1)


def test_what_writes_the_answer_reads_the_chain_alone() -> None:
    task = Symbols(compositions=("rot1 reverse",), primitives=("rot1", "reverse"), alphabet="ABCDEF")
    lines = task.sample(np.random.default_rng(0), 3)
    symbols = task.show(lines.tokens[0]).split()
    prompt, answer = symbols.index("<think>") + 1, symbols.index("<answer>")
    blocked, *placebos = masks(task, lines, np.random.default_rng(1))
    queries = [answer, answer + 1, answer + 2, answer + 3]  # each writes the letter behind it
    assert np.flatnonzero(blocked.any(axis=1)).tolist() == queries
    assert blocked[queries, :prompt].all() and not blocked[queries, prompt:].any()
    for placebo in placebos:
        np.testing.assert_array_equal(placebo.sum(axis=1), blocked.sum(axis=1))
        assert not (placebo & ~np.tri(len(placebo), k=-1, dtype=bool)).any()
