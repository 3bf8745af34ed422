"""Of problems with more than one right text, a text that is not the gold one is graded by the rules."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from alchemy.scoring.grade import Grade, TextOracle, grade_text
from tasks.boards import Boards
from tasks.search import Search


def prompts_and_texts(task, n=30):
    batch = task.sample(np.random.default_rng(7), n)
    gold = task.vocabulary.decode_all(batch.completions())
    return task.vocabulary.decode_all(batch.prompts()[..., 0]), gold


@pytest.mark.parametrize("cot", [False, True])
def test_any_placement_of_queens_counts(cot):
    """All placements of six queens by going through all permutations."""
    task = Boards("queens", 6, blanks=(5, 6), solutions=(2, 4), cot=cot)
    assert isinstance(task, TextOracle)
    others = 0
    placements = [
        order for order in permutations(range(6))
        if len({i + c for i, c in enumerate(order)}) == len({i - c for i, c in enumerate(order)}) == 6
    ]  # fmt: skip
    for prompt, gold in zip(*prompts_and_texts(task), strict=True):
        given = prompt.split()[:6]
        for order in placements:
            board = [str(column + 1) for column in order]
            if not all(shown in (".", own) for shown, own in zip(given, board, strict=True)):
                continue
            chain = " , ".join(own for shown, own in zip(given, board, strict=True) if shown == ".")
            text = " ".join(filter(None, [chain if cot else "", "<answer>", *board]))
            others += text != gold
            assert grade_text(task, prompt, gold, text) == Grade(True, True, "none")
        twice = " ".join(["<answer>", *["1"] * 6])
        assert not grade_text(task, prompt, gold, twice).answer
    assert others >= 30


def test_a_search_that_is_made_twice_is_valid_and_counted():
    task = Search(budgets=(8,))
    for prompt, gold in zip(*prompts_and_texts(task), strict=True):
        words = gold.split()
        turns = [words[at : at + 5] for at in range(0, len(words) - 2, 5)]
        again = " ".join([*turns[0], *words])
        assert grade_text(task, prompt, gold, again) == Grade(True, True, "none")
        aside = [turns[0][0], turns[0][1], next(r for r in ("R1", "R2", "R3", "R4", "R5") if r not in prompt.split())]
        problem = task.parse(prompt)
        _, habits = task.judge_texts(problem, [again])
        assert habits["searches"][0] == len(turns) + 1
        assert habits["repeated_searches"][0] == pytest.approx(1 / (len(turns) + 1))
        assert habits["unsupported_searches"][0] == habits["untrue_results"][0] == 0
        judged, habits = task.judge_texts(problem, [" ".join([*aside, *turns[0][3:], *words])])
        assert judged.answer[0] and not judged.trace[0] and habits["unsupported_searches"][0] > 0
        assert habits["supported_answer"][0], "found beside what was not asked for"
        judged, habits = task.judge_texts(problem, [f"<answer> {words[-1]}"])
        assert not habits["supported_answer"][0], "a guess"
        assert judged.answer[0] and habits["searches"][0] == 0 and np.isnan(habits["repeated_searches"][0])
