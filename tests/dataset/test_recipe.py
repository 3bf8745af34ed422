"""What a directory of splits may be asked for, at the edges."""

from __future__ import annotations

import pytest

from alchemy.dataset.recipe import Recipe
from alchemy.errors import UserError
from alchemy.problem.split import Split
from tasks.symbols import Symbols

TASK = Symbols(compositions=("F1 F2",), length=(4,))
MOST = 2**30 // TASK.max_len
"""Problems that a file may have."""


def recipe(**fields):
    return Recipe(TASK, Split(), **{"seed": 0, "train": 10, "test": 5} | fields)


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_file_has_from_one_problem_to_as_many_as_are_held(name):
    for count in (1, MOST):
        assert getattr(recipe(**{name: count}), name) == count
    with pytest.raises(UserError, match=rf"^{name} 0: a file has at least 1 problem$"):
        recipe(**{name: 0})
    with pytest.raises(UserError, match=rf"^{name} {MOST + 1}: a file has at most {MOST} such problems$"):
        recipe(**{name: MOST + 1})


def test_seeds_are_words_of_64_bits():
    for seed in (0, 2**64 - 1):
        assert recipe(seed=seed).seed == seed
    for seed in (-1, 2**64):
        with pytest.raises(UserError, match=rf"^seed {seed} is outside \[0, 2\*\*64\)$"):
            recipe(seed=seed)


def test_files_are_the_two_parts_and_a_test_for_each_shift():
    files = recipe(shifts=("length=5",), suffix="parquet").files
    assert [(name, file.part, file.count) for name, file in files.items()] == [
        ("train.parquet", "train", 10),
        ("test.parquet", "test", 5),
        ("test-length=5.parquet", "test", 5),
    ]
    assert files["test-length=5.parquet"].task == Symbols(compositions=("F1 F2",), length=(5,))
    assert recipe().train_file == "train.jsonl"
