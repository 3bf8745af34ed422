"""The display says what is known and no more, in plain lines where nobody watches, and tables fit their terminal."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from alchemy.cli.commands.list import KINDS
from alchemy.cli.main import main
from alchemy.progress import Progress
from alchemy.report import table
from alchemy.report.claim import QUESTIONS, Claim, at_least, judge
from alchemy.report.results import results

CLAIM = Claim("sentence", "source", "prediction", "refuted if", QUESTIONS[0])
CHECK = at_least("a rather long name of a check", np.full(12, 0.2), 0.5, "because")
COLOUR = re.compile(r"\x1b\[(\d+;)*[349]\d(;\d+)*m")


@pytest.fixture
def clock(monkeypatch):
    """Ten seconds pass whenever somebody looks."""
    ticks = itertools.count(0, 10)
    monkeypatch.setattr("alchemy.progress.monotonic", lambda: float(next(ticks)))


def test_a_stage_in_plain_lines(clock, capsys):
    progress = Progress()
    progress.prefix = "[1/2] law: "
    with progress.stage("train", 100, seeds=2) as stage:
        stage.update(20, 2.0)
        stage.update(60, 1.5)
        stage.show_accuracy(0.25)
    out, err = capsys.readouterr()
    assert out == "" and "\x1b" not in err
    first, second, last = err.splitlines()[-3:]
    assert first == "[1/2] law: train: 20/100 steps, 2 seeds, loss 2.000"
    rate, left = re.fullmatch(
        r"\[1/2\] law: train: 60/100 steps, 2 seeds, (.*) steps/s, loss 1.500, (.*) s left", second
    ).groups()
    assert float(left) * float(rate) == pytest.approx(40, rel=0.05)
    assert re.fullmatch(r"\[1/2\] law: train: 60 steps, .*, 25.0% right", last)


def test_work_that_reports_by_name(capsys):
    with Progress().stages("lines") as report:
        report("a.jsonl", 0, 30)
        report("a.jsonl", 30, 30)
        report("b.jsonl", 0, 5)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("a.jsonl: 30 lines, ") and second.startswith("b.jsonl: ")


def test_quiet_says_nothing(clock, capsys):
    with Progress(quiet=True).stage("train", 2) as stage:
        stage.update(1, 1.0)
        stage.update(2, 1.0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "--help",
        "show symbols -n 1",
        "show budget_forcing",
        "generate symbols --train 9 --test 9 --shifts length=6 --out d",
        "verify d",
        "score d/test.jsonl --manifest d",
        "score d --manifest d --training",
    ],
)
def test_lines_fit_eighty_columns(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    if "--manifest" in command or command.startswith("verify"):
        assert (
            main(
                ["generate", "symbols", "--train", "9", "--test", "9", "--shifts", "length=6", "--quiet", "--out", "d"]
            )
            == 0
        )
    assert main(command.split()) == 0
    out, err = capsys.readouterr()
    assert out and max(map(len, (out + err).splitlines())) <= 80


def test_the_list_has_every_word_whole_at_any_width(monkeypatch, capsys):
    words = {}
    for columns in (40, 60, 80, 300):
        monkeypatch.setenv("COLUMNS", str(columns))
        main(["list"])
        out = capsys.readouterr().out
        words[columns] = out.split()
        assert max(map(len, out.splitlines())) <= columns
        assert all(line.startswith(" ") for line in out.splitlines() if line not in KINDS)
    assert all(words[columns] == words[300] for columns in words)


@pytest.mark.parametrize("plain", [False, True], ids=["colours", "NO_COLOR"])
def test_colours_only_where_they_are_wanted(plain, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if plain:
        monkeypatch.setenv("NO_COLOR", "1")
    table.show([("law", results(judge(CLAIM, [CHECK])))])
    out = capsys.readouterr().out
    assert bool(COLOUR.search(out)) != plain and "FAILS" in out
    assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in out.splitlines()) <= 80
