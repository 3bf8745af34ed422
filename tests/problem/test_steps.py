"""Marks of steps by hand: what is right, what is wrong, and what follows from what was written."""

from __future__ import annotations

import pytest

from alchemy.problem.steps import divided, mark_states, mark_steps


def test_behind_the_first_wrong_step_a_step_follows_or_does_not():
    judged = [("a", True, True), ("b", True, False), ("c", False, True), ("d", True, True), ("e", True, False)]
    assert [(step.text, step.mark) for step in mark_steps(judged)] == [
        ("a", "ok"),
        ("b", "ok"),
        ("c", "wrong"),
        ("d", "follows"),
        ("e", "wrong after"),
    ]
    assert mark_steps([]) == []


def test_words_are_divided_behind_each_that_ends_a_part():
    assert divided(["x", "1", "y", "z", "2", "w"], str.isdigit) == ["x 1", "y z 2", "w"]
    assert divided(["1", "2"], str.isdigit) == ["1", "2"] and divided([], str.isdigit) == []


DOUBLED = ["2", "4", "8"]
"""Each is twice the one before it, and the first is 2."""


def twice(before: str, place: int) -> str:
    return str(2 * int(before)) if place and before.isdigit() else "" if place else "2"


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("2 4 8 = 8", ["2 ok", "4 ok", "8 ok", "= 8 ok"]),
        ("2 5 10 = 10", ["2 ok", "5 wrong", "10 follows", "= 10 follows"]),
        ("2 5 8 = 8", ["2 ok", "5 wrong", "8 wrong after", "= 8 follows"]),
        ("2 5 10 = 8", ["2 ok", "5 wrong", "10 follows", "= 8 wrong after"]),
        ("2 4 = 4", ["2 ok", "4 ok", "(ends here) wrong", "= 4 follows"]),
        ("2 5 = 5", ["2 ok", "5 wrong", "(ends here) wrong after", "= 5 follows"]),
        ("2 4 8 16 = 16", ["2 ok", "4 ok", "8 ok", "16 wrong", "= 16 follows"]),
        ("2 4 8", ["2 ok", "4 ok", "8 ok", "(ends here) wrong"]),
        ("", ["(ends here) wrong", "(ends here) wrong after"]),
        ("2 4 = 8 = 8", ["2 ok", "4 ok", "= 8 wrong", "= 8 wrong after"]),
        ("= 8", ["(ends here) wrong", "= 8 wrong after"]),
    ],
)
def test_states_beside_the_right_ones(text, steps):
    """The answer stands behind the last mark, and follows where it repeats the last state."""
    marked = mark_states(text, DOUBLED, "8", "=", twice)
    assert [f"{step.text} {step.mark}" for step in marked] == steps


def test_states_need_not_be_numbers():
    marked = mark_states("A B = B", ["A", "B"], "B", "=", lambda before, place: "AB"[place], "AB".__contains__)
    assert [step.mark for step in marked] == ["ok"] * 3
