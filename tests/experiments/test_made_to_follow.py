"""Lines whose first step is random: what they say, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.problem.split import Split
from experiments.trace.made_to_follow import randomised
from tasks.symbols import Symbols

TASK = Symbols(compositions=("rot1 reverse", "shift1"), primitives=("rot1", "reverse", "shift1"), alphabet="ABCDEF")


def texts(share: float) -> list[tuple[list[str], list[str]]]:
    """Gold lines, and what became of them, as symbols."""
    lines = Split().sample(TASK, np.random.default_rng(1), 400, "train")
    changed = randomised(TASK, lines, share, np.random.default_rng(2))
    return [
        (TASK.show(gold).split(), TASK.show(new).split())
        for gold, new in zip(lines.tokens, changed.tokens, strict=True)
    ]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_lines_with_two_steps_is_changed(share: float) -> None:
    rows = texts(share)
    two = [gold != new for gold, new in rows if "[rot1]" in gold]
    assert np.mean(two) == pytest.approx(share, abs=0.08)
    assert all(gold == new for gold, new in rows if "[rot1]" not in gold)


def test_the_answer_is_what_the_second_function_makes_of_the_random_step() -> None:
    rows = [(gold, new) for gold, new in texts(1.0) if "[rot1]" in gold]
    for gold, new in rows:
        think, answer = new.index("<think>"), new.index("<answer>")
        step, result = new[think + 1 : think + 5], new[answer + 1 :]
        assert result[:4] == step[::-1]
        assert new[: think + 1] == gold[: think + 1] and new[think + 5 : answer + 1] == gold[think + 5 : answer + 1]
    letters = [new[new.index("<think>") + 1 : new.index("<think>") + 5] for _, new in rows]
    counts = np.unique(letters, return_counts=True)[1] / np.size(letters)
    assert counts == pytest.approx(np.full(6, 1 / 6), abs=0.05)
