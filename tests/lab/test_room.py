"""What training takes of memory is told by arithmetic, and what no memory holds is refused before anything is made."""

import re

import pytest

from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.lab import room
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import size
from models.transformer import Transformer

CONFIG = TrainConfig(steps=100, batch=8, chunk=10)


def test_weights_are_counted_or_follow_from_two_layers():
    small = Transformer(vocabulary=9, width=8, layers=3, heads=2, context=7)
    assert room.weights(small) == size(small) == 3 * (12 * 8 * 8 + 13 * 8) + (9 + 7) * 8 + 2 * 8
    deep = Transformer(vocabulary=9, width=8, layers=10, heads=2, context=7)
    assert room.weights(deep) == size(deep)
    looped = Transformer(vocabulary=9, width=8, layers=3, loops=2, heads=2, context=7)
    assert room.weights(looped) == room.weights(small), "weights that are passed twice are there once"


def test_bytes_by_hand(monkeypatch):
    model = Transformer(vocabulary=9, width=8, layers=1, heads=2, context=7)
    asked = room.needed(model, CONFIG, 3, 5)
    assert asked == 3 * (16 * room.weights(model) + 2 * 10 * 8 * 5 * 4)
    monkeypatch.setattr(room, "available", lambda: asked)
    room.check(model, CONFIG, 3, 5)
    room.check_lines(asked // 50, 10)
    with pytest.raises(UserError, match=r"4 models of .* and there are"):
        room.check(model, CONFIG, 4, 5)
    with pytest.raises(UserError, match="lines of 10 tokens take at least"):
        room.check_lines(asked // 50 + 1, 10)


def test_memory_is_that_of_the_machine_or_of_the_container(monkeypatch, tmp_path):
    monkeypatch.setattr(room, "LIMITS", ())
    machine = min(room._memory_of_machine(), float("inf"))
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(room, "LIMITS", (limit,))
    for text, bytes_there in (("max\n", machine), ("4096\n", 4096), ("", machine)):
        limit.write_text(text)
        assert room.available() == bytes_there


@pytest.mark.parametrize(
    "asked",
    [
        "--model.width 10000000",
        "--model.layers 1000000000",
        "--seeds 1000000000",
        "--train.batch 1000000000",
        "--test 1000000000000",
        "--limit 1000000000000",
    ],
)
def test_sizes_that_no_memory_holds_are_refused_with_their_numbers(asked, capsys, tmp_path):
    assert main(["train", "symbols", *asked.split(), "--out", str(tmp_path / "runs")]) == 2
    err = capsys.readouterr().err
    assert re.search(r"take at least [\d,.]+ GB.*, and there are [\d,.]+ GB", err) and err.count("\n") == 1
    assert not (tmp_path / "runs").exists()
