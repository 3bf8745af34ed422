"""Steps of a stored model's chains are changed through the front door."""

from __future__ import annotations

import json

import pytest

from alchemy.cli.main import main
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.progress import Progress
from models.transformer import Transformer
from tasks.symbols import Symbols

TASK = Symbols(compositions=("F1 F2", "F2 F1 F3"), alphabet="ABCDEF", length=(3,))
MODEL = Transformer(width=16, layers=1, heads=2, context=64, positions="rotary", tied=False)
KINDS = ("placebo", "state", "donor", "prompt", "filler", "paraphrase", "cut")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    Lab(root, Progress(quiet=True)).train(MODEL, TASK, TrainConfig(steps=30, batch=32, chunk=30), seeds=2)
    return root


def intervene(runs, *args):
    return main(["intervene", "--out", str(runs), "--quiet", "--problems", "12", *args])


def test_every_kind_at_every_step(runs, capsys):
    assert intervene(runs, "--kind", *KINDS, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["kind"] for row in rows] == [*KINDS] and all(row["steps"] == [1, 2] for row in rows)
    for row in rows:
        for rates in zip(*(row["answer"][name] for name in ("follow", "ignore", "neither")), strict=True):
            for follow, ignore, neither in zip(*rates, strict=True):
                assert follow is None or follow + ignore + neither == pytest.approx(1, abs=1e-5)
    assert intervene(runs, "--kind", "state", "donor") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [[kind, step] for kind in ("state", "donor") for step in "12"]
    assert "counted" in lines[-1]


def test_a_step_is_changed_by_hand(runs, capsys):
    assert intervene(runs, "--problem", "3", "--step", "1", "--to", "F F F", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["given"].startswith("F F F [") and shown["follows"].startswith(shown["given"])
    assert shown["prompt"].endswith("<think>") and shown["outcome"] in ("follows", "ignores", "neither", "both")
    assert intervene(runs, "--problem", "3", "--chain", "gold") == 0
    lines = capsys.readouterr().out.splitlines()
    words = [line.split("  ")[0] for line in lines[:4]]
    assert words == ["problem", "right chain", "changed to", "model writes"] and lines[-1].endswith(".")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--kind", "donnor"), "did you mean 'donor'"),
        (("--problems", "0"), "problems must be at least 1"),
        (("--problem", "13"), "problem 13 is not one of 12"),
        (("--problem", "1", "--step", "4"), "expected 1 to"),
        (("--problem", "1", "--to", "A A"), "has 2 symbols, expected 3"),
        (("--problem", "1", "--to", "A A a"), "says nothing of a state"),
        (("--to", "A A A"), "needs --problem"),
        (("--problem", "1", "--seed", "7"), "no model of seed 7"),
        (("--chain", "golden"), "did you mean 'gold'"),
        (("nothing",), "is not in"),
        (("--task", "recheck"), "no trained model of task 'recheck'"),
    ],
)
def test_bad_input_is_one_line(runs, capsys, args, words):
    assert intervene(runs, *args) == 2
    message = capsys.readouterr().err.strip()
    assert words in message and len(message.splitlines()) == 1


def test_what_a_task_cannot_do_is_said(tmp_path, capsys):
    """A task without steps has none to change."""
    alone = Symbols(compositions=("F1",), alphabet="ABCDEF", length=(3,))
    Lab(tmp_path, Progress(quiet=True)).train(MODEL, alone, TrainConfig(steps=4, batch=8, chunk=4), seeds=1)
    for args in ((), ("--problem", "1")):
        assert intervene(tmp_path, *args) == 2
        assert "the answer comes at once" in capsys.readouterr().err
