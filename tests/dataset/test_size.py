"""What files will take, against files that are written; and whether there is room for them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from alchemy.dataset import size
from alchemy.dataset.recipe import Recipe
from alchemy.errors import UserError
from alchemy.problem.split import Split
from tasks.symbols import Symbols

TASK = Symbols(length=(3,))


def test_a_file_takes_as_many_times_more_as_it_has_more_lines(monkeypatch):
    """Of eight problems a file is measured, and of more it is eight of them times the lines over eight."""
    monkeypatch.setattr(size, "SAMPLE", 8)
    written = [len(TASK.jsonl(TASK.sample(np.random.default_rng(0), n))) for n in (3, 8)]
    for lines, expected, seconds in ((3, written[0], 4), (8, written[1], 4), (20, written[1] * 2.5, 10)):
        clock = iter([100.0, 104.0])
        monkeypatch.setattr(size, "perf_counter", lambda clock=clock: next(clock))
        assert size.size_of(TASK, lines) == pytest.approx((lines, expected, seconds))


def test_each_file_has_the_size_of_its_own_lines():
    sizes = size.sizes(Recipe(TASK, Split(), 0, 10, 5, ("length=20",)))
    assert {name: each.lines for name, each in sizes.items()} == {
        "train.jsonl": 10,
        "test.jsonl": 5,
        "test-length=20.jsonl": 5,
    }
    train, test, longer = (each.bytes for each in sizes.values())
    assert train == pytest.approx(2 * test, rel=0.1) and longer > 1.5 * test


def test_a_disk_that_is_filled_up_exactly_has_room(monkeypatch, tmp_path):
    asked: list[Path] = []

    def disk(free, total):
        monkeypatch.setattr(
            "shutil.disk_usage", lambda path: asked.append(path) or SimpleNamespace(free=free, total=total)
        )

    disk(1000, 5000)
    size.check_room(tmp_path / "not" / "there", 7, 1000)
    assert asked == [tmp_path], "the nearest folder that exists"
    with pytest.raises(UserError, match=r"there: 7 lines take about .* left"):
        size.check_room(tmp_path / "there", 7, 1001)
    disk(0, 0)
    size.check_room(tmp_path, 7, 1001)
